package member

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// want is what roles.yaml makes, in the words of Terraform's resources.
func want(t *testing.T, change map[string]string) map[string]map[string]any {
	t.Helper()
	resources := map[string]map[string]any{"aws_iam_role": {}, "aws_iam_policy": {}, "aws_iam_role_policy_attachment": {}}
	tags := map[string]any{"ManagedBy": "aws-access"}
	for _, r := range render(t, here, change) {
		p := r.Properties
		switch r.Type {
		case "AWS::IAM::Role":
			name := p["RoleName"].(string)
			resources["aws_iam_role"][name] = map[string]any{
				"name": name, "path": p["Path"], "description": p["Description"], "max_session_duration": 3600.0, "tags": tags,
				"permissions_boundary": p["PermissionsBoundary"], "assume_role_policy": parsed(t, document(t, p["AssumeRolePolicyDocument"])),
			}
			for _, arn := range p["ManagedPolicyArns"].([]any) {
				resources["aws_iam_role_policy_attachment"][fmt.Sprint(name, " ", arn)] = map[string]any{"role": name, "policy_arn": arn}
			}
		case "AWS::IAM::ManagedPolicy":
			name := p["ManagedPolicyName"].(string)
			resources["aws_iam_policy"][name] = map[string]any{
				"name": name, "path": p["Path"], "description": p["Description"], "tags": tags, "policy": parsed(t, document(t, p["PolicyDocument"])),
			}
		}
	}
	return resources
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}

// What Terraform writes is what CloudFormation writes, wherever this test runs:
// the module's documents are files with plain ${names}, so that no Terraform is
// needed to read them.
func TestTerraformsDocumentsAreThoseOfTheTemplate(t *testing.T) {
	made, alone := render(t, here, nil), render(t, here, map[string]string{"OrganizationId": ""})
	for file, of := range map[string]any{
		"trust.json":                 alone["AdminRole"].Properties["AssumeRolePolicyDocument"],
		"trust-in-organization.json": made["AdminRole"].Properties["AssumeRolePolicyDocument"],
		"boundary-admin.json":        made["AdminOwnBoundary"].Properties["PolicyDocument"],
		"boundary-operator.json":     made["OperatorOwnBoundary"].Properties["PolicyDocument"],
		"operator.json":              made["OperatorPolicy"].Properties["PolicyDocument"],
		"no-secrets.json":            made["NoSecretsPolicy"].Properties["PolicyDocument"],
	} {
		if diff := cmp.Diff(parsed(t, document(t, of)), parsed(t, filled(t, file))); diff != "" {
			t.Errorf("%s (-roles.yaml +terraform):\n%s", file, diff)
		}
	}
}

// filled is a document with the names replaced as templatefile would.
func filled(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("terraform/documents", file))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{
		"partition": "aws", "bastion_account_id": bastion, "organization_id": org, "external_id": external, "account_id": account, "path": "/aws-access/", "role": "Admin",
	}
	whole := regexp.MustCompile(`\$\{([^}]*)\}`).ReplaceAllStringFunc(string(text), func(match string) string {
		value, known := names[match[2:len(match)-1]]
		if !known {
			t.Errorf("%s: %s is no plain name that is known", file, match)
		}
		return value
	})
	if strings.ContainsAny(whole, "$%") {
		t.Errorf("%s holds more of Terraform's than plain names", file)
	}
	return whole
}

// TestTerraformMakesWhatTheTemplateMakes has Terraform itself evaluate the
// module. Its resources need the provider, which only the registry has: they
// are rewritten as outputs, with the same expressions. What that does not prove
// is that the provider knows the arguments' names; they are held to a list here.
func TestTerraformMakesWhatTheTemplateMakes(t *testing.T) {
	terraform := find("terraform", "tofu")
	if terraform == "" {
		// Not skipped: the documents were compared without it, above.
		t.Log("neither terraform nor tofu is on this machine: the module's expressions were not evaluated, only its documents")
		return
	}
	for name, c := range map[string]struct {
		variables map[string]any
		template  map[string]string
	}{
		"as it comes":             {nil, nil},
		"without an organisation": {map[string]any{"organization_id": ""}, map[string]string{"OrganizationId": ""}},
		"below another path":      {map[string]any{"path": "/aws-access/data/"}, map[string]string{"Path": "/aws-access/data/"}},
		"one role, of one's own": {
			map[string]any{"roles": map[string]any{"Root": map[string]any{
				"description": "Does everything but let people and machines in. Entered through aws-access only.",
				"boundary":    "admin", "policies": []string{"arn:aws:iam::aws:policy/A"},
			}}},
			map[string]string{"ReadOnlyName": "", "OperatorName": "", "AdminName": "Root", "AdminPolicies": "arn:aws:iam::aws:policy/A"},
		},
	} {
		variables := map[string]any{"bastion_account_id": bastion, "organization_id": org, "external_id": external}
		maps.Copy(variables, c.variables)
		out, err := evaluate(t, terraform, variables)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want(t, c.template), out); diff != "" {
			t.Errorf("%s (-roles.yaml +terraform):\n%s", name, diff)
		}
	}
	for name, variables := range map[string]map[string]any{
		"the bastion account is never a target": {"bastion_account_id": account},
		"Must look like o-a1b2c3d4e5":           {"organization_id": "*"},
		"Must be 32 to 128":                     {"external_id": `x"}],"Statement":[{"Effect":"Allow`},
		"Must be /aws-access/":                  {"path": "/other/"},
		"Every role needs a boundary":           {"roles": map[string]any{"Admin": map[string]any{"description": "x", "boundary": ""}}},
	} {
		all := map[string]any{"bastion_account_id": bastion, "organization_id": org, "external_id": external}
		maps.Copy(all, variables)
		// Terraform wraps its messages.
		if _, err := evaluate(t, terraform, all); err == nil || !strings.Contains(strings.ToLower(flat(err.Error())), strings.ToLower(name)) {
			t.Errorf("%v: got %v, want %q", variables, err, name)
		}
	}
}

