//go:build unix

package functions

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/gateway"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/store/memory"
)

// rig is the slack function with a store in memory. The directory is fresh, so the
// function makes no call to Slack: such a call would fail, and the answer with it.
type rig struct {
	b     *testing.B
	slack *Slack
	ids   int
}

func newRig(b *testing.B, text string, d access.Directory) *rig {
	b.Helper()
	p, _, err := compiler.Compile("policy.yaml", []byte(text), compiler.Options{Bastion: "999999999999", Now: noon})
	if err != nil {
		b.Fatal(err)
	}
	now := func() time.Time { return noon }
	secret := func(text string) func(context.Context, bool) (access.Secret, error) {
		return func(context.Context, bool) (access.Secret, error) { return access.NewSecret(text), nil }
	}
	r := &rig{b: b}
	api := slackapi.New(slackapi.Options{Token: secret("xoxb-none"), HTTP: &http.Client{Transport: r}, Team: "T0SANDBOX"})
	newID := func() string { r.ids++; return fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ6%06d", r.ids) }
	r.slack = NewSlack(Deps{
		Team: "T0SANDBOX", Policy: p, Store: memory.New(now), Slack: api, Now: now, Log: slog.New(slog.DiscardHandler),
	}, secret(signingSecret), nil, newID)
	r.empty(d)
	return r
}

// RoundTrip fails each call: a benchmark must need no network.
func (r *rig) RoundTrip(request *http.Request) (*http.Response, error) {
	r.b.Errorf("Slack was called: %s", request.URL.Path)
	return nil, http.ErrNotSupported
}

// empty gives the function a table that holds only a directory.
func (r *rig) empty(d access.Directory) {
	r.b.Helper()
	store := memory.New(r.slack.Now)
	d.Version = 1
	if err := store.SaveDirectory(context.Background(), d); err != nil {
		r.b.Fatal(err)
	}
	r.slack.Store, r.slack.Submit.Store = store, store
	r.slack.Roster.Store, r.slack.Submit.Roster.Store = store, store
}

// event returns a signed form, serialised as Lambda delivers it.
func (r *rig) event(path string, form url.Values) []byte {
	r.b.Helper()
	body := form.Encode()
	request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	stamp, signature := slackapi.Sign(access.NewSecret(signingSecret), noon, []byte(body))
	request.Header = http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {"Slackbot 1.0 (+https://api.slack.com/robots)"},
		slackapi.TimestampHeader: {stamp}, slackapi.SignatureHeader: {signature},
	}
	e, err := gateway.Event(request, noon)
	if err != nil {
		r.b.Fatal(err)
	}
	text, err := json.Marshal(e)
	if err != nil {
		r.b.Fatal(err)
	}
	return text
}

// typed returns commands with different triggers, so that none is a replay.
func (r *rig) typed(text string, many int) [][]byte {
	out := make([][]byte, many)
	for i := range out {
		out[i] = r.event("/slack/commands", url.Values{
			"team_id": {"T0SANDBOX"}, "team_domain": {"sandbox"}, "channel_id": {"C0GENERAL"}, "user_id": {"U0DEV1"},
			"user_name": {"dev1"},
			"command":   {"/aws-access"}, "text": {text}, "api_app_id": {"A0SANDBOX"},
			"trigger_id":   {fmt.Sprintf("13345224609.738474920.%d", i)},
			"response_url": {"https://hooks.slack.com/commands/1234/5678"},
		})
	}
	return out
}

// cpu returns the CPU time of this process, on all cores and with its garbage
// collection. Other programs on the machine do not count.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// asked is how many commands one table receives before it is emptied.
const asked = 1024

// measure answers the events in turn, and reports time and CPU of each. Before each
// turn it empties the table, which is not measured.
func (r *rig) measure(handler any, turn [][]byte, d access.Directory) (cpuEach time.Duration) {
	b, h := r.b, lambda.NewHandler(handler)
	b.ReportAllocs()
	var used time.Duration
	n, began := 0, cpu(b)
	for b.Loop() {
		if _, err := h.Invoke(context.Background(), turn[n%len(turn)]); err != nil {
			b.Fatal(err)
		}
		if n++; n%len(turn) == 0 {
			b.StopTimer()
			used += cpu(b) - began
			r.empty(d)
			began = cpu(b)
			b.StartTimer()
		}
	}
	used += cpu(b) - began
	each := used / time.Duration(n)
	b.ReportMetric(micros(each), "cpu-µs/op")
	return each
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// bare returns the CPU time of the same events in the event layer alone.
func (r *rig) bare(turn [][]byte, times int) time.Duration {
	h := lambda.NewHandler(gateway.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	began := cpu(r.b)
	for i := range times {
		if _, err := h.Invoke(context.Background(), turn[i%len(turn)]); err != nil {
			r.b.Fatal(err)
		}
	}
	return (cpu(r.b) - began) / time.Duration(times)
}

// answers fails unless the answer to an event contains a text.
func (r *rig) answers(event []byte, words string) {
	r.b.Helper()
	out, err := lambda.NewHandler(r.slack.Handle).Invoke(context.Background(), event)
	var answer events.APIGatewayV2HTTPResponse
	if err == nil {
		err = json.Unmarshal(out, &answer)
	}
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(answer.Body, words) {
		r.b.Fatalf("got %d %s, %v; want %q", answer.StatusCode, answer.Body, err, words)
	}
}

// The goal is 300 µs of CPU over the bare handler.
func BenchmarkSignedCommand(b *testing.B) {
	repository := repositoryPolicy(b)
	for _, c := range []struct{ name, policy, text, words string }{
		{"help", repository, "help", "/aws-access"},
		{"list", repository, "list", ""},
		{"ask/accounts=5", repository, `payments-prod ReadOnly 1h "stuck payouts"`, "Asked for"},
		{"ask/accounts=10000/rules=1000/groups=21", wide(fewGroups), `team7-dev-497 ReadOnly 1h "stuck payouts"`, "You have"},
		{
			"ask/accounts=10000/rules=1000/groups=981", wide(manyGroups), `team7-dev-497 ReadOnly 1h "stuck payouts"`,
			"You have",
		},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := everybody(b, c.policy)
			r := newRig(b, c.policy, d)
			turn := r.typed(c.text, asked)
			r.answers(turn[0], c.words)
			r.empty(d)
			each := r.measure(r.slack.Handle, turn, d)
			b.ReportMetric(micros(each-r.bare(turn, max(b.N, asked))), "cpu-µs-over-bare/op")
		})
	}
}

