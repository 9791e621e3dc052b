package slackapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// canaries must be in no error.
const (
	goodToken = "xoxb-canary-token"
	oldToken  = "xoxb-canary-old"
	canary    = "canary-text"
)

// bench is a client and the workspace that it calls over HTTP.
type bench struct {
	*slackfake.Server
	client *Client
	now    time.Time
	tokens []string // what Token gives: the first, and from a fresh read on the last
	fresh  int
	fault  string // how every call goes wrong
	calls  map[string]int
	bodies []string
}

func newBench(t *testing.T) *bench {
	b := &bench{now: noon, tokens: []string{goodToken}, calls: make(map[string]int)}
	b.Server = slackfake.NewSandbox(slackfake.Options{
		Token: access.NewSecret(goodToken), Now: func() time.Time { return b.now },
		Fault: func(string) slackfake.Fault { return slackfake.Fault{How: b.fault} }, Count: func(op string) { b.calls[op]++ },
	})
	server := httptest.NewServer(http.StripPrefix("/slack-api", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.bodies = append(b.bodies, string(body))
		r.Body = io.NopCloser(bytes.NewReader(body))
		b.ServeHTTP(w, r)
	})))
	t.Cleanup(server.Close)
	b.SetBaseURL(server.URL + "/slack-api")
	b.client = b.clientOf(server.URL+"/slack-api", "T0SANDBOX", "")
	return b
}

func (b *bench) clientOf(base, team, enterprise string) *Client {
	return New(Options{BaseURL: base, Team: team, Enterprise: enterprise, Token: b.token})
}

func (b *bench) token(_ context.Context, fresh bool) (access.Secret, error) {
	if fresh {
		b.fresh++
		return access.NewSecret(b.tokens[len(b.tokens)-1]), nil
	}
	return access.NewSecret(b.tokens[0]), nil
}

func section(text string) []slack.Block {
	return []slack.Block{slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, text, false, false), nil, nil)}
}

func form() slack.ModalViewRequest {
	return slack.ModalViewRequest{Type: slack.VTModal, Title: slack.NewTextBlockObject(slack.PlainTextType, "Form", false, false), Blocks: slack.Blocks{BlockSet: section("x")}}
}

var ctx = context.Background()

func TestAMessageIsPostedUpdatedAndAnswered(t *testing.T) {
	b := newBench(t)
	channel, ts, err := b.client.Post(ctx, "U0DEV1", Message{Text: "granted", Blocks: section("granted")})
	if err != nil || !strings.HasPrefix(channel, "D") {
		t.Fatalf("post to a person: channel %q, %v; want the direct channel", channel, err)
	}
	if err := b.client.Update(ctx, channel, ts, Message{Text: "over"}); err != nil {
		t.Fatal(err)
	}
	m, _ := b.Message(channel, ts)
	if m.Text != "over" || string(m.Blocks) != "[]" || m.DMWith != "U0DEV1" {
		t.Errorf("after the update: got %+v, want the blocks gone", m)
	}
	_, answer, err := b.client.Post(ctx, channel, Message{Text: "reminder", Thread: ts})
	if m, _ := b.Message(channel, answer); err != nil || m.ThreadTS != ts {
		t.Errorf("an answer: thread %q (%v), want %s", m.ThreadTS, err, ts)
	}
	opened, err := b.client.OpenDM(ctx, "U0DEV1")
	if err != nil || opened != channel {
		t.Errorf("OpenDM: got %q (%v), want %s", opened, err, channel)
	}
	if err := b.client.PostEphemeral(ctx, channel, "U0DEV1", Message{Text: "keys"}); err != nil {
		t.Fatal(err)
	}
	if last := b.Messages()[2]; last.To != "U0DEV1" || last.Text != "keys" {
		t.Errorf("ephemeral: got %+v", last)
	}
	for _, body := range b.bodies {
		if strings.Contains(body, "text=") && (!strings.Contains(body, "unfurl_links=false") || !strings.Contains(body, "unfurl_media=false")) {
			t.Errorf("links are unfurled: %s", body)
		}
	}
}

