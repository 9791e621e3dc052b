package client

import (
	"context"
	"time"

	"github.com/aws-access/aws-access/pkg/machine"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Identity proves which machine calls. It adds the proof to a call that is to be signed by the key that
// the question names.
//
// Errors: *Failure with the code no_proof.
type Identity interface {
	Prove(ctx context.Context, q machine.Question, now time.Time, p *wire.Payload) error
}

// question is what a machine's proof is made for: this server and this key.
func (c *Client) question() machine.Question {
	return machine.Question{Audience: c.Server.Address, Key: c.Key.Public().Thumbprint()}
}
