package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// active returns an active request for the role Change.
func active(t *testing.T, w *world) access.Request {
	t.Helper()
	r, err := w.submit("U0DEV1", "Change", time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []string{"U0LEAD1", "U0SEC1"} {
		moved, err := w.approve(r.ID, by)
		if err != nil {
			t.Fatal(err)
		}
		r = moved.Request
	}
	if r.State != access.Active {
		t.Fatalf("after a lead and security: %s, want active", r.State)
	}
	return r
}

// refusedSteps are steps that the request of the test refuses, with their codes.
var refusedSteps = map[string]struct {
	do   func(w *world, r access.Request) error
	code string
}{
	"requester approves": {func(w *world, r access.Request) error {
		_, err := w.approve(r.ID, "U0DEV1")
		return err
	}, "self_approval"},
	"approved by somebody whom no rule names": {func(w *world, r access.Request) error {
		_, err := w.approve(r.ID, "U0DEV2")
		return err
	}, "not_approver"},
	"denied by somebody whom no rule names": {func(w *world, r access.Request) error {
		_, err := w.deny(r.ID, "U0DEV2")
		return err
	}, "not_approver"},
	"approved by a guest": {func(w *world, r access.Request) error {
		_, err := w.approve(r.ID, "U0GUEST")
		return err
	}, "guest"},
	"approved by an unknown person": {func(w *world, r access.Request) error {
		_, err := w.approve(r.ID, "U0WHO")
		return err
	}, "unknown_person"},
	"cancelled by somebody else": {func(w *world, r access.Request) error {
		_, err := Close{w.step()}.Cancel(context.Background(), r.ID, "U0LEAD1")
		return err
	}, "not_yours"},
	"ended before it began": {func(w *world, r access.Request) error {
		_, err := Close{w.step()}.End(context.Background(), r.ID, "U0DEV1")
		return err
	}, "still_pending"},
	"revoked before it began": {func(w *world, r access.Request) error {
		_, err := Close{w.step()}.Revoke(context.Background(), r.ID, "U0LEAD1", "because")
		return err
	}, "still_pending"},
	"vended before it began": {func(w *world, r access.Request) error {
		_, err := w.order(r.ID, "U0DEV1", "o", access.Keys)
		return err
	}, "still_pending"},
	"approved too late": {func(w *world, r access.Request) error {
		w.advance(time.Hour)
		_, err := w.approve(r.ID, "U0LEAD1")
		return err
	}, "timed_out"},
	"no such request": {func(w *world, _ access.Request) error {
		_, err := w.approve("01NOSUCH", "U0LEAD1")
		return err
	}, "unknown_request"},
}

func TestRefusedStepNamesItsReasonAndChangesNothing(t *testing.T) {
	for name, c := range refusedSteps {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r, err := w.submit("U0DEV1", "Change", time.Hour, "")
			if err != nil {
				t.Fatal(err)
			}
			if err := c.do(w, r); access.Code(err) != c.code {
				t.Errorf("got %q (%v), want %q", access.Code(err), err, c.code)
			}
			if got := w.at(r.ID); got.Version != 1 {
				t.Errorf("the request moved to version %d", got.Version)
			}
		})
	}
}

func TestSubmitIsRefusedWithItsReason(t *testing.T) {
	for name, c := range map[string]struct {
		by, role string
		length   time.Duration
		code     string
	}{
		"not in any group": {"U0SEC1", "Look", time.Hour, "unknown_account"},
		"too long":         {"U0DEV1", "Change", 3 * time.Hour, "too_long"},
		"unknown role":     {"U0DEV1", "Loo", time.Hour, "unknown_role"},
		"a never rule":     {"U0LEAVER", "Look", time.Hour, "never"},
		"guest":            {"U0GUEST", "Look", time.Hour, "guest"},
		"unknown person":   {"U0WHO", "Look", time.Hour, "unknown_person"},
		"too short":        {"U0DEV1", "Look", time.Minute, "too_short"},
	} {
		w := newWorld(t)
		if _, err := w.submit(c.by, c.role, c.length, ""); access.Code(err) != c.code {
			t.Errorf("%s: got %q (%v), want %q", name, access.Code(err), err, c.code)
		}
		if n := w.count(); n != 0 {
			t.Errorf("%s: %d requests were made, want none", name, n)
		}
	}
}

