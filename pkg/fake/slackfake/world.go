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

// world is what a workspace holds.
type world struct {
	users     people
	groups    []Group
	channels  []Channel
	messages  []*Message
	views     []*modal
	at        map[spot]*Message // messages by where they stand
	triggers  map[string]*trigger
	responses map[string]*responseURL
	calls     map[string][]time.Time // that a quota let through, by what shares it
	last      time.Time              // of the last ts: each is later than the one before
}

func newWorld() *world {
	return &world{
		at: make(map[spot]*Message), triggers: make(map[string]*trigger), responses: make(map[string]*responseURL),
		calls: make(map[string][]time.Time),
	}
}

// number makes the next of this server's numbers.
func (s *Server) number() int {
	s.n++
	return s.n
}

// stamp is a new ts: the time in seconds, to the microsecond, and unique.
func (s *Server) stamp() string {
	now := s.o.Now().Truncate(time.Microsecond)
	if !now.After(s.w.last) {
		now = s.w.last.Add(time.Microsecond)
	}
	s.w.last = now
	return fmt.Sprintf("%d.%06d", now.Unix(), now.Nanosecond()/1000)
}

func find[T any](list []T, is func(T) bool) *T {
	if i := slices.IndexFunc(list, is); i >= 0 {
		return &list[i]
	}
	return nil
}

func (w *world) user(id string) *User { return w.users.get(id) }
func (w *world) group(id string) *Group {
	return find(w.groups, func(g Group) bool { return g.ID == id })
}
func (w *world) channel(id string) *Channel {
	return find(w.channels, func(c Channel) bool { return c.ID == id })
}

// spot is where a message stands.
type spot struct{ channel, ts string }

func (w *world) message(channel, ts string) *Message { return w.at[spot{channel, ts}] }

var (
	userID  = regexp.MustCompile(`^[UW][A-Z0-9]+$`)
	groupID = regexp.MustCompile(`^S[A-Z0-9]+$`)

	channelID = regexp.MustCompile(`^[CG][A-Z0-9]+$`)
)

// SetUser adds or changes somebody.
func (s *Server) SetUser(change UserChange) error {
	if !userID.MatchString(change.ID) {
		return fmt.Errorf("%q is no user id: U or W, then capital letters and digits", change.ID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.meet(change.ID)
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

// meet returns a user, who is a full member if never seen before.
func (s *Server) meet(id string) *User {
	if known := s.w.user(id); known != nil {
		return known
	}
	return s.w.users.add(User{
		ID: id, Name: strings.ToLower(id), Team: s.o.Team, Enterprise: s.o.Enterprise, EmailConfirmed: true,
	})
}

// SetGroup gives a user group these members, and makes it if need be. Members
// who were never seen become full members of the workspace.
func (s *Server) SetGroup(id string, members []string) error {
	if !groupID.MatchString(id) {
		return fmt.Errorf("%q is no user group id: S, then capital letters and digits", id)
	}
	for _, m := range members {
		if !userID.MatchString(m) {
			return fmt.Errorf("group %s: %q is no user id: U or W, then capital letters and digits", id, m)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range members {
		s.meet(m)
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

// DisableGroup switches a user group off; SetGroup switches it on again.
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
		return fmt.Errorf("%q is no channel id: C or G, then capital letters and digits", change.ID)
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

// Users are all users, in the order in which they came.
func (s *Server) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.w.users.all())
}

// User returns one user; ok is false if nobody has that id.
func (s *Server) User(id string) (u User, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.w.user(id); found != nil {
		return *found, true
	}
	return User{}, false
}

// Groups are the user groups, in the order in which they came.
func (s *Server) Groups() []Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	groups := slices.Clone(s.w.groups)
	for i := range groups {
		groups[i].Members = slices.Clone(groups[i].Members)
	}
	return groups
}

// Channels are the channels, in the order in which they came.
func (s *Server) Channels() []Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.w.channels)
}

// Messages are the messages as they stand now, oldest first.
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

// Views are the open views, oldest first.
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

// PostAs lets somebody write a message, and returns its ts.
func (s *Server) PostAs(user, channel, text string) (ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.add(Message{Channel: channel, By: user, Text: hold(text)})
	return m.TS
}

// add keeps a new message; ts and dm_with are filled in.
func (s *Server) add(m Message) *Message {
	m.TS = s.stamp()
	if m.Blocks == nil {
		m.Blocks = json.RawMessage(`[]`)
	}
	if c := s.w.channel(m.Channel); c != nil {
		m.DMWith = c.DMWith
	}
	s.w.messages = append(s.w.messages, &m)
	s.w.at[spot{m.Channel, m.TS}] = &m
	return &m
}
