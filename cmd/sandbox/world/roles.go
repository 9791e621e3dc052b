package world

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/policy"
)

// roles keeps what stands in member accounts: every role of every account in
// the policy with the right trust, unless the lever said otherwise. A role is
// put up when the vend function first asks for it, so that ten thousand
// accounts cost nothing.
type Roles struct {
	aws    *awsfake.Server
	trust  string // the right one
	policy func() *policy.Policy

	mu   sync.Mutex
	said map[string]standing // by account and name
}

// standing is what the lever said of one role.
type standing struct {
	missing    bool
	trust      string // "" for the right one
	maxSession time.Duration
}

// RoleChange is the lever's body.
type RoleChange struct {
	Account    string          `json:"account"`
	Role       string          `json:"role"`
	Trust      json.RawMessage `json:"trust"`
	Missing    *bool           `json:"missing"`
	MaxSession *int            `json:"max_session"` // seconds
}

// change does what the lever asks, or says why not.
func (r *Roles) Change(c RoleChange) error {
	if c.Trust == nil && c.Missing == nil && c.MaxSession == nil {
		return fmt.Errorf(`say what stands there: "trust", "missing" or "max_session"`)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.said[c.Account+"/"+c.Role]
	if c.Missing != nil {
		next.missing = *c.Missing
	}
	if c.Trust != nil {
		next.missing, next.trust = false, trustText(c.Trust)
	}
	if c.MaxSession != nil {
		next.missing, next.maxSession = false, time.Duration(*c.MaxSession)*time.Second
	}
	if c.Missing != nil && *c.Missing && (c.Trust != nil || c.MaxSession != nil) {
		return fmt.Errorf(`a role that is missing has no "trust" and no "max_session"`)
	}
	if err := awsfake.New(awsfake.Options{}).PutRole(c.Account, r.role(c.Role, "/", next)); err != nil {
		return err
	}
	if r.said == nil {
		r.said = make(map[string]standing)
	}
	r.said[c.Account+"/"+c.Role] = next
	return r.apply(c.Account, c.Role, next)
}

// trustText is a policy that was given as JSON or as text that holds JSON.
func trustText(given json.RawMessage) string {
	var text string
	if json.Unmarshal(given, &text) == nil {
		return text
	}
	return string(given)
}

// apply changes a role that is up already.
func (r *Roles) apply(account, name string, s standing) error {
	if s.missing {
		r.aws.RemoveRole(account, name)
		return nil
	}
	if up, ok := r.aws.Role(account, name); ok {
		return r.aws.PutRole(account, r.role(name, up.Path, s))
	}
	return nil
}

func (r *Roles) role(name, path string, s standing) awsfake.Role {
	role := awsfake.Role{Name: name, Path: path, Trust: r.trust, MaxSession: s.maxSession}
	if s.trust != "" {
		role.Trust = s.trust
	}
	return role
}

// put puts a role up that the vend function is about to ask for.
func (r *Roles) put(arn string) error {
	account, path, name, ok := splitARN(arn)
	if !ok {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s, spoken := r.said[account+"/"+name]
	if s.missing || !spoken && !r.inPolicy(account, name) {
		return nil
	}
	role := r.role(name, path, s)
	role.Partition = strings.SplitN(arn, ":", 3)[1]
	return r.aws.PutRole(account, role)
}

// inPolicy reports whether the policy knows a role in an account: it says so
// to anybody who is a full member.
func (r *Roles) inPolicy(account, name string) bool {
	a := r.policy().Decide(policy.Question{Who: access.Person{ID: "U0NOBODY", Membership: access.Member}, Account: account, Role: name})
	code := ""
	if a.Refusal != nil {
		code = access.Code(a.Refusal)
	}
	return code != "unknown_account" && code != "unknown_role"
}

// splitARN reads a role's ARN.
func splitARN(arn string) (account, path, name string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "role/") {
		return "", "", "", false
	}
	full := strings.TrimPrefix(parts[5], "role")
	slash := strings.LastIndex(full, "/") + 1
	return parts[4], full[:slash], full[slash:], full[slash:] != ""
}

// before puts roles up before AWS is asked for them. Only the vend function
// can make that happen.
func (r *Roles) createOnUse(vendKey string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost && strings.Contains(req.Header.Get("Authorization"), "Credential="+vendKey+"/") {
			body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 1<<20))
			if err != nil {
				http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
				return
			}
			req.Body = io.NopCloser(bytes.NewReader(body))
			if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") == "AssumeRole" {
				// A role that cannot be put up is one that does not stand there.
				_ = r.put(form.Get("RoleArn"))
			}
		}
		next.ServeHTTP(w, req)
	})
}
