package slackfake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// checker collects what is wrong with blocks, in Slack's words, and fills in
// what Slack fills in. Its limits are those of docs/facts.md#e4.
type checker struct {
	wrong []string
	id    func() string // a new block_id or action_id
}

func (c *checker) no(at, format string, values ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, values...)+" [json-pointer:"+at+"]")
}

// check judges one value at a place, and returns it as Slack keeps it.
type check func(c *checker, at string, v any) any

// shape is what an object may hold.
type shape struct {
	required []string
	fields   map[string]check
}

// apply judges an object by its shape.
func (s shape) apply(c *checker, at string, o object) {
	for _, name := range s.required {
		if _, ok := o[name]; !ok {
			c.no(at, "missing required field: %s", name)
		}
	}
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		judge, ok := s.fields[name]
		if !ok {
			c.no(at, "invalid additional property: %s", name)
			continue
		}
		o[name] = judge(c, at+"/"+name, o[name])
	}
}

// object reads v as an object; nil means that it is none, which was said.
func (c *checker) object(at string, v any) object {
	o, ok := v.(object)
	if !ok {
		c.no(at, "must provide an object")
	}
	return o
}

// structure judges an object that has one shape.
func structure(s shape) check {
	return func(c *checker, at string, v any) any {
		if o := c.object(at, v); o != nil {
			s.apply(c, at, o)
		}
		return v
	}
}

// list judges an array with at least and at most so many items.
func list(least, most int, each check) check {
	return func(c *checker, at string, v any) any {
		items, ok := v.([]any)
		if !ok {
			c.no(at, "must provide an array")
			return v
		}
		if len(items) < least {
			c.no(at, "must provide at least %d items", least)
		}
		if len(items) > most {
			c.no(at, "no more than %d items allowed", most)
		}
		for i := range items {
			items[i] = each(c, at+"/"+strconv.Itoa(i), items[i])
		}
		return items
	}
}

// str judges a string by its length in characters.
func str(least, most int) check {
	return func(c *checker, at string, v any) any {
		text, ok := v.(string)
		switch n := utf8.RuneCountInString(text); {
		case !ok:
			c.no(at, "must provide a string")
		case n < least:
			c.no(at, "must be more than %d characters", least-1)
		case n > most:
			c.no(at, "must be less than %d characters", most+1)
		}
		return v
	}
}

// word judges a string that is one of a few.
func word(words ...string) check {
	return func(c *checker, at string, v any) any {
		if text, ok := v.(string); !ok || !slices.Contains(words, text) {
			c.no(at, "must be a valid enum value")
		}
		return v
	}
}

func flag(c *checker, at string, v any) any {
	if _, ok := v.(bool); !ok {
		c.no(at, "must provide a boolean")
	}
	return v
}

// whole judges a whole number.
func whole(least, most int64) check {
	return func(c *checker, at string, v any) any {
		number, _ := v.(json.Number)
		if n, err := number.Int64(); err != nil || n < least || n > most {
			c.no(at, "must be a number from %d to %d", least, most)
		}
		return v
	}
}

func anything(_ *checker, _ string, v any) any { return v }

// plain judges a plain_text object.
func plain(most int) check { return text(most, "plain_text") }

// either judges a plain_text or mrkdwn object.
func either(most int) check { return text(most, "plain_text", "mrkdwn") }

// text judges a text object, 1 to most characters long.
func text(most int, kinds ...string) check {
	return func(c *checker, at string, v any) any {
		o := c.object(at, v)
		if o == nil {
			return v
		}
		kind, _ := o["type"].(string)
		if !slices.Contains(kinds, kind) {
			c.no(at+"/type", "unsupported type: %s", kind)
			return v
		}
		s := shape{required: []string{"text"}, fields: map[string]check{"type": anything, "text": str(1, most)}}
		if kind == "plain_text" {
			s.fields["emoji"] = flag
		} else {
			s.fields["verbatim"] = flag
		}
		s.apply(c, at, o)
		keep(o, kind)
		return v
	}
}

// keep fills in a text object as Slack does.
func keep(o object, kind string) {
	if kind == "plain_text" {
		fill(o, "emoji", true)
		return
	}
	fill(o, "verbatim", false)
	if written, ok := o["text"].(string); ok {
		o["text"] = hold(written)
	}
}

func fill(o object, name string, value any) {
	if _, ok := o[name]; !ok {
		o[name] = value
	}
}
