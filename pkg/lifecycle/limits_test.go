package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// wide returns a policy with many roles: r0 to r39 need an approval, free needs none.
func wide() string {
	roles, names := "", []string{}
	for i := range 40 {
		roles += fmt.Sprintf("  r%d: {}\n", i)
		names = append(names, fmt.Sprint("r", i))
	}
	return strings.NewReplacer(
		"roles:\n", "roles:\n"+roles+"  free: {}\n",
		"rules:\n", "rules:\n  - {name: wide, who: [devs], accounts: [prod], roles: ["+strings.Join(names, ", ")+
			"], max: 4h, approvals: [{from: [leads], need: 1}]}\n"+
			"  - {name: free, who: [devs], accounts: [prod], roles: [free], max: 4h, approvals: none}\n",
	).Replace(loose)
}

func newWideWorld(t tb) *world {
	w := newWorld(t)
	w.policy = compiled(t, wide())
	return w
}

func (w *world) mustSubmit(by, role string) access.Request {
	w.t.Helper()
	r, err := w.submit(by, role, time.Hour, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) count() int { return len(w.store.All(context.Background())) }

func TestRepeatedAskReturnsTheExistingRequest(t *testing.T) {
	for name, c := range map[string]struct {
		role   string
		before func(w *world, r access.Request)
		code   string // "" if a second request is made
	}{
		"pending": {"Change", func(*world, access.Request) {}, "already_asked"},
		"approved by one of two": {"Change", func(w *world, r access.Request) {
			_, _ = w.approve(r.ID, "U0LEAD1")
		}, "already_asked"},
		"approved": {"Change", func(w *world, r access.Request) {
			_, _ = w.approve(r.ID, "U0LEAD1")
			_, _ = w.approve(r.ID, "U0SEC1")
		}, "already_granted"},
		"active without approval": {"Look", func(*world, access.Request) {}, "already_granted"},
		"denied":                  {"Change", func(w *world, r access.Request) { _, _ = w.deny(r.ID, "U0LEAD1") }, ""},
		"cancelled": {"Change", func(w *world, r access.Request) {
			_, _ = Close{w.step()}.Cancel(context.Background(), r.ID, "U0DEV1")
		}, ""},
		"given back": {"Look", func(w *world, r access.Request) {
			_, _ = Close{w.step()}.End(context.Background(), r.ID, "U0DEV1")
		}, ""},
		"timed out, and the tick is late": {"Change", func(w *world, _ access.Request) { w.advance(time.Hour) }, ""},
		"expired, and the tick is late":   {"Look", func(w *world, _ access.Request) { w.advance(time.Hour) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first := w.mustSubmit("U0DEV1", c.role)
			c.before(w, first)
			before := w.at(first.ID)
			again, err := w.submit("U0DEV1", c.role, 30*time.Minute, "")
			if access.Code(err) != c.code {
				t.Fatalf("got %q (%v), want %q", access.Code(err), err, c.code)
			}
			if c.code == "" {
				if again.ID == first.ID || again.ID == "" {
					t.Errorf("got request %q, want a new one, not %q", again.ID, first.ID)
				}
				return
			}
			if again.ID != first.ID || again.State != before.State || w.count() != 1 ||
				w.at(first.ID).Version != before.Version {
				t.Errorf("got %q %s of %d requests, want %q %s and nothing written", again.ID, again.State, w.count(),
					first.ID, before.State)
			}
		})
	}
}

func TestAskByAnotherPersonOrForAnotherRoleIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	w.mustSubmit("U0DEV1", "Change")
	w.mustSubmit("U0DEV2", "Change")
	w.mustSubmit("U0DEV1", "Look")
	if w.count() != 3 {
		t.Errorf("%d requests, want 3", w.count())
	}
}

func TestPendingRequestsOfOnePersonAreLimited(t *testing.T) {
	w := newWideWorld(t)
	var first access.Request
	for i := range 5 {
		r := w.mustSubmit("U0DEV1", fmt.Sprint("r", i))
		if i == 0 {
			first = r
		}
	}
	_, err := w.submit("U0DEV1", "r5", time.Hour, "")
	if access.Code(err) != "too_many_pending" || !strings.Contains(err.Error(), "/aws-access list") {
		t.Errorf("the sixth: got %q (%v), want too_many_pending and the command that helps", access.Code(err), err)
	}
	w.mustSubmit("U0DEV1", "free") // needs no approval
	w.mustSubmit("U0DEV2", "r5")   // another person has a limit of their own
	if _, err := (Close{w.step()}).Cancel(context.Background(), first.ID, "U0DEV1"); err != nil {
		t.Fatal(err)
	}
	w.mustSubmit("U0DEV1", "r5")
}

