package access

import "time"

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
}

// Check refuses a device that cannot be used at now. The zero value is no device.
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

// PairingCode is a code that somebody was given in Slack. Only the public half of the key
// that is derived from it is stored.
type PairingCode struct {
	Version int
	Key     string // Ed25519 public key, in base64url
	Owner   string // Slack id
	Expires time.Time
	Device  string `json:",omitzero"` // the device that it paired; "" while it is unused
}

// PairingCodeLife is how long a code can be used, once.
const PairingCodeLife = 10 * time.Minute

// DeviceList is what one person has: devices and unused codes. Every change of a device or
// a code writes it too, on condition of the version that was read, so that the limits hold
// even if many are sent at once.
type DeviceList struct {
	Version int
	Owner   string            // Slack id
	Devices []Device          `json:",omitzero"` // that are not removed; some may have expired
	Codes   map[string]string `json:",omitzero"` // unused codes: when they expire (RFC 3339), by key
	Orders  []UsedOrder       `json:",omitzero"` // orders of the slack function, which work once
}
