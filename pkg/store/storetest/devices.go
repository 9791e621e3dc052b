package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

// deviceChecks are the part of the contract about devices, codes and notices.
func deviceChecks() []Check {
	return []Check{
		{"an empty store has no devices", noDevices},
		{"devices, codes and lists come back as they were saved", devicesUnchanged},
		{"a person's devices are changed together or not at all", devicesAllOrNothing},
		{"parts of somebody else's devices are refused", foreignDevices},
		{"devices of a newer version are refused", newerDevices},
		{"a new notice is in the stream once", noticeInStream},
		{"notices have their own versions", noticeVersions},
		{"notices are listed by time until they were sent", noticeOrder},
		{"concurrent pairings by one code: one device", concurrentPairings},
	}
}

var deviceTerms = access.DeviceTerms{For: 30 * 24 * time.Hour, Most: 5}

// deviceID returns an id in the form of a thumbprint.
func deviceID(name string) string { return name + strings.Repeat("_", 43-len(name)) }

// issued returns the change that gives a person the code with this key.
func issued(l access.DeviceList, by access.Person, key string) access.DeviceChange {
	o := access.DeviceOrder{Do: access.PairDevice, ID: "order:" + key, By: by.ID, At: Now}
	change, err := l.Issue(by, o, key, deviceTerms, Now)
	if err != nil {
		panic(err) // cannot happen: the checks make allowed moves only
	}
	return change
}

// paired returns the change that uses the code of a change for a device.
func paired(c access.DeviceChange, by access.Person, name, notice string) access.DeviceChange {
	d := access.Device{ID: deviceID(name), Key: `{"kty":"EC"}`, Name: name}
	change, err := c.List.Pair(by, *c.Code, d, deviceTerms, notice, Now.Add(time.Minute))
	if err != nil {
		panic(err)
	}
	return change
}

func noDevices(ctx context.Context, s Subject) error {
	var failed []error
	for _, id := range []string{"", "x", "a#b", strings.Repeat("é", 3000)} {
		d, err := s.Device(ctx, id)
		c, err2 := s.PairingCode(ctx, id)
		l, err3 := s.DeviceList(ctx, id)
		_, err4 := s.Notice(ctx, id)
		failed = append(failed, err, err2, err3, wantSame("device", d, access.Device{}),
			wantSame("code", c, access.PairingCode{}), wantSame("list", l, access.DeviceList{}),
			wantErr("notice", err4, access.ErrNotFound))
	}
	due, err := s.Notices(ctx, Now.AddDate(100, 0, 0), 10)
	return errors.Join(append(failed, err, wantSame("notices", len(due), 0))...)
}

// wantDevices returns an error unless the store holds exactly what a change has written.
func wantDevices(ctx context.Context, s Subject, c access.DeviceChange) error {
	l, err := s.DeviceList(ctx, c.List.Owner)
	failed := []error{err, wantSame("list", withoutEmpty(l), withoutEmpty(c.List))}
	for _, want := range c.Devices {
		d, err := s.Device(ctx, want.ID)
		failed = append(failed, err, wantSame("device", d, want))
	}
	if c.Code != nil {
		code, err := s.PairingCode(ctx, c.Code.Key)
		failed = append(failed, err, wantSame("code", code, *c.Code))
	}
	if c.Notice != nil {
		n, err := s.Notice(ctx, c.Notice.ID)
		failed = append(failed, err, wantSame("notice", n, *c.Notice))
	}
	for _, want := range c.Told {
		n, err := s.Notice(ctx, want.ID)
		failed = append(failed, err, wantSame("notice of the pairing", n, want))
	}
	return errors.Join(failed...)
}

// withoutEmpty returns the list with nil in place of an empty map, which is not stored.
func withoutEmpty(l access.DeviceList) access.DeviceList {
	if len(l.Codes) == 0 {
		l.Codes = nil
	}
	return l
}

func devicesUnchanged(ctx context.Context, s Subject) error {
	first := issued(access.DeviceList{}, dev, "code1")
	second := paired(first, dev, "laptop", "01N")
	removed, err := second.List.Remove(deviceID("laptop"), access.DeviceRemoved, "02N", Now.Add(time.Hour))
	gone, _ := second.Notice.AfterRemoval(Now.Add(time.Hour))
	removed.Told = []access.Notice{gone}
	return errors.Join(err,
		s.SaveDevices(ctx, first), wantDevices(ctx, s, first),
		s.SaveDevices(ctx, second), wantDevices(ctx, s, second),
		s.SaveDevices(ctx, issued(access.DeviceList{}, dev2, "code2")), wantDevices(ctx, s, second),
		s.SaveDevices(ctx, removed), wantDevices(ctx, s, removed))
}

