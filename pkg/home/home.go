package home

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Home is the directory of the command.
type Home struct {
	folder
	wait time.Duration // for another process that changes key or configuration
}

// Names of files in the directory. The cache is a directory in it.
const (
	configFile = "config.json"
	keyFile    = "device.pem"
	newKeyFile = "pairing.json" // the key of a pairing whose answer has not come
	lockFile   = "lock"
	cacheDir   = "cache"
)

// lockWait is how long to wait for another process that changes key or configuration, which takes
// milliseconds.
const lockWait = 10 * time.Second

// locked runs change while no other process changes key or configuration.
func (h *Home) locked(ctx context.Context, change func() error) error {
	lock := newLock(h.path(lockFile))
	wait, cancel := context.WithTimeout(ctx, h.wait)
	defer cancel()
	if _, err := lock.TryLockContext(wait, poll); err != nil {
		if ctx.Err() == nil && wait.Err() != nil {
			err = errors.New("another process holds it; end that process, and try again")
		}
		return fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	defer func() { _ = lock.Unlock() }()
	return change()
}

// NewKey returns the key to pair this computer with by a code, whose public half is codeKey. It is the same
// key for the same code, also if the answer to an earlier try was lost or not to be trusted: the server takes a
// used code that comes with another key for one that somebody has seen. It is stored before the code is
// sent. again reports that this computer is the device that the code has made.
func (h *Home) NewKey(ctx context.Context, codeKey string) (key wire.PrivateKey, again bool, err error) {
	err = h.locked(ctx, func() error {
		if c, err := h.Config(); err == nil && c.CodeKey == codeKey {
			if key, err = h.Key(); err == nil {
				again = true
				return nil
			}
		}
		if kept, ok := h.newKey(codeKey); ok {
			key = kept
			return nil
		}
		if key, err = wire.NewPrivateKey(); err != nil {
			return err
		}
		return h.saveNewKey(codeKey, key)
	})
	return key, again, err
}

// storedNewKey is the form of pairing.json.
type storedNewKey struct {
	CodeKey string `json:"code_key"`
	Key     string `json:"key"`
}

// newKey reads the key of a pairing by a code. A file that is missing, damaged or of another code counts as
// none.
func (h *Home) newKey(codeKey string) (wire.PrivateKey, bool) {
	text, err := h.read(newKeyFile)
	var s storedNewKey
	if err != nil || json.Unmarshal(text, &s) != nil || s.CodeKey != codeKey {
		return wire.PrivateKey{}, false
	}
	keys, err := wire.ParsePrivateKeys(access.NewSecret(s.Key))
	if err != nil || len(keys) != 1 {
		return wire.PrivateKey{}, false
	}
	return keys[0], true
}

func (h *Home) saveNewKey(codeKey string, key wire.PrivateKey) error {
	text, err := key.PEM()
	if err != nil {
		return err
	}
	file, err := json.Marshal(storedNewKey{codeKey, text.Reveal()})
	if err != nil {
		return fmt.Errorf("encode %s: %w", newKeyFile, err)
	}
	return h.write(newKeyFile, file)
}

// DropNewKey removes the key of a pairing that the server has refused.
func (h *Home) DropNewKey(ctx context.Context) error {
	return h.locked(ctx, func() error { return h.remove(newKeyFile) })
}

// Pair writes the key of a new device with its configuration, in place of those that were there. A process
// that is killed between the two leaves a key that the server of the old configuration does not know; NewKey
// still has it.
func (h *Home) Pair(ctx context.Context, key wire.PrivateKey, c Config) error {
	return h.locked(ctx, func() error {
		if err := h.saveKey(key); err != nil {
			return err
		}
		if err := h.saveConfig(c); err != nil {
			return err
		}
		return h.remove(newKeyFile)
	})
}

// Renamed writes which keys sign the server's answers, if the configuration still is that of the same
// server and of the key that was known before.
func (h *Home) Renamed(ctx context.Context, before wire.URL, answerKey, next string) error {
	return h.locked(ctx, func() error {
		c, err := h.Config()
		if err != nil || c.Server != before {
			return err
		}
		c.Server.AnswerKey, c.NextKey = answerKey, next
		return h.saveConfig(c)
	})
}

// Variable is the environment variable with the path of the directory.
const Variable = "AWS_ACCESS_HOME"

// Dir returns the path of the directory: the variable's, or aws-access in the user's configuration
// directory.
func Dir(getenv func(string) string) (string, error) {
	if dir := getenv(Variable); dir != "" {
		if !filepath.IsAbs(dir) {
			return "", fmt.Errorf("read %s: %q is not an absolute path", Variable, dir)
		}
		return filepath.Clean(dir), nil
	}
	base, err := os.UserConfigDir()
	if runtime.GOOS == "windows" {
		base, err = os.UserCacheDir() // %LocalAppData%; the configuration directory would roam
	}
	if err != nil {
		return "", fmt.Errorf("find the configuration directory: %w; set %s to a path", err, Variable)
	}
	return filepath.Join(base, "aws-access"), nil
}

// Open opens the directory, and makes it if it does not exist.
//
// Errors: *Unsafe if it is a link, belongs to somebody else, or is open to others.
func Open(dir string) (*Home, error) {
	if err := os.MkdirAll(filepath.Dir(dir), privateDir); err != nil { //nolint:gosec // the person chooses it
		return nil, fmt.Errorf("make %s: %w", filepath.Dir(dir), err)
	}
	err := os.Mkdir(dir, privateDir) //nolint:gosec // the person chooses the directory
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make %s: %w", dir, err)
	}
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	return &Home{f, lockWait}, nil
}

