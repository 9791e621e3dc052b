package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// pairing is the store of Pair, with the faults of the world.
type pairing struct{ *world }

func (s pairing) Device(ctx context.Context, id string) (d access.Device, err error) {
	err = s.call("store:device", func() error { d, err = s.store.Device(ctx, id); return err })
	return d, err
}

func (s pairing) PairingCode(ctx context.Context, key string) (c access.PairingCode, err error) {
	err = s.call("store:code", func() error { c, err = s.store.PairingCode(ctx, key); return err })
	return c, err
}

func (s pairing) DeviceList(ctx context.Context, owner string) (l access.DeviceList, err error) {
	err = s.call("store:list", func() error { l, err = s.store.DeviceList(ctx, owner); return err })
	return l, err
}

func (s pairing) SaveDevices(ctx context.Context, change access.DeviceChange) error {
	return s.call("store:save devices", func() error { return s.store.SaveDevices(ctx, change) })
}

func (s pairing) Notice(ctx context.Context, id string) (n access.Notice, err error) {
	err = s.call("store:notice", func() error { n, err = s.store.Notice(ctx, id); return err })
	return n, err
}

func (w *world) pairStep() Pair {
	return Pair{Step: w.step(), Devices: pairing{w}, Asks: w, NewID: func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ids++
		return fmt.Sprintf("01NOTICE%018d", w.ids)
	}}
}

func (w *world) newCode(by, order string) error {
	o := access.DeviceOrder{Do: access.PairDevice, ID: order, By: by, At: w.clock()}
	return w.pairStep().NewCode(context.Background(), o, "key of "+order)
}

func computer(n int) string { return fmt.Sprintf("%043d", n) }

func (w *world) pair(n int, order string) (access.Device, access.Person, error) {
	return w.pairStep().Pair(context.Background(), Pairing{
		Device: computer(n), Key: `{"kty":"EC"}`, Code: "key of " + order, Name: fmt.Sprint("pc", n),
	})
}

// paired gives a person a code, and pairs a computer by it.
func (w *world) paired(by string, n int) access.Device {
	w.t.Helper()
	order := fmt.Sprint("order.", n)
	if err := w.newCode(by, order); err != nil {
		w.t.Fatal(err)
	}
	d, who, err := w.pair(n, order)
	if err != nil || who.ID != by {
		w.t.Fatal(err, who)
	}
	return d
}

