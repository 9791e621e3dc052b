package awsfake

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// authorize checks a call against all policies that bind its caller: the current
// policies of the role, its boundary, and the session policy. more holds the
// condition keys of this call.
func (s *Server) authorize(c *caller, action, resource string, more map[string][]string) *failure {
	call := Call{Action: action, Resource: resource, Context: s.context(c, more)}
	p := s.permissions(c)
	if p.Evaluate(call) == Allowed {
		return nil
	}
	return fail(http.StatusForbidden, "AccessDenied", "User: "+c.arn()+" is not authorized to perform: "+action+
		" on resource: "+resource+" "+p.why(call, len(c.limits)))
}

// permissions collects the policies that bind a caller. A user has none.
func (s *Server) permissions(c *caller) Permissions {
	p := Permissions{Limits: slices.Clone(c.limits)}
	if c.role == nil {
		return p
	}
	r := s.currentRole(c)
	if r == nil {
		return p
	}
	s.enforce(r)
	p.Identity = append(slices.Clone(r.attached), slices.Collect(maps.Values(r.inline))...)
	p.Limits = append(p.Limits, r.boundary...)
	return p
}

// why names the kind of policy that refuses a call, as newer AWS services do.
// The first limits, as many as sessions says, are session policies; the others
// are permissions boundaries.
func (p Permissions) why(c Call, sessions int) string {
	identity := Implicit
	for _, d := range p.Identity {
		identity = max(identity, d.Evaluate(c))
	}
	kinds := map[bool]string{true: "session policy", false: "permissions boundary"}
	for i, d := range p.Limits {
		if d.Evaluate(c) == Denied {
			return "with an explicit deny in a " + kinds[i < sessions]
		}
	}
	switch identity {
	case Denied:
		return "with an explicit deny in an identity-based policy"
	case Implicit:
		return "because no identity-based policy allows the " + c.Action + " action"
	}
	for i, d := range p.Limits {
		if d.Evaluate(c) == Implicit {
			return "because no " + kinds[i < sessions] + " allows the " + c.Action + " action"
		}
	}
	return ""
}

// context returns the condition keys that IAM knows of a call
// (docs/facts.md#a6, docs/facts.md#c). aws:PrincipalArn is the role with its path,
// for every session of it.
func (s *Server) context(c *caller, more map[string][]string) map[string][]string {
	now := s.options.Now().UTC()
	keys := map[string][]string{
		"aws:CurrentTime":      {now.Format(time.RFC3339)},
		"aws:EpochTime":        {strconv.FormatInt(now.Unix(), 10)},
		"aws:PrincipalArn":     {c.principal()},
		"aws:PrincipalAccount": {c.account},
		"aws:userid":           {c.userID()},
		"aws:SecureTransport":  {"true"}, // loopback counts as TLS
		"aws:ViaAWSService":    {"false"},
		"aws:PrincipalType":    {"AssumedRole"},
	}
	if s.options.Org != "" {
		keys["aws:PrincipalOrgID"] = []string{s.options.Org}
	}
	if c.role == nil {
		keys["aws:PrincipalType"] = []string{"User"} // without a time of issue
	} else {
		keys["aws:TokenIssueTime"] = []string{c.issued.UTC().Format(time.RFC3339)}
	}
	if c.sourceIdentity != "" {
		keys["aws:SourceIdentity"] = []string{c.sourceIdentity}
	}
	for _, t := range c.tags {
		keys["aws:PrincipalTag/"+t.key] = []string{t.value}
	}
	maps.Copy(keys, more)
	return keys
}

// arn is the caller's name in answers and messages. The ARN of a session leaves
// out the path of its role (docs/facts.md#a3).
func (c *caller) arn() string {
	if c.role == nil {
		return c.user
	}
	return "arn:" + c.partition + ":sts::" + c.account + ":assumed-role/" + c.role.Name + "/" + c.name
}

// principal is the caller's name in policies.
func (c *caller) principal() string {
	if c.role == nil {
		return c.user
	}
	return c.role.arn
}

func (c *caller) userID() string {
	if c.role == nil {
		return c.name
	}
	return c.role.id + ":" + c.name
}
