package slackui

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// Private answers carry secrets, and have to arrive whole. Slack splits the text of a message after about 4,000
// characters, wherever that is (github.com/slackapi/java-slack-sdk/issues/704), and refuses more than 3,000 characters
// in a block's text or in a button's address (docs.slack.dev, Block Kit). A session token alone may have 4,096.
const (
	maxPostText = 3900 // characters in the text of one post
	maxKeysText = 2900 // characters of keys in one post, which are in one block
)

// FitsInPost reports whether keys fit into one post.
func FitsInPost(keys string) bool {
	return utf8.RuneCountInString(entities.Replace(keys)) <= maxKeysText
}

// Keys is the private answer with keys in one form: a post for each part, in this order. It reveals the keys. They
// begin each post, in a code fence. They are in the text of the post as well as in its block, so that programs and
// screen readers find them.
func Keys(form access.Form, parts []access.Secret, r access.Request, s access.Session) []Message {
	posts := make([]Message, 0, len(parts))
	for i, part := range parts {
		fence := "```\n" + entities.Replace(strings.TrimSuffix(part.Reveal(), "\n")) + "\n```"
		words, last := partOfKeys(form, i+1, len(parts)), i == len(parts)-1
		if last {
			words = strings.TrimSpace(words + "\n" + aboutKeys(form, r, s))
		}
		m := Message{Text: fence, Blocks: []slack.Block{codeFence(fence), section(words)}}
		if all := fence + "\n" + words; utf8.RuneCountInString(all) <= maxPostText {
			m.Text = all
		}
		if last {
			m.Blocks = append(m.Blocks, otherForms(r), smallPrint(
				"Each of these buttons starts another session, with its own keys. The keys above keep working."))
		}
		posts = append(posts, m)
	}
	return posts
}

// codeFence is the block of a code fence. It is never shortened, and Slack does not fold it.
func codeFence(fence string) slack.Block {
	text := slack.NewTextBlockObject(slack.MarkdownType, fence, false, true)
	return slack.NewSectionBlock(text, nil, nil, slack.SectionBlockOptionExpand(true))
}

// partOfKeys says which part of the keys a post is, "" if there is only one.
func partOfKeys(form access.Form, part, of int) string {
	if of == 1 {
		return ""
	}
	how := "Paste all parts, one after the other: the session token is too long for one message."
	if form == access.Profile || form == access.JSON {
		how = "Put the parts together without a line break between them: the session token is too long for one message."
	}
	text := fmt.Sprintf("*Part %d of %d.* %s", part, of, how)
	if part < of {
		text += fmt.Sprintf(" If part %d does not follow, the keys are of no use: press the button again.", part+1)
	}
	return text
}

func aboutKeys(form access.Form, r access.Request, s access.Session) string {
	use := map[access.Form]string{
		access.Shell:      "Paste them into sh, bash or zsh.",
		access.PowerShell: "Paste them into PowerShell.",
		access.Profile:    "Add them to `~/.aws/credentials`. The name in brackets is the profile.",
		access.JSON:       "This is what a `credential_process` prints.",
	}
	until := formatTime(s.UsefulUntil())
	return "Temporary keys for " + roleIn(r) + ": good until " + until + ". " + use[form] + " Only you can see this." +
		identityGoesOn(s) + grantGoesOn(r, s, "new keys")
}

// identityGoesOn says until when sts:GetCallerIdentity works, if that is later than the session's policy denies every
// other action: no policy can deny it (docs/design.md#4.4.5). It is "" for a session that expires in time.
func identityGoesOn(s access.Session) string {
	if !s.Expires.After(s.Denied) {
		return ""
	}
	return " AWS could not make this session expire then: `sts:GetCallerIdentity`, and sign-in that relies on it " +
		"(EKS, Vault), works until " + formatTime(s.Expires) + "."
}

// minRest is how long a grant must go on after a session for a new one to be of use.
const minRest = time.Minute

// grantGoesOn says how to go on when a session ends before its grant, "" if it does not.
func grantGoesOn(r access.Request, s access.Session, what string) string {
	if r.Ends.Sub(s.UsefulUntil()) < minRest {
		return ""
	}
	return " Your access goes on until " + formatTime(r.Ends) + ": press the button again for " + what + "."
}

// otherForms are the buttons for keys that are not written for sh.
func otherForms(r access.Request) slack.Block {
	return actions(
		button("PowerShell", ActionPowerShell, r.ID, slack.StyleDefault),
		button("Credentials file", ActionProfile, r.ID, slack.StyleDefault),
		button("JSON", ActionJSON, r.ID, slack.StyleDefault),
	)
}

// Link is the private answer with a console link. It reveals the link. A link that leaves no room for the words has a
// post of its own, before them.
//
// Refusal: link_too_long, for a link that Slack would split.
func Link(link access.Secret, r access.Request, s access.Session) ([]Message, error) {
	label := "Open AWS console: " + shortName(r.AccountName) + ", " + shortName(r.Role)
	signIn := "<" + linkAddress(link.Reveal()) + "|" + strings.ReplaceAll(label, "|", "ǀ") + ">"
	words := "The link works for at most 15 minutes and signs in anyone who has it: do not pass it on. " +
		"The session lasts until " + formatTime(s.UsefulUntil()) + ". Only you can see this." +
		identityGoesOn(s) + grantGoesOn(r, s, "a new link") + "\n" +
		"If AWS says that you must log out first: sign out there, " +
		"or turn on multi-session support in the console's account menu."
	length := utf8.RuneCountInString(signIn)
	switch {
	case length > maxPostText:
		return nil, access.RefuseLinkTooLong(length, maxPostText, r.Gives(access.Keys))
	case length+1+utf8.RuneCountInString(words) > maxPostText:
		return []Message{{Text: signIn}, {Text: words}}, nil
	}
	return []Message{{Text: signIn + "\n" + words}}, nil
}

// NoSession is the private answer when a click on a grant gave no session.
func NoSession(err error, r access.Request, reference string) Message {
	return plainMessage("No session for " + roleInPlain(r) + ": " + explain(err, reference))
}
