package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

type sweepStore interface {
	// InState lists requests in a state, the one that is due first coming first.
	InState(ctx context.Context, state access.State, limit int) ([]access.Request, error)
	Requests(ctx context.Context, ids []string) ([]access.Request, error)
	Sweep(ctx context.Context) (access.Sweep, error)
	SaveSweep(ctx context.Context, next access.Sweep) error
}

// Sweep is the step that asks the policy about each open grant, and revokes those that it no
// longer gives: the requester is not a member any more, no rule gives them this, or a never rule
// forbids it. What is unknown revokes nothing. Approvals do not count here: a lost approver stops
// vending, and no more.
type Sweep struct {
	Step
	In    sweepStore
	Every time.Duration
	Log   *slog.Logger // nil for no log
}

// Limits of one sweep.
const (
	maxOpen      = 20_000 // grants that one sweep looks at
	rememberOpen = 5_000  // grants whose requesters readings look for; it limits the stored item to 250 KB
	// revokeTimeout is how long a sweep revokes; the next tick goes on.
	revokeTimeout = 8 * time.Second
)

// Lost is a grant that the policy no longer gives.
type Lost struct {
	Request access.Request
	Who     access.Person // the requester, as they were known to the sweep
	Why     string
}

// Swept is the result of a sweep.
type Swept struct {
	Record access.Sweep // as it is now
	Before access.Sweep
	Lost   []Lost // by requester
}

// Do makes a sweep if one is due. If it would revoke too much, it revokes nothing, and Record is
// held. A grant that cannot be revoked does not stop the others. All errors are joined.
func (s Sweep) Do(ctx context.Context) (Swept, error) {
	now := s.Now()
	record, err := s.In.Sweep(ctx)
	none := Swept{Record: record, Before: record}
	if err != nil || !record.Due(s.Every, now) {
		return none, wrap("load the record of the sweep", err)
	}
	open, err := s.open(ctx, now)
	if err != nil {
		return none, err
	}
	lost, reading, err := s.lost(ctx, open, record, now)
	if err != nil {
		return none, err
	}
	forgot := s.remember(ctx, open, reading)
	found := record.Found(len(open), len(lost), counted(lost), now)
	out := Swept{Record: found, Before: record, Lost: lost}
	if len(lost) > 0 && !record.Held {
		// A tick that dies before it has revoked them, or has asked operators, leaves that to the next one.
		out.Record = found.Unfinished(s.Every)
	}
	// Saved before anything is revoked: of two ticks at once, one makes the sweep.
	switch err := s.In.SaveSweep(ctx, out.Record); {
	case errors.Is(err, access.ErrStale):
		return none, forgot
	case err != nil:
		return out, errors.Join(forgot, err)
	case found.Held || len(lost) == 0:
		return out, forgot
	}
	if failed := s.revoke(ctx, lost); failed != nil {
		return out, errors.Join(forgot, failed)
	}
	found.Version = out.Record.Version + 1
	out.Record = found
	if err = s.In.SaveSweep(ctx, found); errors.Is(err, access.ErrStale) {
		err = nil // somebody has swept since
	}
	return out, errors.Join(forgot, err)
}

