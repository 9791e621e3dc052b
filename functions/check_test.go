package functions

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
)

// tries answers for roles, and records which were tried.
type tries struct {
	codes map[string][]string // by account and role; without an entry, ok
	asked []access.Target
}

func (r *tries) Try(_ context.Context, targets []access.Target) []access.Trial {
	r.asked = append(r.asked, targets...)
	out := make([]access.Trial, len(targets))
	for i, t := range targets {
		if out[i].Codes = r.codes[t.Account+" "+t.Role]; out[i].Codes == nil {
			out[i].Codes, out[i].Token = []string{CheckOK}, 40
		}
	}
	return out
}

// checked lets vend of the world answer checks.
func (w *world) checked() *tries {
	r := &tries{codes: map[string][]string{}}
	w.Vend.Checks = Checks{
		Policy: w.policy, Store: w.store, Slack: w.Vend.Slack, Team: "T0SANDBOX", Roles: r, Now: w.clock, Log: w.Vend.Log,
	}
	return r
}

// ask asks vend as doctor does.
func (w *world) ask(c Check) (a CheckAnswer) {
	w.t.Helper()
	text, err := json.Marshal(map[string]Check{"check": c})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := json.Unmarshal(invoke(w.t, w.Vend.Handle, text), &a); err != nil {
		w.t.Fatal(err)
	}
	return a
}

func TestVendAcceptsOnlyOrdersAndChecks(t *testing.T) {
	w := newWorld(t)
	w.checked()
	for _, payload := range []string{
		`[]`, `"check"`, `7`, `{"check":{"kind":"stack"},"id":"o"}`, `{"id":"o","check":{"kind":"stack"}}`, `{"check":null}`,
		`{"check":[]}`,
		`{"check":{"kind":"stack","more":1}}`,
		`{"check":{"kind":"roles","roles":[{"account":"222222222222","role":"ReadOnly","more":"/"}]}}`,
		`{"id":"o","request":"r","by":"U0DEV1","kind":"keys","at":"2026-11-21T12:00:00Z","to":"https://example.com"}`,
		`{"Check":{"kind":"stack"}}`, `{"id":7}`,
	} {
		_, err := lambda.NewHandler(w.Vend.Handle).Invoke(context.Background(), []byte(payload))
		if err == nil || !strings.Contains(err.Error(), errUnknownTask.Error()) {
			t.Errorf("%s: got %v, want %v", payload, err, errUnknownTask)
		}
	}
	if strings.Contains(w.logs.String(), "example.com") {
		t.Error("the log holds what was sent")
	}
	// An order is accepted as well, and its answer is not returned.
	w.tick()
	w.http(w.typed("U0DEV1", `payments-dev ReadOnly 1h "x"`))
	r := w.request()
	order, err := json.Marshal(access.Order{ID: "o", Request: r.ID, By: "U0DEV1", Kind: access.Keys, At: w.clock()})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(invoke(t, w.Vend.Handle, order)); got != "null" {
		t.Errorf("the answer to an order is %s, want nothing", got)
	}
	if n := len(w.request().Sessions); n != 1 {
		t.Errorf("%d sessions, want one", n)
	}
	wantText(t, "private answer", w.seen(onlyTo("U0DEV1")), "canary-secret")
}

