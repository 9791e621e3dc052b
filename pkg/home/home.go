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

// Pair writes the key of a new device with its configuration, in place of those that were there. A process
// that is killed between the two leaves a key that the server of the old configuration does not know.
func (h *Home) Pair(ctx context.Context, key wire.PrivateKey, c Config) error {
	return h.locked(ctx, func() error {
		if err := h.SaveKey(key); err != nil {
			return err
		}
		return h.SaveConfig(c)
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
		return h.SaveConfig(c)
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
}

// stored is the form of config.json. Members that a newer version wrote are ignored.
type stored struct {
	URL     string `json:"url"`
	NextKey string `json:"next_answer_key,omitempty"`
	Person  string `json:"person,omitempty"`
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
	return Config{Server: server, NextKey: s.NextKey, Person: s.Person}, nil
}

// SaveConfig writes the configuration.
func (h *Home) SaveConfig(c Config) error {
	text, err := json.MarshalIndent(stored{URL: c.Server.String(), NextKey: c.NextKey, Person: c.Person}, "", "  ")
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

// SaveKey writes the device's key. It is the only place that writes it.
func (h *Home) SaveKey(key wire.PrivateKey) error {
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
		for _, name := range []string{keyFile, keyFile + besideSuffix, configFile, configFile + besideSuffix} {
			if err := h.remove(name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *Home) damaged(name string, err error) error {
	return fmt.Errorf("read %s: %w; run aws-access login again", h.path(name), err)
}
