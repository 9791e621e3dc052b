package home

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/wire"
)

const canary = "CANARYcanary"

var prod = Entry{Address: "https://access.example.com/v1", Device: "D", Account: "$(rm -rf ~)", Role: "Operator"}

// fixture is a cache with a clock that the test winds.
type fixture struct {
	*Cache
	clock    time.Time
	vends    int
	warnings []error
}

func newCache(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{clock: noon}
	c, err := newHome(t).Cache(func() time.Time { return f.clock })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	c.Warn = func(err error) { f.warnings = append(f.warnings, err) }
	f.Cache = c
	return f
}

// vend gives keys for an hour.
func (f *fixture) vend(context.Context) (Keys, error) {
	f.vends++
	return keysAt(f.clock, time.Hour), nil
}

func keysAt(now time.Time, life time.Duration) Keys {
	return Keys{From: now, End: PrintedEnd(now, now, now.Add(life), 0), SessionKeys: wire.SessionKeys{
		Account: "111111111111", Role: "Operator", Region: "eu-west-1", Credentials: access.Credentials{
			AccessKeyID: "ASIAEXAMPLE", SecretKey: access.NewSecret(canary), SessionToken: access.NewSecret(canary + "2"),
			Expires: now.Add(life),
		},
	}}
}

func (f *fixture) keys(t *testing.T, e Entry, lifetime time.Duration) Keys {
	t.Helper()
	keys, err := f.Keys(t.Context(), e, lifetime, f.vend)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestKeysAreKeptUntilTheyAreNearlyOver(t *testing.T) {
	f := newCache(t)
	first := f.keys(t, prod, 0)
	f.clock = noon.Add(42 * time.Minute)
	if again := f.keys(t, prod, 0); again != first || f.vends != 1 {
		t.Errorf("got %v after %d vends, want %v", again, f.vends, first)
	}
	f.clock = noon.Add(43 * time.Minute)
	if renewed := f.keys(t, prod, 0); renewed == first || f.vends != 2 {
		t.Errorf("with 16 minutes left: %d vends", f.vends)
	}
	f.clock = noon.Add(-time.Hour) // somebody set the clock back
	if f.keys(t, prod, 0); f.vends != 3 {
		t.Errorf("keys of the future were used: %d vends", f.vends)
	}
}

// A program that asks every second during the quarter of an hour for which STS keeps a session never gets keys that
// have ended, and starts fewer sessions than a grant may have.
func TestKeysOfAMinuteAreRenewedBeforeTheyEnd(t *testing.T) {
	f := newCache(t)
	const life = time.Minute
	for ; f.clock.Before(noon.Add(15 * time.Minute)); f.clock = f.clock.Add(time.Second) {
		keys, err := f.Keys(t.Context(), prod, 0, func(context.Context) (Keys, error) {
			f.vends++
			return keysAt(f.clock, life), nil
		})
		if err != nil || keys.End.Sub(f.clock) < life/4 || !keys.End.Before(keys.Credentials.Expires) {
			t.Fatalf("at %s the keys end %s, and expire %s: %v", f.clock, keys.End, keys.Credentials.Expires, err)
		}
	}
	if f.vends < 15 || f.vends > access.MaxLive/2 {
		t.Errorf("%d sessions in a quarter of an hour, want 15 to %d", f.vends, access.MaxLive/2)
	}
}

func TestEachServerDeviceAccountAndRoleHasItsOwnKeys(t *testing.T) {
	f := newCache(t)
	entries := []Entry{
		prod, {Address: "https://access.example.com/v1"}, {}, {Account: "a", Role: "bc"}, {Account: "ab", Role: "c"},
	}
	for _, change := range []func(*Entry){
		func(e *Entry) { e.Address = "x" }, func(e *Entry) { e.Device = "x" }, func(e *Entry) { e.Account = "x" },
		func(e *Entry) { e.Role = "x" },
	} {
		e := prod
		change(&e)
		entries = append(entries, e)
	}
	for i, e := range entries {
		if f.keys(t, e, 0); f.vends != i+1 {
			t.Errorf("%+v got the keys of another entry", e)
		}
	}
}

func TestLifetimeOnlyShortens(t *testing.T) {
	f := newCache(t)
	long := f.keys(t, prod, 0)
	f.clock = noon.Add(10 * time.Second)
	if short := f.keys(t, prod, 20*time.Second); f.vends != 1 || !short.End.Equal(noon.Add(20*time.Second)) {
		t.Errorf("within the lifetime: ends at %v after %d vends", short.End, f.vends)
	}
	if same := f.keys(t, prod, 48*time.Hour); !same.End.Equal(long.End) {
		t.Errorf("a long lifetime moved the end to %v", same.End)
	}
	f.clock = noon.Add(14 * time.Second)
	if f.keys(t, prod, 20*time.Second); f.vends != 2 {
		t.Errorf("a third of the lifetime is left: %d vends", f.vends)
	}
}

func TestRefusalIsKeptForTenSecondsAndAFailureIsNot(t *testing.T) {
	f := newCache(t)
	refusal := wire.Refusal{Code: "no_access", Text: "You have no access.", Next: "Ask for it."}
	var failure error = &Refused{refusal}
	try := func() error {
		_, err := f.Keys(t.Context(), prod, 0, func(context.Context) (Keys, error) { f.vends++; return Keys{}, failure })
		return err
	}
	for _, c := range []struct {
		after time.Duration
		vends int
	}{{0, 1}, {9 * time.Second, 1}, {10 * time.Second, 2}} {
		f.clock = noon.Add(c.after)
		refused, ok := errors.AsType[*Refused](try())
		if !ok || refused.Refusal != refusal || f.vends != c.vends {
			t.Errorf("after %v: got %v, %d vends, want %d", c.after, refused, f.vends, c.vends)
		}
	}
	f.clock, f.vends, failure = noon.Add(time.Minute), 0, errors.New("no network")
	if a, b := try(), try(); a == nil || b == nil || f.vends != 2 {
		t.Errorf("got %v and %v, %d vends, want 2", a, b, f.vends)
	}
}

func TestFailureLeavesTheCacheAsItWas(t *testing.T) {
	f := newCache(t)
	_, err := f.Keys(t.Context(), prod, 0, func(context.Context) (Keys, error) { return Keys{}, errors.New("no network") })
	if err == nil {
		t.Fatal("no error")
	}
	if _, err := f.folder.read(prod.name()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was written: %v", err)
	}
}

func TestNewGrantReplacesARefusalAfterEmpty(t *testing.T) {
	f := newCache(t)
	f.keys(t, prod, 0)
	_, err := f.Keys(t.Context(), Entry{Role: "R"}, 0, func(context.Context) (Keys, error) { return Keys{}, &Refused{} })
	if err == nil {
		t.Fatal("no refusal")
	}
	if err := f.Empty(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.keys(t, prod, 0); f.vends != 2 {
		t.Errorf("old keys were used: %d vends", f.vends)
	}
	if f.keys(t, Entry{Role: "R"}, 0); f.vends != 3 {
		t.Errorf("the old refusal was used: %d vends", f.vends)
	}
}

// The grant ends while a process vends. Its keys must not be found afterwards.
func TestEmptyWaitsForAVendThatIsUnderWay(t *testing.T) {
	f := newCache(t)
	vending, finish, emptied := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		_, _ = f.Keys(t.Context(), prod, 0, func(context.Context) (Keys, error) {
			close(vending)
			<-finish
			return keysAt(noon, time.Hour), nil
		})
	}()
	<-vending
	go func() { emptied <- f.Empty(t.Context()) }()
	close(finish)
	if err := <-emptied; err != nil {
		t.Fatal(err)
	}
	if f.keys(t, prod, 0); f.vends != 1 {
		t.Error("keys of the vend that was under way are still there")
	}
}

// filesWithKeys are the names of all files that hold the keys of a session.
func filesWithKeys(t *testing.T, f folder) (names []string) {
	t.Helper()
	err := fs.WalkDir(f.root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := f.root.ReadFile(path)
		if strings.Contains(string(text), canary) {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// leave leaves what a process leaves that is killed before it renames a file.
func leave(t *testing.T, f folder, name string) {
	t.Helper()
	if err := os.WriteFile(f.path(name+besideSuffix), []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Keys stand in no file for longer than until the next vend after their end, also if that vend fails.
func TestKeysThatHaveEndedAreRemovedAtTheNextVend(t *testing.T) {
	f := newCache(t)
	f.keys(t, prod, 0)
	f.keys(t, Entry{Role: "Other"}, 0)
	leave(t, f.folder, Entry{Role: "Other"}.name())
	leave(t, f.folder, "killed")
	busy := Entry{Role: "Busy"}.name()
	leave(t, f.folder, busy)
	lock := flock.New(f.folder.path(busy + lockSuffix))
	if ok, err := lock.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	f.clock = f.clock.Add(50 * time.Minute)
	f.keys(t, prod, 0)
	if got := filesWithKeys(t, f.folder); len(got) != 3 {
		t.Errorf("keys that are used, or written by another process, are gone: %v", got)
	}
	f.clock = f.clock.Add(55 * time.Minute)
	broken := errors.New("no network")
	_, err := f.Keys(t.Context(), prod, 0, func(context.Context) (Keys, error) { return Keys{}, broken })
	if got := filesWithKeys(t, f.folder); !errors.Is(err, broken) || len(got) != 2 {
		t.Errorf("want the keys of prod for some minutes, and the file of the busy process: %v, %v", got, err)
	}
	f.clock = f.clock.Add(5 * time.Minute)
	_ = lock.Unlock()
	_, _ = f.Keys(t.Context(), prod, 0, func(context.Context) (Keys, error) { return Keys{}, broken })
	if got := filesWithKeys(t, f.folder); len(got) != 0 {
		t.Errorf("keys are left: %v", got)
	}
}

func TestEmptyRemovesWhatAKilledProcessHasLeft(t *testing.T) {
	f := newCache(t)
	f.keys(t, prod, 0)
	leave(t, f.folder, prod.name())
	leave(t, f.folder, "killed")
	if err := f.Empty(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := filesWithKeys(t, f.folder); len(got) != 0 {
		t.Errorf("keys are left: %v", got)
	}
}

func TestDamagedEntriesAreReplaced(t *testing.T) {
	newer := entryFile{Version: entryVersion + 1, From: noon, End: noon.Add(time.Hour), AccessKeyID: "A"}
	whole, err := json.Marshal(newer)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing": "", "half": `{"version":1,"from":"2026`, "a newer version": string(whole), "null": "null",
		"no keys":  `{"version":1,"from":"2026-11-26T12:00:00Z","end":"2026-11-27T12:00:00Z"}`,
		"too much": strings.Repeat(" ", maxFile+1),
	} {
		f := newCache(t)
		if err := f.folder.write(prod.name(), []byte(text)); err != nil {
			t.Fatal(err)
		}
		f.keys(t, prod, 0)
		if f.keys(t, prod, 0); f.vends != 1 || len(f.warnings) != 0 {
			t.Errorf("%s: %d vends, warnings %v", name, f.vends, f.warnings)
		}
	}
}

// What others can write could hold keys of another account, so it is not replaced in silence.
func TestEntryThatOthersCanReadOrALinkIsRefused(t *testing.T) {
	f := newCache(t)
	f.keys(t, prod, 0)
	path := f.folder.path(prod.name())
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := f.Keys(t.Context(), prod, 0, f.vend)
	wantUnsafe(t, "open to others", err, path, "chmod 600 ")
	if err := errors.Join(os.Remove(path), os.Symlink("/dev/null", path)); err != nil {
		t.Fatal(err)
	}
	_, err = f.Keys(t.Context(), prod, 0, f.vend)
	wantUnsafe(t, "a link", err, path, "remove it")
	if f.vends != 1 {
		t.Errorf("%d vends, want 1", f.vends)
	}
}

func TestKeysThatCannotBeKeptAreGivenAllTheSame(t *testing.T) {
	f := newCache(t)
	if err := os.MkdirAll(f.folder.path(prod.name()+".new/x"), 0o700); err != nil { // the write fails
		t.Fatal(err)
	}
	keys := f.keys(t, prod, 0)
	if keys.Credentials.AccessKeyID != "ASIAEXAMPLE" || len(f.warnings) != 1 ||
		!strings.HasPrefix(f.warnings[0].Error(), "write ") || strings.Contains(f.warnings[0].Error(), canary) {
		t.Errorf("got %v, warnings %v", keys, f.warnings)
	}
	other := newCache(t)
	if err := os.Symlink("/dev/null", other.folder.path(prod.name()+".lock")); err != nil {
		t.Fatal(err)
	}
	if other.keys(t, prod, 0); len(other.warnings) != 1 || !strings.HasPrefix(other.warnings[0].Error(), "lock ") {
		t.Errorf("a lock that is a link: warnings %v", other.warnings)
	}
}

func TestManyGoroutinesCauseOneVend(t *testing.T) {
	f := newCache(t)
	var vends atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			_, err := f.Keys(t.Context(), prod, 0, func(context.Context) (Keys, error) {
				vends.Add(1)
				return keysAt(noon, time.Hour), nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	if all.Wait(); vends.Load() != 1 {
		t.Errorf("%d vends, want 1", vends.Load())
	}
}

// A process that was stopped holds the lock for ever.
func TestLockThatIsHeldForEverStopsNobody(t *testing.T) {
	f := newCache(t)
	f.Wait = 100 * time.Millisecond
	holder := flock.New(f.folder.path(prod.name() + ".lock"))
	if locked, err := holder.TryLock(); err != nil || !locked {
		t.Fatal(locked, err)
	}
	defer func() { _ = holder.Unlock() }()
	f.keys(t, prod, 0)
	if f.keys(t, prod, 0); f.vends != 2 {
		t.Errorf("%d vends, want 2: nothing is kept without the lock", f.vends)
	}
	if _, err := f.folder.read(prod.name()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an entry was written without the lock: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Keys(ctx, prod, 0, f.vend); !errors.Is(err, context.Canceled) || f.vends != 2 {
		t.Errorf("after Ctrl-C: got %v, %d vends", err, f.vends)
	}
}