func TestAnInvalidCheckIsRefusedAndTriesNoRole(t *testing.T) {
	w := newWorld(t)
	tried := w.checked()
	known := CheckRole{Account: "222222222222", Role: "ReadOnly"}
	many := make([]CheckRole, MaxRoles+1)
	for i := range many {
		many[i] = known
	}
	for name, c := range map[string]struct {
		check Check
		want  string
	}{
		"no kind":        {Check{}, "unknown_kind"},
		"a kind unknown": {Check{Kind: "root"}, "unknown_kind"},
		"no roles":       {Check{Kind: CheckRoles}, "wrong_size"},
		"too many roles": {Check{Kind: CheckRoles, Roles: many}, "wrong_size"},
		"an account elsewhere": {
			Check{Kind: CheckRoles, Roles: []CheckRole{{Account: "666666666666", Role: "ReadOnly"}}}, "not_in_policy",
		},
		"the bastion": {
			Check{Kind: CheckRoles, Roles: []CheckRole{{Account: "999999999999", Role: "ReadOnly"}}}, "not_in_policy",
		},
		"a role unknown": {
			Check{Kind: CheckRoles, Roles: []CheckRole{known, {Account: "222222222222", Role: "OrganizationAccountAccessRole"}}},
			"not_in_policy",
		},
		"a role not there": {
			Check{Kind: CheckRoles, Roles: []CheckRole{{Account: "333333333333", Role: "Admin"}}}, "not_in_policy",
		},
		"targets below the list": {Check{Kind: CheckTargets, From: -1}, "out_of_range"},
		"targets beyond":         {Check{Kind: CheckTargets, From: 1_000_000}, "out_of_range"},
	} {
		a := w.ask(c.check)
		if a.Refused != c.want || len(a.Roles) > 0 || len(a.Targets) > 0 {
			t.Errorf("%s: got %+v, want %s", name, a, c.want)
		}
	}
	if len(tried.asked) > 0 {
		t.Errorf("tried %v", tried.asked)
	}
	w.Vend.Checks = Checks{}
	if a := w.ask(Check{Kind: CheckStack}); a.Refused != "not_ready" {
		t.Errorf("without its parts: got %+v, want not_ready", a)
	}
}

func TestAnswersToChecksHoldOnlyCodes(t *testing.T) {
	w := newWorld(t)
	tried := w.checked()
	tried.codes["222222222222 Admin"] = []string{"open_without_tags", "open_without_external_id"}
	w.tick()
	w.pass(90 * time.Second)

	targets := w.ask(Check{Kind: CheckTargets})
	if targets.Total != len(w.policy.Targets()) || len(targets.Targets) != targets.Total ||
		targets.Policy != w.policy.Digest() || !targets.At.Equal(w.clock()) {
		t.Errorf("targets %+v", targets)
	}
	roles := w.ask(Check{
		Kind:  CheckRoles,
		Roles: []CheckRole{{Account: "222222222222", Role: "Admin"}, {Account: "111111111111", Role: "ReadOnly"}},
	})
	want := []RolesAnswer{
		{
			CheckRole: CheckRole{Account: "222222222222", Name: "payments-dev", Role: "Admin"},
			Codes:     []string{"open_without_tags", "open_without_external_id"},
		},
		{
			CheckRole: CheckRole{Account: "111111111111", Name: "payments-prod", Role: "ReadOnly"},
			Codes:     []string{CheckOK}, Token: 40,
		},
	}
	if diff := cmp.Diff(want, roles.Roles); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	if len(tried.asked) != 2 || tried.asked[0].Path != "/aws-access/" {
		t.Errorf("tried %+v", tried.asked)
	}
	stack := w.ask(Check{Kind: CheckStack}).Stack
	if stack.Table != CheckOK || !stack.ReadAt.Equal(noon) || len(stack.Groups) != len(w.policy.Sources().Groups) {
		t.Errorf("stack %+v", stack)
	}
	for _, g := range stack.Groups {
		if g.Code != CheckOK || g.Members == 0 || !g.ReadAt.Equal(noon) {
			t.Errorf("group %+v", g)
		}
	}
	slack := w.ask(Check{Kind: CheckSlack}).Slack
	if slack.Token != CheckOK || slack.Workspace != CheckOK || slack.Scopes != nil ||
		len(slack.Channels) != len(w.policy.Channels()) {
		t.Errorf("slack %+v", slack)
	}
	for _, secret := range []string{"xoxb", "canary", "@example.com", "U0DEV1", "dev1"} {
		for what, text := range map[string]string{
			"answers": fmt.Sprintf("%+v %+v %+v %+v", targets, roles, stack, slack), "log": w.logs.String(),
		} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s hold %q", what, secret)
			}
		}
	}
}

