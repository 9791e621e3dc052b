package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws-access/aws-access/pkg/access"
)

type pairStore interface {
	deviceStore
	// PairingCode and DeviceList read consistently; zero means that there is none.
	PairingCode(ctx context.Context, key string) (access.PairingCode, error)
	DeviceList(ctx context.Context, owner string) (access.DeviceList, error)
	// SaveDevices writes a change in one transaction, each part on condition of its version
	// before.
	SaveDevices(ctx context.Context, change access.DeviceChange) error
	Notice(ctx context.Context, id string) (access.Notice, error)
}

type askReader interface {
	LoadForSubmit(ctx context.Context, user, once string) (access.Directory, access.Asker, error)
	Requests(ctx context.Context, ids []string) ([]access.Request, error)
}

// Pair is the step of people's devices: giving codes, pairing, listing and removing. Only
// the vend function takes it.
type Pair struct {
	Step
	Devices pairStore
	Asks    askReader
	NewID   func() string // a new ULID
}

// Pairing is a verified call that wants to make its key a device: the holder of the code and
// of the key have both signed it.
type Pairing struct {
	Device string // thumbprint of the key
	Key    string // the public key, as a JWK
	Code   string // public half of the code's key
	Name   string // what the computer calls itself
}

// Terms are what the policy says about devices.
func (s Pair) Terms() access.DeviceTerms {
	d := s.Policy.Settings().Devices
	return access.DeviceTerms{For: d.For, Most: d.Limit}
}

// NewCode gives the person who made an order a code, of which it stores only the public
// half, key. It asks Slack whether the person is a full member, after what needs no call to
// Slack, so that a flood of orders does not use up Slack's rate limit.
//
// Refusals: those of DeviceList.Issue, busy. Other errors: access.ErrBadOrder.
func (s Pair) NewCode(ctx context.Context, o access.DeviceOrder, key string) error {
	if err := o.Check(); err != nil {
		return err
	}
	var who access.Person
	return s.change(ctx, func() (access.DeviceChange, error) {
		l, err := s.list(ctx, o.By)
		if err != nil {
			return access.DeviceChange{}, err
		}
		if _, done := l.Codes[key]; done { // an earlier try has written it
			return access.DeviceChange{}, errNoChange
		}
		member := access.Person{ID: o.By, Membership: access.Member}
		if _, err := l.Issue(member, o, key, s.Terms(), s.Now()); err != nil {
			return access.DeviceChange{}, err
		}
		if who, err = s.ask(ctx, who, o.By); err != nil {
			return access.DeviceChange{}, err
		}
		return l.Issue(who, o, key, s.Terms(), s.Now())
	})
}

// Pair makes a key a device of the person who was given the code, and uses the code up. The
// same call made again returns the same device.
//
// A used code that comes with another key was seen by somebody else. It is not known which
// of the two computers is that person's, so the device is removed, and its owner told.
//
// Refusals: those of Person.Refused, Device.CheckUnder and DeviceList.Pair, unknown_code,
// code_used, known_key, busy.
func (s Pair) Pair(ctx context.Context, in Pairing) (device access.Device, owner access.Person, err error) {
	reused, notice := "", s.NewID()
	err = s.change(ctx, func() (access.DeviceChange, error) {
		code, err := s.Devices.PairingCode(ctx, in.Code)
		switch {
		case err != nil:
			return access.DeviceChange{}, fmt.Errorf("load a pairing code: %w", err)
		case code.Key == "":
			return access.DeviceChange{}, access.RefuseUnknownCode()
		case code.Device != "" && code.Device != in.Device:
			reused = code.Device
			owner.ID = code.Owner
			return s.reuse(ctx, code, notice)
		}
		known, err := s.Devices.Device(ctx, in.Device)
		if err != nil {
			return access.DeviceChange{}, fmt.Errorf("load a device: %w", err)
		}
		if owner, err = s.ask(ctx, owner, code.Owner); err != nil {
			return access.DeviceChange{}, err
		}
		if code.Device == in.Device {
			device = known
			return access.DeviceChange{}, access.Join(known.CheckUnder(s.Terms(), s.Now()), errNoChange)
		}
		change, err := s.pair(ctx, in, owner, code, known, notice)
		if err == nil {
			device = change.Devices[0]
		}
		return change, err
	})
	if reused != "" && (err == nil || access.Code(err) == access.CodeCodeUsed) {
		return access.Device{}, owner, access.Join(access.RefuseCodeUsed(), s.endGrants(ctx, owner.ID, reused))
	}
	return device, owner, err
}

