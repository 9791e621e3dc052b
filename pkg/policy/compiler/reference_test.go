package compiler_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// reference is docs/policy.md, the reference of the policy file.
const reference = "../../../docs/policy.md"

func readReference(t *testing.T) string {
	t.Helper()
	src, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// fenced returns the text of the code blocks with a language.
func fenced(page, language string) (blocks []string) {
	for _, part := range strings.Split(page, "\n```"+language+"\n")[1:] {
		text, _, _ := strings.Cut(part, "\n```")
		blocks = append(blocks, text+"\n")
	}
	return blocks
}

var tableMark = regexp.MustCompile(`(?m)^<!-- keys: (.+) -->$`)

// keyTables returns the part of the page that belongs to each table of keys.
func keyTables(page string) map[string]string {
	tables := make(map[string]string)
	marks := tableMark.FindAllStringSubmatchIndex(page, -1)
	for i, m := range marks {
		end := len(page)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		tables[page[m[2]:m[3]]] = page[m[1]:end]
	}
	return tables
}

var rowKey = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")

func TestReferenceHasEveryKeyOfTheCompiler(t *testing.T) {
	tables, keys := keyTables(readReference(t)), compiler.Keys()
	for what := range tables {
		if _, known := keys[what]; !known {
			t.Errorf("the reference has a table %q, which the compiler does not have", what)
		}
	}
	for what, want := range keys {
		var got []string
		for _, row := range rowKey.FindAllStringSubmatch(tables[what], -1) {
			got = append(got, row[1])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("keys of %q (-compiler +reference):\n%s", what, diff)
		}
	}
}

// A table of keys that this test does not know would not be compared with the reference.
func TestEveryTableOfKeysIsCompared(t *testing.T) {
	var tables []string
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			if d, ok := decl.(*ast.GenDecl); ok && d.Tok == token.VAR {
				for _, spec := range d.Specs {
					if name := spec.(*ast.ValueSpec).Names[0].Name; strings.HasSuffix(name, "Keys") {
						tables = append(tables, name)
					}
				}
			}
		}
	}
	if len(tables) != len(compiler.Keys()) {
		t.Errorf("the compiler has the tables %v, and the reference is compared with %d", tables, len(compiler.Keys()))
	}
}

// The first example is a whole policy. The others are added to it.
func TestEveryExampleOfTheReferenceCompiles(t *testing.T) {
	examples := fenced(readReference(t), "yaml")
	if len(examples) < 5 {
		t.Fatalf("found %d examples", len(examples))
	}
	accountsFile := ""
	for i, example := range examples {
		text := examples[0]
		switch {
		case strings.HasPrefix(example, "# accounts.yaml\n"):
			accountsFile = example
			continue
		case i > 0:
			base := document(t, examples[0])
			merge(base, document(t, example))
			text = marshal(t, base)
		}
		_, warnings, err := compiler.Compile("policy.yaml", []byte(text), compiler.Options{
			Bastion: policytest.Bastion, Now: policytest.Noon,
			Read: func(string) ([]byte, error) { return []byte(accountsFile), nil },
		})
		if err != nil || len(warnings) > 0 {
			t.Errorf("the example\n%s\ndoes not compile: %v %v", example, err, warnings)
		}
	}
}

// document parses YAML to its top node.
func document(t *testing.T, text string) *yaml.Node {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil || len(n.Content) != 1 {
		t.Fatalf("parse %q: %v", text, err)
	}
	return n.Content[0]
}

func marshal(t *testing.T, n *yaml.Node) string {
	t.Helper()
	out, err := yaml.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// merge adds the sections of an example to a policy: entries to its lists and keys to its maps.
func merge(policy, example *yaml.Node) {
	for i := 0; i < len(example.Content); i += 2 {
		name, value := example.Content[i].Value, example.Content[i+1]
		if name == "accounts_from" {
			set(policy, "accounts", nil)
		}
		if before := get(policy, name); before != nil {
			before.Content = append(before.Content, value.Content...)
			continue
		}
		set(policy, name, value)
	}
}

func get(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// set sets a key of a map; nil removes it.
func set(n *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content = slices.Delete(n.Content, i, i+2)
			break
		}
	}
	if value != nil {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
	}
}

// A table of keys is tried with a sound map, which has the name "extra" if it has a name.
var soundMaps = map[string]string{
	"settings":      `{channel: C0APPROVALS}`,
	"ticket":        `{pattern: '[A-Z]+-[0-9]+'}`,
	"role":          `{about: more}`,
	"account":       `{id: "333333333333", name: extra}`,
	"accounts file": `{accounts: [{id: "333333333333", name: extra, tags: {env: prod, team: payments}}]}`,
	"devices":       `{for: 30d, most: 5}`,
	"group":         `{slack: S0EXTRA}`,
	"aws role":      `{arn: "arn:aws:iam::332000000000:role/CodeBuildRole", id: AROAEXAMPLEBUILDROLE1}`,
	"oidc": `{issuer: "https://token.actions.githubusercontent.com",
 claims: {repository_id: "456789", environment: production}}`,
	"rule":      `{name: extra, who: [payments], accounts: ["*"], roles: [ReadOnly], max: 1h, approvals: none}`,
	"condition": `{env: prod}`,
	"approval":  `{from: [leads], need: 1}`,
	"review":    `{by: [leads], within: 24h}`,
	"never":     `{name: extra, who: [contractors], accounts: ["*"], roles: [Admin]}`,
}

