package config

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/aws-access/aws-access/pkg/access"
)

// Parameter is a secret in SSM. It is read on first use and kept.
type Parameter struct {
	Client *ssm.Client
	Name   string

	mu   sync.Mutex
	kept access.Secret
}

// Get returns the secret; fresh reads it again, for when whoever it is shown
// to has just refused the one that was kept.
func (p *Parameter) Get(ctx context.Context, fresh bool) (access.Secret, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.kept.Empty() && !fresh {
		return p.kept, nil
	}
	out, err := p.Client.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(p.Name), WithDecryption: aws.Bool(true)})
	if err != nil {
		return access.Secret{}, fmt.Errorf("read the secret %s: %w", p.Name, err)
	}
	if aws.ToString(out.Parameter.Value) == "" {
		return access.Secret{}, fmt.Errorf("the secret %s is empty", p.Name)
	}
	p.kept = access.NewSecret(*out.Parameter.Value)
	return p.kept, nil
}
