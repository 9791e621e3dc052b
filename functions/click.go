package functions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// click does what a button or a menu is for.
//
// Anyone who has the bot token can post a message as the app, with other words above
// the same buttons. So a button that decides about another person's access counts only
// on a message that is recorded with its request. The other buttons are the
// requester's own: they give a session to the requester alone, or end the access.
func (h *Slack) click(ctx context.Context, in slackui.Interaction, p payload) error {
	switch in.Action.ID {
	case slackui.ActionApprove, slackui.ActionDeny:
		return h.decide(ctx, in)
	case slackui.ActionRevoke:
		return h.askWhy(ctx, in, p.receivedAt)
	case slackui.ActionLift:
		return h.lift(ctx, in)
	case slackui.ActionRevokePage:
		return h.turnPage(ctx, in, p.receivedAt)
	case slackui.ActionRevokePerson, slackui.ActionRevokeAccount, slackui.ActionRevokeAll, slackui.ActionFreeze,
		slackui.ActionThaw:
		return h.respond(ctx, in, p.receivedAt)
	case slackui.ActionCancel, slackui.ActionEnd:
		return h.cancelOrEnd(ctx, in, p.receivedAt)
	case slackui.ActionConsole:
		return h.order(ctx, in, p, access.Console)
	case slackui.ActionKeys, slackui.ActionPowerShell, slackui.ActionProfile, slackui.ActionJSON:
		return h.order(ctx, in, p, access.Keys)
	case slackui.ActionRemoveDevice:
		return h.removeDevice(ctx, in, p)
	case slackui.ActionAccount:
		return h.redraw(ctx, in, "", p.receivedAt) // another account has other roles
	case slackui.ActionRole:
		return h.redraw(ctx, in, in.Action.Value, p.receivedAt)
	}
	return access.RefuseUnknownAction()
}

// decide handles a click on Approve or Deny.
func (h *Slack) decide(ctx context.Context, in slackui.Interaction) error {
	id := in.Action.Value
	var r lifecycle.Moved
	var err error
	switch in.Action.ID {
	case slackui.ActionApprove:
		r, err = h.Decide.On(in.Channel, in.TS).Approve(ctx, id, in.User, 0)
	default:
		if r, err = h.Decide.On(in.Channel, in.TS).MayDeny(ctx, id, in.User); err == nil {
			err = openError(h.Slack.OpenView(ctx, in.TriggerID, slackui.DenyForm(r.Request)))
		}
	}
	if errors.Is(err, lifecycle.ErrUnknownMessage) {
		return h.confirm(ctx, in, r.Request)
	}
	return err
}

// confirm answers a click on a message that is not recorded with the request: it was
// forged, or it is the app's and Slack's answer with its time stamp was lost. A person
// who may decide sees the true request in a form. The bot token alone can neither open
// nor submit that form: this takes a trigger id and a submission, and Slack signs both
// for this endpoint. Everybody else learns nothing about the request.
func (h *Slack) confirm(ctx context.Context, in slackui.Interaction, r access.Request) error {
	err := h.Decide.MayJudge(ctx, r.ID, in.User)
	mayNot := access.Code(err) == access.CodeNotApprover || access.Code(err) == access.CodeSelfApproval
	h.Log.WarnContext(ctx, "a button of an unknown message was pressed", "request", r.ID, "channel", in.Channel,
		"code", access.Code(err))
	switch {
	case mayNot && r.Requester.ID != in.User:
		return access.RefuseUnknownMessage()
	case err != nil:
		return err
	case r.State != access.Pending:
		return r.StateRefusal()
	}
	form := slackui.ConfirmForm(in.Action.ID, r, h.Policy.Settings().Link(r.Ticket))
	return openError(h.Slack.OpenView(ctx, in.TriggerID, form))
}

// askWhy handles a click on Revoke: a form shows the true grant and how many live sessions it
// has, and asks for the reason. So a forged message revokes nothing by itself. A person who may
// not revoke the grant learns nothing about it from a message that is not recorded with it.
func (h *Slack) askWhy(ctx context.Context, in slackui.Interaction, now time.Time) error {
	r, err := h.Close.MayRevoke(ctx, in.Action.Value, in.User)
	known := r.Messages.Holds(in.Channel, in.TS)
	if !known && !in.IsFromRevokeList() && r.ID != "" {
		h.Log.WarnContext(ctx, "a button of an unknown message was pressed", "request", r.ID, "channel", in.Channel,
			"code", access.Code(err))
	}
	switch {
	case !known && access.Code(err) == access.CodeNotApprover && r.Requester.ID != in.User:
		return access.RefuseUnknownMessage()
	case r.State.Final(): // also for people whom the policy has forgotten since
		return access.ToOthers(r.StateRefusal())
	case err != nil:
		return err
	case r.CheckUsable(now) != nil:
		return access.ToOthers(r.CheckUsable(now))
	}
	form := slackui.RevokeForm(r.Request, h.Policy.Settings().Link(r.Ticket), known || in.IsFromRevokeList(), now)
	return openError(h.Slack.OpenView(ctx, in.TriggerID, form))
}

