package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Device is a key pair on somebody's computer, which was paired by a code from Slack. It
// can ask for access and use it in its owner's name, and it never approves.
type Device struct {
	Version int
	ID      string // RFC 7638 thumbprint of its key
	Key     string // the public key, as a JWK
	Owner   string // Slack id
	Name    string `json:",omitzero"` // what the computer calls itself; only shown
	Code    string // the public half of the code that paired it
	Paired  time.Time
	Expires time.Time
	Removed time.Time `json:",omitzero"` // zero while it is a device
	Notice  string    `json:",omitzero"` // id of the notice of its pairing; "" if an older version paired it
}

// PairingCode is a code that somebody was given in Slack. Only the public half of the key
// that is derived from it is stored.
type PairingCode struct {
	Version int
	Key     string // Ed25519 public key, in base64url
	Owner   string // Slack id
	Expires time.Time
	Device  string `json:",omitzero"` // the device that it paired; "" while it is unused
}

// DeviceList is what one person has: devices and unused codes. Every change of a device or
// a code writes it too, on condition of the version that was read, so that the limits hold
// even if many are sent at once. So its devices are always the stored ones.
type DeviceList struct {
	Version int
	Owner   string               // Slack id
	Devices []Device             `json:",omitzero"` // that are not removed; some may have expired
	Codes   map[string]time.Time `json:",omitzero"` // unused codes: when they expire, by key
	Orders  []UsedOrder          `json:",omitzero"` // orders of the slack function, which work once
}

// DeviceChange is one move of a person's devices. It is written in one transaction, each
// part on condition of its version before.
type DeviceChange struct {
	List    DeviceList
	Devices []Device     // that are new or removed
	Code    *PairingCode // that is new or used up; nil for none
	Notice  *Notice      // what its owner is told; nil for nothing
	Told    []Notice     // notices of the pairing of devices that are removed, which say so from now on
}

// DeviceTerms are what the policy says about the devices of people. The zero value switches
// them off.
type DeviceTerms struct {
	For  time.Duration // how long a device stays paired
	Most int           // devices of one person
}

// Limits of pairing.
const (
	// PairingCodeLife is how long a code can be used, once.
	PairingCodeLife = 10 * time.Minute
	// MaxCodes is how many unused codes one person may have. The oldest one stops working
	// when there is another one.
	MaxCodes = 3
	// MaxCodeOrders is how many codes one person may be given within UsedOrderLife. It limits
	// the stored list.
	MaxCodeOrders = 20
)

// DeviceVerb is what an order wants to be done.
type DeviceVerb string

// The orders about devices.
const (
	PairDevice   DeviceVerb = "pair"   // give a code
	ListDevices  DeviceVerb = "list"   // show the devices
	RemoveDevice DeviceVerb = "remove" // remove one
)

// DeviceOrder asks the vend function to do something about the devices of the person who
// typed a command or clicked. The answer always goes to that person in Slack.
type DeviceOrder struct {
	Do     DeviceVerb `json:"do"`
	ID     string     `json:"id"` // one for each command or click
	By     string     `json:"by"` // Slack id
	Device string     `json:"device,omitempty"`
	At     time.Time  `json:"at"`
}

// Check returns ErrBadOrder if the slack function cannot have made this order. Its text
// never contains the value of a field.
func (o DeviceOrder) Check() error {
	switch {
	case o.Do != PairDevice && o.Do != ListDevices && o.Do != RemoveDevice:
		return fmt.Errorf("%w: it is not known what to do about devices", ErrBadOrder)
	case o.ID == "" || len(o.ID) > MaxOrderField || strings.Trim(o.ID, capitals+letters+"._=:-") != "":
		return fmt.Errorf("%w: its id is missing, too long or malformed", ErrBadOrder)
	case len(o.By) > MaxOrderField || !IsPerson(o.By):
		return fmt.Errorf("%w: it does not say who made it", ErrBadOrder)
	case o.Do == RemoveDevice != (o.Device != "") || o.Device != "" && !IsDevice(o.Device):
		return fmt.Errorf("%w: its device is missing, malformed or too much", ErrBadOrder)
	case o.At.IsZero():
		return fmt.Errorf("%w: it has no time", ErrBadOrder)
	}
	return nil
}

