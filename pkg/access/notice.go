package access

import (
	"slices"
	"time"
)

// NoticeKind says what somebody is told.
type NoticeKind string

// The kinds of notices.
const (
	DevicePaired  NoticeKind = "device_paired"  // a computer became their device
	DeviceRemoved NoticeKind = "device_removed" // by its owner, in Slack or with another device
	CodeReused    NoticeKind = "code_reused"    // a used code came from another computer, so its device was removed
	RoleCut       NoticeKind = "role_cut"       // sessions of a grant that goes on were ended with all of their role
)

// Notice is a message to one person that is about no move of a request. One about a device is
// written in the same transaction as what it tells. It stays in the list of the tick until Slack
// has accepted it. It holds no secret.
type Notice struct {
	ID      string // ULID; of RoleCut the id of the grant, so that its requester is told once
	Version int
	To      string // Slack id
	Kind    NoticeKind
	Device  string `json:",omitzero"` // id
	Name    string `json:",omitzero"` // of the device
	At      time.Time
	Expires time.Time `json:",omitzero"` // of the device, when it was paired; of RoleCut the end of the grant

	// Of DevicePaired: where Slack has it, and when the device was removed. Then the message is due once
	// more, because it has a button that removes the device.
	Channel, TS string    `json:",omitzero"`
	Removed     time.Time `json:",omitzero"`

	Account string    `json:",omitzero"` // name, of RoleCut
	Role    string    `json:",omitzero"`
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
	return n.Since(), true
}

// Since returns when what the notice has to say now began to be so.
func (n Notice) Since() time.Time {
	if !n.Removed.IsZero() {
		return n.Removed
	}
	return n.At
}

// AfterRemoval returns the next version of the notice of a pairing when its device was removed. ok is
// false if it says so already.
func (n Notice) AfterRemoval(now time.Time) (next Notice, ok bool) {
	if n.Kind != DevicePaired || !n.Removed.IsZero() {
		return n, false
	}
	n.Version++
	n.Removed = now
	if n.TS != "" {
		n.Sent, n.Owed = time.Time{}, nil
	}
	return n, true
}

// PostedAt returns the next version of the stored notice after Slack has accepted sent, although
// somebody else has changed it meanwhile: the device was removed. So the message is due once more.
func (n Notice) PostedAt(sent Notice) Notice {
	n.Version++
	n.Channel, n.TS, n.Sent, n.Owed = sent.Channel, sent.TS, sent.Sent, sent.Owed
	if n.TS != "" && sent.Removed.IsZero() && !n.Removed.IsZero() {
		n.Sent = time.Time{}
	}
	return n
}

// ToldOfRoleCut returns the notice for the requester of a grant that goes on, if sessions of it
// were ended because the whole role was: those that were ordered before whole. ok is false if
// nobody has to be told: the grant is over, had no such session, or is a machine's.
func (r Request) ToldOfRoleCut(whole, now time.Time) (n Notice, ok bool) {
	ended := slices.ContainsFunc(r.Sessions, func(s Session) bool {
		return s.Ordered.Before(whole) && s.LiveUntil().After(now)
	})
	if !r.Usable(now) || !ended || r.Requester.Machine != nil {
		return Notice{}, false
	}
	return Notice{
		ID: r.ID, Version: 1, To: r.Requester.ID, Kind: RoleCut, At: now, Expires: r.Ends,
		Account: r.AccountName, Role: r.Role,
	}, true
}

func noticeOf(id string, kind NoticeKind, d Device, now time.Time) *Notice {
	n := &Notice{ID: id, Version: 1, To: d.Owner, Kind: kind, Device: d.ID, Name: d.Name, At: now}
	if kind == DevicePaired {
		n.Expires = d.Expires
	}
	return n
}