// notices returns the kinds of notices to a person, in the order in which they were made.
func (w *world) notices(to string) (kinds []string) {
	ids, err := w.store.Notices(context.Background(), w.clock().Add(time.Hour), 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, id := range ids {
		n, err := w.store.Notice(context.Background(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		if n.To == to {
			kinds = append(kinds, string(n.Kind))
		}
	}
	return kinds
}

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	if access.Code(err) != code || code == "" && err != nil {
		t.Errorf("%s: got %v, want the code %q", what, err, code)
	}
}

func TestACodeMakesOneDeviceOfThePersonWhoAskedForIt(t *testing.T) {
	w := newWorld(t)
	d := w.paired("U0DEV1", 1)
	if d.Owner != "U0DEV1" || d.Name != "pc1" || !d.Expires.Equal(w.now.Add(30*24*time.Hour)) {
		t.Errorf("got %+v", d)
	}
	again, who, err := w.pair(1, "order.1") // the answer was lost, so the command repeats the call
	if err != nil || again.ID != d.ID || who.Name != "dev1" {
		t.Errorf("the same call again: %+v, %+v, %v", again, who, err)
	}
	if got := strings.Join(w.notices("U0DEV1"), " "); got != "device_paired" {
		t.Errorf("notices %q, want one", got)
	}
	wantCode(t, "the same order again", w.newCode("U0DEV1", "order.1"), "order_repeated")
	if list, err := w.pairStep().List(t.Context(), "U0DEV1"); err != nil || len(list) != 1 || list[0].ID != d.ID {
		t.Errorf("listed %+v, %v", list, err)
	}
}

func TestNoCodeIsGivenToWhoIsNoFullMember(t *testing.T) {
	w := newWorld(t)
	w.people["U0LEFT"] = access.Person{ID: "U0LEFT", Membership: access.Deactivated}
	w.people["U0BOT"] = access.Person{ID: "U0BOT", Membership: access.Bot}
	w.people["U0OUT"] = access.Person{ID: "U0OUT", Membership: access.Outsider}
	for by, code := range map[string]string{
		"U0GUEST": "guest", "U0LEFT": "deactivated", "U0BOT": "bot", "U0OUT": "other_workspace", "U0NOBODY": "unknown_person",
	} {
		wantCode(t, by, w.newCode(by, "order."+by), code)
	}
	if n := len(w.store.DeviceItems()); n != 0 {
		t.Errorf("%d items were written", n)
	}
}

func TestACodeThatWasGuessedUsedOrIsOldPairsNothing(t *testing.T) {
	w := newWorld(t)
	_, _, err := w.pair(1, "guessed")
	wantCode(t, "a guess", err, "unknown_code")
	if err := w.newCode("U0DEV1", "slow"); err != nil {
		t.Fatal(err)
	}
	w.advance(access.PairingCodeLife)
	_, _, err = w.pair(1, "slow")
	wantCode(t, "after ten minutes", err, "code_expired")
	w.paired("U0DEV1", 2)
	if err := w.newCode("U0DEV2", "second"); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.pair(2, "second")
	wantCode(t, "a key that is a device of somebody else", err, "known_key")
	if _, err := w.pairStep().Remove(t.Context(), "U0DEV1", computer(2)); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.pair(2, "second")
	wantCode(t, "a key that was removed", err, "known_key")
	_, _, err = w.pair(2, "order.2")
	wantCode(t, "the call that made a removed device, again", err, "device_removed")
	if d, _, err := w.pair(3, "second"); err != nil || d.Owner != "U0DEV2" {
		t.Errorf("the refusals have used the code up: %v", err)
	}
}

// Somebody has seen the code: on the screen, or by a broken computer. No matter who used it first,
// the device that the code made is removed, and its owner learns of it.
func TestACodeThatComesFromAnotherComputerRemovesTheFirst(t *testing.T) {
	w := newWorld(t)
	d := w.paired("U0DEV1", 1)
	r := w.used("U0DEV1", d.ID)
	w.advance(access.PairingCodeLife + time.Minute) // the code is known for longer than it works
	for range 2 {
		_, _, err := w.pair(2, "order.1")
		wantCode(t, "another computer", err, "code_used")
	}
	gone, _ := w.store.Device(t.Context(), d.ID)
	other, _ := w.store.Device(t.Context(), computer(2))
	if gone.Removed.IsZero() || other.ID != "" {
		t.Errorf("the first is %+v, the second %+v", gone, other)
	}
	if got := strings.Join(w.notices("U0DEV1"), " "); got != "device_paired code_reused" {
		t.Errorf("notices %q", got)
	}
	if got := w.at(r.ID); got.State != access.Ended {
		t.Errorf("the grant that the device used is %s", got.State)
	}
}

// used returns an active grant from which a device took keys.
func (w *world) used(by, device string) access.Request {
	w.t.Helper()
	if err := w.tick(); err != nil {
		w.t.Fatal(err)
	}
	r, err := w.submit(by, "Look", time.Hour, "")
	if err != nil {
		w.t.Fatal(err)
	}
	v := Vend{Step: w.step(), STS: w, Devices: pairing{w}}
	paired, err := w.store.Device(context.Background(), device)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err = v.Do(context.Background(), access.Order{
		ID: "o", Request: r.ID, By: by, Kind: access.Keys, At: w.clock(), Device: device, Paired: paired,
	}); err != nil {
		w.t.Fatal(err)
	}
	return w.at(r.ID)
}

func TestRemovingADeviceEndsTheGrantsThatItTookKeysFrom(t *testing.T) {
	w := newWorld(t)
	first, second := w.paired("U0DEV1", 1), w.paired("U0DEV1", 2)
	r := w.used("U0DEV1", first.ID)
	if _, err := w.pairStep().Remove(t.Context(), "U0DEV1", second.ID); err != nil {
		t.Fatal(err)
	}
	if got := w.at(r.ID).State; got != access.Active {
		t.Errorf("a grant that the removed device did not use is %s", got)
	}
	_, err := w.pairStep().Remove(t.Context(), "U0DEV2", first.ID)
	wantCode(t, "somebody else", err, "not_your_device")
	for range 2 { // a repeated order
		if _, err := w.pairStep().Remove(t.Context(), "U0DEV1", first.ID); err != nil {
			t.Fatal(err)
		}
	}
	const why = "A computer that had used this access was removed."
	if got := w.at(r.ID); got.State != access.Ended || got.Closed.Why != why {
		t.Errorf("the grant is %s, because: %s", got.State, got.Closed.Why)
	}
	if got := strings.Join(w.notices("U0DEV1"), " "); got != "device_paired device_paired device_removed device_removed" {
		t.Errorf("notices %q", got)
	}
}

// A session that expired long ago is not in the request any more, but the device used it.
func TestTheDeviceOfAnExpiredSessionIsRemembered(t *testing.T) {
	w := newWorld(t)
	first, second := w.paired("U0DEV1", 1), w.paired("U0DEV1", 2)
	r := w.used("U0DEV1", first.ID)
	w.advance(30 * time.Minute)
	v := Vend{Step: w.step(), STS: w, Devices: pairing{w}}
	if _, err := v.Do(t.Context(), access.Order{
		ID: "o2", Request: r.ID, By: "U0DEV1", Kind: access.Keys, At: w.clock(), Device: second.ID, Paired: second,
	}); err != nil {
		t.Fatal(err)
	}
	if got := w.at(r.ID).Devices; len(got) != 2 {
		t.Errorf("devices of the grant: %v", got)
	}
}

func TestADeactivatedPersonLosesDevicesAndCodesWhenItIsSeen(t *testing.T) {
	w := newWorld(t)
	d := w.paired("U0DEV1", 1)
	r := w.used("U0DEV1", d.ID)
	if err := w.newCode("U0DEV1", "late"); err != nil {
		t.Fatal(err)
	}
	left := w.people["U0DEV1"]
	left.Membership = access.Deactivated
	w.people["U0DEV1"] = left
	_, _, err := w.pair(2, "late")
	wantCode(t, "to pair", err, "deactivated")
	gone, _ := w.store.Device(t.Context(), d.ID)
	l, _ := w.store.DeviceList(t.Context(), "U0DEV1")
	if gone.Removed.IsZero() || len(l.Devices)+len(l.Codes) != 0 || w.at(r.ID).State != access.Ended {
		t.Errorf("what is left: %+v, %+v, grant %s", gone, l, w.at(r.ID).State)
	}
	left.Membership = access.Member // and comes back
	w.people["U0DEV1"] = left
	_, _, err = w.pair(2, "late")
	wantCode(t, "the code from before", err, "unknown_code")
}

func TestWithDevicesOffNothingIsPaired(t *testing.T) {
	w := newWorld(t)
	if err := w.newCode("U0DEV1", "before"); err != nil {
		t.Fatal(err)
	}
	w.policy = compiled(t, strings.Replace(loose, "operators: C0OPS,", "operators: C0OPS, devices: none,", 1))
	wantCode(t, "a code", w.newCode("U0DEV1", "o"), "devices_off")
	_, _, err := w.pair(1, "before")
	wantCode(t, "to pair", err, "devices_off")
	_, err = w.pairStep().List(t.Context(), "U0DEV1")
	wantCode(t, "to list", err, "devices_off")
}

func TestOfManyComputersWithOneCodeAtMostOneIsPaired(t *testing.T) {
	w := newWorld(t)
	for round := range 20 {
		order := fmt.Sprint("race.", round)
		if err := w.newCode("U0DEV1", order); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		codes := make([]string, 4)
		for i := range codes {
			all.Go(func() {
				_, _, err := w.pair(100*round+i, order)
				if codes[i] = access.Code(err); err != nil && codes[i] == "" {
					t.Error(err)
				}
			})
		}
		all.Wait()
		won := 0
		for _, code := range codes {
			if code == "" {
				won++
			} else if code != "code_used" {
				t.Errorf("round %d: %v", round, codes)
			}
		}
		list, err := w.pairStep().List(t.Context(), "U0DEV1")
		if err != nil || won != 1 || len(list) != 0 { // the losers have removed the winner's
			t.Errorf("round %d: %v, devices %+v, %v", round, codes, list, err)
		}
		w.advance(access.UsedOrderLife)
	}
}

// Each call of the story fails once, and loses its answer once. What a person or the command
// repeats has one effect, and there is no device without its notice.
func TestNoDeviceIsWithoutItsNoticeWhateverFails(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for n := 0; ; n++ {
			w := newWorld(t)
			calls := 0
			w.fault = func(string) (before, after error) {
				calls++
				switch {
				case calls != n+1:
				case lost:
					return nil, errDown
				default:
					return errDown, nil
				}
				return nil, nil
			}
			pairAndRemove(t, w, fmt.Sprintf("call %d, lost %v", n, lost))
			if calls <= n {
				break
			}
		}
	}
}

// again does something once more if it fails. A refusal is no failure.
func again(do func() error) error {
	err := do()
	if err != nil && (access.Code(err) == "" || access.Code(err) == "unknown_person") {
		err = do()
	}
	return err
}

func pairAndRemove(t *testing.T, w *world, what string) {
	t.Helper()
	order := "o"
	err := again(func() error { order += "."; return w.newCode("U0DEV1", order) })
	var d access.Device
	err2 := again(func() (err error) { d, _, err = w.pair(1, order); return err })
	if err := errors.Join(err, err2); err != nil || d.ID != computer(1) {
		t.Errorf("%s: paired %+v, %v", what, d, err)
	}
	if got := strings.Join(w.notices("U0DEV1"), " "); got != "device_paired" {
		t.Errorf("%s: notices %q", what, got)
	}
	err = again(func() error { _, err := w.pairStep().Remove(t.Context(), "U0DEV1", d.ID); return err })
	got, err2 := w.store.Device(t.Context(), d.ID)
	if err := errors.Join(err, err2); err != nil || got.Removed.IsZero() {
		t.Errorf("%s: removed %+v, %v", what, got, err)
	}
	if got := strings.Join(w.notices("U0DEV1"), " "); got != "device_paired device_removed" {
		t.Errorf("%s: notices %q", what, got)
	}
}
