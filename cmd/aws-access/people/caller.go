package people

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

// urlVariable is the environment variable with the URL of the server, for machines and for login.
const urlVariable = "AWS_ACCESS_URL"

// callers makes each client once: a machine has one key in a process, which its token names.
type callers struct {
	mu   sync.Mutex
	made map[As]*client.Client
}

// newClient is Env.Client.
func (e *Env) newClient(ctx context.Context, as As) (*client.Client, error) {
	e.callers.mu.Lock()
	defer e.callers.mu.Unlock()
	if c := e.callers.made[as]; c != nil {
		return c, nil
	}
	c, err := e.makeClient(ctx, as)
	if err != nil {
		return nil, err
	}
	if e.callers.made == nil {
		e.callers.made = make(map[As]*client.Client)
	}
	e.callers.made[as] = c
	return c, nil
}

func (e *Env) makeClient(ctx context.Context, as As) (*client.Client, error) {
	if as.Machine != "" {
		return e.machineClient(ctx, as)
	}
	if as.URL != "" {
		return nil, wrongUse("--url is for machines, with --as; a person's computer knows the URL since aws-access login")
	}
	h, err := e.Home()
	if err != nil {
		return nil, err
	}
	defer func() { _ = h.Close() }()
	config, err := h.Config()
	if err != nil {
		return nil, err
	}
	key, err := h.Key()
	if err != nil {
		return nil, err
	}
	c := e.bareClient(config.Server, key)
	c.NextKey = config.NextKey
	c.Renamed = func(answerKey, next string) { e.keepRenamed(ctx, config.Server, answerKey, next) }
	return c, nil
}

// bareClient is a client without an identity, whose server's keys nobody keeps.
func (e *Env) bareClient(server wire.URL, key wire.PrivateKey) *client.Client {
	return &client.Client{
		Server: server, Key: key, HTTP: client.NewHTTP(), Now: e.Now, Pause: client.Sleep,
		Say: func(text string) { e.say("%s", text) },
	}
}

// keepRenamed keeps the names of the server's keys. If that is not possible, the next answer names them
// again, as long as the older key is there.
func (e *Env) keepRenamed(ctx context.Context, server wire.URL, answerKey, next string) {
	h, err := e.Home()
	if err == nil {
		defer func() { _ = h.Close() }()
		err = h.Renamed(ctx, server, answerKey, next)
	}
	if err != nil {
		e.say("The name of the server's next key could not be kept: %v", err)
	}
}

// say prints a line of words.
func (e *Env) say(format string, args ...any) {
	printf(e.Stderr, "%s\n", plain(fmt.Sprintf(format, args...)))
}

// forgetKeys empties the cache, because a grant has begun or ended. A cache that cannot be emptied is an
// error: keys in it may be those of a grant that is over.
func (e *Env) forgetKeys(ctx context.Context, as As) error {
	if as.Machine != "" {
		return nil // it has none
	}
	h, err := e.Home()
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	cache, err := e.cacheOf(h)
	if err != nil {
		return err
	}
	defer func() { _ = cache.Close() }()
	return cache.Empty(ctx)
}

func (e *Env) cacheOf(h *home.Home) (*home.Cache, error) {
	cache, err := h.Cache(e.Now)
	if err != nil {
		return nil, err
	}
	cache.Wait = cmp.Or(e.cacheWait, cache.Wait)
	cache.Warn = func(err error) { e.say("The keys could not be kept, so the next program asks again: %v", err) }
	return cache, nil
}
