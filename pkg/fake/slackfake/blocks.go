package slackfake

import (
	"reflect"
	"slices"
	"strconv"
)

// The most blocks that fit (docs/facts.md#e4).
const (
	maxMessageBlocks = 50
	maxModalBlocks   = 100
)

// messageBlocks checks the blocks of a message; wrong lists Slack's complaints.
func (s *Server) messageBlocks(v any) (blocks []any, wrong []string) {
	c := &checker{id: s.id}
	list(0, maxMessageBlocks, block)(c, "/blocks", v)
	blocks, _ = v.([]any)
	c.unique("/blocks", blocks)
	return blocks, c.wrong
}

// id returns an id as Slack gives to a block or element without one.
func (s *Server) id() string { return "b" + strconv.FormatInt(int64(s.number())*7919, 36) }

// block checks one block. A type that the fake does not know is refused, so that
// no unchecked block passes.
func block(c *checker, at string, v any) any {
	o := c.object(at, v)
	if o == nil {
		return v
	}
	kind, _ := o["type"].(string)
	s, ok := blockShape(kind)
	if !ok {
		c.fail(at+"/type", "unsupported type: %s", kind)
		return v
	}
	s.fields["type"], s.fields["block_id"] = anything, str(1, 255)
	s.apply(c, at, o)
	if kind == "section" && o["text"] == nil && o["fields"] == nil {
		c.fail(at, "missing required field: text")
	}
	setDefault(o, "block_id", c.id())
	return v
}

func blockShape(kind string) (shape, bool) {
	switch kind {
	case "section":
		return shape{nil, map[string]check{
			"text":      anyText(3000),
			"fields":    list(1, 10, anyText(2000)),
			"accessory": element(inputElements, "button", "overflow", "image"),
			"expand":    boolean,
		}}, true
	case "divider":
		return shape{nil, map[string]check{}}, true
	case "header":
		return shape{[]string{"text"}, map[string]check{"text": plainText(150)}}, true
	case "context":
		return shape{[]string{"elements"}, map[string]check{"elements": list(1, 10, contextElement)}}, true
	case "actions":
		return shape{[]string{"elements"}, map[string]check{
			"elements": list(1, 25, element(inputElements, "button", "overflow")),
		}}, true
	case "input":
		return shape{[]string{"label", "element"}, map[string]check{
			"label": plainText(2000), "hint": plainText(2000), "optional": boolean, "dispatch_action": boolean,
			"element": element(inputElements, "plain_text_input"),
		}}, true
	case "image":
		return shape{[]string{"image_url", "alt_text"}, map[string]check{
			"image_url": str(1, 3000), "alt_text": str(1, 2000), "title": plainText(2000),
		}}, true
	case "rich_text":
		return shape{[]string{"elements"}, map[string]check{"elements": list(0, 1000, anything)}}, true
	}
	return shape{}, false
}

func contextElement(c *checker, at string, v any) any {
	if o, ok := v.(object); ok && o["type"] == "image" {
		return element(nil, "image")(c, at, v)
	}
	return anyText(3000)(c, at, v)
}

// inputElements are the elements that may stand in sections, actions and inputs.
var inputElements = []string{
	"static_select", "external_select", "users_select", "radio_buttons", "checkboxes", "datepicker",
}

// element checks an interactive element that has one of these types.
func element(kinds []string, more ...string) check {
	return func(c *checker, at string, v any) any {
		o := c.object(at, v)
		if o == nil {
			return v
		}
		kind, _ := o["type"].(string)
		if !slices.Contains(kinds, kind) && !slices.Contains(more, kind) {
			c.fail(at+"/type", "unsupported type: %s", kind)
			return v
		}
		s := elementShape(kind)
		c.options(at, kind, o)
		s.fields["type"] = anything
		if kind != "image" {
			s.fields["action_id"] = str(1, 255)
			setDefault(o, "action_id", c.id())
		}
		if slices.Contains(inputElements, kind) || kind == "plain_text_input" {
			s.fields["focus_on_load"] = boolean
		}
		if kind != "plain_text_input" && kind != "image" {
			s.fields["confirm"] = confirm
		}
		s.apply(c, at, o)
		return v
	}
}

