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
	case "GetCallerIdentity": // needs no permission, and no policy denies it (docs/facts.md#a7)
		return queryAnswer(stsSpace, q.operation, struct{ Arn, UserId, Account string }{c.arn(), c.userID(), c.account}), nil
	case "GetSessionToken", "GetFederationToken":
		if !c.SessionToken.Empty() {
			return answer{}, fail(http.StatusForbidden, "AccessDenied", "Cannot call "+q.operation+" with session credentials")
		}
	case "AssumeRoot", "GetWebIdentityToken", "GetDelegatedAccessToken", "GetAccessKeyInfo", "DecodeAuthorizationMessage":
		if f := s.authorize(c, "sts:"+q.operation, "*", nil); f != nil {
			return answer{}, f
		}
	case "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity":
	default:
		return answer{}, fail(http.StatusBadRequest, "InvalidAction", "Could not find operation "+q.operation+" for version 2011-06-15")
	}
	return answer{}, notPlayed("sts:" + q.operation)
}

// assumption is what AssumeRole is asked for.
type assumption struct {
	role, session, externalID, sourceIdentity string
	seconds                                   int
	tags                                      []tag
	policy                                    string
	limits                                    []Document
	tokenBytes                                int
}

// maxChained is the longest session that the credentials of another session
// may begin (docs/facts.md#a3).
const maxChained = 3600

