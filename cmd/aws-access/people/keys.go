package people

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Limits of getting keys. SDKs kill a credential_process after a minute (docs/facts.md#k7).
const (
	pendingWait = 45 * time.Second
	ownLength   = time.Hour // for which keys asks by itself, unless the policy allows less
)

// keys is Env.Keys.
func (e *Env) keys(ctx context.Context, t Target) (home.Keys, error) {
	c, err := e.Client(ctx, t.As)
	if err != nil {
		return home.Keys{}, err
	}
	vend := func(ctx context.Context) (home.Keys, error) { return e.vend(ctx, c, t) }
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
	return cache.Keys(ctx, entry, t.Lifetime, vend)
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
	if err := e.untilGranted(ctx, c, *pending); err != nil {
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

// askByItself asks for access where that bothers nobody. The refusal is the one of keys; it is returned
// with what to do if a person has to ask.
func (e *Env) askByItself(ctx context.Context, c *client.Client, t Target, refusal *home.Refused) (
	*wire.Grant, error,
) {
	refused := func(text string) error {
		return e.askYourself(t, wire.Refusal{Code: refusal.Code, Text: text})
	}
	switch {
	case t.Reason == "":
		return nil, refused(refusal.Text)
	case t.As.Machine != "":
		return e.askAsMachine(ctx, c, t)
	}
	role, found, err := choiceOf(ctx, c, t)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, refused(refusal.Text)
	case role.Asks:
		return nil, refused("You have no access now, and somebody must approve it.")
	case role.Ticket:
		return nil, refused("You have no access now, and it needs a ticket.")
	}
	last, err := lastGrant(ctx, c, t)
	switch {
	case err != nil:
		return nil, err
	case last == string(access.Ended):
		return nil, refused("You have given this access back, so it is not renewed by itself.")
	case last == string(access.Revoked):
		return nil, refused("This access was revoked, so it is not renewed by itself.")
	}
	length := ownLength
	if most, ok := parseLength(role.Max); ok {
		length = min(length, most)
	}
	return ask(ctx, c, t, length)
}

func ask(ctx context.Context, c *client.Client, t Target, length time.Duration) (*wire.Grant, error) {
	answer, err := c.Do(ctx, wire.Payload{Op: wire.Request, Account: t.Account, Role: t.Role,
		Length: access.FormatLength(length), Reason: t.Reason})
	if err != nil {
		return nil, err
	}
	var g wire.Grant
	return &g, answer.Decode(&g)
}

// askYourself is a refusal that names the command with which a person asks.
func (e *Env) askYourself(t Target, r wire.Refusal) error {
	r.Next = "Ask for it: " + e.requestLine(t)
	return &home.Refused{Refusal: r}
}

// askAsMachine asks for a machine, which cannot ask what the policy allows it. Somebody who configures a
// machine with a reason wants it to ask; where the policy wants an approval, a card shows it. What this
// process asked for before is not asked for again if it was given back or revoked.
func (e *Env) askAsMachine(ctx context.Context, c *client.Client, t Target) (g *wire.Grant, err error) {
	if id := e.callers.lastAsked(t); id != "" {
		last, err := statusOf(ctx, c, id)
		if err != nil {
			return nil, err
		}
		if last.State == string(access.Ended) || last.State == string(access.Revoked) {
			return nil, e.askYourself(t, wire.Refusal{Code: last.State, Text: last.Text})
		}
	}
	for _, length := range [...]time.Duration{ownLength, 30 * time.Minute, 15 * time.Minute} {
		g, err = ask(ctx, c, t, length)
		if refused, ok := errors.AsType[*home.Refused](err); !ok || refused.Code != "too_long" {
			break
		}
	}
	if err == nil {
		e.callers.asked(t, g.ID)
	}
	return g, err
}

// choiceOf returns what the caller may ask for.
func choiceOf(ctx context.Context, c *client.Client, t Target) (role wire.RoleChoice, found bool, err error) {
	answer, err := c.Do(ctx, wire.Payload{Op: wire.Options})
	if err != nil {
		return role, false, err
	}
	var choices wire.Choices
	if err := answer.Decode(&choices); err != nil {
		return role, false, err
	}
	for _, account := range choices.Accounts {
		if account.ID != t.Account && !strings.EqualFold(account.Name, t.Account) {
			continue
		}
		for _, r := range account.Roles {
			if strings.EqualFold(r.Name, t.Role) {
				return r, true, nil
			}
		}
	}
	return role, false, nil
}

// lastGrant returns the state of the newest grant for a role, "" if there was none.
func lastGrant(ctx context.Context, c *client.Client, t Target) (state string, err error) {
	answer, err := c.Do(ctx, wire.Payload{Op: wire.List})
	if err != nil {
		return "", err
	}
	var all wire.Grants
	if err := answer.Decode(&all); err != nil {
		return "", err
	}
	var newest time.Time
	for _, g := range all.Requests {
		if (g.Account == t.Account || strings.EqualFold(g.AccountName, t.Account)) && strings.EqualFold(g.Role, t.Role) &&
			g.Starts != nil &&
			!g.Submitted.Before(newest) {
			newest, state = g.Submitted, g.State
		}
	}
	return state, nil
}

// untilGranted waits for the decision of a request, not longer than an SDK does.
func (e *Env) untilGranted(ctx context.Context, c *client.Client, g wire.Grant) error {
	wait, cancel := context.WithTimeout(ctx, pendingWait)
	defer cancel()
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

// parseLength reads a length as answers write it, such as 1d12h.
func parseLength(text string) (d time.Duration, ok bool) {
	seconds := map[rune]int{'d': 24 * 60 * 60, 'h': 60 * 60, 'm': 60, 's': 1}
	total, n, digits := 0, 0, 0
	for _, c := range text {
		if c >= '0' && c <= '9' && digits < 6 {
			n, digits = n*10+int(c-'0'), digits+1
			continue
		}
		unit := seconds[c]
		if unit == 0 || digits == 0 {
			return 0, false
		}
		total, n, digits = total+n*unit, 0, 0
	}
	return time.Duration(total) * time.Second, digits == 0 && total > 0
}
