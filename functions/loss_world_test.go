package functions

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// lossWorld is tick, notify, vend and cut with one table and the fakes of Slack and AWS. Each of their
// calls can go wrong, as loss says. It makes no other calls go wrong.
type lossWorld struct {
	*world
	aws   *cutWorld
	loss  *cutLoss
	quiet bool // notify does not run
}

// newLossWorld makes a world in which ticks have read people and groups.
func newLossWorld(t *testing.T) *lossWorld {
	t.Helper()
	w := &lossWorld{world: newWorld(t), aws: newCutWorld(t)}
	w.loss = w.aws.loss
	store := storeWithLoss{cutStoreWithLoss{w.store, w.loss}}
	w.aws.store, w.aws.cut.Store, w.aws.cut.Step.Store, w.through = w.store, store, store, store
	w.refuse = func(method, _, _ string) string {
		switch done, answered := w.loss.next("slack:" + method); {
		case done && answered:
			return ""
		case done:
			return "lost"
		}
		return "500"
	}
	w.starts()
	w.tick()
	return w
}

// starts starts new processes.
func (w *lossWorld) starts() {
	w.rebuild()
	w.Tick.Cuts = cutsWithLoss{w}
}

func (w *lossWorld) pass(d time.Duration) {
	w.world.pass(d)
	w.aws.pass(d)
}

// runs makes one invocation, and reports whether the process has died in it.
func (w *lossWorld) runs(invocation func()) (died bool) {
	w.loss.runs(true)
	invocation()
	if died = w.loss.runs(false); died {
		w.starts()
	}
	return died
}

// minutes runs a tick each minute, and all that follows from it. A tick that fails or dies is followed by the next one.
func (w *lossWorld) minutes(n int) {
	w.t.Helper()
	for range n {
		w.pass(time.Minute)
		w.runs(func() { _ = w.Tick.Handle(context.Background(), events.EventBridgeEvent{}) })
		w.ordered()
		w.deliver()
	}
}

// ordered passes on what the tick has ordered from cut. Lambda does not repeat such an order.
func (w *lossWorld) ordered() {
	w.t.Helper()
	if len(w.cuts) == 0 {
		return
	}
	var order CutOrder
	for _, k := range w.cuts {
		order.Cut = append(order.Cut, CutTarget(k))
	}
	w.cuts = nil
	text, err := json.Marshal(order)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = w.aws.handle(text)
}

// deliver passes the new records of the stream to cut and to notify, again if they fail or die.
func (w *lossWorld) deliver() {
	w.t.Helper()
	w.aws.feed()
	for range 3 {
		if w.quiet {
			return
		}
		before, failed := w.fed, 0
		if w.runs(func() { failed = len(w.feed()) }) {
			w.fed = before
		} else if failed == 0 {
			return
		}
	}
	w.t.Error("notify fails again and again")
}

// has gives somebody a grant with some live sessions.
func (w *lossWorld) has(n int, person, account, name, role string, sessions int) {
	w.t.Helper()
	p := access.Person{ID: person, Name: person, Membership: access.Member}
	w.aws.grantTo(n, p, access.Ask{Account: account, AccountName: name, Role: role, For: 2 * time.Hour})
	for range sessions {
		w.aws.vends(n)
	}
}

// mends runs the ticks in which what went wrong is put right. If people could not be read, these are those of the
// next sweep.
func (w *lossWorld) mends(right func() bool) {
	w.t.Helper()
	w.loss.over = true
	w.minutes(2)
	if !right() {
		w.pass(2 * time.Minute)
		w.minutes(2)
	}
}

// leaves takes people out of the group of developers.
func (w *lossWorld) leaves(people ...string) {
	w.t.Helper()
	for _, g := range w.slack.Groups() {
		if g.ID != "S0DEVS" {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(g.Members), func(id string) bool { return slices.Contains(people, id) })
		if err := w.slack.SetGroup(g.ID, left); err != nil {
			w.t.Fatal(err)
		}
	}
}

// reads counts the messages with a text that a person has in their direct channel.
func (w *lossWorld) reads(person, text string) (n int) {
	for _, m := range w.slack.Messages() {
		if m.DMWith == person && strings.Contains(m.Text, text) {
			n++
		}
	}
	return n
}

