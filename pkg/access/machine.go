package access

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Machine is who a machine has proved to be: a session of a role in AWS, or a run of
// a pipeline elsewhere. Exactly one of the two is set. Only the package that checks
// proofs makes one; everything in it was signed by AWS or by the issuer.
//
// A machine takes part as a Person with MachineMembership, see Machine.Person. It can
// ask for access and use it. It never approves, and nothing that is true of everyone
// admits it.
type Machine struct {
	Role *RoleSession `json:",omitzero"`
	Run  *Run         `json:",omitzero"`
	// Starter is the Slack id of the person whom a claim names, "" if none does or
	// Slack does not know them (Directory.Starter). Person.Same compares it and the
	// claims themselves.
	Starter string `json:",omitzero"`
}

// RoleSession is a session of an IAM role, as sts:GetCallerIdentity names it. The
// path of the role is not part of it (docs/facts.md#0.20).
type RoleSession struct {
	Partition string // such as aws or aws-cn
	Account   string // twelve digits
	Name      string // of the role, with its case
	ID        string // of the role: AROA…, another one if the role is made again
	Session   string // the role session name
}

// Run is a run of a pipeline, as an OIDC token describes it.
type Run struct {
	Issuer string // the claim iss
	// Claims are the claims of the token that have one value, as text, without the
	// audience and the claims about time.
	Claims map[string]string
}

// Limits of the claims of a run, in bytes. They limit the size of a stored request.
const (
	MaxClaims     = 60
	MaxClaimBytes = 1024 // of one name with its value
	MaxRunBytes   = 8192 // of all claims
)

// runClaims are the claims that name one run, by the kind of pipeline: those of the
// pipeline, and those of the run. The first kind of which a token has every claim
// counts. A token that has none of the kinds does not say which run it belongs to, and
// is refused.
var runClaims = [...]struct{ pipeline, run []string }{
	{[]string{"repository_id"}, []string{"run_id", "run_attempt"}},             // GitHub Actions (docs/facts.md#i1)
	{[]string{"organization_slug", "pipeline_slug"}, []string{"build_number"}}, // Buildkite (docs/facts.md#i2)
	{[]string{"project_id"}, []string{"pipeline_id"}},                          // GitLab (docs/facts.md#i3)
}

// ErrNotMachine says that something is not the identity of a machine. Its text says
// why, and repeats nothing that the caller sent.
var ErrNotMachine = errors.New("not a machine")

// Check returns ErrNotMachine unless the machine is whole: it is one of the two kinds,
// each part has its strict form, and the run or session is named.
func (m Machine) Check() error {
	switch {
	case (m.Role == nil) == (m.Run == nil):
		return fmt.Errorf("%w: it is neither a session of a role nor a run", ErrNotMachine)
	case m.Role != nil:
		return m.Role.check()
	}
	return m.Run.check()
}

// The forms of the parts of a role's session. A name of 2 to 64 characters is one that
// AssumeRole accepts (docs/facts.md#a1).
var (
	partitionForm = formOf(`^aws(-cn|-us-gov|-eusc|-iso|-iso-b|-iso-e|-iso-f)?$`)
	accountForm   = formOf(`^[0-9]{12}$`)
	roleForm      = formOf(`^[\w+=,.@-]{1,64}$`)
	roleIDForm    = formOf(`^AROA[A-Z0-9]{12,60}$`)
	sessionForm   = formOf(`^[\w+=,.@-]{2,64}$`)
)

// IsRoleID reports whether text is the unique id of an IAM role.
func IsRoleID(text string) bool { return roleIDForm.match(text) }

func (s RoleSession) check() error {
	for _, part := range [...]struct {
		name, text string
		form       form
	}{
		{"partition", s.Partition, partitionForm}, {"account", s.Account, accountForm}, {"role", s.Name, roleForm},
		{"role's id", s.ID, roleIDForm}, {"session name", s.Session, sessionForm},
	} {
		if !part.form.match(part.text) {
			return fmt.Errorf("%w: its %s is malformed", ErrNotMachine, part.name)
		}
	}
	return nil
}

