package slackfake

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// openChannel opens the direct channel with one person.
func (s *Server) openChannel(a args) (object, *refusal) {
	if id := a.get("channel"); id != "" {
		if c := s.w.channel(id); c != nil && c.DMWith != "" {
			return object{"no_op": true, "already_open": true, "channel": object{"id": c.ID}}, nil
		}
		return nil, no("channel_not_found")
	}
	who := strings.Split(a.get("users"), ",")
	if a.get("users") == "" {
		return nil, no("users_list_not_supplied")
	}
	if len(who) > 1 {
		return nil, no("method_not_supported_for_channel_type") // groups of people are not played
	}
	if refused := s.reachable(who[0]); refused != nil {
		return nil, refused
	}
	known := s.w.channel(direct(who[0])) != nil
	return object{"no_op": known, "already_open": known, "channel": object{"id": s.dm(who[0]).ID}}, nil
}

// reachable says why the bot cannot talk to somebody in private.
func (s *Server) reachable(user string) *refusal {
	u := s.w.user(user)
	switch {
	case u == nil:
		return no("user_not_found")
	case u.Deleted:
		return no("user_disabled")
	case u.Bot:
		return no("cannot_dm_bot")
	case u.Team != s.o.Team:
		return no("user_not_visible")
	}
	return nil
}

func direct(user string) string { return "D" + user }

// dm is the direct channel with somebody, made on first use.
func (s *Server) dm(user string) *Channel {
	if s.w.channel(direct(user)) == nil {
		s.w.channels = append(s.w.channels, Channel{ID: direct(user), Name: "directmessage", DMWith: user})
	}
	return s.w.channel(direct(user))
}

func (s *Server) channelInfo(a args) (object, *refusal) {
	c := s.w.channel(a.get("channel"))
	if c == nil || c.Private && c.BotOut {
		return nil, no("channel_not_found")
	}
	o := object{
		"id": c.ID, "name": c.Name, "is_channel": c.DMWith == "", "is_im": c.DMWith != "", "is_private": c.Private,
		"is_archived": c.Archived, "is_member": !c.BotOut, "is_shared": c.Shared, "is_ext_shared": c.Shared, "is_org_shared": false,
	}
	if c.DMWith != "" {
		o["user"] = c.DMWith
	}
	return object{"channel": o}, nil
}

// postable is the channel that a message goes to, which may be named by its
// person when people is set.
func (s *Server) postable(id string, people bool) (*Channel, *refusal) {
	if people && s.w.user(id) != nil {
		if s.reachable(id) != nil {
			return nil, no("channel_not_found")
		}
		return s.dm(id), nil
	}
	c := s.w.channel(id)
	switch {
	case c == nil || c.Private && c.BotOut:
		return nil, no("channel_not_found")
	case c.Archived:
		return nil, no("is_archived")
	case c.BotOut:
		return nil, no("not_in_channel")
	case c.DMWith != "" && s.reachable(c.DMWith) != nil:
		return nil, no("channel_not_found")
	case c.Migrating:
		return nil, no("external_channel_migrating")
	}
	return c, nil
}

// restricted says why the bot may not post in a channel, by the codes of
// docs.slack.dev/reference/methods/chat.postMessage.
func (c *Channel) restricted(thread string) *refusal {
	switch {
	case c.ReadOnly:
		return no("restricted_action_read_only_channel")
	case c.ThreadOnly && thread == "":
		return no("restricted_action_thread_only_channel")
	case c.NoThreads && thread != "":
		return no("restricted_action_non_threadable_channel")
	}
	return nil
}

// The longest texts, in characters. A new message that has no blocks is cut into
// several by Slack's servers when its text is longer than maxPiece
// (github.com/slackapi/java-slack-sdk/issues/704), and loses what is past maxText
// (docs.slack.dev/reference/methods/chat.postMessage). chat.update refuses what is
// longer than maxPiece (docs.slack.dev/reference/methods/chat.update).
const (
	maxText  = 40000
	maxPiece = 4000
)

// content is what a message says.
type content struct {
	text   string
	blocks json.RawMessage
}

// cut is the beginning of a text, at most so many characters, and the rest.
func cut(text string, most int) (begins, rest string) {
	n := 0
	for i := range text {
		if n == most {
			return text[:i], text[i:]
		}
		n++
	}
	return text, ""
}

// pieces are the messages that a content becomes. Slack cuts wherever the limit
// falls, through lines, links and code fences
// (github.com/slack-ruby/slack-ruby-client/issues/259).
func (c content) pieces() []content {
	if string(c.blocks) != "[]" {
		return []content{{text: hold(c.text), blocks: c.blocks}}
	}
	var pieces []content
	for piece, rest := cut(c.text, maxPiece); piece != ""; piece, rest = cut(rest, maxPiece) {
		pieces = append(pieces, content{text: hold(piece), blocks: c.blocks})
	}
	return pieces
}

// post adds a message, as several when it is long, and returns the first.
func (s *Server) post(m Message, says content) *Message {
	var posted *Message
	for _, piece := range says.pieces() {
		m.Text, m.Blocks = piece.text, piece.blocks
		if added := s.add(m); posted == nil {
			posted = added
		}
	}
	return posted
}