func TestChecksReportProblemsOfSlackAndTheTick(t *testing.T) {
	w := newWorld(t)
	w.checked()
	if stack := w.ask(Check{Kind: CheckStack}).Stack; !stack.ReadAt.IsZero() || stack.Groups[0].Code != "unknown" {
		t.Errorf("before the first tick: %+v", stack)
	}
	w.tick()
	w.slack.RemoveGroup("S0LEADS")
	w.pass(2 * time.Minute)
	w.tick()
	codes := map[string]string{}
	for _, g := range w.ask(Check{Kind: CheckStack}).Stack.Groups {
		codes[g.ID] = g.Code
	}
	if codes["S0LEADS"] != "gone" || codes["S0DEVS"] != CheckOK {
		t.Errorf("groups %v", codes)
	}
	for how, want := range map[string]string{"error": "unreachable", "429": "ratelimited"} {
		w.fault["slack:auth.test"] = how
		if slack := w.ask(Check{Kind: CheckSlack}).Slack; slack.Token != want {
			t.Errorf("%s: %+v, want %s", how, slack, want)
		}
	}
	delete(w.fault, "slack:auth.test")
	w.Vend.Checks.Team = "T0OTHER"
	if slack := w.ask(Check{Kind: CheckSlack}).Slack; slack.Workspace != "another" {
		t.Errorf("another workspace: %+v", slack)
	}
}

// ping sends what Slack and doctor send to check that an address works.
func (w *world) ping(path, body, secret string) events.APIGatewayV2HTTPResponse {
	w.t.Helper()
	at, signature := slackapi.Sign(access.NewSecret(secret), w.clock(), []byte(body))
	event := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "POST " + path, RawPath: path, Body: body,
		Headers: map[string]string{
			"x-slack-signature": signature, "x-slack-request-timestamp": at, "content-type": "application/x-www-form-urlencoded",
		},
	}
	event.RequestContext.HTTP.Method, event.RequestContext.HTTP.Path = http.MethodPost, path
	text, err := json.Marshal(event)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.http(text)
}

func TestASignedPingIsAnsweredWithoutAnyEffect(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/slack/commands", "/slack/interactions", "/slack/options"} {
		for _, body := range []string{"ssl_check=1", "ssl_check=1&token=x", "token=x&ssl_check=1"} {
			got := w.ping(path, body, signingSecret)
			if want := `{"ok":true,"policy":"` + w.policy.Digest() + `"}` + "\n"; got.StatusCode != http.StatusOK ||
				got.Body != want {
				t.Errorf("%s %s: %d %q, want 200 %q", path, body, got.StatusCode, got.Body, want)
			}
			if got := w.ping(path, body, "wrong"); got.StatusCode != http.StatusUnauthorized ||
				strings.Contains(got.Body, "ok") {
				t.Errorf("%s %s wrongly signed: %d %q, want 401", path, body, got.StatusCode, got.Body)
			}
		}
	}
	// A command that only resembles a ping is handled as a command.
	form := url.Values{
		"command": {"/aws-access"}, "text": {"help"}, "user_id": {"U0DEV1"}, "team_id": {"T0OTHER"},
		"trigger_id": {"1.ssl_check=1"},
	}
	if got := w.ping("/slack/commands", form.Encode(), signingSecret); strings.Contains(got.Body, `"ok":true`) {
		t.Errorf("a command that names a ping: %q", got.Body)
	}
	for _, body := range []string{
		"ssl_check=10", "xssl_check=1", "ssl_check=1&payload=%7B%7D", "ssl_check=1&command=%2Faws-access",
		"ssl_check=1;x=%zz",
	} {
		if got := w.ping("/slack/interactions", body, signingSecret); got.StatusCode == http.StatusOK {
			t.Errorf("%s: %d %q, want no answer to a ping", body, got.StatusCode, got.Body)
		}
	}
	if n := len(w.store.All(context.Background())); n != 0 || len(w.orders) != 0 {
		t.Errorf("%d requests, %d orders", n, len(w.orders))
	}
}
