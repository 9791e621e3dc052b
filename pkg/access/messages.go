package access

import (
	"slices"
	"time"
)

// Messages are the messages that were posted to Slack about a request, so that
// they can be updated, and those that Slack has not accepted yet. Notify and tick
// write it, on condition of the version that they read.
type Messages struct {
	Version int
	Posted  []Message
	Owed    []Owed `json:",omitzero"`
}

// Message is one posted message.
type Message struct {
	Slot    string // its purpose; there is one message for each slot
	Channel string
	TS      string
	Shows   int // the request's Version that it was last drawn from
}

// Holds reports whether a message is one of the posted ones.
func (m Messages) Holds(channel, ts string) bool {
	return slices.ContainsFunc(m.Posted, func(one Message) bool { return one.TS == ts && one.Channel == channel })
}

// Owed is a message that Slack did not accept, new or updated. Each retry draws it
// from the request as it is then, so Owed has no text.
type Owed struct {
	Slot    string
	Channel string    // where it goes; a person's id for a direct message
	Event   *Event    `json:",omitzero"` // of a message about one event
	Since   time.Time // when it first failed
	Next    time.Time // when to retry, at the earliest
	Tries   int
	Claim   string `json:",omitzero"` // of the invocation that may be posting it now
	Class   string // of the last error, see pkg/slackapi
	Code    string `json:",omitzero"` // Slack's
}

// At returns the message in a slot, nil if there is none yet. The pointer is
// into Posted.
func (m *Messages) At(slot string) *Message {
	for i := range m.Posted {
		if m.Posted[i].Slot == slot {
			return &m.Posted[i]
		}
	}
	return nil
}

// Owes returns the owed message of a slot, nil if there is none. The pointer is
// into Owed.
func (m *Messages) Owes(slot string) *Owed {
	for i := range m.Owed {
		if m.Owed[i].Slot == slot {
			return &m.Owed[i]
		}
	}
	return nil
}

// Owe adds the owed message of a slot, or replaces it.
func (m *Messages) Owe(o Owed) {
	m.Owed = slices.Clone(m.Owed)
	if known := m.Owes(o.Slot); known != nil {
		*known = o
		return
	}
	m.Owed = append(m.Owed, o)
}

// Show records the message of a slot, and that nothing is owed there any more. If
// the slot has a message already, that one stays. Shows never goes down.
func (m *Messages) Show(shown Message) {
	m.Drop(shown.Slot)
	m.Posted = slices.Clone(m.Posted)
	if known := m.At(shown.Slot); known != nil {
		known.Shows = max(known.Shows, shown.Shows)
		return
	}
	m.Posted = append(m.Posted, shown)
}

// Drop removes the owed message of a slot.
func (m *Messages) Drop(slot string) {
	m.Owed = slices.DeleteFunc(slices.Clone(m.Owed), func(o Owed) bool { return o.Slot == slot })
	if len(m.Owed) == 0 {
		m.Owed = nil
	}
}

// Due returns when the first owed message may be retried; ok is false if nothing
// is owed.
func (m Messages) Due() (due time.Time, ok bool) {
	for _, o := range m.Owed {
		if !ok || o.Next.Before(due) {
			due, ok = o.Next, true
		}
	}
	return due, ok
}