// hides checks that no secret of a session is written anywhere but in private answers.
func (w *lossWorld) hides(what string, sessions ...access.Credentials) {
	w.t.Helper()
	public := w.seen(func(m slackfake.Message) bool { return m.To == "" })
	all, err := json.Marshal([]any{w.store.All(context.Background()), w.store.Events(), w.aws.list()})
	if err != nil {
		w.t.Fatal(err)
	}
	for place, text := range map[string]string{
		"the log": w.logs.String(), "the log of cut": w.aws.logs.String(), "Slack": public, "the table": string(all),
	} {
		for _, c := range sessions {
			if secret := c.SecretKey.Reveal(); strings.Contains(text, secret) ||
				strings.Contains(text, c.SessionToken.Reveal()) {
				w.t.Errorf("%s: %s has a secret of the session %s", what, place, c.AccessKeyID)
			}
		}
	}
}

// cutsWithLoss is how the tick orders cuts.
type cutsWithLoss struct{ w *lossWorld }

func (c cutsWithLoss) Send(ctx context.Context, lists []access.CutKey) (err error) {
	done, answered := c.w.loss.next()
	if done {
		err = cutsTo{c.w.world}.Send(ctx, lists)
	}
	if !answered {
		return errLoss
	}
	return err
}

// storeWithLoss is the table with all calls that tick, notify and vend make.
type storeWithLoss struct{ cutStoreWithLoss }

// lossOf makes a call that reads.
func lossOf[T any](s storeWithLoss, call func() (T, error)) (answer T, err error) {
	err = s.do(func() error { answer, err = call(); return err })
	return answer, err
}

func (s storeWithLoss) Messages(ctx context.Context, id string) (r access.Request, m access.Messages, err error) {
	err = s.do(func() error { r, m, err = s.Store.Messages(ctx, id); return err })
	return r, m, err
}

func (s storeWithLoss) SaveMessages(ctx context.Context, id string, next access.Messages) error {
	return s.do(func() error { return s.Store.SaveMessages(ctx, id, next) })
}

func (s storeWithLoss) Directory(ctx context.Context) (access.Directory, error) {
	return lossOf(s, func() (access.Directory, error) { return s.Store.Directory(ctx) })
}

func (s storeWithLoss) SaveDirectory(ctx context.Context, next access.Directory) error {
	return s.do(func() error { return s.Store.SaveDirectory(ctx, next) })
}

func (s storeWithLoss) Reading(ctx context.Context) (access.Reading, error) {
	return lossOf(s, func() (access.Reading, error) { return s.Store.Reading(ctx) })
}

func (s storeWithLoss) SaveReading(ctx context.Context, next access.Reading) error {
	return s.do(func() error { return s.Store.SaveReading(ctx, next) })
}

func (s storeWithLoss) Sweep(ctx context.Context) (access.Sweep, error) {
	return lossOf(s, func() (access.Sweep, error) { return s.Store.Sweep(ctx) })
}

func (s storeWithLoss) SaveSweep(ctx context.Context, next access.Sweep) error {
	return s.do(func() error { return s.Store.SaveSweep(ctx, next) })
}

func (s storeWithLoss) InState(ctx context.Context, state access.State, limit int) ([]access.Request, error) {
	return lossOf(s, func() ([]access.Request, error) { return s.Store.InState(ctx, state, limit) })
}

func (s storeWithLoss) Requests(ctx context.Context, ids []string) ([]access.Request, error) {
	return lossOf(s, func() ([]access.Request, error) { return s.Store.Requests(ctx, ids) })
}

func (s storeWithLoss) Due(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return lossOf(s, func() ([]string, error) { return s.Store.Due(ctx, now, limit) })
}

func (s storeWithLoss) Owed(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return lossOf(s, func() ([]string, error) { return s.Store.Owed(ctx, now, limit) })
}

func (s storeWithLoss) Ending(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return lossOf(s, func() ([]string, error) { return s.Store.Ending(ctx, now, limit) })
}

func (s storeWithLoss) DueCuts(ctx context.Context, now time.Time, limit int) ([]access.CutKey, error) {
	return lossOf(s, func() ([]access.CutKey, error) { return s.Store.DueCuts(ctx, now, limit) })
}

func (s storeWithLoss) Freeze(ctx context.Context) (access.Freeze, error) {
	return lossOf(s, func() (access.Freeze, error) { return s.Store.Freeze(ctx) })
}

func (s storeWithLoss) Problems(ctx context.Context) (access.Problems, error) {
	return lossOf(s, func() (access.Problems, error) { return s.Store.Problems(ctx) })
}

func (s storeWithLoss) SaveProblems(ctx context.Context, next access.Problems) error {
	return s.do(func() error { return s.Store.SaveProblems(ctx, next) })
}

func (s storeWithLoss) Notices(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return lossOf(s, func() ([]string, error) { return s.Store.Notices(ctx, now, limit) })
}
