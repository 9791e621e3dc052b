package slackfake

import (
	"regexp"
	"strings"
)

// markup matches what Slack treats as markup between < and >: users, channels,
// groups, commands such as <!here>, and links. Everything else is plain text.
var markup = regexp.MustCompile(`<(?:@[UW][A-Z0-9]+|#C[A-Z0-9]+|![a-z]+(?:\^[^<>|]*)*|` +
	`(?:https?|mailto|tel|slack)[^\s<>|]+)(?:\|[^<>]*)?>`)

// entity matches a character that is already escaped.
var entity = regexp.MustCompile(`&(amp|lt|gt);`)

// normaliseMrkdwn returns mrkdwn text as Slack stores it: markup stays, and the
// characters &, < and > outside of markup are escaped.
func normaliseMrkdwn(text string) string {
	var escaped strings.Builder
	for {
		at := markup.FindStringIndex(text)
		if at == nil {
			return escaped.String() + escape(text)
		}
		escaped.WriteString(escape(text[:at[0]]) + "<" + ampersands(text[at[0]+1:at[1]-1]) + ">")
		text = text[at[1]:]
	}
}

func escape(text string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(ampersands(text))
}

// ampersands escapes the ampersands that do not begin an entity.
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

// visibleText returns the texts of blocks in reading order, one line for each.
func visibleText(v any) string {
	var lines []string
	walk(v, func(o object) {
		if text, ok := o["text"].(string); ok {
			lines = append(lines, text)
		}
	})
	return strings.Join(lines, "\n")
}

// readingOrder lists the parts of blocks in the order in which people read them.
var readingOrder = [...]string{"label", "text", "fields", "accessory", "elements", "element", "hint"}

// walk visits the objects in blocks in reading order.
func walk(v any, visit func(object)) {
	switch v := v.(type) {
	case []any:
		for _, part := range v {
			walk(part, visit)
		}
	case object:
		visit(v)
		for _, name := range readingOrder {
			walk(v[name], visit)
		}
	}
}
