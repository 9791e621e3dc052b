package functions

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/wire"
)

// The policy lets a session act for five minutes, and AWS lets it live for an hour. The grant goes on.
func TestKeysAndLinksOfAShortSessionEndWithIt(t *testing.T) {
	w := newCallWorld(t)
	w.follows(strings.Replace(readPolicy(t), "    max: 4h\n", "    max: 4h\n    session: 5m\n", 1))
	g, _ := w.asks(w.laptop, requestFor("payments-prod", "ReadOnly"))
	w.approves("U0LEAD1", g.ID)
	end := w.clock().Add(5 * time.Minute)
	keys, err := w.says(w.laptop, keysFor("payments-prod", "ReadOnly")).Keys()
	if err != nil || !keys.Credentials.Expires.Equal(end) {
		t.Errorf("the keys end %s, want %s: %v", keys.Credentials.Expires, end, err)
	}
	link, err := w.says(w.laptop, wire.Payload{Op: wire.Console, Account: "payments-prod", Role: "ReadOnly"}).Link()
	if err != nil || !link.Expires.Equal(end) {
		t.Errorf("the console ends %s, want %s: %v", link.Expires, end, err)
	}
	w.now = end
	keys, err = w.says(w.laptop, keysFor("payments-prod", "ReadOnly")).Keys()
	if err != nil || !keys.Credentials.Expires.Equal(end.Add(5*time.Minute)) {
		t.Errorf("the next keys end %s, want %s: %v", keys.Credentials.Expires, end.Add(5*time.Minute), err)
	}
	if r := w.request(); r.State != access.Active || len(r.Sessions) != 3 || !r.Sessions[0].Denied.Equal(end) {
		t.Errorf("the grant is %s, with the sessions %+v", r.State, r.Sessions)
	}
}

