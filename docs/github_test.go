package docs

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// field is an element of an issue form, as described on GitHub's page "Syntax for GitHub's form schema":
// https://docs.github.com/en/communities, read on 2026-11-26.
type field struct {
	Type       string
	ID         string
	Attributes struct {
		Value, Label, Description, Render string
		Options                           []any
	}
	Validations map[string]bool
}

type form struct {
	Name, Description string
	Labels            []string
	Body              []field
}

func readYAML(t *testing.T, file string, into any) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Load(text, into, yaml.WithKnownFields())
	}
	if err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	return string(text)
}

// GitHub does not show an invalid form, so people would write reports without it.
func TestIssueFormsFollowGitHubsSchema(t *testing.T) {
	for _, name := range []string{"bug", "feature"} {
		file := "../.github/ISSUE_TEMPLATE/" + name + ".yaml"
		var f form
		readYAML(t, file, &f)
		if f.Name == "" || f.Description == "" || len(f.Body) < 2 {
			t.Errorf("%s has no name, description or body", file)
		}
		seen := make(map[string]bool)
		for _, in := range f.Body {
			a := in.Attributes
			right := a.Label != "" && in.ID != ""
			switch in.Type {
			case "markdown":
				right = a.Value != "" && in.ID == "" && a.Label == ""
			case "dropdown", "checkboxes":
				right = right && len(a.Options) > 0
			case "input", "textarea":
				right = right && len(a.Options) == 0
			default:
				right = false
			}
			if !right || in.ID != "" && seen[in.ID] || a.Label != "" && seen[a.Label] {
				t.Errorf("%s: not a field of GitHub's schema, or its id or label is there twice: %+v", file, in)
			}
			seen[in.ID], seen[a.Label] = true, true
		}
	}
}

func TestIssueFormsAskForVersionAndDoctorAndWarnOfSecrets(t *testing.T) {
	for _, name := range []string{"bug", "feature"} {
		var f form
		text := readYAML(t, "../.github/ISSUE_TEMPLATE/"+name+".yaml", &f)
		if !strings.Contains(f.Body[0].Attributes.Value, "**Do not paste secrets**") {
			t.Errorf("%s.yaml does not begin with a warning of secrets", name)
		}
		for _, command := range []string{"`aws-access version`", "`aws-access doctor"} {
			if !strings.Contains(text, command) {
				t.Errorf("%s.yaml does not ask for the output of %s", name, command)
			}
		}
	}
	var config struct {
		Blank bool                                `yaml:"blank_issues_enabled"`
		Links []struct{ Name, URL, About string } `yaml:"contact_links"`
	}
	readYAML(t, "../.github/ISSUE_TEMPLATE/config.yml", &config)
	if config.Blank || len(config.Links) != 1 || !strings.HasSuffix(config.Links[0].URL, "/security/advisories/new") {
		t.Errorf("config.yml does not send reports of vulnerabilities to private advisories: %+v", config)
	}
}

// If Dependabot does not find the file of an ecosystem, it makes no pull requests, and nobody notices.
func TestDependabotFindsItsFiles(t *testing.T) {
	var config struct {
		Version int
		Updates []struct {
			Ecosystem   string `yaml:"package-ecosystem"`
			Directory   string
			Directories []string
			Schedule    struct{ Interval string }
			Groups      map[string]struct{ Patterns []string }
		}
	}
	readYAML(t, "../.github/dependabot.yml", &config)
	files := map[string]string{
		"gomod": "go.mod", "github-actions": ".github/workflows/ci.yaml", "pip": "*.txt", "npm": "package-lock.json",
		"maven": "pom.xml",
	}
	root := os.DirFS("..")
	for _, u := range config.Updates {
		for _, dir := range append(u.Directories, u.Directory) {
			found, err := fs.Glob(root, path.Join(strings.TrimPrefix(dir, "/"), files[u.Ecosystem]))
			if dir != "" && (err != nil || len(found) == 0 || files[u.Ecosystem] == "") {
				t.Errorf("%s in %s: no file %q, %v", u.Ecosystem, dir, files[u.Ecosystem], err)
			}
		}
		delete(files, u.Ecosystem)
	}
	if len(files) > 0 || config.Version != 2 {
		t.Errorf("version %d; not renewed: %v", config.Version, files)
	}
}

