package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws-access/aws-access/pkg/access"
)

type respondStore interface {
	// InState lists requests in a state. One that changed shortly before may be missing.
	InState(ctx context.Context, state access.State, limit int) ([]access.Request, error)
	LoadForSubmit(ctx context.Context, user, once string) (access.Directory, access.Asker, error)
	Requests(ctx context.Context, ids []string) ([]access.Request, error)
	freezeStore
}

// Respond is the step of the people who answer incidents, the responders of the policy: they
// revoke many grants together, and freeze everything. It never gives access.
type Respond struct {
	Close
	Grants respondStore
}

// Responder returns a person who is a responder now. The person is read from Slack, unless that
// was done within the last minutes.
//
// Refusals: those of Person.Refused and policy.CheckResponder.
func (s Respond) Responder(ctx context.Context, by string) (access.Person, error) {
	d, err := s.directory(ctx)
	if err != nil {
		return access.Person{}, err
	}
	who := s.Roster.Person(ctx, d, by)
	return who, s.Policy.CheckResponder(who, d, s.Now())
}

// directory reads the directory, as fresh as a step needs it.
func (s Respond) directory(ctx context.Context) (access.Directory, error) {
	d, err := s.Roster.Store.Directory(ctx)
	if err != nil {
		return d, fmt.Errorf("load the directory: %w", err)
	}
	return s.Roster.Fresh(ctx, d), nil
}

// Freeze stops everything that gives access. changed is false if it is stopped already: then it
// returns the freeze of the person who was first.
//
// Refusals: no_reason, reason_too_long, busy, and those of Responder.
func (s Respond) Freeze(ctx context.Context, by, why string) (f access.Freeze, changed bool, err error) {
	if err := access.CheckWhy(why); err != nil {
		return f, false, err
	}
	who, err := s.Responder(ctx, by)
	if err != nil {
		return f, false, err
	}
	return changeFreeze(ctx, s.Grants, func(f access.Freeze) (access.Freeze, bool) { return f.Start(who, why, s.Now()) })
}

// Thaw records that a responder wants to end the freeze with this mark. The second one ends it. changed
// is false if the person has agreed before, under any identity, or if nothing is frozen. Somebody
// who has agreed and is no longer a responder does not count.
//
// Refusals: busy, unknown_form if another freeze is on by now, and those of Responder.
func (s Respond) Thaw(ctx context.Context, by, mark string) (f access.Freeze, changed bool, err error) {
	d, err := s.directory(ctx)
	if err != nil {
		return f, false, err
	}
	who := s.Roster.Person(ctx, d, by)
	if err := s.Policy.CheckResponder(who, d, s.Now()); err != nil {
		return f, false, err
	}
	another := false
	f, changed, err = changeFreeze(ctx, s.Grants, func(f access.Freeze) (access.Freeze, bool) {
		if another = f.On && f.Mark() != mark; another {
			return f, false
		}
		f.Thaw = slices.DeleteFunc(slices.Clone(f.Thaw), func(p access.Person) bool {
			return s.Policy.CheckResponder(s.Roster.Person(ctx, d, p.ID), d, s.Now()) != nil
		})
		return f.Agree(who, s.Now())
	})
	if another {
		return f, false, access.RefuseUnknownForm()
	}
	return f, changed, err
}

// Lift allows the requester of a revoked grant to ask for the same again at once.
//
// Refusals: those of Person.Refused, policy.CheckResponder and Request.Lift. Other errors:
// ErrUnknownMessage.
func (s Close) Lift(ctx context.Context, id, by string) (Moved, error) {
	return s.move(ctx, id, func(m snapshot) (access.Request, access.Event, error) {
		if s.fromUnknownMessage(m.messages) {
			return m.request, access.Event{}, ErrUnknownMessage
		}
		actor := s.Roster.Person(ctx, m.directory, by)
		switch refusal := s.Policy.CheckResponder(actor, m.directory, m.now); {
		case refusal != nil:
			return m.request, access.Event{}, refusal
		case actor.Same(m.request.Requester):
			return m.request, access.Event{}, access.RefuseOwnLift()
		case !m.request.Lifted.IsZero():
			return m.request, access.Event{}, errNoChange
		}
		return m.request.Lift(actor, m.now)
	})
}

// RevokedMany is what became of a revocation of several grants.
type RevokedMany struct {
	Grants, Sessions int // that were revoked, and how many live sessions they had
	Failed           int // grants that could not be revoked
	Left             int // grants for which there was no time
	By               access.Person
	Account          string // name of the account of the grants, if the scope is one
}