func TestFormsOpenAndChange(t *testing.T) {
	b := newBench(t)
	if err := b.client.OpenView(ctx, b.NewTrigger("U0DEV1"), form()); err != nil {
		t.Fatal(err)
	}
	v := b.Views()[0]
	next := form()
	next.Title.Text = "Next"
	if _, err := b.client.UpdateView(ctx, v.ID, v.Hash, next); err != nil {
		t.Fatal(err)
	}
	if got := b.Views()[0].Title; got != "Next" {
		t.Errorf("title %q, want Next", got)
	}
	if _, err := b.client.UpdateView(ctx, v.ID, v.Hash, next); Code(err) != "hash_conflict" {
		t.Errorf("with an old hash: got %v, want hash_conflict", err)
	}
}

func TestRespondAnswersOnlyWhoClickedAndLeavesTheMessage(t *testing.T) {
	b := newBench(t)
	channel, ts, err := b.client.Post(ctx, "C0APPROVALS", Message{Text: "card"})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.client.Respond(ctx, b.NewResponseURL("U0DEV2", channel, ts), Message{Text: "not you", Blocks: section("not you")}); err != nil {
		t.Fatal(err)
	}
	all := b.Messages()
	if len(all) != 2 || all[0].Text != "card" || all[1].To != "U0DEV2" || !all[1].FromResponseURL {
		t.Errorf("got %+v", all)
	}
	if body := b.bodies[1]; !strings.Contains(body, `"unfurl_links":false`) || !strings.Contains(body, `"replace_original":false`) {
		t.Errorf("got %s", body)
	}
}

// The address comes out of a payload: a request forged with a stolen signing
// secret must not make the function call into its own network.
func TestRespondCallsNobodyButSlack(t *testing.T) {
	called := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
	defer elsewhere.Close()
	deployed := New(Options{Token: (&bench{tokens: []string{goodToken}}).token, HTTP: &http.Client{Transport: deadEnd{}}})
	for _, address := range []string{
		elsewhere.URL, "http://hooks.slack.com/x", "https://hooks.slack.com.example.com/x", "https://example.com/hooks.slack.com",
		"https://hooks.slack.com@example.com/x", "https://hooks.slack.com:8443/x", "https://user@hooks.slack.com/x", "http://169.254.169.254/latest",
		"https://127.0.0.1/x", "https://localhost/x", "file:///etc/passwd", "//hooks.slack.com/x", "hooks.slack.com/x", "", "https://hooks.slack.com\\@example.com/", "%",
	} {
		if err := deployed.Respond(ctx, address, Message{Text: canary}); Code(err) != "not_slack" || !Permanent(err) {
			t.Errorf("%s: got %v, want not_slack", address, err)
		}
	}
	if err := deployed.Respond(ctx, "https://hooks.slack.com/actions/T1/2/secretpart", Message{Text: canary}); Code(err) == "not_slack" {
		t.Errorf("Slack's own: got %v", err)
	}
	for host, own := range map[string]string{"": "hooks.slack.com", "slack.com": "hooks.slack.com",
		"slack-gov.com": "hooks.slack-gov.com"} {
		there := New(Options{Host: host, Token: (&bench{tokens: []string{goodToken}}).token,
			HTTP: &http.Client{Transport: deadEnd{}}})
		for _, hooks := range []string{"hooks.slack.com", "hooks.slack-gov.com", "hooks.slack.com.slack-gov.com"} {
			err := there.Respond(ctx, "https://"+hooks+"/actions/T1/2/secretpart", Message{Text: canary})
			if got := Code(err) != "not_slack"; got != (hooks == own) {
				t.Errorf("at %q, %s: got %v", host, hooks, err)
			}
		}
	}
	played := newBench(t).client
	for address, want := range map[string]string{"http://169.254.169.254/latest": "not_slack", "http://10.0.0.1/x": "not_slack", "http://localhost.example.com/": "not_slack"} {
		if err := played.Respond(ctx, address, Message{Text: canary}); Code(err) != want {
			t.Errorf("%s with Slack played here: got %v, want %s", address, err, want)
		}
	}
	if called != 0 {
		t.Errorf("%d calls went elsewhere", called)
	}
}

