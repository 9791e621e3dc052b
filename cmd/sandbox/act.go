package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackapi/slackfake"
)

// command is the one that the app has.
const command = "/aws-access"

// act is what somebody does in Slack: exactly one of command, click, submit,
// type, choose and close.
type act struct {
	As      string  `json:"as"` // user id
	Command *string `json:"command"`

	Click string `json:"click"` // label of a button
	On    string `json:"on"`    // its message: channel/ts
	Nth   int    `json:"nth"`   // if several have the label; from 1

	View   string                     `json:"view"`   // for click, type and choose: id
	Submit string                     `json:"submit"` // id of a view
	Values map[string]json.RawMessage `json:"values"` // by label of the input
	Type   *string                    `json:"type"`
	Choose *string                    `json:"choose"`
	Into   string                     `json:"into"`  // label of the input
	Close  string                     `json:"close"` // id of a view

	Retry int `json:"retry"` // how often it is sent in all, the same body each time
}

// outcome is what came of an act. Status is 0 when nothing was sent.
type outcome struct {
	Status int    `json:"status"`
	MS     int64  `json:"ms"` // real time until the endpoint answered
	Body   string `json:"body"`
	Shown  string `json:"shown"` // the error that Slack shows the person
}

// maxRetry bounds how often one body is sent.
const maxRetry = 100

// act does something for somebody, and returns when nothing more can run at
// the present time. An error is a sentence about what cannot be done.
func (s *stage) act(ctx context.Context, a act) (outcome, error) {
	if err := s.actable(a); err != nil {
		return outcome{}, err
	}
	out, err := s.does(ctx, a)
	if err != nil {
		return out, err
	}
	return out, s.engine.settle(ctx)
}

