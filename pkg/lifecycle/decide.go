package lifecycle

import (
	"cmp"
	"context"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Decide is the step of approvers: approve and deny.
type Decide struct{ Step }

// On returns the step for a click on a message. The step then returns ErrUnknownMessage,
// together with the request, unless that message is known to belong to the request:
// another app could have posted it, with other words above the button. A click that
// names no message counts as one on an unknown message.
func (s Decide) On(channel, ts string) Decide {
	s.channel, s.ts = channel, cmp.Or(ts, "none")
	return s
}

// On returns the step for a click on a message, as Decide.On does.
func (s Close) On(channel, ts string) Close {
	s.channel, s.ts = channel, cmp.Or(ts, "none")
	return s
}

// Approve approves a request for the person by. A positive upTo shortens the grant.
//
// Refusals: those of Person.Refused, policy.CheckApprover, policy.Decide and
// Request.Approve. Other errors: ErrUnknownMessage.
func (s Decide) Approve(ctx context.Context, id, by string, upTo time.Duration) (Moved, error) {
	return s.move(ctx, id, func(m snapshot) (access.Request, access.Event, error) {
		if s.fromUnknownMessage(m.messages) {
			return m.request, access.Event{}, ErrUnknownMessage
		}
		met := s.meet(ctx, m, by)
		actor := met[by]
		if m.request.State == access.Active && m.request.Approved(actor) {
			return m.request, access.Event{}, errNoChange
		}
		if err := s.mayDecide(m, met, actor); err != nil {
			return m.request, access.Event{}, err
		}
		q := m.question(met)
		q.Approvals = append(q.Approvals, actor)
		answer := s.decide(q)
		if answer.Refusal != nil {
			return m.request, access.Event{}, answer.Refusal
		}
		return m.request.Approve(actor, upTo, answer.Terms, m.now)
	})
}

// Deny denies a request for the person by, which ends it.
//
// Refusals: those of Person.Refused, policy.CheckApprover and Request.Deny.
func (s Decide) Deny(ctx context.Context, id, by, why string) (Moved, error) {
	return s.move(ctx, id, func(m snapshot) (access.Request, access.Event, error) {
		met := s.meet(ctx, m, by)
		actor := met[by]
		if closedBy(m.request, access.Denied, actor) {
			return m.request, access.Event{}, errNoChange
		}
		if err := s.mayDecide(m, met, actor); err != nil {
			return m.request, access.Event{}, err
		}
		return m.request.Deny(actor, why, m.now)
	})
}

// MayDeny checks whether a person could deny the request now, before a form asks for
// the reason. Its refusals are those of Deny. Other errors: ErrUnknownMessage.
func (s Decide) MayDeny(ctx context.Context, id, by string) (Moved, error) {
	m, err := s.load(ctx, id)
	if err != nil {
		return Moved{}, err
	}
	if s.fromUnknownMessage(m.messages) {
		return m.moved(m.request), ErrUnknownMessage
	}
	met := s.meet(ctx, m, by)
	actor := met[by]
	if err := s.mayDecide(m, met, actor); err != nil {
		return m.moved(m.request), err
	}
	_, _, err = m.request.Deny(actor, "", m.now)
	return m.moved(m.request), err
}

// MayJudge checks whether a person may decide the request, in any state.
func (s Decide) MayJudge(ctx context.Context, id, by string) error {
	m, err := s.load(ctx, id)
	if err != nil {
		return err
	}
	met := s.meet(ctx, m, by)
	return s.Policy.CheckApprover(m.question(met), met[by])
}

// MayRevoke checks whether a person may revoke this access, in any state, before a form asks for
// the reason.
//
// Refusals: unknown_request, and those of policy.CheckRevoker.
func (s Close) MayRevoke(ctx context.Context, id, by string) (Moved, error) {
	m, err := s.load(ctx, id)
	if err != nil {
		return Moved{}, err
	}
	met := s.meet(ctx, m, by)
	return m.moved(m.request), s.Policy.CheckRevoker(m.question(met), met[by])
}

// mayDecide returns the refusal for a person who cannot decide the request now: the
// person is not a member, somebody else was first (the refusal says who), or the policy
// does not let them decide.
func (s Decide) mayDecide(m snapshot, met people, actor access.Person) error {
	if refusal := actor.Refused(); refusal != nil {
		return refusal
	}
	if m.request.State != access.Pending {
		return m.request.StateRefusal()
	}
	q := m.question(met)
	switch answer := s.decide(q); {
	case answer.Unknown != nil:
		return unsure(answer.Unknown)
	case answer.Refusal != nil:
		return access.RefuseNoLongerAllowed(answer.Refusal)
	}
	if refusal := s.Policy.CheckApprover(q, actor); refusal != nil {
		return refusal
	}
	return nil
}

// unsure returns the refusal for an approver when it is not known whether the policy
// still allows a request. It leaves out the details, which only the requester may read.
func unsure(doubt error) error {
	switch access.Code(doubt) {
	case access.CodeUnprovenAddress, access.CodeUnknownGroup:
		return access.RefuseUnprovenRequester(doubt)
	}
	return access.RefuseRequesterUnreadable()
}

// Close is the step that ends a request early: cancel, end, revoke.
type Close struct{ Step }

// From returns the step for a call of a device, or of the machine that has just proved
// who it is.
func (s Close) From(device string, machine *access.Person) Close {
	s.device, s.machine = device, machine
	return s
}

// Cancel withdraws a pending request for its requester. Refusals: those of
// Request.Cancel.
func (s Close) Cancel(ctx context.Context, id, by string) (Moved, error) {
	return s.own(ctx, id, by, access.Cancelled, access.Request.Cancel)
}

// End gives an active grant back for its requester. Refusals: those of Request.End.
func (s Close) End(ctx context.Context, id, by string) (Moved, error) {
	return s.own(ctx, id, by, access.Ended, access.Request.End)
}

// own makes a move that only the requester can make. It does not ask Slack about them,
// so that people who may no longer ask for access can still give it back. The requester
// of a machine's request is that machine, and nobody else.
func (s Close) own(
	ctx context.Context, id, by string, to access.State,
	turn func(access.Request, access.Person, time.Time) (access.Request, access.Event, error),
) (Moved, error) {
	return s.move(ctx, id, func(m snapshot) (access.Request, access.Event, error) {
		actor := access.Person{ID: by, Name: by}
		switch {
		case s.machine != nil:
			actor = *s.machine
		case by == m.request.Requester.ID && m.request.Requester.Machine == nil:
			actor = m.request.Requester
		}
		if closedBy(m.request, to, actor) {
			return m.request, access.Event{}, errNoChange
		}
		next, event, err := turn(m.request, actor, m.now)
		event.Device = s.device
		return next, event, err
	})
}

// Revoke ends an active grant, for a reason.
//
// Refusals: no_reason, reason_too_long, and those of Person.Refused, policy.CheckRevoker and
// Request.Revoke.
func (s Close) Revoke(ctx context.Context, id, by, why string) (Moved, error) {
	if err := access.CheckWhy(why); err != nil {
		return Moved{}, err
	}
	return s.move(ctx, id, func(m snapshot) (access.Request, access.Event, error) {
		met := s.meet(ctx, m, by)
		actor := met[by]
		if closedBy(m.request, access.Revoked, actor) {
			return m.request, access.Event{}, errNoChange
		}
		if refusal := actor.Refused(); refusal != nil {
			return m.request, access.Event{}, refusal
		}
		if m.request.State != access.Active {
			return m.request, access.Event{}, access.ToOthers(m.request.StateRefusal())
		}
		if refusal := s.Policy.CheckRevoker(m.question(met), actor); refusal != nil {
			return m.request, access.Event{}, refusal
		}
		return m.request.Revoke(actor, why, m.now)
	})
}

// closedBy reports whether by has already brought the request to that state.
func closedBy(r access.Request, to access.State, by access.Person) bool {
	return r.State == to && r.Closed.By.Same(by)
}
