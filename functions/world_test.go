package functions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/store/memory"
)

// noon is the time for which the Slack events in events/ are signed.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const (
	deviceURL     = "https://x.example.com/v1#NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
	signingSecret = "sandbox-signing-secret"
	// theRequest is the id of the request that the events in events/ name.
	theRequest = "01KAK0S4R0EXAMPLE00REQUEST"
)

// world is the four handlers with a store in memory and a fake Slack.
type world struct {
	t       *testing.T
	mu      sync.Mutex
	now     time.Time
	ids     int
	fault   map[string]string // op of Slack to how
	slack   *slackfake.Server
	store   *memory.Store
	policy  *policy.Policy
	fed     int // records that notify has seen
	orders  []access.Order
	devices []access.DeviceOrder

	// revocations are the orders to revoke several grants.
	revocations []access.Revocation

	sends  func(access.Order) error
	assume func(access.Vending) (access.Credentials, error)
	logs   *bytes.Buffer
	// refuse says how a call of Slack goes wrong: 429, 500, lost, or a code; "" for not.
	refuse  func(method, channel, text string) string
	calls   []string        // to Slack, with the channel
	cuts    []access.CutKey // that the tick has ordered
	noCuts  error           // of an order to cut
	hooks   bytes.Buffer    // what was sent to Slack's own response URLs
	url     string          // of the fake Slack
	quota   map[string]*slackfake.Quota
	counted map[string]int // calls of Slack, by op
	limited int            // calls that a quota refused
	// stateless removes the values of the form from the answers of views.update.
	stateless bool

	enterprise string // of the workspace, "" outside Enterprise Grid

	// For calls through /v1; see callWorld.
	vending Vending // what NewVend gets, beside STS and the sign-in
	through Store   // what handlers use as the table; nil for the table itself

	Slack     *Slack
	Notify    Notify
	Vend      Vend
	Tick      Tick
	Operators Operators

	deps       Deps // of the handlers
	slackCalls atomic.Int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: noon, fault: make(map[string]string), counted: make(map[string]int), logs: new(bytes.Buffer)}
	w.policy = w.compiled(readPolicy(t))
	w.store = memory.New(w.clock)
	w.slack = slackfake.NewSandbox(slackfake.Options{
		Now: w.clock, Token: access.NewSecret("xoxb-canary"), Fault: w.slackFault, Quota: w.slackQuota,
	})
	server := httptest.NewServer(w.slack)
	t.Cleanup(server.Close)
	w.slack.SetBaseURL(server.URL)
	w.assume = func(v access.Vending) (access.Credentials, error) {
		return access.Credentials{
			AccessKeyID: "ASIAEXAMPLE", SecretKey: access.NewSecret("canary-secret"),
			SessionToken: access.NewSecret("canary-token"), Expires: w.clock().Add(time.Hour),
		}, nil
	}
	w.sends = func(o access.Order) error { w.orders = append(w.orders, o); return nil }
	w.url = server.URL
	w.rebuild()
	return w
}

// slackFault counts a call of Slack, and returns how it fails.
func (w *world) slackFault(op string) slackfake.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counted[op]++
	return slackfake.Fault{How: w.fault[op]}
}

func (w *world) slackQuota(op string) *slackfake.Quota {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.quota[op]
}

// cutsTo collects the orders of the tick to cut.
type cutsTo struct{ w *world }

func (c cutsTo) Send(_ context.Context, lists []access.CutKey) error {
	c.w.cuts = append(c.w.cuts, lists...)
	return c.w.noCuts
}

