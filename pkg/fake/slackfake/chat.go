package slackfake

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// openChannel opens the direct message channel with one user.
func (s *Server) openChannel(a args) (object, *refusal) {
	if id := a.get("channel"); id != "" {
		if c := s.w.channel(id); c != nil && c.DMWith != "" {
			return object{"no_op": true, "already_open": true, "channel": object{"id": c.ID}}, nil
		}
		return nil, refuse("channel_not_found")
	}
	who := strings.Split(a.get("users"), ",")
	if a.get("users") == "" {
		return nil, refuse("users_list_not_supplied")
	}
	if len(who) > 1 {
		return nil, refuse("method_not_supported_for_channel_type") // group direct messages are not supported here
	}
	if refused := s.reachable(who[0]); refused != nil {
		return nil, refused
	}
	known := s.w.channel(dmID(who[0])) != nil
	return object{"no_op": known, "already_open": known, "channel": object{"id": s.openDM(who[0]).ID}}, nil
}

// reachable returns why the bot cannot send a direct message to a user, or nil.
func (s *Server) reachable(user string) *refusal {
	u := s.w.user(user)
	switch {
	case u == nil:
		return refuse("user_not_found")
	case u.Deleted:
		return refuse("user_disabled")
	case u.Bot:
		return refuse("cannot_dm_bot")
	case u.Team != s.o.Team:
		return refuse("user_not_visible")
	}
	return nil
}

func dmID(user string) string { return "D" + user }

// openDM returns the direct message channel with a user and creates it on first
// use.
func (s *Server) openDM(user string) *Channel {
	if s.w.channel(dmID(user)) == nil {
		s.w.channels = append(s.w.channels, Channel{ID: dmID(user), Name: "directmessage", DMWith: user})
	}
	return s.w.channel(dmID(user))
}

func (s *Server) channelInfo(a args) (object, *refusal) {
	c := s.w.channel(a.get("channel"))
	if c == nil || c.Private && c.BotOut {
		return nil, refuse("channel_not_found")
	}
	o := object{
		"id": c.ID, "name": c.Name, "is_channel": c.DMWith == "", "is_im": c.DMWith != "", "is_private": c.Private,
		"is_archived": c.Archived, "is_member": !c.BotOut,
		"is_shared": c.Shared, "is_ext_shared": c.Shared, "is_org_shared": false,
	}
	if c.DMWith != "" {
		o["user"] = c.DMWith
	}
	return object{"channel": o}, nil
}

// postableChannel returns the channel to which a message may be posted. With
// allowUser, id may also be a user's id, which means the direct message channel.
func (s *Server) postableChannel(id string, allowUser bool) (*Channel, *refusal) {
	if allowUser && s.w.user(id) != nil {
		if s.reachable(id) != nil {
			return nil, refuse("channel_not_found")
		}
		return s.openDM(id), nil
	}
	c := s.w.channel(id)
	switch {
	case c == nil || c.Private && c.BotOut:
		return nil, refuse("channel_not_found")
	case c.Archived:
		return nil, refuse("is_archived")
	case c.BotOut:
		return nil, refuse("not_in_channel")
	case c.DMWith != "" && s.reachable(c.DMWith) != nil:
		return nil, refuse("channel_not_found")
	case c.Migrating:
		return nil, refuse("external_channel_migrating")
	}
	return c, nil
}

// restricted returns why the bot may not post in a channel, or nil. The codes are
// those of docs.slack.dev/reference/methods/chat.postMessage.
func (c *Channel) restricted(thread string) *refusal {
	switch {
	case c.ReadOnly:
		return refuse("restricted_action_read_only_channel")
	case c.ThreadOnly && thread == "":
		return refuse("restricted_action_thread_only_channel")
	case c.NoThreads && thread != "":
		return refuse("restricted_action_non_threadable_channel")
	}
	return nil
}

