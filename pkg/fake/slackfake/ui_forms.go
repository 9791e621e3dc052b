package slackfake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// typeInto types into a searchable menu. The body of the outcome lists the options.
func (u UI) typeInto(ctx context.Context, a UserAction) (Outcome, error) {
	f, err := u.field(a.View, a.Into)
	if err != nil {
		return Outcome{}, err
	}
	if f.Kind != "external_select" {
		return Outcome{}, fmt.Errorf("%q is not a searchable menu", a.Into)
	}
	return u.suggest(ctx, a, a.View, f, *a.Type)
}

func (u UI) suggest(ctx context.Context, a UserAction, view string, f Field, typed string) (Outcome, error) {
	if len([]rune(typed)) < f.MinQuery {
		return Outcome{Body: `{"options":[]}`}, nil // Slack asks the app only after more characters
	}
	payload, err := u.Slack.SuggestPayload(a.As, view, f.BlockID, f.ActionID, typed)
	if err != nil {
		return Outcome{}, err
	}
	return u.send(ctx, a, "/slack/options", form(payload), nil), nil
}

// choose sets the value of an input and tells the app if the input asks for that.
func (u UI) choose(ctx context.Context, a UserAction) (Outcome, error) {
	f, err := u.field(a.View, a.Into)
	if err != nil {
		return Outcome{}, err
	}
	value, err := u.resolveValue(ctx, a, a.View, f, encode(*a.Choose))
	if err != nil {
		return Outcome{}, err
	}
	return u.setField(ctx, a, a.View, f, value)
}

// setField sets the value of an input.
func (u UI) setField(ctx context.Context, a UserAction, view string, f Field, value json.RawMessage) (Outcome, error) {
	if !f.Dispatch {
		return Outcome{}, u.Slack.SetInput(view, f.Label, value)
	}
	payload, err := u.Slack.ViewActionPayload(a.As, view, f.BlockID, f.ActionID, value)
	if err != nil {
		return Outcome{}, err
	}
	return u.interact(ctx, a, payload), nil
}

func (u UI) field(view, label string) (Field, error) {
	if f, ok := u.Slack.Field(view, label); ok {
		return f, nil
	}
	var there []string
	for _, f := range u.Slack.Fields(view) {
		there = append(there, f.Label)
	}
	return Field{}, fmt.Errorf("view %q has no input %q; it has: %s", view, label, strings.Join(there, ", "))
}

// resolveValue returns the value that an input gets when a user wants this: an
// option of the menu if one fits, or else an option made of the text itself, as a
// tampered client would send it.
func (u UI) resolveValue(
	ctx context.Context, a UserAction, view string, f Field, wanted json.RawMessage,
) (json.RawMessage, error) {
	if f.Kind != "external_select" || stringValue(wanted) == "" {
		return wanted, nil
	}
	out, err := u.suggest(ctx, withoutRetry(a), view, f, stringValue(wanted))
	if err != nil {
		return nil, err
	}
	if o, ok := findOption(optionsIn([]byte(out.Body)), stringValue(wanted)); ok {
		return o, nil
	}
	return forgedOption(stringValue(wanted)), nil
}

// withoutRetry returns the action without retries: the requests made while a form
// is filled in are sent once.
func withoutRetry(a UserAction) UserAction {
	a.Retry = 0
	return a
}

// submit fills in a view from the first input to the last, and submits it.
func (u UI) submit(ctx context.Context, a UserAction) (Outcome, error) {
	if _, ok := u.Slack.View(a.Submit); !ok {
		return Outcome{}, fmt.Errorf("there is no view %q", a.Submit)
	}
	forged, failed, err := u.fill(ctx, a)
	if err != nil || failed.Shown != "" {
		return failed, err
	}
	payload, err := u.Slack.SubmitPayload(a.As, a.Submit)
	var shown *ClientError
	switch {
	case errors.As(err, &shown):
		return Outcome{Shown: shown.Text}, nil // Slack's client shows this and sends nothing
	case err != nil:
		return Outcome{}, err
	}
	if payload, err = forge(payload, forged); err != nil {
		return Outcome{}, err
	}
	return u.send(ctx, a, "/slack/interactions", form(payload), func(body []byte) string {
		text, err := u.Slack.ShowSubmitResponse(a.Submit, body)
		if err != nil && u.Log != nil {
			u.Log.Warn("Slack cannot use the response to a form", "error", err)
		}
		return text
	}), nil
}

// inputKey identifies an input of a view.
type inputKey struct{ block, action string }

// fill sets the inputs of a view in their order. A choice may change the form, so
// the inputs are read again after each one. Values that a menu does not offer are
// returned in forged. If the app fails meanwhile, failed is the outcome.
func (u UI) fill(ctx context.Context, a UserAction) (forged map[inputKey]string, failed Outcome, err error) {
	forged = make(map[inputKey]string)
	filled := make(map[string]bool)
	for len(filled) < len(a.Values) {
		f, err := u.nextField(a, filled)
		if err != nil {
			return nil, failed, err
		}
		filled[f.Label] = true
		wanted := a.Values[f.Label]
		if f.Kind == "static_select" && stringValue(wanted) != "" {
			var offered bool
			if wanted, offered = pickOption(f, stringValue(wanted)); !offered {
				forged[inputKey{f.BlockID, f.ActionID}] = stringValue(a.Values[f.Label])
			}
		}
		if wanted, err = u.resolveValue(ctx, a, a.Submit, f, wanted); err != nil {
			return nil, failed, err
		}
		if wanted == nil || u.hasValue(a.Submit, f, wanted) {
			continue
		}
		if failed, err = u.setField(ctx, withoutRetry(a), a.Submit, f, wanted); err != nil || failed.Shown != "" {
			return nil, failed, err
		}
	}
	return forged, Outcome{}, nil
}

// nextField returns the first input that has a wanted value and is not filled yet.
func (u UI) nextField(a UserAction, filled map[string]bool) (Field, error) {
	for _, f := range u.Slack.Fields(a.Submit) {
		if _, wanted := a.Values[f.Label]; wanted && !filled[f.Label] {
			return f, nil
		}
	}
	for label := range a.Values {
		if !filled[label] {
			_, err := u.field(a.Submit, label)
			return Field{}, err
		}
	}
	return Field{}, errors.New("nothing is left to fill in")
}

// hasValue reports whether an input already has a value. Slack then changes
// nothing and tells nobody.
func (u UI) hasValue(view string, f Field, value json.RawMessage) bool {
	v, ok := u.Slack.View(view)
	if !ok {
		return false
	}
	var present struct {
		Value  *string `json:"value"`
		Chosen *struct {
			Value string `json:"value"`
		} `json:"selected_option"`
	}
	if json.Unmarshal(v.State[f.BlockID][f.ActionID], &present) != nil {
		return false
	}
	var chosen struct {
		Value string `json:"value"`
	}
	if present.Chosen != nil && json.Unmarshal(value, &chosen) == nil {
		return present.Chosen.Value == chosen.Value
	}
	return present.Value != nil && *present.Value == stringValue(value)
}
