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
// Anyone who has the bot token can post a message in our name, with other words above our buttons. So a button that
// gives or takes away somebody else's access counts only on a message that is known to belong to its request. The
// other buttons are the requester's own: they hand out to that person alone, or give back.
func (h *Slack) click(ctx context.Context, in slackui.Interaction, p payload) error {
	switch in.Action.ID {
	case slackui.ActionApprove, slackui.ActionDeny, slackui.ActionRevoke:
		return h.decide(ctx, in)
	case slackui.ActionCancel, slackui.ActionEnd:
		return h.cancelOrEnd(ctx, in, p.receivedAt)
	case slackui.ActionConsole:
		return h.order(ctx, in, p, access.Console)
	case slackui.ActionKeys, slackui.ActionPowerShell, slackui.ActionProfile, slackui.ActionJSON:
		return h.order(ctx, in, p, access.Keys)
	case slackui.ActionAccount:
		return h.redraw(ctx, in, "", p.receivedAt) // another account: the roles follow
	case slackui.ActionRole:
		return h.redraw(ctx, in, in.Action.Value, p.receivedAt)
	}
	return access.RefuseUnknownAction()
}

// decide takes the click of somebody who approves, denies or revokes.
func (h *Slack) decide(ctx context.Context, in slackui.Interaction) error {
	id := in.Action.Value
	var r lifecycle.Moved
	var err error
	switch in.Action.ID {
	case slackui.ActionApprove:
		r, err = h.Decide.On(in.Channel, in.TS).Approve(ctx, id, in.User, 0)
	case slackui.ActionRevoke:
		r, err = h.Close.On(in.Channel, in.TS).Revoke(ctx, id, in.User, "")
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

// confirm answers a click on a message that is not known to belong to the request: it was forged, or it is ours and the
// answer that named it was lost. Somebody who may decide sees what the request really is, in a form that the bot token
// alone cannot open or send: that takes a trigger id and a submission, which Slack signs for our endpoint. Everybody
// else learns nothing about the request.
func (h *Slack) confirm(ctx context.Context, in slackui.Interaction, r access.Request) error {
	may := h.Decide.MayJudge
	if in.Action.ID == slackui.ActionRevoke {
		may = h.Close.MayRevoke
	}
	err := may(ctx, r.ID, in.User)
	outside := access.Code(err) == access.CodeNotApprover || access.Code(err) == access.CodeSelfApproval
	h.Log.WarnContext(ctx, "a button of an unknown message was pressed", "request", r.ID, "channel", in.Channel,
		"code", access.Code(err))
	switch {
	case outside && r.Requester.ID != in.User:
		return access.RefuseUnknownMessage()
	case err != nil:
		return err
	case in.Action.ID == slackui.ActionRevoke && r.State != access.Active,
		in.Action.ID != slackui.ActionRevoke && r.State != access.Pending:
		return r.Standing()
	}
	form := slackui.ConfirmForm(in.Action.ID, r, h.Policy.Settings().Link(r.Ticket))
	return openError(h.Slack.OpenView(ctx, in.TriggerID, form))
}

// cancelOrEnd takes the click of a requester who cancels or gives back. The stream redraws the messages that are known;
// the list, and a message that nobody knows of, are answered here.
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
		m := slackui.DirectMessage(r.Request, now)
		drawn = h.Slack.Respond(ctx, in.ResponseURL, slackapi.Message{Text: m.Text, Blocks: m.Blocks})
	}
	if ignoreGone(drawn) != nil { // the request has moved all the same
		h.Log.WarnContext(ctx, "a click could not be answered", "request", in.Action.Value, "error", drawn)
	}
	return err
}

// redrawList draws the list of /aws-access list again, in its place.
func (h *Slack) redrawList(ctx context.Context, in slackui.Interaction, now time.Time) error {
	m, err := h.list(ctx, in.User, now)
	if err != nil {
		return err
	}
	return h.Slack.Respond(ctx, in.ResponseURL, slackapi.Message{Text: m.Text, Blocks: m.Blocks, Replace: true})
}

// ignoreGone is an error without those that say that a message, a form or a response URL is gone or has changed: the
// person closed it, or another click was faster.
func ignoreGone(err error) error {
	if slackapi.Classify(err) == slackapi.Gone {
		return nil
	}
	return err
}

// order hands a vend to the private function. Whether the grant still holds is
// asked there; here only what needs no secret is refused at once.
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
		ID: p.uniqueKey(in.TriggerID), Request: r.ID, By: in.User, Kind: kind, Form: slackui.KeyForm(in.Action.ID), At: p.receivedAt,
	})
}

// post answers one person, below the message or in the form that was clicked.
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

// maxRedraws is how often a form is drawn for one choice at most.
const maxRedraws = 3

// redraw draws the form again, with the roles of the chosen account and with what the chosen role means.
//
// Two choices in quick succession are handled at once, in any order, and both know the form as it was before. The hash
// shows the second one that the form has changed. It draws all the same, and then looks at the account that the form
// holds by Slack's answer: if it is another one, the form is drawn for that.
func (h *Slack) redraw(ctx context.Context, in slackui.Interaction, role string, now time.Time) error {
	who, d, err := h.lookUp(ctx, in.User, now)
	if err != nil {
		return err
	}
	if err := who.Refused(); err != nil {
		return err
	}
	chosen, hash := in.View.Values[slackui.ActionAccount], in.View.Hash
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
			Ticket: h.Policy.Settings().TicketExample})
		after, err := h.Slack.UpdateView(ctx, in.View.ID, hash, form)
		if slackapi.Code(err) == "hash_conflict" {
			hash = ""
			continue
		}
		if err != nil {
			return ignoreGone(err)
		}
		held := slackui.ChosenAccount(after)
		if held == "" || held == chosen {
			return nil
		}
		chosen, role, hash = held, "", after.Hash
	}
	return nil
}