// assumeRole checks in the order in which AWS does (docs/facts.md#a3): what is written
// in the call, whether it is allowed, the role's own limit, the limit of
// chaining.
func (s *Server) assumeRole(c *caller, form url.Values) (answer, *failure) {
	a, f := readAssumption(form)
	if f != nil {
		return answer{}, f
	}
	if f := a.inherit(c); f != nil {
		return answer{}, f
	}
	r, f := s.mayAssume(c, a)
	switch {
	case f != nil:
		return answer{}, f
	case a.seconds > int(r.MaxSession/time.Second):
		return answer{}, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	case a.seconds > maxChained && !c.SessionToken.Empty():
		return answer{}, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	return queryAnswer(stsSpace, "AssumeRole", s.begin(r, a)), nil
}

func invalid(message string) *failure {
	return fail(http.StatusBadRequest, "ValidationError", message)
}

// A limit of one parameter of AssumeRole (docs/facts.md#a1).
type limit struct {
	name        string
	least, most int // in characters
	alphabet    *regexp.Regexp
	required    bool
}

var assumeLimits = [...]limit{
	{"RoleArn", 20, 2048, regexp.MustCompile(`^[\x{9}\x{A}\x{D}\x{20}-\x{7E}\x{85}\x{A0}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]+$`), true},
	{"RoleSessionName", 2, 64, regexp.MustCompile(`^[\w+=,.@-]*$`), true},
	{"ExternalId", 2, 1224, regexp.MustCompile(`^[\w+=,.@:/-]*$`), false},
	{"SourceIdentity", 2, 64, regexp.MustCompile(`^[\w+=,.@-]*$`), false},
	{"Policy", 1, 2048, regexp.MustCompile(`^[\x{9}\x{A}\x{D}\x{20}-\x{FF}]+$`), false},
}

func (l limit) check(form url.Values) *failure {
	values, given := form[l.name]
	if !given {
		if l.required {
			return invalid("1 validation error detected: Value at '" + l.wire() + "' failed to satisfy constraint: Member must not be null")
		}
		return nil
	}
	var wrong string
	switch n := utf8.RuneCountInString(values[0]); {
	case n < l.least:
		wrong = "Member must have length greater than or equal to " + strconv.Itoa(l.least)
	case n > l.most:
		wrong = "Member must have length less than or equal to " + strconv.Itoa(l.most)
	case !utf8.ValidString(values[0]) || !l.alphabet.MatchString(values[0]):
		wrong = "Member must satisfy regular expression pattern: " + l.alphabet.String()
	default:
		return nil
	}
	return invalid("1 validation error detected: Value at '" + l.wire() + "' failed to satisfy constraint: " + wrong)
}

func (l limit) wire() string { return strings.ToLower(l.name[:1]) + l.name[1:] }

// knownParameters are those of AssumeRole that are played. A multi-factor code,
// a managed policy or a trusted context is refused: to leave it out would give
// more, or less, than was asked for.
var knownParameters = regexp.MustCompile(`^(Action|Version|RoleArn|RoleSessionName|ExternalId|SourceIdentity|Policy|DurationSeconds|MinimumSessionTokenSize|Tags\.member\.\d+\.(Key|Value)|TransitiveTagKeys\.member\.\d+)$`)

func readAssumption(form url.Values) (assumption, *failure) {
	for name := range form {
		if !knownParameters.MatchString(name) {
			return assumption{}, invalid("The sandbox does not play the parameter " + name + ".")
		}
	}
	for _, l := range assumeLimits {
		if f := l.check(form); f != nil {
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
	if a.seconds, err = number32(form, "DurationSeconds", 3600, 900, 43200); err != nil {
		return assumption{}, invalid(err.Error())
	}
	if a.tokenBytes, err = number32(form, "MinimumSessionTokenSize", 0, 0, maxToken); err != nil {
		return assumption{}, invalid(err.Error())
	}
	if a.tags, err = readTags(form); err != nil {
		return assumption{}, invalid(err.Error())
	}
	if a.policy != "" {
		d, err := ParseDocument(a.policy)
		if err != nil || d.trust {
			return assumption{}, fail(http.StatusBadRequest, "MalformedPolicyDocument", fmt.Sprintf("This policy cannot be used: %v", err))
		}
		a.limits = []Document{d}
	}
	return a, nil
}

func number32(form url.Values, name string, missing, least, most int) (int, error) {
	if !form.Has(name) {
		return missing, nil
	}
	n, err := strconv.Atoi(form.Get(name))
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have value between %d and %d", name, least, most)
	}
	return n, nil
}

var (
	tagKey   = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$`)
	tagValue = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$`)
)

// readTags reads session tags. Keys are unique whatever their letter case.
func readTags(form url.Values) ([]tag, error) {
	var tags []tag
	for i := 1; form.Has(fmt.Sprintf("Tags.member.%d.Key", i)); i++ {
		t := tag{key: form.Get(fmt.Sprintf("Tags.member.%d.Key", i)), value: form.Get(fmt.Sprintf("Tags.member.%d.Value", i))}
		switch {
		case i > 50:
			return nil, errors.New("1 validation error detected: 'tags' must have length less than or equal to 50")
		case !tagKey.MatchString(t.key), strings.HasPrefix(strings.ToLower(t.key), "aws:"):
			return nil, fmt.Errorf("1 validation error detected: Value at 'tags.%d.member.key' failed to satisfy constraint: %s", i, tagKey)
		case !tagValue.MatchString(t.value):
			return nil, fmt.Errorf("1 validation error detected: Value at 'tags.%d.member.value' failed to satisfy constraint: %s", i, tagValue)
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

// inherit takes over what follows a session to further roles: its source
// identity, which cannot be changed, and its transitive tags, which cannot be
// passed again (docs/facts.md#a1, A3).
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
			return fail(http.StatusBadRequest, "InvalidParameterValue", "One of the specified tag keys conflicts with a transitive tag key from the calling session.")
		}
		a.tags = append(a.tags, t)
	}
	return nil
}

// mayAssume asks the caller's own policies and the role's trust, both of which
// must allow every action that the call stands for (docs/facts.md#a2). A role that is
// missing, a trust that refuses and a caller who may not are answered alike.
//
// Inside one account AWS lets a trust that names the caller's role suffice;
// here the caller's policies are asked too.
func (s *Server) mayAssume(c *caller, a assumption) (*role, *failure) {
	r := s.roles[a.role] // letter case matters here, path included (docs/facts.md#a1)
	if r != nil && r.Partition != c.partition {
		r = nil // another partition knows nothing of our credentials
	}
	for _, action := range a.actions() {
		call := Call{Action: action.name, Resource: a.role, Context: s.context(c, action.keys)}
		if r == nil || s.permissions(c).Evaluate(call) != Allowed || r.trust.EvaluateTrust(call, Principal{AWS: c.principal(), Session: c.arn()}) != Allowed {
			return nil, fail(http.StatusForbidden, "AccessDenied", "User: "+c.arn()+" is not authorized to perform: "+action.name+" on resource: "+a.role)
		}
	}
	return r, nil
}

// permission is an action and the condition keys that it is judged by.
type permission struct {
	name string
	keys map[string][]string
}

// actions are what an AssumeRole stands for, the one first that is named when
// several are refused. sts:ExternalId and sts:RoleSessionName are in the
// context of the first alone (docs/facts.md#a7).
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
		list = append(list, permission{"sts:SetSourceIdentity", map[string][]string{"sts:SourceIdentity": {a.sourceIdentity}}})
	}
	return list
}

// assumed is the result of AssumeRole as it goes over the wire: the one place
// where secrets leave.
type assumed struct {
	Credentials struct {
		AccessKeyID     string `xml:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
	}
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
		Credentials: s.mint("ASIA", max(s.options.TokenBytes, a.tokenBytes)), role: r, partition: r.Partition, account: r.account,
		name: a.session, sourceIdentity: a.sourceIdentity, tags: a.tags, policy: a.policy, limits: a.limits, issued: now,
	}
	c.Expires = now.Add(time.Duration(a.seconds) * time.Second)
	s.callers[c.AccessKeyID] = c
	s.sessions = append(s.sessions, c)

	var out assumed
	out.Credentials.AccessKeyID, out.Credentials.SecretAccessKey = c.AccessKeyID, c.SecretKey.Reveal()
	out.Credentials.SessionToken, out.Credentials.Expiration = c.SessionToken.Reveal(), c.Expires.Format(time.RFC3339)
	out.AssumedRoleUser.AssumedRoleID, out.AssumedRoleUser.Arn = c.userID(), c.arn()
	out.SourceIdentity = c.sourceIdentity
	out.SessionTokenSize = len(c.SessionToken.Reveal())
	out.SessionTokenUtilization = out.SessionTokenSize * 100 / maxToken
	return out
}
