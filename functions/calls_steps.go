package functions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/slackui"
	"github.com/aws-access/aws-access/pkg/wire"
)

// request submits a request. The same call sent twice makes one.
func (h *Calls) request(ctx context.Context, c caller) (callAnswer, error) {
	p := c.Payload
	var length time.Duration
	var wrong error
	if !p.Automatic {
		length, wrong = policy.ParseLength(p.Length)
	}
	r, err := h.Submit.Do(ctx, lifecycle.Asked{
		By: c.device.Owner, Who: c.machine, Device: c.device.ID, Account: p.Account, Role: p.Role, For: length,
		Reason: p.Reason, Ticket: p.Ticket, Wrong: wrong, Automatic: p.Automatic,
		Once: "call:" + c.ID(),
	})
	earlier := false
	switch access.Code(err) {
	case access.CodeAlreadyAsked, access.CodeAlreadyGranted:
		err, earlier = nil, true // r is the request that there is already
	case access.CodeTooManyAsks:
		h.reportAsks(ctx, c.person())
	}
	if err != nil {
		return callAnswer{}, err
	}
	if r.State == "" { // the call came before
		return h.one(ctx, c, r.ID)
	}
	return h.requested(ctx, r, earlier), nil
}

// reportAsks tells the operators once an hour who was refused with too_many_asks.
func (h *Calls) reportAsks(ctx context.Context, who access.Person) {
	limit := h.Policy.Settings().AsksPerHour
	text := slackui.TooManyRequests(who.ID, who.Name, limit)
	if who.Machine != nil {
		text = slackui.TooManyOfPipeline(who.Name, limit)
	}
	if err := h.Operators.Once(ctx, "flood:"+who.AskerID(), text, reportEvery); err != nil {
		h.Log.ErrorContext(ctx, "the operators cannot be told of a flood", "by", who.AskerID(), "error", err)
	}
}

// one answers with one request of the caller.
func (h *Calls) one(ctx context.Context, c caller, id string) (callAnswer, error) {
	r, _, err := h.Store.Messages(ctx, id)
	switch {
	case errors.Is(err, access.ErrNotFound), err == nil && r.Requester.ID != c.person().ID:
		return callAnswer{}, access.RefuseUnknownRequest() // nobody learns which requests others have
	case err != nil:
		return callAnswer{}, fmt.Errorf("load request %s: %w", id, err)
	}
	return h.grant(ctx, r), nil
}

// status answers with one request, or with those of the caller that are not over. A closed grant whose
// sessions can act is not over.
func (h *Calls) status(ctx context.Context, c caller) (callAnswer, error) {
	if err := h.checkOwner(ctx, c); err != nil {
		return callAnswer{}, err
	}
	if c.Payload.ID != "" {
		return h.one(ctx, c, c.Payload.ID)
	}
	found, _, err := requestsOf(ctx, h.Store, c.person())
	if err != nil {
		return callAnswer{}, err
	}
	now := h.Now()
	found = slices.DeleteFunc(found, func(r access.Request) bool {
		r = r.At(now)
		return r.State.Final() && !grantBody(r, now).CanAct()
	})
	return h.grants(found, false), nil
}

// list answers with the requests of a person, the newest and those that are not over.
func (h *Calls) list(ctx context.Context, c caller) (callAnswer, error) {
	if err := h.checkOwner(ctx, c); err != nil {
		return callAnswer{}, err
	}
	found, more, err := requestsOf(ctx, h.Store, c.person())
	if err != nil {
		return callAnswer{}, err
	}
	return h.grants(found, more), nil
}

// options answers with the accounts and roles that a person may ask for.
func (h *Calls) options(ctx context.Context, c caller) (callAnswer, error) {
	now := h.Now()
	who, d, err := h.cache.lookUp(ctx, h.Store, h.Submit.Roster, c.device.Owner, now)
	if err != nil {
		return callAnswer{}, err
	}
	if err := who.Refused(); err != nil {
		return callAnswer{}, err
	}
	accounts, _ := h.Policy.Accounts(who, d, now, "", maxChoices)
	if doubt := h.Policy.CheckKnown(who, d, now); len(accounts) == 0 && doubt != nil {
		return callAnswer{}, doubt
	}
	body := wire.Choices{Accounts: []wire.AccountChoice{}}
	for _, a := range accounts {
		choice := wire.AccountChoice{ID: a.ID, Name: a.Name, Region: h.Policy.Region(a.ID), Roles: []wire.RoleChoice{}}
		for _, r := range h.Policy.Roles(who, d, now, a.ID) {
			choice.Roles = append(choice.Roles, wire.RoleChoice{
				Name: r.Name, About: r.About, Max: access.FormatLength(r.Max), Ticket: r.Ticket, Asks: r.Asks,
				Console: slices.Contains(r.Give, access.Console), Keys: slices.Contains(r.Give, access.Keys),
			})
		}
		body.Accounts = append(body.Accounts, choice)
	}
	return callAnswer{status: http.StatusOK, body: body}, nil
}

