package world_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-access/aws-access/cmd/sandbox/controls"
	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/vend"
)

// canaryOwner is who asks, and is the only one to be given anything.
const canaryOwner = "U0DEV1"

// Secrets appear in nothing that is logged, stored, queued or counted, and in
// no message but the requester's own, whatever goes wrong.
func TestCanariesAreSeenByTheRequesterAlone(t *testing.T) {
	for name, c := range map[string]struct {
		faults []world.Fault
		echo   string // the service that answers with a page that repeats what was sent
		tokens int    // bytes of a session token
		gets   int    // private answers with a secret
	}{
		"nothing goes wrong":    {gets: 2 + otherForms},
		"tokens of full length": {tokens: world.MaxTokenBytes, gets: 2 + 2*otherForms},
		"half of the keys is lost": {tokens: world.MaxTokenBytes, faults: []world.Fault{
			{At: "slack:chat.postEphemeral", How: sandboxtest.NoFault, Times: 1}, {At: "slack:chat.postEphemeral", How: world.FaultError},
		}, gets: 1},
		"no answer can be posted": {faults: []world.Fault{{At: "slack:chat.postEphemeral", How: world.FaultError}}},
		"posted, and answered so": {faults: []world.Fault{{At: "slack:chat.postEphemeral", How: world.FaultLost, Times: 2}},
			gets: 4 + otherForms},
		"sign-in fails with a page":   {faults: []world.Fault{{At: "signin:getSigninToken", How: world.FaultError}}, gets: 1 + otherForms},
		"sign-in repeats what it got": {echo: "signin", gets: 1 + otherForms},
		"STS fails":                   {faults: []world.Fault{{At: "sts:AssumeRole", How: world.FaultError}}},
		"STS loses its answer":        {faults: []world.Fault{{At: "sts:AssumeRole", How: world.FaultLost}}},
		"STS repeats what it got":     {echo: "sts"},
		"the table fails afterwards":  {faults: []world.Fault{{At: "store:save", How: sandboxtest.NoFault, Times: 1}, {At: "store:save", How: world.FaultError, Times: 3}}, gets: 1},
		"all answers are lost":        {faults: []world.Fault{{At: "*", How: world.FaultLost, Times: 40}}, gets: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAviary(t, c.echo, func(s *world.Settings) { s.TokenBytes = c.tokens })
			a.lives(c.faults)
			if got := len(a.posted()); got != c.gets && c.gets >= 0 {
				t.Errorf("%d private answers carry a secret, want %d", got, c.gets)
			}
			if c.gets > 0 && len(a.canaries) < 8 {
				t.Errorf("only %d canaries were caught", len(a.canaries))
			}
			for _, found := range a.search() {
				t.Error(found)
			}
		})
	}
}

// The search finds a canary wherever one could be, and in the forms that it
// could have.
func TestTheSearchFindsAPlantedCanary(t *testing.T) {
	a := newAviary(t, "")
	a.lives(nil)
	var key string
	for name, secret := range a.canaries {
		if strings.HasPrefix(name, "a secret key") {
			key = secret
		}
	}
	st := a.stage
	for place, plant := range map[string]func(){
		"the log":             func() { slog.New(slog.NewJSONHandler(a.Logs, nil)).Info("x", "y", key) },
		"the log, half of it": func() { slog.New(slog.NewJSONHandler(a.Logs, nil)).Info("x", "y", key[:30]) },
		"the log, encoded": func() {
			slog.New(slog.NewJSONHandler(a.Logs, nil)).Info("x", "y", base64.StdEncoding.EncodeToString([]byte(key)))
		},
		"the log, as a query":     func() { slog.New(slog.NewJSONHandler(a.Logs, nil)).Info("x", "y", url.QueryEscape(key)) },
		"the table":               func() { st.Store.Put(store.Item{PK: "x", SK: "y", Format: store.Format, Body: `"` + key + `"`}) },
		"an event or its answer":  func() { _, _ = st.Invoke(context.Background(), "tick", []byte(`{"id":"`+key+`"}`)) },
		"the state":               func() { st.Calls.Count(key) },
		"the state, as a message": func() { st.Slack.PostAs("U0LEAD1", "C0OPS", key) },
		"the state, for another":  func() { st.Slack.ShowCommandResponse("U0LEAD1", slackfake.CommandChannel, []byte(key)) },
	} {
		known := len(a.search())
		plant()
		if got := len(a.search()); got == known {
			t.Errorf("%s: the search does not find what was planted there", place)
		}
	}
}

