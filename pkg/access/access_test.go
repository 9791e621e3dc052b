package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var (
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	dev   = Person{ID: "U0DEV1", Email: "dev1@example.com", Name: "Dev One", Membership: Member}
	lead  = Person{ID: "U0LEAD1", Email: "lead1@example.com", Name: "Lead One", Membership: Member}
	lead2 = Person{ID: "U0LEAD2", Email: "lead2@example.com", Name: "Lead Two", Membership: Member}
	terms = Terms{Max: 4 * time.Hour, Give: []Kind{Console, Keys}, AnswerWithin: time.Hour, RemindAfter: 15 * time.Minute}
	met   = Terms{Max: 4 * time.Hour, Met: true, Give: []Kind{Console, Keys}, AnswerWithin: time.Hour}
)

func ask() Ask {
	return Ask{
		ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Requester: dev, Account: "111111111111", AccountName: "payments-prod",
		Role: "ReadOnly", For: 2 * time.Hour, Reason: "why",
	}
}

// made returns a request that the usual moves brought to this state.
func made(t *testing.T, state State) Request {
	t.Helper()
	must := func(r Request, _ Event, err error) Request {
		t.Helper()
		if err != nil {
			t.Fatalf("bring a request to %s: %v", state, err)
		}
		return r
	}
	pending := must(New(ask(), terms, noon))
	switch state {
	case Pending:
		return pending
	case Denied:
		return must(pending.Deny(lead, "no", noon))
	case Cancelled:
		return must(pending.Cancel(dev, noon))
	case TimedOut:
		pending.Reminded = true
		next, event, _ := pending.Tick(noon.Add(time.Hour))
		return must(next, event, nil)
	}
	active := must(pending.Approve(lead, 0, met, noon))
	switch state {
	case Ended:
		return must(active.End(dev, noon))
	case Revoked:
		return must(active.Revoke(lead, "", noon))
	case Expired:
		next, event, _ := active.Tick(noon.Add(2 * time.Hour))
		return must(next, event, nil)
	}
	return active
}

var states = []State{Pending, Active, Denied, Cancelled, TimedOut, Expired, Ended, Revoked}

// Every verb in every state either makes the move that docs/design.md#2 names, or is
// refused with the code for that state.
func TestOnlyMovesOfTheDesignAreMade(t *testing.T) {
	refusals := map[State]string{
		Pending: "still_pending", Active: "already_approved", Denied: "already_denied", Cancelled: "cancelled",
		TimedOut: "timed_out", Expired: "expired", Ended: "ended", Revoked: "revoked",
	}
	verbs := map[Verb]struct {
		do func(Request) (Request, Event, error)
		to map[State]State
	}{
		Approve: {
			func(r Request) (Request, Event, error) { return r.Approve(lead2, 0, met, noon) },
			map[State]State{Pending: Active},
		},
		Deny: {
			func(r Request) (Request, Event, error) { return r.Deny(lead2, "no", noon) },
			map[State]State{Pending: Denied},
		},
		Cancel: {
			func(r Request) (Request, Event, error) { return r.Cancel(dev, noon) },
			map[State]State{Pending: Cancelled},
		},
		End: {
			func(r Request) (Request, Event, error) { return r.End(dev, noon) },
			map[State]State{Active: Ended},
		},
		Revoke: {
			func(r Request) (Request, Event, error) { return r.Revoke(lead2, "", noon) },
			map[State]State{Active: Revoked},
		},
		Vend: {
			func(r Request) (Request, Event, error) {
				return r.Order(dev, Order{ID: "o", Kind: Keys, At: noon}, met, noon)
			},
			map[State]State{Active: Active},
		},
	}
	for verb, v := range verbs {
		for _, state := range states {
			r := made(t, state)
			next, event, err := v.do(r)
			want, allowed := v.to[state]
			switch {
			case !allowed && Code(err) != refusals[state]:
				t.Errorf("%s in %s: got refusal %q, want %q", verb, state, Code(err), refusals[state])
			case !allowed && (next.State != state || next.Version != r.Version):
				t.Errorf("%s in %s was refused, but moved the request to %s", verb, state, next.State)
			case allowed && err != nil:
				t.Errorf("%s in %s: refused: %v", verb, state, err)
			case allowed && (next.State != want || event.From != state || event.To != want || event.Verb != verb ||
				event.Seq != next.Version || next.Version != r.Version+1):
				t.Errorf("%s in %s: got %s and event %+v, want %s", verb, state, next.State, event, want)
			}
		}
	}
}

