package slackfake

import (
	"regexp"
	"strings"
)

// markup is what Slack reads out of < and >: people, channels, groups, commands
// such as <!here>, and links. Anything else between them is text.
var markup = regexp.MustCompile(`<(?:@[UW][A-Z0-9]+|#C[A-Z0-9]+|![a-z]+(?:\^[^<>|]*)*|(?:https?|mailto|tel|slack)[^\s<>|]+)(?:\|[^<>]*)?>`)

// entity is an ampersand that is escaped already.
var entity = regexp.MustCompile(`&(amp|lt|gt);`)

// hold is mrkdwn as Slack keeps it: markup stays, and the three characters are
// entities wherever they are not part of it.
func hold(text string) string {
	var held strings.Builder
	for {
		at := markup.FindStringIndex(text)
		if at == nil {
			return held.String() + escape(text)
		}
		held.WriteString(escape(text[:at[0]]) + "<" + ampersands(text[at[0]+1:at[1]-1]) + ">")
		text = text[at[1]:]
	}
}

func escape(text string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(ampersands(text))
}

// ampersands escapes those that are not part of an entity.
func ampersands(text string) string {
	var escaped strings.Builder
	for {
		at := entity.FindStringIndex(text)
		if at == nil {
			return escaped.String() + strings.ReplaceAll(text, "&", "&amp;")
		}
		escaped.WriteString(strings.ReplaceAll(text[:at[0]], "&", "&amp;") + text[at[0]:at[1]])
		text = text[at[1]:]
	}
}

// said is the text of blocks, a line for each, as somebody would read it out.
func said(v any) string {
	var lines []string
	walk(v, func(o object) {
		if text, ok := o["text"].(string); ok {
			lines = append(lines, text)
		}
	})
	return strings.Join(lines, "\n")
}

// order is how the parts of blocks are read.
var order = [...]string{"label", "text", "fields", "accessory", "elements", "element", "hint"}

// walk visits the objects in blocks in the order in which they are drawn.
func walk(v any, visit func(object)) {
	switch v := v.(type) {
	case []any:
		for _, part := range v {
			walk(part, visit)
		}
	case object:
		visit(v)
		for _, name := range order {
			walk(v[name], visit)
		}
	}
}
