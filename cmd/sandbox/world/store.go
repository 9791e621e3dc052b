package world

import (
	"context"
	"fmt"
	"strings"
	"time"

	smithytime "github.com/aws/smithy-go/time"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/access"
)

// countedStore is the functions' store. It counts calls, and makes them fail as
// the faults say.
type countedStore struct {
	functions.Store
	calls   *Calls
	faults  *Faults
	written func() // called after each write, because the stream may have a new record
}

// slowStore is how late FaultSlow answers, in real time.
const slowStore = time.Second

// call makes one call under the name of its operation. For faults, every read is
// also a store:load.
func (s countedStore) call(ctx context.Context, operation string, do func() error) error {
	s.calls.Count(operation)
	names := []string{operation}
	if operation != "store:save" {
		names = append(names, "store:load")
	}
	how := s.faults.take(names...)
	if code, ok := strings.CutPrefix(how, FaultCode); ok {
		return fmt.Errorf("the table refuses: %s (a fault of the sandbox at %s)", code, operation)
	}
	switch how {
	case FaultError, FaultDead:
		return fmt.Errorf("the table does not answer (a fault of the sandbox at %s)", operation)
	case FaultThrottled:
		return fmt.Errorf("the table's throughput is exceeded (a fault of the sandbox at %s)", operation)
	case FaultLost:
		if err := do(); err != nil {
			return err
		}
		return fmt.Errorf("the table's answer was lost (a fault of the sandbox at %s)", operation)
	case FaultSlow:
		if err := smithytime.SleepWithContext(ctx, slowStore); err != nil {
			return err
		}
	}
	return do()
}

func (s countedStore) read(ctx context.Context, do func() error) error {
	return s.call(ctx, "store:load", do)
}

func (s countedStore) write(ctx context.Context, do func() error) error {
	defer s.written()
	return s.call(ctx, "store:save", do)
}

func (s countedStore) Load(
	ctx context.Context, id string,
) (r access.Request, d access.Directory, m access.Messages, err error) {
	err = s.read(ctx, func() (err error) { r, d, m, err = s.Store.Load(ctx, id); return err })
	return r, d, m, err
}

func (s countedStore) Save(ctx context.Context, next access.Request, event access.Event, once string) error {
	return s.write(ctx, func() error { return s.Store.Save(ctx, next, event, once) })
}

func (s countedStore) CutList(ctx context.Context, k access.CutKey) (l access.CutList, err error) {
	err = s.read(ctx, func() error { l, err = s.Store.CutList(ctx, k); return err })
	return l, err
}

func (s countedStore) SaveCut(
	ctx context.Context, next access.Request, event access.Event, l access.CutList,
) error {
	return s.write(ctx, func() error { return s.Store.SaveCut(ctx, next, event, l) })
}

func (s countedStore) SaveCutList(ctx context.Context, next access.CutList) error {
	return s.write(ctx, func() error { return s.Store.SaveCutList(ctx, next) })
}

func (s countedStore) DueCuts(ctx context.Context, now time.Time, limit int) (keys []access.CutKey, err error) {
	err = s.call(ctx, "store:due", func() error { keys, err = s.Store.DueCuts(ctx, now, limit); return err })
	return keys, err
}

func (s countedStore) SaveFreeze(ctx context.Context, next access.Freeze) error {
	return s.write(ctx, func() error { return s.Store.SaveFreeze(ctx, next) })
}

func (s countedStore) Freeze(ctx context.Context) (f access.Freeze, err error) {
	err = s.read(ctx, func() error { f, err = s.Store.Freeze(ctx); return err })
	return f, err
}

func (s countedStore) LoadForSubmit(
	ctx context.Context, user, once string,
) (d access.Directory, a access.Asker, err error) {
	err = s.read(ctx, func() (err error) { d, a, err = s.Store.LoadForSubmit(ctx, user, once); return err })
	return d, a, err
}

func (s countedStore) Requests(ctx context.Context, ids []string) (found []access.Request, err error) {
	err = s.read(ctx, func() (err error) { found, err = s.Store.Requests(ctx, ids); return err })
	return found, err
}

func (s countedStore) Submit(
	ctx context.Context, r access.Request, event access.Event, next access.Asker, once string,
) error {
	return s.write(ctx, func() error { return s.Store.Submit(ctx, r, event, next, once) })
}

