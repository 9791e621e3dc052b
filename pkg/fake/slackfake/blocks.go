package slackfake

import (
	"reflect"
	"slices"
	"strconv"
)

// How many blocks fit (docs/facts.md#e4).
const (
	mostInMessage = 50
	mostInModal   = 100
)

// messageBlocks judges the blocks of a message; wrong says what Slack refuses.
func (s *Server) messageBlocks(v any) (blocks []any, wrong []string) {
	c := &checker{id: s.id}
	list(0, mostInMessage, block)(c, "/blocks", v)
	blocks, _ = v.([]any)
	c.unique("/blocks", blocks)
	return blocks, c.wrong
}

// id is what Slack gives to a block or an element that has none.
func (s *Server) id() string { return "b" + strconv.FormatInt(int64(s.number())*7919, 36) }

// block judges one block. Types that are not played are refused, never
// passed unseen.
func block(c *checker, at string, v any) any {
	o := c.object(at, v)
	if o == nil {
		return v
	}
	kind, _ := o["type"].(string)
	s, ok := blockShape(kind)
	if !ok {
		c.no(at+"/type", "unsupported type: %s", kind)
		return v
	}
	s.fields["type"], s.fields["block_id"] = anything, str(1, 255)
	s.apply(c, at, o)
	if kind == "section" && o["text"] == nil && o["fields"] == nil {
		c.no(at, "missing required field: text")
	}
	fill(o, "block_id", c.id())
	return v
}

func blockShape(kind string) (shape, bool) {
	switch kind {
	case "section":
		return shape{nil, map[string]check{
			"text": either(3000), "fields": list(1, 10, either(2000)), "accessory": element(menus, "button", "overflow", "image"), "expand": flag,
		}}, true
	case "divider":
		return shape{nil, map[string]check{}}, true
	case "header":
		return shape{[]string{"text"}, map[string]check{"text": plain(150)}}, true
	case "context":
		return shape{[]string{"elements"}, map[string]check{"elements": list(1, 10, contextElement)}}, true
	case "actions":
		return shape{[]string{"elements"}, map[string]check{"elements": list(1, 25, element(menus, "button", "overflow"))}}, true
	case "input":
		return shape{[]string{"label", "element"}, map[string]check{
			"label": plain(2000), "element": element(menus, "plain_text_input"), "hint": plain(2000), "optional": flag, "dispatch_action": flag,
		}}, true
	case "image":
		return shape{[]string{"image_url", "alt_text"}, map[string]check{
			"image_url": str(1, 3000), "alt_text": str(1, 2000), "title": plain(2000),
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
	return either(3000)(c, at, v)
}

// menus are the elements that may stand in sections, actions and inputs.
var menus = []string{"static_select", "external_select", "users_select", "radio_buttons", "checkboxes", "datepicker"}

// element judges an interactive element of one of these kinds.
func element(kinds []string, more ...string) check {
	return func(c *checker, at string, v any) any {
		o := c.object(at, v)
		if o == nil {
			return v
		}
		kind, _ := o["type"].(string)
		if !slices.Contains(kinds, kind) && !slices.Contains(more, kind) {
			c.no(at+"/type", "unsupported type: %s", kind)
			return v
		}
		s := elementShape(kind)
		c.options(at, kind, o)
		s.fields["type"] = anything
		if kind != "image" {
			s.fields["action_id"] = str(1, 255)
			fill(o, "action_id", c.id())
		}
		if slices.Contains(menus, kind) || kind == "plain_text_input" {
			s.fields["focus_on_load"] = flag
		}
		if kind != "plain_text_input" && kind != "image" {
			s.fields["confirm"] = confirm
		}
		s.apply(c, at, o)
		return v
	}
}

func elementShape(kind string) shape {
	one, rich := option(plain(75)), option(either(75))
	switch kind {
	case "button":
		return shape{[]string{"text"}, map[string]check{
			"text": plain(75), "url": str(1, 3000), "value": str(0, 2000), "style": word("primary", "danger"), "accessibility_label": str(1, 75),
		}}
	case "static_select":
		return shape{nil, map[string]check{
			"placeholder": plain(150), "options": list(1, 100, one), "option_groups": list(1, 100, optionGroup), "initial_option": one,
		}}
	case "external_select":
		return shape{nil, map[string]check{"placeholder": plain(150), "initial_option": one, "min_query_length": whole(0, 150)}}
	case "users_select":
		return shape{nil, map[string]check{"placeholder": plain(150), "initial_user": str(1, 255)}}
	case "overflow":
		return shape{[]string{"options"}, map[string]check{"options": list(1, 5, one)}}
	case "radio_buttons":
		return shape{[]string{"options"}, map[string]check{"options": list(1, 10, rich), "initial_option": rich}}
	case "checkboxes":
		return shape{[]string{"options"}, map[string]check{"options": list(1, 10, rich), "initial_options": list(1, 10, rich)}}
	case "datepicker":
		return shape{nil, map[string]check{"placeholder": plain(150), "initial_date": str(10, 10)}}
	case "plain_text_input":
		return shape{nil, map[string]check{
			"placeholder": plain(150), "initial_value": str(0, 3000), "multiline": flag, "min_length": whole(0, 3000), "max_length": whole(1, 3000),
			"dispatch_action_config": anything,
		}}
	}
	return shape{[]string{"image_url", "alt_text"}, map[string]check{"image_url": str(1, 3000), "alt_text": str(1, 2000)}}
}

func confirm(c *checker, at string, v any) any {
	return structure(shape{[]string{"title", "text", "confirm", "deny"}, map[string]check{
		"title": plain(100), "text": either(300), "confirm": plain(30), "deny": plain(30), "style": word("primary", "danger"),
	}})(c, at, v)
}

// option judges an option of a menu. Its value may have 75 characters by the
// stricter of the two limits that are published.
func option(label check) check {
	return structure(shape{[]string{"text", "value"}, map[string]check{
		"text": label, "value": str(1, 75), "description": label, "url": str(1, 3000),
	}})
}

func optionGroup(c *checker, at string, v any) any {
	return structure(shape{[]string{"label", "options"}, map[string]check{
		"label": plain(75), "options": list(1, 100, option(plain(75))),
	}})(c, at, v)
}

// options judges what the options of an element have to do with each other:
// there are some, and what is chosen at first is one of them, to the letter.
func (c *checker) options(at, kind string, o object) {
	all := optionsOf(o)
	if kind == "static_select" && o["options"] == nil && o["option_groups"] == nil {
		c.no(at, "missing required field: options")
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
			c.no(at, "initial option must be one of the options")
		}
	}
}

// optionsOf are the options of an element, those in groups too.
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

// unique refuses a block_id that is there twice, and an action_id that is
// there twice in one block.
func (c *checker) unique(at string, blocks []any) {
	seen := make(map[any]bool)
	for i, v := range blocks {
		o, _ := v.(object)
		place := at + "/" + strconv.Itoa(i)
		if id := o["block_id"]; id != nil {
			if seen[id] {
				c.no(place+"/block_id", "`block_id` %q already exists", id)
			}
			seen[id] = true
		}
		elements, _ := o["elements"].([]any)
		actions := make(map[any]bool)
		for j, v := range elements {
			e, _ := v.(object)
			if id := e["action_id"]; id != nil && actions[id] {
				c.no(place+"/elements/"+strconv.Itoa(j)+"/action_id", "`action_id` %q already exists", id)
			}
			actions[e["action_id"]] = true
		}
	}
}
