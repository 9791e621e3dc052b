package awsfake

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var operationName = regexp.MustCompile(`^[A-Za-z0-9]{1,64}$`)

func (s *Server) serveSTS(c *caller, q request) (answer, *failure) {
	switch q.operation {
	case "AssumeRole":
		return s.assumeRole(c, q.form)
	case "GetScopedCredentials":
		return s.getScopedCredentials(c, q.form)
	case "GetCallerIdentity": // needs no permission, and no policy can deny it (docs/facts.md#a7)
		identity := struct{ Arn, UserId, Account string }{c.arn(), c.userID(), c.account}
		return queryAnswer(stsSpace, q.operation, identity), nil
	case "GetSessionToken", "GetFederationToken":
		if !c.SessionToken.Empty() {
			return answer{}, fail(http.StatusForbidden, "AccessDenied",
				"Cannot call "+q.operation+" with session credentials")
		}
	case "AssumeRoot", "GetWebIdentityToken", "GetDelegatedAccessToken", "GetAccessKeyInfo", "DecodeAuthorizationMessage":
		if f := s.authorize(c, "sts:"+q.operation, "*", nil); f != nil {
			return answer{}, f
		}
	case "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity":
	default:
		return answer{}, fail(http.StatusBadRequest, "InvalidAction",
			"Could not find operation "+q.operation+" for version 2011-06-15")
	}
	return answer{}, notSimulated("sts:" + q.operation)
}

// assumption holds the parameters of an AssumeRole call.
type assumption struct {
	role, session, externalID, sourceIdentity string
	seconds                                   int
	tags                                      []tag
	policy                                    string
	limits                                    []Document // the policy, parsed; none if there is none
	tokenBytes                                int        // smallest length of the session token
}

// maxChained is the limit for the duration of a session that the credentials of
// another session begin, in seconds (docs/facts.md#a3).
const maxChained = 3600

// assumeRole checks in the same order as AWS (docs/facts.md#a3): the parameters,
// the permissions, the role's own limit of duration, the limit of role chaining.
func (s *Server) assumeRole(c *caller, form url.Values) (answer, *failure) {
	a, f := readAssumption(form)
	if f != nil {
		return answer{}, f
	}
	if f := a.inherit(c); f != nil {
		return answer{}, f
	}
	r, f := s.checkAssume(c, a)
	switch {
	case f != nil:
		return answer{}, f
	case a.seconds > int(r.MaxSession/time.Second):
		return answer{}, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	case a.seconds > maxChained && !c.SessionToken.Empty():
		return answer{}, invalid("The requested DurationSeconds exceeds the 1 hour session limit " +
			"for roles assumed by role chaining.")
	}
	return queryAnswer(stsSpace, "AssumeRole", s.begin(r, a)), nil
}

func invalid(message string) *failure {
	return fail(http.StatusBadRequest, "ValidationError", message)
}

// A parameterRule says what STS accepts for one parameter of AssumeRole
// (docs/facts.md#a1).
type parameterRule struct {
	name     string
	min, max int // in characters
	alphabet *regexp.Regexp
	required bool
}

// arnText matches the characters that STS accepts in an ARN.
var arnText = regexp.MustCompile(
	`^[\x{9}\x{A}\x{D}\x{20}-\x{7E}\x{85}\x{A0}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]+$`)

var assumeRules = [...]parameterRule{
	{"RoleArn", 20, 2048, arnText, true},
	{"RoleSessionName", 2, 64, regexp.MustCompile(`^[\w+=,.@-]*$`), true},
	{"ExternalId", 2, 1224, regexp.MustCompile(`^[\w+=,.@:/-]*$`), false},
	{"SourceIdentity", 2, 64, regexp.MustCompile(`^[\w+=,.@-]*$`), false},
	{"Policy", 1, 2048, regexp.MustCompile(`^[\x{9}\x{A}\x{D}\x{20}-\x{FF}]+$`), false},
}

func (p parameterRule) check(form url.Values) *failure {
	values, given := form[p.name]
	if !given {
		if p.required {
			return p.invalid("Member must not be null")
		}
		return nil
	}
	switch n := utf8.RuneCountInString(values[0]); {
	case n < p.min:
		return p.invalid("Member must have length greater than or equal to " + strconv.Itoa(p.min))
	case n > p.max:
		return p.invalid("Member must have length less than or equal to " + strconv.Itoa(p.max))
	case !utf8.ValidString(values[0]) || !p.alphabet.MatchString(values[0]):
		return p.invalid("Member must satisfy regular expression pattern: " + p.alphabet.String())
	}
	return nil
}

// invalid writes a violation as STS does: with the first letter of the
// parameter's name in lower case.
func (p parameterRule) invalid(constraint string) *failure {
	name := strings.ToLower(p.name[:1]) + p.name[1:]
	return invalid("1 validation error detected: Value at '" + name + "' failed to satisfy constraint: " + constraint)
}

