package awsfake

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/aws-access/aws-access/pkg/access"
)

// machineSession is the form of a session's name that AssumeRole takes
// (docs/facts.md#a1).
var machineSession = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// MachineSession returns credentials of a session of a role, as a service such as
// CodeBuild would give them to a build. They never expire. A role that does not exist
// is made; it may do nothing, so only calls that need no permission succeed.
func (s *Server) MachineSession(roleARN, session string) (access.Credentials, error) {
	account, r, err := splitRole(roleARN)
	switch {
	case err != nil:
		return access.Credentials{}, err
	case !machineSession.MatchString(session):
		return access.Credentials{}, fmt.Errorf("%q is not the name of a session: "+
			"write 2 to 64 letters, digits and characters of _+=,.@-", session)
	}
	if _, ok := s.Role(account, r.Name); !ok {
		r.Trust, r.Permissions = lambdaTrust, []string{}
		if err := s.PutRole(account, r); err != nil {
			return access.Credentials{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	role := s.find(account, r.Name)
	if role == nil || role.arn != roleARN {
		return access.Credentials{}, errors.New("the role stands in its account under another path, name or partition")
	}
	c := &caller{
		Credentials: s.newCredentials("ASIA", s.options.TokenBytes), role: role,
		partition: role.Partition, account: account, name: session, issued: s.options.Now(),
	}
	s.callers[c.AccessKeyID] = c
	return c.Credentials, nil
}