// ParseRoleSession reads the Arn and the UserId of an answer of sts:GetCallerIdentity.
// Anything but a session of a role is ErrNotMachine: a user, the root user, a
// federated user, a role by itself, and text with anything before, after or between.
func ParseRoleSession(arn, userID string) (RoleSession, error) {
	service, rest, _ := strings.Cut(strings.TrimPrefix(arn, "arn:"), ":sts::")
	account, resource, _ := strings.Cut(rest, ":")
	parts := strings.Split(resource, "/")
	if !strings.HasPrefix(arn, "arn:") || len(parts) != 3 || parts[0] != "assumed-role" {
		return RoleSession{}, fmt.Errorf("%w: the ARN is not that of a role's session", ErrNotMachine)
	}
	id, session, _ := strings.Cut(userID, ":")
	s := RoleSession{Partition: service, Account: account, Name: parts[1], ID: id, Session: parts[2]}
	if session != s.Session {
		return RoleSession{}, fmt.Errorf("%w: the ARN and the id name different sessions", ErrNotMachine)
	}
	return s, s.check()
}

// ParseRoleARN reads the ARN of a role without a path, as a policy file names it. ok is
// false for everything else.
func ParseRoleARN(arn string) (partition, account, name string, ok bool) {
	partition, rest, _ := strings.Cut(strings.TrimPrefix(arn, "arn:"), ":iam::")
	account, name, _ = strings.Cut(rest, ":role/")
	ok = strings.HasPrefix(arn, "arn:") && partitionForm.match(partition) && accountForm.match(account) &&
		roleForm.match(name)
	return partition, account, name, ok
}

func (r Run) check() error {
	size := 0
	for name, value := range r.Claims {
		size += len(name) + len(value)
		if !IsClaim(name, value) {
			return fmt.Errorf("%w: a claim is too long, or has characters that cannot be seen", ErrNotMachine)
		}
	}
	switch {
	case len(r.Claims) > MaxClaims || size > MaxRunBytes:
		return fmt.Errorf("%w: the token has too many claims", ErrNotMachine)
	case r.Issuer == "" || len(r.Issuer) > MaxClaimBytes || !plain(r.Issuer):
		return fmt.Errorf("%w: the issuer is missing or malformed", ErrNotMachine)
	case r.Claims["sub"] == "":
		return fmt.Errorf("%w: the token has no subject", ErrNotMachine)
	case r.nameOf(true) == nil:
		return fmt.Errorf("%w: the token does not say which run it belongs to", ErrNotMachine)
	}
	return nil
}

// IsClaim reports whether a policy can name a claim with this value. What it cannot name
// matches nothing.
func IsClaim(name, value string) bool {
	return name != "" && len(name)+len(value) <= MaxClaimBytes && plain(name) && plain(value)
}

// plain reports whether every character of a text can be seen. It refuses line breaks,
// and bytes that are not UTF-8, which two programs can read as different texts.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool {
		return !unicode.IsGraphic(c) || c == unicode.ReplacementChar
	})
}

// nameOf returns what names the run, or else its pipeline: the issuer, and names and
// values of claims. It is nil if the token does not name a run.
func (r Run) nameOf(run bool) []string {
	for _, kind := range runClaims {
		all := slices.Concat(kind.pipeline, kind.run)
		if slices.ContainsFunc(all, func(name string) bool { return r.Claims[name] == "" }) {
			continue
		}
		if !run {
			all = kind.pipeline
		}
		parts := []string{r.Issuer}
		for _, name := range all {
			parts = append(parts, name, r.Claims[name])
		}
		return parts
	}
	return nil
}

// ID names the machine as a requester: two machines are the same requester only if
// they have the same ID. That is one session of one role, or one run: issuer,
// repository, run and attempt. The other claims are not part of it, because jobs of one
// run can differ in them, so the policy is asked with the claims of each proof.
//
// An ID begins with M, so it is never that of a Slack user. It is "" for a machine that
// Check refuses.
func (m Machine) ID() string {
	if m.Check() != nil {
		return ""
	}
	if m.Role != nil {
		return idOf("role", m.Role.Partition, m.Role.Account, m.Role.Name, m.Role.ID, m.Role.Session)
	}
	return idOf("run", m.Run.nameOf(true)...)
}

// Pipeline names what all runs of a pipeline, or all sessions of a role, have in
// common. How often it asks has to be limited by this: each run has an ID of its own, so
// a limit by ID would be none. It is "" for a machine that Check refuses, and has the
// form of an ID.
func (m Machine) Pipeline() string {
	if m.Check() != nil {
		return ""
	}
	if m.Role != nil {
		return idOf("roles", m.Role.Partition, m.Role.Account, m.Role.Name)
	}
	return idOf("runs", m.Run.nameOf(false)...)
}

func idOf(kind string, parts ...string) string {
	return "M" + digest(append([]string{kind}, parts...), sha256.Size)
}

