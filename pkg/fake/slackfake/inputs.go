package slackfake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// field is an input of a view together with its element.
type field struct {
	Field
	element object
	input   bool // it belongs to an input block: it is submitted, may be required, and may show an error
}

// fields returns the inputs and menus of a view, in order.
func fields(parts object) []field {
	blocks, _ := parts["blocks"].([]any)
	var found []field
	for _, v := range blocks {
		b, _ := v.(object)
		switch b["type"] {
		case "input":
			f := newField(b, b["element"], label(b["label"]))
			f.input, f.Optional, f.Dispatch = true, b["optional"] == true, b["dispatch_action"] == true
			found = append(found, f)
		case "section":
			found = append(found, newField(b, b["accessory"], label(b["text"])))
		case "actions":
			elements, _ := b["elements"].([]any)
			for _, e := range elements {
				found = append(found, newField(b, e, ""))
			}
		}
	}
	return slices.DeleteFunc(found, func(f field) bool { return emptyValue(f.element) == nil })
}

func newField(block object, v any, name string) field {
	e, _ := v.(object)
	f := field{element: e}
	if name == "" {
		name = label(e["placeholder"])
	}
	f.Label, f.Kind, f.BlockID, f.ActionID = name, textOf(e, "type"), textOf(block, "block_id"), textOf(e, "action_id")
	f.Dispatch, f.Optional = true, true
	if f.Kind == "external_select" {
		f.MinQuery = 3 // Slack's default
		if n, ok := e["min_query_length"].(json.Number); ok {
			minimum, _ := n.Int64()
			f.MinQuery = int(minimum)
		}
	}
	if options := optionsOf(e); len(options) > 0 {
		f.Options = encode(options)
	}
	return f
}

// emptyValue returns the value of an element without input, or nil for elements
// that hold no value.
func emptyValue(e object) object {
	kind := textOf(e, "type")
	switch kind {
	case "plain_text_input":
		return object{"type": kind, "value": nil}
	case "static_select", "external_select", "radio_buttons":
		return object{"type": kind, "selected_option": nil}
	case "users_select":
		return object{"type": kind, "selected_user": nil}
	case "datepicker":
		return object{"type": kind, "selected_date": nil}
	case "checkboxes":
		return object{"type": kind, "selected_options": []any{}}
	}
	return nil
}

// initialValue returns the value that an element begins with.
func initialValue(e object) json.RawMessage {
	value := emptyValue(e)
	for from, to := range map[string]string{
		"initial_value": "value", "initial_option": "selected_option", "initial_options": "selected_options",
		"initial_user": "selected_user", "initial_date": "selected_date",
	} {
		if v, ok := e[from]; ok && v != "" {
			value[to] = v
		}
	}
	return encode(value)
}

// viewState returns the state of a view with these blocks. Values of the old
// state are kept where an input of the same ids and type remains.
func viewState(blocks []any, old State) State {
	state := make(State)
	for _, f := range fields(object{"blocks": blocks}) {
		if state[f.BlockID] == nil {
			state[f.BlockID] = make(map[string]json.RawMessage)
		}
		if kept, ok := old[f.BlockID][f.ActionID]; ok && kindOf(kept) == f.Kind {
			state[f.BlockID][f.ActionID] = kept
			continue
		}
		state[f.BlockID][f.ActionID] = initialValue(f.element)
	}
	return state
}

func kindOf(value json.RawMessage) string {
	v, _ := decode(value)
	o, _ := v.(object)
	return textOf(o, "type")
}

// Fields returns the inputs of a view in their order.
func (s *Server) Fields(viewID string) []Field {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.w.view(viewID)
	if v == nil {
		return nil
	}
	var found []Field
	for _, f := range fields(v.parts) {
		found = append(found, f.Field)
	}
	return found
}

// Field finds an input of a view by its label, or a menu without a label by its
// placeholder.
func (s *Server) Field(viewID, label string) (Field, bool) {
	for _, f := range s.Fields(viewID) {
		if f.Label == label {
			return f, true
		}
	}
	return Field{}, false
}

