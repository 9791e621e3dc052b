package pipeline

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
)

func read(t *testing.T, file string, into any) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil && into != nil {
		err = yaml.Load(text, into, yaml.WithKnownFields())
	}
	if err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	return string(text)
}

type phase struct{ Commands []string }

// workflow has the keys of GitHub's workflow syntax that the example uses.
type workflow struct {
	Name        string
	On          any
	Permissions map[string]string
	Concurrency string
	Jobs        map[string]struct {
		RunsOn      string `yaml:"runs-on"`
		Timeout     int    `yaml:"timeout-minutes"`
		Environment string
		Permissions map[string]string
		Env         map[string]string
		Steps       []step
	}
}

type step struct {
	Name, Uses, Run, If string
	With                map[string]any
}

// scripts are the scripts of the examples, by file.
func scripts(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, file := range []string{"cloudformation.buildspec.yaml", "terraform.buildspec.yaml"} {
		var spec struct { // what CodeBuild's reference has and the examples use; another key is an error
			Version float64
			Env     struct {
				Shell     string
				Variables map[string]string
			}
			Phases map[string]phase
		}
		read(t, file, &spec)
		if spec.Version != 0.2 || spec.Env.Shell != "bash" || len(spec.Phases) != 3 {
			t.Errorf("%s: version %v, shell %q, %d phases", file, spec.Version, spec.Env.Shell, len(spec.Phases))
		}
		for _, name := range []string{"install", "build", "post_build"} {
			all[file] += strings.Join(spec.Phases[name].Commands, "\n") + "\n"
		}
	}
	var w workflow
	read(t, "github-workflow.yaml", &w)
	for _, job := range w.Jobs {
		for _, s := range job.Steps {
			all["github-workflow.yaml"] += s.Run + "\n"
		}
	}
	return all
}

func TestScriptsAreValidShell(t *testing.T) {
	for file, script := range scripts(t) {
		check := exec.Command("bash", "-n")
		check.Stdin = strings.NewReader(script)
		var problems bytes.Buffer
		check.Stderr = &problems
		if err := check.Run(); err != nil {
			t.Errorf("%s: %v: %s", file, err, problems.String())
		}
	}
}

// Each example asks as the kind of machine that it is, works under the keys, and gives them back even if
// the work failed. It runs nothing that it has not compared with a checksum.
func TestExamplesAskWorkAndGiveBack(t *testing.T) {
	for file, script := range scripts(t) {
		as := "--as aws"
		if file == "github-workflow.yaml" {
			as = "--as github"
		}
		at := -1
		for _, line := range []string{
			"sha256sum --check --strict", "aws-access request " + as, "aws-access exec " + as, "aws-access done " + as,
		} {
			next := strings.Index(script, line)
			if next <= at {
				t.Errorf("%s has no %q, or too early", file, line)
			}
			at = next
		}
		if found := regexp.MustCompile(`AKIA|ASIA|aws_secret|SECRET_ACCESS_KEY`).FindString(script); found != "" {
			t.Errorf("%s has %s", file, found)
		}
	}
}

func TestWorkflowHasOnlyTheRightsThatItNeeds(t *testing.T) {
	var w workflow
	text := read(t, "github-workflow.yaml", &w)
	if len(w.Permissions) != 0 || w.Permissions == nil {
		t.Errorf("permissions of the workflow: %v, want none, so that a new job has none", w.Permissions)
	}
	for name, job := range w.Jobs {
		want := map[string]string{"contents": "read", "id-token": "write"}
		if len(job.Permissions) != 2 || job.Permissions["contents"] != want["contents"] ||
			job.Permissions["id-token"] != want["id-token"] {
			t.Errorf("permissions of %s: %v, want %v", name, job.Permissions, want)
		}
		if job.Environment == "" || job.Timeout == 0 {
			t.Errorf("%s has no environment or no timeout", name)
		}
		last := job.Steps[len(job.Steps)-1]
		if last.If != "always()" || !strings.Contains(last.Run, "aws-access done") {
			t.Errorf("the last step of %s is %+v, want done, always", name, last)
		}
	}
	// The value of an expression inside a script could contain further commands.
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, "${{") && !strings.HasPrefix(strings.TrimSpace(line), "AWS_ACCESS_URL:") {
			t.Errorf("an expression in %q", line)
		}
	}
}

// The role of the build has nothing but its logs: what it may do elsewhere comes from the policy.
func TestRoleOfTheBuildMayOnlyWriteItsLogs(t *testing.T) {
	text := read(t, "codebuild.yaml", nil)
	actions := regexp.MustCompile(`(?m)^\s+Action: (.*)$`).FindAllStringSubmatch(text, -1)
	want := []string{"sts:AssumeRole", `["logs:CreateLogStream", "logs:PutLogEvents"]`}
	var got []string
	for _, a := range actions {
		got = append(got, a[1])
	}
	if !slices.Equal(got, want) || strings.Contains(text, "ManagedPolicyArns") {
		t.Errorf("actions %v, want those of the trust and of the logs", got)
	}
}

// The policy of the repository admits the machines of the examples, under their names.
func TestPolicyOfTheRepositoryKnowsTheExamples(t *testing.T) {
	source, err := os.ReadFile("../../policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := compiler.Compile("policy.yaml", source, compiler.Options{Sandbox: true, Bastion: "640710528431"})
	if err != nil {
		t.Fatal(err)
	}
	answer := p.Decide(policy.Question{Who: build().Person(), Account: "222222222222", Role: "Deploy"})
	if answer.Refusal != nil {
		t.Errorf("the build gets %v", answer.Refusal)
	}
	text := read(t, "codebuild.yaml", nil)
	if !strings.Contains(text, "Default: Build\n") || !strings.Contains(string(source), ":role/Build\"") {
		t.Error("codebuild.yaml and policy.yaml name different roles")
	}
}

func build() access.Machine {
	return access.Machine{Role: &access.RoleSession{
		Partition: "aws", Account: "332000000000", Name: "Build", ID: "AROAEXAMPLEBUILDROLE1", Session: "build-1",
	}}
}
