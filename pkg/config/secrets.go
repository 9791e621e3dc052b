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

// Parameter is a secret in SSM. It is read on first use, and kept for
// some minutes.
type Parameter struct {
	SSM  awscall.Client
	Name string

	Now func() time.Time

	mu     sync.Mutex
	kept   access.Secret
	read   time.Time
	reread time.Time // last, because the kept one was refused
}

// keptFor is how old a secret may be that is used. One that leaked and was
// rotated is never refused by whoever has it: without an end, an instance that
// only the thief calls would go on believing him.
const keptFor = 5 * time.Minute

// rereadAfter is how long ago a kept secret must have been read again before it
// is once more: a rotation is noticed at once, and whoever sends forged requests
// cannot make every one of them cost a read.
const rereadAfter = time.Minute

// Get returns the secret; fresh reads it again, for when whoever it is shown
// to has just refused the one that was kept.
func (p *Parameter) Get(ctx context.Context, fresh bool) (access.Secret, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.Now()
	old := p.kept.Empty() || now.Sub(p.read) >= keptFor
	if !old && (!fresh || now.Sub(p.reread) < rereadAfter) {
		return p.kept, nil
	}
	if !old {
		p.reread = now
	}
	value, err := p.get(ctx)
	if err != nil {
		return access.Secret{}, fmt.Errorf("read the secret %s: %w", p.Name, err)
	}
	if value.Empty() {
		return access.Secret{}, fmt.Errorf("read the secret %s: it is empty", p.Name)
	}
	p.kept, p.read = value, now
	return p.kept, nil
}

// get calls ssm:GetParameter.
func (p *Parameter) get(ctx context.Context) (access.Secret, error) {
	asked, err := json.Marshal(map[string]any{"Name": p.Name, "WithDecryption": true})
	if err != nil {
		return access.Secret{}, err
	}
	said, err := p.SSM.Post(ctx, "/",
		http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"AmazonSSM.GetParameter"}}, asked)
	if err != nil {
		return access.Secret{}, fmt.Errorf("ssm:GetParameter: %w", err)
	}
	var out struct{ Parameter struct{ Value string } }
	if json.Unmarshal(said, &out) != nil { // its error could quote the answer
		return access.Secret{}, errUnreadable
	}
	return access.NewSecret(out.Parameter.Value), nil
}

var errUnreadable = errors.New("ssm:GetParameter: the answer cannot be read")
