package functions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// interaction answers clicks and forms.
func (h *Slack) interaction(ctx context.Context, p payload) (any, error) {
	in, err := slackui.ParseInteraction(p.body)
	if err != nil {
		return nil, errors.Join(errMalformed, err)
	}
	var refused error
	if !h.sentToUs(in) {
		refused = foreign()
	}
	switch in.Type {
	case slackui.BlockActions:
		if refused == nil {
			refused = h.click(ctx, in, p)
		}
		return nil, h.tell(ctx, in, refused)
	case slackui.ViewSubmission:
		if refused != nil {
			return slackui.Replace(slackui.Problem(h.refused(ctx, refused))), nil
		}
		return h.form(ctx, in, p.at), nil
	case slackui.ViewClosed:
		return nil, nil
	}
	return nil, errors.Join(errMalformed, fmt.Errorf("an interaction of type %q", in.Type))
}

// click does what a button or a menu is for.
func (h *Slack) click(ctx context.Context, in slackui.Interaction, p payload) error {
	id := in.Action.Value
	var r lifecycle.Moved
	var err error
	switch in.Action.ID {
	case slackui.ActionApprove:
		r, err = h.Decide.Approve(ctx, id, in.User, 0)
	case slackui.ActionDeny:
		r, err = h.Decide.MayDeny(ctx, id, in.User)
		if err == nil {
			return opened(h.Slack.OpenView(ctx, in.TriggerID, slackui.DenyForm(r.Request)))
		}
	case slackui.ActionCancel:
		r, err = h.Close.Cancel(ctx, id, in.User)
	case slackui.ActionEnd:
		r, err = h.Close.End(ctx, id, in.User)
	case slackui.ActionRevoke:
		r, err = h.Close.Revoke(ctx, id, in.User, "")
	case slackui.ActionConsole:
		r, err = h.order(ctx, in, p, access.Console)
	case slackui.ActionKeys, slackui.ActionPowerShell, slackui.ActionProfile, slackui.ActionJSON:
		r, err = h.order(ctx, in, p, access.Keys)
	case slackui.ActionAccount:
		return h.redraw(ctx, in, "", p.at) // another account: the roles follow
	case slackui.ActionRole:
		return h.redraw(ctx, in, in.Action.Value, p.at)
	default:
		return access.Refuse("unknown_action", "This button is not known any more.", "Use /aws-access to begin again.")
	}
	// Whoever decides or gives back sees the message change that was pressed; a
	// message that gave a session stays as it is.
	if err != nil || in.Action.ID == slackui.ActionApprove || r.State.Over() {
		h.heal(ctx, in, r, p.at)
	}
	return err
}

// order hands a vend to the private function. Whether the grant still holds is
// asked there; here only what needs no secret is refused at once.
func (h *Slack) order(ctx context.Context, in slackui.Interaction, p payload, kind access.Kind) (lifecycle.Moved, error) {
	var r lifecycle.Moved
	var err error
	r.Request, r.Messages, err = h.Store.Messages(ctx, in.Action.Value)
	switch {
	case errors.Is(err, access.ErrNotFound):
		return r, access.Refuse("unknown_request", "There is no such request.", "Look at /aws-access list.")
	case err != nil:
		return r, fmt.Errorf("load request %s: %w", in.Action.Value, err)
	case r.Requester.ID != in.User:
		return r, access.Refuse("not_yours", "Only "+r.Requester.Name+" can use this access.", "Ask for your own with /aws-access.")
	case r.Shut(p.at) != nil:
		return r, r.Shut(p.at)
	}
	return r, h.Orders.Send(ctx, access.Order{
		ID: p.once(in.TriggerID), Request: r.ID, By: in.User, Kind: kind, Form: slackui.FormOf(in.Action.ID), At: p.at,
	})
}

// heal redraws a message whose button was pressed, if nobody knows of that
// message: Slack had posted it, and the answer that named it was lost. All
// others are redrawn from the stream.
func (h *Slack) heal(ctx context.Context, in slackui.Interaction, r lifecycle.Moved, now time.Time) {
	if r.ID == "" || r.State == access.Pending || in.TS == "" {
		return
	}
	for _, m := range r.Messages.Posted {
		if m.TS == in.TS && m.Channel == in.Channel {
			return
		}
	}
	m := slackui.Card(r.Request, h.Policy.Settings().Link(r.Ticket), now)
	if in.Action.Direct() {
		m = slackui.Grant(r.Request, now)
	}
	err := h.Slack.Update(ctx, in.Channel, in.TS, slackapi.Message{Text: m.Text, Blocks: m.Blocks})
	if slackapi.Permanent(err) && in.User == r.Requester.ID {
		// A list that one person sees cannot be redrawn: the person is told below it.
		m = slackui.Grant(r.Request, now)
		err = h.Slack.Respond(ctx, in.ResponseURL, slackapi.Message{Text: m.Text, Blocks: m.Blocks})
	}
	if err != nil {
		h.Log.WarnContext(ctx, "a message could not be redrawn", "request", r.ID, "error", err)
	}
}

