package config

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/aws-access/aws-access/pkg/access"
)

// Parameter is a secret in SSM. It is read on first use and kept.
type Parameter struct {
	Client *ssm.Client
	Name   string

	Now func() time.Time

	mu   sync.Mutex
	kept access.Secret
	read time.Time
}

// rereadAfter is how old a kept secret must be before it is read again: whoever
// sends forged requests must not make every one of them cost a read.
const rereadAfter = time.Minute

// Get returns the secret; fresh reads it again, for when whoever it is shown
// to has just refused the one that was kept.
func (p *Parameter) Get(ctx context.Context, fresh bool) (access.Secret, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.kept.Empty() && (!fresh || p.Now().Sub(p.read) < rereadAfter) {
		return p.kept, nil
	}
	out, err := p.Client.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(p.Name), WithDecryption: aws.Bool(true)})
	if err != nil {
		return access.Secret{}, fmt.Errorf("read the secret %s: %w", p.Name, err)
	}
	if aws.ToString(out.Parameter.Value) == "" {
		return access.Secret{}, fmt.Errorf("the secret %s is empty", p.Name)
	}
	p.kept, p.read = access.NewSecret(*out.Parameter.Value), p.Now()
	return p.kept, nil
}
