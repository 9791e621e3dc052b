package functions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// interaction answers a click, or a form that was submitted or closed.
func (h *Slack) interaction(ctx context.Context, p payload) (any, error) {
	in, err := slackui.ParseInteraction(p.body)
	if err != nil {
		return nil, errors.Join(errMalformed, err)
	}
	var refused error
	if !h.fromInstallation(in) {
		refused = outsiderRefusal()
	}
	first, fast := h.limitRate(ctx, in.User, p.receivedAt)
	if fast != nil {
		refused = fast
	}
	switch in.Type {
	case slackui.BlockActions:
		if fast != nil && !first {
			return nil, nil // the person was told; each further answer would cost a call
		}
		if refused == nil {
			refused = h.click(ctx, in, p)
		}
		return nil, h.answerClick(ctx, in, refused)
	case slackui.ViewSubmission:
		if refused != nil {
			return slackui.Replace(slackui.ErrorView(h.refused(ctx, refused))), nil
		}
		return h.form(ctx, in, p.receivedAt), nil
	case slackui.ViewClosed:
		return nil, nil
	}
	return nil, errors.Join(errMalformed, fmt.Errorf("an interaction of type %q", in.Type))
}

// form handles a submitted form. The answer says what Slack shows in its place.
func (h *Slack) form(ctx context.Context, in slackui.Interaction, now time.Time) any {
	var view any
	var err error
	switch in.View.Callback {
	case slackui.CallbackAsk:
		return h.submitForm(ctx, in, now)
	case slackui.CallbackApprove:
		_, err = h.Decide.Approve(ctx, in.View.Metadata, in.User, 0)
	case slackui.CallbackRevoke:
		_, err = h.Close.Revoke(ctx, in.View.Metadata, in.User, in.View.Values[slackui.ActionReason])
	case slackui.CallbackDeny:
		_, err = h.Decide.Deny(ctx, in.View.Metadata, in.User, in.View.Values[slackui.ActionReason])
	default:
		view, err = h.respondForm(ctx, in, now)
	}
	if code := access.Code(err); code == access.CodeNoReason || code == access.CodeReasonTooLong {
		h.Log.InfoContext(ctx, "refused", "code", code)
		return slackui.Errors(err, in.View) // below the reason, so that it can be corrected
	}
	if err != nil {
		return slackui.Replace(slackui.ErrorView(h.refused(ctx, err)))
	}
	return view
}

// submitForm makes a request from the form. The same form sent twice makes one
// request. A form that was refused can be corrected and sent again.
func (h *Slack) submitForm(ctx context.Context, in slackui.Interaction, now time.Time) any {
	frozen := h.showsFrozen(ctx, now) // the form that was open has said so too
	defer frozen()                    // nothing runs on after the answer
	r, err := h.submit(ctx, in)
	var refusal *access.Refusal
	already, found := h.alreadyAsked(ctx, r, err, frozen)
	if access.Code(err) == access.CodeTooManyAsks {
		h.reportAsks(ctx, in.User, now)
	}
	switch {
	case found:
		return slackui.Replace(slackui.ErrorView(already))
	case err == nil:
		return slackui.Replace(slackui.SubmittedView(r, ifPending(r, frozen)))
	case errors.As(err, &refusal):
		h.Log.InfoContext(ctx, "refused", "code", refusal.Code)
		return slackui.Errors(err, in.View)
	}
	return slackui.Replace(slackui.ErrorView(h.refused(ctx, err)))
}

func (h *Slack) submit(ctx context.Context, in slackui.Interaction) (access.Request, error) {
	values := in.View.Values
	length, wrong := policy.ParseLength(values[slackui.ActionLength])
	return h.Submit.Do(ctx, lifecycle.Asked{
		By: in.User, Account: values[slackui.ActionAccount], Role: values[slackui.ActionRole], For: length,
		Reason: values[slackui.ActionReason], Ticket: values[slackui.ActionTicket], Once: "view:" + in.View.ID, Wrong: wrong,
	})
}

// options answers a searchable menu. A menu cannot show an error, so the answer is an
// empty menu then.
func (h *Slack) options(ctx context.Context, p payload) (any, error) {
	in, err := slackui.ParseInteraction(p.body)
	if err != nil {
		return nil, errors.Join(errMalformed, err)
	}
	if in.Type != slackui.BlockSuggestion {
		return nil, errMalformed
	}
	found, total, err := h.offer(ctx, in, p.receivedAt)
	if err != nil {
		h.Log.ErrorContext(ctx, "a menu cannot be filled", "error", err)
	}
	return slackui.Options(found, total), nil
}

// offer returns the accounts that this person may ask for, and how many there are.
func (h *Slack) offer(
	ctx context.Context, in slackui.Interaction, now time.Time,
) (found []access.Account, total int, err error) {
	if !h.fromInstallation(in) || in.Action.ID != slackui.ActionAccount {
		return nil, 0, nil
	}
	if _, err := h.limitRate(ctx, in.User, now); err != nil {
		return nil, 0, nil //nolint:nilerr // a menu cannot show an error
	}
	who, d, err := h.lookUp(ctx, in.User, now)
	if err != nil || who.Refused() != nil {
		return nil, 0, err
	}
	found, total = h.Policy.Accounts(who, d, now, in.Typed, slackui.MaxOptions)
	return found, total, nil
}
