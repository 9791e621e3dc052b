package deployed_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/slackapi"
)

// send posts a signed body to the public address. change may change the request after
// it was signed.
func (w *world) send(method, path string, body []byte, change func(http.Header)) (status int, said string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, bytes.NewReader(body))
	if err != nil {
		w.t.Error(err)
		return 0, ""
	}
	r.Header = signed(w.signing.Reveal(), time.Now(), body)
	if change != nil {
		change(r.Header)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Error(err)
		return 0, ""
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text)
}

func signed(secret string, at time.Time, body []byte) http.Header {
	stamp, signature := slackapi.Sign(access.NewSecret(secret), at, body)
	return http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, slackapi.TimestampHeader: {stamp},
		slackapi.SignatureHeader: {signature},
	}
}

// typed returns the body of a command, as Slack sends it.
func (w *world) typed(user, text string) []byte {
	return []byte(w.slack.CommandPayload(user, slackfake.Command, text).Encode())
}

// ask is what is typed after the command.
var ask = strings.TrimPrefix(line, "/aws-access ")

// internetRequest is a request that is not accepted.
type internetRequest struct {
	method, path string
	body         []byte
	change       func(http.Header)
	status       int
}

// refusedRequests returns requests that the HTTP API or the function refuses: requests
// that Slack has not signed, or that are too large for the API, for Lambda or for the
// function. body is a valid one.
func (w *world) refusedRequests(body []byte) map[string]internetRequest {
	sign := func(secret string, at time.Duration, of []byte) func(http.Header) {
		return func(h http.Header) {
			for name, values := range signed(secret, time.Now().Add(at), of) {
				h[name] = values
			}
		}
	}
	good := w.signing.Reveal()
	padded := func(size int) []byte { return append(bytes.Clone(body), bytes.Repeat([]byte("x"), size-len(body))...) }
	return map[string]internetRequest{
		"unsigned": {"POST", "/slack/commands", body, func(h http.Header) { h.Del(slackapi.SignatureHeader) }, 401},
		"no time":  {"POST", "/slack/commands", body, func(h http.Header) { h.Del(slackapi.TimestampHeader) }, 401},
		"two signatures": {
			"POST", "/slack/commands", body, func(h http.Header) { h.Add(slackapi.SignatureHeader, "v0=00") }, 401,
		},
		"two times": {
			"POST", "/slack/commands", body, func(h http.Header) { h.Add(slackapi.TimestampHeader, "1") }, 401,
		},
		"forged":     {"POST", "/slack/commands", body, sign("guessed", 0, body), 401},
		"no secret":  {"POST", "/slack/commands", body, sign("", 0, body), 401},
		"other body": {"POST", "/slack/commands", body, sign(good, 0, body[1:]), 401},
		"stale":      {"POST", "/slack/commands", body, sign(good, -5*time.Minute-2*time.Second, body), 401},
		"ahead":      {"POST", "/slack/commands", body, sign(good, 5*time.Minute+2*time.Second, body), 401},
		"empty":      {"POST", "/slack/commands", nil, func(h http.Header) { h.Del(slackapi.SignatureHeader) }, 401},
		"not UTF-8":  {"POST", "/slack/commands", append(bytes.Clone(body), 0xff, 0xfe), nil, 400},
		"not UTF-8, as text": {
			"POST", "/slack/commands", append(bytes.Clone(body), 0xff, 0xfe), contentType("text/plain"), 400,
		},
		"zero bytes":        {"POST", "/slack/interactions", make([]byte, 100), nil, 400},
		"no payload":        {"POST", "/slack/interactions", []byte("payload=%7B"), nil, 400},
		"deep JSON":         {"POST", "/slack/interactions", []byte("payload=" + strings.Repeat("[", 100_000)), nil, 400},
		"1 MiB and a byte":  {"POST", "/slack/commands", padded(1<<20 + 1), nil, 413},
		"what Lambda takes": {"POST", "/slack/commands", padded(4_400_000), nil, 413},
		"more than Lambda":  {"POST", "/slack/commands", padded(5_000_000), nil, 413},
		"more than the API": {"POST", "/slack/commands", padded(10<<20 + 1), nil, 413},
		"no such path":      {"POST", "/slack/admin", body, nil, 404},
		"a path below":      {"POST", "/slack/commands/", body, nil, 404},
		"another method":    {"PUT", "/slack/commands", body, nil, 404},
		"reading":           {"GET", "/slack/commands", nil, nil, 404},
		"command as a form": {"POST", "/slack/interactions", body, nil, 400},
		"form as a menu":    {"POST", "/slack/options", body, nil, 400},
		"a function's own":  {"POST", "/2015-03-31/functions/aws-access-vend/invocations", []byte("{}"), nil, 404},
	}
}

