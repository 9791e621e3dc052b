package functions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// Limits of what /aws-access revoke reads, so that it answers within three seconds.
const (
	maxRevocable = 2000
	maxFailing   = 20
	maxEnding    = 200
)

// revocable answers /aws-access revoke: the grants that a person may revoke. It decides nothing:
// each click is checked again by lifecycle.Close and lifecycle.Respond.
func (h *Slack) revocable(ctx context.Context, user string, page int, now time.Time) (slackui.Message, error) {
	who, d, err := h.lookUp(ctx, user, now)
	if err != nil {
		return slackui.Message{}, err
	}
	if refusal := who.Refused(); refusal != nil {
		return slackui.Message{}, refusal
	}
	s := slackui.Revocable{Responder: h.Policy.CheckResponder(who, d, now) == nil, Responders: h.Policy.HasResponders()}
	if s.Grants, s.More, err = h.activeGrants(ctx, now); err != nil {
		return slackui.Message{}, err
	}
	if s.Ending, err = h.endingGrants(ctx, now); err != nil {
		return slackui.Message{}, err
	}
	mayNot := func(r access.Request) bool { return h.Policy.CheckRevoker(questionOf(r, d, now), who) != nil }
	s.Grants, s.Ending = slices.DeleteFunc(s.Grants, mayNot), slices.DeleteFunc(s.Ending, mayNot)
	if s.Responder {
		if s.Freeze, err = h.Store.Freeze(ctx); err != nil {
			return slackui.Message{}, fmt.Errorf("load the freeze: %w", err)
		}
		if s.Failing, err = h.failingCuts(ctx, now); err != nil {
			return slackui.Message{}, err
		}
	}
	return slackui.RevokeList(s, page, now), nil
}

// activeGrants returns the grants that can be used, the newest first. more says that there may be
// others.
func (h *Slack) activeGrants(ctx context.Context, now time.Time) (found []access.Request, more bool, err error) {
	found, err = h.Store.InState(ctx, access.Active, maxRevocable)
	if err != nil {
		return nil, false, fmt.Errorf("list the active grants: %w", err)
	}
	more = len(found) == maxRevocable
	found = slices.DeleteFunc(found, func(r access.Request) bool { return !r.Usable(now) })
	slices.SortStableFunc(found, func(a, b access.Request) int { return b.Starts.Compare(a.Starts) })
	return found, more, nil
}

// endingGrants returns closed grants whose sessions are still ending, the longest waiting first.
func (h *Slack) endingGrants(ctx context.Context, now time.Time) ([]access.Request, error) {
	ids, err := h.Store.Ending(ctx, now.Add(time.Minute), maxEnding) // clocks differ
	if err != nil {
		return nil, fmt.Errorf("list the grants that are ending: %w", err)
	}
	ending, err := h.Store.Requests(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load the grants that are ending: %w", err)
	}
	return slices.DeleteFunc(ending, func(r access.Request) bool { return r.Cut != access.CutEnding }), nil
}

// questionOf is the question about a grant with everybody as they are stored with it. It is good
// enough for a list.
func questionOf(r access.Request, d access.Directory, now time.Time) policy.Question {
	q := policy.Question{Who: r.Requester, Account: r.Account, Role: r.Role, Reason: r.Reason, Ticket: r.Ticket,
		Directory: d, At: now}
	for _, a := range r.Approvals {
		q.Approvals = append(q.Approvals, a.By)
	}
	return q
}

// failingCuts returns the roles whose sessions cannot be ended.
func (h *Slack) failingCuts(ctx context.Context, now time.Time) (failing []access.CutList, err error) {
	keys, err := h.Store.DueCuts(ctx, now.Add(access.MaxCutRetry), maxFailing)
	if err != nil {
		return nil, fmt.Errorf("list the cuts: %w", err)
	}
	for _, k := range keys {
		l, err := h.Store.CutList(ctx, k)
		if err != nil {
			return nil, fmt.Errorf("load the cut list of %s: %w", k, err)
		}
		if l.Tries > 0 {
			failing = append(failing, l)
		}
	}
	return failing, nil
}

// turnPage replaces the answer to /aws-access revoke by another page of it.
func (h *Slack) turnPage(ctx context.Context, in slackui.Interaction, now time.Time) error {
	page, err := strconv.Atoi(in.Action.Value)
	if err != nil || !in.IsFromRevokeList() {
		return access.RefuseUnknownAction()
	}
	m, err := h.revocable(ctx, in.User, page, now)
	if err != nil {
		return err
	}
	return h.Slack.Respond(ctx, in.ResponseURL, slackapi.Message{Text: m.Text, Blocks: m.Blocks, Replace: true})
}