func elementShape(kind string) shape {
	one, rich := option(plainText(75)), option(anyText(75))
	switch kind {
	case "button":
		return shape{[]string{"text"}, map[string]check{
			"text": plainText(75), "url": str(1, 3000), "value": str(0, 2000),
			"style": enum("primary", "danger"), "accessibility_label": str(1, 75),
		}}
	case "static_select":
		return shape{nil, map[string]check{
			"placeholder": plainText(150), "initial_option": one,
			"options": list(1, 100, one), "option_groups": list(1, 100, optionGroup),
		}}
	case "external_select":
		return shape{nil, map[string]check{
			"placeholder": plainText(150), "initial_option": one, "min_query_length": integer(0, 150),
		}}
	case "users_select":
		return shape{nil, map[string]check{"placeholder": plainText(150), "initial_user": str(1, 255)}}
	case "overflow":
		return shape{[]string{"options"}, map[string]check{"options": list(1, 5, one)}}
	case "radio_buttons":
		return shape{[]string{"options"}, map[string]check{"options": list(1, 10, rich), "initial_option": rich}}
	case "checkboxes":
		return shape{[]string{"options"}, map[string]check{
			"options": list(1, 10, rich), "initial_options": list(1, 10, rich),
		}}
	case "datepicker":
		return shape{nil, map[string]check{"placeholder": plainText(150), "initial_date": str(10, 10)}}
	case "plain_text_input":
		return shape{nil, map[string]check{
			"placeholder": plainText(150), "initial_value": str(0, 3000), "multiline": boolean,
			"min_length": integer(0, 3000), "max_length": integer(1, 3000),
			"dispatch_action_config": anything,
		}}
	}
	return shape{[]string{"image_url", "alt_text"}, map[string]check{"image_url": str(1, 3000), "alt_text": str(1, 2000)}}
}

func confirm(c *checker, at string, v any) any {
	return structure(shape{[]string{"title", "text", "confirm", "deny"}, map[string]check{
		"title": plainText(100), "text": anyText(300), "confirm": plainText(30), "deny": plainText(30),
		"style": enum("primary", "danger"),
	}})(c, at, v)
}

// option checks an option of a menu. Slack publishes two limits for its value;
// the stricter one, 75 characters, applies here.
func option(label check) check {
	return structure(shape{[]string{"text", "value"}, map[string]check{
		"text": label, "value": str(1, 75), "description": label, "url": str(1, 3000),
	}})
}

func optionGroup(c *checker, at string, v any) any {
	return structure(shape{[]string{"label", "options"}, map[string]check{
		"label": plainText(75), "options": list(1, 100, option(plainText(75))),
	}})(c, at, v)
}

// options checks the options of an element against each other: there must be
// some, and the initial option must equal one of them exactly.
func (c *checker) options(at, kind string, o object) {
	all := optionsOf(o)
	if kind == "static_select" && o["options"] == nil && o["option_groups"] == nil {
		c.fail(at, "missing required field: options")
		return
	}
	if kind == "external_select" {
		return
	}
	chosen, _ := o["initial_options"].([]any)
	if one := o["initial_option"]; one != nil {
		chosen = []any{one}
	}
	for _, choice := range chosen {
		if !slices.ContainsFunc(all, func(v any) bool { return reflect.DeepEqual(v, choice) }) {
			c.fail(at, "initial option must be one of the options")
		}
	}
}

// optionsOf returns the options of an element, including those in groups.
func optionsOf(o object) []any {
	all, _ := o["options"].([]any)
	groups, _ := o["option_groups"].([]any)
	for _, g := range groups {
		if group, ok := g.(object); ok {
			inside, _ := group["options"].([]any)
			all = append(all[:len(all):len(all)], inside...)
		}
	}
	return all
}

// unique refuses a block_id that occurs twice, and an action_id that occurs twice
// in one block.
func (c *checker) unique(at string, blocks []any) {
	seen := make(map[any]bool)
	for i, v := range blocks {
		o, _ := v.(object)
		place := at + "/" + strconv.Itoa(i)
		if id := o["block_id"]; id != nil {
			if seen[id] {
				c.fail(place+"/block_id", "`block_id` %q already exists", id)
			}
			seen[id] = true
		}
		elements, _ := o["elements"].([]any)
		actions := make(map[any]bool)
		for j, v := range elements {
			e, _ := v.(object)
			if id := e["action_id"]; id != nil && actions[id] {
				c.fail(place+"/elements/"+strconv.Itoa(j)+"/action_id", "`action_id` %q already exists", id)
			}
			actions[e["action_id"]] = true
		}
	}
}
