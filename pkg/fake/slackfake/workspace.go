package slackfake

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// workspace holds everything in the workspace.
type workspace struct {
	users     userList
	groups    []Group
	channels  []Channel
	messages  []*Message
	views     []*modal
	byKey     map[messageKey]*Message
	triggers  map[string]*trigger
	responses map[string]*responseURL
	calls     map[string][]time.Time // times of the calls that a quota allowed, by quotaKey
	lastTS    time.Time              // time of the last ts; each ts is later than the one before
}

func newWorkspace() *workspace {
	return &workspace{
		byKey:     make(map[messageKey]*Message),
		triggers:  make(map[string]*trigger),
		responses: make(map[string]*responseURL),
		calls:     make(map[string][]time.Time),
	}
}

// number returns the next unused number of this server.
func (s *Server) number() int {
	s.n++
	return s.n
}

// newTS returns a new ts: the time in seconds with six decimals, and unique.
func (s *Server) newTS() string {
	now := s.o.Now().Truncate(time.Microsecond)
	if !now.After(s.w.lastTS) {
		now = s.w.lastTS.Add(time.Microsecond)
	}
	s.w.lastTS = now
	return fmt.Sprintf("%d.%06d", now.Unix(), now.Nanosecond()/1000)
}

func find[T any](list []T, matches func(T) bool) *T {
	if i := slices.IndexFunc(list, matches); i >= 0 {
		return &list[i]
	}
	return nil
}

func (w *workspace) user(id string) *User { return w.users.get(id) }
func (w *workspace) group(id string) *Group {
	return find(w.groups, func(g Group) bool { return g.ID == id })
}
func (w *workspace) channel(id string) *Channel {
	return find(w.channels, func(c Channel) bool { return c.ID == id })
}

// messageKey identifies a message.
type messageKey struct{ channel, ts string }

func (w *workspace) message(channel, ts string) *Message { return w.byKey[messageKey{channel, ts}] }

var (
	userID    = regexp.MustCompile(`^[UW][A-Z0-9]+$`)
	groupID   = regexp.MustCompile(`^S[A-Z0-9]+$`)
	channelID = regexp.MustCompile(`^[CG][A-Z0-9]+$`)
)

