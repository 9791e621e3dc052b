package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
)

// Parameter is a secret in SSM. It is read on first use and kept for five minutes.
type Parameter struct {
	SSM  awscall.Client
	Name string

	Now func() time.Time

	mu       sync.Mutex
	value    access.Secret
	readAt   time.Time
	rereadAt time.Time // because it was refused
}

// maxAge is how long a secret is kept. Nobody reports a secret that was stolen and then
// rotated, because the thief's requests are never refused. Without this limit, an
// instance that only the thief calls would accept the old secret for ever.
const maxAge = 5 * time.Minute

// rereadInterval is how often a kept secret is read again because it was refused. So a
// rotation is noticed at once, but forged requests cannot cost one read each.
const rereadInterval = time.Minute

// Get returns the secret. With fresh, it reads the secret again: the kept one was just
// refused.
func (p *Parameter) Get(ctx context.Context, fresh bool) (access.Secret, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now()
	old := p.value.Empty() || now.Sub(p.readAt) >= maxAge
	if !old && (!fresh || now.Sub(p.rereadAt) < rereadInterval) {
		return p.value, nil
	}
	if !old {
		p.rereadAt = now
	}
	value, err := p.get(ctx)
	if err != nil {
		return access.Secret{}, fmt.Errorf("read the secret %s: %w", p.Name, err)
	}
	if value.Empty() {
		return access.Secret{}, fmt.Errorf("read the secret %s: it is empty", p.Name)
	}
	p.value, p.readAt = value, now
	return p.value, nil
}

// get calls ssm:GetParameter.
func (p *Parameter) get(ctx context.Context) (access.Secret, error) {
	body, err := json.Marshal(map[string]any{"Name": p.Name, "WithDecryption": true})
	if err != nil {
		return access.Secret{}, err
	}
	response, err := p.SSM.Post(ctx, "/",
		http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AmazonSSM.GetParameter"}}, body)
	if err != nil {
		return access.Secret{}, fmt.Errorf("ssm:GetParameter: %w", err)
	}
	var out struct{ Parameter struct{ Value string } }
	if json.Unmarshal(response, &out) != nil { // the error could quote the secret
		return access.Secret{}, errUnreadable
	}
	return access.NewSecret(out.Parameter.Value), nil
}

var errUnreadable = errors.New("ssm:GetParameter: the answer cannot be read")