// CheckAge refuses an order that is too old, or from the future.
//
// Refusals: order_late.
func (o DeviceOrder) CheckAge(now time.Time) error {
	if age := now.Sub(o.At); age >= OrderLife || age <= -OrderLife {
		return RefuseOrderLate()
	}
	return nil
}

// deviceForm is the form of a thumbprint: 32 bytes in base64url.
var deviceForm = formOf(`^[A-Za-z0-9_-]{43}$`)

// IsDevice reports whether text has the form of a device's id.
func IsDevice(text string) bool { return deviceForm.match(text) }

// ShortDevice is the beginning of a device's id, which tells people their devices apart.
func ShortDevice(id string) string {
	const shown = 8
	return id[:min(len(id), shown)]
}

// Check refuses a device that cannot be used at now. The zero value is no device. The relay
// asks it; vend asks CheckUnder, which decides.
//
// Refusals: unknown_device, device_removed, device_expired.
func (d Device) Check(now time.Time) error {
	switch {
	case d.ID == "" || d.Owner == "":
		return RefuseUnknownDevice()
	case !d.Removed.IsZero():
		return RefuseRemovedDevice()
	case !now.Before(d.Expires):
		return RefuseExpiredDevice(d.Expires)
	}
	return nil
}

// CheckUnder refuses a device that cannot be used at now under today's policy. That can end
// it earlier than the policy of the day on which it was paired, and never later.
//
// Refusals: those of Check, devices_off.
func (d Device) CheckUnder(terms DeviceTerms, now time.Time) error {
	if err := d.Check(now); err != nil {
		return err
	}
	switch {
	case terms.off():
		return RefuseDevicesOff()
	case !now.Before(d.Until(terms)):
		return RefuseExpiredDevice(d.Until(terms))
	}
	return nil
}

func (t DeviceTerms) off() bool { return t.For <= 0 || t.Most <= 0 }

// Until is when the device ends under these terms.
func (d Device) Until(terms DeviceTerms) time.Time {
	if end := d.Paired.Add(terms.For); end.Before(d.Expires) {
		return end
	}
	return d.Expires
}

// Living returns the devices that can make calls at now, the newest first.
func (l DeviceList) Living(terms DeviceTerms, now time.Time) (living []Device) {
	for _, d := range l.Devices {
		if d.CheckUnder(terms, now) == nil {
			living = append(living, d)
		}
	}
	slices.SortStableFunc(living, func(a, b Device) int { return b.Paired.Compare(a.Paired) })
	return living
}

// Device returns the device with this id; it is zero if the list has none.
func (l DeviceList) Device(id string) Device {
	for _, d := range l.Devices {
		if d.ID == id {
			return d
		}
	}
	return Device{}
}

// Issue gives a person a code, of which only the key is stored. An order works once.
//
// Refusals: those of Person.Refused, devices_off, order_repeated, order_late,
// too_many_codes, too_many_devices.
func (l DeviceList) Issue(
	by Person, o DeviceOrder, key string, terms DeviceTerms, now time.Time,
) (DeviceChange, error) {
	if refusal := by.Refused(); refusal != nil {
		return DeviceChange{}, refusal
	}
	next := l.pruned(by.ID, now)
	switch {
	case terms.off():
		return DeviceChange{}, RefuseDevicesOff()
	case slices.ContainsFunc(next.Orders, func(used UsedOrder) bool { return used.Order == o.ID }):
		return DeviceChange{}, RefuseOrderRepeated()
	case o.CheckAge(now) != nil:
		return DeviceChange{}, o.CheckAge(now)
	case len(next.Orders) >= MaxCodeOrders:
		return DeviceChange{}, RefuseTooManyCodes(next.Orders[0].At.Add(UsedOrderLife))
	case len(next.Living(terms, now)) >= terms.Most:
		return DeviceChange{}, RefuseTooManyDevices(terms.Most)
	}
	code := PairingCode{Version: 1, Key: key, Owner: by.ID, Expires: now.Add(PairingCodeLife)}
	for len(next.Codes) >= MaxCodes {
		delete(next.Codes, next.oldestCode())
	}
	next.Codes[key] = code.Expires
	next.Orders = append(next.Orders, UsedOrder{Order: o.ID, At: now})
	return DeviceChange{List: next, Code: &code}, nil
}

