package slackfake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A response URL is valid for 30 minutes and five uses (docs/facts.md#e1).
const (
	responseLife = 30 * time.Minute
	responseUses = 5
)

// responseURL answers an interaction or a command without a token.
type responseURL struct {
	user, channel, ts string // ts of the message that was clicked, "" for a command
	at                time.Time
	uses              int
}

// NewResponseURL returns a new response URL, valid for 30 minutes and five uses.
// ts is the message that was clicked, "" for a command.
func (s *Server) NewResponseURL(user, channel, ts string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.responseURL(user, channel, ts)
}

func (s *Server) responseURL(user, channel, ts string) string {
	id := fmt.Sprintf("%s-%d-%024x", s.o.Team, s.number(), s.number())
	s.w.responses[id] = &responseURL{user: user, channel: channel, ts: ts, at: s.o.Now()}
	return strings.TrimRight(s.base, "/") + "/response/" + id
}

// respond posts through a response URL.
func (s *Server) respond(id string, a args) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.w.responses[id]
	switch {
	case r == nil || s.o.Now().Sub(r.at) >= responseLife:
		return refuse("expired_url")
	case r.uses >= responseUses:
		return refuse("used_url")
	}
	if a.flag("delete_original") {
		return s.changeOriginal(r, func(m *Message) { m.Deleted = true })
	}
	posted, refused := s.parseContent(a)
	if refused != nil {
		return refused
	}
	if a.flag("replace_original") {
		return s.changeOriginal(r, func(m *Message) { m.replaceContent(posted) })
	}
	r.uses++
	m := Message{Channel: r.channel, ThreadTS: s.threadTS(r.channel, a.get("thread_ts")), FromResponseURL: true}
	if a.get("response_type") != "in_channel" {
		m.To = r.user
	}
	s.post(m, posted)
	return nil
}

// changeOriginal changes the message that was clicked. This is the only way to
// change an ephemeral message.
func (s *Server) changeOriginal(r *responseURL, change func(*Message)) *refusal {
	m := s.w.message(r.channel, r.ts)
	if m == nil || m.Deleted {
		return refuse("message_not_found")
	}
	r.uses++
	change(m)
	return nil
}

// ShowCommandResponse posts the body of a 200 response to a command, and returns
// the text that the user sees. An empty body posts nothing.
func (s *Server) ShowCommandResponse(user, channel string, body []byte) (shown string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := strings.TrimSpace(string(body))
	if text == "" {
		return ""
	}
	a := make(args)
	if v, ok := decode(body); ok {
		if o, ok := v.(object); ok {
			a.fields(o)
			if a.get("text") == "" && a.get("blocks") == "" {
				return ""
			}
		}
	}
	if len(a) == 0 {
		a["text"] = text
	}
	posted, refused := s.parseContent(a)
	if refused != nil {
		posted = content{text: "The command failed with the error \"invalid_command_response\": " + refused.code,
			blocks: json.RawMessage(`[]`)}
		a["response_type"] = "ephemeral"
	}
	m := Message{Channel: channel}
	if a.get("response_type") != "in_channel" {
		m.To = user
	}
	return s.displayedText(s.post(m, posted))
}

// displayedText returns what users read of a message: the text of its blocks, or
// without blocks its text.
func (s *Server) displayedText(m *Message) string {
	v, _ := decode(m.Blocks)
	if text := visibleText(v); text != "" {
		return text
	}
	return m.Text
}

// CommandFailure returns what Slack shows when the app did not answer a command
// with 200 within three seconds, or "" if it did.
func CommandFailure(command string, status int, took time.Duration) string {
	failed := command + " failed with the error "
	switch {
	case took >= triggerLife:
		return failed + `"operation_timeout"`
	case status != http.StatusOK:
		return failed + `"dispatch_failed"`
	}
	return ""
}
