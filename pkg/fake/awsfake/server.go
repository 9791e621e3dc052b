package awsfake

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Options say how the players play. The zero value works, on real time.
type Options struct {
	Now    func() time.Time      // the clock of credentials and conditions
	Wall   func() time.Time      // the clock that clients sign by; real time if nil
	Fault  func(op string) Fault // what goes wrong with a call; nil for nothing
	OnCall func(op string)       // hears of every call, before its fault
	// Slow is how a slow call takes its time; three seconds or the end of the
	// request if nil.
	Slow func(ctx context.Context)
	// TokenBytes is the least length of a session token, at most 4,096: what
	// STS may give since September 2026 (docs/facts.md#0.8). 0 stands for 1,024.
	TokenBytes int
	Org        string // organisation of all accounts, o-…; "" for none
	// ConsoleAuthorization is the state of all accounts: whether a browser that
	// signs in is judged by the policies of its session too. AWS lets accounts
	// and organisations switch it on since June 2026.
	ConsoleAuthorization bool
	Console              string // path at which Console is mounted; "/console" if empty
}

// Fault is what goes wrong with one call: error (nothing is done, 5xx), 429
// (nothing is done, throttled), slow (done late), lost (done, and answered with
// an error), dead (nothing is done, the connection closes without an answer),
// or code: and the error code that is answered, such as code:AccessDenied
// (nothing is done). The zero value is nothing.
type Fault struct{ How string }

// Ways to fail.
const (
	FaultError     = "error"
	FaultThrottled = "429"
	FaultSlow      = "slow"
	FaultLost      = "lost"
	FaultDropped   = "dead"
	FaultCode      = "code:" // and the error code
)

// Server plays STS, IAM, S3 and sign-in for all accounts. Its zero value is not
// ready: call New. It is safe for concurrent use.
type Server struct {
	options Options

	mu       sync.Mutex
	roles    map[string]*role   // by ARN
	callers  map[string]*caller // by access key id
	sessions []*caller          // vended ones, oldest first
	users    map[string]string  // ids of users, by ARN
	made     int                // roles made so far: a role made again is another one
	tokens   map[string]grant   // sign-in tokens
	cookies  map[string]*caller // console sessions
	issuers  map[string]string  // where a console session came from
}

// New makes players of a world that is empty but for what PutRole and
// FunctionCredentials put there.
func New(o Options) *Server {
	o.Now = orElse(o.Now, time.Now)
	o.Wall = orElse(o.Wall, time.Now)
	if o.Slow == nil {
		o.Slow = threeSeconds
	}
	o.Console = cmp.Or(o.Console, "/console")
	o.TokenBytes = min(cmp.Or(o.TokenBytes, 1024), maxToken)
	return &Server{
		options: o, roles: map[string]*role{}, callers: map[string]*caller{}, users: map[string]string{},
		tokens: map[string]grant{}, cookies: map[string]*caller{}, issuers: map[string]string{},
	}
}

const maxToken = 4096

func orElse(now, other func() time.Time) func() time.Time {
	if now == nil {
		return other
	}
	return now
}