// Limits of texts, in characters. Slack splits a new message without blocks
// whose text is longer than maxMessageText into several messages
// (github.com/slackapi/java-slack-sdk/issues/704), and drops what follows after
// maxNewText (docs.slack.dev/reference/methods/chat.postMessage). chat.update
// refuses a text longer than maxMessageText
// (docs.slack.dev/reference/methods/chat.update).
const (
	maxNewText     = 40000
	maxMessageText = 4000
)

// content is the text and the blocks of a message.
type content struct {
	text   string
	blocks json.RawMessage
}

// splitAfter splits a text after at most limit characters.
func splitAfter(text string, limit int) (head, rest string) {
	n := 0
	for i := range text {
		if n == limit {
			return text[:i], text[i:]
		}
		n++
	}
	return text, ""
}

// pieces returns the messages into which Slack splits a content. Slack splits
// exactly at the limit, even inside a line, a link or a code fence
// (github.com/slack-ruby/slack-ruby-client/issues/259).
func (c content) pieces() []content {
	if string(c.blocks) != "[]" {
		return []content{{text: normaliseMrkdwn(c.text), blocks: c.blocks}}
	}
	var pieces []content
	for piece, rest := splitAfter(c.text, maxMessageText); piece != ""; piece, rest = splitAfter(rest, maxMessageText) {
		pieces = append(pieces, content{text: normaliseMrkdwn(piece), blocks: c.blocks})
	}
	return pieces
}

// post adds a message, or several if it is long, and returns the first one.
func (s *Server) post(m Message, body content) *Message {
	var posted *Message
	for _, piece := range body.pieces() {
		m.Text, m.Blocks = piece.text, piece.blocks
		if added := s.add(m); posted == nil {
			posted = added
		}
	}
	return posted
}

func (s *Server) parseContent(a args) (content, *refusal) {
	text, _ := splitAfter(a.get("text"), maxNewText)
	c := content{text: text, blocks: json.RawMessage(`[]`)}
	if a.get("blocks") != "" {
		v, ok := a.json("blocks")
		if !ok {
			return content{}, refuse("invalid_blocks_format")
		}
		list, wrong := s.messageBlocks(v)
		if wrong != nil {
			return content{}, refuse("invalid_blocks", wrong...)
		}
		c.blocks = encode(list)
	}
	if c.text == "" && string(c.blocks) == "[]" {
		return content{}, refuse("no_text")
	}
	return c, nil
}

// maxBlockText limits the characters of all texts in a message's blocks together.
// Slack does not document it: bolt-js#2509 met msg_blocks_too_long from about
// 13,200 characters on, bolt-js#2867 at 11,341.
const maxBlockText = 11000

// parseChatContent parses the content for the chat methods. Response URLs accept
// more text and use parseContent.
func (s *Server) parseChatContent(a args) (content, *refusal) {
	c, refused := s.parseContent(a)
	if v, ok := decode(c.blocks); refused == nil && ok && blockText(v) > maxBlockText {
		return content{}, refuse("msg_blocks_too_long")
	}
	return c, refused
}

// blockText counts the characters of all texts in a JSON value.
func blockText(v any) (n int) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			n += blockText(one)
		}
	case map[string]any:
		for name, one := range v {
			if text, is := one.(string); is && name == "text" {
				n += utf8.RuneCountInString(text)
				continue
			}
			n += blockText(one)
		}
	}
	return n
}

func (s *Server) postMessage(a args) (object, *refusal) {
	c, refused := s.postableChannel(a.get("channel"), true)
	if refused != nil {
		return nil, refused
	}
	thread := s.threadTS(c.ID, a.get("thread_ts"))
	if refused := c.restricted(thread); refused != nil {
		return nil, refused
	}
	body, refused := s.parseChatContent(a)
	if refused != nil {
		return nil, refused
	}
	m := s.post(Message{Channel: c.ID, ThreadTS: thread}, body)
	return object{"channel": m.Channel, "ts": m.TS, "message": s.messageJSON(m)}, nil
}