func TestAsksOfOnePersonPerHourAreLimited(t *testing.T) {
	w := newWideWorld(t)
	ask := func(i int) error {
		w.advance(time.Minute)
		r, err := w.submit("U0DEV1", fmt.Sprint("r", i), time.Hour, "")
		if err == nil {
			_, err = Close{w.step()}.Cancel(context.Background(), r.ID, "U0DEV1")
		}
		return err
	}
	for i := range 30 {
		if err := ask(i); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	err := ask(30)
	if access.Code(err) != "too_many_asks" || !strings.Contains(err.Error(), "21 Nov 13:01 UTC") {
		t.Errorf("the thirty-first: got %q (%v), want too_many_asks until 13:01, an hour after the first",
			access.Code(err), err)
	}
	w.advance(29 * time.Minute)
	if err := ask(30); err != nil {
		t.Errorf("an hour after the first: %v", err)
	}
}

// An ask that is refused after calls to Slack counts too, because it cost as much.
func TestRefusedAsksCountTowardsTheLimit(t *testing.T) {
	w := newWideWorld(t)
	for i := range 30 {
		if _, err := w.submit("U0DEV1", "r0", 5*time.Hour, ""); access.Code(err) != "too_long" {
			t.Fatalf("%d: got %v, want too_long", i, err)
		}
	}
	calls := 0
	w.fault = func(call string) (error, error) {
		if strings.HasPrefix(call, "slack:") {
			calls++
		}
		return nil, nil
	}
	w.advance(20 * time.Minute) // the directory is stale, so an ask within the limit would read Slack
	if _, err := w.submit("U0DEV1", "r0", time.Hour, ""); access.Code(err) != "too_many_asks" || calls != 0 {
		t.Errorf("got %v and %d calls to Slack, want too_many_asks and none", err, calls)
	}
}

// Requesters are not to blame if Slack cannot be read. If they try again meanwhile, these
// asks do not count towards their limit.
func TestAsksDoNotCountWhileSlackIsUnreadable(t *testing.T) {
	for name, c := range map[string]struct {
		down   string        // prefix of the calls to Slack that fail
		after  time.Duration // since the directory was read; 0 for never
		policy string
		code   string
	}{
		"the requester is unknown":        {"slack:", 0, loose, "unknown_person"},
		"a group is unknown":              {"slack:group", 20 * time.Minute, loose, "slack_unreadable"},
		"the group of a never is unknown": {"slack:group", 20 * time.Minute, neverForLeads, "never"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.policy = compiled(t, c.policy)
			if c.after > 0 {
				if err := w.tick(); err != nil {
					t.Fatal(err)
				}
				w.advance(c.after)
			}
			w.fault = func(call string) (error, error) {
				if strings.HasPrefix(call, c.down) {
					return errDown, nil
				}
				return nil, nil
			}
			for i := range 40 {
				if _, err := w.submit("U0DEV1", "Look", time.Hour, ""); access.Code(err) != c.code {
					t.Fatalf("%d: got %q (%v), want %q", i, access.Code(err), err, c.code)
				}
			}
			w.fault = nil
			if _, err := w.submit("U0DEV1", "Look", time.Hour, ""); err != nil {
				t.Errorf("submit when Slack answers again: %v", err)
			}
		})
	}
}

// neverForLeads is a policy that lets everyone ask for Look, except a group.
var neverForLeads = strings.NewReplacer(
	"rules:\n", "rules:\n  - {name: all, who: [everyone], accounts: [prod], roles: [Look], max: 4h, approvals: none}\n",
	"who: [leaver@example.com]", "who: [leads]",
).Replace(loose)

func TestTwentyAsksAtOnceStayWithinTheLimits(t *testing.T) {
	for name, c := range map[string]struct {
		role string // %d stands for the number of the ask
		made int
		code string
	}{
		"identical": {"r0", 1, "already_asked"},
		"different": {"r%d", 5, "too_many_pending"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWideWorld(t)
			if err := w.tick(); err != nil {
				t.Fatal(err)
			}
			codes := make([]string, 20)
			var all sync.WaitGroup
			for i := range codes {
				all.Go(func() {
					role := strings.ReplaceAll(c.role, "%d", fmt.Sprint(i))
					_, err := w.submit("U0DEV1", role, time.Hour, fmt.Sprint("command:", i))
					codes[i] = access.Code(err)
					if err != nil && codes[i] == "" {
						t.Errorf("%d: %v", i, err)
					}
				})
			}
			all.Wait()
			made := 0
			for _, code := range codes {
				if code == "" {
					made++
				} else if code != c.code {
					t.Errorf("refused with %q, want %q", code, c.code)
				}
			}
			if made != c.made || w.count() != c.made {
				t.Errorf("%d requests were made and %d are stored, want %d", made, w.count(), c.made)
			}
		})
	}
}

// If the answer of a write is lost, the retry finds the request that the write made. That
// is not a repeated ask.
func TestRetryAfterLostAnswerIsNotARepeatedAsk(t *testing.T) {
	for _, once := range []string{"", "view:V1"} {
		w := newWorld(t)
		lost := true
		w.fault = func(call string) (error, error) {
			if call == "store:save" && lost {
				lost = false
				return nil, errDown
			}
			return nil, nil
		}
		r, err := w.submit("U0DEV1", "Change", time.Hour, once)
		if err != nil || r.State != access.Pending || w.count() != 1 {
			t.Errorf("unique key %q: %v, %q, %d requests; want one that is pending", once, err, r.State, w.count())
		}
	}
}

func TestFormSentAgainAfterCancelReturnsTheSameRequest(t *testing.T) {
	w := newWorld(t)
	first, err := w.submit("U0DEV1", "Change", time.Hour, "view:V1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Close{w.step()}).Cancel(context.Background(), first.ID, "U0DEV1"); err != nil {
		t.Fatal(err)
	}
	again, err := w.submit("U0DEV1", "Change", time.Hour, "view:V1")
	if err != nil || again.ID != first.ID || w.count() != 1 {
		t.Errorf("the same form after its request was cancelled: %q, %v, %d requests; want %q and one request",
			again.ID, err, w.count(), first.ID)
	}
}

func TestFailingTableIsAnErrorAndNotALimit(t *testing.T) {
	w := newWorld(t)
	w.fault = func(call string) (error, error) {
		if strings.HasPrefix(call, "store:") {
			return errDown, nil
		}
		return nil, nil
	}
	if _, err := w.submit("U0DEV1", "Change", time.Hour, ""); !errors.Is(err, errDown) || access.Code(err) != "" {
		t.Errorf("got %v, want the error of the table", err)
	}
}
