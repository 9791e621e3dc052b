package world

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/policy"
)

// Roles are the roles in member accounts: every role of every account in the
// policy, with the trust that the product asks for, and the role that ends
// sessions, unless Change said otherwise. A role is created when a function first
// asks for it, so that ten thousand accounts cost nothing.
type Roles struct {
	aws     *awsfake.Server
	trust   string                            // the trust policy that the product asks for
	revoker func(account string) awsfake.Role // the role that ends sessions
	policy  func() *policy.Policy

	mu      sync.Mutex
	changed map[string]roleSettings // by account and name
}

// roleSettings are what Change has set for one role.
type roleSettings struct {
	missing    bool
	trust      string        // "" for the trust that the product asks for
	maxSession time.Duration // 0 for awsfake's default
}

// RoleChange changes a role in a member account.
type RoleChange struct {
	Account    string          `json:"account"`
	Role       string          `json:"role"`
	Trust      json.RawMessage `json:"trust"` // a policy as JSON, or as a string that holds JSON
	Missing    *bool           `json:"missing"`
	MaxSession *int            `json:"max_session"` // seconds
}

// Change changes a role. The error is a sentence about what is wrong with the
// change, and then nothing has changed.
func (r *Roles) Change(c RoleChange) error {
	missing := c.Missing != nil && *c.Missing
	switch {
	case c.Trust == nil && c.Missing == nil && c.MaxSession == nil:
		return errors.New(`say what to change: "trust", "missing" or "max_session"`)
	case missing && (c.Trust != nil || c.MaxSession != nil):
		return errors.New(`a role that is missing has no "trust" and no "max_session"`)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := c.apply(r.changed[c.Account+"/"+c.Role])
	// Try the role on an AWS that is thrown away, so that a refused one changes
	// nothing.
	if err := awsfake.New(awsfake.Options{}).PutRole(c.Account, r.role(c.Account, c.Role, "/", next)); err != nil {
		return err
	}
	if r.changed == nil {
		r.changed = make(map[string]roleSettings)
	}
	r.changed[c.Account+"/"+c.Role] = next
	return r.update(c.Account, c.Role, next)
}

// apply returns the settings after a change. Setting trust or the maximum
// session brings a missing role back.
func (c RoleChange) apply(s roleSettings) roleSettings {
	if c.Missing != nil {
		s.missing = *c.Missing
	}
	if c.Trust != nil {
		s.missing, s.trust = false, trustText(c.Trust)
	}
	if c.MaxSession != nil {
		s.missing, s.maxSession = false, time.Duration(*c.MaxSession)*time.Second
	}
	return s
}

// trustText is the text of a policy that was given as JSON, or as a string that
// holds JSON.
func trustText(given json.RawMessage) string {
	var text string
	if json.Unmarshal(given, &text) == nil {
		return text
	}
	return string(given)
}

// update changes a role that was created already.
func (r *Roles) update(account, name string, s roleSettings) error {
	if s.missing {
		r.aws.RemoveRole(account, name)
		return nil
	}
	if existing, ok := r.aws.Role(account, name); ok {
		role := r.role(account, name, existing.Path, s)
		role.Inline = existing.Inline
		return r.aws.PutRole(account, role)
	}
	return nil
}

func (r *Roles) role(account, name, path string, s roleSettings) awsfake.Role {
	role := awsfake.Role{
		Name: name, Path: path, Trust: r.trust, MaxSession: s.maxSession, BoundaryARN: boundaryOf(account, name),
	}
	if name == RevokerName {
		role = r.revoker(account)
	}
	if s.trust != "" {
		role.Trust = s.trust
	}
	return role
}

// create creates a role that a function is about to assume, if there should be
// one and there is none. An existing one keeps its inline policies.
func (r *Roles) create(arn string) error {
	account, path, name, ok := splitARN(arn)
	if !ok {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s, changed := r.changed[account+"/"+name]
	if _, exists := r.aws.Role(account, name); exists || s.missing || !changed && !r.inPolicy(account, name) {
		return nil
	}
	role := r.role(account, name, path, s)
	role.Partition = strings.SplitN(arn, ":", 3)[1]
	return r.aws.PutRole(account, role)
}

// inPolicy reports whether the policy names a role in an account. For that, a
// member who may ask for nothing asks for it: the refusal tells.
func (r *Roles) inPolicy(account, name string) bool {
	answer := r.policy().Decide(policy.Question{
		Who: access.Person{ID: "U0NOBODY", Membership: access.Member}, Account: account, Role: name,
	})
	code := ""
	if answer.Refusal != nil {
		code = access.Code(answer.Refusal)
	}
	return code != "unknown_account" && (name == RevokerName || code != "unknown_role")
}

// splitARN reads the ARN of a role. The path begins and ends with a slash.
func splitARN(arn string) (account, path, name string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "role/") {
		return "", "", "", false
	}
	full := strings.TrimPrefix(parts[5], "role")
	slash := strings.LastIndex(full, "/") + 1
	return parts[4], full[:slash], full[slash:], full[slash:] != ""
}

// createOnUse creates roles before the fake AWS is asked for them. Only a
// request with the key of one of these functions has that effect.
func (r *Roles) createOnUse(next http.Handler, keys ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		fromFunction := slices.ContainsFunc(keys, func(key string) bool {
			return strings.Contains(req.Header.Get("Authorization"), "Credential="+key+"/")
		})
		if req.Method != http.MethodPost || !fromFunction {
			next.ServeHTTP(w, req)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 1<<20))
		if err != nil {
			http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") == "AssumeRole" {
			_ = r.create(form.Get("RoleArn")) // the fake STS refuses a role that could not be created
		}
		next.ServeHTTP(w, req)
	})
}
