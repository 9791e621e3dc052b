package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	yaml "go.yaml.in/yaml/v4"
)

// template is what template.yaml says of its resources. CloudFormation's tags
// (!Ref and so on) are left out: a value that has one reads as its argument.
type template struct {
	Globals struct {
		Function struct {
			Environment environment `yaml:"Environment"`
		} `yaml:"Function"`
	} `yaml:"Globals"`
	Resources map[string]struct {
		Type       string `yaml:"Type"`
		Properties struct {
			Timeout     int         `yaml:"Timeout"`
			Environment environment `yaml:"Environment"`
			Role        string      `yaml:"Role"`
			Policies    yaml.Node   `yaml:"Policies"`
		} `yaml:"Properties"`
	} `yaml:"Resources"`
}

type environment struct {
	Variables map[string]yaml.Node `yaml:"Variables"`
}

func (e environment) names() (names []string) {
	for name := range e.Variables {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func readTemplate(t *testing.T) (out template) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readFile(t, "template.yaml")), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// actionsOf collects the actions of all statements below a node that allow them.
func actionsOf(node *yaml.Node, found map[string]bool) {
	if slices.ContainsFunc(node.Content, func(n *yaml.Node) bool { return n.Value == "Deny" }) {
		return
	}
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 1 && node.Content[i-1].Value == "Action" {
			for _, action := range append(child.Content, child) {
				if action.Value != "" {
					found[action.Value] = true
				}
			}
			continue
		}
		actionsOf(child, found)
	}
}

func TestTheListOfFunctionsIsThatOfTheTemplate(t *testing.T) {
	found := readTemplate(t)
	functions := 0
	for _, r := range found.Resources {
		if r.Type == "AWS::Serverless::Function" {
			functions++
		}
	}
	if functions != len(Functions) {
		t.Errorf("template.yaml has %d functions, the list %d", functions, len(Functions))
	}
	if got, want := found.Globals.Function.Environment.names(), sorted(CommonVariables()); !slices.Equal(got, want) {
		t.Errorf("every function has the variables %v in template.yaml, and %v in the list", got, want)
	}
	for _, f := range Functions {
		r, ok := found.Resources[f.LogicalID]
		if !ok {
			t.Errorf("template.yaml has no %s", f.LogicalID)
			continue
		}
		if got := time.Duration(r.Properties.Timeout) * time.Second; got != f.Timeout {
			t.Errorf("%s: the timeout is %s in template.yaml, and %s in the list", f.Name, got, f.Timeout)
		}
		if got, want := r.Properties.Environment.names(), sorted(f.Variables); !slices.Equal(got, want) {
			t.Errorf("%s: its own variables are %v in template.yaml, and %v in the list", f.Name, got, want)
		}
		role, _, _ := strings.Cut(r.Properties.Role, ".")
		actions := make(map[string]bool)
		policies := found.Resources[role].Properties.Policies
		actionsOf(&policies, actions)
		var got []string
		for action := range actions {
			if !slices.Contains(CommonActions[:], action) {
				got = append(got, action)
			}
		}
		if want := sorted(f.Actions); !slices.Equal(sorted(got), want) {
			t.Errorf("%s: its role may do %v in template.yaml, and %v in the list", f.Name, sorted(got), want)
		}
	}
}

func TestTheListOfFunctionsIsThatOfTheRepository(t *testing.T) {
	mains, err := filepath.Glob("../../functions/*/main.go")
	if err != nil || len(mains) != len(Functions) {
		t.Errorf("%d directories in functions/ have a main.go, and the list has %d rows: %v", len(mains), len(Functions), err)
	}
	proof := readFile(t, "infra/proof/table.md")
	for _, f := range Functions {
		if !slices.Contains(mains, "../../functions/"+string(f.Name)+"/main.go") {
			t.Errorf("there is no functions/%s/main.go", f.Name)
		}
		// make and .ci/template build the name from the directory.
		if want := strings.ToUpper(string(f.Name[:1])) + string(f.Name[1:]) + "Function"; f.LogicalID != want {
			t.Errorf("%s: its logical id is %s, and make builds %s", f.Name, f.LogicalID, want)
		}
		if !regexp.MustCompile(`(?m)^\| ` + string(f.Name) + ` \| .*` + f.LogicalID + `\.Arn`).MatchString(proof) {
			t.Errorf("infra/proof/table.md does not name %s among its things", f.LogicalID)
		}
	}
}

func TestOnlyTwoFunctionsArePublicAndTheyCannotAssumeARole(t *testing.T) {
	for _, f := range Functions {
		assumes := slices.ContainsFunc(f.Actions, func(a string) bool { return strings.HasPrefix(a, "sts:") })
		if f.Public != (f.Name == Slack || f.Name == API) || assumes != (f.Name == Vend || f.Name == Cut) {
			t.Errorf("%s: public %v, may call STS %v", f.Name, f.Public, assumes)
		}
	}
}

// An attacker who breaks into cut can take access away. They can neither approve nor hand out access.
func TestCutHasNoPolicyAndNeitherTokenNorSigningSecret(t *testing.T) {
	want := []string{"EXTERNAL_ID_PARAMETER", "TABLE"}
	if f := SpecOf(Cut); f.HasPolicy() || f.Public || !slices.Equal(sorted(f.Variables), want) {
		t.Errorf("cut has the policy: %v; is public: %v; reads %v, want %v", f.HasPolicy(), f.Public, f.Variables, want)
	}
}

// An attacker who breaks into api finds no secret, and nothing that is written about requests.
func TestAPIReadsOneTableAndNamesNoSecret(t *testing.T) {
	f := SpecOf(API)
	if f.HasPolicy() || slices.ContainsFunc(CommonVariables(), func(v string) bool { return v != "BASTION_ACCOUNT" }) {
		t.Errorf("api has the policy: %v; every function has %v", f.HasPolicy(), CommonVariables())
	}
	for _, v := range variables {
		if secret := strings.HasSuffix(v.name, "_PARAMETER"); f.reads(v.name) && (secret || v.name == "TABLE") {
			t.Errorf("api reads %s", v.name)
		}
	}
}