// A person who asks by the command line during a freeze reads that nothing new is granted, since when and
// by whom.
func TestAskingWhileFrozenIsSaidOnTheCommandLine(t *testing.T) {
	w := newCallWorld(t)
	by := access.Person{ID: "U0SEC1", Name: "sec1", Membership: access.Member}
	f, _ := access.Freeze{}.Start(by, "a stolen laptop", w.clock())
	if err := w.store.SaveFreeze(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	const says = " AWS access is frozen by sec1 since 21 Nov 12:00 UTC: nothing new is granted until it is thawed."
	for _, p := range []wire.Payload{requestFor("payments-prod", "ReadOnly"), requestFor("payments-prod", "ReadOnly")} {
		g, status := w.asks(w.laptop, p)
		if status != http.StatusAccepted || !g.Frozen || !strings.Contains(g.Text, says) {
			t.Errorf("%d %+v, want %q", status, g, says)
		}
	}
	next, _ := f.End(w.clock())
	if err := w.store.SaveFreeze(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if g, _ := w.asks(w.laptop, requestFor("payments-prod", "ReadOnly")); g.Frozen || strings.Contains(g.Text, "frozen") {
		t.Errorf("after the thaw: %+v", g)
	}
}

// A person asks, somebody approves in Slack, and only the device that asked opens the keys.
func TestADeviceAsksAndGetsKeys(t *testing.T) {
	w := newCallWorld(t)
	code, status := w.code(w.says(w.laptop, keysFor("payments-prod", "ReadOnly")))
	if code != "no_grant" || status != 403 {
		t.Errorf("before anybody asked: %d %s", status, code)
	}
	g, status := w.asks(w.laptop, requestFor("payments-prod", "ReadOnly"))
	if status != http.StatusAccepted || g.State != "pending" || len(g.Missing) != 1 || g.AnswerBy == nil {
		t.Fatalf("asked: %d %+v", status, g)
	}
	again, status := w.asks(w.laptop, requestFor("111111111111", "ReadOnly"))
	if status != 202 || again.ID != g.ID || !again.Earlier || g.Earlier {
		t.Errorf("asked again: %d %s, want 202 %s", status, again.ID, g.ID)
	}
	if wait, status := w.asks(w.laptop, keysFor("payments-prod", "ReadOnly")); status != 202 || wait.ID != g.ID {
		t.Errorf("keys while it is pending: %d %+v", status, wait)
	}
	w.approves("U0LEAD1", g.ID)
	again, status = w.asks(w.laptop, requestFor("payments-prod", "ReadOnly"))
	if status != 200 || again.State != "active" || !again.Earlier {
		t.Errorf("asked again: %d %+v", status, again)
	}
	sent := w.sign(w.laptop, keysFor("Payments-Prod", "readonly"))
	a := w.reads(sent)
	keys, err := a.Keys()
	if err != nil || keys.Credentials.SecretKey.Reveal() != "canary-secret" || keys.Account != "111111111111" ||
		keys.Role != "ReadOnly" || keys.Region != "eu-west-1" || keys.Credentials.Expires.After(w.request().Ends) {
		t.Fatalf("got %+v, %v", keys, err)
	}
	device := w.laptop.Public().Thumbprint()
	if s := w.request().Sessions; len(s) != 1 || s[0].Device != device || s[0].Order != device+"."+jtiOf(t, sent) {
		t.Errorf("the recorded sessions are %+v", s)
	}
	link, err := w.says(w.laptop, wire.Payload{Op: wire.Console, Account: "payments-prod", Role: "ReadOnly"}).Link()
	if err != nil || !strings.Contains(link.Address.Reveal(), "signin.aws.amazon.com") {
		t.Errorf("got %+v, %v", link, err)
	}
	for range 2 {
		end, status := w.asks(w.laptop, wire.Payload{Op: wire.End, ID: g.ID})
		if end.Earlier || status != 200 || end.State != "ended" {
			t.Errorf("given back: %d %+v", status, end)
		}
	}
	if code, _ := w.code(w.says(w.laptop, keysFor("payments-prod", "ReadOnly"))); code != "ended" {
		t.Errorf("keys afterwards: %s", code)
	}
}

// The command must not say only that access is over while its sessions can act.
func TestTheAnswerAboutAClosedGrantSaysThatItsSessionsAreEnding(t *testing.T) {
	w := newCallWorld(t)
	g, _ := w.asks(w.laptop, requestFor("payments-dev", "ReadOnly"))
	if _, err := w.says(w.laptop, keysFor("payments-dev", "ReadOnly")).Keys(); err != nil {
		t.Fatal(err)
	}
	w.asks(w.laptop, requestFor("payments-prod", "ReadOnly")) // stays pending
	if g, _ = w.asks(w.laptop, wire.Payload{Op: wire.Status, ID: g.ID}); g.Sessions != nil {
		t.Errorf("while it is active: %+v", g.Sessions)
	}
	if g, _ = w.asks(w.laptop, wire.Payload{Op: wire.End, ID: g.ID}); g.Sessions == nil {
		t.Fatalf("the answer to end: %+v", g)
	}
	w.pass(time.Minute)
	r := w.at(g.ID)
	acts := r.CanActUntil(w.clock())
	seen := func() (state wire.SessionsState, listed bool) {
		t.Helper()
		var all, open wire.Grants
		w.must(w.says(w.laptop, wire.Payload{Op: wire.List}).Decode(&all))
		w.must(w.says(w.laptop, wire.Payload{Op: wire.Status}).Decode(&open))
		one, _ := w.asks(w.laptop, wire.Payload{Op: wire.Status, ID: g.ID})
		isIt := func(other wire.Grant) bool { return other.ID == g.ID }
		i := slices.IndexFunc(all.Requests, isIt)
		if i < 0 || !reflect.DeepEqual(all.Requests[i], one) {
			t.Fatalf("the list has %+v, and not %+v", all, one)
		}
		if len(open.Requests) == 0 || open.Requests[0].State != "pending" {
			t.Errorf("status without an id begins with %+v", open)
		}
		if one.Sessions == nil {
			return "", slices.ContainsFunc(open.Requests, isIt)
		}
		if s := one.Sessions; s.ActUntil == nil || !s.ActUntil.Equal(acts) || s.IdentityUntil == nil ||
			!s.IdentityUntil.Equal(r.LiveUntil(w.clock())) || s.Since == nil {
			t.Errorf("its sessions are %+v, want until %s", s, acts)
		}
		return one.Sessions.State, slices.ContainsFunc(open.Requests, isIt)
	}
	if state, listed := seen(); state != wire.SessionsEnding || !listed {
		t.Errorf("while its sessions can act, they are %q, and status lists it: %t", state, listed)
	}
	done, event, err := r.CutIsDone(w.clock())
	w.must(err)
	w.must(w.store.Save(t.Context(), done, event, ""))
	if state, listed := seen(); state != wire.SessionsDenyWritten || listed {
		t.Errorf("after the deny they are %q, and status lists it: %t", state, listed)
	}
	w.now = done.LiveUntil(w.clock())
	one, _ := w.asks(w.laptop, wire.Payload{Op: wire.Status, ID: g.ID})
	if one.Sessions != nil || !strings.Contains(one.Text, "They have expired.") {
		t.Errorf("when they have expired: %+v", one)
	}
}

// A grant whose sessions outlive it, because the policy shortened it, or that keep their identity.
func TestSessionsThatNobodyCutAreNamed(t *testing.T) {
	at := noon.Add
	session := access.Session{AccessKeyID: "ASIA", Ordered: noon, Expires: at(time.Hour)}
	for state, denied := range map[wire.SessionsState]time.Time{
		wire.SessionsActing: at(45 * time.Minute), wire.SessionsDenied: at(30 * time.Minute), "": {},
	} {
		s := session
		if s.Denied = denied; state == "" {
			s.Expires, s.Denied = at(30*time.Minute), at(30*time.Minute)
		}
		r := access.Request{State: access.Expired, Ends: at(30 * time.Minute), Sessions: []access.Session{s}}
		got := sessionsBody(r, at(30*time.Minute))
		if state == "" && got != nil || state != "" && (got == nil || got.State != state || got.IdentityUntil == nil ||
			(got.ActUntil != nil) != (state == wire.SessionsActing)) {
			t.Errorf("%q: got %+v", state, got)
		}
	}
}

// Access that was given back does not come again with the call that asked for it.
func TestARequestThatIsSentAgainLaterAsksForNothingNew(t *testing.T) {
	w := newCallWorld(t)
	sent := w.sign(w.laptop, requestFor("payments-dev", "ReadOnly"))
	w.reads(sent)
	w.asks(w.laptop, wire.Payload{Op: wire.End, ID: w.request().ID})
	var g wire.Grant
	w.must(w.reads(sent).Decode(&g))
	if g.State != "ended" || g.ID != w.request().ID {
		t.Errorf("got %+v", g)
	}
}

// A call names no grant. One that is sent again after its grant was given back takes nothing
// from the next one.
func TestACallThatIsSentAgainTakesNothingFromALaterGrant(t *testing.T) {
	w := newCallWorld(t)
	first, _ := w.asks(w.laptop, requestFor("payments-dev", "ReadOnly"))
	keys := w.sign(w.laptop, keysFor("payments-dev", "ReadOnly"))
	if _, err := w.reads(keys).Keys(); err != nil {
		t.Fatal(err)
	}
	w.says(w.laptop, wire.Payload{Op: wire.End, ID: first.ID})
	second, _ := w.asks(w.laptop, requestFor("payments-dev", "ReadOnly"))
	if second.ID == first.ID || second.State != "active" {
		t.Fatalf("got %+v, want a new grant", second)
	}
	asked, before := w.asked, w.everything()
	if code, status := w.code(w.reads(keys)); code != "order_repeated" || status != 403 {
		t.Errorf("the first call again: %d %s", status, code)
	}
	if after := w.everything(); after != before || w.asked != asked {
		t.Errorf("it had an effect:\n%s\n%s", before, after)
	}
}

// A call that is sent again has one effect, whatever it asks for.
func TestARepeatedCallHasOneEffect(t *testing.T) {
	w := newCallWorld(t)
	request := w.sign(w.laptop, requestFor("payments-dev", "ReadOnly"))
	first, again := w.reads(request), w.reads(request)
	var one, two wire.Grant
	w.must(first.Decode(&one))
	w.must(again.Decode(&two))
	if one.ID != two.ID || two.State != "active" || len(w.store.All(t.Context())) != 1 {
		t.Fatalf("got %+v and %+v", one, two)
	}
	keys := w.sign(w.laptop, keysFor("payments-dev", "ReadOnly"))
	if _, err := w.reads(keys).Keys(); err != nil {
		t.Fatal(err)
	}
	if code, status := w.code(w.reads(keys)); code != "order_repeated" || status != 403 {
		t.Errorf("the same call again: %d %s", status, code)
	}
	// The clock of the device may have been five minutes fast, so a call is good for ten.
	ahead := w.clock().Add(wire.Window)
	fast, err := wire.Caller{Server: w.server, Key: w.laptop}.Sign(keysFor("payments-dev", "ReadOnly"), ahead)
	w.must(err)
	if _, err := w.reads(fast).Keys(); err != nil {
		t.Fatal(err)
	}
	w.pass(2 * wire.Window)
	if code, _ := w.code(w.reads(fast)); code != "order_repeated" {
		t.Errorf("ten minutes later: %s", code)
	}
	w.pass(time.Second)
	if code, _ := w.code(w.reads(fast)); code != "clock" {
		t.Errorf("later than that: %s", code)
	}
	if n := len(w.request().Sessions); n != 2 {
		t.Errorf("%d sessions, want two", n)
	}
	for _, p := range w.passed {
		if strings.Contains(p.answer.Body, "click") || strings.Contains(p.answer.Body, "button") {
			t.Errorf("the words are for Slack: %s", p.answer.Body)
		}
	}
}

func TestADeviceSeesWhatItsOwnerMayAskForAndHas(t *testing.T) {
	w := newCallWorld(t)
	var choices wire.Choices
	w.must(w.says(w.laptop, wire.Payload{Op: wire.Options}).Decode(&choices))
	i := slices.IndexFunc(choices.Accounts, func(a wire.AccountChoice) bool { return a.Name == "payments-prod" })
	if i < 0 || choices.Accounts[i].Region != "eu-west-1" || len(choices.Accounts[i].Roles) != 3 {
		t.Fatalf("got %+v", choices)
	}
	admin := wire.RoleChoice{Name: "Admin", About: "Everything", Max: "1h", Ticket: true, Asks: true, Console: true}
	if r := choices.Accounts[i].Roles[2]; r != admin {
		t.Errorf("got %+v", r)
	}
	one, _ := w.asks(w.laptop, requestFor("payments-dev", "ReadOnly"))
	w.pass(time.Minute)
	two, _ := w.asks(w.laptop, requestFor("payments-prod", "ReadOnly"))
	w.asks(w.laptop, wire.Payload{Op: wire.End, ID: one.ID})
	w.pass(time.Minute)
	three, _ := w.asks(w.laptop, requestFor("payments-dev", "ReadOnly"))
	for op, want := range map[wire.Op]string{
		wire.List:   three.ID + "," + two.ID + "," + one.ID,
		wire.Status: three.ID + "," + two.ID,
	} {
		var all wire.Grants
		w.must(w.says(w.laptop, wire.Payload{Op: op}).Decode(&all))
		var ids []string
		for _, g := range all.Requests {
			ids = append(ids, g.ID)
		}
		if got := strings.Join(ids, ","); got != want {
			t.Errorf("%s: got %s, want %s", op, got, want)
		}
	}
	if g, status := w.asks(w.laptop, wire.Payload{Op: wire.Cancel, ID: two.ID}); status != 200 || g.State != "cancelled" ||
		g.Closed == nil {
		t.Errorf("cancelled: %d %+v", status, g)
	}
	// The tick is late, and the answer is right all the same.
	w.pass(time.Hour)
	if g, status := w.asks(w.laptop, wire.Payload{Op: wire.Status, ID: three.ID}); status != 200 || g.State != "expired" {
		t.Errorf("after its end: %d %+v", status, g)
	}
}

// Nobody sees or moves what belongs to somebody else.
func TestADeviceReachesOnlyTheRequestsOfItsOwner(t *testing.T) {
	w := newCallWorld(t)
	g, _ := w.asks(w.laptop, requestFor("payments-dev", "ReadOnly"))
	other := w.pairs("U0DEV2")
	for op, want := range map[wire.Op]string{
		wire.Status: "unknown_request", wire.Cancel: "not_yours", wire.End: "not_yours",
	} {
		if code, _ := w.code(w.says(other, wire.Payload{Op: op, ID: g.ID})); code != want {
			t.Errorf("%s: got %s, want %s", op, code, want)
		}
	}
	if code, _ := w.code(w.says(other, keysFor("payments-dev", "ReadOnly"))); code != "no_grant" {
		t.Errorf("keys: got %s", code)
	}
	var all wire.Grants
	if w.must(w.says(other, wire.Payload{Op: wire.List}).Decode(&all)); len(all.Requests) != 0 {
		t.Errorf("list: got %+v", all)
	}
}

// A build role asks, gets keys, and looks at its own requests only.
func TestAMachineInAWSAsksAndGetsKeys(t *testing.T) {
	w := newCallWorld(t)
	key, session := newKey(t), w.session(buildRole, "build-1")
	g, status := w.asks(key, w.byAWS(requestFor("payments-dev", "ReadOnly"), session, key))
	if status != 200 || g.State != "active" {
		t.Fatalf("asked: %d %+v", status, g)
	}
	keys, err := w.says(key, w.byAWS(keysFor("payments-dev", "ReadOnly"), session, key)).Keys()
	if err != nil || keys.Credentials.AccessKeyID != "ASIAEXAMPLE" {
		t.Fatalf("got %+v, %v", keys, err)
	}
	r := w.request()
	if m := r.Requester.Machine; m == nil || m.Role.Name != "Build" || r.Sessions[0].Device != "" {
		t.Errorf("the request is by %+v, its sessions %+v", r.Requester, r.Sessions)
	}
	// Another key of the same session is the same machine; another session is not.
	next := newKey(t)
	if again, _ := w.asks(next, w.byAWS(wire.Payload{Op: wire.Status, ID: g.ID}, session, next)); again.ID != g.ID {
		t.Errorf("another key of the session: %+v", again)
	}
	other := w.session(buildRole, "build-2")
	for op, p := range map[string]wire.Payload{
		"status": {Op: wire.Status, ID: g.ID}, "end": {Op: wire.End, ID: g.ID}, "cancel": {Op: wire.Cancel, ID: g.ID},
	} {
		if code, _ := w.code(w.says(next, w.byAWS(p, other, next))); code != "unknown_request" {
			t.Errorf("another session, %s: %s", op, code)
		}
	}
	var mine, others wire.Grants
	w.must(w.says(key, w.byAWS(wire.Payload{Op: wire.Status}, session, key)).Decode(&mine))
	w.must(w.says(key, w.byAWS(wire.Payload{Op: wire.Status}, other, key)).Decode(&others))
	if len(mine.Requests) != 1 || len(others.Requests) != 0 {
		t.Errorf("status of all: %+v and %+v", mine, others)
	}
	if end, _ := w.asks(key, w.byAWS(wire.Payload{Op: wire.End, ID: g.ID}, session, key)); end.State != "ended" {
		t.Errorf("given back: %+v", end)
	}
	for _, m := range w.slack.Messages() {
		if m.DMWith != "" {
			t.Errorf("somebody got a direct message: %s", m.Text)
		}
	}
}

// A run waits for a click in Slack. The claims of the proof that comes with the vend count.
func TestARunOfAPipelineWaitsForApproval(t *testing.T) {
	w := newCallWorld(t)
	key := newKey(t)
	g, status := w.asks(key, w.byToken(requestFor("payments-prod", "ReadOnly"), w.claims("7", key)))
	if status != 202 || g.State != "pending" {
		t.Fatalf("asked: %d %+v", status, g)
	}
	w.approves("U0LEAD1", g.ID)
	staging := w.claims("7", key)
	staging["environment"] = "staging"
	refused := w.says(key, w.byToken(keysFor("payments-prod", "ReadOnly"), staging))
	var words wire.Refusal
	w.must(refused.Decode(&words))
	if code, _ := w.code(refused); code != "not_allowed" || !strings.Contains(words.Next, "to this machine") {
		t.Errorf("another job of the run: %+v", words)
	}
	other := w.byToken(keysFor("payments-prod", "ReadOnly"), w.claims("8", key))
	if code, _ := w.code(w.says(key, other)); code != "no_grant" {
		t.Errorf("another run: %s", code)
	}
	if _, err := w.says(key, w.byToken(keysFor("payments-prod", "ReadOnly"), w.claims("7", key))).Keys(); err != nil {
		t.Errorf("the run itself: %v", err)
	}
}

// During a rotation, vend signs with the key that the caller has pinned. It reads the keys
// again when a caller has pinned one that it does not know.
func TestTheAnswerKeyIsRotatedWithoutPairingAgain(t *testing.T) {
	w := newCallWorld(t)
	old := w.answerKey
	nextKey, nextURL := newAnswerKey(t)
	fresh := 0
	w.vending.AnswerKeys = func(_ context.Context, again bool) (access.Secret, error) {
		if again {
			fresh++
			return nextKey, nil
		}
		return access.NewSecret(old.Reveal() + nextKey.Reveal()), nil
	}
	w.rebuild()
	a := w.says(w.laptop, wire.Payload{Op: wire.List})
	if a.AnswerKey != w.server.AnswerKey || a.NextKey != nextURL.AnswerKey {
		t.Errorf("signed by %s, next %s", a.AnswerKey, a.NextKey)
	}
	w.server = nextURL
	if a := w.says(w.laptop, wire.Payload{Op: wire.List}); a.AnswerKey != nextURL.AnswerKey || fresh != 0 {
		t.Errorf("signed by %s, read again %d times", a.AnswerKey, fresh)
	}
	w.vending.AnswerKeys = func(_ context.Context, again bool) (access.Secret, error) {
		if again {
			fresh++
			return nextKey, nil
		}
		return old, nil
	}
	w.rebuild()
	if a := w.says(w.laptop, wire.Payload{Op: wire.List}); a.AnswerKey != nextURL.AnswerKey || fresh != 1 {
		t.Errorf("after the rotation: signed by %s, read again %d times", a.AnswerKey, fresh)
	}
}

// Without a key that can be used, no call is answered, and the operators read why.
func TestAnAnswerKeyThatCannotBeUsedIsReported(t *testing.T) {
	w := newCallWorld(t)
	w.answerKey = access.NewSecret("-----BEGIN canary-key-----")
	w.rebuild()
	if r, err := w.invoke(w.sign(w.laptop, wire.Payload{Op: wire.List}).Body.Reveal()); err == nil ||
		strings.Contains(err.Error(), "canary") {
		t.Errorf("got %+v, %v", r, err)
	}
	wantText(t, "operators", w.seen(in("C0OPS")), "answer key cannot be used")
	if strings.Contains(w.logs.String(), "canary-key") {
		t.Error("the log has a part of the key")
	}
}

// A vend that fails is recorded with its reason, and the caller reads what to do.
func TestAVendThatFailsIsRecorded(t *testing.T) {
	w := newCallWorld(t)
	w.asks(w.laptop, requestFor("payments-dev", "ReadOnly"))
	works := w.assume
	for want, assume := range map[string]func(access.Vending) (access.Credentials, error){
		"aws_unavailable": func(access.Vending) (access.Credentials, error) {
			return access.Credentials{}, access.RefuseAWSUnavailable("ReadOnly in payments-dev")
		},
		"error": func(access.Vending) (access.Credentials, error) {
			return access.Credentials{}, errors.New("canary-cause")
		},
	} {
		w.assume = assume
		code, status := w.code(w.says(w.laptop, keysFor("payments-dev", "ReadOnly")))
		if code != want || status != map[string]int{"aws_unavailable": 403, "error": 500}[want] {
			t.Errorf("got %d %s, want %s", status, code, want)
		}
		events := w.store.Events()
		if e := events[len(events)-1]; e.Outcome != access.Failed || e.Why != want || e.Device == "" {
			t.Errorf("%s: the last event is %+v", want, e)
		}
	}
	if answer := w.passed[len(w.passed)-1].answer.Body; strings.Contains(answer, "canary-cause") ||
		!strings.Contains(w.logs.String(), "canary-cause") {
		t.Errorf("the cause belongs into the log alone: %s", answer)
	}
	w.assume = works
	if _, err := w.says(w.laptop, keysFor("payments-dev", "ReadOnly")).Keys(); err != nil {
		t.Errorf("the next one: %v", err)
	}
}