// aviary is a sandbox whose secrets are known.
type aviary struct {
	*sandboxtest.Sandbox
	stage *world.World

	mu       sync.Mutex
	canaries map[string]string // by name
	events   strings.Builder   // what the functions were called with, and answered
}

func newAviary(t *testing.T, echo string, change ...func(*world.Settings)) *aviary {
	b := sandboxtest.Start(t, sandboxtest.Policy(t), change...)
	a := &aviary{Sandbox: b, stage: b.World(), canaries: make(map[string]string)}
	st := a.stage
	a.keep("the signing secret", sandboxtest.SigningSecret)
	a.keep("the bot token", st.Secrets.BotToken.Reveal())
	a.keep("the external id", st.Secrets.ExternalID.Reveal())
	a.keep("the vend function's key", st.Secrets.VendKeys.SecretKey.Reveal())
	a.keep("the vend function's token", st.Secrets.VendKeys.SessionToken.Reveal())
	a.keep("the slack function's key", st.Secrets.SlackKeys.SecretKey.Reveal())

	v := st.VendFunction()
	if echo == "signin" {
		v.SignIn = vend.SignIn{HTTP: &http.Client{Transport: parrot{}}, Endpoint: st.PublicURL() + "/federation"}
	}
	if echo == "sts" {
		v.Step.STS = st.Assumer(parrot{})
	}
	v.Step.STS, v.SignIn = caughtSessions{a, v.Step.STS.Assume}, caughtLinks{a, v.SignIn.Link}
	st.ReplaceFunctions(func(name string, instance func() lambda.Handler) func() lambda.Handler {
		if name == "vend" {
			instance = func() lambda.Handler { return lambda.NewHandler(v.Handle) }
		}
		return func() lambda.Handler { return overheard{a, instance()} }
	})
	return a
}

// lives lets the requester get keys and a link while things go wrong.
func (a *aviary) lives(faults []world.Fault) {
	a.T.Helper()
	sandboxtest.Ask(a.Sandbox)
	a.Click("U0LEAD1", "Approve", a.Card("C0APPROVALS"))
	grant := a.Direct(canaryOwner)
	for _, f := range faults {
		a.stage.Faults.Add(f)
	}
	a.Click(canaryOwner, "Get temporary keys", grant)
	a.Click(canaryOwner, "Open AWS console", grant)
	a.Click("U0DEV2", "Get temporary keys", grant) // a tampered client
	if below := sandboxtest.Messages(a.State(),
		func(m slackfake.Message) bool { return strings.Contains(string(m.Blocks), `"JSON"`) }); len(below) > 0 {
		for _, label := range []string{"PowerShell", "Credentials file", "JSON"} {
			a.Click(canaryOwner, label, below[0])
		}
	}
	a.Advance("3m")
	a.stage.Faults.Clear()
	a.Click(canaryOwner, "I'm done", grant)
	a.Advance("3m")
}

// keep makes a secret a canary.
func (a *aviary) keep(name, secret string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(secret) < 16 {
		a.T.Errorf("%s is too short to be looked for: %q", name, secret)
	}
	for _, known := range a.canaries {
		if known == secret {
			return
		}
	}
	a.canaries[fmt.Sprintf("%s (%d)", name, len(a.canaries))] = secret
}

// secretIn finds what is secret in a private answer: in each form of keys, and
// in the parts that continue a token, which begin with it in the two files.
var secretIn = regexp.MustCompile("(?i)" +
	"(AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|SecretAccessKey|SessionToken|SigninToken|^```)" +
	"(?:\"? ?[:+]?= ?|\"|\": |\\n)['\"]?([A-Za-z0-9+/=_%-]{16,})")

// otherForms is how many buttons stand below keys.
const otherForms = 3

// posted are the private answers that carry a secret; what they carry is
// looked for too.
func (a *aviary) posted() (answers []string) {
	for _, m := range a.stage.Slack.Messages() {
		found := secretIn.FindAllStringSubmatch(m.Text, -1)
		if !owned(m) || len(found) == 0 {
			continue
		}
		answers = append(answers, m.Text)
		for _, one := range found {
			a.keep(one[1]+" in an answer", one[2])
		}
	}
	return answers
}