// readPolicy returns the policy of this repository, which names the sandbox's people.
func readPolicy(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (w *world) compiled(text string) *policy.Policy {
	p, _, err := compiler.Compile("policy.yaml", []byte(text), compiler.Options{Bastion: "999999999999", Now: noon})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// rebuild builds the handlers, as a deployment does.
func (w *world) rebuild() {
	secret := func(text string) func(context.Context, bool) (access.Secret, error) {
		return func(context.Context, bool) (access.Secret, error) { return access.NewSecret(text), nil }
	}
	api := slackapi.New(slackapi.Options{HTTP: &http.Client{Transport: w}, Token: secret("xoxb-canary"), BaseURL: w.url,
		Team: "T0SANDBOX", Enterprise: w.enterprise})
	log := slog.New(slog.NewJSONHandler(w.logs, nil))
	newID := func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ids++
		return fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ6%06d", w.ids)
	}
	d := Deps{
		Team: "T0SANDBOX", Enterprise: w.enterprise, Policy: w.policy, Store: w.store, Slack: api, Now: w.clock, Log: log,
	}
	if w.through != nil {
		d.Store = w.through
	}
	w.Operators = d.operators()
	w.Slack = NewSlack(d, secret(signingSecret), w, newID)
	w.Notify = NewNotify(d)
	w.Vend = NewVend(d, Vending{
		STS: w, SignIn: w,
		Render: func(form access.Form, c access.Credentials, _ access.Target, _ func(string) bool) []access.Secret {
			return []access.Secret{access.NewSecret("export AWS_ACCESS_KEY_ID=" + c.AccessKeyID + " " +
				c.SecretKey.Reveal() + string(form))}
		},
		Machines: w.vending.Machines, Address: w.vending.Address, AnswerKeys: w.vending.AnswerKeys, NewID: newID,
	})
	if w.vending.Address == nil {
		w.Vend.Devices.URL = func(context.Context) (string, error) { return deviceURL, nil }
	}
	w.Tick = NewTick(d, cutsTo{w})
	w.deps = d
}

// RoundTrip keeps every call on this computer: it answers Slack's response URLs, which
// the events in events/ name, by itself.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.slackCalls.Add(1)
	if r.URL.Host != "hooks.slack.com" {
		answer, err := w.called(r)
		if err == nil && w.stateless && strings.HasSuffix(r.URL.Path, "views.update") {
			text, _ := io.ReadAll(answer.Body)
			text = bytes.Replace(text, []byte(`"state":`), []byte(`"other":`), 1)
			answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		}
		return answer, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := io.Copy(&w.hooks, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("ok")), Header: make(http.Header), Request: r,
	}, nil
}

// called passes a call on to the fake Slack, unless refuse says how it fails.
func (w *world) called(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, _ := url.ParseQuery(string(body))
	method, channel := strings.TrimPrefix(r.URL.Path, "/"), form.Get("channel")
	how := ""
	if w.refuse != nil {
		how = w.refuse(method, channel, form.Get("text"))
	}
	w.mu.Lock()
	w.calls = append(w.calls, method+" "+channel+" "+how)
	w.mu.Unlock()
	answer := &http.Response{StatusCode: http.StatusOK, Header: make(http.Header), Request: r}
	said := `{"ok":false,"error":"` + how + `"}`
	switch after, limited := strings.CutPrefix(how, "429 "); {
	case how == "", how == "lost":
		r.Body = io.NopCloser(bytes.NewReader(body))
		done, err := http.DefaultTransport.RoundTrip(r)
		if how == "" || err != nil {
			return done, err
		}
		_ = done.Body.Close()
		answer.StatusCode, said = http.StatusInternalServerError, "broken"
	case limited:
		answer.StatusCode = http.StatusTooManyRequests
		answer.Header.Set("Retry-After", after)
	case how == "500":
		answer.StatusCode, said = http.StatusInternalServerError, "broken"
	}
	answer.Body = io.NopCloser(strings.NewReader(said))
	return answer, nil
}

// owed lists the owed messages of all requests, one on each line.
func (w *world) owed() string {
	w.t.Helper()
	var b strings.Builder
	for _, r := range w.store.All(context.Background()) {
		_, m, err := w.store.Messages(context.Background(), r.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, o := range m.Owed {
			fmt.Fprintf(&b, "%s %s %s %s %d\n", r.ID, o.Slot, o.Class, o.Code, o.Tries)
		}
	}
	return b.String()
}

func (w *world) responded() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hooks.String()
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) Assume(_ context.Context, v access.Vending) (access.Credentials, error) {
	return w.assume(v)
}

func (w *world) Link(_ context.Context, c access.Credentials, _ access.Target) (access.Secret, time.Time, error) {
	return access.NewSecret("https://signin.aws.amazon.com/federation?SigninToken=canary-link"), c.Expires, nil
}

func (w *world) Send(_ context.Context, o access.Order) error { return w.sends(o) }

func (w *world) SendDevice(_ context.Context, o access.DeviceOrder) error {
	w.devices = append(w.devices, o)
	return nil
}

func (w *world) SendRevocation(_ context.Context, o access.Revocation) error {
	w.revocations = append(w.revocations, o)
	return nil
}

// invoke passes a serialised event to a handler, as Lambda does.
func invoke(t *testing.T, handler any, event []byte) []byte {
	t.Helper()
	out, err := lambda.NewHandler(handler).Invoke(context.Background(), event)
	if err != nil {
		t.Fatalf("the handler failed: %v", err)
	}
	return out
}

// http passes an HTTP event to the slack handler, and decodes its answer.
func (w *world) http(event []byte) events.APIGatewayV2HTTPResponse {
	w.t.Helper()
	var answer events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(invoke(w.t, w.Slack.Handle, event), &answer); err != nil {
		w.t.Fatal(err)
	}
	return answer
}

