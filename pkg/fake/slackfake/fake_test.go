package slackfake

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

const token = "xoxb-canary"

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// testServer is the workspace of the sandbox with a clock that tests set.
type testServer struct {
	*Server
	t     *testing.T
	count sync.Mutex // guards calls
	now   time.Time
	fault map[string]string
	quota map[string]*Quota
	calls map[string]int
}

func newTestServer(t *testing.T) *testServer {
	b := &testServer{t: t, now: noon, fault: make(map[string]string), quota: make(map[string]*Quota),
		calls: make(map[string]int)}
	b.Server = NewSandbox(Options{
		Token: access.NewSecret(token), BaseURL: "http://127.0.0.1:8080/slack-api", Now: func() time.Time { return b.now },
		Fault: func(op string) Fault { return Fault{How: b.fault[op]} },
		Quota: func(op string) *Quota { return b.quota[op] },
		Count: func(op string) { b.count.Lock(); defer b.count.Unlock(); b.calls[op]++ },
	})
	return b
}

// form calls a method with a form, as slack-go does.
func (b *testServer) form(method string, fields ...string) object {
	values := url.Values{"token": {token}}
	for i := 0; i < len(fields); i += 2 {
		values.Set(fields[i], fields[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, "/"+method, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r, http.StatusOK)
}

// json calls a method with a JSON body, as slack-go does.
func (b *testServer) json(method string, fields object) object {
	r := httptest.NewRequest(http.MethodPost, "/"+method, strings.NewReader(string(encode(fields))))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	return b.do(r, http.StatusOK)
}

func (b *testServer) do(r *http.Request, status int) object {
	b.t.Helper()
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	if w.Code != status {
		b.t.Fatalf("%s: status %d, want %d: %s", r.URL.Path, w.Code, status, w.Body)
	}
	var o object
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil {
		b.t.Fatalf("%s: %v: %s", r.URL.Path, err, w.Body)
	}
	return o
}

// mustOK fails the test unless Slack answered ok.
func (b *testServer) mustOK(o object) object {
	b.t.Helper()
	if o["ok"] != true {
		b.t.Fatalf("refused: %v", o)
	}
	return o
}

// post posts a message and returns it.
func (b *testServer) post(channel, blocks string) Message {
	b.t.Helper()
	o := b.mustOK(b.form("chat.postMessage", "channel", channel, "text", "text", "blocks", blocks))
	m, ok := b.Message(o["channel"].(string), o["ts"].(string))
	if !ok {
		b.t.Fatal("the posted message is not there")
	}
	return m
}

// open opens a view for a user and returns its id.
func (b *testServer) open(user string, view string) string {
	b.t.Helper()
	o := b.mustOK(b.json("views.open", object{"trigger_id": b.NewTrigger(user), "view": parsed(b.t, view)}))
	return o["view"].(object)["id"].(string)
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	v, ok := decode([]byte(text))
	if !ok {
		t.Fatalf("not JSON: %s", text)
	}
	return v
}

// requestForm resembles the form of the product.
const requestForm = `{"type":"modal","callback_id":"request","private_metadata":"meta","notify_on_close":true,
 "title":{"type":"plain_text","text":"Ask for access"},"submit":{"type":"plain_text","text":"Ask"},"blocks":[
 {"type":"input","block_id":"account","dispatch_action":true,"label":{"type":"plain_text","text":"Account"},
  "element":{"type":"external_select","action_id":"account","min_query_length":0}},
 {"type":"input","block_id":"role","label":{"type":"plain_text","text":"Role"},
  "element":{"type":"static_select","action_id":"role","options":[` + optReadOnly + `,` + optAdmin + `]}},
 {"type":"input","block_id":"for","label":{"type":"plain_text","text":"How long"},
  "element":{"type":"plain_text_input","action_id":"for","initial_value":"1h"}},
 {"type":"input","block_id":"reason","optional":true,"label":{"type":"plain_text","text":"Reason"},
  "element":{"type":"plain_text_input","action_id":"reason","multiline":true,"max_length":20}}]}`

const (
	optReadOnly = `{"text":{"type":"plain_text","text":"ReadOnly"},"value":"ReadOnly"}`
	optAdmin    = `{"text":{"type":"plain_text","text":"Admin"},"value":"Admin"}`
	optPayments = `{"text":{"type":"plain_text","text":"payments-prod"},"value":"111111111111"}`
	card        = `[{"type":"section","text":{"type":"mrkdwn","text":"*dev1* wants <!here> & <x>"}},
 {"type":"actions","block_id":"decide","elements":[
  {"type":"button","action_id":"approve","text":{"type":"plain_text","text":"Approve"},"style":"primary","value":"r1"},
  {"type":"button","action_id":"deny","text":{"type":"plain_text","text":"Deny"},"style":"danger","value":"r1"}]}]`
)

func TestTheSandboxHasTheDocumentedUsersGroupsAndChannels(t *testing.T) {
	b := newTestServer(t)
	var users, groups, channels []string
	for _, u := range b.Users() {
		users = append(users, u.ID)
	}
	for _, g := range b.Groups() {
		groups = append(groups, g.ID+"="+strings.Join(g.Members, "+"))
	}
	for _, c := range b.Channels() {
		channels = append(channels, c.ID)
	}
	for got, want := range map[string]string{
		strings.Join(users, " "):    "U0DEV1 U0DEV2 U0LEAD1 U0LEAD2 U0SEC1 U0GUEST U0BOT U0GONE U0OUTSIDE",
		strings.Join(groups, " "):   "S0DEVS=U0DEV1+U0DEV2 S0LEADS=U0LEAD1+U0LEAD2 S0SECURITY=U0SEC1",
		strings.Join(channels, " "): "C0APPROVALS C0PAYMENTS C0OPS",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAPostedMessageIsNormalisedAsSlackStoresIt(t *testing.T) {
	b := newTestServer(t)
	m := b.post("C0APPROVALS", card)
	if want := "*dev1* wants <!here> &amp; &lt;x&gt;"; !strings.Contains(string(m.Blocks), want) {
		t.Errorf("got %s, want %q in it", m.Blocks, want)
	}
	action, ok := b.Button(m.Channel, m.TS, "Approve", 1)
	if !ok {
		t.Fatal("no button")
	}
	payload, err := b.ActionPayload("U0LEAD1", m.Channel, m.TS, action)
	if err != nil || !strings.Contains(string(payload), `"value":"r1"`) {
		t.Errorf("got %s (%v)", payload, err)
	}
}

func withCancel(r *http.Request) (*http.Request, context.CancelFunc) {
	ctx, stop := context.WithCancel(r.Context())
	return r.WithContext(ctx), stop
}
