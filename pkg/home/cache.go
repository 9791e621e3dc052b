package home

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Cache keeps the keys of sessions until they end, and refusals for some seconds. Processes that need the
// same keys at once wait for the first of them.
type Cache struct {
	folder folder
	now    func() time.Time
	// Wait is how long to wait for another process that vends. Then the caller vends by itself and keeps
	// nothing, so a process that hangs stops nobody.
	Wait time.Duration
	// Warn is told why keys could not be kept. They are given out all the same.
	Warn func(error)
}

// refusalLife is how long a refusal is kept, so that 20 processes at once are refused by one call.
const refusalLife = 10 * time.Second

// defaultWait is longer than one process waits for a pending request (45 s), and ends before SDKs kill the
// process after a minute (docs/facts.md#k7).
const defaultWait = 50 * time.Second

// poll is how often a lock is tried.
const poll = 20 * time.Millisecond

// Cache opens the cache.
//
// Errors: *Unsafe, or that it cannot be made.
func (h *Home) Cache(now func() time.Time) (*Cache, error) {
	f, err := h.sub(cacheDir)
	if err != nil {
		return nil, err
	}
	return &Cache{folder: f, now: now, Wait: defaultWait, Warn: func(error) {}}, nil
}

// Close closes the cache.
func (c *Cache) Close() error { return c.folder.root.Close() }

// Entry says which keys are meant.
type Entry struct {
	Address string // of the server
	Device  string // thumbprint
	Account string // as the caller names it
	Role    string
}

// name is the name of the entry's file. Each part stands behind its length, and nothing of it in the name:
// an account may be called like anything.
func (e Entry) name() string {
	sum := sha256.New()
	for _, part := range [...]string{e.Address, e.Device, e.Account, e.Role} {
		_ = binary.Write(sum, binary.BigEndian, uint64(len(part))) // a hash takes everything
		_, _ = sum.Write([]byte(part))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// Keys are the keys of a session, as this computer's clock sees them.
type Keys struct {
	wire.SessionKeys
	From time.Time // before the call was sent
	End  time.Time // from PrintedEnd
}

// Refused is a refusal that the server signed.
type Refused struct{ wire.Refusal }

func (e *Refused) Error() string { return strings.TrimSpace(e.Text + " " + e.Next) }

// Keys returns the keys of an entry from the cache, or by one call of vend. A positive lifetime only makes
// the life of keys shorter.
//
// Errors: those of vend, of which *Refused is kept, and *Unsafe.
func (c *Cache) Keys(ctx context.Context, e Entry, lifetime time.Duration,
	vend func(context.Context) (Keys, error),
) (Keys, error) {
	if kept, ok := c.look(e, lifetime); ok {
		return kept.keys, kept.err
	}
	lock, locked, err := c.lock(ctx, e.name())
	if err != nil {
		return Keys{}, err
	}
	if !locked {
		return vend(ctx)
	}
	defer func() { _ = lock.Unlock() }()
	if kept, ok := c.look(e, lifetime); ok { // another process was first
		return kept.keys, kept.err
	}
	keys, err := vend(ctx)
	c.keep(e, keys, err)
	c.sweep(e.name())
	return keys, err
}

// lock takes the lock of an entry. The system drops it when the process ends, however it ends. It is false
// if another process still holds the lock after c.Wait, or if there can be no lock.
func (c *Cache) lock(ctx context.Context, name string) (lock *flock.Flock, locked bool, err error) {
	wait, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	lock = newLock(c.folder.path(name + lockSuffix))
	locked, err = lock.TryLockContext(wait, poll)
	switch {
	case ctx.Err() != nil:
		return nil, false, ctx.Err()
	case err != nil:
		c.Warn(fmt.Errorf("lock %s: %w", lock.Path(), err))
		return nil, false, nil
	}
	return lock, locked, nil
}

const lockSuffix = ".lock"

// newLock is a lock that the system drops when the process ends.
func newLock(path string) *flock.Flock {
	return flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|noFollow), flock.SetPermissions(privateFile))
}

// entryFile is the form of a file of the cache.
type entryFile struct {
	Version      int           `json:"version"`
	From         time.Time     `json:"from"`
	End          time.Time     `json:"end"`
	Refusal      *wire.Refusal `json:"refusal,omitempty"`
	Account      string        `json:"account,omitempty"`
	Role         string        `json:"role,omitempty"`
	Region       string        `json:"region,omitempty"`
	Expires      time.Time     `json:"expires,omitzero"`
	AccessKeyID  string        `json:"access_key_id,omitempty"`
	SecretKey    string        `json:"secret_access_key,omitempty"`
	SessionToken string        `json:"session_token,omitempty"`
}