// Close closes the directory.
func (h *Home) Close() error { return h.root.Close() }

// Config says for which server the device is paired, and whose it is.
type Config struct {
	Server  wire.URL
	NextKey string // thumbprint of the answer key that comes next, if an answer has named it
	Person  string // whose device it is, for people
	CodeKey string // public half of the code that paired it; "" if an older version has written the file
}

// stored is the form of config.json. Members that a newer version wrote are ignored.
type stored struct {
	URL     string `json:"url"`
	NextKey string `json:"next_answer_key,omitempty"`
	Person  string `json:"person,omitempty"`
	CodeKey string `json:"code_key,omitempty"`
}

// ErrNotPaired says that this computer is no device yet.
var ErrNotPaired = errors.New(
	"this computer is not paired; type /aws-access login in Slack, and then run the command that it shows")

// Config reads the configuration.
//
// Errors: ErrNotPaired, *Unsafe, or that the file is damaged.
func (h *Home) Config() (Config, error) {
	text, err := h.read(configFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, ErrNotPaired
	}
	if err != nil {
		return Config{}, err
	}
	var s stored
	if err := json.Unmarshal(text, &s); err != nil {
		return Config{}, h.damaged(configFile, err)
	}
	server, err := wire.ParseURL(s.URL)
	if err != nil {
		return Config{}, h.damaged(configFile, err)
	}
	return Config{Server: server, NextKey: s.NextKey, Person: s.Person, CodeKey: s.CodeKey}, nil
}

// saveConfig writes the configuration.
func (h *Home) saveConfig(c Config) error {
	text, err := json.MarshalIndent(stored{
		URL: c.Server.String(), NextKey: c.NextKey, Person: c.Person, CodeKey: c.CodeKey,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", configFile, err)
	}
	return h.write(configFile, append(text, '\n'))
}

// Key reads the device's key.
//
// Errors: ErrNotPaired, *Unsafe, or that the file is damaged.
func (h *Home) Key() (wire.PrivateKey, error) {
	text, err := h.read(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return wire.PrivateKey{}, ErrNotPaired
	}
	if err != nil {
		return wire.PrivateKey{}, err
	}
	keys, err := wire.ParsePrivateKeys(access.NewSecret(string(text)))
	if err == nil && len(keys) != 1 {
		err = errors.New("it has more than one key")
	}
	if err != nil {
		return wire.PrivateKey{}, h.damaged(keyFile, err)
	}
	return keys[0], nil
}

// saveKey writes the device's key.
func (h *Home) saveKey(key wire.PrivateKey) error {
	text, err := key.PEM()
	if err != nil {
		return err
	}
	return h.write(keyFile, []byte(text.Reveal()))
}

// Forget removes key and configuration, also what a killed process has left of them: the computer is no
// device any more. The key goes first.
func (h *Home) Forget(ctx context.Context) error {
	return h.locked(ctx, func() error {
		for _, name := range []string{keyFile, newKeyFile, configFile} {
			if err := errors.Join(h.remove(name), h.remove(name+besideSuffix)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *Home) damaged(name string, err error) error {
	return fmt.Errorf("read %s: %w; run aws-access login again", h.path(name), err)
}
