package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Devices, pairing codes and lists of devices are in a table of their own, which only vend
// writes. Its items have the form of those in the main table. Each is one item, so the sort
// keys are constant.
const (
	DeviceSort = "device"
	CodeSort   = "code"
	OwnerSort  = "owner"
)

// DeviceKey returns the partition key of a device.
func DeviceKey(id string) string { return "device#" + id }

// CodeKey returns the partition key of a pairing code.
func CodeKey(key string) string { return "code#" + key }

// OwnerKey returns the partition key of a person's list of devices.
func OwnerKey(owner string) string { return "owner#" + owner }

// NoticeKey returns the partition key of a notice, in the main table.
func NoticeKey(id string) string { return "notice#" + id }

// Unsent is the State of a notice that Slack has not accepted. No request has this state.
const Unsent = "notice"

// DeviceKept is the minimum time for which a device is kept after it was removed or has
// expired, and its code with it. Until then it is known what a session's device was, and a
// code that comes again removes what it made.
const DeviceKept = 90 * 24 * time.Hour

// NoticeKept is the minimum time for which a notice is kept after it was sent.
const NoticeKept = 90 * 24 * time.Hour

// DeviceItems returns the items that one move of a person's devices writes in one
// transaction: into the table of devices and, if there is a notice, into the main table. It
// refuses parts that belong to somebody else.
func DeviceItems(c access.DeviceChange, now time.Time) (devices, main []Item, err error) {
	if c.List.Version < 1 || c.List.Owner == "" {
		return nil, nil, errors.New("the list of devices has no version or no owner")
	}
	list, err := newItem(OwnerKey(c.List.Owner), OwnerSort, c.List)
	list.Version, list.ExpiresAt = c.List.Version, now.Add(DeviceKept)
	failed := []error{err}
	for _, d := range c.List.Devices {
		list.ExpiresAt = latest(list.ExpiresAt, keptUntil(d))
	}
	devices = append(devices, list)
	for _, d := range c.Devices {
		item, err := newItem(DeviceKey(d.ID), DeviceSort, d)
		item.Version, item.ExpiresAt = d.Version, keptUntil(d)
		failed = append(failed, err, ownedBy(c.List, "device", d.Owner))
		devices = append(devices, item)
	}
	if c.Code != nil {
		item, err := newItem(CodeKey(c.Code.Key), CodeSort, *c.Code)
		item.Version, item.ExpiresAt = c.Code.Version, c.Code.Expires.Add(OnceLife)
		for _, d := range c.Devices {
			if d.ID == c.Code.Device {
				item.ExpiresAt = latest(item.ExpiresAt, keptUntil(d))
			}
		}
		failed = append(failed, err, ownedBy(c.List, "code", c.Code.Owner))
		devices = append(devices, item)
	}
	if c.Notice != nil {
		item, err := NoticeItem(*c.Notice)
		failed = append(failed, err, ownedBy(c.List, "notice", c.Notice.To))
		main = append(main, item)
	}
	for _, n := range c.Told {
		item, err := NoticeItem(n)
		failed = append(failed, err, ownedBy(c.List, "notice", n.To))
		main = append(main, item)
	}
	return devices, main, errors.Join(failed...)
}

// Pairs reports whether a change pairs a device, and must therefore not be saved while everything
// is frozen.
func Pairs(c access.DeviceChange) bool {
	return slices.ContainsFunc(c.Devices, func(d access.Device) bool { return d.Version == 1 && d.Removed.IsZero() })
}

func ownedBy(l access.DeviceList, what, owner string) error {
	if owner != l.Owner {
		return fmt.Errorf("the %s is one of %q, and the list one of %q", what, owner, l.Owner)
	}
	return nil
}

func keptUntil(d access.Device) time.Time { return latest(d.Expires, d.Removed).Add(DeviceKept) }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// NoticeItem returns the stored form of a notice.
func NoticeItem(n access.Notice) (Item, error) {
	item, err := newItem(NoticeKey(n.ID), NoticeSort, n)
	item.Version = n.Version
	if due, unsent := n.Due(); unsent {
		item.State, item.Due = Unsent, due
	} else {
		item.ExpiresAt = n.Sent.Add(NoticeKept)
	}
	return item, err
}