// owned reports whether the requester alone sees a message.
func owned(m slackfake.Message) bool { return m.To == canaryOwner && m.DMWith == canaryOwner }

// search looks for each canary in each place, and says where it stands.
func (a *aviary) search() (found []string) {
	a.posted()
	places := map[string]string{"the log": strings.Join(a.Logs.All(), ""), "the table": a.table(), "an event or its answer": a.heard(), "the state": a.counted()}
	for place, text := range places {
		if len(text) < 100 {
			a.T.Errorf("%s holds nothing: the search looks at the wrong thing", place)
		}
		for name, secret := range a.canaries {
			for _, form := range forms(secret) {
				for range strings.Count(text, form) {
					found = append(found, name+" stands in "+place)
				}
			}
		}
	}
	return found
}

// forms are the shapes in which a secret could stand somewhere: for each the
// middle of it, so that one that was cut is found too.
func forms(secret string) []string {
	all := []string{secret}
	for _, other := range []string{url.QueryEscape(secret), html.EscapeString(secret), base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret))} {
		if other != secret {
			all = append(all, other)
		}
	}
	for i, text := range all {
		if cut := len(text) / 4; len(text) >= 40 {
			all[i] = text[cut : len(text)-cut]
		}
	}
	return all
}

// table is everything that was ever written, as it stands and as the stream
// carries it.
func (a *aviary) table() string {
	records, _ := a.stage.Store.Records(0, 1<<20)
	return a.json(records) + a.json(a.stage.Store.All(context.Background())) + a.json(a.stage.Store.Events())
}

// counted is the state as anybody reads it, and the older versions of its
// messages, without what the requester alone sees.
func (a *aviary) counted() string {
	s := controls.ReadState(context.Background(), a.stage)
	s.Messages = slices.DeleteFunc(s.Messages, owned)
	text := a.json(s)
	for _, m := range s.Messages {
		text += a.json(m.History)
	}
	return text
}

// json writes as levers do, so that nothing hides behind an escape.
func (a *aviary) json(v any) string {
	a.T.Helper()
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		a.T.Fatal(err)
	}
	return out.String()
}

func (a *aviary) heard() string { a.mu.Lock(); defer a.mu.Unlock(); return a.events.String() }

// overheard is a function whose events, answers and errors are kept.
type overheard struct {
	a    *aviary
	next lambda.Handler
}

func (o overheard) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	answer, err := o.next.Invoke(ctx, event)
	o.a.mu.Lock()
	defer o.a.mu.Unlock()
	fmt.Fprintf(&o.a.events, "%s\n%s\n%v\n", event, answer, err)
	return answer, err
}

// caughtSessions keeps the secrets of every session, whether anybody is given
// them or not.
type caughtSessions struct {
	a      *aviary
	assume func(context.Context, access.Vending) (access.Credentials, error)
}

func (c caughtSessions) Assume(ctx context.Context, v access.Vending) (access.Credentials, error) {
	made, err := c.assume(ctx, v)
	if err == nil {
		c.a.keep("a secret key", made.SecretKey.Reveal())
		c.a.keep("a session token", made.SessionToken.Reveal())
	}
	return made, err
}

// caughtLinks keeps the token of every sign-in link.
type caughtLinks struct {
	a    *aviary
	link func(context.Context, access.Credentials, access.Target) (access.Secret, error)
}

func (c caughtLinks) Link(ctx context.Context, of access.Credentials, t access.Target) (access.Secret, error) {
	link, err := c.link(ctx, of, t)
	if err == nil {
		for _, one := range secretIn.FindAllStringSubmatch(link.Reveal(), -1) {
			c.a.keep("a sign-in token", one[2])
		}
	}
	return link, err
}

// parrot answers everything with a page that repeats what was sent.
type parrot struct{}

func (parrot) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	text, err := url.QueryUnescape(string(sent))
	page := "<html><title>" + text + "</title>" + html.EscapeString(text) + string(sent) + r.URL.String() + "</html>"
	return &http.Response{
		StatusCode: http.StatusForbidden, Status: "403 " + text, Header: http.Header{"Content-Type": {"text/html"}, "X-Amzn-Requestid": {text}},
		Body: io.NopCloser(strings.NewReader(page)), Request: r,
	}, err
}
