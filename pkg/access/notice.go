package access

import "time"

// NoticeKind says what somebody is told.
type NoticeKind string

// The kinds of notices.
const (
	DevicePaired  NoticeKind = "device_paired"  // a computer became their device
	DeviceRemoved NoticeKind = "device_removed" // by its owner, in Slack or with another device
	CodeReused    NoticeKind = "code_reused"    // a used code came from another computer, so its device was removed
)

// Notice is a message to one person that is about no request. It is written in the same
// transaction as what it tells, and stays in the list of the tick until Slack has accepted
// it. It holds no secret.
type Notice struct {
	ID      string // ULID
	Version int
	To      string // Slack id
	Kind    NoticeKind
	Device  string // id
	Name    string `json:",omitzero"` // of the device
	At      time.Time
	Expires time.Time `json:",omitzero"` // of the device, when it was paired
	Sent    time.Time `json:",omitzero"` // when Slack accepted it, or it was given up
	Owed    *Owed     `json:",omitzero"` // set while Slack has not accepted it after the first try
}

// Due returns when the notice may be posted; ok is false if it was posted or given up.
func (n Notice) Due() (at time.Time, ok bool) {
	switch {
	case !n.Sent.IsZero():
		return time.Time{}, false
	case n.Owed != nil:
		return n.Owed.Next, true
	}
	return n.At, true
}

func noticeOf(id string, kind NoticeKind, d Device, now time.Time) *Notice {
	n := &Notice{ID: id, Version: 1, To: d.Owner, Kind: kind, Device: d.ID, Name: d.Name, At: now}
	if kind == DevicePaired {
		n.Expires = d.Expires
	}
	return n
}