// devicesAllOrNothing saves changes of which one part is not over the version before it.
func devicesAllOrNothing(ctx context.Context, s Subject) error {
	first := issued(access.DeviceList{}, dev, "code1")
	won, lost := paired(first, dev, "laptop", "01N"), paired(first, dev, "other", "02N")
	err := errors.Join(
		wantErr("a device before its list", s.SaveDevices(ctx, won), access.ErrStale),
		s.SaveDevices(ctx, first),
		wantErr("the first", s.SaveDevices(ctx, won), nil),
		wantErr("another by the same code", s.SaveDevices(ctx, lost), access.ErrStale))
	// One part of each of these is stale.
	usedCode, knownDevice, knownNotice, staleList := lost, lost, lost, lost
	for _, change := range []*access.DeviceChange{&usedCode, &knownDevice, &knownNotice} {
		change.List.Version = won.List.Version + 1
	}
	code := *lost.Code
	code.Version++
	knownDevice.Code, knownNotice.Code, staleList.Code = &code, &code, &code
	knownDevice.Devices = won.Devices
	knownNotice.Notice = won.Notice
	for what, change := range map[string]access.DeviceChange{
		"a used code": usedCode, "a known device": knownDevice, "a known notice": knownNotice,
		"a stale list": staleList,
	} {
		err = errors.Join(err, wantErr(what, s.SaveDevices(ctx, change), access.ErrStale))
	}
	d, err2 := s.Device(ctx, deviceID("other"))
	_, err3 := s.Notice(ctx, "02N")
	return errors.Join(err, err2, wantSame("the loser's device", d, access.Device{}),
		wantErr("the loser's notice", err3, access.ErrNotFound), wantDevices(ctx, s, won))
}

func foreignDevices(ctx context.Context, s Subject) error {
	for what, spoil := range map[string]func(*access.DeviceChange){
		"device":  func(c *access.DeviceChange) { c.Devices[0].Owner = dev2.ID },
		"code":    func(c *access.DeviceChange) { c.Code.Owner = dev2.ID },
		"notice":  func(c *access.DeviceChange) { c.Notice.To = dev2.ID },
		"told":    func(c *access.DeviceChange) { c.Told = []access.Notice{{ID: "02N", Version: 1, To: dev2.ID}} },
		"owner":   func(c *access.DeviceChange) { c.List.Owner = "" },
		"version": func(c *access.DeviceChange) { c.List.Version = 0 },
	} {
		change := paired(issued(access.DeviceList{}, dev, "code1"), dev, "laptop", "01N")
		change.List.Version, change.Code.Version = 1, 1
		spoil(&change)
		if err := s.SaveDevices(ctx, change); err == nil {
			return fmt.Errorf("saved a change with the wrong %s", what)
		}
	}
	l, err := s.DeviceList(ctx, dev.ID)
	return errors.Join(err, wantSame("list", l, access.DeviceList{}))
}

func newerDevices(ctx context.Context, s Subject) error {
	first := issued(access.DeviceList{}, dev, "code1")
	next := paired(first, dev, "laptop", "01N")
	devices, main, err := store.DeviceItems(next, Now)
	failed := []error{err, s.SaveDevices(ctx, first)}
	for _, item := range devices {
		failed = append(failed, s.PutDevice(ctx, newer(item, nil)))
	}
	for _, item := range main {
		failed = append(failed, s.PutItem(ctx, newer(item, nil)))
	}
	refused := func(what string, err error) { failed = append(failed, wantErr(what, err, access.ErrNewer)) }
	_, err = s.Device(ctx, deviceID("laptop"))
	refused("device", err)
	_, err = s.PairingCode(ctx, "code1")
	refused("code", err)
	_, err = s.DeviceList(ctx, dev.ID)
	refused("list", err)
	_, err = s.Notice(ctx, "01N")
	refused("notice", err)
	next.List.Version, next.Code, next.Devices, next.Notice = next.List.Version+1, nil, nil, nil
	refused("save over it", s.SaveDevices(ctx, next))
	refused("save over the notice", s.SaveNotice(ctx, access.Notice{ID: "01N", Version: 2}))
	return errors.Join(failed...)
}

