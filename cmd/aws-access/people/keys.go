package people

import (
	"context"

	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

// keys is Env.Keys.
func (e *Env) keys(ctx context.Context, t Target) (home.Keys, error) {
	c, err := e.Client(ctx, t.As)
	if err != nil {
		return home.Keys{}, err
	}
	vend := func(ctx context.Context) (home.Keys, error) { return vendOnce(ctx, c, t) }
	entry := home.Entry{
		Address: c.Server.Address, Device: c.Key.Public().Thumbprint(), Account: t.Account, Role: t.Role,
	}
	if t.Cache != nil {
		return t.Cache.Keys(ctx, entry, t.Lifetime, vend)
	}
	if t.As.Machine != "" {
		return vend(ctx)
	}
	h, err := e.Home()
	if err != nil {
		return home.Keys{}, err
	}
	defer func() { _ = h.Close() }()
	cache, err := h.Cache(e.Now)
	if err != nil {
		return home.Keys{}, err
	}
	defer func() { _ = cache.Close() }()
	cache.Warn = func(err error) { e.say("the keys could not be kept: %v", err) }
	return cache.Keys(ctx, entry, t.Lifetime, vend)
}

// vendOnce gets keys of a grant that exists.
func vendOnce(ctx context.Context, c *client.Client, t Target) (home.Keys, error) {
	answer, err := c.Do(ctx, wire.Payload{Op: wire.Keys, Account: t.Account, Role: t.Role})
	if err != nil {
		return home.Keys{}, err
	}
	keys, err := answer.Keys()
	if err != nil {
		return home.Keys{}, err
	}
	return home.Keys{SessionKeys: keys, From: answer.Sent,
		End: home.PrintedEnd(answer.Sent, answer.Time, keys.Credentials.Expires, t.Lifetime)}, nil
}