// cancelOrEnd handles the click of a requester on Cancel or on I'm done. Notify updates
// the messages that are recorded with the request. The list, and a message that is not
// recorded, are updated here.
func (h *Slack) cancelOrEnd(ctx context.Context, in slackui.Interaction, now time.Time) error {
	move := h.Close.Cancel
	if in.Action.ID == slackui.ActionEnd {
		move = h.Close.End
	}
	r, err := move(ctx, in.Action.Value, in.User)
	var drawn error
	switch {
	case in.IsFromList():
		drawn = h.redrawList(ctx, in, now)
	case err == nil && r.Requester.ID == in.User && !r.Messages.Holds(in.Channel, in.TS):
		m := slackui.RequesterMessage(r.Request, now)
		drawn = h.Slack.Respond(ctx, in.ResponseURL, slackapi.Message{Text: m.Text, Blocks: m.Blocks})
	}
	if ignoreGone(drawn) != nil { // the request has moved nevertheless
		h.Log.WarnContext(ctx, "a click could not be answered", "request", in.Action.Value, "error", drawn)
	}
	return err
}

// redrawList replaces the answer to /aws-access list.
func (h *Slack) redrawList(ctx context.Context, in slackui.Interaction, now time.Time) error {
	m, err := h.list(ctx, in.User, now)
	if err != nil {
		return err
	}
	return h.Slack.Respond(ctx, in.ResponseURL, slackapi.Message{Text: m.Text, Blocks: m.Blocks, Replace: true})
}

// ignoreGone returns an error, but nil for one that says that a message, a form or a
// response URL no longer exists or has changed: the person has closed it, or another
// click was faster.
func ignoreGone(err error) error {
	if slackapi.Classify(err) == slackapi.Gone {
		return nil
	}
	return err
}

// order sends an order to vend, which decides. What needs no secret is refused here
// already, so that the person reads it at once: whether the person is the requester,
// and whether the grant is usable. pkg/lifecycle/vend.go checks both again.
func (h *Slack) order(ctx context.Context, in slackui.Interaction, p payload, kind access.Kind) error {
	r, _, err := h.Store.Messages(ctx, in.Action.Value)
	switch {
	case errors.Is(err, access.ErrNotFound):
		return access.RefuseUnknownRequest()
	case err != nil:
		return fmt.Errorf("load request %s: %w", in.Action.Value, err)
	case r.Requester.ID != in.User:
		return access.RefuseNotYours(r.Requester.Name)
	case r.CheckUsable(p.receivedAt) != nil:
		return r.CheckUsable(p.receivedAt)
	}
	return h.Orders.Send(ctx, access.Order{
		ID: p.uniqueKey(in.TriggerID), Request: r.ID, By: in.User, Kind: kind, Form: slackui.KeyForm(in.Action.ID),
		At: p.receivedAt,
	})
}

// answerClick tells the person why a click was refused, below the message or in the
// form that was clicked.
func (h *Slack) answerClick(ctx context.Context, in slackui.Interaction, refused error) error {
	if refused == nil {
		return nil
	}
	m := h.refused(ctx, refused)
	switch {
	case in.ResponseURL != "":
		return ignoreGone(h.Slack.Respond(ctx, in.ResponseURL, slackapi.Message{Text: m.Text, Blocks: m.Blocks}))
	case in.View.ID != "":
		_, err := h.Slack.UpdateView(ctx, in.View.ID, in.View.Hash, slackui.ErrorView(m))
		return ignoreGone(err)
	}
	return nil
}

// maxRedraws is how often a form is drawn for one choice.
const maxRedraws = 3

// redraw draws the form again, with the roles of the chosen account and with the
// description of the chosen role.
//
// Two choices in quick succession are handled at the same time and in any order, and
// both start from the form as it was before. The hash tells the second one that the
// form has changed. It draws the form nevertheless, and then reads in Slack's answer
// which account is chosen. If it is another one, it draws the form for that account.
func (h *Slack) redraw(ctx context.Context, in slackui.Interaction, role string, now time.Time) error {
	who, d, err := h.lookUp(ctx, in.User, now)
	if err != nil {
		return err
	}
	// This only hides the menus. pkg/policy/decide.go asks Refused again when the
	// form is submitted, and decides.
	if err := who.Refused(); err != nil {
		return err
	}
	chosen, hash := in.View.Values[slackui.ActionAccount], in.View.Hash
	frozen := h.showsFrozen(ctx, now)()
	for range maxRedraws {
		account, err := h.Policy.Find(who, d, now, chosen)
		if err != nil {
			return err
		}
		roles := h.Policy.Roles(who, d, now, account.ID)
		if doubt := h.Policy.CheckKnown(who, d, now); len(roles) == 0 && doubt != nil {
			return doubt
		}
		form := slackui.Form(slackui.FormState{Account: account, Roles: roles, Role: role,
			Ticket: h.Policy.Settings().TicketExample, Frozen: frozen})
		after, err := h.Slack.UpdateView(ctx, in.View.ID, hash, form)
		if slackapi.Code(err) == "hash_conflict" {
			hash = ""
			continue
		}
		if err != nil {
			return ignoreGone(err)
		}
		shown := slackui.ChosenAccount(after)
		if shown == "" || shown == chosen {
			return nil
		}
		chosen, role, hash = shown, "", after.Hash
	}
	return nil
}
