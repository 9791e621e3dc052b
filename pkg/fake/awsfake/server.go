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

// Options configure a Server. The zero value works, on real time.
type Options struct {
	Now    func() time.Time      // the clock for credentials and policy conditions; time.Now if nil
	Wall   func() time.Time      // the clock that clients sign with; time.Now if nil
	Fault  func(op string) Fault // the fault for a call such as sts:AssumeRole; nil for none
	OnCall func(op string)       // called with every operation, before its fault
	// Slow waits for the time that a slow call takes. If nil, it waits three
	// seconds, or until the request ends.
	Slow func(ctx context.Context)
	// TokenBytes is the smallest length of a session token in bytes, at most
	// 4,096: STS may give tokens of that length since September 2026
	// (docs/facts.md#0.8). 0 means 1,024.
	TokenBytes int
	Org        string // organisation of all accounts, o-…; "" for none
	// Tables answers calls of DynamoDB, after the caller's policies have allowed the operation on
	// every resource. Both bodies are JSON. nil: DynamoDB is not simulated.
	Tables func(operation string, body []byte) (status int, answer []byte)
	// Propagation is how long after it was stored a change of an inline policy is enforced
	// (docs/facts.md#c). nil means at once.
	Propagation func() time.Duration
	// Limit reports whether a call is throttled, because the account of its caller makes
	// too many. The call has no effect then. nil means no limit.
	Limit func(op, account string) bool
	// ConsoleAuthorization, if true, checks a browser that signs in against the
	// policies of its session, in all accounts. AWS has allowed accounts and
	// organisations to switch this on since June 2026.
	ConsoleAuthorization bool
	Console              string // path at which Console is mounted; "/console" if empty
}

// Fault is a failure of one call that a test orders. How is one of the Fault
// constants. The zero value is no fault.
type Fault struct {
	How  string
	Late time.Duration // of FaultLate: how much later a policy is enforced
}

// The faults. AWS carries out the call only under FaultSlow, FaultLost and FaultLate.
const (
	FaultError     = "error" // answered with a 5xx error
	FaultThrottled = "429"   // answered as throttled
	FaultSlow      = "slow"  // done and answered, but late
	FaultLost      = "lost"  // done, but answered with a 5xx error
	FaultLate      = "late"  // IAM: done and answered, but an inline policy is enforced later
	FaultDropped   = "dead"  // the connection closes without an answer
	FaultCode      = "code:" // followed by the error code of the answer, as in code:AccessDenied
)

// Server is a fake of STS, IAM, S3 and the sign-in endpoint for all accounts.
// Make one with New: the zero value does not work. It is safe for concurrent use.
type Server struct {
	options Options

	mu       sync.Mutex
	roles    map[string]*role       // by ARN
	callers  map[string]*caller     // by access key id
	sessions []*caller              // begun by AssumeRole, oldest first
	users    map[string]string      // ids of users, by ARN
	late     time.Duration          // of the call to IAM that is served now: how much later its change is enforced
	made     int                    // roles made so far: a role that is made again gets a new id
	tokens   map[string]signinToken // by token
	cookies  map[string]*caller     // console sessions, by cookie
	issuers  map[string]string      // the Issuer link of a console session, by cookie
}

// New makes a server without any role. PutRole and FunctionCredentials add roles.
func New(o Options) *Server {
	o.Now = orElse(o.Now, time.Now)
	o.Wall = orElse(o.Wall, time.Now)
	if o.Slow == nil {
		o.Slow = threeSeconds
	}
	o.Console = cmp.Or(o.Console, "/console")
	o.TokenBytes = min(cmp.Or(o.TokenBytes, 1024), maxTokenBytes)
	return &Server{
		options: o, roles: map[string]*role{}, callers: map[string]*caller{}, users: map[string]string{},
		tokens: map[string]signinToken{}, cookies: map[string]*caller{}, issuers: map[string]string{},
	}
}

// maxTokenBytes is the longest session token that STS gives (docs/facts.md#0.8).
const maxTokenBytes = 4096

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