func (s Pair) pair(
	ctx context.Context, in Pairing, owner access.Person, code access.PairingCode, known access.Device, notice string,
) (access.DeviceChange, error) {
	if known.ID != "" {
		return access.DeviceChange{}, access.RefuseKnownKey()
	}
	l, err := s.list(ctx, code.Owner)
	if err != nil {
		return access.DeviceChange{}, err
	}
	if _, unused := l.Codes[code.Key]; !unused && s.usedMeanwhile(ctx, code) {
		return access.DeviceChange{}, access.ErrStale
	}
	d := access.Device{ID: in.Device, Key: in.Key, Name: in.Name}
	return l.Pair(owner, code, d, s.Terms(), notice, s.Now())
}

// usedMeanwhile reports whether another computer has used a code up between the reading of
// the code and of the list. Then both have to be read again.
func (s Pair) usedMeanwhile(ctx context.Context, code access.PairingCode) bool {
	now, err := s.Devices.PairingCode(ctx, code.Key)
	return err == nil && now.Device != ""
}

// reuse removes the device that a code made, if it still is one.
func (s Pair) reuse(ctx context.Context, code access.PairingCode, notice string) (access.DeviceChange, error) {
	l, err := s.list(ctx, code.Owner)
	if err != nil {
		return access.DeviceChange{}, err
	}
	change, err := l.Remove(code.Device, access.CodeReused, notice, s.Now())
	if err != nil {
		return access.DeviceChange{}, access.RefuseCodeUsed()
	}
	return change, nil
}

// List returns the devices that a person can use now, the newest first.
//
// Refusals: devices_off.
func (s Pair) List(ctx context.Context, owner string) ([]access.Device, error) {
	if s.Policy.Settings().Devices.For == 0 {
		return nil, access.RefuseDevicesOff()
	}
	l, err := s.list(ctx, owner)
	if err != nil {
		return nil, err
	}
	return l.Living(s.Terms(), s.Now()), nil
}

// Remove removes a device of a person, and ends the grants from which it took sessions. It
// can be repeated, but not by the device that has removed itself. So the grants are ended
// before it, and those that it has used meanwhile afterwards.
//
// Refusals: not_your_device, busy.
func (s Pair) Remove(ctx context.Context, owner, id string) (removed access.Device, err error) {
	if err := s.endGrants(ctx, owner, id); err != nil {
		return access.Device{}, err
	}
	notice := s.NewID()
	err = s.change(ctx, func() (access.DeviceChange, error) {
		l, err := s.list(ctx, owner)
		if err != nil {
			return access.DeviceChange{}, err
		}
		change, refused := l.Remove(id, access.DeviceRemoved, notice, s.Now())
		if refused == nil {
			removed = change.Devices[0]
			return change, nil
		}
		if removed, err = s.Devices.Device(ctx, id); err != nil {
			return access.DeviceChange{}, fmt.Errorf("load a device: %w", err)
		}
		if removed.ID != "" && removed.Owner == owner && !removed.Removed.IsZero() {
			return access.DeviceChange{}, errNoChange
		}
		return access.DeviceChange{}, refused
	})
	if err != nil {
		return access.Device{}, err
	}
	return removed, s.endGrants(ctx, owner, id)
}

// Forget removes everything of a person who has left: devices and unused codes. Vend calls
// it when it learns from Slack that an owner is deactivated. They get no notice.
func (s Pair) Forget(ctx context.Context, owner string) error {
	gone, err := s.removeAll(ctx, owner)
	if err != nil || len(gone) == 0 {
		return err
	}
	return s.endGrants(ctx, owner, gone...)
}

// RemoveAll removes all devices and unused codes of a person, and returns how many devices there
// were. The caller has checked that a responder wants it, and revokes the person's grants.
//
// Refusals: busy.
func (s Pair) RemoveAll(ctx context.Context, owner string) (devices int, err error) {
	gone, err := s.removeAll(ctx, owner)
	return len(gone), err
}

