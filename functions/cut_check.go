package functions

import (
	"context"
	"time"
)

// RevokerCheck is a question of aws-access doctor to cut: {"check": {"kind": "revoker", "roles":
// ["arn:…"]}}. For each role, cut puts a policy on it through the revoker of its account, one that
// denies nobody anything, and takes it away.
type RevokerCheck struct {
	Kind  string   `json:"kind"`
	Roles []string `json:"roles"` // ARNs, one of each account
}

// CheckRevoker is the kind of a check of revokers.
const CheckRevoker = "revoker"

// RevokersAnswer is the answer to a RevokerCheck. The codes are those of pkg/cut.
type RevokersAnswer struct {
	Refused  string          `json:"refused,omitempty"` // a code, if the check itself was invalid
	At       time.Time       `json:"at"`                // the function's clock
	Revokers []RevokerAnswer `json:"revokers,omitempty"`
}

// RevokerAnswer is what became of one role's trial.
type RevokerAnswer struct {
	Role  string   `json:"role"` // its ARN
	Codes []string `json:"codes"`
}

// check tries revokers. An invalid check is answered too (Refused: unknown_kind or wrong_size).
func (h Cut) check(ctx context.Context, c RevokerCheck) RevokersAnswer {
	out := RevokersAnswer{At: h.Now().UTC()}
	switch {
	case c.Kind != CheckRevoker:
		out.Refused = "unknown_kind"
		return out
	case len(c.Roles) == 0 || len(c.Roles) > MaxRoles:
		out.Refused = "wrong_size"
		return out
	}
	if deadline, ok := ctx.Deadline(); ok {
		shortened, stop := context.WithDeadline(ctx, deadline.Add(-answerTime))
		defer stop()
		ctx = shortened
	}
	out.Revokers = make([]RevokerAnswer, len(c.Roles))
	atOnce(len(c.Roles), cutsAtOnce, func(i int) {
		out.Revokers[i] = RevokerAnswer{Role: c.Roles[i], Codes: h.Cutter.Try(ctx, c.Roles[i])}
	})
	h.Log.InfoContext(ctx, "a check was answered", "kind", c.Kind, "roles", len(c.Roles))
	return out
}