func TestFormSentTwiceMakesOneRequest(t *testing.T) {
	w := newWorld(t)
	first, err := w.submit("U0DEV1", "Look", time.Hour, "view:V1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.submit("U0DEV1", "Look", time.Hour, "view:V1")
	if err != nil || again.ID != first.ID || w.count() != 1 {
		t.Errorf("sent again: %q, %v, %d requests; want %q and one request", again.ID, err, w.count(), first.ID)
	}
}

func TestWriteWithLostAnswerIsNotDoneTwice(t *testing.T) {
	w := newWorld(t)
	lost := true
	w.fault = func(call string) (error, error) {
		if call == "store:save" && lost {
			lost = false
			return nil, errDown
		}
		return nil, nil
	}
	r, err := w.submit("U0DEV1", "Change", time.Hour, "view:V1")
	if err != nil || w.count() != 1 {
		t.Fatalf("submit: %v, %d requests, want one", err, w.count())
	}
	if _, err := w.approve(r.ID, "U0LEAD1"); err != nil {
		t.Fatal(err)
	}
	lost = true
	if moved, err := w.approve(r.ID, "U0SEC1"); err != nil || moved.State != access.Active || moved.Version != 3 {
		t.Errorf("approve: %v, %s at version %d, want active at 3", err, moved.State, moved.Version)
	}
}

func TestEndAndRevokeAreFinalAndRepeatable(t *testing.T) {
	ctx := context.Background()
	for want, do := range map[access.State]func(w *world, id string) (Moved, error){
		access.Ended: func(w *world, id string) (Moved, error) { return Close{w.step()}.End(ctx, id, "U0DEV1") },
		access.Revoked: func(w *world, id string) (Moved, error) {
			return Close{w.step()}.Revoke(ctx, id, "U0LEAD1", "because")
		},
	} {
		w := newWorld(t)
		id := active(t, w).ID
		for range 2 {
			if r, err := do(w, id); err != nil || r.State != want || r.Version != 4 {
				t.Errorf("%s: got %s at version %d, %v", want, r.State, r.Version, err)
			}
		}
		if _, err := w.order(id, "U0DEV1", "o", access.Keys); access.Code(err) != string(want) || len(w.assumed) != 0 {
			t.Errorf("vend after %s: got %v and %d sessions, want a refusal and none", want, err, len(w.assumed))
		}
	}
}

func TestVendChecksPolicyGroupsAndMembershipAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		code   string
	}{
		"requester deactivated":    {func(w *world) { w.setMembership("U0DEV1", access.Deactivated) }, "deactivated"},
		"requester left the group": {func(w *world) { w.groups["S0DEVS"] = nil }, "not_allowed"},
		"approver left the group":  {func(w *world) { w.groups["S0LEADS"] = []string{"U0LEAD2"} }, "no_longer_approved"},
		"approver deactivated":     {func(w *world) { w.setMembership("U0SEC1", access.Deactivated) }, "no_longer_approved"},
		"group deleted":            {func(w *world) { delete(w.groups, "S0LEADS") }, "no_longer_approved"},
		"role removed":             {func(w *world) { w.policy = compiled(w.t, withoutChange) }, "unknown_role"},
		"ticket is mandatory now": {func(w *world) {
			w.policy = compiled(w.t, strings.Replace(loose, "max: 2h", "ask: [reason, ticket]\n    max: 2h", 1))
		}, "no_ticket"},
		"nothing changed": {func(*world) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := active(t, w)
			c.change(w)
			w.advance(2 * time.Minute)
			if err := w.tick(); err != nil {
				t.Fatal(err)
			}
			_, err := w.order(r.ID, "U0DEV1", "o", access.Keys)
			if access.Code(err) != c.code || (len(w.assumed) == 1) != (c.code == "") {
				t.Errorf("got %q (%v) and %d sessions, want %q", access.Code(err), err, len(w.assumed), c.code)
			}
		})
	}
}

const withoutChange = `
version: 1
settings: {channel: C0APPROVALS, operators: C0OPS, answer_within: 1h}
roles:
  Look: {about: Look at everything}
accounts:
  - {id: "111111111111", name: prod, region: eu-west-1, tags: {env: prod}}
groups:
  devs: {slack: S0DEVS}
rules:
  - {name: look, who: [devs], accounts: [prod], roles: [Look], max: 4h, approvals: none}
`

func (w *world) setMembership(id string, m access.Membership) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.people[id]
	p.Membership = m
	w.people[id] = p
}

