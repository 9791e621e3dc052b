package compiler

import (
	"strings"

	"github.com/aws-access/aws-access/pkg/access"
)

// personInstead says what to write in place of a text that names no person. The text must be
// refused: a rule with it would allow nobody, and a never rule with it would deny nobody.
func personInstead(text string) string {
	if !strings.Contains(text, "@") {
		return "write an e-mail address or a Slack user id, like U0LEAD2"
	}
	if strings.ContainsAny(text, "*?") {
		return "patterns do not work for people, so write each address, the name of a group, or everyone"
	}
	if strings.ContainsAny(strings.Trim(text, ",;"), ",;") {
		return "write each address as an entry of its own"
	}
	if alone := addressIn(text); alone != text && isAddress(alone) {
		return "write only the address: " + alone
	}
	if !access.PlainEmail(strings.ReplaceAll(text, " ", "")) {
		return "an address may have ASCII characters only, so write the person's Slack user id, like U0LEAD2"
	}
	return "write one address, like dev@example.com, or a Slack user id, like U0LEAD2"
}

// addressIn takes an address out of what mail programs and links put around one.
func addressIn(text string) string {
	if _, in, found := strings.Cut(text, "<"); found {
		text, _, _ = strings.Cut(in, ">")
	}
	for _, scheme := range []string{"mailto:", "smtp:", "https://", "http://"} {
		text = strings.TrimPrefix(text, scheme)
	}
	text, _, _ = strings.Cut(text, "|")
	return strings.Trim(text, " .,;<>\"'()[]/\t")
}