// SetUser adds or changes a user.
func (s *Server) SetUser(change UserChange) error {
	if !userID.MatchString(change.ID) {
		return fmt.Errorf("%q is not a user id: U or W, then capital letters and digits", change.ID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.ensureUser(change.ID)
	set(&u.Name, change.Name)
	set(&u.Email, change.Email)
	set(&u.Team, change.Team)
	set(&u.Enterprise, change.Enterprise)
	set(&u.ActsFrom, change.ActsFrom)
	set(&u.Restricted, change.Restricted)
	set(&u.UltraRestricted, change.UltraRestricted)
	set(&u.Bot, change.Bot)
	set(&u.Deleted, change.Deleted)
	set(&u.EmailConfirmed, change.EmailConfirmed)
	return nil
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

// ensureUser returns a user, and adds a full member if there is none of that id.
func (s *Server) ensureUser(id string) *User {
	if known := s.w.user(id); known != nil {
		return known
	}
	return s.w.users.add(User{
		ID: id, Name: strings.ToLower(id), Team: s.o.Team, Enterprise: s.o.Enterprise, EmailConfirmed: true,
	})
}

// SetGroup sets the members of a user group, and creates the group if there is
// none of that id. Unknown members become full members of the workspace.
func (s *Server) SetGroup(id string, members []string) error {
	if !groupID.MatchString(id) {
		return fmt.Errorf("%q is not a user group id: S, then capital letters and digits", id)
	}
	for _, m := range members {
		if !userID.MatchString(m) {
			return fmt.Errorf("group %s: %q is not a user id: U or W, then capital letters and digits", id, m)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range members {
		s.ensureUser(m)
	}
	if s.w.group(id) == nil {
		s.w.groups = append(s.w.groups, Group{ID: id, Handle: strings.ToLower(id)})
	}
	g := s.w.group(id)
	g.Members, g.Disabled = slices.Clone(members), false
	return nil
}

// RemoveGroup removes a user group.
func (s *Server) RemoveGroup(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w.groups = slices.DeleteFunc(s.w.groups, func(g Group) bool { return g.ID == id })
}

// DisableGroup disables a user group; SetGroup enables it again.
func (s *Server) DisableGroup(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.w.group(id); g != nil {
		g.Disabled = true
	}
}

// SetChannel adds or replaces a channel.
func (s *Server) SetChannel(c Channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.w.channel(c.ID); old != nil {
		*old = c
		return
	}
	s.w.channels = append(s.w.channels, c)
}

// ChangeChannel adds or changes a channel.
func (s *Server) ChangeChannel(change ChannelChange) error {
	if !channelID.MatchString(change.ID) {
		return fmt.Errorf("%q is not a channel id: C or G, then capital letters and digits", change.ID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.w.channel(change.ID)
	if c == nil {
		s.w.channels = append(s.w.channels, Channel{ID: change.ID, Name: strings.ToLower(change.ID)})
		c = s.w.channel(change.ID)
	}
	set(&c.Name, change.Name)
	set(&c.Private, change.Private)
	set(&c.Archived, change.Archived)
	set(&c.BotOut, change.BotOut)
	set(&c.ReadOnly, change.ReadOnly)
	set(&c.ThreadOnly, change.ThreadOnly)
	set(&c.NoThreads, change.NoThreads)
	set(&c.Migrating, change.Migrating)
	return nil
}

// Users returns all users in the order in which they were added.
func (s *Server) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.w.users.all())
}

// User returns one user; ok is false if there is none of that id.
func (s *Server) User(id string) (u User, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.w.user(id); found != nil {
		return *found, true
	}
	return User{}, false
}

// Groups returns the user groups in the order in which they were added.
func (s *Server) Groups() []Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups := slices.Clone(s.w.groups)
	for i := range groups {
		groups[i].Members = slices.Clone(groups[i].Members)
	}
	return groups
}

// Channels returns the channels in the order in which they were added.
func (s *Server) Channels() []Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.w.channels)
}

// Messages returns the current messages, oldest first, without deleted ones.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	messages := make([]Message, 0, len(s.w.messages))
	for _, m := range s.w.messages {
		if !m.Deleted {
			messages = append(messages, m.copy())
		}
	}
	return messages
}

func (m *Message) copy() Message {
	c := *m
	c.History = slices.Clone(m.History)
	return c
}

// Message returns one message; ok is false if there never was one.
func (s *Server) Message(channel, ts string) (m Message, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.w.message(channel, ts); found != nil {
		return found.copy(), true
	}
	return Message{}, false
}

// Views returns the open views, oldest first.
func (s *Server) Views() []View {
	s.mu.Lock()
	defer s.mu.Unlock()
	views := make([]View, 0, len(s.w.views))
	for _, v := range s.w.views {
		if !v.Closed {
			views = append(views, v.copy())
		}
	}
	return views
}

// View returns one view, open or closed; ok is false if there never was one.
func (s *Server) View(id string) (v View, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.w.view(id); found != nil {
		return found.copy(), true
	}
	return View{}, false
}

func (m *modal) copy() View {
	v := m.View
	v.Errors = maps.Clone(v.Errors)
	v.State = make(State, len(m.State))
	for block, actions := range m.State {
		v.State[block] = maps.Clone(actions)
	}
	return v
}

// PostAs adds a message that a user wrote, and returns its ts.
func (s *Server) PostAs(user, channel, text string) (ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.add(Message{Channel: channel, By: user, Text: normaliseMrkdwn(text)})
	return m.TS
}

// add stores a new message and sets its TS and DMWith.
func (s *Server) add(m Message) *Message {
	m.TS = s.newTS()
	if m.Blocks == nil {
		m.Blocks = json.RawMessage(`[]`)
	}
	if c := s.w.channel(m.Channel); c != nil {
		m.DMWith = c.DMWith
	}
	s.w.messages = append(s.w.messages, &m)
	s.w.byKey[messageKey{m.Channel, m.TS}] = &m
	return &m
}
