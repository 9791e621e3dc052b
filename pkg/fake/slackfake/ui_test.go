package slackfake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
)

// app is an app that records the requests that it gets.
type app struct {
	t      *testing.T
	status int
	bodies map[string]string // response bodies by path
	err    error
	sent   []string // path and body of each request
}

func (a *app) post(_ context.Context, path string, header http.Header, body []byte) (int, []byte, error) {
	if err := slackapi.Verify(access.NewSecret("shh"), header, body, noon); err != nil {
		a.t.Errorf("%s: %v", path, err)
	}
	a.sent = append(a.sent, path+" "+string(body))
	return a.status, []byte(a.bodies[path]), a.err
}

// payload returns the last interaction that was sent.
func (a *app) payload() (p struct {
	Type    string
	User    struct{ ID string }
	Value   string
	Actions []struct {
		Value    string
		ActionID string `json:"action_id"`
	}
	View struct {
		State struct {
			Values map[string]map[string]struct {
				Value    string
				Selected *struct{ Value string } `json:"selected_option"`
			}
		}
	}
}) {
	a.t.Helper()
	_, body, _ := strings.Cut(a.sent[len(a.sent)-1], " ")
	form, err := url.ParseQuery(body)
	if err == nil {
		err = json.Unmarshal([]byte(form.Get("payload")), &p)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	return p
}

func newUI(b *testServer) (UI, *app) {
	a := &app{t: b.t, status: http.StatusOK, bodies: map[string]string{}}
	return UI{Slack: b.Server, Post: a.post, Secret: access.NewSecret("shh"), Now: func() time.Time { return b.now }}, a
}

func (u UI) must(t *testing.T, a UserAction) Outcome {
	t.Helper()
	out, err := u.Do(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheUISendsWhatSlackSends(t *testing.T) {
	b := newTestServer(t)
	u, a := newUI(b)
	line := `/aws-access payments-prod ReadOnly 2h "why"`
	a.bodies["/slack/commands"] = `{"text":"Asked for it."}`
	out := u.must(t, UserAction{As: "U0DEV1", Command: &line, Retry: 2})
	if out.Status != 200 || out.Body != a.bodies["/slack/commands"] || len(a.sent) != 2 || a.sent[0] != a.sent[1] ||
		!strings.Contains(a.sent[0], "user_id=U0DEV1") {
		t.Errorf("a command: %+v, sent %q", out, a.sent)
	}
	if all := b.Messages(); len(all) != 2 || all[1].To != "U0DEV1" || all[1].Text != "Asked for it." {
		t.Errorf("the responses are not shown: %+v", all)
	}
	m := b.post("C0APPROVALS", card)
	u.must(t, UserAction{As: "U0LEAD1", Click: "Approve", On: m.Channel + "/" + m.TS})
	if p := a.payload(); p.Type != "block_actions" || p.User.ID != "U0LEAD1" || p.Actions[0].ActionID != "approve" ||
		p.Actions[0].Value != "r1" {
		t.Errorf("a click: %+v", p)
	}
}

// The UI fills in a form as a user does. It also sends values that the menus do
// not offer, as a tampered client would.
func TestTheUIFillsInForms(t *testing.T) {
	b := newTestServer(t)
	u, a := newUI(b)
	view := b.open("U0DEV1", requestForm)
	a.bodies["/slack/options"] = `{"options":[` + optPayments + `]}`
	typed := "pay"
	out := u.must(t, UserAction{As: "U0DEV1", Type: &typed, Into: "Account", View: view})
	if !strings.Contains(out.Body, "payments-prod") || a.payload().Value != "pay" {
		t.Errorf("typing: %+v", out)
	}
	if out := u.must(t, UserAction{As: "U0DEV1", Submit: view}); out.Status != 0 ||
		!strings.Contains(out.Shown, "required") {
		t.Errorf("an empty form: %+v", out)
	}
	a.bodies["/slack/interactions"] = `{"response_action":"errors","errors":{"role":"There is no such role."}}`
	u.Timeout = time.Minute
	values := Values(map[string]string{
		"Account": "payments-prod", "Role": "Root", "How long": "2h", "Reason": "<why>",
	})
	out = u.must(t, UserAction{As: "U0DEV1", Submit: view, Values: values})
	held := a.payload().View.State.Values
	if held["account"]["account"].Selected.Value != "111111111111" || held["role"]["role"].Selected.Value != "Root" ||
		held["for"]["for"].Value != "2h" || held["reason"]["reason"].Value != "<why>" {
		t.Errorf("the form holds %+v", held)
	}
	if out.Shown != "There is no such role." {
		t.Errorf("the user is shown %q", out.Shown)
	}
	a.bodies["/slack/interactions"] = ""
	u.must(t, UserAction{As: "U0DEV1", Close: view})
	if p := a.payload(); p.Type != "view_closed" || len(b.Views()) != 0 {
		t.Errorf("closed: %+v, %d views", p, len(b.Views()))
	}
}

// Slack gives up after three seconds, and accepts no status but 200.
func TestTheUserSeesWhyTheAppFailed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*UI, *app)
		shown  string
	}{
		"fails": {func(_ *UI, a *app) {
			a.status = http.StatusInternalServerError
		}, `failed with the error "dispatch_failed"`},
		"no response": {func(_ *UI, a *app) {
			a.status, a.err = 0, errors.New("reset")
		}, `failed with the error "dispatch_failed"`},
		"late":          {func(u *UI, _ *app) { u.Timeout = 1 }, `failed with the error "operation_timeout"`},
		"other command": {func(*UI, *app) {}, "is not a valid command"},
	} {
		b := newTestServer(t)
		u, a := newUI(b)
		c.change(&u, a)
		line := Command
		if name == "other command" {
			line = "/nothing"
		}
		if out := u.must(t, UserAction{As: "U0DEV1", Command: &line}); !strings.Contains(out.Shown, c.shown) {
			t.Errorf("%s: %+v, want %s", name, out, c.shown)
		}
		if n := len(b.Messages()); n != 0 {
			t.Errorf("%s: %d messages are shown", name, n)
		}
	}
}