// A request that was refused can still be sent as it should be: nothing was written.
func TestOnlyRequestsThatSlackSignedAreAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := w.typed("U0DEV1", ask)
	for name, c := range w.refusedRequests(body) {
		status, said := w.send(c.method, c.path, c.body, c.change)
		if status != c.status {
			t.Errorf("%s: got %d %.200s, want %d", name, status, said, c.status)
		}
	}
	w.must(w.quiet())
	if n := len(w.requests()); n != 0 {
		t.Errorf("%d requests were made", n)
	}
	if status, said := w.send("POST", "/slack/commands", body, nil); status != http.StatusOK ||
		!strings.Contains(said, "Asked for") {
		t.Errorf("the same request, signed: got %d %s", status, said)
	}
}

// The API passes on a body as text or in base64, by its type.
func TestASignedRequestIsAcceptedAsTextAndAtTheLargestSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		body   []byte
		change func(http.Header)
	}{
		"as it comes": {w.typed("U0DEV1", ask), nil},
		"as text":     {w.typed("U0DEV2", ask), contentType("text/plain")},
		"1 MiB": {
			append(w.typed("U0LEAD1", ask), []byte("&pad="+strings.Repeat("x", 1<<20-5-len(w.typed("U0LEAD1", ask))))...), nil,
		},
	} {
		if status, said := w.send("POST", "/slack/commands", c.body, c.change); status != http.StatusOK ||
			!strings.Contains(said, "Asked for") {
			t.Errorf("%s (%d bytes): got %d %s", name, len(c.body), status, said)
		}
	}
}

func contentType(kind string) func(http.Header) {
	return func(h http.Header) { h.Set("Content-Type", kind) }
}

var code = regexp.MustCompile(`"code":"([a-z_]+)"`)

// codes returns the codes of the refusals in the log of the slack function, in order.
func (w *world) codes() (all []string) {
	for _, found := range code.FindAllStringSubmatch(w.logs("slack"), -1) {
		all = append(all, found[1])
	}
	return all
}

// Each of these commands and clicks is answered with its reason.
func TestRefusedInputMovesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refused := func(code string, do func()) {
		before := len(w.codes())
		do()
		if got := w.codes(); len(got) != before+1 || got[before] != code {
			t.Errorf("want the refusal %s, got %v", code, got[before:])
		}
	}
	for _, c := range []struct{ as, line, code string }{
		{"U0GUEST", `payments-dev ReadOnly 1h "x"`, "guest"}, {"U0BOT", `payments-dev ReadOnly 1h "x"`, "bot"},
		{"U0GONE", `payments-dev ReadOnly 1h "x"`, "deactivated"},
		{"U0OUTSIDE", `payments-dev ReadOnly 1h "x"`, "other_workspace"},
		{"U0DEV1", `payments-qa ReadOnly 1h "x"`, "unknown_account"}, {"U0DEV1", `payments-dev Root 1h "x"`, "unknown_role"},
		{"U0DEV1", `data-prod Operator 1h "x"`, "unknown_account"}, {"U0SEC1", `log-archive Admin 1h "x"`, "never"},
		{"U0DEV1", `payments-prod ReadOnly 5h "x"`, "too_long"}, {"U0DEV1", `payments-dev ReadOnly 90 "x"`, "bad_length"},
		{"U0DEV1", `payments-dev ReadOnly 1e9h "x"`, "bad_length"}, {"U0DEV1", `payments-dev ReadOnly 1m "x"`, "too_short"},
		{"U0DEV1", `payments-dev ReadOnly 1h " "`, "no_reason"},
		{"U0DEV1", `payments-dev ReadOnly 1h "` + strings.Repeat("é", 3001) + `"`, "reason_too_long"},
		{"U0DEV1", `payments-dev ReadOnly`, "bad_line"}, {"U0DEV1", `payments-prod Admin 1h "x"`, "no_ticket"},
		{"U0DEV1", `payments-prod Admin 1h "x" ticket=yes`, "bad_ticket"},
	} {
		refused(c.code, func() { w.command(c.as, "/aws-access "+c.line) })
	}
	if n := len(w.requests()); n != 0 {
		t.Fatalf("%d requests were made", n)
	}
	w.command("U0DEV1", line)
	for who, code := range map[string]string{
		"U0DEV1": "self_approval", "U0DEV2": "not_approver", "U0GUEST": "guest", "U0BOT": "bot", "U0GONE": "deactivated",
		"U0OUTSIDE": "other_workspace",
	} {
		refused(code, func() { w.click(who, "Approve", "C0APPROVALS") })
	}
	refused("not_yours", func() { w.click("U0LEAD1", "Cancel", "C0APPROVALS") })
	if got := w.verbs(); got != "submit" || len(w.aws.Sessions()) != 0 {
		t.Errorf("the request moved: %s", got)
	}
}