func (s *stage) actable(a act) error {
	chosen := 0
	for _, is := range []bool{a.Command != nil, a.Click != "", a.Submit != "", a.Type != nil, a.Choose != nil, a.Close != ""} {
		if is {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return errors.New(`an act is exactly one of "command", "click", "submit", "type", "choose" and "close"`)
	case !slices.ContainsFunc(s.slack.Users(), func(u slackfake.User) bool { return u.ID == a.As }):
		return fmt.Errorf(`"as" is %q, and nobody here has that id: /sandbox/people adds people`, a.As)
	case a.Retry < 0 || a.Retry > maxRetry:
		return fmt.Errorf(`"retry" is how often it is sent in all: 1 to %d`, maxRetry)
	}
	return nil
}

func (s *stage) does(ctx context.Context, a act) (outcome, error) {
	switch {
	case a.Command != nil:
		return s.commands(ctx, a)
	case a.Click != "":
		return s.clicks(ctx, a)
	case a.Submit != "":
		return s.submits(ctx, a)
	case a.Type != nil:
		return s.types(ctx, a)
	case a.Choose != nil:
		return s.chooses(ctx, a)
	}
	return s.closes(ctx, a)
}

// commands types a command.
func (s *stage) commands(ctx context.Context, a act) (outcome, error) {
	name, rest := *a.Command, ""
	if i := strings.IndexAny(name, " \t\n"); i >= 0 {
		name, rest = name[:i], strings.TrimSpace(name[i:])
	}
	if name != command {
		return outcome{Shown: name + " is not a valid command. The app has " + command + "."}, nil
	}
	out := s.send(ctx, a, "/slack/commands", []byte(s.slack.CommandPayload(a.As, name, rest).Encode()), func(body []byte) string {
		s.slack.CommandAnswer(a.As, slackfake.Home, body)
		return ""
	})
	if out.Shown != "" {
		out.Shown = name + ` failed with the error "` + out.Shown + `"`
	}
	return out, nil
}

// clicks presses a button of a message or of a view.
func (s *stage) clicks(ctx context.Context, a act) (outcome, error) {
	payload, err := s.clickPayload(a)
	if err != nil {
		return outcome{}, err
	}
	return s.interact(ctx, a, payload), nil
}

func (s *stage) clickPayload(a act) ([]byte, error) {
	if a.View != "" {
		action, found := s.slack.ViewButton(a.View, a.Click, a.Nth)
		if !found {
			return nil, fmt.Errorf("view %q has no button %q", a.View, a.Click)
		}
		var button struct {
			Block  string `json:"block_id"`
			Action string `json:"action_id"`
		}
		if err := json.Unmarshal(action, &button); err != nil {
			return nil, fmt.Errorf("read the button: %w", err)
		}
		return s.slack.ViewActionPayload(a.As, a.View, button.Block, button.Action, nil)
	}
	channel, ts, ok := strings.Cut(a.On, "/")
	if !ok {
		return nil, errors.New(`say what is clicked on: "on" is "<channel>/<ts>" of a message, or "view" the id of a view`)
	}
	action, found := s.slack.Button(channel, ts, a.Click, a.Nth)
	if !found {
		return nil, fmt.Errorf("message %s has, and had, no button %q", a.On, a.Click)
	}
	return s.slack.ActionPayload(a.As, channel, ts, action)
}

// types types into a searchable menu; the body is the options.
func (s *stage) types(ctx context.Context, a act) (outcome, error) {
	f, err := s.field(a.View, a.Into)
	if err != nil {
		return outcome{}, err
	}
	if f.Kind != "external_select" {
		return outcome{}, fmt.Errorf("%q is not a searchable menu", a.Into)
	}
	return s.suggests(ctx, a, a.View, f, *a.Type)
}

func (s *stage) suggests(ctx context.Context, a act, view string, f slackfake.Field, typed string) (outcome, error) {
	if len([]rune(typed)) < f.MinQuery {
		return outcome{Body: `{"options":[]}`}, nil // Slack does not ask yet
	}
	payload, err := s.slack.SuggestPayload(a.As, view, f.BlockID, f.ActionID, typed)
	if err != nil {
		return outcome{}, err
	}
	return s.send(ctx, a, "/slack/options", form(payload), nil), nil
}

// chooses puts a value into an input, which the app may want to hear of.
func (s *stage) chooses(ctx context.Context, a act) (outcome, error) {
	f, err := s.field(a.View, a.Into)
	if err != nil {
		return outcome{}, err
	}
	value, err := s.value(ctx, a, a.View, f, quoted(*a.Choose))
	if err != nil {
		return outcome{}, err
	}
	return s.puts(ctx, a, a.View, f, value)
}

// puts puts a value into an input.
func (s *stage) puts(ctx context.Context, a act, view string, f slackfake.Field, value json.RawMessage) (outcome, error) {
	if !f.Dispatch {
		return outcome{}, s.slack.Pick(view, f.Label, value)
	}
	payload, err := s.slack.ViewActionPayload(a.As, view, f.BlockID, f.ActionID, value)
	if err != nil {
		return outcome{}, err
	}
	return s.interact(ctx, a, payload), nil
}

func (s *stage) field(view, label string) (slackfake.Field, error) {
	if f, ok := s.slack.Field(view, label); ok {
		return f, nil
	}
	var there []string
	for _, f := range s.slack.Fields(view) {
		there = append(there, f.Label)
	}
	return slackfake.Field{}, fmt.Errorf("view %q has no input %q; it has: %s", view, label, strings.Join(there, ", "))
}

// value is what somebody who wants this ends up with in an input: an option of
// the menu if there is one, else the text itself, as a tampered client would
// send it.
func (s *stage) value(ctx context.Context, a act, view string, f slackfake.Field, wanted json.RawMessage) (json.RawMessage, error) {
	if f.Kind != "external_select" || text(wanted) == "" {
		return wanted, nil
	}
	out, err := s.suggests(ctx, once(a), view, f, text(wanted))
	if err != nil {
		return nil, err
	}
	if o, ok := option(optionsIn([]byte(out.Body)), text(wanted)); ok {
		return o, nil
	}
	return madeUp(text(wanted)), nil
}

// once is the act without its retries: what happens on the way is not sent
// again.
func once(a act) act {
	a.Retry = 0
	return a
}

// option finds what somebody means: a text or a value that is the same, else a
// text that goes on after it, else one that begins with it.
func option(options []json.RawMessage, wanted string) (json.RawMessage, bool) {
	for _, fits := range []func(text, value string) bool{
		func(text, value string) bool { return text == wanted || value == wanted },
		func(text, _ string) bool { return strings.HasPrefix(text, wanted+" ") },
		func(text, _ string) bool { return strings.HasPrefix(strings.ToLower(text), strings.ToLower(wanted)) },
	} {
		for _, raw := range options {
			var o struct {
				Text struct {
					Text string `json:"text"`
				} `json:"text"`
				Value string `json:"value"`
			}
			if json.Unmarshal(raw, &o) == nil && fits(o.Text.Text, o.Value) {
				return raw, true
			}
		}
	}
	return nil, false
}

// optionsIn are the options in the answer to typing.
func optionsIn(body []byte) []json.RawMessage {
	var said struct {
		Options []json.RawMessage `json:"options"`
		Groups  []struct {
			Options []json.RawMessage `json:"options"`
		} `json:"option_groups"`
	}
	_ = json.Unmarshal(body, &said) // what is no answer holds no options
	for _, g := range said.Groups {
		said.Options = append(said.Options, g.Options...)
	}
	return said.Options
}

// madeUp is an option that no menu offered.
func madeUp(value string) json.RawMessage {
	return marshal(map[string]any{"text": map[string]any{"type": "plain_text", "text": value}, "value": value})
}

// submits fills a view in, from the first input to the last, and sends it.
func (s *stage) submits(ctx context.Context, a act) (outcome, error) {
	if _, ok := s.slack.View(a.Submit); !ok {
		return outcome{}, fmt.Errorf("there is no view %q", a.Submit)
	}
	forged, failed, err := s.fill(ctx, a)
	if err != nil || failed.Shown != "" {
		return failed, err
	}
	payload, err := s.slack.SubmitPayload(a.As, a.Submit)
	var shown *slackfake.Shown
	switch {
	case errors.As(err, &shown):
		return outcome{Shown: shown.Text}, nil // Slack's own client does not send it
	case err != nil:
		return outcome{}, err
	}
	if payload, err = forge(payload, forged); err != nil {
		return outcome{}, err
	}
	return s.send(ctx, a, "/slack/interactions", form(payload), func(body []byte) string {
		text, err := s.slack.SubmitAnswer(a.Submit, body)
		if err != nil {
			s.log.Warn("Slack would not take the answer to a form", "error", err)
		}
		return text
	}), nil
}

// place is where an input stands in a view.
type place struct{ block, action string }

// fill fills the inputs of a view in, in their order. The form may change
// under the hand: after each the inputs are read again. What menus do not
// offer is returned, to be forged. A failure on the way is the outcome.
func (s *stage) fill(ctx context.Context, a act) (forged map[place]string, failed outcome, err error) {
	forged = make(map[place]string)
	filled := make(map[string]bool)
	for len(filled) < len(a.Values) {
		f, err := s.nextField(a, filled)
		if err != nil {
			return nil, failed, err
		}
		filled[f.Label] = true
		wanted := a.Values[f.Label]
		if f.Kind == "static_select" && text(wanted) != "" {
			var offered bool
			if wanted, offered = offer(f, text(wanted)); !offered {
				forged[place{f.BlockID, f.ActionID}] = text(a.Values[f.Label])
			}
		}
		if wanted, err = s.value(ctx, a, a.Submit, f, wanted); err != nil {
			return nil, failed, err
		}
		if wanted == nil || s.holds(a.Submit, f, wanted) {
			continue
		}
		if failed, err = s.puts(ctx, once(a), a.Submit, f, wanted); err != nil || failed.Shown != "" {
			return nil, failed, err
		}
	}
	return forged, outcome{}, nil
}

// nextField is the first input that is to be filled in and was not yet.
func (s *stage) nextField(a act, filled map[string]bool) (slackfake.Field, error) {
	for _, f := range s.slack.Fields(a.Submit) {
		if _, wanted := a.Values[f.Label]; wanted && !filled[f.Label] {
			return f, nil
		}
	}
	for label := range a.Values {
		if !filled[label] {
			_, err := s.field(a.Submit, label)
			return slackfake.Field{}, err
		}
	}
	return slackfake.Field{}, errors.New("nothing is left to fill in")
}

// offer is the option of a menu that somebody means, or, not offered, the
// first that it has, nil if it has none.
func offer(f slackfake.Field, wanted string) (choice json.RawMessage, offered bool) {
	var options []json.RawMessage
	_ = json.Unmarshal(f.Options, &options) // none in a menu without any
	if o, ok := option(options, wanted); ok {
		return o, true
	}
	if len(options) == 0 {
		return nil, false
	}
	return options[0], false
}

// holds reports whether an input has a value already: nothing changes then,
// and Slack tells nobody.
func (s *stage) holds(view string, f slackfake.Field, value json.RawMessage) bool {
	v, ok := s.slack.View(view)
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
	return held.Value != nil && *held.Value == text(value)
}

// forge puts options into a submission that its menus do not offer.
func forge(payload []byte, forged map[place]string) ([]byte, error) {
	if len(forged) == 0 {
		return payload, nil
	}
	var whole, view, state map[string]json.RawMessage
	var values map[string]map[string]json.RawMessage
	err := json.Unmarshal(payload, &whole)
	for _, step := range []struct {
		from *map[string]json.RawMessage
		name string
		into any
	}{{&whole, "view", &view}, {&view, "state", &state}, {&state, "values", &values}} {
		if err == nil {
			err = json.Unmarshal((*step.from)[step.name], step.into)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the submission: %w", err)
	}
	for at, value := range forged {
		if values[at.block] == nil {
			values[at.block] = make(map[string]json.RawMessage)
		}
		values[at.block][at.action] = marshal(map[string]any{"type": "static_select", "selected_option": madeUp(value)})
	}
	state["values"] = marshal(values)
	view["state"] = marshal(state)
	whole["view"] = marshal(view)
	return marshal(whole), nil
}

// closes closes a view, which the app may want to hear of.
func (s *stage) closes(ctx context.Context, a act) (outcome, error) {
	if _, ok := s.slack.View(a.Close); !ok {
		return outcome{}, fmt.Errorf("there is no view %q", a.Close)
	}
	if !s.slack.CloseView(a.Close) {
		return outcome{}, nil
	}
	payload, err := s.slack.ClosePayload(a.As, a.Close)
	if err != nil {
		return outcome{}, err
	}
	return s.interact(ctx, a, payload), nil
}

// interact sends an interaction whose answer draws nothing.
func (s *stage) interact(ctx context.Context, a act, payload []byte) outcome {
	return s.send(ctx, a, "/slack/interactions", form(payload), nil)
}

// patience is how long Slack waits for an answer (FACTS E1), in real time.
const patience = 3 * time.Second

// send signs a body as Slack does, sends it to the product's endpoint, and
// lets take draw the answer. Sent several times, the last time is told.
func (s *stage) send(ctx context.Context, a act, path string, body []byte, take func(body []byte) (shown string)) outcome {
	var out outcome
	for range max(a.Retry, 1) {
		began := time.Now()
		status, said := s.post(ctx, path, body)
		took := time.Since(began)
		out = outcome{Status: status, MS: took.Milliseconds(), Body: said}
		switch {
		case took >= patience:
			out.Shown = "operation_timeout" // Slack has given up, and takes no answer
		case status != http.StatusOK:
			out.Shown = "dispatch_failed"
		case take != nil:
			out.Shown = take([]byte(said))
		}
	}
	return out
}

// post is one signed request through the product's front door.
func (s *stage) post(ctx context.Context, path string, body []byte) (status int, said string) {
	r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, s.places.public+path, bytes.NewReader(body))
	if err != nil {
		return http.StatusInternalServerError, err.Error()
	}
	stamp, signature := slackapi.Sign(s.signingSecret, s.clock.Now(), body)
	r.Header = http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json,*/*"}, "Accept-Encoding": {"gzip,deflate"},
		"User-Agent": {"Slackbot 1.0 (+https://api.slack.com/robots)"}, slackapi.TimestampHeader: {stamp}, slackapi.SignatureHeader: {signature},
	}
	w := &recorder{header: make(http.Header), status: http.StatusOK}
	s.front().ServeHTTP(w, r)
	return w.status, w.body.String()
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(p []byte) (int, error) { return w.body.Write(p) }

// form is an interaction as a form body.
func form(payload []byte) []byte {
	return []byte(url.Values{"payload": {string(payload)}}.Encode())
}

func quoted(text string) json.RawMessage { return marshal(text) }

// marshal writes JSON as Slack does, with < and & as they are.
func marshal(v any) json.RawMessage {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // what is written here was read from JSON, or is text
	}
	return bytes.TrimSpace(out.Bytes())
}