// Limits of a revocation of several grants.
const (
	maxRevoked   = 5000 // grants that are read at once
	revokeRounds = 4    // how often grants are listed, because the list may lag behind
)

// Ordered returns the responder who has ordered a revocation of several grants. It asks Slack again
// whether the person is a member, and the policy whether they are a responder. Nothing may be
// revoked or removed before.
//
// Refusals: order_late, and those of Responder. Other errors: access.ErrBadOrder.
func (s Respond) Ordered(ctx context.Context, o access.Revocation) (by access.Person, err error) {
	if err := o.Check(); err != nil {
		return by, err
	}
	if err := o.CheckAge(s.Now()); err != nil {
		return by, err
	}
	d, err := s.directory(ctx)
	if err != nil {
		return by, err
	}
	by = s.Roster.Ask(ctx, d, o.By)
	return by, s.Policy.CheckResponder(by, d, s.Now())
}

// RevokeMany revokes the grants of a scope for the responder that Ordered has returned, until none is
// left or ctx is over. The responder's own grants are given back instead. A repeated order finds
// nothing left to do.
func (s Respond) RevokeMany(
	ctx context.Context, by access.Person, o access.Revocation,
) (out RevokedMany, err error) {
	out.By = by
	s.Roster.Slack = nil // revoking needs no other person, so a slow Slack delays nothing
	var failed []error
	for range revokeRounds {
		found, err := s.covered(ctx, o.Of)
		if err != nil {
			return out, errors.Join(append(failed, err)...)
		}
		out.Left, out.Failed = 0, 0
		if len(found) == 0 {
			break
		}
		if o.Of.Kind == access.InAccount {
			out.Account = found[0].AccountName
		}
		before := out.Grants
		failed = s.revokeAll(ctx, o, found, &out)
		if out.Grants == before || ctx.Err() != nil {
			break
		}
	}
	return out, errors.Join(failed...)
}

// covered returns the usable grants of a scope. Those of a person are read consistently.
func (s Respond) covered(ctx context.Context, of access.Scope) ([]access.Request, error) {
	found, err := s.Grants.InState(ctx, access.Active, maxRevoked)
	if err != nil {
		return nil, fmt.Errorf("list the active grants: %w", err)
	}
	if of.Kind == access.OfPerson {
		_, asker, err := s.Grants.LoadForSubmit(ctx, of.ID, "")
		if err != nil {
			return nil, fmt.Errorf("load the requests of %s: %w", of.ID, err)
		}
		var ids []string
		for _, one := range asker.Current {
			if !slices.ContainsFunc(found, func(r access.Request) bool { return r.ID == one.Request }) {
				ids = append(ids, one.Request)
			}
		}
		own, err := s.Grants.Requests(ctx, ids)
		if err != nil {
			return nil, fmt.Errorf("load the requests of %s: %w", of.ID, err)
		}
		found = append(found, own...)
	}
	return slices.DeleteFunc(found, func(r access.Request) bool {
		return !of.Covers(r) || r.CheckUsable(s.Now()) != nil
	}), nil
}

// revokeAll revokes grants, and counts in out what became of them.
func (s Respond) revokeAll(
	ctx context.Context, o access.Revocation, found []access.Request, out *RevokedMany,
) (failed []error) {
	var mu sync.Mutex
	EachRole(found, access.Request.CutKey, func(r access.Request) {
		if ctx.Err() != nil {
			mu.Lock()
			defer mu.Unlock()
			out.Left++
			return
		}
		moved, err := s.revokeOne(ctx, r.ID, out.By, o.Why)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			out.Failed++
			failed = append(failed, err)
		case moved.State.Final() && moved.Closed.By.Same(out.By):
			out.Grants++
			out.Sessions += moved.LiveSessions(s.Now())
		}
	})
	return failed
}

func (s Respond) revokeOne(ctx context.Context, id string, by access.Person, why string) (Moved, error) {
	return s.move(ctx, id, func(m snapshot) (access.Request, access.Event, error) {
		switch {
		case m.request.CheckUsable(m.now) != nil: // somebody else was faster, or it has ended
			return m.request, access.Event{}, errNoChange
		case m.request.Requester.ID == by.ID:
			return m.request.End(by, m.now)
		}
		return m.request.Revoke(by, why, m.now)
	})
}