// tell answers one person, below the message or in the form that was clicked.
func (h *Slack) tell(ctx context.Context, in slackui.Interaction, refused error) error {
	if refused == nil {
		return nil
	}
	m := h.refused(ctx, refused)
	switch {
	case in.ResponseURL != "":
		return h.Slack.Respond(ctx, in.ResponseURL, slackapi.Message{Text: m.Text, Blocks: m.Blocks})
	case in.View.ID != "":
		return h.Slack.UpdateView(ctx, in.View.ID, in.View.Hash, slackui.Problem(m))
	}
	return nil
}

// redraw draws the form again, with the roles of the chosen account and with
// what the chosen role means.
func (h *Slack) redraw(ctx context.Context, in slackui.Interaction, role string, now time.Time) error {
	who, d, err := h.glance(ctx, in.User, now)
	if err != nil {
		return err
	}
	if refusal := who.Refused(); refusal != nil {
		return refusal
	}
	account, refusal := h.Policy.Find(who, d, now, in.View.Values[slackui.ActionAccount])
	if refusal != nil {
		return refusal
	}
	state := slackui.FormState{
		Account: account, Roles: h.Policy.Roles(who, d, now, account.ID), Role: role, Ticket: h.Policy.Settings().TicketExample,
	}
	return h.Slack.UpdateView(ctx, in.View.ID, in.View.Hash, slackui.Form(state))
}

// form takes a form that was sent; the answer says what becomes of the form.
func (h *Slack) form(ctx context.Context, in slackui.Interaction, now time.Time) any {
	switch in.View.Callback {
	case slackui.CallbackAsk:
		return h.submitted(ctx, in, now)
	case slackui.CallbackDeny:
		_, err := h.Decide.Deny(ctx, in.View.Metadata, in.User, in.View.Values[slackui.ActionReason])
		if err != nil {
			return slackui.Replace(slackui.Problem(h.refused(ctx, err)))
		}
		return nil
	}
	err := access.Refuse("unknown_form", "This form is not known any more.", "Use /aws-access to begin again.")
	return slackui.Replace(slackui.Problem(h.refused(ctx, err)))
}

// submitted asks for what the form says. The same form sent twice asks once;
// one that was refused may be mended and sent again.
func (h *Slack) submitted(ctx context.Context, in slackui.Interaction, now time.Time) any {
	r, err := h.submit(ctx, in)
	var refusal *access.Refusal
	already, there := h.already(ctx, r, err)
	switch {
	case there:
		return slackui.Replace(slackui.Problem(already))
	case err == nil:
		return slackui.Replace(slackui.Sent(r, now))
	case errors.As(err, &refusal):
		h.Log.InfoContext(ctx, "refused", "code", refusal.Code)
		return slackui.Errors(refusal, in.View)
	}
	return slackui.Replace(slackui.Problem(h.refused(ctx, err)))
}

func (h *Slack) submit(ctx context.Context, in slackui.Interaction) (access.Request, error) {
	values := in.View.Values
	length, err := policy.ParseLength(values[slackui.ActionLength])
	if err != nil {
		return access.Request{}, access.Refuse("bad_length", "That is not a length of time.", "Write it like 30m, 4h, 1h30m or 2d.")
	}
	return h.Submit.Do(ctx, lifecycle.Asked{
		By: in.User, Account: values[slackui.ActionAccount], Role: values[slackui.ActionRole], For: length,
		Reason: values[slackui.ActionReason], Ticket: values[slackui.ActionTicket], Once: "view:" + in.View.ID,
	})
}

// options answers a searchable menu. A menu has no place for words: what cannot
// be offered is an empty one.
func (h *Slack) options(ctx context.Context, p payload) (any, error) {
	in, err := slackui.ParseInteraction(p.body)
	if err != nil {
		return nil, errors.Join(errMalformed, err)
	}
	if in.Type != slackui.BlockSuggestion {
		return nil, errMalformed
	}
	found, total, err := h.offer(ctx, in, p.at)
	if err != nil {
		h.Log.ErrorContext(ctx, "a menu cannot be filled", "error", err)
	}
	return slackui.Options(found, total), nil
}

// offer is what this person may ask for.
func (h *Slack) offer(ctx context.Context, in slackui.Interaction, now time.Time) (found []access.Account, total int, err error) {
	if !h.sentToUs(in) || in.Action.ID != slackui.ActionAccount {
		return nil, 0, nil
	}
	who, d, err := h.glance(ctx, in.User, now)
	if err != nil || who.Refused() != nil {
		return nil, 0, err
	}
	found, total = h.Policy.Accounts(who, d, now, in.Typed, slackui.MaxOptions)
	return found, total, nil
}
