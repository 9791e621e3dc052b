package world_test

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// callCounts are numbers of calls by the service that they go to.
type callCounts struct{ AWS, Slack, SignIn int }

// countCalls counts the calls that do leads to, including all that follows.
func countCalls(b *sandboxtest.Sandbox, do func()) (out callCounts) {
	b.T.Helper()
	before := b.State().Calls
	do()
	for operation, n := range b.State().Calls {
		n -= before[operation]
		switch service, _, _ := strings.Cut(operation, ":"); service {
		case "slack":
			out.Slack += n
		case "signin":
			out.SignIn += n
		default:
			out.AWS += n
		}
	}
	return out
}

// policyWithAccounts is the repository's policy with more accounts, which its
// rules cover like those that it has.
func policyWithAccounts(t *testing.T, total int) string {
	t.Helper()
	var more strings.Builder
	for i := range total - 5 {
		fmt.Fprintf(&more,
			"  - {id: \"%012d\", name: payments-%d-prod, region: eu-west-1, tags: {env: prod, team: payments}}\n",
			700_000_000_000+i, i)
	}
	return strings.Replace(sandboxtest.Policy(t), "\naccounts:\n", "\naccounts:\n"+more.String(), 1)
}

// A request, from the command to the message that it is granted, and each vend
// cost the same number of calls with 5 accounts as with 10,000.
func TestCallsOfARequestAndOfAVend(t *testing.T) {
	for _, total := range []int{5, 10_000} {
		for name, c := range map[string]struct {
			ask  func(*sandboxtest.Sandbox)
			want callCounts
		}{
			"one line": {sandboxtest.Ask, callCounts{AWS: 9, Slack: 3}},
			"form":     {sandboxtest.AskByForm, callCounts{AWS: 10, Slack: 6}},
		} {
			t.Run(fmt.Sprintf("accounts=%d/%s", total, name), func(t *testing.T) {
				b := sandboxtest.Start(t, sandboxtest.Policy(t))
				b.Do("policy", policyWithAccounts(t, total)) // its tick has read the people
				if n := countAccounts(b); n != total {
					t.Fatalf("the policy has %d accounts, want %d", n, total)
				}
				checkCalls(t, "command to grant", countCalls(b, func() {
					c.ask(b)
					b.Click("U0LEAD1", "Approve", b.Card("C0APPROVALS"))
				}), c.want, callCounts{AWS: 10, Slack: 6})
				checkCallsOfVends(b)
			})
		}
	}
}

func checkCallsOfVends(b *sandboxtest.Sandbox) {
	b.T.Helper()
	grant := b.Last("message of the grant", sandboxtest.IsGrant("U0DEV1"))
	for button, want := range map[string]callCounts{
		"Get temporary keys": {AWS: 7, Slack: 2}, "Open AWS console": {AWS: 7, Slack: 2, SignIn: 1},
	} {
		got := countCalls(b, func() { b.Click("U0DEV1", button, grant) })
		checkCalls(b.T, button, got, want, callCounts{AWS: 7, Slack: 2})
	}
	if n := len(b.State().Sessions); n != 2 {
		b.T.Errorf("%d sessions, want 2", n)
	}
}

// countAccounts counts the accounts that U0SEC1 finds, who may look at all of
// them.
func countAccounts(b *sandboxtest.Sandbox) int {
	b.T.Helper()
	w := b.World()
	d, err := w.Store.Directory(context.Background())
	if err != nil {
		b.T.Fatal(err)
	}
	_, total := w.Policy().Accounts(d.People["U0SEC1"], d, w.Clock.Now(), "", 1)
	return total
}

// checkCalls compares calls with the expected ones, and with the most that are
// allowed.
func checkCalls(t *testing.T, what string, got, want, limit callCounts) {
	t.Helper()
	t.Logf("%s: %d AWS calls (goal %d), %d Slack calls (goal %d), %d sign-in calls",
		what, got.AWS, limit.AWS, got.Slack, limit.Slack, got.SignIn)
	if got != want || got.AWS > limit.AWS || got.Slack > limit.Slack {
		t.Errorf("%s: got %+v, want %+v, and at most %+v", what, got, want, limit)
	}
}

// tracer records when calls begin and end, as numbers in their order.
type tracer struct {
	mu    sync.Mutex
	next  int
	spans []*span
}

type span struct {
	operation  string
	begin, end int
}

func (t *tracer) begin(operation string) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	s := &span{operation: operation, begin: t.next}
	t.spans = append(t.spans, s)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.next++
		s.end = t.next
	}
}

// take returns the calls since the last take. All of them must have ended.
func (t *tracer) take() (out []span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.spans {
		out = append(out, *s)
	}
	t.spans = nil
	return out
}

// countInSeries counts the longest chain of calls in which each begins after the
// one before has ended. Two concurrent calls that happened not to overlap count
// as two, so the count is never too low.
func countInSeries(calls []span) (n int) {
	ended := 0
	for _, c := range slices.SortedFunc(slices.Values(calls), func(a, b span) int { return a.end - b.end }) {
		if c.begin > ended {
			n, ended = n+1, c.end
		}
	}
	return n
}

