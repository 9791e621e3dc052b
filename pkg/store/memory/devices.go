package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

// Device reads a device, removed or not; it is zero if there is none. Errors:
// access.ErrNewer.
func (s *Store) Device(_ context.Context, id string) (d access.Device, err error) {
	err = s.readDevices(store.DeviceKey(id), store.DeviceSort, &d)
	return d, err
}

// PairingCode reads a code, used or not; it is zero if there is none. Errors:
// access.ErrNewer.
func (s *Store) PairingCode(_ context.Context, code string) (c access.PairingCode, err error) {
	err = s.readDevices(store.CodeKey(code), store.CodeSort, &c)
	return c, err
}

// DeviceList reads what a person has; it is zero if it was never written. Errors:
// access.ErrNewer.
func (s *Store) DeviceList(_ context.Context, owner string) (l access.DeviceList, err error) {
	err = s.readDevices(store.OwnerKey(owner), store.OwnerSort, &l)
	return l, err
}

func (s *Store) readDevices(pk, sk string, out any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	item, found := s.devices[key{pk, sk}]
	if !found {
		return nil
	}
	return item.Decode(out)
}

// SaveDevices writes one move of a person's devices, all or nothing. Errors:
// access.ErrStale unless the stored version of each part is the one before, access.ErrNewer,
// access.ErrFrozen for a pairing while everything is frozen.
func (s *Store) SaveDevices(_ context.Context, c access.DeviceChange) error {
	devices, main, err := store.DeviceItems(c, s.now())
	if err != nil {
		return fmt.Errorf("save devices: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range devices {
		if err := checkAfter(s.devices[keyOf(item)], item); err != nil {
			return err
		}
	}
	for _, item := range main {
		if err := s.checkVersion(item); err != nil {
			return err
		}
	}
	if store.Pairs(c) && s.frozen() {
		return fmt.Errorf("save devices: %w", access.ErrFrozen)
	}
	for _, item := range devices {
		s.devices[keyOf(item)] = item
	}
	s.write(main...)
	return nil
}

// Notice reads a notice. Errors: access.ErrNotFound, access.ErrNewer.
func (s *Store) Notice(_ context.Context, id string) (n access.Notice, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, found := s.items[key{store.NoticeKey(id), store.NoticeSort}]; !found {
		return n, fmt.Errorf("notice %q: %w", id, access.ErrNotFound)
	}
	err = s.read(store.NoticeKey(id), store.NoticeSort, &n)
	return n, err
}

// SaveNotice writes a notice. Errors: as SaveDirectory.
func (s *Store) SaveNotice(_ context.Context, next access.Notice) error {
	return s.replace(store.NoticeItem(next))
}

// Notices returns the ids of at most limit notices that Slack has not accepted and that may
// be posted at now, the longest overdue first.
func (s *Store) Notices(_ context.Context, now time.Time, limit int) ([]string, error) {
	return s.due(store.NoticeSort, store.NoticeKey(""), now, limit, store.Unsent), nil
}

// PutDevice writes an item into the table of devices without any condition, as another
// version of the software or an operator may do.
func (s *Store) PutDevice(item store.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices[keyOf(item)] = item
}

// DeviceItems returns every item of the table of devices.
func (s *Store) DeviceItems() (all []store.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range s.devices {
		all = append(all, item)
	}
	return all
}
