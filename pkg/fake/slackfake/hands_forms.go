package slackfake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// types types into a searchable menu; the body is the options.
func (h UI) types(ctx context.Context, a UserAction) (Outcome, error) {
	f, err := h.field(a.View, a.Into)
	if err != nil {
		return Outcome{}, err
	}
	if f.Kind != "external_select" {
		return Outcome{}, fmt.Errorf("%q is not a searchable menu", a.Into)
	}
	return h.suggest(ctx, a, a.View, f, *a.Type)
}

func (h UI) suggest(ctx context.Context, a UserAction, view string, f Field, typed string) (Outcome, error) {
	if len([]rune(typed)) < f.MinQuery {
		return Outcome{Body: `{"options":[]}`}, nil // Slack does not ask yet
	}
	payload, err := h.Slack.SuggestPayload(a.As, view, f.BlockID, f.ActionID, typed)
	if err != nil {
		return Outcome{}, err
	}
	return h.send(ctx, a, "/slack/options", form(payload), nil), nil
}

// choose puts a value into an input, which the app may want to hear of.
func (h UI) choose(ctx context.Context, a UserAction) (Outcome, error) {
	f, err := h.field(a.View, a.Into)
	if err != nil {
		return Outcome{}, err
	}
	value, err := h.value(ctx, a, a.View, f, encode(*a.Choose))
	if err != nil {
		return Outcome{}, err
	}
	return h.put(ctx, a, a.View, f, value)
}

// put puts a value into an input.
func (h UI) put(ctx context.Context, a UserAction, view string, f Field, value json.RawMessage) (Outcome, error) {
	if !f.Dispatch {
		return Outcome{}, h.Slack.SetInput(view, f.Label, value)
	}
	payload, err := h.Slack.ViewActionPayload(a.As, view, f.BlockID, f.ActionID, value)
	if err != nil {
		return Outcome{}, err
	}
	return h.interact(ctx, a, payload), nil
}

func (h UI) field(view, label string) (Field, error) {
	if f, ok := h.Slack.Field(view, label); ok {
		return f, nil
	}
	var there []string
	for _, f := range h.Slack.Fields(view) {
		there = append(there, f.Label)
	}
	return Field{}, fmt.Errorf("view %q has no input %q; it has: %s", view, label, strings.Join(there, ", "))
}

// value is what somebody who wants this ends up with in an input: an option of
// the menu if there is one, else the text itself, as a tampered client would
// send it.
func (h UI) value(ctx context.Context, a UserAction, view string, f Field, wanted json.RawMessage) (json.RawMessage, error) {
	if f.Kind != "external_select" || unquoted(wanted) == "" {
		return wanted, nil
	}
	out, err := h.suggest(ctx, once(a), view, f, unquoted(wanted))
	if err != nil {
		return nil, err
	}
	if o, ok := meant(optionsIn([]byte(out.Body)), unquoted(wanted)); ok {
		return o, nil
	}
	return madeUp(unquoted(wanted)), nil
}

// once is the act without its retries: what happens on the way is not sent
// again.
func once(a UserAction) UserAction {
	a.Retry = 0
	return a
}

// submit fills a view in, from the first input to the last, and sends it.
func (h UI) submit(ctx context.Context, a UserAction) (Outcome, error) {
	if _, ok := h.Slack.View(a.Submit); !ok {
		return Outcome{}, fmt.Errorf("there is no view %q", a.Submit)
	}
	forged, failed, err := h.fill(ctx, a)
	if err != nil || failed.Shown != "" {
		return failed, err
	}
	payload, err := h.Slack.SubmitPayload(a.As, a.Submit)
	var shown *ClientError
	switch {
	case errors.As(err, &shown):
		return Outcome{Shown: shown.Text}, nil // Slack's own client does not send it
	case err != nil:
		return Outcome{}, err
	}
	if payload, err = forge(payload, forged); err != nil {
		return Outcome{}, err
	}
	return h.send(ctx, a, "/slack/interactions", form(payload), func(body []byte) string {
		text, err := h.Slack.ShowSubmitResponse(a.Submit, body)
		if err != nil && h.Log != nil {
			h.Log.Warn("Slack would not take the answer to a form", "error", err)
		}
		return text
	}), nil
}

// place is where an input stands in a view.
type place struct{ block, action string }

// fill fills the inputs of a view in, in their order. The form may change
// under the hand: after each the inputs are read again. What menus do not
// offer is returned, to be forged. A failure on the way is the outcome.
func (h UI) fill(ctx context.Context, a UserAction) (forged map[place]string, failed Outcome, err error) {
	forged = make(map[place]string)
	filled := make(map[string]bool)
	for len(filled) < len(a.Values) {
		f, err := h.nextField(a, filled)
		if err != nil {
			return nil, failed, err
		}
		filled[f.Label] = true
		wanted := a.Values[f.Label]
		if f.Kind == "static_select" && unquoted(wanted) != "" {
			var offered bool
			if wanted, offered = offer(f, unquoted(wanted)); !offered {
				forged[place{f.BlockID, f.ActionID}] = unquoted(a.Values[f.Label])
			}
		}
		if wanted, err = h.value(ctx, a, a.Submit, f, wanted); err != nil {
			return nil, failed, err
		}
		if wanted == nil || h.holds(a.Submit, f, wanted) {
			continue
		}
		if failed, err = h.put(ctx, once(a), a.Submit, f, wanted); err != nil || failed.Shown != "" {
			return nil, failed, err
		}
	}
	return forged, Outcome{}, nil
}

// nextField is the first input that is to be filled in and was not yet.
func (h UI) nextField(a UserAction, filled map[string]bool) (Field, error) {
	for _, f := range h.Slack.Fields(a.Submit) {
		if _, wanted := a.Values[f.Label]; wanted && !filled[f.Label] {
			return f, nil
		}
	}
	for label := range a.Values {
		if !filled[label] {
			_, err := h.field(a.Submit, label)
			return Field{}, err
		}
	}
	return Field{}, errors.New("nothing is left to fill in")
}

// holds reports whether an input has a value already: nothing changes then,
// and Slack tells nobody.
func (h UI) holds(view string, f Field, value json.RawMessage) bool {
	v, ok := h.Slack.View(view)
	if !ok {
		return false
	}
	var held struct {
		Value  *string `json:"value"`
		Chosen *struct {
			Value string `json:"value"`
		} `json:"selected_option"`
	}
	if json.Unmarshal(v.State[f.BlockID][f.ActionID], &held) != nil {
		return false
	}
	var chosen struct {
		Value string `json:"value"`
	}
	if held.Chosen != nil && json.Unmarshal(value, &chosen) == nil {
		return held.Chosen.Value == chosen.Value
	}
	return held.Value != nil && *held.Value == unquoted(value)
}
