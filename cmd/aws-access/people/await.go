package people

import (
	"context"
	"errors"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/wire"
)

// How often a request that is pending is looked at. The server allows a key two calls a second.
const (
	pollSoon   = 2 * time.Second
	pollLater  = 5 * time.Second
	soon       = 30 // polls
	mostErrors = 5  // in a row, each after tries of its own
)

// await waits until a request is no longer pending, and tells each state that it sees.
//
// Errors are those of client.Client.Do, and of the context.
func (e *Env) await(ctx context.Context, c *client.Client, g wire.Grant, seen func(wire.Grant)) (wire.Grant, error) {
	failed := 0
	for polls := 0; ; polls++ {
		seen(g)
		if g.State != string(access.Pending) {
			return g, nil
		}
		pause := pollSoon
		if polls >= soon {
			pause = pollLater
		}
		if err := e.Pause(ctx, pause); err != nil {
			return g, err
		}
		now, err := statusOf(ctx, c, g.ID)
		failure, passing := errors.AsType[*client.Failure](err)
		passing = passing && (failure.Code == client.Unreachable || failure.Code == client.Unavailable ||
			failure.Code == client.Busy)
		switch {
		case err == nil:
			g, failed = now, 0
		case ctx.Err() != nil:
			return g, context.Cause(ctx)
		case !passing || failed == mostErrors:
			return g, err
		default:
			failed++
		}
	}
}

// statusOf returns a request.
func statusOf(ctx context.Context, c *client.Client, id string) (g wire.Grant, err error) {
	answer, err := c.Do(ctx, wire.Payload{Op: wire.Status, ID: id})
	if err != nil {
		return g, err
	}
	return g, answer.Decode(&g)
}
