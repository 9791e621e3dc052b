package sandboxtest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/controls"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// KeysBegin is how the private message with keys begins.
const KeysBegin = "```\nexport AWS_ACCESS_KEY_ID="

// Card is the newest message in a channel that everybody sees and that is in no
// thread.
func (b *Sandbox) Card(channel string) slackfake.Message {
	b.T.Helper()
	return b.Last("card in "+channel, IsCard(channel))
}

// IsCard matches messages in a channel that everybody sees and that are in no
// thread.
func IsCard(channel string) func(slackfake.Message) bool {
	return func(m slackfake.Message) bool { return m.Channel == channel && m.To == "" && m.ThreadTS == "" }
}

// Cards are the messages in channels whose text begins with title.
func (b *Sandbox) Cards(title string) []slackfake.Message {
	return Messages(b.State(), func(m slackfake.Message) bool {
		return m.DMWith == "" && m.To == "" && strings.HasPrefix(m.Text, title)
	})
}

// Direct is the newest message with buttons in a person's direct channel.
func (b *Sandbox) Direct(user string) slackfake.Message {
	b.T.Helper()
	return b.Last("direct message to "+user, func(m slackfake.Message) bool {
		return m.DMWith == user && m.To == "" && strings.Contains(string(m.Blocks), `"button"`)
	})
}

// Private is the newest message that only this person sees.
func (b *Sandbox) Private(user string) slackfake.Message {
	b.T.Helper()
	return b.Last("private message to "+user, func(m slackfake.Message) bool { return m.To == user })
}

// Last is the newest message that matches. The test fails if there is none.
func (b *Sandbox) Last(what string, matches func(slackfake.Message) bool) slackfake.Message {
	b.T.Helper()
	all := b.State().Messages
	slices.Reverse(all)
	if i := slices.IndexFunc(all, matches); i >= 0 {
		return all[i]
	}
	b.T.Fatalf("there is no %s", what)
	return slackfake.Message{}
}

// awaited is how long Await waits: longer than an order to vend waits for its second attempt.
const awaited = 90 * time.Second

// Await is the newest message that matches, as soon as more than seen of them do. A message that another
// process leads to, or that vend or notify posts at a second attempt, may come after the call that led to it
// has returned.
func (b *Sandbox) Await(what string, seen int, matches func(slackfake.Message) bool) slackfake.Message {
	b.T.Helper()
	last := time.After(awaited)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		if found := Messages(b.State(), matches); len(found) > seen {
			return found[len(found)-1]
		}
		select {
		case <-again.C:
		case <-last:
			b.T.Fatalf("there is no %s, not even after %s", what, awaited)
		}
	}
}

// IsPrivate matches messages that only this person sees and that have the pattern in their text.
func IsPrivate(user string, pattern *regexp.Regexp) func(slackfake.Message) bool {
	return func(m slackfake.Message) bool { return m.To == user && pattern.MatchString(m.Text) }
}

// IsGrant matches the message with the buttons of a person's grant.
func IsGrant(user string) func(slackfake.Message) bool {
	return func(m slackfake.Message) bool {
		return m.DMWith == user && m.To == "" && strings.HasPrefix(m.Text, "AWS access")
	}
}

// CountPrivate counts the messages that one person alone sees and that begin
// with prefix.
func (b *Sandbox) CountPrivate(prefix string) int {
	return Count(b.State().Messages, func(m slackfake.Message) bool {
		return m.To != "" && strings.HasPrefix(m.Text, prefix)
	})
}

// Messages are the messages that match.
func Messages(s controls.State, matches func(slackfake.Message) bool) (found []slackfake.Message) {
	for _, m := range s.Messages {
		if matches(m) {
			found = append(found, m)
		}
	}
	return found
}

// Count counts the elements that match.
func Count[T any](of []T, matches func(T) bool) (n int) {
	for _, one := range of {
		if matches(one) {
			n++
		}
	}
	return n
}

// Quote is a text as JSON.
func Quote(text string) json.RawMessage {
	out, _ := json.Marshal(text) // every text can be written
	return out
}
