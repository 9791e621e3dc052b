package functions

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Calls takes the steps that people's devices and machines ask for through /v1. It
// believes nothing that the public function says: it checks each call itself, signs each
// answer, and seals what is secret. Only vend has one.
type Calls struct {
	// Address returns the addresses of this installation, as wire.URL has them.
	Address func(ctx context.Context) ([]string, error)
	// AnswerKeys returns the text of wire.ParseAnswerKeys. fresh asks to read it again.
	AnswerKeys func(ctx context.Context, fresh bool) (access.Secret, error)
	Machines   machines
	Store      callStore
	Submit     lifecycle.Submit
	Close      lifecycle.Close
	Vend       lifecycle.Vend
	SignIn     signIn
	Roster     lifecycle.Roster
	Policy     *policy.Policy
	Operators  Operators
	Now        func() time.Time
	Log        *slog.Logger
}

// machines judges the proofs of machines. pkg/machine implements it; this package must
// not import that, because the public functions would then link it.
type machines interface {
	// Role returns the machine that has signed a call of sts:GetCallerIdentity for an
	// audience and a key.
	Role(ctx context.Context, p wire.AWSProof, audience, key string) (access.Machine, error)
	// Run returns the machine of a token that was made for an audience and a key.
	Run(ctx context.Context, token access.Secret, audience, key string) (access.Machine, error)
}

type callStore interface {
	requestStore
}
