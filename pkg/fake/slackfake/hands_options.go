package slackfake

import (
	"encoding/json"
	"fmt"
	"strings"
)

// meant finds what somebody means: a text or a value that is the same, else a
// text that goes on after it, else one that begins with it.
func meant(options []json.RawMessage, wanted string) (json.RawMessage, bool) {
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

// offer is the option of a menu that somebody means, or, not offered, the
// first that it has, nil if it has none.
func offer(f Field, wanted string) (choice json.RawMessage, offered bool) {
	var options []json.RawMessage
	_ = json.Unmarshal(f.Options, &options) // none in a menu without any
	if o, ok := meant(options, wanted); ok {
		return o, true
	}
	if len(options) == 0 {
		return nil, false
	}
	return options[0], false
}

// madeUp is an option that no menu offered.
func madeUp(value string) json.RawMessage {
	return encode(object{"text": object{"type": "plain_text", "text": value}, "value": value})
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
		values[at.block][at.action] = encode(object{"type": "static_select", "selected_option": madeUp(value)})
	}
	state["values"] = encode(values)
	view["state"] = encode(state)
	whole["view"] = encode(view)
	return encode(whole), nil
}

// unquoted is the text of a JSON string, "" of anything else.
func unquoted(value json.RawMessage) string {
	var s string
	_ = json.Unmarshal(value, &s) // what is none is ""
	return s
}