func TestImpossibleActionsAreRefused(t *testing.T) {
	b := newTestServer(t)
	u, _ := newUI(b)
	m, view, line := b.post("C0APPROVALS", card), b.open("U0DEV1", requestForm), Command
	for want, a := range map[string]UserAction{
		"exactly one of":                  {As: "U0DEV1"},
		"nobody here has that id":         {As: "U0NOBODY", Command: &line},
		"1 to 100":                        {As: "U0DEV1", Command: &line, Retry: 101},
		`"<channel>/<ts>"`:                {As: "U0DEV1", Click: "Approve", On: "C0APPROVALS"},
		"has, and had, no button":         {As: "U0DEV1", Click: "Revoke", On: m.Channel + "/" + m.TS},
		`has no button "Approve"`:         {As: "U0DEV1", Click: "Approve", View: view},
		"is not a searchable menu":        {As: "U0DEV1", Type: &line, Into: "Role", View: view},
		"it has: Account, Role, How long": {As: "U0DEV1", Choose: &line, Into: "Ticket", View: view},
		`there is no view "V1"`:           {As: "U0DEV1", Submit: "V1"},
		`there is no view "V2"`:           {As: "U0DEV1", Close: "V2"},
		`has no input "Nothing"`:          {As: "U0DEV1", Submit: view, Values: Values(map[string]string{"Nothing": "x"})},
	} {
		if _, err := u.Do(t.Context(), a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", a, err, want)
		}
	}
}

func TestTheUIReachesAnAppOverHTTP(t *testing.T) {
	b := newTestServer(t)
	u, _ := newUI(b)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		if err := slackapi.Verify(u.Secret, r.Header, body.Bytes(), noon); err != nil || r.URL.Path != "/slack/commands" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	defer server.Close()
	u.Post = PostOverHTTP(server.Client(), server.URL)
	line := Command
	if out := u.must(t, UserAction{As: "U0DEV1", Command: &line}); out.Status != http.StatusTeapot {
		t.Errorf("got %+v", out)
	}
	server.Close()
	if out := u.must(t, UserAction{As: "U0DEV1", Command: &line}); out.Status != 0 ||
		!strings.Contains(out.Shown, "dispatch_failed") {
		t.Errorf("without a server: %+v", out)
	}
}

func TestARevokedTokenIsRefused(t *testing.T) {
	b := newTestServer(t)
	b.mustOK(b.form("auth.test"))
	b.SetToken(access.NewSecret("xoxb-next"))
	if o := b.form("auth.test"); o["error"] != "invalid_auth" {
		t.Errorf("got %v", o)
	}
	b.mustOK(b.form("auth.test", "token", "xoxb-next"))
}
