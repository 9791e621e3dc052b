package access

import "slices"

// Messages is what was posted to Slack about a request, so that it can be
// brought up to date. It is written by notify alone, on the version before.
type Messages struct {
	Version int
	Posted  []Message
}

// Message is one posted message.
type Message struct {
	Slot    string // what it is for: one message each
	Channel string
	TS      string
	Shows   int // the request's Version that it was last drawn from
}

// Holds reports whether a message is one of these.
func (m Messages) Holds(channel, ts string) bool {
	return slices.ContainsFunc(m.Posted, func(one Message) bool { return one.TS == ts && one.Channel == channel })
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