// digest writes the first bytes of the SHA-256 of parts in base32. Parts are joined as
// JSON, so that no text can move from one part into the next.
func digest(parts []string, bytes int) string {
	text, _ := json.Marshal(parts) // strings of UTF-8 are always valid JSON
	sum := sha256.Sum256(text)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:bytes])
}

// Person returns the machine as somebody who asks.
func (m Machine) Person() Person {
	return Person{ID: m.ID(), Name: m.name(), Membership: MachineMembership, Machine: &m}
}

// name is what people read of the machine within a sentence.
func (m Machine) name() string {
	switch {
	case m.Role != nil:
		return m.Role.Name + " of " + m.Role.Account + " (session " + m.Role.Session + ")"
	case m.Run == nil:
		return "an unknown machine"
	}
	c := m.Run.Claims
	where := cmp.Or(c["repository"], c["project_path"], c["pipeline_slug"], c["sub"])
	if run := cmp.Or(c["run_id"], c["build_number"], c["pipeline_id"]); run != "" {
		return where + " (run " + run + ")"
	}
	return where
}

// addresses returns everything in the machine's identity that has the form of an e-mail
// address: claims such as GitLab's user_email, and the session name that IAM Identity
// Center gives. They prove nothing, and only exclude people.
func (m *Machine) addresses() (all []string) {
	switch {
	case m == nil:
		return nil
	case m.Role != nil:
		all = append(all, m.Role.Session)
	case m.Run != nil:
		for _, name := range slices.Sorted(maps.Keys(m.Run.Claims)) {
			all = append(all, m.Run.Claims[name])
		}
	}
	return slices.DeleteFunc(all, func(text string) bool {
		return strings.Count(text, "@") != 1 || strings.ContainsAny(text, " /:")
	})
}

// Starter returns the Slack id of a person whom the machine's claims name, "" if they
// name nobody in the directory. Everybody who could approve is in the directory.
func (d Directory) Starter(m Machine) string {
	named := Person{Machine: &m}
	for _, id := range slices.Sorted(maps.Keys(d.People)) {
		if named.Same(d.People[id]) {
			return id
		}
	}
	return ""
}

// maxSourceIdentity is STS's limit (docs/facts.md#a1).
const maxSourceIdentity = 64

// SourceIdentity is how CloudTrail names the machine, in this session and in every
// further role that it assumes: the role with its account, or the issuer and the
// subject. The stored request has the same, whole.
//
//	aws+332000000000+CodeBuildRole
//	oidc+github+repo=octo-org=123456=octo-repo=456789=+UAGXHADWXTOES
//
// STS accepts few characters, and 64 of them. What does not fit is replaced or cut, and
// then a digest of the whole makes the identity unique. It has a plus and no @, so it is
// never that of a person.
func (m Machine) SourceIdentity() string {
	switch {
	case m.Role != nil:
		prefix := m.Role.Partition + "+" + m.Role.Account + "+"
		if name := m.Role.Name; clean(name) == name && len(prefix)+len(name) <= maxSourceIdentity {
			return prefix + name
		}
		return fit(prefix, m.Role.Name, []string{m.Role.Partition, m.Role.Account, m.Role.Name})
	case m.Run != nil:
		subject := m.Run.Claims["sub"]
		return fit("oidc+"+shortIssuer(m.Run.Issuer)+"+", subject, []string{m.Run.Issuer, subject})
	}
	return ""
}

// fit writes as much of a name as there is room for, and a digest of the whole.
func fit(prefix, name string, whole []string) string {
	const digestBytes = 8 // 13 characters in base32
	end := "+" + digest(whole, digestBytes)
	name = clean(name)
	return prefix + name[:min(len(name), maxSourceIdentity-len(prefix)-len(end))] + end
}

// clean replaces every run of characters that STS does not accept, or that separate the
// parts of a source identity, by one equals sign.
func clean(name string) string { return unclean().ReplaceAllString(name, "=") }

var unclean = formOf(`[^\w.-]+`)

// shortIssuer names an issuer in at most 20 characters. A digest of the whole issuer
// follows it, so two issuers may have the same short name.
func shortIssuer(issuer string) string {
	const limit = 20
	switch host, _, _ := strings.Cut(strings.TrimPrefix(issuer, "https://"), "/"); host {
	case "token.actions.githubusercontent.com":
		return "github"
	case "agent.buildkite.com":
		return "buildkite"
	default:
		host = clean(host)
		return host[:min(len(host), limit)]
	}
}