// maxChoices is how many accounts an answer lists. With ten roles each it has 4 MB, and
// Lambda answers with at most 6 MB.
const maxChoices = 2000

// checkOwner refuses to show anything to the device of a person who is known to be no
// member any more. If Slack cannot be read, people may still look at what they asked for.
func (h *Calls) checkOwner(ctx context.Context, c caller) error {
	if c.machine != nil {
		return nil
	}
	who, _, err := h.cache.lookUp(ctx, h.Store, h.Submit.Roster, c.device.Owner, h.Now())
	if err != nil || who.Membership == "" {
		return err
	}
	return who.Refused()
}

// close cancels or ends a request. It does not ask Slack about the owner: everybody may
// give back what they have.
func (h *Calls) close(
	ctx context.Context, c caller, move func(ctx context.Context, id, by string) (lifecycle.Moved, error),
) (callAnswer, error) {
	r, err := move(ctx, c.Payload.ID, c.person().ID)
	if c.machine != nil && access.Code(err) == access.CodeNotYours {
		err = access.RefuseUnknownRequest() // no machine learns who else asks
	}
	if err != nil {
		return callAnswer{}, err
	}
	return h.grant(ctx, r.Request), nil
}

// vend hands out a session of the caller's grant for an account and a role. After an
// answer that could not be made, the order is recorded as failed.
func (h *Calls) vend(ctx context.Context, c caller, kind access.Kind, keys wire.AnswerKeys) (callAnswer, error) {
	id, err := h.current(ctx, c)
	if err != nil {
		return callAnswer{}, err
	}
	out, err := h.Vend.Do(ctx, access.Order{
		ID: c.ID(), Request: id, By: c.person().ID, Kind: kind, At: h.Now(), Device: c.device.ID, Machine: c.machine,
		Paired: c.device,
	})
	var sealed wire.Response
	if err == nil {
		sealed, err = h.seal(ctx, c, out, keys)
	}
	switch {
	case err == nil:
		return callAnswer{sealed: &sealed}, nil
	case out.Ordered:
		return callAnswer{}, access.Join(err, h.Vend.Fail(ctx, id, c.ID(), failureCode(err)))
	case access.Code(err) == access.CodeStillPending:
		return h.grant(ctx, out.Request), nil
	case isOver(access.Code(err)):
		err = noGrant(c)
	}
	return callAnswer{}, err
}

// current returns the id of the caller's grant for the account and role of a call, or of
// the request for it. It may be over; lifecycle.Vend decides.
//
// Refusals: no_grant.
func (h *Calls) current(ctx context.Context, c caller) (string, error) {
	_, asker, err := h.Store.LoadForSubmit(ctx, c.person().AskerID(), "")
	if err != nil {
		return "", fmt.Errorf("load the requests of %s: %w", c.person().ID, err)
	}
	account, role := h.Policy.Named(c.Payload.Account, c.Payload.Role)
	id := asker.Has(c.person(), account.ID, role)
	if account.ID == "" || id == "" {
		return "", noGrant(c)
	}
	return id, nil
}

func noGrant(c caller) error { return access.RefuseNoGrant(c.Payload.Role, c.Payload.Account) }

// isOver reports whether a refusal means that the last request is over in a way after which
// it is asked for again. After a grant that was given back or revoked, the command does not
// ask by itself, so it is told.
func isOver(code string) bool {
	switch code {
	case access.CodeExpired, access.CodeAlreadyDenied, access.CodeCancelled, access.CodeTimedOut:
		return true
	}
	return false
}