func TestStricterPolicyShortensActiveGrant(t *testing.T) {
	w := newWorld(t)
	r, err := w.submit("U0DEV1", "Look", 4*time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	w.policy = compiled(t, strict)
	if _, err := w.order(r.ID, "U0DEV1", "o1", access.Keys); access.Code(err) != "not_given" {
		t.Errorf("keys: got %v, want not_given", err)
	}
	if _, err := w.order(r.ID, "U0DEV1", "o2", access.Console); err != nil {
		t.Fatal(err)
	}
	last := w.assumed[len(w.assumed)-1]
	if want := r.Starts.Add(30 * time.Minute); !last.Ends.Equal(want) || !last.ConsoleOnly {
		t.Errorf("session until %s, console only %v; want %s and true", last.Ends, last.ConsoleOnly, want)
	}
	w.advance(30 * time.Minute)
	if _, err := w.order(r.ID, "U0DEV1", "o3", access.Console); access.Code(err) != "expired" {
		t.Errorf("half an hour later: got %v, want expired", err)
	}
}

func TestRevokeDuringVendHandsOutNoCredentials(t *testing.T) {
	w := newWorld(t)
	r := active(t, w)
	w.fault = func(call string) (error, error) {
		if call == "sts:assume" {
			w.mu.Lock()
			w.fault = nil
			w.mu.Unlock()
			if _, err := (Close{w.step()}).Revoke(context.Background(), r.ID, "U0LEAD2", "because"); err != nil {
				t.Error(err)
			}
		}
		return nil, nil
	}
	out, err := w.order(r.ID, "U0DEV1", "o", access.Keys)
	if access.Code(err) != "revoked" || !out.Credentials.SecretKey.Empty() {
		t.Errorf("got %v, credentials empty %v; want revoked and none", err, out.Credentials.SecretKey.Empty())
	}
	if got := w.at(r.ID); got.LiveUntil(w.clock()).IsZero() {
		t.Error("the session exists, but is not recorded")
	}
}

func TestUnrecordedCredentialsAreNotHandedOut(t *testing.T) {
	for _, save := range []int{1, 2} { // the intent, the session
		w := newWorld(t)
		r := active(t, w)
		n := 0
		w.fault = func(call string) (error, error) {
			if call == "store:save" {
				n++
				if n >= save {
					return errDown, nil
				}
			}
			return nil, nil
		}
		out, err := w.order(r.ID, "U0DEV1", "o", access.Keys)
		if !errors.Is(err, errDown) || !out.Credentials.SecretKey.Empty() {
			t.Errorf("save %d fails: got %v, credentials empty %v; want the error and none",
				save, err, out.Credentials.SecretKey.Empty())
		}
	}
}

func TestUnansweredOrderIsRecordedAsFailed(t *testing.T) {
	w := newWorld(t)
	r := active(t, w)
	w.fault = func(call string) (error, error) { // vend is killed after it recorded the intent
		if call == "sts:assume" {
			panic("killed")
		}
		return nil, nil
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = w.order(r.ID, "U0DEV1", "o", access.Keys)
	}()
	w.fault = nil
	w.advance(access.OrderLife)
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	events := w.store.Events()
	last := events[len(events)-1]
	if last.Verb != access.Tick || last.Outcome != access.Failed || last.Order != "o" {
		t.Errorf("got %+v, want a tick that records the order as failed", last)
	}
	// Nobody knows whether STS has made a session, so one counts for as long as it could live.
	until := last.At.Add(-access.OrderLife).Add(access.UnansweredLife)
	if at := w.at(r.ID); !at.MayActUntil(w.clock()).Equal(until) || !at.Sessions[0].NoAnswer {
		t.Errorf("a session may act until %s, want %s", at.MayActUntil(w.clock()), until)
	}
}

func TestTickMovesOnlyDueRequests(t *testing.T) {
	w := newWorld(t)
	pending, err := w.submit("U0DEV1", "Change", time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	granted, err := w.submit("U0DEV1", "Look", 90*time.Minute, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after            time.Duration
		pending, granted access.State
		events           int
	}{
		{14 * time.Minute, access.Pending, access.Active, 2},
		{time.Minute, access.Pending, access.Active, 3}, // reminder
		{44 * time.Minute, access.Pending, access.Active, 3},
		{time.Minute, access.TimedOut, access.Active, 4},
		{30 * time.Minute, access.TimedOut, access.Expired, 5},
		{24 * time.Hour, access.TimedOut, access.Expired, 5},
	} {
		w.advance(step.after)
		for range 2 { // the event of a schedule may be delivered twice
			if err := w.tick(); err != nil {
				t.Fatal(err)
			}
		}
		p, g, n := w.at(pending.ID).State, w.at(granted.ID).State, len(w.store.Events())
		if p != step.pending || g != step.granted || n != step.events {
			t.Errorf("after %s more: %s, %s, %d events; want %s, %s, %d", step.after, p, g, n, step.pending, step.granted,
				step.events)
		}
	}
}

// docs/design.md#3: the tick reads groups each minute. A step reads groups that are older
// than two minutes. Groups that are older than ten minutes are unknown.
func TestOldGroupsAreReadAgainOrUnknown(t *testing.T) {
	w := newWorld(t)
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	w.groups["S0DEVS"] = nil
	w.advance(access.RefreshAfter - time.Second)
	r, err := w.submit("U0DEV1", "Look", time.Hour, "")
	if err != nil {
		t.Errorf("within two minutes the groups as last read count: got %v, want no error", err)
	}
	if _, err := (Close{w.step()}).End(context.Background(), r.ID, "U0DEV1"); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Second)
	if _, err := w.submit("U0DEV1", "Look", time.Hour, ""); access.Code(err) != "unknown_account" {
		t.Errorf("after two minutes: got %v, want unknown_account", err)
	}
	w.groups["S0DEVS"] = []string{"U0DEV1"}
	w.advance(access.RefreshAfter)
	w.fault = func(call string) (error, error) {
		if call == "slack:group" {
			return errDown, nil
		}
		return nil, nil
	}
	if _, err := w.submit("U0DEV1", "Look", time.Hour, ""); access.Code(err) != "unknown_account" {
		t.Errorf("Slack is down: got %v, want unknown_account, by the groups as last read", err)
	}
	w.advance(access.GroupsStaleAfter)
	out, err := w.roster().Refresh(context.Background())
	if err != nil || !slices.Equal(out.Unknown, []string{"S0DEVS", "S0LEADS", "S0SECURITY"}) {
		t.Errorf("after ten minutes: %v, %v; want all three unknown", out.Unknown, err)
	}
	if _, err := w.submit("U0DEV1", "Look", time.Hour, ""); err == nil {
		t.Error("a member of an unknown group could ask for a role")
	}
}

// The directory may be two minutes old, so each vend asks Slack whether the requester is
// still a member.
func TestDeactivatedRequesterGetsNoSession(t *testing.T) {
	w := newWorld(t)
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	r := active(t, w)
	w.setMembership("U0DEV1", access.Deactivated)
	if _, err := w.order(r.ID, "U0DEV1", "o", access.Keys); access.Code(err) != "deactivated" || len(w.assumed) != 0 {
		t.Errorf("got %v and %d sessions, want deactivated and none", err, len(w.assumed))
	}
}

// Lambda may deliver an order several times at once. One delivery vends, the others are
// refused because the order was used, and none undoes the work of another.
func TestOrderDeliveredManyTimesAtOnceVendsOnce(t *testing.T) {
	w := newWorld(t)
	r := active(t, w)
	for round := range 50 {
		order := fmt.Sprint("order", round)
		errs := make(chan error, 8)
		for range cap(errs) {
			go func() {
				out, err := w.order(r.ID, "U0DEV1", order, access.Keys)
				if err != nil && out.Ordered {
					err = fmt.Errorf("refused after it recorded an intent: %w", err)
				}
				errs <- err
			}()
		}
		won := 0
		for range cap(errs) {
			switch err := <-errs; {
			case err == nil:
				won++
			case access.Code(err) != "order_repeated" && access.Code(err) != "changed":
				t.Errorf("a repeated delivery: %v", err)
			}
		}
		if won != 1 || len(w.assumed) != round+1 {
			t.Fatalf("round %d: %d deliveries vended, %d sessions in all", round, won, len(w.assumed))
		}
		w.advance(21 * time.Minute / 20) // so that sessions of earlier rounds expire
	}
	if got := w.at(r.ID); len(got.Sessions) == 0 {
		t.Error("no session is recorded")
	}
}

func TestGrantThatEndsDuringVendIsRefusedAsExpired(t *testing.T) {
	w := newWorld(t)
	r := active(t, w)
	w.advance(r.Ends.Sub(w.clock()) - time.Second)
	w.fault = func(call string) (error, error) {
		if call == "sts:assume" {
			return nil, nil
		}
		if call == "store:save" && len(w.assumed) == 1 {
			w.advance(2 * time.Second)
		}
		return nil, nil
	}
	out, err := w.order(r.ID, "U0DEV1", "o", access.Keys)
	if access.Code(err) != "expired" || !out.Credentials.SecretKey.Empty() {
		t.Errorf("got %v, credentials empty %v; want expired and none", err, out.Credentials.SecretKey.Empty())
	}
}

// A person with the requester's unconfirmed address may be the requester, and so cannot
// approve. Such a doubt prevents nobody from revoking.
func TestApproverWhoMayBeTheRequesterCanRevoke(t *testing.T) {
	w := newWorld(t)
	r := active(t, w)
	w.mu.Lock()
	lead := w.people["U0LEAD2"]
	lead.Email, lead.UnverifiedEmail = "", "dev1@example.com"
	w.people["U0LEAD2"] = lead
	w.mu.Unlock()
	w.advance(2 * time.Minute)
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	got, err := Close{w.step()}.Revoke(context.Background(), r.ID, "U0LEAD2", "because")
	if err != nil || got.State != access.Revoked {
		t.Errorf("got %s, %v; want revoked", got.State, err)
	}
}