// file reads an event of events/.
func file(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "events", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// feed passes the new records of the stream to notify, and returns those that failed.
func (w *world) feed() []events.DynamoDBBatchItemFailure {
	w.t.Helper()
	records, last := w.store.Records(w.fed, 1000)
	text, err := json.Marshal(events.DynamoDBEvent{Records: records})
	if err != nil {
		w.t.Fatal(err)
	}
	var answer events.DynamoDBEventResponse
	if err := json.Unmarshal(invoke(w.t, w.Notify.Handle, text), &answer); err != nil {
		w.t.Fatal(err)
	}
	if len(answer.BatchItemFailures) == 0 {
		w.fed = last
	}
	return answer.BatchItemFailures
}

// order passes the orders that were sent to vend.
func (w *world) order() {
	w.t.Helper()
	for _, o := range w.orders {
		text, err := json.Marshal(o)
		if err != nil {
			w.t.Fatal(err)
		}
		invoke(w.t, w.Vend.HandleOrder, text)
	}
	w.orders = nil
}

// orderDevices passes the orders about devices that were sent to vend, as Lambda does.
func (w *world) orderDevices() {
	w.t.Helper()
	for _, o := range w.devices {
		text, err := json.Marshal(map[string]access.DeviceOrder{"device": o})
		if err != nil {
			w.t.Fatal(err)
		}
		invoke(w.t, w.Vend.Handle, text)
	}
	w.devices = nil
}

func (w *world) tick() {
	w.t.Helper()
	invoke(w.t, w.Tick.Handle, file(w.t, "tick-schedule.json"))
}

// plant puts the request that the events name into the table, pending or active.
func (w *world) plant(state access.State) access.Request {
	w.t.Helper()
	dev := access.Person{ID: "U0DEV1", Email: "dev1@example.com", Name: "Dev One", Membership: access.Member}
	terms := access.Terms{
		Max: 4 * time.Hour, Met: state == access.Active, Give: []access.Kind{access.Console, access.Keys},
		AnswerWithin: time.Hour,
		Channels:     []string{"C0APPROVALS"}, Requirements: []access.Requirement{{From: []string{"leads"}, Required: 1}},
	}
	role, account, name := "ReadOnly", "111111111111", "payments-prod"
	if state == access.Active { // where nothing has to be approved
		account, name = "222222222222", "payments-dev"
	}
	r, event, err := access.New(access.Ask{
		ID: theRequest, Requester: dev, Account: account, AccountName: name, Role: role, For: 2 * time.Hour, Reason: "why",
	}, terms, noon.Add(-time.Minute))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Save(context.Background(), r, event, ""); err != nil {
		w.t.Fatal(err)
	}
	w.knows(r.ID, "C0APPROVALS", "1795262400.000100") // the messages of the clicks in events/
	w.knows(r.ID, "D0DEV1", "1795262400.000200")
	return r
}

// knows records a message with a request.
func (w *world) knows(id, channel, ts string) {
	w.t.Helper()
	_, posted, err := w.store.Messages(context.Background(), id)
	if err == nil && !slices.ContainsFunc(posted.Posted, func(m access.Message) bool { return m.TS == ts }) {
		posted.Version++
		posted.Posted = append(slices.Clone(posted.Posted), access.Message{Slot: "test:" + ts, Channel: channel, TS: ts})
		err = w.store.SaveMessages(context.Background(), id, posted)
	}
	if err != nil && !errors.Is(err, access.ErrNotFound) {
		w.t.Fatal(err)
	}
}

func (w *world) request() access.Request {
	w.t.Helper()
	all := w.store.All(context.Background())
	if len(all) != 1 {
		w.t.Fatalf("%d requests, want one", len(all))
	}
	return all[0]
}

// seen returns the texts and blocks of the messages that pass a filter.
func (w *world) seen(pass func(slackfake.Message) bool) string {
	var b strings.Builder
	for _, m := range w.slack.Messages() {
		if pass(m) {
			_, _ = io.WriteString(&b, m.Text+"\n"+string(m.Blocks)+"\n")
		}
	}
	return b.String()
}

func in(channel string) func(slackfake.Message) bool {
	return func(m slackfake.Message) bool { return m.Channel == channel }
}

func onlyTo(user string) func(slackfake.Message) bool {
	return func(m slackfake.Message) bool { return m.To == user }
}

func with(user string) func(slackfake.Message) bool {
	return func(m slackfake.Message) bool { return m.DMWith == user }
}