// A workspace of GovSlack stands on a host of its own, and shares nothing with slack.com.
func TestTheWebAPIIsThatOfTheHost(t *testing.T) {
	for host, want := range map[string]string{"": "slack.com/api/auth.test", "slack.com": "slack.com/api/auth.test",
		"slack-gov.com": "slack-gov.com/api/auth.test"} {
		called := ""
		client := New(Options{Host: host, Token: (&bench{tokens: []string{goodToken}}).token,
			HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) {
				called = r.URL.Host + r.URL.Path
			})}})
		if _, err := client.Bot(ctx); err == nil || called != want {
			t.Errorf("%q: called %q (%v), want %s", host, called, err, want)
		}
	}
}

// roundTrip is a network that tells what was called, and answers nothing.
type roundTrip func(*http.Request)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return nil, errors.New("no route")
}

// deadEnd is a network that reaches nobody.
type deadEnd struct{}

func (deadEnd) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }

func TestARedirectIsNotFollowed(t *testing.T) {
	called := 0
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
	defer target.Close()
	server := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	client := (&bench{tokens: []string{goodToken}}).clientOf(server.URL, "T", "")
	if _, err := client.OpenDM(ctx, "U0DEV1"); err == nil {
		t.Error("a redirect is no answer")
	}
	if err := client.Respond(ctx, server.URL+"/response/x", Message{Text: "x"}); err == nil {
		t.Error("a redirect is no answer")
	}
	if called != 0 {
		t.Errorf("%d redirects were followed", called)
	}
}

func TestARotatedTokenIsReadAgainOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		tokens []string
		fresh  int
		calls  int
		code   string
	}{
		{"good", []string{goodToken}, 0, 1, ""},
		{"rotated", []string{oldToken, goodToken}, 1, 2, ""},
		{"refused and the same", []string{oldToken}, 1, 1, "invalid_auth"},
		{"refused twice", []string{oldToken, oldToken + "er"}, 1, 2, "invalid_auth"},
	} {
		b := newBench(t)
		b.tokens = c.tokens
		_, err := b.client.OpenDM(ctx, "U0DEV1")
		if Code(err) != c.code || b.fresh != c.fresh || b.calls["slack:conversations.open"] != c.calls {
			t.Errorf("%s: got %v, %d fresh reads, %d calls; want %q, %d, %d", c.name, err, b.fresh, b.calls["slack:conversations.open"], c.code, c.fresh, c.calls)
		}
	}
	broken := errors.New("no such parameter")
	c := New(Options{Token: func(context.Context, bool) (access.Secret, error) { return access.Secret{}, broken }})
	if _, err := c.OpenDM(ctx, "U0DEV1"); !errors.Is(err, broken) {
		t.Errorf("a token that cannot be read: got %v, want %v", err, broken)
	}
}

