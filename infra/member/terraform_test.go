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

// want returns the resources of roles.yaml in the form of Terraform's resources, by
// type and key.
func want(t *testing.T, change map[string]string) map[string]map[string]any {
	t.Helper()
	const attachment = "aws_iam_role_policy_attachment"
	resources := map[string]map[string]any{"aws_iam_role": {}, "aws_iam_policy": {}, attachment: {}}
	tags := map[string]any{"ManagedBy": "aws-access"}
	for _, r := range render(t, here, change) {
		p := r.Properties
		switch r.Type {
		case "AWS::IAM::Role":
			name := p["RoleName"].(string)
			resources["aws_iam_role"][name] = map[string]any{
				"name": name, "path": p["Path"], "description": p["Description"],
				"max_session_duration": 3600.0, "tags": tags,
				"permissions_boundary": p["PermissionsBoundary"],
				"assume_role_policy":   parsed(t, document(t, p["AssumeRolePolicyDocument"])),
			}
			for _, arn := range p["ManagedPolicyArns"].([]any) {
				resources[attachment][fmt.Sprint(name, " ", arn)] = map[string]any{"role": name, "policy_arn": arn}
			}
		case "AWS::IAM::ManagedPolicy":
			name := p["ManagedPolicyName"].(string)
			resources["aws_iam_policy"][name] = map[string]any{
				"name": name, "path": p["Path"], "description": p["Description"],
				"tags": tags, "policy": parsed(t, document(t, p["PolicyDocument"])),
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

// This test does not need Terraform: the module's documents are files with plain
// ${names}.
func TestDocumentsOfTerraformAndTemplateAreEqual(t *testing.T) {
	made, alone := render(t, here, nil), render(t, here, map[string]string{"OrganizationId": ""})
	for file, of := range map[string]any{
		"revoker-trust.json":                 alone["RevokerRole"].Properties["AssumeRolePolicyDocument"],
		"revoker-trust-in-organization.json": made["RevokerRole"].Properties["AssumeRolePolicyDocument"],
		"revoker.json":                       made["RevokerPolicy"].Properties["PolicyDocument"],
		"trust.json":                         alone["AdminRole"].Properties["AssumeRolePolicyDocument"],
		"trust-in-organization.json":         made["AdminRole"].Properties["AssumeRolePolicyDocument"],
		"boundary-admin.json":                made["AdminOwnBoundary"].Properties["PolicyDocument"],
		"boundary-operator.json":             made["OperatorOwnBoundary"].Properties["PolicyDocument"],
		"operator.json":                      made["OperatorPolicy"].Properties["PolicyDocument"],
		"no-secrets.json":                    made["NoSecretsPolicy"].Properties["PolicyDocument"],
	} {
		if diff := cmp.Diff(parsed(t, document(t, of)), parsed(t, filled(t, file))); diff != "" {
			t.Errorf("%s (-roles.yaml +terraform):\n%s", file, diff)
		}
	}
}

// filled returns a document with its names replaced, as templatefile does.
func filled(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("terraform/documents", file))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{
		"partition": "aws", "bastion_account_id": bastion, "organization_id": org, "external_id": external,
		"account_id": account, "path": "/aws-access/", "role": "Admin",
		"boundaries": `["` + policyPrefix + `aws-access-boundary-*","` + readOnlyAccess + `"]`,
	}
	whole := regexp.MustCompile(`\$\{([^}]*)\}`).ReplaceAllStringFunc(string(text), func(match string) string {
		value, known := names[match[2:len(match)-1]]
		if !known {
			t.Errorf("%s: %s is not a known plain name", file, match)
		}
		return value
	})
	if strings.ContainsAny(whole, "$%") {
		t.Errorf("%s has template syntax other than plain names", file)
	}
	return whole
}

// variableCases are variables of the module, and the parameters of the template that
// make the same.
var variableCases = map[string]struct {
	variables map[string]any
	template  map[string]string
}{
	"the defaults":            {nil, nil},
	"without an organisation": {map[string]any{"organization_id": ""}, map[string]string{"OrganizationId": ""}},
	"a deeper path": {
		map[string]any{"path": "/aws-access/data/"}, map[string]string{"Path": "/aws-access/data/"},
	},
	"a boundary of its own": {
		map[string]any{"roles": map[string]any{"Root": map[string]any{
			"description": adminDescription,
			"boundary":    "arn:aws:iam::111111111111:policy/b/D", "aws_policies": []string{"AdministratorAccess"},
		}}},
		map[string]string{
			"ReadOnlyName": "", "OperatorName": "", "AdminName": "Root", "AdminBoundary": "arn:aws:iam::111111111111:policy/b/D",
		},
	},
	"one role with other policies": {
		map[string]any{"roles": map[string]any{"Root": map[string]any{
			"description": adminDescription,
			"boundary":    "admin", "policies": []string{"arn:aws:iam::aws:policy/A"},
		}}},
		map[string]string{
			"ReadOnlyName": "", "OperatorName": "", "AdminName": "Root", "AdminPolicies": "arn:aws:iam::aws:policy/A",
		},
	},
}

// adminDescription is the description of Admin in roles.yaml.
const adminDescription = "Does everything but let people and machines in. Entered through aws-access only."

// findTerraform returns the path of Terraform or OpenTofu. It returns "" where
// neither is installed. It skips the test in short mode.
func findTerraform(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs terraform")
	}
	path := find("terraform", "tofu")
	if path == "" {
		// Not skipped: TestDocumentsOfTerraformAndTemplateAreEqual compares the documents without it.
		t.Log("neither terraform nor tofu is installed: only the documents of the module were compared")
	}
	return path
}

// TestTerraformAndTemplateMakeTheSame lets Terraform evaluate the module. The
// resources need the provider, which only the registry has, so the test rewrites
// them as outputs with the same expressions. This does not prove that the provider
// knows the names of the arguments, so they are compared with a list.
func TestTerraformAndTemplateMakeTheSame(t *testing.T) {
	terraform := findTerraform(t)
	if terraform == "" {
		return
	}
	for name, c := range variableCases {
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
}

func TestTerraformRefusesInvalidVariables(t *testing.T) {
	terraform := findTerraform(t)
	if terraform == "" {
		return
	}
	unbounded := map[string]any{"Admin": map[string]any{"description": "x", "boundary": ""}}
	anything := map[string]any{"Admin": map[string]any{"description": "x", "boundary": "arn:aws:iam::*:policy/*"}}
	revoker := map[string]any{"AWS-access-revoker": map[string]any{"description": "x", "boundary": "admin"}}
	for _, c := range []struct {
		want      string
		variables map[string]any
	}{
		{"the bastion account is never a target", map[string]any{"bastion_account_id": account}},
		{"Must look like o-a1b2c3d4e5", map[string]any{"organization_id": "*"}},
		{"Must be 32 to 128", map[string]any{"external_id": `x"}],"Statement":[{"Effect":"Allow`}},
		{"Must be /aws-access/", map[string]any{"path": "/other/"}},
		{"Every role needs a boundary", map[string]any{"roles": unbounded}},
		{"Every role needs a boundary", map[string]any{"roles": anything}},
		{"the name of the role that ends sessions early", map[string]any{"roles": revoker}},
	} {
		want, variables := c.want, c.variables
		all := map[string]any{"bastion_account_id": bastion, "organization_id": org, "external_id": external}
		maps.Copy(all, variables)
		_, err := evaluate(t, terraform, all)
		if err == nil || !strings.Contains(strings.ToLower(oneLine(err.Error())), strings.ToLower(want)) {
			t.Errorf("%v: got %v, want %q", variables, err, want)
		}
	}
}

// find returns the path of the first command that is installed, "" if none is.
func find(names ...string) string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// oneLine undoes the line breaks and frames of Terraform's messages.
func oneLine(message string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(message, "│", " ")), " ")
}

// evaluate applies the rewritten module in a temporary directory. It returns the
// resources by type and key, with parsed documents.
func evaluate(t *testing.T, terraform string, variables map[string]any) (map[string]map[string]any, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "documents"), os.DirFS("terraform/documents")); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"variables.tf":       read(t, "terraform/variables.tf"),
		"main.tf":            withoutProvider(t, read(t, "terraform/main.tf")),
		"x.auto.tfvars.json": document(t, variables), "terraformrc": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(arguments ...string) ([]byte, error) {
		arguments = append(arguments, "-no-color") //nolint:misspell // Terraform's own spelling
		cmd := exec.CommandContext(t.Context(), terraform, arguments...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE="+filepath.Join(dir, "terraformrc"))
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%s: %w\n%s", arguments[0], err, stderr.String())
		}
		return out, err
	}
	for _, step := range [][]string{
		{"init", "-input=false", "-backend=false"}, {"apply", "-input=false", "-auto-approve"},
	} {
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

// arguments lists the arguments of the provider (hashicorp/aws, versions 5 and 6) that
// the module uses.
var arguments = map[string][]string{
	"aws_iam_policy": {"description", "name", "path", "policy", "tags"},
	"aws_iam_role": {
		"assume_role_policy", "description", "max_session_duration", "name", "path", "permissions_boundary", "tags",
	},
	"aws_iam_role_policy_attachment": {"policy_arn", "role"},
}

// withoutProvider rewrites main.tf: it replaces data sources by their values, and
// resources by outputs with the same expressions.
func withoutProvider(t *testing.T, main string) string {
	t.Helper()
	main = dataBlock.ReplaceAllString(main, "")
	main = strings.NewReplacer(
		"data.aws_partition.here.partition", `"aws"`,
		"data.aws_caller_identity.here.account_id", `"`+account+`"`,
	).Replace(main)
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
		return fmt.Sprintf("output %q {\n  sensitive = true\n  value = { for key, item in %s : key => {\n%s} }\n}\n",
			m[1], m[3], body)
	})
	if seen != len(arguments) || strings.Contains(main, "aws_iam_role.") || strings.Contains(main, "\nresource ") {
		t.Fatalf("%d resources of main.tf were rewritten, want %d:\n%s", seen, len(arguments), main)
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
						t.Errorf("%s of %s has white space, which counts towards the limit", name, key)
					}
					values[name] = parsed(t, text)
				}
			}
			resources[kind][key] = values
		}
	}
	return resources
}

func TestModuleIsFormatted(t *testing.T) {
	files, err := filepath.Glob("terraform/*.tf")
	more, _ := filepath.Glob("terraform/documents/*.tf")
	if err != nil || len(files)+len(more) < 7 {
		t.Fatalf("found %d Terraform files, %v", len(files)+len(more), err)
	}
	terraform := findTerraform(t)
	if terraform == "" {
		return
	}
	arguments := append([]string{"fmt", "-check", "-diff"}, append(files, more...)...)
	if out, err := exec.CommandContext(t.Context(), terraform, arguments...).Output(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