func find(names ...string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func flat(message string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(message, "│", " ")), " ")
}

// evaluate applies the rewritten module in a directory of its own and returns
// its resources by type and key, their documents parsed.
func evaluate(t *testing.T, terraform string, variables map[string]any) (map[string]map[string]any, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "documents"), os.DirFS("terraform/documents")); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"variables.tf": read(t, "terraform/variables.tf"), "main.tf": withoutProvider(t, read(t, "terraform/main.tf")),
		"x.auto.tfvars.json": document(t, variables), "terraformrc": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(arguments ...string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), terraform, append(arguments, "-no-color")...) //nolint:misspell // Terraform's own spelling
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE="+filepath.Join(dir, "terraformrc"))
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%s: %w\n%s", arguments[0], err, stderr.String())
		}
		return out, err
	}
	for _, step := range [][]string{{"init", "-input=false", "-backend=false"}, {"apply", "-input=false", "-auto-approve"}} {
		if _, err := run(step...); err != nil {
			return nil, err
		}
	}
	out, err := run("output", "-json")
	if err != nil {
		return nil, err
	}
	return resourcesOf(t, out), nil
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	dataBlock  = regexp.MustCompile(`(?m)^data .*\{\}\n`)
	block      = regexp.MustCompile(`(?ms)^resource "(\w+)" "(\w+)" \{\n  for_each = ([\w.]+)\n(.*?)^\}\n`)
	depends    = regexp.MustCompile(`(?m)^  depends_on = .*\n`)
	argument   = regexp.MustCompile(`(?m)^  (\w+) += `)
	references = regexp.MustCompile(`aws_iam_role\.target\[([\w.]+)\]\.name`)
)

// arguments are those of the provider (hashicorp/aws, 5 and 6) that the module uses.
var arguments = map[string][]string{
	"aws_iam_policy":                 {"description", "name", "path", "policy", "tags"},
	"aws_iam_role":                   {"assume_role_policy", "description", "max_session_duration", "name", "path", "permissions_boundary", "tags"},
	"aws_iam_role_policy_attachment": {"policy_arn", "role"},
}

// withoutProvider rewrites main.tf: data sources by what they would say,
// resources as outputs of the same expressions.
func withoutProvider(t *testing.T, main string) string {
	t.Helper()
	main = dataBlock.ReplaceAllString(main, "")
	main = strings.NewReplacer("data.aws_partition.here.partition", `"aws"`, "data.aws_caller_identity.here.account_id", `"`+account+`"`).Replace(main)
	main = references.ReplaceAllString(main, "$1") // a role's name is its key
	main = depends.ReplaceAllString(main, "")
	seen := 0
	main = block.ReplaceAllStringFunc(main, func(text string) string {
		m := block.FindStringSubmatch(text)
		seen++
		var names []string
		for _, a := range argument.FindAllStringSubmatch(m[4], -1) {
			names = append(names, a[1])
		}
		if slices.Sort(names); !slices.Equal(names, arguments[m[1]]) {
			t.Errorf("%s has the arguments %v, want %v", m[1], names, arguments[m[1]])
		}
		body := strings.NewReplacer("each.key", "key", "each.value", "item").Replace(m[4])
		return fmt.Sprintf("output %q {\n  sensitive = true\n  value = { for key, item in %s : key => {\n%s} }\n}\n", m[1], m[3], body)
	})
	if seen != len(arguments) || strings.Contains(main, "aws_iam_role.") || strings.Contains(main, "\nresource ") {
		t.Fatalf("main.tf has %d resources that can be read, want %d:\n%s", seen, len(arguments), main)
	}
	return main
}

func resourcesOf(t *testing.T, outputs []byte) map[string]map[string]any {
	t.Helper()
	var all map[string]struct{ Value map[string]map[string]any }
	if err := json.Unmarshal(outputs, &all); err != nil {
		t.Fatal(err)
	}
	resources := map[string]map[string]any{}
	for kind, output := range all {
		resources[kind] = map[string]any{}
		for key, values := range output.Value {
			for _, name := range []string{"policy", "assume_role_policy"} {
				if text, ok := values[name].(string); ok {
					if strings.ContainsAny(text, " \n") {
						t.Errorf("%s of %s has white space, which counts", name, key)
					}
					values[name] = parsed(t, text)
				}
			}
			resources[kind][key] = values
		}
	}
	return resources
}

// One way to write HCL, and every file of the module read.
func TestTheModuleIsFormatted(t *testing.T) {
	files, err := filepath.Glob("terraform/*.tf")
	more, _ := filepath.Glob("terraform/documents/*.tf")
	if err != nil || len(files)+len(more) < 7 {
		t.Fatalf("%d files of Terraform, %v", len(files)+len(more), err)
	}
	terraform := find("terraform", "tofu")
	if terraform == "" {
		t.Log("neither terraform nor tofu is on this machine: the format was not checked")
		return
	}
	if out, err := exec.CommandContext(t.Context(), terraform, append([]string{"fmt", "-check", "-diff"}, append(files, more...)...)...).Output(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
