//go:build deployed

package local

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// doctor runs the checks after a deploy, with only the permissions of `doctor --rights`.
// It must find these problems and no others: the trust of the roles has no source
// identity (it was removed for the emulator), three accounts have no roles, one channel
// is shared, the fake of Slack does not report scopes, and the emulator has no TLS and does
// not reserve concurrency. It cannot read the signing secret.
func (w *world) doctor() {
	report := w.runDoctor(w.operators, "--build", w.settings.first)
	got := make(map[string][]string) // by verdict
	for _, c := range report.Checks {
		// The program may have been built without git, or with changes.
		if c.Check == "versions" && c.Verdict == "warning" && (c.Code == "unknown" || c.Code == "modified") {
			continue
		}
		got[c.Verdict] = append(got[c.Verdict], c.Check+": "+c.Code)
	}
	if len(report.Programs) != len(functions) || !slices.Contains(got["ok"], "build: ok") {
		w.t.Errorf("doctor compared the code of %d functions with the build, want %d: %q", len(report.Programs),
			len(functions), got)
	}
	for verdict, want := range map[string][]string{
		// The emulator has no TLS, ignores source identities, and judges calls of IAM without the
		// role's path.
		"problem": {
			"cuts: refused", "public endpoint of the command line: unreachable", "revokers: loose_source_identity",
			"revokers: refused", "roles: open_without_source_identity", "roles: refused",
		},
		// Its CloudFormation does not reserve concurrency.
		"warning":     {"channel C0PAYMENTS: shared", "concurrency of api: not_reserved"},
		"not checked": {"scopes: not_told"},
	} {
		slices.Sort(got[verdict])
		if !slices.Equal(got[verdict], want) {
			w.t.Errorf("%s: %q, want %q", verdict, got[verdict], want)
		}
	}
	if n := len(got["ok"]); n < 20 {
		w.t.Errorf("%d checks are ok, want at least 20: %q", n, got["ok"])
	}
	for _, r := range report.Roles {
		want := []string{"refused"}
		// infra/member does not make the role Deploy, which the example policy has for pipelines.
		if (r.Account == production || r.Account == development) && r.Role != "Deploy" {
			want = []string{"open_without_source_identity"}
		}
		if !slices.Equal(r.Codes, want) {
			w.t.Errorf("%s in %s: %q, want %q", r.Role, r.Account, r.Codes, want)
		}
	}
	if len(report.Roles) != 18 { // the roles of policy.yaml
		w.t.Errorf("%d roles were tried, want 18", len(report.Roles))
	}
}

// doctorReport is the part of the output of `doctor --json` that the test reads.
type doctorReport struct {
	Checks []check
	Roles  []struct {
		Account, Role string
		Codes         []string
	}
	Programs []struct{ Function string }
}

type check struct{ Check, Verdict, Code string }

// operator makes a user of the bastion account with the permissions of doctor.
func (w *world) operator() keys {
	w.t.Helper()
	rights, err := run(w.t.Context(), w.settings.environment(), w.settings.scratch,
		w.settings.operate, "doctor", "-rights", "-stack", stack)
	w.must(err)
	client, name := w.iam(rootOf(bastion)), aws.String("operator")
	_, err = client.CreateUser(w.t.Context(), &iam.CreateUserInput{UserName: name})
	w.must(err)
	_, err = client.PutUserPolicy(w.t.Context(),
		&iam.PutUserPolicyInput{UserName: name, PolicyName: aws.String("doctor"), PolicyDocument: &rights})
	w.must(err)
	made, err := client.CreateAccessKey(w.t.Context(), &iam.CreateAccessKeyInput{UserName: name})
	w.must(err)
	return keys{*made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey, ""}
}

// runDoctor runs doctor with somebody's keys. It reaches the public addresses through a
// proxy, because no name server knows them.
func (w *world) runDoctor(by keys, more ...string) (report doctorReport) {
	w.t.Helper()
	to, err := url.Parse(*w.endpoint())
	w.must(err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}})
	defer proxy.Close()
	policy, err := filepath.Abs("../../policy.yaml")
	w.must(err)

	var out, errs bytes.Buffer
	doctor := exec.CommandContext(w.t.Context(),
		w.settings.operate, append([]string{"doctor", "--stack", stack, "--policy", policy, "--json"}, more...)...)
	doctor.Stdout, doctor.Stderr = &out, &errs
	for _, v := range w.settings.environment(
		"AWS_ENDPOINT_URL="+*w.endpoint(), "AWS_ACCESS_KEY_ID="+by[0], "AWS_SECRET_ACCESS_KEY="+by[1],
		"HTTP_PROXY="+proxy.URL, "NO_PROXY=127.0.0.1",
	) {
		if v != "NO_PROXY=*" {
			doctor.Env = append(doctor.Env, v)
		}
	}
	if err := doctor.Run(); doctor.ProcessState.ExitCode() != 1 { // the code for problems
		w.t.Fatalf("doctor: %v\n%s%s", err, &out, &errs)
	}
	w.must(json.Unmarshal(out.Bytes(), &report))
	for what, secret := range w.secrets() {
		if strings.Contains(out.String()+errs.String(), secret) {
			w.t.Errorf("doctor prints the %s", what)
		}
	}
	return report
}
