package functions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// revokeTimeout is how long one order revokes grants. Vend has 30 s, and needs the rest to answer.
const revokeTimeout = 22 * time.Second

// Revocations does what a responder orders who revokes several grants. Only vend has one,
// because it takes longer than Slack waits for an answer, and because it removes devices.
type Revocations struct {
	Step lifecycle.Respond
	Pair lifecycle.Pair
}

// do carries out an order, and returns the answer to the responder. A person's devices are
// removed first, so that none of them asks again meanwhile. The grants that they used are then
// revoked like all others.
func (h Revocations) do(ctx context.Context, o access.Revocation) (slackui.Message, lifecycle.RevokedMany, error) {
	limited, stop := context.WithTimeout(ctx, revokeTimeout)
	defer stop()
	by, err := h.Step.Ordered(limited, o)
	if err != nil {
		return slackui.Message{}, lifecycle.RevokedMany{}, err
	}
	devices, devicesErr := 0, error(nil)
	if o.Of.Kind == access.OfPerson {
		devices, devicesErr = h.Pair.RemoveAll(limited, o.Of.ID)
	}
	out, err := h.Step.RevokeMany(limited, by, o)
	err = errors.Join(err, devicesErr)
	switch {
	case err != nil && (out.Grants > 0 || out.Failed > 0) || err == nil && out.Left > 0:
		return slackui.RevokedPartly(o.Of, out.Grants, out.Failed, out.Left, o.ID), out, err
	case err != nil:
		return slackui.Message{}, out, err
	}
	return slackui.RevokedMany(o.Of, out.Grants, out.Sessions, devices), out, nil
}

// handleRevocation answers one order to revoke several grants. Its error is nil when the
// responder was answered, even with a refusal. An error goes to the failure destination.
func (h Vend) handleRevocation(ctx context.Context, o access.Revocation) error {
	answer, out, err := h.Revocations.do(ctx, o)
	switch {
	case errors.Is(err, access.ErrBadOrder):
		// The fields of an invalid order may be of any length, so none is logged.
		h.Log.ErrorContext(ctx, "an invalid order to revoke is not answered", "error", err)
		return err
	case err != nil:
		h.Log.ErrorContext(ctx, "an order to revoke failed", "order", o.ID, "of", o.Of.String(), "by", o.By,
			"grants", out.Grants, "failed", out.Failed, "left", out.Left, "code", access.Code(err), "error", err)
		if answer.Text == "" {
			answer = slackui.NotRevoked(err, o.ID)
		}
	default:
		h.Log.WarnContext(ctx, "several grants were revoked", "order", o.ID, "of", o.Of.String(), "by", o.By,
			"grants", out.Grants, "sessions", out.Sessions, "left", out.Left)
	}
	if out.Grants > 0 {
		text := slackui.ManyWereRevoked(o, out.By, out.Account, out.Grants, out.Sessions)
		told := h.Operators.Once(ctx, "revoked:"+o.ID, text, time.Hour)
		if told != nil {
			h.Log.ErrorContext(ctx, "the operators cannot be told of a revocation", "order", o.ID, "error", told)
		}
	}
	if _, err := h.postOne(ctx, o.By, "", answer); err != nil {
		return fmt.Errorf("answer order %s to revoke: %w", o.ID, err)
	}
	return nil
}
