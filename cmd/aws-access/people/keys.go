package people

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Limits of getting keys. SDKs kill a credential_process after a minute (docs/facts.md#k7).
const (
	pendingWait = 45 * time.Second
)

// keys is Env.Keys.
func (e *Env) keys(ctx context.Context, t Target) (home.Keys, error) {
	c, err := e.Client(ctx, t.As)
	if err != nil {
		return home.Keys{}, err
	}
	vended := false
	vend := func(ctx context.Context) (home.Keys, error) {
		vended = true
		return e.vend(ctx, c, t)
	}
	if t.Cache == nil && t.As.Machine != "" {
		return vend(ctx)
	}
	entry := home.Entry{
		Address: c.Server.Address, Device: c.Key.Public().Thumbprint(), Account: t.Account, Role: t.Role,
	}
	if t.Cache != nil {
		return t.Cache.Keys(ctx, entry, t.Lifetime, vend)
	}
	h, err := e.Home()
	if err != nil {
		return home.Keys{}, err
	}
	defer func() { _ = h.Close() }()
	cache, err := e.cacheOf(h)
	if err != nil {
		return home.Keys{}, err
	}
	defer func() { _ = cache.Close() }()
	keys, err := cache.Keys(ctx, entry, t.Lifetime, vend)
	if err == nil && vended && keys.Account != t.Account {
		// The program of exec asks by the account's id: these keys are for it too.
		entry.Account = keys.Account
		_, err = cache.Keys(ctx, entry, t.Lifetime, func(context.Context) (home.Keys, error) { return keys, nil })
	}
	return keys, err
}

// vend gets keys by a call. If there is no grant, it waits for a request that is pending, or asks by
// itself; then it calls again.
func (e *Env) vend(ctx context.Context, c *client.Client, t Target) (home.Keys, error) {
	keys, pending, err := vendOnce(ctx, c, t)
	refused, isRefusal := errors.AsType[*home.Refused](err)
	switch {
	case isRefusal && refused.Code == noGrant:
		if pending, err = e.askByItself(ctx, c, t, refused); err != nil {
			return home.Keys{}, err
		}
	case isRefusal && (refused.Code == string(access.Ended) || refused.Code == string(access.Revoked)):
		return home.Keys{}, e.askYourself(t, refused.Refusal)
	case err != nil:
		return home.Keys{}, err
	case pending == nil:
		return keys, nil
	}
	if err := e.untilGranted(ctx, c, *pending, t.Waits); err != nil {
		return home.Keys{}, err
	}
	keys, pending, err = vendOnce(ctx, c, t)
	if err == nil && pending != nil {
		return home.Keys{}, stillPending(*pending)
	}
	return keys, err
}

// noGrant is the code of the refusal of keys for which there is no grant and no request.
const noGrant = "no_grant"

// vendOnce makes one call for keys. If a request is pending, it returns that.
func vendOnce(ctx context.Context, c *client.Client, t Target) (home.Keys, *wire.Grant, error) {
	answer, err := c.Do(ctx, wire.Payload{Op: wire.Keys, Account: t.Account, Role: t.Role})
	if err != nil {
		return home.Keys{}, nil, err
	}
	if answer.Status == http.StatusAccepted {
		var pending wire.Grant
		err := answer.Decode(&pending)
		return home.Keys{}, &pending, err
	}
	keys, err := answer.Keys()
	if err != nil {
		return home.Keys{}, nil, err
	}
	return home.Keys{SessionKeys: keys, From: answer.Sent,
		End: home.PrintedEnd(answer.Sent, answer.Time, keys.Credentials.Expires, t.Lifetime)}, nil, nil
}

// askByItself asks for access where that bothers nobody, which the server judges. The refusal is the one of
// keys.
func (e *Env) askByItself(ctx context.Context, c *client.Client, t Target, refusal *home.Refused) (
	*wire.Grant, error,
) {
	if t.Reason == "" {
		return nil, e.askYourself(t, refusal.Refusal)
	}
	answer, err := c.Do(ctx, wire.Payload{Op: wire.Request, Account: t.Account, Role: t.Role, Reason: t.Reason,
		Automatic: true})
	if refused, ok := errors.AsType[*home.Refused](err); ok {
		r := refused.Refusal
		switch r.Code {
		case noGrant, string(access.Ended), string(access.Revoked), "no_ticket":
		default:
			r.Text += " " + r.Next // says what is wrong with the request
		}
		return nil, e.askYourself(t, r)
	}
	if err != nil {
		return nil, err
	}
	var g wire.Grant
	return &g, answer.Decode(&g)
}

// askYourself is a refusal that names the command with which a person asks. For access that was revoked, the server
// says when that is allowed.
func (e *Env) askYourself(t Target, r wire.Refusal) error {
	line := e.requestLine(t)
	if r.Code == string(access.Revoked) && r.Next != "" {
		r.Next += " The command is: " + line
	} else {
		r.Next = "Ask for it: " + line
	}
	return &home.Refused{Refusal: r}
}

// untilGranted waits for the decision of a request, not longer than an SDK does.
func (e *Env) untilGranted(ctx context.Context, c *client.Client, g wire.Grant, say bool) error {
	wait, cancel := context.WithTimeout(ctx, pendingWait)
	defer cancel()
	if say && g.State == string(access.Pending) {
		e.say("%s. This waits at most %d seconds.", waitingFor(g), pendingWait/time.Second)
	}
	decided, err := e.await(wait, c, g, func(wire.Grant) {})
	switch {
	case err != nil && ctx.Err() == nil && wait.Err() != nil:
		return stillPending(g)
	case err != nil:
		return err
	case decided.State != string(access.Active):
		return &home.Refused{Refusal: wire.Refusal{Code: decided.State, Text: decided.Text, Next: decided.Next}}
	}
	return nil
}

func stillPending(g wire.Grant) error {
	return &home.Refused{Refusal: wire.Refusal{Code: string(access.Pending), Text: "The request is waiting for an answer.",
		Next: "Look at it: aws-access status " + shellWord(g.ID)}}
}
