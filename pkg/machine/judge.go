package machine

import (
	"context"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Judge judges both kinds of proofs. Only the vend function has one.
type Judge struct {
	STS    STS // its Question has the Endpoint; audience and key are those of each call
	Tokens tokens
}

type tokens interface {
	// Machine checks the token of a run, and returns that run.
	Machine(ctx context.Context, token access.Secret, q Question) (access.Machine, error)
}

// Role returns the machine that has signed a call of sts:GetCallerIdentity for this audience and key.
// Refusals are those of STS.Machine.
func (j Judge) Role(ctx context.Context, p wire.AWSProof, audience, key string) (access.Machine, error) {
	s := j.STS
	s.Audience, s.Key = audience, key
	return s.Machine(ctx, p)
}

// Run returns the machine of a token that was made for this audience and key.
//
// Refusals: those of Question.Run and of the tokens; bad_token, if no tokens are accepted.
func (j Judge) Run(ctx context.Context, token access.Secret, audience, key string) (access.Machine, error) {
	if j.Tokens == nil {
		return access.Machine{}, access.RefuseBadToken()
	}
	return j.Tokens.Machine(ctx, token, Question{Audience: audience, Key: key})
}
