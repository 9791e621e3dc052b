package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws-access/aws-access/pkg/access"
)

type deviceStore interface {
	// Device reads a device consistently, removed or not.
	Device(ctx context.Context, id string) (access.Device, error)
}

type assumer interface {
	Assume(ctx context.Context, v access.Vending) (access.Credentials, error)
}

// Vend is the step that hands out a session. Only the vend function takes it.
type Vend struct {
	Step
	STS     assumer
	Devices deviceStore // nil refuses every order of a device
}

// Handout is a recorded session. It may be given to the requester of Request, and to
// nobody else.
type Handout struct {
	Request     access.Request
	Messages    access.Messages // where to answer the requester
	Target      access.Target
	Kind        access.Kind
	Form        access.Form // of keys
	Ordered     bool        // the intent may be recorded, so a failure must be recorded too
	Session     access.Session
	Credentials access.Credentials
}

// Do carries out an order, and fails closed: it records the intent, calls STS, records
// the session, and only then returns the credentials. With a refusal, the Handout still
// has the request and its messages, so that the requester can be told, and no
// credentials. After an error the caller tells the requester, and then calls Fail.
//
// Refusals: those of Person.RefusedToAsk, policy.Decide, Request.Order and STS.Assume,
// unknown_keys_form, unknown_device, no_longer_approved, frozen, eligibility_held,
// changed. Other errors: access.ErrBadOrder,
// access.ErrNotFound, ErrNotRequester.
func (s Vend) Do(ctx context.Context, o access.Order) (Handout, error) {
	if err := o.Check(); err != nil {
		return Handout{}, err
	}
	out, vending, err := s.intend(ctx, o)
	if err != nil {
		return out, err
	}
	credentials, err := s.STS.Assume(ctx, vending)
	if err != nil {
		return out, err
	}
	out.Request, err = s.issued(ctx, out.Request, o.ID, credentials)
	if err != nil {
		return out, err
	}
	if err := out.Request.CheckUsable(s.Now()); err != nil {
		return out, err
	}
	// A device that was removed meanwhile gets nothing. One that is removed from now on is
	// named in the recorded session, so its removal ends the grant.
	if err := s.checkAgain(ctx, o); err != nil {
		return out, err
	}
	// A freeze that began while STS was asked holds for this session too.
	if err := s.checkFreeze(ctx); err != nil {
		return out, err
	}
	out.Credentials, out.Session = credentials, out.Request.SessionOf(o.ID)
	return out, nil
}

// vendTries is how often an order is tried if somebody else has moved the request:
// the other session of a double click, or another delivery of the same order, which
// is then found to be used.
const vendTries = 4

// intend checks everything again, and records the intent.
func (s Vend) intend(ctx context.Context, o access.Order) (Handout, access.Vending, error) {
	out := Handout{Kind: o.Kind, Form: o.Form}
	for range vendTries {
		r, d, messages, err := s.loadTwice(ctx, o.Request)
		if err != nil {
			return out, access.Vending{}, fmt.Errorf("load request %s: %w", o.Request, err)
		}
		out.Request, out.Messages = r, messages
		m := snapshot{request: r, directory: s.Roster.Fresh(ctx, d), now: s.Now()}
		vending, next, event, err := s.order(ctx, m, o)
		if err != nil {
			return out, vending, err
		}
		out.Target = vending.Target
		err = s.Store.Save(ctx, next, event, onceOf(o))
		if errors.Is(err, access.ErrFrozen) {
			return out, vending, refuseFrozen(ctx, s.Store)
		}
		if errors.Is(err, access.ErrHeld) {
			return out, vending, access.RefuseHeld()
		}
		if errors.Is(err, access.ErrStale) {
			continue
		}
		var duplicate *access.Duplicate
		if errors.As(err, &duplicate) {
			return out, vending, access.RefuseOrderRepeated()
		}
		// An error means that the intent may be recorded: nothing is vended.
		out.Ordered = true
		if err != nil {
			return out, vending, fmt.Errorf("record the order to vend for request %s: %w", r.ID, err)
		}
		out.Request = next
		return out, vending, nil
	}
	return out, access.Vending{}, access.RefuseChanged()
}

// onceOf is the unique key of the order of a program. A call names no request, so one that
// is sent again could take a session from a later grant. An order from Slack names its
// request, which remembers it.
func onceOf(o access.Order) string {
	if o.Device == "" && o.Machine == nil {
		return ""
	}
	return "order:" + o.ID
}

// loadTwice loads the request of an order, and tries once more if the table does not
// answer. Without the request nobody can be told that the click failed, and no intent
// is recorded that the tick could end.
func (s Vend) loadTwice(
	ctx context.Context, id string,
) (r access.Request, d access.Directory, m access.Messages, err error) {
	r, d, m, err = s.Store.Load(ctx, id)
	if err != nil && !errors.Is(err, access.ErrNotFound) {
		r, d, m, err = s.Store.Load(ctx, id)
	}
	return r, d, m, err
}