func noticeInStream(ctx context.Context, s Subject) error {
	first := issued(access.DeviceList{}, dev, "code1")
	change := paired(first, dev, "laptop", "01N")
	sent := *change.Notice
	sent.Version, sent.Sent = 2, Now
	err := errors.Join(s.SaveDevices(ctx, first), s.SaveDevices(ctx, change), s.SaveNotice(ctx, sent))
	records, err2 := streamOnce(ctx, s)
	var got []string
	for _, record := range records {
		if id, ok := store.NoticeOf(record); ok {
			got = append(got, id)
		}
		if _, ok, err := store.EventOf(record); ok {
			err2 = errors.Join(err2, err, errors.New("a notice was read as an event"))
		}
	}
	return errors.Join(err, err2, wantSame("notices", got, []string{"01N"}))
}

func noticeVersions(ctx context.Context, s Subject) error {
	notice := func(n int, name string) access.Notice {
		return access.Notice{
			ID: "01N", Version: n, To: dev.ID, Kind: access.CodeReused, Device: deviceID("laptop"), Name: name,
			At: Now.UTC(), Owed: &access.Owed{Channel: dev.ID, Since: Now.UTC(), Next: Now.UTC(), Tries: 1, Class: "wait"},
		}
	}
	err := twoVersions(func(n int, name string) error { return s.SaveNotice(ctx, notice(n, name)) })
	n, err2 := s.Notice(ctx, "01N")
	return errors.Join(err, err2, wantSame("notice", n, notice(2, "c")))
}

// noticeOrder keeps notices beside pending requests and owed messages: none appears in the
// lists of the others.
func noticeOrder(ctx context.Context, s Subject) error {
	notice := func(id string, version int, due time.Duration, sent bool) error {
		n := access.Notice{ID: id, Version: version, To: dev.ID, Kind: access.DeviceRemoved, At: Now.Add(due)}
		if sent {
			n.Sent = Now
		}
		return s.SaveNotice(ctx, n)
	}
	listed := func(what string, at time.Time, limit int, want ...string) error {
		got, err := s.Notices(ctx, at, limit)
		return errors.Join(err, wantSame(what, got, want))
	}
	all := Now.Add(time.Hour)
	err := errors.Join(
		submit("01R", dev, Now).save(ctx, s, ""),
		notice("01A", 1, 2*time.Second, false), notice("01B", 1, time.Second, false),
		listed("before any", Now, 10), listed("the first", Now.Add(time.Second), 10, "01B"),
		listed("all", all, 10, "01B", "01A"), listed("one of all", all, 1, "01B"),
		notice("01B", 2, time.Second, true), listed("after one was sent", all, 10, "01A"))
	due, err2 := s.Due(ctx, all, 10)
	owed, err3 := s.Owed(ctx, all, 10)
	return errors.Join(err, err2, err3, wantSame("due requests", due, []string{"01R"}),
		wantSame("owed messages", len(owed), 0))
}

// concurrentPairings lets many computers use one code at once. One becomes a device.
func concurrentPairings(ctx context.Context, s Subject) error {
	first := issued(access.DeviceList{}, dev, "code1")
	if err := s.SaveDevices(ctx, first); err != nil {
		return err
	}
	var won atomic.Int32
	err := race(func(racer int) error {
		err := s.SaveDevices(ctx, paired(first, dev, fmt.Sprint("pc", racer), fmt.Sprint("N", racer)))
		if err == nil {
			won.Add(1)
		}
		if errors.Is(err, access.ErrStale) {
			return nil
		}
		return err
	})
	l, err2 := s.DeviceList(ctx, dev.ID)
	devices := 0
	for racer := range racers {
		d, err := s.Device(ctx, deviceID(fmt.Sprint("pc", racer)))
		err2 = errors.Join(err2, err)
		if d.ID != "" {
			devices++
		}
	}
	notices, err3 := s.Notices(ctx, Now.Add(time.Hour), racers)
	return errors.Join(err, err2, err3, wantSame("winners", int(won.Load()), 1), wantSame("devices", devices, 1),
		wantSame("listed devices", len(l.Devices), 1), wantSame("notices", len(notices), 1))
}
