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

// spent are calls, by whom they go to.
type spent struct{ AWS, Slack, SignIn int }

// spends counts what do leads to, everything that follows from it included.
func spends(b *sandboxtest.Sandbox, do func()) (out spent) {
	b.T.Helper()
	before := b.State().Calls
	do()
	for op, n := range b.State().Calls {
		n -= before[op]
		switch service, _, _ := strings.Cut(op, ":"); service {
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

// withAccounts is the repository's policy with more accounts, which its rules
// cover as they do those that stand there.
func withAccounts(t *testing.T, many int) string {
	t.Helper()
	var more strings.Builder
	for i := range many - 5 {
		fmt.Fprintf(&more, "  - {id: \"%012d\", name: payments-%d-prod, region: eu-west-1, tags: {env: prod, team: payments}}\n", 700_000_000_000+i, i)
	}
	return strings.Replace(sandboxtest.Policy(t), "\naccounts:\n", "\naccounts:\n"+more.String(), 1)
}

// What a request costs from the command to the message that it is granted, and
// what each vend costs, is the same at 5 accounts and at 10,000.
func TestCallsOfARequestAndOfAVend(t *testing.T) {
	for _, many := range []int{5, 10_000} {
		for how, c := range map[string]struct {
			ask  func(*sandboxtest.Sandbox)
			want spent
		}{"one line": {sandboxtest.Ask, spent{AWS: 8, Slack: 3}}, "form": {sandboxtest.AskByForm, spent{AWS: 9, Slack: 6}}} {
			t.Run(fmt.Sprintf("accounts=%d/%s", many, how), func(t *testing.T) {
				b := sandboxtest.Start(t, sandboxtest.Policy(t))
				b.Do("policy", withAccounts(t, many)) // and the tick that knows its people
				if n := accounts(b); n != many {
					t.Fatalf("the policy has %d accounts, want %d", n, many)
				}
				got := spends(b, func() {
					c.ask(b)
					b.Click("U0LEAD1", "Approve", b.Card("C0APPROVALS"))
				})
				grant := b.Last("message of the grant", sandboxtest.IsGrant("U0DEV1"))
				within(t, "command to grant", got, c.want, spent{AWS: 10, Slack: 6})
				for button, want := range map[string]spent{"Get temporary keys": {AWS: 6, Slack: 2}, "Open AWS console": {AWS: 6, Slack: 2, SignIn: 1}} {
					within(t, button, spends(b, func() { b.Click("U0DEV1", button, grant) }), want, spent{AWS: 6, Slack: 2})
				}
				if n := len(b.State().Sessions); n != 2 {
					t.Errorf("%d sessions, want 2", n)
				}
			})
		}
	}
}

// accounts is how many accounts somebody who may look everywhere finds.
func accounts(b *sandboxtest.Sandbox) int {
	b.T.Helper()
	st := b.World()
	d, err := st.Store.Directory(context.Background())
	if err != nil {
		b.T.Fatal(err)
	}
	_, total := st.Policy().Accounts(d.People["U0SEC1"], d, st.Clock.Now(), "", 1)
	return total
}

// within compares calls with what they are, and with their goals.
func within(t *testing.T, what string, got, want, goal spent) {
	t.Helper()
	t.Logf("%s: %d AWS calls (goal %d), %d Slack calls (goal %d), %d sign-in calls", what, got.AWS, goal.AWS, got.Slack, goal.Slack, got.SignIn)
	if got != want || got.AWS > goal.AWS || got.Slack > goal.Slack {
		t.Errorf("%s: got %+v, want %+v, and no more than %+v", what, got, want, goal)
	}
}

// trips notes when calls begin and end, in the order in which they do.
type trips struct {
	mu    sync.Mutex
	clock int
	list  []*trip
}

type trip struct {
	op         string
	begin, end int
}

func (l *trips) begin(op string) (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	one := &trip{op: op, begin: l.clock}
	l.list = append(l.list, one)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.clock++
		one.end = l.clock
	}
}

// take are the calls that were noted since the last time, all of them ended.
func (l *trips) take() (out []trip) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.list {
		out = append(out, *one)
	}
	l.list = nil
	return out
}

// inSeries is the longest chain of calls of which each began after the one
// before had ended. Two calls that were made at once and happened not to
// overlap count as two: it is never too few.
func inSeries(calls []trip) (n int) {
	ended := 0
	for _, c := range slices.SortedFunc(slices.Values(calls), func(a, b trip) int { return a.end - b.end }) {
		if c.begin > ended {
			n, ended = n+1, c.end
		}
	}
	return n
}

// summary tells how many calls were in series, and which were made.
func summary(calls []trip) string {
	text := fmt.Sprint(inSeries(calls))
	for _, c := range calls {
		text += " " + c.op
	}
	return text
}

// Calls at once are one round trip; calls one after the other are not.
func TestInSeries(t *testing.T) {
	for name, c := range map[string]struct {
		calls []trip
		want  int
	}{
		"none":               {nil, 0},
		"one after another":  {[]trip{{"a", 1, 2}, {"b", 3, 4}}, 2},
		"at once":            {[]trip{{"a", 1, 3}, {"b", 2, 4}}, 1},
		"two beside a third": {[]trip{{"a", 1, 6}, {"b", 2, 3}, {"c", 4, 5}}, 2},
	} {
		if got := inSeries(c.calls); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

// noted is a table whose calls are noted.
type noted struct {
	world.Table
	trips *trips
}

func (n noted) Save(ctx context.Context, next access.Request, event access.Event, once string) error {
	defer n.trips.begin("store:save")()
	return n.Table.Save(ctx, next, event, once)
}

func (n noted) Submit(ctx context.Context, r access.Request, event access.Event, next access.Asker, once string) error {
	defer n.trips.begin("store:save")()
	return n.Table.Submit(ctx, r, event, next, once)
}

func (n noted) LoadForSubmit(ctx context.Context, user, once string) (access.Directory, access.Asker, error) {
	defer n.trips.begin("store:load")()
	return n.Table.LoadForSubmit(ctx, user, once)
}

func (n noted) Requests(ctx context.Context, ids []string) ([]access.Request, error) {
	defer n.trips.begin("store:load")()
	return n.Table.Requests(ctx, ids)
}

func (n noted) SaveDirectory(ctx context.Context, next access.Directory) error {
	defer n.trips.begin("store:save")()
	return n.Table.SaveDirectory(ctx, next)
}

func (n noted) SaveMessages(ctx context.Context, id string, next access.Messages) error {
	defer n.trips.begin("store:save")()
	return n.Table.SaveMessages(ctx, id, next)
}

func (n noted) Load(ctx context.Context, id string) (access.Request, access.Directory, access.Messages, error) {
	defer n.trips.begin("store:load")()
	return n.Table.Load(ctx, id)
}

func (n noted) Directory(ctx context.Context) (access.Directory, error) {
	defer n.trips.begin("store:load")()
	return n.Table.Directory(ctx)
}

func (n noted) Messages(ctx context.Context, id string) (access.Request, access.Messages, error) {
	defer n.trips.begin("store:load")()
	return n.Table.Messages(ctx, id)
}

func (n noted) ByRequester(ctx context.Context, user string, most int) ([]access.Request, error) {
	defer n.trips.begin("store:list")()
	return n.Table.ByRequester(ctx, user, most)
}

// notedSlack is the network to Slack, whose calls are noted.
type notedSlack struct{ trips *trips }

func (n notedSlack) RoundTrip(r *http.Request) (*http.Response, error) {
	defer n.trips.begin("slack:" + path.Base(r.URL.Path))()
	return http.DefaultTransport.RoundTrip(r)
}

// notedOrders hands orders on, and notes that.
type notedOrders struct {
	next interface {
		Send(ctx context.Context, order access.Order) error
	}
	trips *trips
}

func (n notedOrders) Send(ctx context.Context, order access.Order) error {
	defer n.trips.begin("invoke:vend")()
	return n.next.Send(ctx, order)
}

// watched is the slack function, with the calls that each answer waited for.
// It is asked for one thing at a time.
type watched struct {
	function lambda.Handler
	trips    *trips
	answers  [][]trip
}

// Invoke implements lambda.Handler.
func (w *watched) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	out, err := w.function.Invoke(ctx, event)
	w.answers = append(w.answers, w.trips.take())
	return out, err
}

// watch deploys the slack function again, with its calls noted.
func watch(b *sandboxtest.Sandbox) *watched {
	w := &watched{trips: &trips{}}
	f := b.World().SlackFunction(func(t world.Table) world.Table { return noted{t, w.trips} }, notedSlack{w.trips})
	f.Orders = notedOrders{f.Orders, w.trips}
	w.function = lambda.NewHandler(f.Handle)
	b.World().ReplaceFunctions(func(name string, instance func() lambda.Handler) func() lambda.Handler {
		if name == "slack" {
			return func() lambda.Handler { return w }
		}
		return instance
	})
	return w
}

// Slack waits three seconds for an answer. The goals are 1 call in series for a
// command, 2 for what is sent, the one-line command included, and 2 for a
// click. One is not met: the first form in a minute waits for 2, because the
// directory that menus are drawn from is read again.
func TestRoundTripsInSeriesBeforeSlackIsAnswered(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	w := watch(b)
	var card, grant slackfake.Message
	view := func() string { views := b.State().Views; return views[len(views)-1].ID }
	submit := func(values map[string]string) {
		b.Act(map[string]any{"as": "U0DEV1", "submit": view(), "values": values})
	}
	for _, step := range []struct {
		what, want string // the calls of each answer, in series
		do         func()
	}{
		{"help", "0", func() { b.Command("U0DEV1", "/aws-access help") }},
		{"list", "2 store:list store:load", func() { b.Command("U0DEV1", "/aws-access list") }},
		{"form, the first in a minute", "2 store:load slack:views.open", func() { b.Command("U0DEV1", "/aws-access") }},
		{"form", "1 slack:views.open", func() { b.Command("U0DEV1", "/aws-access") }},
		{"menu", "0", func() { b.Act(map[string]any{"as": "U0DEV1", "type": "pay", "into": "Account", "view": view()}) }},
		{"menu, account, role, send", "0; 1 slack:views.update; 1 slack:views.update; 2 store:load store:save", func() {
			submit(map[string]string{"Account": "payments-prod", "Role": "Operator", "How long": "2h", "Reason": "why"})
		}},
		{"Cancel", "2 store:load store:save", func() { b.Click("U0DEV1", "Cancel", b.Card("C0PAYMENTS")) }},
		// The cancelled one is read once more, and then forgotten.
		{"one sandboxtest.AskCommand, after one that waited", "3 store:load store:load store:save", func() { b.Command("U0DEV1", sandboxtest.AskCommand) }},
		{"Cancel again", "2 store:load store:save", func() { b.Click("U0DEV1", "Cancel", b.Card("C0APPROVALS")) }},
		{"the first line of somebody", "2 store:load store:save",
			func() { b.Command("U0DEV2", sandboxtest.AskCommand); card = b.Card("C0APPROVALS") }},
		{"Deny", "2 store:load slack:views.open", func() { b.Click("U0LEAD1", "Deny", card) }},
		{"Approve", "2 store:load store:save", func() { b.Click("U0LEAD1", "Approve", card); grant = b.Direct("U0DEV2") }},
		{"Get temporary keys", "2 store:load invoke:vend", func() { b.Click("U0DEV2", "Get temporary keys", grant) }},
		{"Open AWS console", "2 store:load invoke:vend", func() { b.Click("U0DEV2", "Open AWS console", grant) }},
		{"I'm done", "2 store:load store:save", func() { b.Click("U0DEV2", "I'm done", grant) }},
	} {
		w.answers = nil
		step.do()
		var got []string
		for _, calls := range w.answers {
			got = append(got, summary(calls))
		}
		text := strings.Join(got, "; ")
		t.Logf("%s: calls in series: %s", step.what, text)
		if text != step.want {
			t.Errorf("%s: got %q, want %q", step.what, text, step.want)
		}
	}
}