// Lambda's JSON and DynamoDB keep every character of a reason, also at its full length
// in characters of four bytes.
func TestEveryCharacterOfAReasonIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, reason := range []string{
		"für «élève» 漢字 👩🏽‍🔧", "<!channel> <@U0LEAD1> & *bold* `code`",
		`quotes " and ' and \ and “ ”`,
		"two\nlines\tand a tab",
		"\u202eevE\u2066 \u200bhidden\ufeff", "line\u2028separator", "%00 %20 +plus+ &amp; =", strings.Repeat("é", 3000),
		strings.Repeat("👩", 3000), `{"json":[1,2]}`,
	} {
		w.command("U0DEV1", "/aws-access")
		view := w.slack.Views()[len(w.slack.Views())-1].ID
		values := slackfake.Values(
			map[string]string{"Account": "payments-prod", "Role": "ReadOnly", "How long": "2h", "Reason": reason})
		out := w.acts(slackfake.UserAction{As: "U0DEV1", Submit: view, Values: values})
		kept := ""
		for _, r := range w.requests() {
			kept = r.Reason // of the newest request
		}
		if out.Shown != "" || kept != reason {
			t.Errorf("%.40q: %.200s; kept %.40q", reason, out.Body, kept)
		}
		w.click("U0DEV1", "Cancel", "C0APPROVALS") // otherwise the next one is refused as already_asked
	}
	if n, cards := len(w.requests()), len(w.messages(in("C0APPROVALS"))); n != 10 || cards != 10 {
		t.Errorf("%d requests and %d cards, want 10 each", n, cards)
	}
}

// The same signed body is sent eight times at once, through as many instances.
func TestTheSameBodyAtOnceHasOneEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := func(path string, body []byte) {
		t.Helper()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if status, said := w.send("POST", path, body, nil); status != http.StatusOK {
					t.Errorf("got %d %s", status, said)
				}
			})
		}
		all.Wait()
		w.must(w.quiet())
	}
	at("/slack/commands", w.typed("U0DEV1", ask))
	if n := len(w.requests()); n != 1 {
		t.Fatalf("a command made %d requests", n)
	}
	at("/slack/interactions", w.clicked("U0LEAD1", "Approve", "C0APPROVALS"))
	at("/slack/interactions", w.clicked("U0DEV1", "Get temporary keys", "@U0DEV1"))
	at("/slack/interactions", w.clicked("U0DEV1", "I'm done", "@U0DEV1"))
	if got, want := w.verbs(), "submit, approve, vend ordered, vend issued, end, cut"; got != want {
		t.Errorf("the events are %s, want %s", got, want)
	}
	if keys, sessions := len(w.keysOf("U0DEV1")), len(w.sessions()); keys != 1 || sessions != 1 {
		t.Errorf("keys came %d times, of %d sessions; want one", keys, sessions)
	}
}

// clicked returns the body of a click.
func (w *world) clicked(user, label, on string) []byte {
	w.t.Helper()
	channel, ts, _ := strings.Cut(w.pressing(user, label, on).On, "/")
	action, _ := w.slack.Button(channel, ts, label, 0)
	payload, err := w.slack.ActionPayload(user, channel, ts, action)
	w.must(err)
	return []byte(url.Values{"payload": {string(payload)}}.Encode())
}

// Vend accepts only orders of the requester. Lambda refuses every caller that may not
// invoke vend.
func TestVendRefusesForgedAndStaleOrders(t *testing.T) {
	t.Parallel()
	w := granted(t)
	for whose, order := range map[string]access.Order{
		"another's":   {ID: "o1", Request: w.request().ID, By: "U0DEV2", Kind: access.Keys, At: time.Now()},
		"an approver": {ID: "o2", Request: w.request().ID, By: "U0LEAD1", Kind: access.Keys, At: time.Now()},
		"nobody's":    {ID: "o3", Request: w.request().ID, Kind: access.Keys, At: time.Now()},
		"odd kind":    {ID: "o5", Request: w.request().ID, By: "U0DEV1", Kind: "root", At: time.Now()},
		"megabytes": {ID: strings.Repeat("x", 1<<20), Request: w.request().ID, By: "U0DEV1", Kind: access.Keys,
			At: time.Now()},
		"no request": {ID: "o4", Request: "01NONE", By: "U0DEV1", Kind: access.Keys, At: time.Now()},
	} {
		if answer, err := w.lambda.Invoke(t.Context(), name("vend"), []byte(plain(w, order))); err == nil {
			t.Errorf("%s order is accepted: %s", whose, answer)
		}
	}
	for _, order := range []access.Order{
		{ID: "o6", Request: w.request().ID, By: "U0DEV1", Kind: access.Keys, At: time.Now().Add(-2 * time.Minute)},
		{ID: "o7", Request: w.request().ID, By: "U0DEV1", Kind: access.Keys, At: time.Now().Add(time.Hour)},
	} {
		w.invoke("vend", order)
	}
	w.must(w.quiet())
	if got, want := w.verbs(), "submit, approve"; got != want || len(w.aws.Sessions()) != 0 {
		t.Errorf("the events are %s, want %s; %d sessions", got, want, len(w.aws.Sessions()))
	}
}