// Which errors are worth another try, and which are not.
func TestErrorsSayWhetherAnotherTryCanHelp(t *testing.T) {
	gone := func(b *bench) {
		b.SetChannel(slackfake.Channel{ID: "C0OPS", Archived: true})
	}
	post := func(channel string) func(*bench) error {
		return func(b *bench) error {
			_, _, err := b.client.Post(ctx, channel, Message{Text: canary, Blocks: section(canary)})
			return err
		}
	}
	for _, c := range []struct {
		name      string
		before    func(*bench)
		do        func(*bench) error
		code      string
		permanent bool
		wait      time.Duration // -1: not about a rate limit
	}{
		{"no channel", nil, post("C0NONE"), "channel_not_found", true, -1},
		{"archived", gone, post("C0OPS"), "is_archived", true, -1},
		{"not invited", func(b *bench) { b.SetChannel(slackfake.Channel{ID: "C0OPS", BotOut: true}) }, post("C0OPS"), "not_in_channel", true, -1},
		{"no message", nil, func(b *bench) error { return b.client.Update(ctx, "C0OPS", "1.000001", Message{Text: canary}) }, "message_not_found", true, -1},
		{"another's message", nil, func(b *bench) error {
			return b.client.Update(ctx, "C0OPS", b.PostAs("U0DEV1", "C0OPS", "x"), Message{Text: canary})
		}, "cant_update_message", true, -1},
		{"bad blocks", nil, func(b *bench) error {
			_, _, err := b.client.Post(ctx, "C0OPS", Message{Text: canary, Blocks: section(strings.Repeat(canary, 300))})
			return err
		}, "invalid_blocks", true, -1},
		{"bad view", nil, func(b *bench) error {
			v := form()
			v.Title.Text = strings.Repeat("t", 25)
			return b.client.OpenView(ctx, b.NewTrigger("U0DEV1"), v)
		}, "invalid_arguments", true, -1},
		{"no trigger", nil, func(b *bench) error { return b.client.OpenView(ctx, "", form()) }, "invalid_arguments", true, -1},
		{"late", nil, func(b *bench) error {
			id := b.NewTrigger("U0DEV1")
			b.now = b.now.Add(3 * time.Second)
			return b.client.OpenView(ctx, id, form())
		}, "expired_trigger_id", true, -1},
		{"no group", nil, func(b *bench) error { _, err := b.client.Group(ctx, "S0NONE"); return err }, "no_such_subteam", true, -1},
		{"outside the channel", nil, func(b *bench) error {
			return b.client.PostEphemeral(ctx, "C0OPS", "U0OUTSIDE", Message{Text: canary})
		}, "user_not_in_channel", true, -1},
		{"too long to post", nil, func(b *bench) error {
			_, _, err := b.client.Post(ctx, "C0OPS", Message{Text: strings.Repeat("é", MaxText+1)})
			return err
		}, "msg_too_long", true, -1},
		{"too long to update", nil, func(b *bench) error {
			return b.client.Update(ctx, "C0OPS", "1.000001", Message{Text: strings.Repeat("é", MaxUpdateText+1)})
		}, "msg_too_long", true, -1},
		{"an old response url", nil, func(b *bench) error {
			address := b.NewResponseURL("U0DEV1", "C0OPS", "")
			b.now = b.now.Add(time.Hour)
			return b.client.Respond(ctx, address, Message{Text: canary})
		}, "expired_url", true, -1},
		{"a used response url", nil, func(b *bench) error {
			address := b.NewResponseURL("U0DEV1", "C0OPS", "")
			for range 5 {
				if err := b.client.Respond(ctx, address, Message{Text: canary}); err != nil {
					return err
				}
			}
			return b.client.Respond(ctx, address, Message{Text: canary})
		}, "used_url", true, -1},
		{"a refused token", func(b *bench) { b.tokens = []string{oldToken} }, post("C0OPS"), "invalid_auth", false, -1},
		{"a rate limit", func(b *bench) { b.fault = "429" }, post("C0OPS"), "", false, time.Second},
		{"a rate limit on a response url", func(b *bench) { b.fault = "429" }, respond, "", false, time.Second},
		{"Slack down", func(b *bench) { b.fault = "error" }, post("C0OPS"), "", false, -1},
		{"Slack down for a response url", func(b *bench) { b.fault = "error" }, respond, "", false, -1},
		{"the answer lost", func(b *bench) { b.fault = "lost" }, post("C0OPS"), "", false, -1},
	} {
		b := newBench(t)
		if c.before != nil {
			c.before(b)
		}
		err := c.do(b)
		wait, limited := RetryAfter(err)
		if !limited {
			wait = -1
		}
		if err == nil || Code(err) != c.code || Permanent(err) != c.permanent || wait != c.wait {
			t.Errorf("%s: got %v, permanent %v, wait %s; want %q, %v, %s", c.name, err, Permanent(err), wait, c.code, c.permanent, c.wait)
		}
		quiet(t, err)
	}
}

func respond(b *bench) error {
	return b.client.Respond(ctx, b.NewResponseURL("U0DEV1", "C0OPS", ""), Message{Text: canary})
}

// quiet fails the test if an error tells what it must not.
func quiet(t *testing.T, err error) {
	t.Helper()
	for _, way := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		if strings.Contains(way, "canary") || strings.Contains(way, "/response/") || strings.Contains(way, "secretpart") {
			t.Errorf("an error tells: %s", way)
		}
	}
}