// Role is a role in an account.
type Role struct {
	Name        string
	Path        string            // begins and ends with a slash; "/" if empty
	Partition   string            // "aws" if empty
	Trust       string            // the trust policy
	MaxSession  time.Duration     // 1 to 12 hours; 1 hour if zero, as in AWS
	Permissions []string          // attached policies; DefaultPermissions(Name) if nil
	Inline      map[string]string // inline policies by name
	Boundary    string            // the permissions boundary, "" for none
	BoundaryARN string            // its ARN, which conditions on iam:PermissionsBoundary see
}

// role is a Role with its policies parsed. A role that is deleted and made again
// has another id (docs/facts.md#a3).
type role struct {
	Role
	account, arn, id string
	trust            Document
	attached         []Document
	inline           map[string]Document // as IAM enforces them now
	boundary         []Document          // none or one
	changes          []inlineChange      // that are stored and not enforced yet, oldest first
	stored           map[string]inlineTimes
}

// PutRole makes a role, or replaces the role with the same account, path and
// name. A replaced role keeps its id and its live sessions, like a role that is
// edited in AWS. The error says which policy cannot be parsed.
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
	made := &role{
		Role: r, account: account, inline: map[string]Document{},
		arn: "arn:" + r.Partition + ":iam::" + account + ":role" + r.Path + r.Name,
	}
	switch {
	case !accountID.MatchString(account):
		return nil, fmt.Errorf("%q is not an account id", account)
	case !principalARN.MatchString(made.arn):
		return nil, fmt.Errorf("%q is not the ARN of a role", made.arn)
	case r.MaxSession < time.Hour || r.MaxSession > 12*time.Hour:
		return nil, fmt.Errorf("maximum session duration %s is not between 1 and 12 hours", r.MaxSession)
	}
	return made, made.parse()
}

// parse parses every policy of the role.
func (r *role) parse() (err error) {
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

// RemoveRole deletes a role from an account, whatever its path. Its sessions fail
// from then on, also when a role of the same name is made again
// (docs/facts.md#a3).
func (s *Server) RemoveRole(account, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.find(account, name); r != nil {
		delete(s.roles, r.arn)
	}
}

// Role returns a copy of a role, which the caller may change and put again.
func (s *Server) Role(account, name string) (Role, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.find(account, name)
	if r == nil {
		return Role{}, false
	}
	clone := r.Role
	clone.Inline = maps.Clone(r.Inline)
	return clone, true
}

// find looks up a role as IAM does: by its name alone, ignoring its path and
// letter case.
func (s *Server) find(account, name string) *role {
	for _, r := range s.roles {
		if r.account == account && strings.EqualFold(r.Name, name) {
			return r
		}
	}
	return nil
}

// caller is the holder of an access key: a session or a user.
type caller struct {
	access.Credentials
	partition, account string
	role               *role  // as it was when the session began; nil for a user
	user               string // ARN of a user; "" for a session
	name               string // session name; the id of a user
	sourceIdentity     string
	tags               []tag
	policy             string // session policy as it was sent
	limits             []Document
	scoped             int // how many policies of GetScopedCredentials are among limits
	issued             time.Time
	wide               string    // access key id of the credentials that were narrowed to these; "" for none
	deniedSince        time.Time // when a policy of the role began to deny everything; zero if none does
}

type tag struct {
	key, value string
	transitive bool
}

// FunctionCredentials makes or replaces the role of a function, and returns
// temporary credentials of it, as Lambda would give them to the function. They
// never expire. Without permissions the role may do what the role of the vend
// function may: assume roles below /aws-access/ with tags and a source identity.
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
		Credentials: s.newCredentials("ASIA", s.options.TokenBytes), role: s.roles[roleARN],
		partition: r.Partition, account: account, name: r.Name, issued: s.options.Now(),
	}
	s.callers[c.AccessKeyID] = c
	return c.Credentials, nil
}

// splitRole parses a role's ARN.
func splitRole(roleARN string) (account string, r Role, err error) {
	parts := strings.SplitN(roleARN, ":", 6)
	if !principalARN.MatchString(roleARN) || !strings.HasPrefix(parts[5], "role/") {
		return "", Role{}, fmt.Errorf("%q is not the ARN of a role", roleARN)
	}
	full := strings.TrimPrefix(parts[5], "role")
	slash := strings.LastIndex(full, "/") + 1
	return parts[4], Role{Name: full[slash:], Path: full[:slash], Partition: parts[1]}, nil
}

