package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

type submitStore interface {
	freezeReader
	// LoadForSubmit reads everything that a new request depends on, in one consistent
	// read.
	LoadForSubmit(ctx context.Context, user, once string) (access.Directory, access.Asker, error)
	// Requests reads requests consistently.
	Requests(ctx context.Context, ids []string) ([]access.Request, error)
	// Submit writes request, event and asker in one transaction, on condition of the
	// asker's version before.
	Submit(ctx context.Context, r access.Request, event access.Event, next access.Asker, once string) error
	SaveAsker(ctx context.Context, user string, next access.Asker) error
}

// Submit is the step that begins a request.
type Submit struct {
	Store  submitStore
	Roster Roster
	Policy *policy.Policy
	Now    func() time.Time
	NewID  func() string // a new ULID
}

// Asked is what somebody typed or chose.
type Asked struct {
	By      string         // Slack id; not used for a machine
	Who     *access.Person // the machine that asks, as its proof describes it; nil for a person
	Device  string         // thumbprint of the device of By that asks; "" for none
	Account string         // id or name
	Role    string
	For     time.Duration // 0 if Automatic
	Reason  string
	Ticket  string
	// Automatic means that a program asks without a person: for AutomaticFor or what the policy allows,
	// if that is less; only where nobody has to approve; and not if the last grant was given back or revoked.
	Automatic bool
	// Wrong says what could not be parsed. The other fields are checked all the same,
	// so that the person reads all mistakes at once. Nothing is submitted.
	Wrong error
	Once  string // unique key of the form, the command or the call, which works once
}

// AutomaticFor is the longest grant that a program gets by itself.
const AutomaticFor = time.Hour

// asking is everything that Submit knows when it asks the policy.
type asking struct {
	Asked
	id        string // of the request that may be made
	account   access.Account
	directory access.Directory
	asker     access.Asker // as it is now
	now       time.Time
	unread    bool // Slack could not be read, so the ask was not checked
}

// Do submits a request. If the same form or command arrives twice, the second call
// returns the first one's request, with only the ID set. With the refusals
// already_asked and already_granted it returns the existing request.
//
// The limits on one person hold even if requests are sent at once: the write is on
// condition of the asker that was read, so the loser of a race reads again, and is then
// within the limits or refused.
//
// Refusals: those of Person.RefusedToAsk, policy.Find, policy.Decide and Asker, too_short,
// already_asked, already_granted, revoked_lately, frozen, busy; if Automatic, no_grant, ended,
// revoked.
func (s Submit) Do(ctx context.Context, in Asked) (access.Request, error) {
	id := s.NewID()
	for range tries {
		r, err := s.ask(ctx, in, id)
		var duplicate *access.Duplicate
		switch {
		case errors.As(err, &duplicate):
			return access.Request{ID: duplicate.Request}, nil
		case errors.Is(err, access.ErrStale):
			continue
		}
		return r, err
	}
	return access.Request{}, access.RefuseBusyRequester()
}

// ask is one try. It checks the limits first, which needs no call to Slack, so that a
// flood of requests does not use up Slack's rate limit.
func (s Submit) ask(ctx context.Context, in Asked, id string) (access.Request, error) {
	by := in.requester()
	d, asker, err := s.Store.LoadForSubmit(ctx, by.AskerID(), in.Once)
	if err != nil {
		return access.Request{}, fmt.Errorf("load the requests of %s: %w", by.ID, err)
	}
	m := asking{Asked: in, id: id, directory: d, now: s.Now()}
	m.account, m.Role = s.Policy.Named(in.Account, in.Role)
	var unfinished []access.Request
	ids := asker.Unsure(by, m.account.ID, m.Role, m.now)
	ids = append(ids, asker.MayBeRevoked(m.account.ID, m.Role, m.now)...)
	if last := asker.LastGrant(by, m.account.ID, m.Role); in.Automatic && last != "" {
		ids = append(ids, last)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) > 0 {
		if unfinished, err = s.Store.Requests(ctx, ids); err != nil {
			return access.Request{}, fmt.Errorf("load the unfinished requests of %s: %w", by.ID, err)
		}
	}
	m.asker = asker.After(unfinished, m.now)
	if existing := m.asker.Has(by, m.account.ID, m.Role); existing != "" {
		return m.already(unfinished, existing)
	}
	if refusal := m.refusedAfter(unfinished); refusal != nil {
		return access.Request{}, refusal
	}
	if refusal := m.asker.TooMany(s.Policy.Settings().AsksPerHour); refusal != nil {
		return access.Request{}, refusal
	}
	who, exact, err := s.meant(ctx, &m)
	if err == nil && (exact.Account != m.account.ID || exact.Role != m.Role) {
		return s.ask(ctx, exact, id) // for this person the typed names mean another account or role
	}
	var r access.Request
	var event access.Event
	if err == nil {
		r, event, err = s.judge(&m, who)
	}
	if err != nil {
		if !m.unread && !m.Automatic {
			s.count(ctx, m)
		}
		return access.Request{}, err
	}
	return s.save(ctx, r, event, m)
}

// already returns the existing request, and the refusal for it. There is no refusal if
// an earlier try of this same Submit made it, and the answer of the table was lost.
func (m asking) already(unfinished []access.Request, existing string) (access.Request, error) {
	for _, r := range unfinished {
		switch r.ID {
		case m.id:
			return r, nil
		case existing:
			return r, r.Already()
		}
	}
	return access.Request{}, fmt.Errorf("request %s was not read", existing)
}

