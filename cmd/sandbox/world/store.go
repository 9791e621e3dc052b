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

// counted is a table whose calls are counted, and go wrong as the levers say.
type counted struct {
	functions.Store
	calls   *Calls
	faults  *Faults
	written func() // after each write: the stream has something to carry
}

// slowTable is how much later a slow table answers, in real time.
const slowTable = time.Second

func (t counted) call(ctx context.Context, op string, do func() error) error {
	t.calls.Count(op)
	names := []string{op}
	if op != "store:save" {
		names = append(names, "store:load") // every read is a load too
	}
	how := t.faults.take(names...)
	if code, ok := strings.CutPrefix(how, FaultCode); ok {
		return fmt.Errorf("the table refuses: %s (a fault of the sandbox at %s)", code, op)
	}
	switch how {
	case FaultError, FaultDead:
		return fmt.Errorf("the table does not answer (a fault of the sandbox at %s)", op)
	case FaultThrottled:
		return fmt.Errorf("the table's throughput is exceeded (a fault of the sandbox at %s)", op)
	case FaultLost:
		if err := do(); err != nil {
			return err
		}
		return fmt.Errorf("the table's answer was lost (a fault of the sandbox at %s)", op)
	case FaultSlow:
		if err := smithytime.SleepWithContext(ctx, slowTable); err != nil {
			return err
		}
	}
	return do()
}

func (t counted) write(ctx context.Context, do func() error) error {
	defer t.written()
	return t.call(ctx, "store:save", do)
}

func (t counted) Load(ctx context.Context, id string) (r access.Request, d access.Directory, m access.Messages, err error) {
	err = t.call(ctx, "store:load", func() (err error) { r, d, m, err = t.Store.Load(ctx, id); return err })
	return r, d, m, err
}

func (t counted) Save(ctx context.Context, next access.Request, event access.Event, once string) error {
	return t.write(ctx, func() error { return t.Store.Save(ctx, next, event, once) })
}

func (t counted) LoadForSubmit(ctx context.Context, user, once string) (d access.Directory, a access.Asker, err error) {
	err = t.call(ctx, "store:load", func() (err error) { d, a, err = t.Store.LoadForSubmit(ctx, user, once); return err })
	return d, a, err
}

func (t counted) Requests(ctx context.Context, ids []string) (found []access.Request, err error) {
	err = t.call(ctx, "store:load", func() (err error) { found, err = t.Store.Requests(ctx, ids); return err })
	return found, err
}

func (t counted) Submit(
	ctx context.Context, r access.Request, event access.Event, next access.Asker, once string,
) error {
	return t.write(ctx, func() error { return t.Store.Submit(ctx, r, event, next, once) })
}

func (t counted) SaveAsker(ctx context.Context, user string, next access.Asker) error {
	return t.write(ctx, func() error { return t.Store.SaveAsker(ctx, user, next) })
}

func (t counted) Owed(ctx context.Context, now time.Time, most int) (ids []string, err error) {
	err = t.call(ctx, "store:due", func() (err error) { ids, err = t.Store.Owed(ctx, now, most); return err })
	return ids, err
}

func (t counted) Due(ctx context.Context, now time.Time, most int) (ids []string, err error) {
	err = t.call(ctx, "store:due", func() (err error) { ids, err = t.Store.Due(ctx, now, most); return err })
	return ids, err
}

func (t counted) ByRequester(ctx context.Context, user string, most int) (list []access.Request, err error) {
	err = t.call(ctx, "store:list", func() (err error) { list, err = t.Store.ByRequester(ctx, user, most); return err })
	return list, err
}

func (t counted) Directory(ctx context.Context) (d access.Directory, err error) {
	err = t.call(ctx, "store:load", func() (err error) { d, err = t.Store.Directory(ctx); return err })
	return d, err
}

func (t counted) SaveDirectory(ctx context.Context, next access.Directory) error {
	return t.write(ctx, func() error { return t.Store.SaveDirectory(ctx, next) })
}

func (t counted) Reading(ctx context.Context) (r access.Reading, err error) {
	err = t.call(ctx, "store:load", func() (err error) { r, err = t.Store.Reading(ctx); return err })
	return r, err
}

func (t counted) SaveReading(ctx context.Context, next access.Reading) error {
	return t.write(ctx, func() error { return t.Store.SaveReading(ctx, next) })
}

func (t counted) Problems(ctx context.Context) (p access.Problems, err error) {
	err = t.call(ctx, "store:load", func() (err error) { p, err = t.Store.Problems(ctx); return err })
	return p, err
}

func (t counted) SaveProblems(ctx context.Context, next access.Problems) error {
	return t.write(ctx, func() error { return t.Store.SaveProblems(ctx, next) })
}

func (t counted) Messages(ctx context.Context, id string) (r access.Request, m access.Messages, err error) {
	err = t.call(ctx, "store:load", func() (err error) { r, m, err = t.Store.Messages(ctx, id); return err })
	return r, m, err
}

func (t counted) SaveMessages(ctx context.Context, id string, next access.Messages) error {
	return t.write(ctx, func() error { return t.Store.SaveMessages(ctx, id, next) })
}
