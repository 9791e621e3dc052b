package slackfake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A response URL is good for so long and so often (docs/facts.md#e1).
const (
	responseLife = 30 * time.Minute
	responseUses = 5
)

// responseURL is where an interaction can be answered without a token.
type responseURL struct {
	user, channel, ts string // ts of the message that was clicked, "" for a command
	at                time.Time
	uses              int
}

// NewResponseURL is a new response URL: good for 30 minutes and five uses. ts is
// the message that was clicked, "" for a command.
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

// respond posts by a response URL.
func (s *Server) respond(id string, a args) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.w.responses[id]
	switch {
	case r == nil || s.o.Now().Sub(r.at) >= responseLife:
		return no("expired_url")
	case r.uses >= responseUses:
		return no("used_url")
	}
	if a.flag("delete_original") {
		return s.original(r, func(m *Message) { m.Deleted = true })
	}
	says, refused := s.content(a)
	if refused != nil {
		return refused
	}
	if a.flag("replace_original") {
		return s.original(r, func(m *Message) { m.become(says) })
	}
	r.uses++
	m := Message{Channel: r.channel, ThreadTS: s.thread(r.channel, a.get("thread_ts")), FromResponseURL: true}
	if a.get("response_type") != "in_channel" {
		m.To = r.user
	}
	s.post(m, says)
	return nil
}

// original changes the message that was clicked, also one that only one person
// sees: this is the one way to do so.
func (s *Server) original(r *responseURL, change func(*Message)) *refusal {
	m := s.w.message(r.channel, r.ts)
	if m == nil || m.Deleted {
		return no("message_not_found")
	}
	r.uses++
	change(m)
	return nil
}

// ShowCommandResponse draws the 200 body that answered a command, and returns the
// text that the person sees of it. Nothing is drawn of an empty one.
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
	says, refused := s.content(a)
	if refused != nil {
		says = content{text: "The command failed with the error \"invalid_command_response\": " + refused.code,
			blocks: json.RawMessage(`[]`)}
		a["response_type"] = "ephemeral"
	}
	m := Message{Channel: channel}
	if a.get("response_type") != "in_channel" {
		m.To = user
	}
	return s.drawn(s.post(m, says))
}

// drawn is what somebody reads of a message: the blocks, or without any the
// text.
func (s *Server) drawn(m *Message) string {
	v, _ := decode(m.Blocks)
	if text := said(v); text != "" {
		return text
	}
	return m.Text
}

// CommandFailure is what Slack shows when a command's endpoint did not answer
// 200 within its three seconds; "" when it did.
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
