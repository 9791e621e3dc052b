package slackfake

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// checker collects what is wrong with blocks, in Slack's words, and fills in
// Slack's defaults. Its limits are those of docs/facts.md#e4.
type checker struct {
	wrong []string
	id    func() string // returns a new block_id or action_id
}

func (c *checker) fail(at, format string, values ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, values...)+" [json-pointer:"+at+"]")
}

// check checks one value and returns it as Slack stores it. at is the JSON
// pointer of the value.
type check func(c *checker, at string, v any) any

// shape describes the fields of an object.
type shape struct {
	required []string
	fields   map[string]check
}

// apply checks an object against the shape.
func (s shape) apply(c *checker, at string, o object) {
	for _, name := range s.required {
		if _, ok := o[name]; !ok {
			c.fail(at, "missing required field: %s", name)
		}
	}
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		check, ok := s.fields[name]
		if !ok {
			c.fail(at, "invalid additional property: %s", name)
			continue
		}
		o[name] = check(c, at+"/"+name, o[name])
	}
}

// object returns v as an object, or reports that it is none and returns nil.
func (c *checker) object(at string, v any) object {
	o, ok := v.(object)
	if !ok {
		c.fail(at, "must provide an object")
	}
	return o
}

// structure checks an object against a shape.
func structure(s shape) check {
	return func(c *checker, at string, v any) any {
		if o := c.object(at, v); o != nil {
			s.apply(c, at, o)
		}
		return v
	}
}

// list checks an array with minimum to maximum items.
func list(minimum, maximum int, each check) check {
	return func(c *checker, at string, v any) any {
		items, ok := v.([]any)
		if !ok {
			c.fail(at, "must provide an array")
			return v
		}
		if len(items) < minimum {
			c.fail(at, "must provide at least %d items", minimum)
		}
		if len(items) > maximum {
			c.fail(at, "no more than %d items allowed", maximum)
		}
		for i := range items {
			items[i] = each(c, at+"/"+strconv.Itoa(i), items[i])
		}
		return items
	}
}

// str checks a string with minimum to maximum characters.
func str(minimum, maximum int) check {
	return func(c *checker, at string, v any) any {
		text, ok := v.(string)
		switch n := utf8.RuneCountInString(text); {
		case !ok:
			c.fail(at, "must provide a string")
		case n < minimum:
			c.fail(at, "must be more than %d characters", minimum-1)
		case n > maximum:
			c.fail(at, "must be less than %d characters", maximum+1)
		}
		return v
	}
}

// enum checks a string that must be one of these words.
func enum(words ...string) check {
	return func(c *checker, at string, v any) any {
		if text, ok := v.(string); !ok || !slices.Contains(words, text) {
			c.fail(at, "must be a valid enum value")
		}
		return v
	}
}

func boolean(c *checker, at string, v any) any {
	if _, ok := v.(bool); !ok {
		c.fail(at, "must provide a boolean")
	}
	return v
}

// integer checks a whole number.
func integer(minimum, maximum int64) check {
	return func(c *checker, at string, v any) any {
		number, _ := v.(json.Number)
		if n, err := number.Int64(); err != nil || n < minimum || n > maximum {
			c.fail(at, "must be a number from %d to %d", minimum, maximum)
		}
		return v
	}
}

func anything(_ *checker, _ string, v any) any { return v }

// plainText checks a plain_text object with 1 to maximum characters.
func plainText(maximum int) check { return text(maximum, "plain_text") }

// anyText checks a plain_text or mrkdwn object with 1 to maximum characters.
func anyText(maximum int) check { return text(maximum, "plain_text", "mrkdwn") }

// text checks a text object with 1 to maximum characters.
func text(maximum int, kinds ...string) check {
	return func(c *checker, at string, v any) any {
		o := c.object(at, v)
		if o == nil {
			return v
		}
		kind, _ := o["type"].(string)
		if !slices.Contains(kinds, kind) {
			c.fail(at+"/type", "unsupported type: %s", kind)
			return v
		}
		s := shape{required: []string{"text"}, fields: map[string]check{"type": anything, "text": str(1, maximum)}}
		if kind == "plain_text" {
			s.fields["emoji"] = boolean
		} else {
			s.fields["verbatim"] = boolean
		}
		s.apply(c, at, o)
		setTextDefaults(o, kind)
		return v
	}
}

// setTextDefaults fills in the defaults of a text object and normalises mrkdwn.
func setTextDefaults(o object, kind string) {
	if kind == "plain_text" {
		setDefault(o, "emoji", true)
		return
	}
	setDefault(o, "verbatim", false)
	if written, ok := o["text"].(string); ok {
		o["text"] = normaliseMrkdwn(written)
	}
}

func setDefault(o object, name string, value any) {
	if _, ok := o[name]; !ok {
		o[name] = value
	}
}