// counted returns how many of the lost grants count towards the limit of a sweep. All grants of a person
// of whom Slack says that they are no member count as one. Otherwise somebody who is about to leave
// could ask for so many that the sweep is held: they would keep them, and nobody else would get anything.
func counted(lost []Lost) (n int) {
	left := make(map[string]bool)
	for _, one := range lost {
		known := one.Who.Machine == nil && one.Who.Membership != "" && one.Who.Membership != access.Member
		if !known || !left[one.Who.ID] {
			n++
		}
		left[one.Who.ID] = known
	}
	return n
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// open lists the grants that can be used now.
func (s Sweep) open(ctx context.Context, now time.Time) ([]access.Request, error) {
	all, err := s.In.InState(ctx, access.Active, maxOpen)
	if err != nil {
		return nil, fmt.Errorf("list open grants: %w", err)
	}
	if len(all) == maxOpen && s.Log != nil {
		s.Log.ErrorContext(ctx, "more grants are open than one sweep looks at", "looked", maxOpen)
	}
	return slices.DeleteFunc(all, func(r access.Request) bool { return !r.Usable(now) }), nil
}

// lost asks the policy about each grant, and returns those that it no longer gives, and the last
// reading of people.
func (s Sweep) lost(
	ctx context.Context, open []access.Request, record access.Sweep, now time.Time,
) (lost []Lost, reading access.Reading, err error) {
	d, err := s.Roster.Store.Directory(ctx)
	if err != nil {
		return nil, reading, fmt.Errorf("load the directory: %w", err)
	}
	reading, err = s.Roster.Store.Reading(ctx)
	if err != nil {
		return nil, reading, fmt.Errorf("load the reading of people: %w", err)
	}
	who := s.requesters(ctx, open, d, reading)
	for _, r := range open {
		if record.Keeps(r.Starts, now) {
			continue
		}
		if why, is := s.isLost(r, who(r), d, now); is {
			lost = append(lost, Lost{r, who(r), why})
		}
	}
	slices.SortStableFunc(lost, func(a, b Lost) int { return cmp.Compare(a.Request.Requester.ID, b.Request.Requester.ID) })
	return lost, reading, nil
}

// isLost asks the policy whether it still gives a grant to somebody; approvals do not count. If it
// is not known whether they are a member, they have lost what it would refuse to a member too.
func (s Sweep) isLost(r access.Request, who access.Person, d access.Directory, now time.Time) (string, bool) {
	if who.Membership == "" {
		who = unproven(who)
		who.Membership = access.Member
	}
	answer := s.Policy.Decide(policy.Question{
		Who: who, Account: r.Account, Role: r.Role, Reason: r.Reason, Ticket: r.Ticket, Directory: d, At: now,
	})
	if answer.Refusal == nil || answer.Unknown != nil {
		return "", false
	}
	return access.WhyLost(answer.Refusal)
}

// requesters returns a function that says who the requester of a grant is now. It asks Slack about
// a few people whom neither the directory nor the last reading knows. They have a membership only
// if that is known.
func (s Sweep) requesters(
	ctx context.Context, open []access.Request, d access.Directory, reading access.Reading,
) func(access.Request) access.Person {
	now := s.Now()
	find := func(r access.Request) (access.Person, bool) {
		if r.Requester.Machine != nil {
			return withStarter(r.Requester, d), true
		}
		if p, ok := d.Person(r.Requester.ID, now); ok {
			return p, true
		}
		// The policy does not name an address that they have now. The one that they had when they
		// asked proves nothing.
		p := unproven(r.Requester)
		p.Membership = reading.Membership(p.ID, now)
		return p, p.Membership != ""
	}
	missing := make(map[string]bool)
	for _, r := range open {
		if _, ok := find(r); !ok {
			missing[r.Requester.ID] = true
		}
	}
	asked := s.ask(ctx, d, slices.Sorted(maps.Keys(missing)))
	return func(r access.Request) access.Person {
		p, ok := find(r)
		if one := asked[p.ID]; !ok && one.Membership != "" {
			return one
		}
		return p
	}
}

// ask asks Slack about some of these people at once, each time about others.
func (s Sweep) ask(ctx context.Context, d access.Directory, ids []string) people {
	if len(ids) > askedPerTick {
		from := int(s.Now().Unix()/60) * askedPerTick % len(ids)
		ids = slices.Concat(ids[from:], ids[:from])[:askedPerTick]
	}
	if s.Roster.Slack == nil || len(ids) == 0 {
		return nil
	}
	limited, stop := context.WithTimeout(ctx, stepTimeout)
	defer stop()
	found := make([]access.Person, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { found[i] = s.Roster.Ask(limited, d, id) })
	}
	all.Wait()
	asked := make(people, len(ids))
	for i, id := range ids {
		asked[id] = found[i]
	}
	return asked
}