// seal seals keys or a link to the call. They are said to end when the session's
// policy begins to deny every action, so that the command line gets others in time.
func (h *Calls) seal(
	ctx context.Context, c caller, out lifecycle.Handout, keys wire.AnswerKeys,
) (wire.Response, error) {
	session, target := out.Credentials, out.Target
	if out.Kind == access.Keys {
		session.Expires = out.Session.UsefulUntil()
		return keys.SealKeys(c.Ref, wire.SessionKeys{
			Account: target.Account, Role: target.Role, Region: target.Region, Credentials: session,
		}, h.Now())
	}
	link, until, err := h.SignIn.Link(ctx, session, target)
	if err != nil {
		return wire.Response{}, err
	}
	console := out.Session
	console.Expires = until
	return keys.SealLink(c.Ref, wire.Link{
		Account: target.Account, Role: target.Role, Address: link, Expires: console.UsefulUntil(),
	}, h.Now())
}

func (h *Calls) grant(ctx context.Context, r access.Request) callAnswer {
	return h.requested(ctx, r, false)
}

// requested answers a call that asks. With earlier, r was there before, and nothing of the call was used.
func (h *Calls) requested(ctx context.Context, r access.Request, earlier bool) callAnswer {
	status := http.StatusOK
	r = r.At(h.Now())
	if r.State == access.Pending {
		status = http.StatusAccepted
	}
	body := grantBody(r, h.Now())
	body.Earlier = earlier
	if r.State == access.Pending {
		h.sayFrozen(ctx, &body)
	}
	return callAnswer{status: status, body: body}
}

// sayFrozen says in the answer about a pending request that everything is frozen, if it is. It
// decides nothing.
func (h *Calls) sayFrozen(ctx context.Context, b *wire.Grant) {
	f, err := h.Store.Freeze(ctx)
	switch {
	case err != nil:
		h.Log.ErrorContext(ctx, "an answer cannot say whether everything is frozen", "request", b.ID, "error", err)
	case f.On:
		b.Frozen = true
		b.Text += " " + slackui.StandsFrozen(f)
	}
}

// grants answers with several requests: those that are not over first, then the newest.
func (h *Calls) grants(found []access.Request, more bool) callAnswer {
	now := h.Now()
	slices.SortStableFunc(found, func(a, b access.Request) int {
		if x, y := a.At(now).State.Final(), b.At(now).State.Final(); x != y {
			if x {
				return 1
			}
			return -1
		}
		return b.Submitted.Compare(a.Submitted)
	})
	body := wire.Grants{Requests: []wire.Grant{}, More: more}
	for _, r := range found {
		body.Requests = append(body.Requests, grantBody(r.At(now), now))
	}
	return callAnswer{status: http.StatusOK, body: body}
}

// grantBody is a request as its requester sees it at now.
func grantBody(r access.Request, now time.Time) wire.Grant {
	b := wire.Grant{
		ID: r.ID, State: string(r.State), Account: r.Account, AccountName: r.AccountName, Role: r.Role,
		Length: access.FormatLength(r.For), Reason: r.Reason, Ticket: r.Ticket, Submitted: r.Submitted.UTC(),
		Starts: timeOrNil(r.Starts), Ends: timeOrNil(r.Ends),
	}
	b.Text, b.Next = slackui.Standing(r, now)
	switch {
	case r.State == access.Pending:
		b.AnswerBy = timeOrNil(r.AnswerBy)
		for _, q := range r.Requirements {
			if q.Approved < q.Required {
				b.Missing = append(b.Missing, wire.Missing{From: q.From, Required: q.Required, Approved: q.Approved})
			}
		}
	case r.State == access.Active:
		for _, kind := range r.Give {
			b.Gives = append(b.Gives, string(kind))
		}
	case r.State.Final() && !r.Closed.At.IsZero():
		b.Closed = &wire.Closed{By: r.Closed.By.Name, At: r.Closed.At.UTC(), Why: r.Closed.Why}
	}
	if r.State.Final() {
		b.Sessions = sessionsBody(r, now)
	}
	return b
}

// sessionsBody is what becomes of the sessions of a grant that is over, nil if none is left.
// It reads the same fields as the card in Slack.
func sessionsBody(r access.Request, now time.Time) *wire.Sessions {
	s := wire.Sessions{ActUntil: timeOrNil(r.CanActUntil(now)), IdentityUntil: timeOrNil(r.LiveUntil(now))}
	switch {
	case r.Cut == access.CutEnding:
		s.State, s.Since = wire.SessionsEnding, timeOrNil(r.CutSince)
	case s.ActUntil == nil && s.IdentityUntil == nil:
		return nil
	case r.Cut == access.CutDone:
		s.State, s.Since = wire.SessionsDenyWritten, timeOrNil(r.CutAt)
	case s.ActUntil != nil:
		s.State = wire.SessionsActing
	default:
		s.State = wire.SessionsDenied
	}
	return &s
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