func TestEveryMistakeInTheReferenceHasItsError(t *testing.T) {
	page := readReference(t)
	base := fenced(page, "yaml")[0]
	for what, part := range keyTables(page) {
		blocks := fenced(part, "mistakes")
		if len(blocks) != 1 {
			t.Errorf("%q has %d blocks of mistakes, want 1", what, len(blocks))
			continue
		}
		lines := strings.Split(strings.TrimSuffix(blocks[0], "\n"), "\n")
		for i := 0; i+1 < len(lines); i += 2 {
			want, indented := strings.CutPrefix(lines[i+1], "    ")
			got := mistakeErrors(t, base, what, lines[i])
			if what == "policy" && slices.Contains(got, want) {
				continue // the other errors follow from it
			}
			if !indented || !slices.Equal(got, []string{want}) {
				t.Errorf("%s: %q: got %q, want %q", what, lines[i], got, want)
			}
		}
		for _, key := range compiler.Keys()[what] {
			if !strings.Contains(blocks[0], key+":") && !strings.Contains(blocks[0], "without "+key+"\n") {
				t.Errorf("%s: no mistake of %q is shown", what, key)
			}
		}
	}
}

// mistakeErrors returns the errors for a policy that is sound but for one mistake: a map in braces,
// "key: value", or "without key".
func mistakeErrors(t *testing.T, base, what, mistake string) (all []string) {
	t.Helper()
	policy := document(t, base)
	one := policy
	if what != "policy" {
		one = document(t, soundMaps[what])
	}
	key, without := strings.CutPrefix(mistake, "without ")
	switch {
	case without:
		set(one, key, nil)
	case strings.HasPrefix(mistake, "{"):
		one = document(t, mistake)
	default:
		pair := document(t, mistake)
		set(one, pair.Content[0].Value, pair.Content[1])
	}
	accountsFile := ""
	if what == "accounts file" {
		accountsFile = marshal(t, one)
		set(policy, "accounts", nil)
		set(policy, "accounts_from", &yaml.Node{Kind: yaml.ScalarNode, Value: "accounts.yaml"})
	} else {
		place(t, policy, what, one)
	}
	_, _, err := compiler.Compile("policy.yaml", []byte(marshal(t, policy)), compiler.Options{
		Now: policytest.Noon, Read: func(string) ([]byte, error) {
			if accountsFile == "" {
				return nil, fs.ErrNotExist
			}
			return []byte(accountsFile), nil
		},
	})
	var problems compiler.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			all = append(all, p.Text)
		}
	}
	return all
}

// place puts a map of one kind where it belongs in a policy.
func place(t *testing.T, policy *yaml.Node, what string, one *yaml.Node) {
	t.Helper()
	section := func(name string, entries ...*yaml.Node) {
		get(policy, name).Content = append(get(policy, name).Content, entries...)
	}
	within := func(outer, key string, value *yaml.Node) *yaml.Node {
		n := document(t, soundMaps[outer])
		set(n, key, value)
		return n
	}
	listOf := func(n *yaml.Node) *yaml.Node { return &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{n}} }
	mapOf := func(key string, n *yaml.Node) *yaml.Node {
		m := &yaml.Node{Kind: yaml.MappingNode}
		set(m, key, n)
		return m
	}
	extra := &yaml.Node{Kind: yaml.ScalarNode, Value: "extra"}
	switch what {
	case "policy":
	case "settings":
		set(policy, "settings", one)
	case "ticket":
		set(policy, "settings", within("settings", "ticket", one))
	case "devices":
		set(policy, "settings", within("settings", "devices", one))
	case "role":
		section("roles", extra, one)
	case "account":
		section("accounts", one)
	case "group":
		section("groups", extra, one)
	case "aws role":
		section("groups", extra, mapOf("aws_roles", listOf(one)))
	case "oidc":
		section("groups", extra, mapOf("oidc", one))
	case "rule":
		section("rules", one)
	case "condition":
		section("rules", within("rule", "accounts", listOf(one)))
	case "approval":
		section("rules", within("rule", "approvals", listOf(one)))
	case "review":
		section("rules", within("rule", "review", one))
	case "never":
		section("never", one)
	default:
		t.Fatalf("no place for %q", what)
	}
}