func TestRefusalsNameTheLimit(t *testing.T) {
	long := ask()
	long.For = 8 * time.Hour
	short := ask()
	short.For = time.Minute
	empty := ask()
	empty.Reason = " \n\t"
	wordy := ask()
	wordy.Reason = strings.Repeat("é", MaxReason+1)
	guest := ask()
	guest.Requester.Membership = Guest
	unknown := ask()
	unknown.Requester.Membership = ""
	for _, c := range []struct {
		ask        Ask
		code, says string
	}{
		{long, "too_long", "You asked for 8h. At most 4h is allowed here."},
		{short, "too_short", "The shortest access is 5m. You asked for 1m."},
		{empty, "no_reason", "A reason is needed."},
		{wordy, "reason_too_long", "Your reason has 3001 characters. At most 3000 are allowed."},
		{guest, "guest", "Guests of this workspace cannot use AWS access."},
		{unknown, "unknown_person", "Slack cannot be read at the moment, so your profile is not known."},
	} {
		_, _, err := New(c.ask, terms, noon)
		if Code(err) != c.code || !strings.HasPrefix(err.Error(), c.says) {
			t.Errorf("got %q %v, want %q %q", Code(err), err, c.code, c.says)
		}
	}
	fits := ask()
	fits.Reason = strings.Repeat("é", MaxReason)
	if _, _, err := New(fits, terms, noon); err != nil {
		t.Errorf("a reason of %d characters: %v", MaxReason, err)
	}
}