func (l DeviceList) oldestCode() string {
	return slices.MinFunc(slices.Sorted(maps.Keys(l.Codes)), func(a, b string) int {
		return l.Codes[a].Compare(l.Codes[b])
	})
}

// Pair uses a code up, and makes the device of its owner. The caller has verified that the
// holder of the code and of the device's key made the call. Of d it takes ID, Key and Name.
//
// Refusals: those of Person.Refused, devices_off, code_used, code_expired, unknown_code,
// too_many_devices.
func (l DeviceList) Pair(
	by Person, c PairingCode, d Device, terms DeviceTerms, notice string, now time.Time,
) (DeviceChange, error) {
	if refusal := by.Refused(); refusal != nil {
		return DeviceChange{}, refusal
	}
	next := l.pruned(by.ID, now)
	_, unused := next.Codes[c.Key]
	switch {
	case terms.off():
		return DeviceChange{}, RefuseDevicesOff()
	case c.Device != "":
		return DeviceChange{}, RefuseCodeUsed()
	case c.Owner != by.ID:
		return DeviceChange{}, RefuseUnknownCode()
	case !now.Before(c.Expires):
		return DeviceChange{}, RefuseCodeExpired()
	case !unused: // newer ones have replaced it, or all of the person's were removed
		return DeviceChange{}, RefuseUnknownCode()
	case len(next.Living(terms, now)) >= terms.Most:
		return DeviceChange{}, RefuseTooManyDevices(terms.Most)
	}
	paired := Device{
		Version: 1, ID: d.ID, Key: d.Key, Name: d.Name, Owner: by.ID, Code: c.Key, Paired: now, Expires: now.Add(terms.For),
		Notice: notice,
	}
	c.Version++
	c.Device = paired.ID
	delete(next.Codes, c.Key)
	next.Devices = append(next.Devices, paired)
	return DeviceChange{
		List: next, Devices: []Device{paired}, Code: &c, Notice: noticeOf(notice, DevicePaired, paired, now),
	}, nil
}

// Remove removes a device, and tells its owner why. It decides that nobody removes a device
// of somebody else: the list is that of the person who asks.
//
// Refusals: not_your_device.
func (l DeviceList) Remove(id string, why NoticeKind, notice string, now time.Time) (DeviceChange, error) {
	i := slices.IndexFunc(l.Devices, func(d Device) bool { return d.ID == id })
	if i < 0 {
		return DeviceChange{}, RefuseNotYourDevice()
	}
	removed := l.Devices[i].removed(now)
	next := l.pruned(l.Owner, now)
	next.Devices = slices.DeleteFunc(next.Devices, func(d Device) bool { return d.ID == id })
	return DeviceChange{List: next, Devices: []Device{removed}, Notice: noticeOf(notice, why, removed, now)}, nil
}

// RemoveAll removes everything that a person has, such as when they have left: devices and
// unused codes. ok is false if there is nothing.
func (l DeviceList) RemoveAll(now time.Time) (change DeviceChange, ok bool) {
	if len(l.Devices) == 0 && len(l.Codes) == 0 {
		return DeviceChange{}, false
	}
	next := l.pruned(l.Owner, now)
	next.Devices, next.Codes = nil, nil
	for _, d := range l.Devices {
		change.Devices = append(change.Devices, d.removed(now))
	}
	change.List = next
	return change, true
}

func (d Device) removed(now time.Time) Device {
	d.Version++
	d.Removed = now
	return d
}

// pruned returns the next version of the list, without what has expired.
func (l DeviceList) pruned(owner string, now time.Time) DeviceList {
	next := DeviceList{Version: l.Version + 1, Owner: owner, Codes: make(map[string]time.Time)}
	for _, d := range l.Devices {
		if now.Before(d.Expires) {
			next.Devices = append(next.Devices, d)
		}
	}
	for key, expires := range l.Codes {
		if now.Before(expires) {
			next.Codes[key] = expires
		}
	}
	for _, o := range l.Orders {
		if now.Sub(o.At) < UsedOrderLife {
			next.Orders = append(next.Orders, o)
		}
	}
	return next
}