func (s Pair) removeAll(ctx context.Context, owner string) (gone []string, err error) {
	err = s.change(ctx, func() (access.DeviceChange, error) {
		l, err := s.list(ctx, owner)
		if err != nil {
			return access.DeviceChange{}, err
		}
		change, something := l.RemoveAll(s.Now())
		if !something {
			return access.DeviceChange{}, errNoChange
		}
		for _, d := range change.Devices {
			if !slices.Contains(gone, d.ID) {
				gone = append(gone, d.ID)
			}
		}
		return change, nil
	})
	return gone, err
}

// ask asks Slack who a person is, unless a try before has. Everything of a person who has
// left is removed.
//
// Refusals: those of Person.Refused.
func (s Pair) ask(ctx context.Context, known access.Person, id string) (access.Person, error) {
	if known.Membership == "" {
		known = s.Roster.Ask(ctx, access.Directory{}, id)
	}
	refusal := known.Refused()
	if known.Membership == access.Deactivated {
		return known, access.Join(refusal, s.Forget(ctx, id))
	}
	return known, refusal
}

func (s Pair) list(ctx context.Context, owner string) (access.DeviceList, error) {
	l, err := s.Devices.DeviceList(ctx, owner)
	if err != nil {
		return l, fmt.Errorf("load the devices of %s: %w", owner, err)
	}
	l.Owner = owner
	return l, nil
}

// change calls turn to make a change, and saves it. After a lost race, or a write that may
// have been done, turn is called again, reads what is stored then, and returns errNoChange
// if nothing is left to do.
//
// Refusals: busy, and those of turn.
func (s Pair) change(ctx context.Context, turn func() (access.DeviceChange, error)) error {
	var failed error
	for range tries {
		change, err := turn()
		switch {
		case len(access.Refusals(err)) == 0 && errors.Is(err, errNoChange):
			return nil
		case errors.Is(err, access.ErrStale):
			continue
		case err != nil:
			return err
		}
		if change.Told, err = s.told(ctx, change); err != nil {
			return err
		}
		err = s.Devices.SaveDevices(ctx, change)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, access.ErrFrozen):
			return refuseFrozen(ctx, s.Store)
		case errors.Is(err, access.ErrStale):
		case failed != nil:
			return err
		default:
			failed = err
		}
	}
	return access.RefuseBusyDevices()
}

// told returns the notices of the pairing of devices that a change removes, which have a button that
// removes them. A notice that is gone, or that a newer version wrote, stays as it is.
func (s Pair) told(ctx context.Context, change access.DeviceChange) (told []access.Notice, err error) {
	for _, d := range change.Devices {
		if d.Removed.IsZero() || d.Notice == "" {
			continue
		}
		n, err := s.Devices.Notice(ctx, d.Notice)
		switch {
		case errors.Is(err, access.ErrNotFound), errors.Is(err, access.ErrNewer):
			continue
		case err != nil:
			return nil, fmt.Errorf("load the notice of the pairing of %s: %w", d.ID, err)
		}
		if next, ok := n.AfterRemoval(s.Now()); ok {
			told = append(told, next)
		}
	}
	return told, nil
}

// endGrants ends the grants of a person from which one of these devices took a session.
// They can take no more from now on, so a grant that is not found here has none of theirs:
// Vend asks about the device once more after it has recorded a session.
func (s Pair) endGrants(ctx context.Context, owner string, devices ...string) error {
	_, asker, err := s.Asks.LoadForSubmit(ctx, owner, "")
	if err != nil {
		return fmt.Errorf("load the requests of %s: %w", owner, err)
	}
	var ids []string
	for _, one := range asker.Current {
		ids = append(ids, one.Request)
	}
	found, err := s.Asks.Requests(ctx, ids)
	if err != nil {
		return fmt.Errorf("load the requests of %s: %w", owner, err)
	}
	used := func(r access.Request) bool {
		return slices.ContainsFunc(r.Devices, func(id string) bool { return slices.Contains(devices, id) })
	}
	s.Roster.Slack = nil // ending needs no person, so a slow Slack delays nothing
	var failed []error
	for _, r := range found {
		if r.State != access.Active || !used(r) {
			continue
		}
		_, err := s.move(ctx, r.ID, func(m snapshot) (access.Request, access.Event, error) {
			if m.request.CheckUsable(m.now) != nil { // it is over
				return m.request, access.Event{}, errNoChange
			}
			return m.request.EndForDevice(m.now)
		})
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}
