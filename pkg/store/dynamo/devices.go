package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

// WithDevices returns the store with the table of devices, which has the keys of
// DevicesInput.
func (s *Store) WithDevices(table string) *Store {
	with := *s
	with.devices = table
	return &with
}

// DevicesInput creates the table of devices for tests and local use. template.yaml creates
// it on AWS with the same keys. It has no index and no stream.
func DevicesInput(name string) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest, KeySchema: keySchema("pk", "sk"),
	}
	for _, attribute := range []string{"pk", "sk"} {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: aws.String(attribute), AttributeType: types.ScalarAttributeTypeS,
		})
	}
	return in
}

var errNoDevices = errors.New("this function has no table of devices")

// Device reads a device, removed or not; it is zero if there is none. Errors:
// access.ErrNewer.
func (s *Store) Device(ctx context.Context, id string) (d access.Device, err error) {
	err = s.readDevices(ctx, key{store.DeviceKey(id), store.DeviceSort}, &d)
	return d, err
}

// PairingCode reads a code, used or not; it is zero if there is none. Errors:
// access.ErrNewer.
func (s *Store) PairingCode(ctx context.Context, code string) (c access.PairingCode, err error) {
	err = s.readDevices(ctx, key{store.CodeKey(code), store.CodeSort}, &c)
	return c, err
}

// DeviceList reads what a person has; it is zero if it was never written. Errors:
// access.ErrNewer.
func (s *Store) DeviceList(ctx context.Context, owner string) (l access.DeviceList, err error) {
	err = s.readDevices(ctx, key{store.OwnerKey(owner), store.OwnerSort}, &l)
	return l, err
}

// readDevices reads one item of the table of devices consistently into out. It leaves out
// unchanged if there is none.
func (s *Store) readDevices(ctx context.Context, k key, out any) error {
	switch {
	case s.devices == "":
		return errNoDevices
	case len(k.pk) > store.MaxKey: // no device and no code has such an id
		return nil
	}
	got, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.devices, ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"pk": text(k.pk), "sk": text(k.sk)},
	})
	if err != nil {
		return fmt.Errorf("read a %s: %w", k.sk, err)
	}
	if len(got.Item) == 0 {
		return nil
	}
	item, err := itemOf(got.Item)
	if err != nil {
		return fmt.Errorf("read a %s: %w", k.sk, err)
	}
	return item.Decode(out)
}

// SaveDevices writes one move of a person's devices, all or nothing. Errors:
// access.ErrStale unless the stored version of each part is the one before, access.ErrNewer,
// access.ErrFrozen for a pairing while everything is frozen.
// After any other error the write may have been done.
func (s *Store) SaveDevices(ctx context.Context, c access.DeviceChange) error {
	devices, main, err := store.DeviceItems(c, s.now())
	if err == nil && s.devices == "" {
		err = errNoDevices
	}
	if err == nil {
		var guards []guard
		if store.Pairs(c) {
			guards = []guard{notFrozen}
		}
		err = s.commitAll(ctx, guards, puts{s.devices, devices}, puts{s.table, main})
	}
	if err != nil {
		return fmt.Errorf("save the devices of %s: %w", c.List.Owner, err)
	}
	return nil
}

// commitAll writes items, also of more than one table, all or none, if the guards let it.
func (s *Store) commitAll(ctx context.Context, guards []guard, all ...puts) error {
	for attempt := 1; ; attempt++ {
		reasons, err := s.transact(ctx, guards, all...)
		failed := slices.IndexFunc(reasons, conditionFailed)
		switch {
		case err == nil:
			return nil
		case reasons == nil:
			return err
		case retryable(reasons) && attempt < maxAttempts:
			if err := backOff(ctx, attempt); err != nil {
				return err
			}
		case failed >= 0 && failed >= len(reasons)-len(guards):
			return failedGuard(guards, reasons)
		case failed >= 0:
			return staleOrNewer(reasons[failed].Item)
		case conflict(reasons):
			return access.ErrStale
		default:
			return err
		}
	}
}

func noticeKey(id string) key { return key{store.NoticeKey(id), store.NoticeSort} }

// Notice reads a notice. Errors: access.ErrNotFound, access.ErrNewer.
func (s *Store) Notice(ctx context.Context, id string) (n access.Notice, err error) {
	if len(id) > store.MaxKey-len(store.NoticeKey("")) {
		return n, fmt.Errorf("notice with an id of %d bytes: %w", len(id), access.ErrNotFound)
	}
	found, err := s.read(ctx, noticeKey(id))
	if _, there := found[noticeKey(id)]; err == nil && !there {
		err = fmt.Errorf("notice %q: %w", id, access.ErrNotFound)
	}
	if err == nil {
		err = found.decode(noticeKey(id), &n)
	}
	return n, err
}

// SaveNotice writes a notice. Errors: as SaveDirectory.
func (s *Store) SaveNotice(ctx context.Context, next access.Notice) error {
	item, err := store.NoticeItem(next)
	if err == nil {
		err = s.replace(ctx, item)
	}
	if err != nil {
		return fmt.Errorf("save notice %s: %w", next.ID, err)
	}
	return nil
}

// Notices returns the ids of at most limit notices that Slack has not accepted and that may
// be posted at now, the longest overdue first. The index may lag as in Due.
func (s *Store) Notices(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return s.due(ctx, now, limit, store.NoticeKey(""), store.Unsent)
}