func (s countedStore) SaveAsker(ctx context.Context, user string, next access.Asker) error {
	return s.write(ctx, func() error { return s.Store.SaveAsker(ctx, user, next) })
}

func (s countedStore) Owed(ctx context.Context, now time.Time, limit int) (ids []string, err error) {
	err = s.call(ctx, "store:due", func() (err error) { ids, err = s.Store.Owed(ctx, now, limit); return err })
	return ids, err
}

func (s countedStore) Due(ctx context.Context, now time.Time, limit int) (ids []string, err error) {
	err = s.call(ctx, "store:due", func() (err error) { ids, err = s.Store.Due(ctx, now, limit); return err })
	return ids, err
}

func (s countedStore) ByRequester(ctx context.Context, user string, limit int) (list []access.Request, err error) {
	err = s.call(ctx, "store:list", func() (err error) { list, err = s.Store.ByRequester(ctx, user, limit); return err })
	return list, err
}

func (s countedStore) Directory(ctx context.Context) (d access.Directory, err error) {
	err = s.read(ctx, func() (err error) { d, err = s.Store.Directory(ctx); return err })
	return d, err
}

func (s countedStore) SaveDirectory(ctx context.Context, next access.Directory) error {
	return s.write(ctx, func() error { return s.Store.SaveDirectory(ctx, next) })
}

func (s countedStore) Reading(ctx context.Context) (r access.Reading, err error) {
	err = s.read(ctx, func() (err error) { r, err = s.Store.Reading(ctx); return err })
	return r, err
}

func (s countedStore) SaveReading(ctx context.Context, next access.Reading) error {
	return s.write(ctx, func() error { return s.Store.SaveReading(ctx, next) })
}

func (s countedStore) Problems(ctx context.Context) (p access.Problems, err error) {
	err = s.read(ctx, func() (err error) { p, err = s.Store.Problems(ctx); return err })
	return p, err
}

func (s countedStore) SaveProblems(ctx context.Context, next access.Problems) error {
	return s.write(ctx, func() error { return s.Store.SaveProblems(ctx, next) })
}

func (s countedStore) Builds(ctx context.Context) (b access.Builds, err error) {
	err = s.read(ctx, func() (err error) { b, err = s.Store.Builds(ctx); return err })
	return b, err
}

func (s countedStore) SaveBuilds(ctx context.Context, next access.Builds) error {
	return s.write(ctx, func() error { return s.Store.SaveBuilds(ctx, next) })
}

func (s countedStore) Messages(ctx context.Context, id string) (r access.Request, m access.Messages, err error) {
	err = s.read(ctx, func() (err error) { r, m, err = s.Store.Messages(ctx, id); return err })
	return r, m, err
}

func (s countedStore) SaveMessages(ctx context.Context, id string, next access.Messages) error {
	return s.write(ctx, func() error { return s.Store.SaveMessages(ctx, id, next) })
}

func (s countedStore) Device(ctx context.Context, id string) (d access.Device, err error) {
	err = s.read(ctx, func() (err error) { d, err = s.Store.Device(ctx, id); return err })
	return d, err
}

func (s countedStore) PairingCode(ctx context.Context, key string) (c access.PairingCode, err error) {
	err = s.read(ctx, func() (err error) { c, err = s.Store.PairingCode(ctx, key); return err })
	return c, err
}

func (s countedStore) DeviceList(ctx context.Context, owner string) (l access.DeviceList, err error) {
	err = s.read(ctx, func() (err error) { l, err = s.Store.DeviceList(ctx, owner); return err })
	return l, err
}

func (s countedStore) SaveDevices(ctx context.Context, change access.DeviceChange) error {
	return s.write(ctx, func() error { return s.Store.SaveDevices(ctx, change) })
}

func (s countedStore) Notice(ctx context.Context, id string) (n access.Notice, err error) {
	err = s.read(ctx, func() (err error) { n, err = s.Store.Notice(ctx, id); return err })
	return n, err
}

func (s countedStore) SaveNotice(ctx context.Context, next access.Notice) error {
	return s.write(ctx, func() error { return s.Store.SaveNotice(ctx, next) })
}

func (s countedStore) Notices(ctx context.Context, now time.Time, limit int) (ids []string, err error) {
	err = s.call(ctx, "store:due", func() (err error) { ids, err = s.Store.Notices(ctx, now, limit); return err })
	return ids, err
}