func threeSeconds(ctx context.Context) {
	timer := time.NewTimer(3 * time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Role is a role as it stands in an account.
type Role struct {
	Name        string
	Path        string            // begins and ends with a slash; "/" if empty
	Partition   string            // "aws" if empty
	Trust       string            // the trust policy
	MaxSession  time.Duration     // 1 to 12 hours; 1 hour if zero, as in AWS
	Permissions []string          // attached policies; DefaultPermissions(Name) if nil
	Inline      map[string]string // inline policies by name
	Boundary    string            // the permissions boundary, "" for none
}

// role is a Role that was read, under the id that its present life has.
type role struct {
	Role
	account, arn, id string
	trust            Document
	attached         []Document
	inline           map[string]Document
	boundary         []Document // none or one
}

// PutRole makes a role or replaces what stands under its account, path and
// name. A role that is replaced keeps its id and its live sessions, as a role
// that is edited does. The error says which policy cannot be read.
func (s *Server) PutRole(account string, r Role) error {
	made, err := newRole(account, r)
	if err != nil {
		return fmt.Errorf("put role %s in %s: %w", r.Name, account, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.roles[made.arn]; ok {
		made.id = old.id
	} else {
		s.made++
		made.id = uniqueID("AROA", s.made)
	}
	s.roles[made.arn] = made
	return nil
}

func newRole(account string, r Role) (*role, error) {
	r.Path, r.Partition = cmp.Or(r.Path, "/"), cmp.Or(r.Partition, "aws")
	r.MaxSession = cmp.Or(r.MaxSession, time.Hour)
	if r.Permissions == nil {
		r.Permissions = DefaultPermissions(r.Name)
	}
	made := &role{Role: r, account: account, arn: "arn:" + r.Partition + ":iam::" + account + ":role" + r.Path + r.Name, inline: map[string]Document{}}
	switch {
	case !accountID.MatchString(account):
		return nil, fmt.Errorf("%q is not an account id", account)
	case !principalARN.MatchString(made.arn):
		return nil, fmt.Errorf("%q is not the ARN of a role", made.arn)
	case r.MaxSession < time.Hour || r.MaxSession > 12*time.Hour:
		return nil, fmt.Errorf("a session of at most %s is not between 1 and 12 hours", r.MaxSession)
	}
	return made, made.read()
}

// read parses every policy of the role.
func (r *role) read() (err error) {
	if r.trust, err = ParseDocument(r.Trust); err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	if !r.trust.trust {
		return errors.New("trust: the policy has no principal")
	}
	for _, policy := range r.Permissions {
		d, err := ParseDocument(policy)
		if err != nil {
			return fmt.Errorf("permissions: %w", err)
		}
		r.attached = append(r.attached, d)
	}
	for name, policy := range r.Inline {
		if r.inline[name], err = ParseDocument(policy); err != nil {
			return fmt.Errorf("inline policy %s: %w", name, err)
		}
	}
	if r.Boundary != "" {
		d, err := ParseDocument(r.Boundary)
		if err != nil {
			return fmt.Errorf("boundary: %w", err)
		}
		r.boundary = []Document{d}
	}
	r.Inline = maps.Clone(r.Inline)
	return nil
}

// RemoveRole takes a role out of an account, wherever its path. Its sessions
// fail from then on, and do not come back with a role of the same name
// (docs/facts.md#a3).
func (s *Server) RemoveRole(account, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.find(account, name); r != nil {
		delete(s.roles, r.arn)
	}
}

// Role returns a role as it stands, to be changed and put again.
func (s *Server) Role(account, name string) (Role, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(account, name)
	if r == nil {
		return Role{}, false
	}
	stands := r.Role
	stands.Inline = maps.Clone(r.Inline)
	return stands, true
}

// find looks a role up as IAM does: by name alone, whatever its path and letter
// case.
func (s *Server) find(account, name string) *role {
	for _, r := range s.roles {
		if r.account == account && strings.EqualFold(r.Name, name) {
			return r
		}
	}
	return nil
}

// caller is whoever holds an access key.
type caller struct {
	access.Credentials
	partition, account string
	role               *role  // as it was when the session began; nil for a user
	user               string // ARN of a user
	name               string // session name
	sourceIdentity     string
	tags               []tag
	policy             string // session policy as it was sent
	limits             []Document
	issued             time.Time
}

type tag struct {
	key, value string
	transitive bool
}

// FunctionCredentials makes the role of a function, if it does not stand yet,
// and temporary credentials of it, as Lambda would hand them to the function.
// They last for ever. Without permissions the role may do what the vend
// function's may: assume the roles below /aws-access/, tag and name.
func (s *Server) FunctionCredentials(roleARN string, permissions ...string) (access.Credentials, error) {
	account, r, err := splitRole(roleARN)
	if err != nil {
		return access.Credentials{}, err
	}
	r.Trust, r.Permissions = lambdaTrust, permissions
	if len(permissions) == 0 {
		r.Permissions = []string{vendPermissions(r.Partition)}
	}
	if err := s.PutRole(account, r); err != nil {
		return access.Credentials{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &caller{
		Credentials: s.mint("ASIA", s.options.TokenBytes), role: s.roles[roleARN],
		partition: r.Partition, account: account, name: r.Name, issued: s.options.Now(),
	}
	s.callers[c.AccessKeyID] = c
	return c.Credentials, nil
}

// splitRole reads a role's ARN.
func splitRole(roleARN string) (account string, r Role, err error) {
	parts := strings.SplitN(roleARN, ":", 6)
	if !principalARN.MatchString(roleARN) || !strings.HasPrefix(parts[5], "role/") {
		return "", Role{}, fmt.Errorf("%q is not the ARN of a role", roleARN)
	}
	full := strings.TrimPrefix(parts[5], "role")
	slash := strings.LastIndex(full, "/") + 1
	return parts[4], Role{Name: full[slash:], Path: full[:slash], Partition: parts[1]}, nil
}

// mint makes keys. A user's have no token.
func (s *Server) mint(prefix string, tokenBytes int) access.Credentials {
	c := access.Credentials{AccessKeyID: prefix + upper(16), SecretKey: access.NewSecret(random(40))}
	if tokenBytes > 0 {
		c.SessionToken = access.NewSecret(tokenPrefix + random(max(tokenBytes-len(tokenPrefix), 64)))
	}
	return c
}

const tokenPrefix = "IQoJb3JpZ2luX2Vj" // what real session tokens begin with

// random is base64 text of a length, with what a shell or a page could trip
// over: "+" and "/".
func random(length int) string {
	return base64.StdEncoding.EncodeToString(noise(length))[:length]
}

func noise(length int) []byte {
	b := make([]byte, length)
	_, _ = rand.Read(b) // never fails: crypto/rand
	return b
}

const ids = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// upper is text of the alphabet of access key ids.
func upper(length int) string {
	b := noise(length)
	for i := range b {
		b[i] = ids[int(b[i])%len(ids)]
	}
	return string(b)
}

// uniqueID is the nth id of a kind, in the form that IAM gives: 21 characters.
func uniqueID(prefix string, n int) string {
	b := []byte(prefix + "PLAYEDAAAAAAAAAAA")
	for i := len(b) - 1; n > 0; i-- {
		b[i] = ids[n%len(ids)]
		n /= len(ids)
	}
	return string(b)
}

// Session is a vended session as the sandbox shows it. It holds no secret.
type Session struct {
	AccessKeyID    string            `json:"access_key_id"`
	Account        string            `json:"account"`
	Role           string            `json:"role"`
	SessionName    string            `json:"session_name"`
	SourceIdentity string            `json:"source_identity"`
	Tags           map[string]string `json:"tags"`
	Policy         string            `json:"policy"`
	Issued         time.Time         `json:"issued"`
	Expires        time.Time         `json:"expires"`
}

// Sessions lists all that were vended, oldest first, also those that are over.
func (s *Server) Sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Session, 0, len(s.sessions))
	for _, c := range s.sessions {
		tags := map[string]string{}
		for _, t := range c.tags {
			tags[t.key] = t.value
		}
		list = append(list, Session{
			AccessKeyID: c.AccessKeyID, Account: c.account, Role: c.role.Name, SessionName: c.name, SourceIdentity: c.sourceIdentity,
			Tags: tags, Policy: c.policy, Issued: c.issued, Expires: c.Expires,
		})
	}
	return list
}

// InlinePolicy is an inline policy as it stands on a role.
type InlinePolicy struct {
	Account string `json:"account"`
	Role    string `json:"role"`
	Name    string `json:"name"`
	Policy  string `json:"policy"`
}

// InlinePolicies lists the inline policies of all roles, by account, role and name.
func (s *Server) InlinePolicies() []InlinePolicy {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []InlinePolicy{}
	for _, r := range s.roles {
		for name, policy := range r.Inline {
			list = append(list, InlinePolicy{Account: r.account, Role: r.Name, Name: name, Policy: policy})
		}
	}
	slices.SortFunc(list, func(a, b InlinePolicy) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Name, b.Name))
	})
	return list
}