// order asks Slack and the policy again, and makes the move that records the intent.
func (s Vend) order(
	ctx context.Context, m snapshot, o access.Order,
) (access.Vending, access.Request, access.Event, error) {
	refused := func(err error) (access.Vending, access.Request, access.Event, error) {
		return access.Vending{}, m.request, access.Event{}, err
	}
	// Checks without a call come first, so that repeated clicks do not use up Slack's
	// rate limit.
	switch {
	case !isRequester(o, m.request):
		return refused(ErrNotRequester)
	case m.request.CheckRepeated(o.ID) != nil:
		return refused(m.request.CheckRepeated(o.ID))
	case !o.Form.Known() || o.Form != access.Shell && o.Kind != access.Keys:
		return refused(access.RefuseUnknownKeysForm())
	case s.checkDevice(o, o.Paired) != nil:
		return refused(s.checkDevice(o, o.Paired))
	case (o.Device != "" || o.Machine != nil) && m.request.State != access.Active: // a program may ask often
		return refused(m.request.StateRefusal())
	}
	met := s.Roster.people(ctx, m.directory, approvers(m.request))
	if o.Machine != nil {
		// The claims of this call's proof count, not those of the request.
		met[o.By] = withStarter(*o.Machine, m.directory)
	} else {
		// Slack is asked at every vend whether the requester is still a member.
		met[o.By] = s.Roster.Ask(ctx, m.directory, o.By)
	}
	q := m.question(met)
	if refusal := q.Who.RefusedToAsk(); refusal != nil {
		return refused(refusal)
	}
	if m.request.State != access.Active {
		return refused(m.request.StateRefusal())
	}
	answer := s.decide(q)
	switch {
	case answer.Refusal != nil:
		return refused(answer.Refusal)
	case !answer.Terms.Met && answer.Uncounted != nil:
		return refused(answer.Uncounted)
	case !answer.Terms.Met:
		return refused(access.RefuseNoLongerApproved())
	}
	next, event, err := m.request.Order(q.Who, o, answer.Terms, m.now)
	if err != nil {
		return refused(err)
	}
	// Nobody approved more than the role could do when it was asked for.
	next.RoleARN = answer.Target.RoleARN()
	target := answer.Target
	target.AssumeRoles = target.AssumeRoles && next.AssumeRoles
	target.MakeIdentities = target.MakeIdentities && next.MakeIdentities
	return access.Vending{
		Target: target, Grant: next.ID, Session: next.SessionName(), Who: q.Who,
		Ends: next.Ends, Until: next.SessionOf(o.ID).Denied,
		ConsoleOnly: !slices.Contains(next.Give, access.Keys), Now: m.now,
	}, next, event, nil
}

// isRequester reports whether an order comes from the requester. That of a machine's
// request must bring the machine's proof: its id alone is no secret.
func isRequester(o access.Order, r access.Request) bool {
	if o.Machine != nil && o.Machine.ID != o.By {
		return false
	}
	return o.By == r.Requester.ID && (o.Machine != nil) == (r.Requester.Machine != nil)
}

// checkDevice refuses an order of a device that is none of the requester's now.
func (s Vend) checkDevice(o access.Order, d access.Device) error {
	switch {
	case o.Device == "":
		return nil
	case d.ID != o.Device || d.Owner != o.By:
		return access.RefuseUnknownDevice()
	}
	return s.CheckDevice(d)
}

// checkAgain reads the device of an order, and checks it.
func (s Vend) checkAgain(ctx context.Context, o access.Order) error {
	switch {
	case o.Device == "":
		return nil
	case s.Devices == nil:
		return access.RefuseUnknownDevice()
	}
	d, err := s.Devices.Device(ctx, o.Device)
	if err != nil {
		return fmt.Errorf("load device %s: %w", o.Device, err)
	}
	return s.checkDevice(o, d)
}

// checkFreeze refuses while everything is frozen.
func (s Vend) checkFreeze(ctx context.Context) error {
	f, err := s.Store.Freeze(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("load the freeze: %w", err)
	case f.On:
		return access.RefuseFrozen(f)
	}
	return nil
}

// CheckDevice refuses a device that cannot be used now, under today's policy. Refusals:
// those of Device.CheckUnder.
func (s Vend) CheckDevice(d access.Device) error {
	limits := s.Policy.Settings().Devices
	return d.CheckUnder(access.DeviceTerms{For: limits.For, Most: limits.Limit}, s.Now())
}

// ErrNotRequester says that the requester did not make the order. Nobody is
// answered.
var ErrNotRequester = errors.New("the order was not made by the requester")

// issued records a session that exists, in whatever state the request is now. It first
// saves the request as the intent left it, and loads it again if somebody has moved it.
// If the session cannot be recorded, the credentials must not be handed out.
func (s Vend) issued(
	ctx context.Context, r access.Request, order string, c access.Credentials,
) (access.Request, error) {
	next, event, err := r.Issue(order, c.Key(), c.WideKey(), s.Now())
	if err != nil {
		return r, err
	}
	failed := s.Store.Save(ctx, next, event, "")
	if failed == nil {
		return next, nil
	}
	moved, err := s.move(ctx, r.ID, func(m snapshot) (access.Request, access.Event, error) {
		for _, known := range m.request.Sessions {
			if known.Order == order && known.AccessKeyID == c.AccessKeyID {
				return m.request, access.Event{}, errNoChange // the first write has succeeded
			}
		}
		return m.request.Issue(order, c.Key(), c.WideKey(), m.now)
	})
	if err != nil && !errors.Is(failed, access.ErrStale) { // a lost race is no failure
		err = errors.Join(failed, err)
	}
	return moved.Request, err
}

// Fail records that an order made no session, or that its session did not reach the
// requester. It succeeds if the order was never recorded.
func (s Vend) Fail(ctx context.Context, id, order, why string) error {
	_, err := s.move(ctx, id, func(m snapshot) (access.Request, access.Event, error) {
		return m.request.Fail(order, why, m.now)
	})
	if access.Code(err) == access.CodeUnknownOrder { // never recorded, or failed before
		return nil
	}
	return err
}
