package slackfake

import (
	"encoding/json"
	"fmt"
	"strings"
)

// findOption finds the option that a user means: one with this text or value, or
// else one whose text begins with this word, or else with these characters.
func findOption(options []json.RawMessage, wanted string) (json.RawMessage, bool) {
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

// optionsIn returns the options in the app's response to typing.
func optionsIn(body []byte) []json.RawMessage {
	var answer struct {
		Options []json.RawMessage `json:"options"`
		Groups  []struct {
			Options []json.RawMessage `json:"options"`
		} `json:"option_groups"`
	}
	_ = json.Unmarshal(body, &answer) // an unusable response has no options
	for _, g := range answer.Groups {
		answer.Options = append(answer.Options, g.Options...)
	}
	return answer.Options
}

// pickOption returns the option of a menu that a user means. If the menu does not
// offer it, pickOption returns the first option, or nil if there is none.
func pickOption(f Field, wanted string) (choice json.RawMessage, offered bool) {
	var options []json.RawMessage
	_ = json.Unmarshal(f.Options, &options) // a menu may have no options
	if o, ok := findOption(options, wanted); ok {
		return o, true
	}
	if len(options) == 0 {
		return nil, false
	}
	return options[0], false
}

// forgedOption returns an option that no menu offers.
func forgedOption(value string) json.RawMessage {
	return encode(object{"text": object{"type": "plain_text", "text": value}, "value": value})
}

// forge puts options into a submission that its menus do not offer.
func forge(payload []byte, forged map[inputKey]string) ([]byte, error) {
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
		values[at.block][at.action] = encode(object{"type": "static_select", "selected_option": forgedOption(value)})
	}
	state["values"] = encode(values)
	view["state"] = encode(state)
	whole["view"] = encode(view)
	return encode(whole), nil
}

// stringValue returns the text of a JSON string, or "" for any other value.
func stringValue(value json.RawMessage) string {
	var s string
	_ = json.Unmarshal(value, &s) // leaves "" for other types
	return s
}