// newCredentials makes keys. With tokenBytes 0 they have no session token, like
// the keys of a user.
func (s *Server) newCredentials(prefix string, tokenBytes int) access.Credentials {
	c := access.Credentials{AccessKeyID: prefix + randomID(16), SecretKey: access.NewSecret(random(40))}
	if tokenBytes > 0 {
		c.SessionToken = access.NewSecret(tokenPrefix + random(max(tokenBytes-len(tokenPrefix), 64)))
	}
	return c
}

const tokenPrefix = "IQoJb3JpZ2luX2Vj" // real session tokens begin so

// random returns length characters of random base64. It may contain "+" and "/",
// which callers must escape in shells and addresses.
func random(length int) string {
	return base64.StdEncoding.EncodeToString(randomBytes(length))[:length]
}

func randomBytes(length int) []byte {
	b := make([]byte, length)
	_, _ = rand.Read(b) // crypto/rand never fails
	return b
}

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// randomID returns length random characters of the alphabet of access key ids.
func randomID(length int) string {
	b := randomBytes(length)
	for i := range b {
		b[i] = idAlphabet[int(b[i])%len(idAlphabet)]
	}
	return string(b)
}

// uniqueID returns the nth id with a prefix, in the form of IAM's unique ids: 21
// characters.
func uniqueID(prefix string, n int) string {
	b := []byte(prefix + "FAKEAAAAAAAAAAAAA")
	for i := len(b) - 1; n > 0; i-- {
		b[i] = idAlphabet[n%len(idAlphabet)]
		n /= len(idAlphabet)
	}
	return string(b)
}

// Session describes the credentials of a session, as the sandbox shows them:
// those that AssumeRole gave, and those to which they were narrowed. It holds no
// secret.
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
	// NarrowedFrom is the access key id of the credentials that were narrowed to these.
	NarrowedFrom string `json:"narrowed_from"`
	// Ends is when the session policy begins to deny everything; nil for never.
	Ends *time.Time `json:"ends"`
	// DeniedSince is when a policy of the role began to deny everything; nil if none does.
	DeniedSince *time.Time `json:"denied_since"`
}

// Sessions lists all sessions that AssumeRole began, oldest first, including
// expired ones.
func (s *Server) Sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Session, 0, len(s.sessions))
	for _, r := range s.roles {
		s.enforce(r)
	}
	for _, c := range s.sessions {
		tags := map[string]string{}
		for _, t := range c.tags {
			tags[t.key] = t.value
		}
		var ends *time.Time
		if at, ok := c.ends(); ok {
			ends = &at
		}
		list = append(list, Session{
			AccessKeyID: c.AccessKeyID, Account: c.account, Role: c.role.Name,
			SessionName: c.name, SourceIdentity: c.sourceIdentity,
			Tags: tags, Policy: c.policy, Issued: c.issued, Expires: c.Expires,
			NarrowedFrom: c.wide, Ends: ends, DeniedSince: optional(c.deniedSince),
		})
	}
	return list
}

// InlinePolicy is an inline policy of a role, such as the deny that ends its
// sessions.
type InlinePolicy struct {
	Account string `json:"account"`
	Role    string `json:"role"`
	Name    string `json:"name"`
	Policy  string `json:"policy"`
	// Written is when it was stored, and Believed from when on IAM enforces it. Both are nil
	// for a policy that the role was made with.
	Written  *time.Time `json:"written"`
	Believed *time.Time `json:"believed"`
}

// InlinePolicies lists the inline policies of all roles, by account, role and name.
func (s *Server) InlinePolicies() []InlinePolicy {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []InlinePolicy{}
	for _, r := range s.roles {
		for name, policy := range r.Inline {
			times := r.stored[name]
			list = append(list, InlinePolicy{
				Account: r.account, Role: r.Name, Name: name, Policy: policy,
				Written: optional(times.written), Believed: optional(times.enforced),
			})
		}
	}
	slices.SortFunc(list, func(a, b InlinePolicy) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Name, b.Name))
	})
	return list
}