func TestRequesterCannotDecideOwnRequest(t *testing.T) {
	r := made(t, Pending)
	for name, by := range map[string]Person{
		"same id":            {ID: "U0DEV1", Membership: Member},
		"same address":       {ID: "U0OTHER", Email: "DEV1@Example.com", Membership: Member},
		"unproven address":   {ID: "U0OTHER", UnverifiedEmail: "dev1@EXAMPLE.com", Membership: Member},
		"address with space": {ID: "U0OTHER", Email: " dev1@example.com", Membership: Member},
	} {
		if _, _, err := r.Approve(by, 0, met, noon); Code(err) != "self_approval" {
			t.Errorf("%s: got %v, want self_approval", name, err)
		}
		if _, _, err := r.Deny(by, "", noon); Code(err) != "self_denial" {
			t.Errorf("%s: got %v, want self_denial", name, err)
		}
	}
	again, _, err := r.Approve(lead, 0, terms, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := again.Approve(lead, 0, met, noon); Code(err) != "approved_before" {
		t.Errorf("a second approval by the same person: got %v, want approved_before", err)
	}
}

func TestApproverShortensAndNeverLengthens(t *testing.T) {
	for _, c := range []struct {
		upTo, max, want time.Duration
	}{
		{0, 4 * time.Hour, 2 * time.Hour},
		{time.Hour, 4 * time.Hour, time.Hour},
		{9 * time.Hour, 4 * time.Hour, 2 * time.Hour},
		{0, 30 * time.Minute, 30 * time.Minute}, // the policy has become stricter since
	} {
		now := met
		now.Max = c.max
		r, _, err := made(t, Pending).Approve(lead, c.upTo, now, noon)
		if err != nil || r.Ends.Sub(r.Starts) != c.want || r.For != c.want {
			t.Errorf("upTo %s, max %s: got %s (%v), want %s", c.upTo, c.max, r.Ends.Sub(r.Starts), err, c.want)
		}
	}
	if _, _, err := made(t, Pending).Approve(lead, time.Minute, met, noon); Code(err) != "too_short" {
		t.Errorf("a grant of a minute: got %v, want too_short", err)
	}
}

// A request cannot be decided at its deadline, nor a grant used at its end, even if the
// tick is late.
func TestDeadlineAndEndAreExclusive(t *testing.T) {
	pending, active := made(t, Pending), made(t, Active)
	if _, _, err := pending.Approve(lead, 0, met, pending.AnswerBy); Code(err) != "timed_out" {
		t.Errorf("approve at the deadline: got %v, want timed_out", err)
	}
	if _, _, err := pending.Approve(lead, 0, met, pending.AnswerBy.Add(-1)); err != nil {
		t.Errorf("approve just before the deadline: %v", err)
	}
	last := active.Ends.Add(-1)
	if _, _, err := active.Order(dev, Order{ID: "o", Kind: Keys, At: last}, met, last); err != nil {
		t.Errorf("vend just before the end: %v", err)
	}
	for verb, do := range map[Verb]func() (Request, Event, error){
		Vend: func() (Request, Event, error) {
			return active.Order(dev, Order{ID: "o", Kind: Keys, At: active.Ends}, met, active.Ends)
		},
		End:    func() (Request, Event, error) { return active.End(dev, active.Ends) },
		Revoke: func() (Request, Event, error) { return active.Revoke(lead, "", active.Ends) },
	} {
		if _, _, err := do(); Code(err) != "expired" {
			t.Errorf("%s at the end: got %v, want expired", verb, err)
		}
	}
}

func TestOrderIsValidOnceForSixtySeconds(t *testing.T) {
	r := made(t, Active)
	once, _, err := r.Order(dev, Order{ID: "o1", Kind: Keys, At: noon}, met, noon)
	if err != nil {
		t.Fatal(err)
	}
	gone, _, err := once.Fail("o1", "aws_refused", noon)
	if err != nil {
		t.Fatal(err)
	}
	narrow := met
	narrow.Give = []Kind{Console}
	full := r
	for i := range MaxLive {
		full.Sessions = append(full.Sessions,
			Session{Order: fmt.Sprint(i), AccessKeyID: "ASIA", Expires: noon.Add(time.Hour)})
	}
	clicked := r
	for i := range MaxUsedOrders {
		clicked.UsedOrders = append(clicked.UsedOrders, UsedOrder{Order: fmt.Sprint(i), At: noon})
	}
	for name, c := range map[string]struct {
		r     Request
		by    Person
		at    time.Time
		terms Terms
		code  string
	}{
		"used":              {once, dev, noon, met, "order_repeated"},
		"used, sent later":  {once, dev, noon.Add(time.Minute / 2), met, "order_repeated"},
		"used, then failed": {gone, dev, noon, met, "order_repeated"},
		"sixty seconds old": {r, dev, noon.Add(-OrderLife), met, "order_late"},
		"from the future":   {r, dev, noon.Add(OrderLife), met, "order_late"},
		"by another person": {r, lead, noon, met, "not_yours"},
		"kind not given":    {r, dev, noon, narrow, "not_given"},
		"too many clicks":   {clicked, dev, noon, met, "too_many_clicks"},
		"too many sessions": {full, dev, noon, met, "too_many_sessions"},
	} {
		if _, _, err := c.r.Order(c.by, Order{ID: "o1", Kind: Keys, At: c.at}, c.terms, noon); Code(err) != c.code {
			t.Errorf("%s: got %v, want %s", name, err, c.code)
		}
	}
	// Expired sessions do not count towards the limit. A used order is remembered for
	// longer than an order is valid.
	later := noon.Add(time.Hour)
	next, _, err := full.Order(dev, Order{ID: "o2", Kind: Keys, At: later}, met, later)
	if err != nil || len(next.Sessions) != 1 {
		t.Errorf("after an hour: %v, %d sessions, want 1", err, len(next.Sessions))
	}
}

func TestStricterPolicyEndsTheGrantEarlier(t *testing.T) {
	strict := met
	strict.Max = time.Hour
	r, _, err := made(t, Active).Order(dev, Order{ID: "o", Kind: Keys, At: noon}, strict, noon)
	if err != nil || !r.Ends.Equal(noon.Add(time.Hour)) {
		t.Errorf("ends %s, %v; want %s", r.Ends, err, noon.Add(time.Hour))
	}
	late := noon.Add(time.Hour)
	_, _, err = made(t, Active).Order(dev, Order{ID: "o", Kind: Keys, At: late}, strict, late)
	if Code(err) != "expired" {
		t.Errorf("an hour later: got %v, want expired", err)
	}
	console := made(t, Active)
	console.Give = []Kind{Console}
	if _, _, err := console.Order(dev, Order{ID: "o", Kind: Keys, At: noon}, met, noon); Code(err) != "not_given" {
		t.Errorf("keys, which only a looser policy gives: got %v, want not_given", err)
	}
	loose := met
	loose.Max = 24 * time.Hour
	r, _, err = made(t, Active).Order(dev, Order{ID: "o", Kind: Keys, At: noon}, loose, noon)
	if err != nil || !r.Ends.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("a looser policy: ends %s, %v; want %s", r.Ends, err, noon.Add(2*time.Hour))
	}
}