func TestErrorsOfTheNetworkTellNothing(t *testing.T) {
	long := strings.Repeat("x", maxAnswer+1)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		cause  error
	}{
		"a page of HTML": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>"+canary) }, nil},
		"odd errors": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"ok":false,"errors":[{"x":"`+canary+`"}]}`)
		}, nil},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"ok":true,"padding":"`+long)
		}, ErrTooLarge},
		"hung up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, errUnreachable},
	} {
		server := httptest.NewServer(c.answer)
		client := (&bench{tokens: []string{goodToken}}).clientOf(server.URL, "T0SANDBOX", "")
		_, err := client.Person(ctx, "U0DEV1")
		if err == nil || c.cause != nil && !errors.Is(err, c.cause) || Permanent(err) {
			t.Errorf("%s: got %v, want %v", name, err, c.cause)
		}
		quiet(t, err)
		server.Close()
		// The server is gone: the address stays out of the error.
		err = client.Respond(ctx, server.URL+"/response/secretpart", Message{Text: canary})
		if !errors.Is(err, errUnreachable) {
			t.Errorf("%s: a server that is gone: got %v", name, err)
		}
		quiet(t, err)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	b := newBench(t)
	b.fault = "slow"
	late, stop := context.WithTimeout(ctx, time.Millisecond)
	defer stop()
	if _, err := b.client.OpenDM(late, "U0DEV1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	gone, leave := context.WithCancel(ctx)
	leave()
	if err := b.client.Respond(gone, b.NewResponseURL("U0DEV1", "C0OPS", ""), Message{Text: "x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestWhoSomebodyIs(t *testing.T) {
	yes, no := true, false
	other, unproven, twin := "T0OTHER", "new@example.com", "\u212aate@example.com"
	b := newBench(t)
	for _, change := range []slackfake.UserChange{
		{ID: "U0SINGLE", UltraRestricted: &yes}, {ID: "U0OTHERGUEST", Team: &other, Restricted: &yes, Email: &unproven},
		{ID: "U0OTHERBOT", Team: &other, Bot: &yes}, {ID: "U0GONEBOT", Bot: &yes, Deleted: &yes}, {ID: "USLACKBOT"},
		{ID: "U0UNPROVEN", Email: &unproven, EmailConfirmed: &no}, {ID: "U0TWIN", Email: &twin},
	} {
		if err := b.SetUser(change); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []access.Person{
		{ID: "U0DEV1", Name: "dev1", Email: "dev1@example.com", Membership: access.Member},
		{ID: "U0UNPROVEN", Name: "u0unproven", UnverifiedEmail: unproven, Membership: access.Member},
		{ID: "U0TWIN", Name: "u0twin", UnverifiedEmail: twin, Membership: access.Member},
		{ID: "U0GUEST", Name: "guest", UnverifiedEmail: "guest@example.com", Membership: access.Guest},
		{ID: "U0SINGLE", Name: "u0single", Membership: access.Guest},
		{ID: "U0BOT", Name: "bot", Membership: access.Bot},
		{ID: "USLACKBOT", Name: "uslackbot", Membership: access.Bot},
		{ID: "U0GONE", Name: "gone", UnverifiedEmail: "gone@example.com", Membership: access.Deactivated},
		{ID: "U0GONEBOT", Name: "u0gonebot", Membership: access.Deactivated},
		{ID: "U0OUTSIDE", Name: "outside", Membership: access.Outsider},
		{ID: "U0OTHERGUEST", Name: "u0otherguest", UnverifiedEmail: unproven, Membership: access.Outsider},
		{ID: "U0OTHERBOT", Name: "u0otherbot", Membership: access.Outsider},
	} {
		got, err := b.client.Person(ctx, want.ID)
		if err != nil || got != want {
			t.Errorf("got %+v (%v), want %+v", got, err, want)
		}
	}
}

func TestWhoBelongsToTheWorkspace(t *testing.T) {
	user := func(team, enterprise string, teams ...string) slack.User {
		return slack.User{ID: "U0X", TeamID: team, Enterprise: slack.EnterpriseUser{EnterpriseID: enterprise, Teams: teams}}
	}
	stranger := user("T1", "")
	stranger.IsStranger = true
	appUser := user("T1", "")
	appUser.IsAppUser, appUser.IsInvitedUser = true, true
	workflow := user("T1", "")
	workflow.IsWorkflowBot = true
	for _, c := range []struct {
		team, enterprise string
		user             slack.User
		want             access.Membership
	}{
		{"T1", "", user("T1", ""), access.Member},
		{"T1", "", user("T2", ""), access.Outsider},
		{"T1", "", user("", ""), access.Outsider},
		{"", "", user("", ""), access.Outsider},
		{"T1", "", user("T2", "E1", "T1"), access.Outsider},
		{"T1", "E1", user("T1", "E1", "T1"), access.Member},
		{"T1", "E1", user("T2", "E1", "T2", "T1"), access.Member},
		{"T1", "E1", user("T2", "E1", "T2"), access.Outsider},
		{"T1", "E1", user("T1", "E2", "T1"), access.Outsider},
		{"T1", "E1", user("T1", ""), access.Outsider},
		{"", "E1", user("T2", "E1", "T2"), access.Member},
		{"", "E1", user("T2", "E2", "T2"), access.Outsider},
		{"T1", "", stranger, access.Outsider},
		{"T1", "", workflow, access.Bot},
		{"T1", "", appUser, access.Member},
		{"T1", "", slack.User{TeamID: "T1"}, ""},
	} {
		if got := New(Options{Team: c.team, Enterprise: c.enterprise}).membership(c.user); got != c.want {
			t.Errorf("team %q, enterprise %q, user %+v: got %q, want %q", c.team, c.enterprise, c.user.Enterprise, got, c.want)
		}
	}
}

func TestEverybodyIsReadInPages(t *testing.T) {
	b := newBench(t)
	for i := range 2500 {
		address := fmt.Sprintf("p%d@example.com", i)
		if err := b.SetUser(slackfake.UserChange{ID: fmt.Sprintf("U1%04d", i), Email: &address}); err != nil {
			t.Fatal(err)
		}
	}
	var people []access.Person
	var cursors []string
	for cursor := ""; ; {
		page, next, err := b.client.People(ctx, cursor)
		if err != nil {
			t.Fatal(err)
		}
		people = append(people, page...)
		if cursor = next; cursor == "" {
			break
		}
		cursors = append(cursors, cursor)
	}
	if len(people) != 2508 || b.calls["slack:users.list"] != 3 || len(cursors) != 2 {
		t.Fatalf("%d people in %d calls, want 2508 in 3", len(people), b.calls["slack:users.list"])
	}
	want := access.Person{ID: "U0LEAD1", Name: "lead1", Email: "lead1@example.com", Membership: access.Member}
	if i := slices.IndexFunc(people, func(p access.Person) bool { return p.ID == want.ID }); i < 0 || people[i] != want {
		t.Errorf("got %+v, want %+v", people[max(i, 0)], want)
	}
	if _, _, err := b.client.People(ctx, "made-up"); !errors.Is(err, access.ErrCursor) {
		t.Errorf("a cursor that Slack does not take: got %v, want %v", err, access.ErrCursor)
	}
	b.fault = "429"
	page, _, err := b.client.People(ctx, "")
	var limited *Error
	if !errors.As(err, &limited) || page != nil {
		t.Fatalf("got %d people, %v; want nobody and an error of Slack", len(page), err)
	}
	if wait, ok := limited.RetryAfter(); !ok || wait <= 0 {
		t.Errorf("got %v to wait (%v), want what Slack said", wait, ok)
	}
}

// A user whom Slack does not show is nobody of this workspace; a profile that
// cannot be read now is an error.
func TestAUserWhomSlackDoesNotShowIsAnOutsider(t *testing.T) {
	b := newBench(t)
	if p, err := b.client.Person(ctx, "U0NOBODY"); err != nil || p.Membership != access.Outsider {
		t.Errorf("got %+v (%v), want an outsider", p, err)
	}
	b.fault = "error"
	if p, err := b.client.Person(ctx, "U0DEV1"); err == nil || p.Membership != "" {
		t.Errorf("Slack down: got %+v (%v), want an error and no standing", p, err)
	}
}

func TestGroupsAreReadAndAMissingOneSaysSo(t *testing.T) {
	b := newBench(t)
	members, err := b.client.Group(ctx, "S0DEVS")
	if err != nil || !slices.Equal(members, []string{"U0DEV1", "U0DEV2"}) {
		t.Errorf("got %v (%v)", members, err)
	}
	if _, err := b.client.Group(ctx, "S0NONE"); !errors.Is(err, ErrNoGroup) {
		t.Errorf("got %v, want %v", err, ErrNoGroup)
	}
	b.fault = "error"
	if _, err := b.client.Group(ctx, "S0DEVS"); err == nil || errors.Is(err, ErrNoGroup) {
		t.Errorf("Slack down: got %v, want an error that is not %v", err, ErrNoGroup)
	}
}