// respond opens the form of a responder. Nothing is done before that form is sent, so a forged
// message with one of these buttons does nothing either.
func (h *Slack) respond(ctx context.Context, in slackui.Interaction, now time.Time) error {
	if _, err := h.Respond.Responder(ctx, in.User); err != nil {
		return err
	}
	form := slackui.RevokePersonForm()
	switch in.Action.ID {
	case slackui.ActionRevokeAccount:
		grants, _, err := h.activeGrants(ctx, now)
		if err != nil {
			return err
		}
		form = slackui.RevokeAccountForm(grants)
	case slackui.ActionRevokeAll:
		grants, more, err := h.activeGrants(ctx, now)
		if err != nil {
			return err
		}
		form = slackui.ConfirmRevocation(access.Scope{Kind: access.OfAll}, grants, more, now)
	case slackui.ActionFreeze:
		form = slackui.FreezeForm()
	case slackui.ActionThaw:
		f, err := h.Store.Freeze(ctx)
		if err != nil {
			return fmt.Errorf("load the freeze: %w", err)
		}
		form = slackui.ThawForm(f)
	}
	return openError(h.Slack.OpenView(ctx, in.TriggerID, form))
}

// lift handles a click on Allow asking again. Anyone who has the bot token can post a message
// with this button, so it counts only on a message that is recorded with its request.
func (h *Slack) lift(ctx context.Context, in slackui.Interaction) error {
	_, err := h.Close.On(in.Channel, in.TS).Lift(ctx, in.Action.Value, in.User)
	if errors.Is(err, lifecycle.ErrUnknownMessage) {
		return access.RefuseUnknownMessage()
	}
	return err
}

// respondForm handles a form of a responder. view takes its place.
func (h *Slack) respondForm(ctx context.Context, in slackui.Interaction, now time.Time) (view any, err error) {
	switch in.View.Callback {
	case slackui.CallbackRevokePerson:
		return h.confirmMany(ctx, in, access.Scope{Kind: access.OfPerson, ID: in.View.Values[slackui.ActionPerson]}, now)
	case slackui.CallbackRevokeAccount:
		return h.confirmMany(ctx, in, access.Scope{Kind: access.InAccount, ID: in.View.Values[slackui.ActionRevokeIn]}, now)
	case slackui.CallbackRevokeMany:
		return h.revokeMany(ctx, in, now)
	case slackui.CallbackFreeze:
		f, changed, err := h.Respond.Freeze(ctx, in.User, in.View.Values[slackui.ActionReason])
		h.noteFreeze(ctx, in.User, f, changed)
		return slackui.Replace(slackui.FreezeView(f, changed)), err
	case slackui.CallbackThaw:
		f, changed, err := h.Respond.Thaw(ctx, in.User, in.View.Metadata)
		h.noteFreeze(ctx, in.User, f, changed)
		return slackui.Replace(slackui.ThawView(f, changed)), err
	}
	return nil, access.RefuseUnknownForm()
}

// confirmMany shows how much a revocation would end, and asks why.
func (h *Slack) confirmMany(
	ctx context.Context, in slackui.Interaction, of access.Scope, now time.Time,
) (any, error) {
	if of.Check() != nil {
		return nil, access.RefuseUnknownForm()
	}
	if _, err := h.Respond.Responder(ctx, in.User); err != nil {
		return nil, err
	}
	grants, more, err := h.activeGrants(ctx, now)
	if err != nil {
		return nil, err
	}
	grants = slices.DeleteFunc(grants, func(r access.Request) bool { return !of.Covers(r) })
	return slackui.Replace(slackui.ConfirmRevocation(of, grants, more, now)), nil
}

// revokeMany sends the order to vend, which asks Slack and the policy again who the person is.
func (h *Slack) revokeMany(ctx context.Context, in slackui.Interaction, now time.Time) (any, error) {
	of, err := access.ScopeOf(in.View.Metadata)
	if err != nil {
		return nil, access.RefuseUnknownForm()
	}
	o := access.Revocation{ID: in.View.ID, By: in.User, Of: of, Why: in.View.Values[slackui.ActionReason], At: now}
	if err := access.CheckWhy(o.Why); err != nil {
		return nil, err
	}
	if _, err := h.Respond.Responder(ctx, in.User); err != nil {
		return nil, err
	}
	if err := h.Orders.SendRevocation(ctx, o); err != nil {
		return nil, err
	}
	h.Log.WarnContext(ctx, "several grants are to be revoked", "of", of.String(), "by", in.User)
	return slackui.Replace(slackui.RevocationSent()), nil
}

// noteFreeze logs a change of the freeze, and tells the operators of it.
func (h *Slack) noteFreeze(ctx context.Context, by string, f access.Freeze, changed bool) {
	if !changed {
		return
	}
	h.Log.WarnContext(ctx, "the freeze was changed", "on", f.On, "by", by, "version", f.Version, "agreed", len(f.Thaw))
	if err := h.Operators.ReportFreeze(ctx, f); err != nil { // the tick tells them
		h.Log.ErrorContext(ctx, "the operators cannot be told of the freeze", "error", err)
	}
}
