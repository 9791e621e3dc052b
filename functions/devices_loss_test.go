package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
)

// losses makes one call fail, or lose its answer. It counts the calls of the table and of
// Slack together.
type losses struct {
	at    int  // the call that goes wrong, from 0
	lost  bool // its work is done, and the answer is lost
	mu    sync.Mutex
	calls int
}

func (l *losses) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}

func (l *losses) next() (before, after error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	switch {
	case l.calls != l.at+1:
		return nil, nil
	case l.lost:
		return nil, errors.New("the answer was lost")
	}
	return errors.New("the call failed"), nil
}

// lossyStore is the table with losses, for the calls that devices and notices take.
type lossyStore struct {
	Store
	*losses
}

func (s lossyStore) do(do func() error) error {
	before, after := s.next()
	if before != nil {
		return before
	}
	return errors.Join(do(), after)
}

func (s lossyStore) Device(ctx context.Context, id string) (d access.Device, err error) {
	err = s.do(func() error { d, err = s.Store.Device(ctx, id); return err })
	return d, err
}

func (s lossyStore) PairingCode(ctx context.Context, key string) (c access.PairingCode, err error) {
	err = s.do(func() error { c, err = s.Store.PairingCode(ctx, key); return err })
	return c, err
}

func (s lossyStore) DeviceList(ctx context.Context, owner string) (l access.DeviceList, err error) {
	err = s.do(func() error { l, err = s.Store.DeviceList(ctx, owner); return err })
	return l, err
}

func (s lossyStore) SaveDevices(ctx context.Context, change access.DeviceChange) error {
	return s.do(func() error { return s.Store.SaveDevices(ctx, change) })
}

func (s lossyStore) Notice(ctx context.Context, id string) (n access.Notice, err error) {
	err = s.do(func() error { n, err = s.Store.Notice(ctx, id); return err })
	return n, err
}

func (s lossyStore) SaveNotice(ctx context.Context, next access.Notice) error {
	return s.do(func() error { return s.Store.SaveNotice(ctx, next) })
}

func (s lossyStore) Notices(ctx context.Context, now time.Time, limit int) (ids []string, err error) {
	err = s.do(func() error { ids, err = s.Store.Notices(ctx, now, limit); return err })
	return ids, err
}

func (s lossyStore) CutList(ctx context.Context, k access.CutKey) (l access.CutList, err error) {
	err = s.do(func() error { l, err = s.Store.CutList(ctx, k); return err })
	return l, err
}

func (s lossyStore) SaveCut(
	ctx context.Context, next access.Request, event access.Event, l access.CutList,
) error {
	return s.do(func() error { return s.Store.SaveCut(ctx, next, event, l) })
}

func (s lossyStore) Freeze(ctx context.Context) (f access.Freeze, err error) {
	err = s.do(func() error { f, err = s.Store.Freeze(ctx); return err })
	return f, err
}

func (s lossyStore) LoadForSubmit(
	ctx context.Context, user, once string,
) (d access.Directory, a access.Asker, err error) {
	err = s.do(func() error { d, a, err = s.Store.LoadForSubmit(ctx, user, once); return err })
	return d, a, err
}

func (s lossyStore) Requests(ctx context.Context, ids []string) (found []access.Request, err error) {
	err = s.do(func() error { found, err = s.Store.Requests(ctx, ids); return err })
	return found, err
}

// lossyWorld is a world in which one call goes wrong.
func lossyWorld(t *testing.T, l *losses) *world {
	w := newWorld(t)
	w.through = lossyStore{w.store, l}
	w.refuse = func(method, _, _ string) string {
		before, after := l.next()
		w.mu.Lock()
		defer w.mu.Unlock()
		clear(w.fault)
		if after != nil {
			w.fault[method] = "lost"
		}
		if before != nil {
			return "500"
		}
		return ""
	}
	w.rebuild()
	return w
}

// repeat does something until it succeeds, as a person or the command does.
func repeat(t *testing.T, what string, do func() error) {
	t.Helper()
	var err error
	for range 3 {
		if err = do(); err == nil {
			return
		}
	}
	t.Errorf("%s: %v", what, err)
}

// Every call of the table and of Slack fails once, and loses its answer once. There is no
// device without its notice, and no removal without one.
func TestNoDeviceWithoutItsNoticeWhateverCallIsLost(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the story of a device 100 times")
	}
	for _, lost := range []bool{false, true} {
		at := 0
		for calls := 1; at < calls; at++ {
			l := &losses{at: at, lost: lost}
			deviceStory(t, lossyWorld(t, l), fmt.Sprintf("call %d, lost %v", at, lost))
			calls = l.count()
		}
		if at < 20 {
			t.Errorf("the story makes only %d calls", at)
		}
	}
}

func deviceStory(t *testing.T, w *world, what string) {
	t.Helper()
	code := ""
	repeat(t, what+": a code", func() error {
		w.pass(time.Second)
		w.http(w.typed("U0DEV1", "login"))
		w.handleDevices()
		if code = codeForm.FindString(w.private("U0DEV1")); code == "" {
			return errors.New("the person reads no code")
		}
		return nil
	})
	var d access.Device
	repeat(t, what+": to pair", func() (err error) { d, err = w.pairsBy(code, 1); return err })
	w.feedUntilDone()
	w.ticks(3)
	if n := strings.Count(w.direct("U0DEV1"), "was paired with you") / 2; d.ID != computer(1) || n < 1 || n > 2 {
		t.Errorf("%s: the device %q was announced %d times", what, d.ID, n)
	}
	repeat(t, what+": to remove it", func() error {
		w.pass(time.Second)
		w.http(w.clickedElsewhere("U0DEV1", "remove_device", d.ID))
		w.handleDevices()
		got, err := w.store.Device(context.Background(), d.ID)
		if err == nil && got.Removed.IsZero() {
			err = errors.New("it is still a device")
		}
		return err
	})
	w.feedUntilDone()
	w.ticks(3)
	if n := strings.Count(w.direct("U0DEV1"), "was removed from your paired") / 2; n < 1 || n > 2 {
		t.Errorf("%s: the removal was announced %d times", what, n)
	}
	if left, err := w.store.Notices(context.Background(), w.clock().Add(time.Hour), 10); err != nil || len(left) != 0 {
		t.Errorf("%s: %v are still owed, %v", what, left, err)
	}
}

// handleDevices passes orders to vend, whose failures go to the failure destination.
func (w *world) handleDevices() {
	for _, o := range w.devices {
		text, err := json.Marshal(map[string]access.DeviceOrder{"device": o})
		if err != nil {
			w.t.Fatal(err)
		}
		_, _ = w.Vend.Handle(context.Background(), text)
	}
	w.devices = nil
}

// feedUntilDone delivers records again that failed, as Lambda does.
func (w *world) feedUntilDone() {
	for range 3 {
		if len(w.feed()) == 0 {
			return
		}
	}
}

// ticks runs a tick each minute. One that fails is followed by the next.
func (w *world) ticks(n int) {
	for range n {
		w.pass(time.Minute)
		_ = w.Tick.Handle(context.Background(), events.EventBridgeEvent{})
		w.feedUntilDone()
	}
}