// knownParameters matches the parameters of AssumeRole that this fake honours. It
// refuses the others, such as a multi-factor code, a managed policy or a trusted
// context: without them the session would have more or fewer permissions than the
// caller asked for.
var knownParameters = regexp.MustCompile(`^(Action|Version|RoleArn|RoleSessionName|ExternalId|SourceIdentity|Policy|` +
	`DurationSeconds|MinimumSessionTokenSize|` +
	`Tags\.member\.\d+\.(Key|Value)|TransitiveTagKeys\.member\.\d+)$`)

func readAssumption(form url.Values) (assumption, *failure) {
	for name := range form {
		if !knownParameters.MatchString(name) {
			return assumption{}, invalid("The sandbox does not simulate the parameter " + name + ".")
		}
	}
	for _, rule := range assumeRules {
		if f := rule.check(form); f != nil {
			return assumption{}, f
		}
	}
	a := assumption{
		role: form.Get("RoleArn"), session: form.Get("RoleSessionName"), externalID: form.Get("ExternalId"),
		sourceIdentity: form.Get("SourceIdentity"), policy: form.Get("Policy"),
	}
	if !isARN(a.role) {
		return assumption{}, invalid(a.role + " is invalid")
	}
	var err error
	if a.seconds, err = readInt(form, "DurationSeconds", 3600, 900, 43200); err != nil {
		return assumption{}, invalid(err.Error())
	}
	if a.tokenBytes, err = readInt(form, "MinimumSessionTokenSize", 0, 0, maxTokenBytes); err != nil {
		return assumption{}, invalid(err.Error())
	}
	if a.tags, err = readTags(form); err != nil {
		return assumption{}, invalid(err.Error())
	}
	if a.policy != "" {
		d, err := ParseDocument(a.policy)
		if err != nil || d.trust {
			return assumption{}, fail(http.StatusBadRequest, "MalformedPolicyDocument",
				fmt.Sprintf("This policy cannot be used: %v", err))
		}
		a.limits = []Document{d}
	}
	return a, nil
}

// readInt reads an integer parameter, which is preset if the form has none.
func readInt(form url.Values, name string, preset, lowest, highest int) (int, error) {
	if !form.Has(name) {
		return preset, nil
	}
	n, err := strconv.Atoi(form.Get(name))
	if err != nil || n < lowest || n > highest {
		return 0, fmt.Errorf("1 validation error detected: Value at '%s' failed to satisfy constraint: "+
			"Member must have value between %d and %d", name, lowest, highest)
	}
	return n, nil
}

