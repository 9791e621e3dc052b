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

// doctor asks what operators ask after a deploy, as one of them who may do what
// `doctor -rights` says and no more. What it says is right: the roles' trust
// lacks the source identity that it was relieved of for the emulator, three
// accounts have no roles, one channel is shared, the played Slack does not tell
// scopes. Its rights do not read the signing secret, of which it reminds. Everything else is
// well.
func (w *world) doctor() {
	said := w.examined(w.operators)
	got := make(map[string][]string) // by verdict
	for _, c := range said.Checks {
		got[c.Verdict] = append(got[c.Verdict], c.Check+": "+c.Code)
	}
	for verdict, want := range map[string][]string{
		"problem":     {"roles: open_without_source_identity", "roles: refused"},
		"warning":     {"channel C0PAYMENTS: shared"},
		"not checked": {"scopes: not_told"},
	} {
		slices.Sort(got[verdict])
		if !slices.Equal(got[verdict], want) {
			w.t.Errorf("%s: %q, want %q", verdict, got[verdict], want)
		}
	}
	if n := len(got["ok"]); n < 20 {
		w.t.Errorf("%d checks are well, want 20 at the least: %q", n, got["ok"])
	}
	for _, r := range said.Roles {
		want := []string{"refused"}
		if r.Account == production || r.Account == development {
			want = []string{"open_without_source_identity"}
		}
		if !slices.Equal(r.Codes, want) {
			w.t.Errorf("%s in %s: %q, want %q", r.Role, r.Account, r.Codes, want)
		}
	}
	if len(said.Roles) != 14 { // those of policy.yaml
		w.t.Errorf("%d roles were tried, want 14", len(said.Roles))
	}
}

// report is what `doctor -json` prints, as far as it is looked at here.
type report struct {
	Checks []check
	Roles  []struct {
		Account, Role string
		Codes         []string
	}
}

type check struct{ Check, Verdict, Code string }

// asWell is what the emulator asks for where AWS asks for
// lambda:GetFunctionEventInvokeConfig and lambda:ListFunctionUrlConfigs.
const asWell = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:GetFunction","Resource":"arn:aws:lambda:*:*:function:aws-access-*"}]}`

// operator is a user of the bastion account with doctor's rights.
func (w *world) operator() keys {
	w.t.Helper()
	rights, err := run(w.t.Context(), w.settings.environment(), w.settings.scratch, w.settings.operate, "doctor", "-rights", "-stack", stack)
	w.must(err)
	client, name := w.iam(rootOf(bastion)), aws.String("operator")
	_, err = client.CreateUser(w.t.Context(), &iam.CreateUserInput{UserName: name})
	w.must(err)
	for policy, document := range map[string]string{"doctor": rights, "emulator": asWell} {
		_, err = client.PutUserPolicy(w.t.Context(), &iam.PutUserPolicyInput{UserName: name, PolicyName: &policy, PolicyDocument: &document})
		w.must(err)
	}
	made, err := client.CreateAccessKey(w.t.Context(), &iam.CreateAccessKeyInput{UserName: name})
	w.must(err)
	return keys{*made.AccessKey.AccessKeyId, *made.AccessKey.SecretAccessKey, ""}
}

// examined runs doctor in somebody's shell. The public addresses lead through a
// proxy, for want of a name server.
func (w *world) examined(by keys) (said report) {
	w.t.Helper()
	to, err := url.Parse(*w.endpoint())
	w.must(err)
	way := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }})
	defer way.Close()
	policy, err := filepath.Abs("../../policy.yaml")
	w.must(err)

	var out, errs bytes.Buffer
	doctor := exec.CommandContext(w.t.Context(), w.settings.operate, "doctor", "--stack", stack, "--policy", policy, "--json")
	doctor.Stdout, doctor.Stderr = &out, &errs
	for _, v := range w.settings.environment("AWS_ENDPOINT_URL="+*w.endpoint(), "AWS_ACCESS_KEY_ID="+by[0], "AWS_SECRET_ACCESS_KEY="+by[1], "HTTP_PROXY="+way.URL, "NO_PROXY=127.0.0.1") {
		if v != "NO_PROXY=*" {
			doctor.Env = append(doctor.Env, v)
		}
	}
	if err := doctor.Run(); doctor.ProcessState.ExitCode() != 1 { // there are problems
		w.t.Fatalf("doctor: %v\n%s%s", err, &out, &errs)
	}
	w.must(json.Unmarshal(out.Bytes(), &said))
	for what, secret := range w.secrets() {
		if strings.Contains(out.String()+errs.String(), secret) {
			w.t.Errorf("doctor prints the %s", what)
		}
	}
	return said
}
