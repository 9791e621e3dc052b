package awsfake

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"
)

// maxScopedPolicies is how many policies may narrow one session (docs/facts.md#a8).
const maxScopedPolicies = 3

var scopeRules = [...]parameterRule{
	{"Policy", 1, 2048, regexp.MustCompile(`^[\x{9}\x{A}\x{D}\x{20}-\x{FF}]+$`), false},
	{"ScopedSessionDescription", 2, 256,
		regexp.MustCompile(`^[\x{9}\x{A}\x{D}\x{20}-\x{7E}\x{A1}-\x{FF}]*$`), false},
}

// knownScopeParameters matches the parameters of GetScopedCredentials.
var knownScopeParameters = regexp.MustCompile(
	`^(Action|Version|Policy|DurationSeconds|ScopedSessionDescription|MinimumSessionTokenSize)$`)

// getScopedCredentials begins a session of the same name and role as the caller's, with fewer permissions, a shorter
// life, or both (docs/facts.md#a8). AWS does not say which permission the call needs. Here it needs
// sts:GetScopedCredentials.
func (s *Server) getScopedCredentials(c *caller, form url.Values) (answer, *failure) {
	for name := range form {
		if !knownScopeParameters.MatchString(name) {
			return answer{}, invalid("The sandbox does not simulate the parameter " + name + ".")
		}
	}
	for _, rule := range scopeRules {
		if f := rule.check(form); f != nil {
			return answer{}, f
		}
	}
	seconds, err := readInt(form, "DurationSeconds", 0, 1, 129600)
	if err != nil {
		return answer{}, invalid(err.Error())
	}
	tokenBytes, err := readInt(form, "MinimumSessionTokenSize", 0, 0, maxTokenBytes)
	switch {
	case err != nil:
		return answer{}, invalid(err.Error())
	case !form.Has("Policy") && !form.Has("DurationSeconds"):
		return answer{}, invalid("At least one of Policy or DurationSeconds must be specified")
	case c.SessionToken.Empty() || c.role == nil:
		return answer{}, fail(http.StatusBadRequest, "InvalidSubjectCredentials",
			"GetScopedCredentials needs temporary security credentials")
	}
	if f := s.authorize(c, "sts:GetScopedCredentials", "*", nil); f != nil {
		return answer{}, f
	}
	next := *c
	next.issued = s.options.Now().UTC().Truncate(time.Second)
	if seconds != 0 {
		end := next.issued.Add(time.Duration(seconds) * time.Second)
		if end.After(c.Expires) {
			return answer{}, fail(http.StatusBadRequest, "InsufficientSessionLifetime",
				"The requested duration exceeds the remaining lifetime of the calling session")
		}
		next.Expires = end
	}
	if text := form.Get("Policy"); text != "" {
		if next.scoped++; next.scoped > maxScopedPolicies {
			return answer{}, fail(http.StatusForbidden, "AccessDenied", "The session has 3 scope down policies already")
		}
		d, err := ParseDocument(text)
		if err != nil || d.trust {
			return answer{}, fail(http.StatusBadRequest, "MalformedPolicyDocument",
				fmt.Sprintf("This policy cannot be used: %v", err))
		}
		next.policy, next.limits = text, append(slices.Clone(c.limits), d)
	}
	expires := next.Expires
	next.wide = c.AccessKeyID
	next.Credentials = s.newCredentials("ASIA", max(s.options.TokenBytes, tokenBytes))
	next.Expires = expires
	s.callers[next.AccessKeyID] = &next
	s.sessions = append(s.sessions, &next)
	return queryAnswer(stsSpace, "GetScopedCredentials", scopedOf(&next)), nil
}

// scopedCredentials is the result of GetScopedCredentials on the wire. It contains secrets.
type scopedCredentials struct {
	Credentials         wireCredentials
	SessionInfo         struct{ ScopedSessionId, Arn string }
	ScopedPoliciesCount int
	SourceIdentity      string `xml:",omitempty"`

	SessionTokenSize, SessionTokenUtilization int
}

func scopedOf(c *caller) (out scopedCredentials) {
	out.Credentials = wireCredentialsOf(c)
	out.SessionInfo.ScopedSessionId, out.SessionInfo.Arn = c.userID(), c.arn()
	out.ScopedPoliciesCount, out.SourceIdentity = c.scoped, c.sourceIdentity
	out.SessionTokenSize = len(c.SessionToken.Reveal())
	out.SessionTokenUtilization = out.SessionTokenSize * 100 / maxTokenBytes
	return out
}