var (
	tagKey   = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$`)
	tagValue = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)
)

// readTags reads session tags. Two keys that differ only in letter case are
// duplicates.
func readTags(form url.Values) ([]tag, error) {
	const badTag = "1 validation error detected: Value at 'tags.%d.member.%s' failed to satisfy constraint: %s"
	var tags []tag
	for i := 1; form.Has(fmt.Sprintf("Tags.member.%d.Key", i)); i++ {
		t := tag{
			key:   form.Get(fmt.Sprintf("Tags.member.%d.Key", i)),
			value: form.Get(fmt.Sprintf("Tags.member.%d.Value", i)),
		}
		switch {
		case i > 50:
			return nil, errors.New("1 validation error detected: 'tags' must have length less than or equal to 50")
		case !tagKey.MatchString(t.key), strings.HasPrefix(strings.ToLower(t.key), "aws:"):
			return nil, fmt.Errorf(badTag, i, "key", tagKey)
		case !tagValue.MatchString(t.value):
			return nil, fmt.Errorf(badTag, i, "value", tagValue)
		case findTag(tags, t.key) >= 0:
			return nil, errors.New("duplicate tag keys found, please note that tag keys are case insensitive")
		}
		tags = append(tags, t)
	}
	for i := 1; form.Has(fmt.Sprintf("TransitiveTagKeys.member.%d", i)); i++ {
		at := findTag(tags, form.Get(fmt.Sprintf("TransitiveTagKeys.member.%d", i)))
		if at < 0 {
			return nil, errors.New("the specified transitive tag key must be included in the requested tags")
		}
		tags[at].transitive = true
	}
	return tags, nil
}

func findTag(tags []tag, key string) int {
	return slices.IndexFunc(tags, func(t tag) bool { return strings.EqualFold(t.key, key) })
}

// inherit copies what a session passes on to the roles that it assumes: its source
// identity, which cannot be changed, and its transitive tags, which cannot be sent
// again (docs/facts.md#a1, docs/facts.md#a3).
func (a *assumption) inherit(c *caller) *failure {
	if strings.HasPrefix(a.sourceIdentity, "aws:") {
		return invalid("1 validation error detected: Value at 'sourceIdentity' may not begin with aws:")
	}
	if c.sourceIdentity != "" {
		if a.sourceIdentity != "" && a.sourceIdentity != c.sourceIdentity {
			return invalid("The source identity is already set for this assume role session")
		}
		a.sourceIdentity = c.sourceIdentity
	}
	for _, t := range c.tags {
		if !t.transitive {
			continue
		}
		if findTag(a.tags, t.key) >= 0 {
			return fail(http.StatusBadRequest, "InvalidParameterValue",
				"One of the specified tag keys conflicts with a transitive tag key from the calling session.")
		}
		a.tags = append(a.tags, t)
	}
	return nil
}

// checkAssume returns the role if both the caller's policies and the role's trust
// policy allow every action that the call needs (docs/facts.md#a2). As in AWS, the
// answer is the same for a missing role, a trust policy that refuses, and a caller
// without permission.
//
// Inside one account, a trust policy that names the caller's role is enough for
// AWS. Here the caller's policies must allow the call too.
func (s *Server) checkAssume(c *caller, a assumption) (*role, *failure) {
	r := s.roles[a.role] // letter case matters here, also in the path (docs/facts.md#a1)
	if r != nil && r.Partition != c.partition {
		r = nil // credentials of one partition are unknown in the others
	}
	by := Principal{AWS: c.principal(), Session: c.arn()}
	for _, action := range a.actions() {
		call := Call{Action: action.name, Resource: a.role, Context: s.context(c, action.keys)}
		if r == nil || s.permissions(c).Evaluate(call) != Allowed || r.trust.EvaluateTrust(call, by) != Allowed {
			return nil, fail(http.StatusForbidden, "AccessDenied", "User: "+c.arn()+
				" is not authorized to perform: "+action.name+" on resource: "+a.role)
		}
	}
	return r, nil
}

// permission is an action together with its condition keys.
type permission struct {
	name string
	keys map[string][]string
}

// actions lists the actions that an AssumeRole call needs. A refusal names the
// first one that is not allowed. Only sts:AssumeRole has the keys sts:ExternalId
// and sts:RoleSessionName (docs/facts.md#a7).
func (a assumption) actions() []permission {
	tags := map[string][]string{}
	for _, t := range a.tags {
		tags["aws:RequestTag/"+t.key] = []string{t.value}
		tags["aws:TagKeys"] = append(tags["aws:TagKeys"], t.key)
		if t.transitive {
			tags["sts:TransitiveTagKeys"] = append(tags["sts:TransitiveTagKeys"], t.key)
		}
	}
	assume := map[string][]string{"sts:RoleSessionName": {a.session}}
	for key, values := range tags {
		assume[key] = values
	}
	if a.externalID != "" {
		assume["sts:ExternalId"] = []string{a.externalID}
	}
	if a.sourceIdentity != "" {
		assume["sts:SourceIdentity"] = []string{a.sourceIdentity}
	}
	list := []permission{{"sts:AssumeRole", assume}}
	if len(a.tags) > 0 {
		list = append(list, permission{"sts:TagSession", tags})
	}
	if a.sourceIdentity != "" {
		keys := map[string][]string{"sts:SourceIdentity": {a.sourceIdentity}}
		list = append(list, permission{"sts:SetSourceIdentity", keys})
	}
	return list
}

// wireCredentials are credentials in an answer of STS.
type wireCredentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

func wireCredentialsOf(c *caller) wireCredentials {
	return wireCredentials{
		c.AccessKeyID, c.SecretKey.Reveal(), c.SessionToken.Reveal(), c.Expires.Format(time.RFC3339),
	}
}

// assumed is the result of AssumeRole on the wire. It contains secrets.
type assumed struct {
	Credentials     wireCredentials
	AssumedRoleUser struct {
		AssumedRoleID string `xml:"AssumedRoleId"`
		Arn           string
	}
	SourceIdentity          string `xml:",omitempty"`
	SessionTokenSize        int
	SessionTokenUtilization int
}

// begin makes the session.
func (s *Server) begin(r *role, a assumption) assumed {
	now := s.options.Now().UTC().Truncate(time.Second)
	c := &caller{
		Credentials: s.newCredentials("ASIA", max(s.options.TokenBytes, a.tokenBytes)),
		role:        r, partition: r.Partition, account: r.account,
		name: a.session, sourceIdentity: a.sourceIdentity, tags: a.tags, policy: a.policy, limits: a.limits, issued: now,
	}
	c.Expires = now.Add(time.Duration(a.seconds) * time.Second)
	s.callers[c.AccessKeyID] = c
	s.sessions = append(s.sessions, c)

	var out assumed
	out.Credentials = wireCredentialsOf(c)
	out.AssumedRoleUser.AssumedRoleID, out.AssumedRoleUser.Arn = c.userID(), c.arn()
	out.SourceIdentity = c.sourceIdentity
	out.SessionTokenSize = len(c.SessionToken.Reveal())
	out.SessionTokenUtilization = out.SessionTokenSize * 100 / maxTokenBytes
	return out
}