// entryVersion is the form that this version writes. Files of another form are ignored.
const entryVersion = 1

// result is how an earlier vend ended.
type result struct {
	keys Keys
	err  error
}

// look reads an entry; ok is false if nothing usable is there. A file that is damaged or of another version
// is replaced; one that others can read is refused, because its keys may be somebody else's.
func (c *Cache) look(e Entry, lifetime time.Duration) (kept result, ok bool) {
	text, err := c.folder.read(e.name())
	if _, unsafe := errors.AsType[*Unsafe](err); unsafe {
		return result{err: err}, true
	}
	var f entryFile
	if err != nil || json.Unmarshal(text, &f) != nil || f.Version != entryVersion {
		return result{}, false
	}
	now := c.now()
	if f.Refusal != nil {
		return result{err: &Refused{*f.Refusal}}, !now.Before(f.From) && now.Before(f.End)
	}
	if short := f.From.Add(lifetime); lifetime > 0 && short.Before(f.End) {
		f.End = short
	}
	if !reusable(f.From, f.End, now) || f.AccessKeyID == "" {
		return result{}, false
	}
	kept.keys = Keys{From: f.From, End: f.End, SessionKeys: wire.SessionKeys{
		Account: f.Account, Role: f.Role, Region: f.Region, Credentials: access.Credentials{
			AccessKeyID: f.AccessKeyID, SecretKey: access.NewSecret(f.SecretKey),
			SessionToken: access.NewSecret(f.SessionToken), Expires: f.Expires,
		},
	}}
	return kept, true
}

// keep writes what vend returned. It is the only place that writes the keys of a session to a file.
func (c *Cache) keep(e Entry, keys Keys, failed error) {
	refused, isRefusal := errors.AsType[*Refused](failed)
	f := entryFile{Version: entryVersion}
	switch {
	case isRefusal:
		now := c.now().Round(0)
		f.From, f.End, f.Refusal = now, now.Add(refusalLife), &refused.Refusal
	case failed != nil:
		return // the next caller tries again
	default:
		k := keys.Credentials
		f = entryFile{Version: entryVersion, From: keys.From.Round(0), End: keys.End, Account: keys.Account,
			Role: keys.Role, Region: keys.Region, Expires: k.Expires, AccessKeyID: k.AccessKeyID,
			SecretKey: k.SecretKey.Reveal(), SessionToken: k.SessionToken.Reveal()}
	}
	text, err := json.Marshal(f) //nolint:gosec // this is the file of the keys
	if err == nil {
		err = c.folder.write(e.name(), text)
	}
	if err != nil {
		c.Warn(err)
	}
}

// Empty removes all entries, each after a vend of it that is under way, and what a killed process has left of
// them. Lock files stay: a process may hold one.
func (c *Cache) Empty(ctx context.Context) error {
	names, err := c.names()
	if err != nil {
		return fmt.Errorf("empty %s: %w", c.folder.dir, err)
	}
	var failed error
	for _, name := range names {
		lock, locked, err := c.lock(ctx, name)
		if err != nil {
			return err
		}
		if err := errors.Join(c.folder.remove(name), c.folder.remove(name+besideSuffix)); err != nil {
			failed = err
		}
		if locked {
			_ = lock.Unlock()
		}
	}
	return failed
}

// names returns the names of all entries of which there is a file.
func (c *Cache) names() (names []string, err error) {
	files, err := fs.ReadDir(c.folder.root.FS(), ".")
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimSuffix(file.Name(), lockSuffix), besideSuffix)
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, err
}

// sweep removes entries that have ended, and what killed processes have left, unless another process works on
// them. The caller holds the lock of one. A file that cannot be removed now is removed later.
func (c *Cache) sweep(held string) {
	names, _ := c.names()
	for _, name := range names {
		if name == held {
			c.clean(name)
			continue
		}
		lock := newLock(c.folder.path(name + lockSuffix))
		if locked, err := lock.TryLock(); err == nil && locked {
			c.clean(name)
			_ = lock.Unlock()
		}
	}
}

// clean removes an entry that has ended, and what a killed process has left of it. The caller holds its lock.
func (c *Cache) clean(name string) {
	_ = c.folder.remove(name + besideSuffix)
	text, err := c.folder.read(name)
	var f entryFile
	if err == nil && json.Unmarshal(text, &f) == nil && f.Version == entryVersion && !c.now().Before(f.End) {
		_ = c.folder.remove(name)
	}
}