// summary is the number of calls in series, and the operations of all calls.
func summary(calls []span) string {
	text := fmt.Sprint(countInSeries(calls))
	for _, c := range calls {
		text += " " + c.operation
	}
	return text
}

func TestConcurrentCallsCountAsOneRoundTrip(t *testing.T) {
	for name, c := range map[string]struct {
		calls []span
		want  int
	}{
		"none":               {nil, 0},
		"one after another":  {[]span{{"a", 1, 2}, {"b", 3, 4}}, 2},
		"concurrent":         {[]span{{"a", 1, 3}, {"b", 2, 4}}, 1},
		"two beside a third": {[]span{{"a", 1, 6}, {"b", 2, 3}, {"c", 4, 5}}, 2},
	} {
		if got := countInSeries(c.calls); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

// tracedStore is a store whose calls are traced.
type tracedStore struct {
	world.Table
	tracer *tracer
}

func (s tracedStore) Save(ctx context.Context, next access.Request, event access.Event, once string) error {
	defer s.tracer.begin("store:save")()
	return s.Table.Save(ctx, next, event, once)
}

func (s tracedStore) SaveCut(
	ctx context.Context, next access.Request, event access.Event, l access.CutList,
) error {
	defer s.tracer.begin("store:save")()
	return s.Table.SaveCut(ctx, next, event, l)
}

func (s tracedStore) CutList(ctx context.Context, k access.CutKey) (access.CutList, error) {
	defer s.tracer.begin("store:load")()
	return s.Table.CutList(ctx, k)
}

func (s tracedStore) Submit(
	ctx context.Context, r access.Request, event access.Event, next access.Asker, once string,
) error {
	defer s.tracer.begin("store:save")()
	return s.Table.Submit(ctx, r, event, next, once)
}

func (s tracedStore) LoadForSubmit(ctx context.Context, user, once string) (access.Directory, access.Asker, error) {
	defer s.tracer.begin("store:load")()
	return s.Table.LoadForSubmit(ctx, user, once)
}

func (s tracedStore) Requests(ctx context.Context, ids []string) ([]access.Request, error) {
	defer s.tracer.begin("store:load")()
	return s.Table.Requests(ctx, ids)
}

func (s tracedStore) SaveDirectory(ctx context.Context, next access.Directory) error {
	defer s.tracer.begin("store:save")()
	return s.Table.SaveDirectory(ctx, next)
}

func (s tracedStore) SaveMessages(ctx context.Context, id string, next access.Messages) error {
	defer s.tracer.begin("store:save")()
	return s.Table.SaveMessages(ctx, id, next)
}

func (s tracedStore) Load(ctx context.Context, id string) (access.Request, access.Directory, access.Messages, error) {
	defer s.tracer.begin("store:load")()
	return s.Table.Load(ctx, id)
}

func (s tracedStore) Directory(ctx context.Context) (access.Directory, error) {
	defer s.tracer.begin("store:load")()
	return s.Table.Directory(ctx)
}

func (s tracedStore) Messages(ctx context.Context, id string) (access.Request, access.Messages, error) {
	defer s.tracer.begin("store:load")()
	return s.Table.Messages(ctx, id)
}

func (s tracedStore) ByRequester(ctx context.Context, user string, limit int) ([]access.Request, error) {
	defer s.tracer.begin("store:list")()
	return s.Table.ByRequester(ctx, user, limit)
}

// tracedSlack is the network to Slack, whose calls are traced.
type tracedSlack struct{ tracer *tracer }

func (s tracedSlack) RoundTrip(r *http.Request) (*http.Response, error) {
	defer s.tracer.begin("slack:" + path.Base(r.URL.Path))()
	return http.DefaultTransport.RoundTrip(r)
}

// tracedOrders sends orders, and traces that.
type tracedOrders struct {
	next interface {
		Send(ctx context.Context, order access.Order) error
		SendDevice(ctx context.Context, order access.DeviceOrder) error
		SendRevocation(ctx context.Context, order access.Revocation) error
	}
	tracer *tracer
}

func (o tracedOrders) Send(ctx context.Context, order access.Order) error {
	defer o.tracer.begin("invoke:vend")()
	return o.next.Send(ctx, order)
}

func (o tracedOrders) SendDevice(ctx context.Context, order access.DeviceOrder) error {
	defer o.tracer.begin("invoke:vend")()
	return o.next.SendDevice(ctx, order)
}

func (o tracedOrders) SendRevocation(ctx context.Context, order access.Revocation) error {
	defer o.tracer.begin("invoke:vend")()
	return o.next.SendRevocation(ctx, order)
}

// tracedFunction is the slack function, with the calls that each answer waited
// for. It handles one event at a time.
type tracedFunction struct {
	function lambda.Handler
	tracer   *tracer
	answers  [][]span
}

// Invoke implements lambda.Handler.
func (f *tracedFunction) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	out, err := f.function.Invoke(ctx, event)
	f.answers = append(f.answers, f.tracer.take())
	return out, err
}

// traceSlackFunction deploys the slack function again, with its calls traced.
func traceSlackFunction(b *sandboxtest.Sandbox) *tracedFunction {
	traced := &tracedFunction{tracer: &tracer{}}
	wrap := func(t world.Table) world.Table { return tracedStore{t, traced.tracer} }
	f := b.World().SlackFunction(wrap, tracedSlack{traced.tracer})
	f.Orders = tracedOrders{f.Orders, traced.tracer}
	traced.function = lambda.NewHandler(f.Handle)
	b.World().ReplaceFunctions(func(name string, instance func() lambda.Handler) func() lambda.Handler {
		if name == "slack" {
			return func() lambda.Handler { return traced }
		}
		return instance
	})
	return traced
}

// roundTripsTest is a sandbox with the messages that its steps use.
type roundTripsTest struct {
	*sandboxtest.Sandbox
	card, grant slackfake.Message
}

func (r *roundTripsTest) view() string {
	views := r.State().Views
	return views[len(views)-1].ID
}

// roundTripSteps are the steps of the test in their order, each with the calls
// that each answer waits for: their number in series, and their operations.
var roundTripSteps = []struct {
	name, want string
	do         func(r *roundTripsTest)
}{
	{"help", "0", func(r *roundTripsTest) { r.Command("U0DEV1", "/aws-access help") }},
	{"list", "2 store:list store:load", func(r *roundTripsTest) { r.Command("U0DEV1", "/aws-access list") }},
	{"form, the first in a minute", "2 store:load slack:views.open",
		func(r *roundTripsTest) { r.Command("U0DEV1", "/aws-access") }},
	{"form", "1 slack:views.open", func(r *roundTripsTest) { r.Command("U0DEV1", "/aws-access") }},
	{"menu", "0", func(r *roundTripsTest) {
		r.Act(map[string]any{"as": "U0DEV1", "type": "pay", "into": "Account", "view": r.view()})
	}},
	{"menu, account, role, submit", "0; 1 slack:views.update; 1 slack:views.update; 2 store:load store:save",
		func(r *roundTripsTest) {
			r.Act(map[string]any{"as": "U0DEV1", "submit": r.view(), "values": map[string]string{
				"Account": "payments-prod", "Role": "Operator", "How long": "2h", "Reason": "why",
			}})
		}},
	{"Cancel", "2 store:load store:save", func(r *roundTripsTest) { r.Click("U0DEV1", "Cancel", r.Card("C0PAYMENTS")) }},
	// The cancelled request is read once more, and then forgotten.
	{"one line, after a request that was pending", "3 store:load store:load store:save",
		func(r *roundTripsTest) { r.Command("U0DEV1", sandboxtest.AskCommand) }},
	{"Cancel again", "2 store:load store:save",
		func(r *roundTripsTest) { r.Click("U0DEV1", "Cancel", r.Card("C0APPROVALS")) }},
	{"a person's first one-line command", "2 store:load store:save", func(r *roundTripsTest) {
		r.Command("U0DEV2", sandboxtest.AskCommand)
		r.card = r.Card("C0APPROVALS")
	}},
	{"Deny", "2 store:load slack:views.open", func(r *roundTripsTest) { r.Click("U0LEAD1", "Deny", r.card) }},
	{"Approve", "2 store:load store:save", func(r *roundTripsTest) {
		r.Click("U0LEAD1", "Approve", r.card)
		r.grant = r.Direct("U0DEV2")
	}},
	{"Get temporary keys", "2 store:load invoke:vend",
		func(r *roundTripsTest) { r.Click("U0DEV2", "Get temporary keys", r.grant) }},
	{"Open AWS console", "2 store:load invoke:vend",
		func(r *roundTripsTest) { r.Click("U0DEV2", "Open AWS console", r.grant) }},
	{"I'm done", "3 store:load store:load store:save", func(r *roundTripsTest) { r.Click("U0DEV2", "I'm done", r.grant) }},
}

// Slack waits three seconds for an answer, so the slack function makes few calls
// in series before it answers. docs/performance.md compares them with the goals.
func TestRoundTripsInSeriesBeforeSlackIsAnswered(t *testing.T) {
	r := &roundTripsTest{Sandbox: sandboxtest.Start(t, sandboxtest.Policy(t))}
	traced := traceSlackFunction(r.Sandbox)
	for _, step := range roundTripSteps {
		traced.answers = nil
		step.do(r)
		var all []string
		for _, calls := range traced.answers {
			all = append(all, summary(calls))
		}
		got := strings.Join(all, "; ")
		t.Logf("%s: calls in series: %s", step.name, got)
		if got != step.want {
			t.Errorf("%s: got %q, want %q", step.name, got, step.want)
		}
	}
}