func TestALeashEndsTheSessionAndNotTheGrant(t *testing.T) {
	granted := made(t, Active) // for two hours
	for _, c := range []struct {
		session, into, want time.Duration
	}{
		{0, 0, 2 * time.Hour}, {time.Minute, 0, time.Minute}, {15 * time.Minute, time.Hour, 75 * time.Minute},
		{15 * time.Minute, 110 * time.Minute, 2 * time.Hour}, // the grant ends first
		{10 * time.Minute, 110 * time.Minute, 2 * time.Hour},
	} {
		leash, at := met, noon.Add(c.into)
		leash.Session = c.session
		r, _, err := granted.Order(dev, Order{ID: "o", Kind: Keys, At: at}, leash, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.SessionOf("o").Denied; !got.Equal(noon.Add(c.want)) || !r.Ends.Equal(granted.Ends) {
			t.Errorf("a leash of %s after %s: the session is denied from %s and the grant ends %s, want %s and %s",
				c.session, c.into, got, r.Ends, noon.Add(c.want), granted.Ends)
		}
		v := Vending{Ends: r.Ends, Until: r.SessionOf("o").Denied}
		if got := v.DeniedFrom(); !got.Equal(v.Until) {
			t.Errorf("vend denies from %s, want %s", got, v.Until)
		}
	}
	for name, v := range map[string]Vending{
		"without a leash": {Ends: noon}, "past the end": {Ends: noon, Until: noon.Add(time.Second)},
	} {
		if got := v.DeniedFrom(); !got.Equal(noon) {
			t.Errorf("%s: vend denies from %s, want %s", name, got, noon)
		}
	}
}

func TestIssuedSessionIsRecordedEvenAfterRevoke(t *testing.T) {
	ordered, _, err := made(t, Active).Order(dev, Order{ID: "o", Kind: Keys, At: noon}, met, noon)
	if err != nil {
		t.Fatal(err)
	}
	revoked, _, err := ordered.Revoke(lead, "", noon)
	if err != nil {
		t.Fatal(err)
	}
	expires := noon.Add(time.Hour)
	issued, event, err := revoked.Issue("o", IssuedKey{AccessKeyID: "ASIAEXAMPLE", Expires: expires}, IssuedKey{}, noon)
	if err != nil || issued.State != Revoked || event.Outcome != Issued || event.AccessKeyID != "ASIAEXAMPLE" {
		t.Fatalf("issue after revoke: %s %+v %v", issued.State, event, err)
	}
	if got := issued.LiveUntil(noon); !got.Equal(expires) {
		t.Errorf("the session lives until %s, want %s", got, expires)
	}
	other := IssuedKey{AccessKeyID: "ASIAOTHER", Expires: expires}
	if _, _, err := issued.Issue("o", other, IssuedKey{}, noon); Code(err) != "unknown_order" {
		t.Errorf("the same order again: got %v, want unknown_order", err)
	}
	if failed, _, err := issued.Fail("o", "undelivered", noon); err != nil || len(failed.Sessions) != 1 {
		t.Errorf("after an undelivered session: %v, %v; want the session still recorded", failed.Sessions, err)
	}
}

func TestDueIsWhenTickMovesTheRequest(t *testing.T) {
	pending := made(t, Pending)
	ordered, _, err := made(t, Active).Order(dev, Order{ID: "o", Kind: Keys, At: noon}, met, noon)
	if err != nil {
		t.Fatal(err)
	}
	reminded, event, err := pending.Tick(noon.Add(15 * time.Minute))
	if err != nil || event.Verb != Tick || event.To != Pending || !reminded.Reminded {
		t.Fatalf("reminder: %v %+v", err, event)
	}
	for name, c := range map[string]struct {
		r    Request
		want time.Time
		then State
	}{
		"reminder":       {pending, noon.Add(15 * time.Minute), Pending},
		"time-out":       {reminded, noon.Add(time.Hour), TimedOut},
		"lost order":     {ordered, noon.Add(OrderLife), Active},
		"end of a grant": {made(t, Active), noon.Add(2 * time.Hour), Expired},
	} {
		due, ok := c.r.Due()
		if !ok || !due.Equal(c.want) {
			t.Errorf("%s: due %s, want %s", name, due, c.want)
		}
		if _, _, err := c.r.Tick(due.Add(-1)); !errors.Is(err, ErrNotDue) {
			t.Errorf("%s: got %v before it was due, want %v", name, err, ErrNotDue)
		}
		next, event, err := c.r.Tick(due)
		if err != nil || next.State != c.then || event.Actor != Clock {
			t.Errorf("%s: moved (%v) to %s by %s, want %s by the clock", name, err, next.State, event.Actor.ID, c.then)
		}
	}
	for _, state := range states[2:] {
		if due, ok := made(t, state).Due(); ok {
			t.Errorf("%s is due at %s, want never", state, due)
		}
	}
}

func TestMovesDoNotChangeTheirReceiver(t *testing.T) {
	r := made(t, Active)
	r.Approvals = append(make([]Approval, 0, 8), r.Approvals...)
	r.Sessions = make([]Session, 0, 8)
	before := fmt.Sprintf("%+v", r)
	one, _, _ := r.Order(dev, Order{ID: "one", Kind: Keys, At: noon}, met, noon)
	two, _, _ := r.Order(dev, Order{ID: "two", Kind: Keys, At: noon}, met, noon)
	if one.Sessions[0].Order != "one" || two.Sessions[0].Order != "two" {
		t.Errorf("two moves of one value share memory: %v %v", one.Sessions, two.Sessions)
	}
	if after := fmt.Sprintf("%+v", r); after != before {
		t.Errorf("a move changed its receiver:\ngot  %s\nwant %s", before, after)
	}
}

func TestSecretsDoNotPrintOrMarshal(t *testing.T) {
	c := Credentials{AccessKeyID: "ASIAEXAMPLE", SecretKey: NewSecret("canary-one"), SessionToken: NewSecret("canary-two")}
	for name, value := range map[string]any{
		"a value": c, "a pointer": &c, "a field": struct{ C Credentials }{c},
		"an unexported field":              struct{ c Credentials }{c},
		"a pointer in a field":             struct{ C *Credentials }{&c},
		"a pointer in an unexported field": struct{ c *Credentials }{&c},
		"a list":                           []any{c, &c}, "a list of pointers": []*Credentials{&c},
		"a map": map[string]*Credentials{"c": &c},
	} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			text := fmt.Sprintf(format, value)
			if strings.Contains(text, "canary") || strings.Contains(text, fmt.Sprintf("%x", "canary-one")) ||
				strings.Contains(text, fmt.Sprintf("%X", "canary-one")) {
				t.Errorf("%s prints the secret in %s: %s", format, name, text)
			}
		}
	}
	if text, err := json.Marshal(c); err == nil || strings.Contains(string(text), "canary") {
		t.Errorf("marshalled to %s, %v; want an error", text, err)
	}
}

func TestSecretsOfTheSameTextAreEqual(t *testing.T) {
	if NewSecret("a"+strings.Repeat("b", 3)) != NewSecret("abbb") || NewSecret("a") == NewSecret("b") {
		t.Error("secrets are not compared by their text")
	}
	if NewSecret("") != (Secret{}) || !NewSecret("").Empty() || (Secret{}).Reveal() != "" ||
		NewSecret("a").Reveal() != "a" {
		t.Error("the empty secret is not the zero value, or a text is lost")
	}
}

func TestFormatLengthWritesLikeThePolicyFile(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0m": 0, "30m": 30 * time.Minute, "4h": 4 * time.Hour, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour,
		"1d1h1m1s": 25*time.Hour + 61*time.Second, "-5m": -5 * time.Minute,
	} {
		if got := FormatLength(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}

func TestImportsTheStandardLibraryOnly(t *testing.T) {
	const format = "{{if not .Standard}}{{.ImportPath}}{{end}}"
	out, err := exec.Command("go", "list", "-deps", "-f", format, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	if got := strings.Fields(string(out)); len(got) != 1 {
		t.Errorf("the package depends on %v, want only itself", got)
	}
}
