package functions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// cause returns the name of the problem that keeps a message from being sent. There
// is one for each channel and code, one for each code of all direct messages
// together, and one for the token.
func cause(o access.Owed) string {
	if o.Class == string(slackapi.Token) {
		return "slack:token"
	}
	return "slack:" + place(o) + ":" + o.Code
}

// place says for the operators where a message goes.
func place(o access.Owed) string {
	if strings.HasPrefix(o.Slot, slotCard) || o.Event != nil && o.Channel != o.Event.Requester {
		return o.Channel
	}
	return slackui.DirectMessages
}

// report tells the operators why Slack does not accept a message. A problem that
// lasts until somebody acts is reported once, and any other once a week. about names what the
// message is about, such as "request 01K…".
func (h *run) report(ctx context.Context, o access.Owed, about string, err error) {
	name, text, lasts := cause(o), "", true
	answer := strings.TrimPrefix(err.Error(), "slack ")
	switch slackapi.Class(o.Class) {
	case slackapi.Operator:
		text = slackui.MessagesRefused(place(o), err)
	case slackapi.Token:
		text = slackui.TokenRefused(err)
	case slackapi.Unknown:
		name, lasts = "slack:unknown:"+cmp.Or(o.Code, answer), false
		text = slackui.UnknownAnswer(err)
	case slackapi.Invalid:
		name, lasts = "slack:ours:"+cmp.Or(o.Code, answer), false
		text = slackui.MessageInvalid(about, place(o), err)
	default:
		return
	}
	failed := h.once(name, func() error {
		if lasts {
			return h.Operators.Report(ctx, name, text)
		}
		return h.Operators.Once(ctx, name, text, repeatAfter)
	})
	if failed != nil {
		h.Log.ErrorContext(ctx, "the operators cannot be told", "cause", name, "error", failed)
	}
}

// once calls do for a cause, unless this run has done so before.
func (h *run) once(cause string, do func() error) error {
	if h.reported[cause] {
		return nil
	}
	h.reported[cause] = true
	return do()
}

// recovered tells the operators that Slack accepts messages again.
func (h *run) recovered(ctx context.Context, o access.Owed) {
	text := slackui.MessagesAccepted(place(o), o.Code)
	switch slackapi.Class(o.Class) {
	case slackapi.Token:
		text = slackui.TokenAccepted()
	case slackapi.Operator:
	default:
		return
	}
	err := h.once("over:"+cause(o), func() error { return h.Operators.Resolved(ctx, cause(o), text) })
	if err != nil {
		h.Log.ErrorContext(ctx, "the operators cannot be told", "cause", cause(o), "error", err)
	}
}

// resolveUnused tells the operators that a cause is over when no message is owed
// because of it: the last one was given up, or is no longer needed. The run must
// have looked at every owed message.
func (h *run) resolveUnused(ctx context.Context) error {
	p, err := h.Operators.Store.Problems(ctx)
	if err != nil {
		return fmt.Errorf("load the operators' problems: %w", err)
	}
	var failed []error
	for name, problem := range p.Current {
		about, ofSlack := strings.CutPrefix(name, "slack:")
		hasEnd, young := problem.Forget.IsZero(), h.Now().Sub(problem.Since) < indexLag
		if !ofSlack || !hasEnd || problem.Over || h.causes[name] || young {
			continue
		}
		text := slackui.NoMessageWaitsForToken()
		if at, code, found := strings.Cut(about, ":"); found {
			text = slackui.NoMessageWaits(at, code)
		}
		failed = append(failed, h.Operators.Resolved(ctx, name, text))
	}
	return errors.Join(failed...)
}