// threadTS returns the ts of the message to which a reply belongs. A reply to a
// message that does not exist goes to the channel, with "" as its thread.
func (s *Server) threadTS(channel, ts string) string {
	if m := s.w.message(channel, ts); m == nil || m.Deleted || m.To != "" {
		return ""
	}
	return ts
}

func (s *Server) postEphemeral(a args) (object, *refusal) {
	c, refused := s.postableChannel(a.get("channel"), false)
	if refused != nil {
		return nil, refused
	}
	thread := s.threadTS(c.ID, a.get("thread_ts"))
	switch {
	case !s.canSee(*c, a.get("user")):
		return nil, refuse("user_not_in_channel")
	case c.restricted(thread) != nil:
		return nil, refuse("restricted_action") // chat.postEphemeral has only this code of its kind
	}
	body, refused := s.parseChatContent(a)
	if refused != nil {
		return nil, refused
	}
	m := s.post(Message{Channel: c.ID, ThreadTS: thread, To: a.get("user")}, body)
	return object{"message_ts": m.TS}, nil
}

// canSee reports whether the app can show something to a user in a channel. It
// can never show anything to users of other workspaces.
func (s *Server) canSee(c Channel, user string) bool {
	u := s.w.user(user)
	switch {
	case u == nil || u.Deleted || u.Team != s.o.Team:
		return false
	case c.DMWith != "":
		return c.DMWith == user
	}
	return c.Members == nil || slices.Contains(c.Members, user)
}

// appMessage returns a message that the app may change. The code others refuses a
// message that somebody else wrote.
func (s *Server) appMessage(a args, others string) (*Message, *refusal) {
	c := s.w.channel(a.get("channel"))
	if c == nil || c.Private && c.BotOut {
		return nil, refuse("channel_not_found") // a user id is not accepted here, only a channel id
	}
	m := s.w.message(c.ID, a.get("ts"))
	switch {
	case m == nil || m.Deleted || m.To != "": // Slack does not keep ephemeral messages
		return nil, refuse("message_not_found")
	case m.By != "":
		return nil, refuse(others)
	}
	return m, nil
}

// updateMessage replaces a message as a whole: a text without blocks removes the
// blocks, and blocks without a text remove the text.
func (s *Server) updateMessage(a args) (object, *refusal) {
	m, refused := s.appMessage(a, "cant_update_message")
	if refused != nil {
		return nil, refused
	}
	switch c := s.w.channel(m.Channel); {
	case c.Archived:
		return nil, refuse("is_inactive")
	case c.Migrating:
		return nil, refuse("external_channel_migrating")
	}
	if utf8.RuneCountInString(a.get("text")) > maxMessageText {
		return nil, refuse("msg_too_long")
	}
	body, refused := s.parseChatContent(a)
	if refused != nil {
		return nil, refused
	}
	m.replaceContent(body)
	return object{"channel": m.Channel, "ts": m.TS, "text": m.Text, "message": s.messageJSON(m)}, nil
}

func (m *Message) replaceContent(body content) {
	m.History = append(m.History, m.Blocks)
	m.Text, m.Blocks, m.Edited = normaliseMrkdwn(body.text), body.blocks, true
}

func (s *Server) deleteMessage(a args) (object, *refusal) {
	m, refused := s.appMessage(a, "cant_delete_message")
	if refused != nil {
		return nil, refused
	}
	m.Deleted = true
	return object{"channel": m.Channel, "ts": m.TS}, nil
}

// messageJSON is the JSON form of a message.
func (s *Server) messageJSON(m *Message) object {
	o := object{"type": "message", "ts": m.TS, "text": m.Text, "team": s.o.Team, "blocks": m.Blocks}
	if m.By == "" {
		o["user"], o["bot_id"], o["app_id"] = botUser, botID, s.o.AppID
	} else {
		o["user"] = m.By
	}
	if m.ThreadTS != "" {
		o["thread_ts"] = m.ThreadTS
	}
	if m.Edited {
		o["edited"] = object{"user": botID, "ts": m.TS}
	}
	return o
}
