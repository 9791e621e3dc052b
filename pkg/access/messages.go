package access

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
