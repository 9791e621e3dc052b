package slackui

import (
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// The private answers have no blocks: beside blocks, a message's text is only
// what a notification shows. A block's text has 3,000 characters and a button's
// address as many, a token alone 4,096 bytes; a message's text has 40,000.

// Keys is the private answer that carries keys. It reveals them. The first form
// begins the text, so that whoever reads the message by a program finds it
// there; the others stand in a code fence below.
func Keys(text access.Secret, r access.Request, expires time.Time) Message {
	first, others, more := strings.Cut(entities.Replace(strings.TrimSuffix(text.Reveal(), "\n")), "\n#")
	if more {
		first += "\n```\n#" + others + "\n```"
	}
	return Message{Text: first + "\nTemporary keys for " + what(r) + ": good until " + moment(useful(r, expires)) + ". Only you can see this."}
}

// Link is the private answer that carries a sign-in link. It reveals it.
func Link(link access.Secret, r access.Request, expires time.Time) Message {
	label := "Open AWS console: " + called(r.AccountName) + ", " + called(r.Role)
	return Message{Text: "<" + address(link.Reveal()) + "|" + strings.ReplaceAll(label, "|", "ǀ") + ">\n" +
		"The link works for 15 minutes and signs in whoever has it: do not pass it on. The session lasts until " + moment(useful(r, expires)) + ". Only you can see this."}
}

// useful is when a session stops being of use: at its own expiry, or at the end
// of the grant if that comes first.
func useful(r access.Request, expires time.Time) time.Time {
	if r.Ends.Before(expires) {
		return r.Ends
	}
	return expires
}

// NotVended is the private answer when there is nothing to hand out.
func NotVended(err error, r access.Request, reference string) Message {
	return told("No session for " + whatPlain(r) + ": " + words(err, reference))
}