// SetInput sets the value of a view's input. The value is a JSON string (typed
// text, or the label of an option that the view itself contains), an option
// object (of a searchable menu), a list of labels (checkboxes), or null.
func (s *Server) SetInput(viewID, label string, value json.RawMessage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.w.view(viewID)
	if v == nil {
		return fmt.Errorf("there is no view %q", viewID)
	}
	for _, f := range fields(v.parts) {
		if f.Label == label {
			return v.setInput(f, value)
		}
	}
	return fmt.Errorf("the view has no input %q", label)
}

// setInput changes the value of an input and removes its error.
func (m *modal) setInput(f field, value json.RawMessage) error {
	v, ok := decode(value)
	if !ok {
		return fmt.Errorf("input %q: the value is not JSON", f.Label)
	}
	chosen := emptyValue(f.element)
	if v != nil {
		name, part, err := f.value(v)
		if err != nil {
			return fmt.Errorf("input %q: %w", f.Label, err)
		}
		chosen[name] = part
	}
	m.State[f.BlockID][f.ActionID] = encode(chosen)
	delete(m.Errors, f.BlockID)
	return nil
}

// value returns what v chooses and the name of the state's field that holds it.
func (f field) value(v any) (name string, chosen any, err error) {
	text, isText := v.(string)
	switch f.Kind {
	case "plain_text_input":
		name, chosen = "value", v
	case "users_select":
		name, chosen = "selected_user", v
	case "datepicker":
		name, chosen = "selected_date", v
	case "checkboxes":
		labels, _ := v.([]any)
		options := make([]any, 0, len(labels))
		for _, l := range labels {
			o, err := f.option(l)
			if err != nil {
				return "", nil, err
			}
			options = append(options, o)
		}
		return "selected_options", options, nil
	default:
		chosen, err = f.option(v)
		return "selected_option", chosen, err
	}
	if !isText {
		return "", nil, fmt.Errorf("the value must be a text")
	}
	if text == "" {
		chosen = nil // Slack sends null for an input that the user emptied
	}
	return name, chosen, nil
}

// option returns the option that v names by its label or value, or that v is.
func (f field) option(v any) (any, error) {
	if given, ok := v.(object); ok && f.Kind == "external_select" {
		if textOf(given, "value") == "" || label(given["text"]) == "" {
			return nil, fmt.Errorf("an option needs a text and a value")
		}
		return given, nil
	}
	options := optionsOf(f.element)
	for _, matches := range []func(object) bool{
		func(o object) bool { return label(o["text"]) == v },
		func(o object) bool { return o["value"] == v },
		func(o object) bool { g, ok := v.(object); return ok && g["value"] == o["value"] },
	} {
		for _, candidate := range options {
			if o, ok := candidate.(object); ok && matches(o) {
				return o, nil
			}
		}
	}
	var labels []string
	for _, o := range options {
		labels = append(labels, label(o.(object)["text"]))
	}
	return nil, fmt.Errorf("there is no such option; the options are: %s", strings.Join(labels, ", "))
}

// clientError returns what Slack's client shows instead of sending a submission,
// or nil if it sends the submission.
func (m *modal) clientError() *ClientError {
	for _, f := range fields(m.parts) {
		v, _ := decode(m.State[f.BlockID][f.ActionID])
		state, _ := v.(object)
		text, typed := state["value"].(string)
		switch n := utf8.RuneCountInString(text); {
		case !f.input:
		case !f.Optional && string(m.State[f.BlockID][f.ActionID]) == string(encode(emptyValue(f.element))):
			return &ClientError{"Please complete all required fields. (" + f.Label + ")"}
		case typed && n > f.intProperty("max_length", 3000):
			return &ClientError{fmt.Sprintf("%s: use at most %d characters.", f.Label, f.intProperty("max_length", 3000))}
		case typed && n < f.intProperty("min_length", 0):
			return &ClientError{fmt.Sprintf("%s: use at least %d characters.", f.Label, f.intProperty("min_length", 0))}
		}
	}
	return nil
}

func (f field) intProperty(name string, fallback int) int {
	n, ok := f.element[name].(json.Number)
	if !ok {
		return fallback
	}
	v, _ := n.Int64()
	return int(v)
}