// BenchmarkBareHandler measures the event layer alone.
func BenchmarkBareHandler(b *testing.B) {
	text := repositoryPolicy(b)
	d := everybody(b, text)
	r := newRig(b, text, d)
	r.measure(gateway.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})),
		r.typed(`payments-dev ReadOnly 1h "stuck payouts"`, asked), d)
}

// The goal is 2 ms. The person may ask for every account that is found.
func BenchmarkPickerAnswer(b *testing.B) {
	text := wide(manyGroups)
	d := everybody(b, text)
	for _, typed := range []string{"", "prod", "team7 prod", "000000000042"} {
		b.Run(fmt.Sprintf("accounts=10000/rules=1000/groups=981/typed=%q", typed), func(b *testing.B) {
			r := newRig(b, text, d)
			payload := marshalled(b, map[string]any{
				"type": "block_suggestion", "team": map[string]any{"id": "T0SANDBOX"}, "user": map[string]any{"id": "U0DEV1"},
				"api_app_id": "A0SANDBOX",
				"action_id":  "account", "block_id": "account", "value": typed,
				"view": map[string]any{"id": "V1", "callback_id": "ask"},
			})
			turn := slices.Repeat([][]byte{r.event("/slack/options", url.Values{"payload": {payload}})}, asked)
			r.answers(turn[0], `"value":"0000`)
			r.measure(r.slack.Handle, turn, d)
		})
	}
}

// The numbers of groups that a wide policy names. Every step reads all of them.
const (
	fewGroups  = 21
	manyGroups = 981
)

// wide returns the policy of an organisation with 10,000 accounts and 1,000 rules:
// rules for teams, and rules that let all developers ask for every account.
func wide(groups int) string {
	const accounts, teams = 10_000, 490
	var b strings.Builder
	b.WriteString(
		"version: 1\nsettings: {channel: C0APPROVALS}\nroles: {ReadOnly: {}, Operator: {}, Admin: {}}\naccounts:\n")
	for i := range accounts {
		env := []string{"prod", "dev", "test", "stage"}[i/teams%4]
		fmt.Fprintf(&b, "  - {id: \"%012d\", name: team%d-%s-%d, region: eu-west-1, tags: {env: %s, team: t%d}}\n", i+1,
			i%teams, env, i, env, i%teams)
	}
	pairs := (groups - 1) / 2
	b.WriteString("groups:\n  developers: {slack: S0DEVS}\n")
	for i := range pairs {
		fmt.Fprintf(&b, "  team%d: {slack: S0TEAM%d}\n  leads%d: {slack: S0LEADS%d}\n", i, i, i, i)
	}
	b.WriteString("rules:\n")
	for i := range teams {
		fmt.Fprintf(&b,
			"  - {name: look %d, who: [team%d], accounts: [{team: t%d}], roles: [ReadOnly], max: 8h, approvals: none}\n", i,
			i%pairs, i)
		fmt.Fprintf(&b, "  - {name: change %d, who: [team%d], accounts: [{team: t%d}], roles: [Operator, Admin], max: "+
			"2h, approvals: [{from: [leads%d], need: 1}]}\n", i, i%pairs, i, i%pairs)
	}
	for i := range 20 {
		fmt.Fprintf(&b,
			"  - {name: all %d, who: [developers], accounts: [\"*%d\"], roles: [ReadOnly], max: 1h, approvals: none}\n", i, i%10)
	}
	return b.String()
}

// everybody returns a directory that was just read, with every group of a policy.
func everybody(b *testing.B, text string) access.Directory {
	b.Helper()
	p, _, err := compiler.Compile("policy.yaml", []byte(text), compiler.Options{Now: noon})
	if err != nil {
		b.Fatal(err)
	}
	d := access.Directory{PeopleAt: noon, Groups: make(map[string]access.Group), People: make(map[string]access.Person)}
	for i, id := range p.Sources().Groups {
		g := access.Group{
			ReadAt: noon, Members: []string{fmt.Sprint("U0P", i), fmt.Sprint("U0P", i+1), fmt.Sprint("U0P", i+2)},
		}
		if id == "S0DEVS" {
			g.Members = append(g.Members, "U0DEV1")
		}
		d.Groups[id] = g
	}
	for _, g := range d.Groups {
		for _, id := range g.Members {
			d.People[id] = access.Person{
				ID: id, Name: id, Email: strings.ToLower(id) + "@example.com", Membership: access.Member,
			}
		}
	}
	return d
}

func repositoryPolicy(b *testing.B) string {
	b.Helper()
	text, err := os.ReadFile("../policy.yaml")
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}

func marshalled(b *testing.B, v any) string {
	b.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		b.Fatal(err)
	}
	return string(text)
}