func TestCodeOwnersNamePathsThatExist(t *testing.T) {
	text, err := os.ReadFile("../.github/CODEOWNERS.example")
	if err != nil {
		t.Fatal(err)
	}
	users := []string{"/accounts.yaml", "/samconfig.toml"} // files that a company adds
	owned := regexp.MustCompile(`(?m)^(/\S+)\s+@YOUR-ORG/\S+$`).FindAllStringSubmatch(string(text), -1)
	for _, line := range owned {
		if _, err := os.Stat(".." + line[1]); err != nil && !slices.Contains(users, line[1]) {
			t.Errorf("CODEOWNERS.example names %s: %v", line[1], err)
		}
	}
	for _, must := range []string{"/policy.yaml", "/template.yaml", "/infra/", "/pkg/policy/", "/pkg/vend/"} {
		if !slices.ContainsFunc(owned, func(line []string) bool { return line[1] == must }) {
			t.Errorf("CODEOWNERS.example does not name %s", must)
		}
	}
}

// fence matches a block of code, in which a line may begin with a command.
var fence = regexp.MustCompile("(?s)```.*?\n(.*?)```")

// subcommands returns the words that follow a program in code: in backticks, in a fence, or in a step of a
// workflow.
func subcommands(program, text string) (words []string) {
	inline := regexp.MustCompile("(?:`|run: )(?:bin/|\\./)?" + program + " ([a-z][a-z-]*)")
	first := regexp.MustCompile(`(?m)^\s*(?:bin/|\./)?` + program + ` ([a-z][a-z-]*)`)
	found := inline.FindAllStringSubmatch(text, -1)
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		found = append(found, first.FindAllStringSubmatch(block[1], -1)...)
	}
	for _, f := range found {
		words = append(words, f[1])
	}
	return words
}

// namesOfCommands returns the sources that name the commands: the tables of package people and package
// operators, and help.
func namesOfCommands(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	files, err := filepath.Glob("../cmd/aws-access/people/*.go")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, "../cmd/aws-access/main.go", "../cmd/aws-access/operators/operators.go")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// Readers copy the commands of a page, so each of them must exist.
func TestPagesNameOnlyCommandsThatExist(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	help := namesOfCommands(t)
	targets, commands := 0, 0
	for name, text := range textsOf(t) {
		if path.Ext(name) != ".md" && !strings.HasPrefix(name, ".github/") {
			continue
		}
		for _, target := range subcommands("make", text) {
			targets++
			if !regexp.MustCompile(`(?m)^` + target + `:`).Match(makefile) {
				t.Errorf("%s names `make %s`, which is no target", name, target)
			}
		}
		for _, command := range subcommands("aws-access", text) {
			commands++
			if command == "pair" && name == "docs/wire.md" {
				continue // a text that is signed
			}
			if command == "request" && name == "docs/design.md" {
				continue // planned, as the page says
			}
			if !regexp.MustCompile(`"` + command + `[" ]`).MatchString(help) {
				t.Errorf("%s names `aws-access %s`, which is no command", name, command)
			}
		}
	}
	if targets < 20 || commands < 10 {
		t.Errorf("only %d targets and %d commands found", targets, commands)
	}
}

// People expect these files in a repository.
func TestUsualFilesExist(t *testing.T) {
	for _, name := range []string{
		"README.md", "LICENSE", "NOTICE", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md",
		".github/CODEOWNERS.example", ".github/dependabot.yml", ".github/workflows/ci.yaml",
		".github/ISSUE_TEMPLATE/bug.yaml", ".github/ISSUE_TEMPLATE/feature.yaml", ".github/ISSUE_TEMPLATE/config.yml",
	} {
		if info, err := os.Stat("../" + name); err != nil || info.Size() < 100 {
			t.Errorf("%s is missing or almost empty: %v", name, err)
		}
	}
}