// refusedAfter refuses a requester because of how the last grant of this target ended: anybody
// if it was revoked shortly before, or if that of another run of the same pipeline was, and a program
// that asks by itself also if its own was given back or revoked at any time, because then a person has
// to ask. No other move can come between: both states are final.
//
// Refusals: revoked_lately, ended, revoked.
func (m asking) refusedAfter(read []access.Request) error {
	last := m.asker.LastGrant(m.requester(), m.account.ID, m.Role)
	for _, r := range read {
		switch refusal := r.CheckRevokedLately(m.now); {
		case m.Automatic && r.ID == last && (r.State == access.Ended || r.State == access.Revoked):
			return r.StateRefusal()
		case r.Account == m.account.ID && r.Role == m.Role && refusal != nil:
			return refusal
		}
	}
	return nil
}

// requester returns the requester without asking anybody: enough to find what they have
// asked for before.
func (in Asked) requester() access.Person {
	if in.Who != nil {
		return *in.Who
	}
	return access.Person{ID: in.By}
}

// who asks Slack who the requester is. A machine is as it has proved to be. The owner of
// a device is asked for anew: nobody in Slack has just signed anything for them.
func (s Submit) who(ctx context.Context, m *asking) access.Person {
	switch {
	case m.Who != nil:
		return withStarter(*m.Who, m.directory)
	case m.Device != "":
		return s.Roster.Ask(ctx, m.directory, m.By)
	}
	return s.Roster.Person(ctx, m.directory, m.By)
}

// meant asks Slack who the requester is, and the policy which account and role they
// mean.
func (s Submit) meant(ctx context.Context, m *asking) (access.Person, Asked, error) {
	m.directory = s.Roster.Fresh(ctx, m.directory)
	who := s.who(ctx, m)
	m.unread = who.Membership == ""
	if err := who.RefusedToAsk(); err != nil {
		return who, m.Asked, err
	}
	exact := m.Asked
	account, err := s.Policy.Find(who, m.directory, m.now, m.Account)
	if err != nil {
		return who, exact, err
	}
	exact.Account = account.ID
	exact.Role = s.Policy.FindRole(who, m.directory, m.now, account.ID, m.Role)
	return who, exact, nil
}

// judge asks the policy, and makes the request.
func (s Submit) judge(m *asking, who access.Person) (access.Request, access.Event, error) {
	answer := s.Policy.Decide(policy.Question{
		Who: who, Account: m.account.ID, Role: m.Role, For: m.For, Reason: m.Reason, Ticket: m.Ticket,
		Asking: true, Directory: m.directory, At: m.now,
	})
	m.unread = access.Code(answer.Refusal) == access.CodeSlackUnreadable ||
		access.Code(answer.Unknown) == access.CodeSlackUnreadable
	wrong := access.Join(m.Wrong, answer.Refusal)
	switch {
	case m.Automatic && wrong == nil && !answer.Terms.Met:
		wrong = access.RefuseNotByItself(m.Role, m.account.Name)
	case m.Automatic:
		m.For = min(AutomaticFor, answer.Terms.Max)
	case m.Wrong == nil && m.For < access.MinFor:
		wrong = access.Join(wrong, access.RefuseTooShort(m.For))
	}
	if wrong != nil {
		return access.Request{}, access.Event{}, wrong
	}
	if refusal := m.asker.TooManyPending(s.Policy.Settings().PendingAtMost); refusal != nil && !answer.Terms.Met {
		return access.Request{}, access.Event{}, refusal
	}
	r, event, err := access.New(access.Ask{
		ID: m.id, Requester: who, Account: m.account.ID, AccountName: m.account.Name, Role: m.Role,
		For: m.For, Reason: m.Reason, Ticket: m.Ticket,
		AssumeRoles: answer.Target.AssumeRoles, MakeIdentities: answer.Target.MakeIdentities,
	}, answer.Terms, m.now)
	event.Device = m.Device
	return r, event, err
}

// count counts an ask that was refused after Slack and the policy were asked, because
// it cost as much as a successful one. The caller does not count one that failed
// because Slack could not be read, for which the requester is not to blame. If the
// write loses a race, this ask is not counted, which does no harm.
func (s Submit) count(ctx context.Context, m asking) {
	_ = s.Store.SaveAsker(ctx, m.requester().AskerID(), m.asker.Counts(m.now))
}

// save writes the request. After an error that leaves the outcome unknown it tries
// once more: the unique key shows whether the first try succeeded. Without a unique
// key, the next read shows it.
func (s Submit) save(ctx context.Context, r access.Request, event access.Event, m asking) (access.Request, error) {
	next := m.asker.Opens(r, m.now)
	err := s.Store.Submit(ctx, r, event, next, m.Once)
	if errors.Is(err, access.ErrFrozen) {
		return access.Request{}, refuseFrozen(ctx, s.Store)
	}
	var duplicate *access.Duplicate
	if err != nil && !errors.As(err, &duplicate) && !errors.Is(err, access.ErrStale) {
		err = s.Store.Submit(ctx, r, event, next, m.Once)
	}
	switch {
	case err == nil:
		return r, nil
	case errors.As(err, &duplicate) && duplicate.Request == r.ID:
		return r, nil
	}
	return access.Request{}, fmt.Errorf("save request %s: %w", r.ID, err)
}