func (s *Server) content(a args) (content, *refusal) {
	text, _ := cut(a.get("text"), maxText)
	c := content{text: text, blocks: json.RawMessage(`[]`)}
	if a.get("blocks") != "" {
		v, ok := a.json("blocks")
		if !ok {
			return content{}, no("invalid_blocks_format")
		}
		list, wrong := s.messageBlocks(v)
		if wrong != nil {
			return content{}, no("invalid_blocks", wrong...)
		}
		c.blocks = encode(list)
	}
	if c.text == "" && string(c.blocks) == "[]" {
		return content{}, no("no_text")
	}
	return c, nil
}

// maxBlockText is how many characters the texts of a message's blocks may have
// together. Slack does not document it: bolt-js#2509 met msg_blocks_too_long
// from about 13,200 characters on, bolt-js#2867 at 11,341.
const maxBlockText = 11000

// chatContent is content as the chat methods take it. Response URLs take more.
func (s *Server) chatContent(a args) (content, *refusal) {
	c, refused := s.content(a)
	if v, ok := decode(c.blocks); refused == nil && ok && blockText(v) > maxBlockText {
		return content{}, no("msg_blocks_too_long")
	}
	return c, refused
}

// blockText counts the characters of all texts in a value of JSON.
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
	c, refused := s.postable(a.get("channel"), true)
	if refused != nil {
		return nil, refused
	}
	thread := s.thread(c.ID, a.get("thread_ts"))
	if refused := c.restricted(thread); refused != nil {
		return nil, refused
	}
	says, refused := s.chatContent(a)
	if refused != nil {
		return nil, refused
	}
	m := s.post(Message{Channel: c.ID, ThreadTS: thread}, says)
	return object{"channel": m.Channel, "ts": m.TS, "message": s.wire(m)}, nil
}

// thread is the message that an answer hangs on. An answer to one that does
// not exist stands in the channel.
func (s *Server) thread(channel, ts string) string {
	if m := s.w.message(channel, ts); m == nil || m.Deleted || m.To != "" {
		return ""
	}
	return ts
}

func (s *Server) postEphemeral(a args) (object, *refusal) {
	c, refused := s.postable(a.get("channel"), false)
	if refused != nil {
		return nil, refused
	}
	thread := s.thread(c.ID, a.get("thread_ts"))
	switch {
	case !s.sees(*c, a.get("user")):
		return nil, no("user_not_in_channel")
	case c.restricted(thread) != nil:
		return nil, no("restricted_action") // the one code of its kind that chat.postEphemeral has
	}
	says, refused := s.chatContent(a)
	if refused != nil {
		return nil, refused
	}
	m := s.post(Message{Channel: c.ID, ThreadTS: thread, To: a.get("user")}, says)
	return object{"message_ts": m.TS}, nil
}

// sees reports whether the app can show somebody something in a channel:
// people of other workspaces never.
func (s *Server) sees(c Channel, user string) bool {
	u := s.w.user(user)
	switch {
	case u == nil || u.Deleted || u.Team != s.o.Team:
		return false
	case c.DMWith != "":
		return c.DMWith == user
	}
	return c.Members == nil || slices.Contains(c.Members, user)
}

// own is a message that the app may change; another's gives the code.
func (s *Server) own(a args, others string) (*Message, *refusal) {
	c := s.w.channel(a.get("channel"))
	if c == nil || c.Private && c.BotOut {
		return nil, no("channel_not_found") // a user id is none: the direct channel's id is wanted
	}
	m := s.w.message(c.ID, a.get("ts"))
	switch {
	case m == nil || m.Deleted || m.To != "": // what one person saw cannot be found again
		return nil, no("message_not_found")
	case m.By != "":
		return nil, no(others)
	}
	return m, nil
}

// updateMessage replaces a message. Text without blocks takes the blocks away;
// blocks without text take the text away.
func (s *Server) updateMessage(a args) (object, *refusal) {
	m, refused := s.own(a, "cant_update_message")
	if refused != nil {
		return nil, refused
	}
	switch c := s.w.channel(m.Channel); {
	case c.Archived:
		return nil, no("is_inactive")
	case c.Migrating:
		return nil, no("external_channel_migrating")
	}
	if utf8.RuneCountInString(a.get("text")) > maxPiece {
		return nil, no("msg_too_long")
	}
	says, refused := s.chatContent(a)
	if refused != nil {
		return nil, refused
	}
	m.become(says)
	return object{"channel": m.Channel, "ts": m.TS, "text": m.Text, "message": s.wire(m)}, nil
}

func (m *Message) become(says content) {
	m.History = append(m.History, m.Blocks)
	m.Text, m.Blocks, m.Edited = hold(says.text), says.blocks, true
}

func (s *Server) deleteMessage(a args) (object, *refusal) {
	m, refused := s.own(a, "cant_delete_message")
	if refused != nil {
		return nil, refused
	}
	m.Deleted = true
	return object{"channel": m.Channel, "ts": m.TS}, nil
}

// wire is a message as Slack writes one.
func (s *Server) wire(m *Message) object {
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