// remember saves which grants are open and who has them, if that has changed, so that readings look
// for these people. Grants that were
// open at the last sweep and have been closed without an order to deny their sessions, by an older
// version of the software, are cut now.
func (s Sweep) remember(ctx context.Context, open []access.Request, reading access.Reading) error {
	now := make(map[string]string, min(len(open), rememberOpen))
	for _, r := range slices.Backward(open) { // those that end last
		if len(now) < rememberOpen {
			now[r.ID] = r.Requester.ID
		}
	}
	if maps.Equal(now, reading.Open) {
		return nil
	}
	var gone []string
	for id := range reading.Open {
		if _, still := now[id]; !still {
			gone = append(gone, id)
		}
	}
	failed := s.cutForgotten(ctx, gone)
	if failed != nil {
		return failed // the next sweep finds them again
	}
	reading.Version, reading.Open = reading.Version+1, now
	if err := s.Roster.Store.SaveReading(ctx, reading); err != nil && !errors.Is(err, access.ErrStale) {
		return fmt.Errorf("save who has an open grant: %w", err)
	}
	return nil
}

// cutForgotten orders the cut of grants that were ended or revoked without one.
func (s Sweep) cutForgotten(ctx context.Context, ids []string) error {
	closed, err := s.In.Requests(ctx, ids)
	if err != nil {
		return fmt.Errorf("read grants that are no longer open: %w", err)
	}
	var failed []error
	for _, r := range closed {
		if !forgotten(r, s.Now()) {
			continue
		}
		_, err := s.move(ctx, r.ID, func(m snapshot) (access.Request, access.Event, error) {
			if !forgotten(m.request, m.now) {
				return m.request, access.Event{}, errNoChange
			}
			return m.request.CutAgain("It was closed without an order to deny its sessions.", m.now)
		})
		failed = append(failed, wrap("cut request "+r.ID, err))
	}
	return errors.Join(failed...)
}

// forgotten reports whether a grant was ended or revoked, and its live sessions were never ordered
// to be denied.
func forgotten(r access.Request, now time.Time) bool {
	return (r.State == access.Ended || r.State == access.Revoked) && r.Cut == "" && !r.MayActUntil(now).IsZero()
}

func (s Sweep) revoke(ctx context.Context, lost []Lost) error {
	limited, stop := context.WithTimeout(ctx, revokeTimeout)
	defer stop()
	var mu sync.Mutex
	var failed []error
	askAgain := len(lost) <= askedPerTick // Slack limits how many profiles can be read
	EachRole(lost, func(one Lost) access.CutKey { return one.Request.CutKey() }, func(one Lost) {
		err := s.revokeOne(limited, one, askAgain)
		mu.Lock()
		defer mu.Unlock()
		failed = append(failed, wrap("revoke request "+one.Request.ID, err))
	})
	return errors.Join(failed...)
}

// revokeOne revokes a lost grant, unless the policy gives it again by what is known now. If askAgain
// is set, Slack is asked once more who the requester is; its answer counts if there is one.
func (s Sweep) revokeOne(ctx context.Context, one Lost, askAgain bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	quiet := s.Step
	quiet.Roster.Slack = nil // a slow Slack delays no revocation
	revoked := ""
	_, err := quiet.move(ctx, one.Request.ID, func(m snapshot) (access.Request, access.Event, error) {
		who := one.Who
		if askAgain && who.Machine == nil {
			if asked := s.ask(ctx, m.directory, []string{who.ID})[who.ID]; asked.Membership != "" {
				who = asked
			}
		}
		why, is := s.isLost(m.request, who, m.directory, m.now)
		if !is || !m.request.Usable(m.now) {
			return m.request, access.Event{}, errNoChange
		}
		revoked = why
		return m.request.RevokeLost(why, m.now)
	})
	if err == nil && revoked != "" && s.Log != nil {
		s.Log.InfoContext(ctx, "a grant is revoked", "request", one.Request.ID, "why", revoked)
	}
	return err
}
