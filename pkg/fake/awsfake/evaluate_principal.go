package awsfake

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Principal is the caller that a trust policy is evaluated for. AWS is the ARN of a
// user, or of a role with its path. Session is the ARN of the role's session, if
// the caller is one. A service has only Service, such as scheduler.amazonaws.com.
type Principal struct{ AWS, Session, Service string }

// principal is one value of a Principal element.
type principal struct {
	service bool
	value   string
}

var (
	accountID    = regexp.MustCompile(`^[0-9]{12}$`)
	accountRoot  = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:root$`)
	principalARN = regexp.MustCompile(
		`^arn:aws[a-z-]*:(iam::[0-9]{12}:(role|user)|sts::[0-9]{12}:assumed-role)/[\w+=,.@/-]+$`)
	serviceName = regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$`)
)

func (s statement) trusts(by Principal) bool {
	for _, p := range s.principals {
		if p.matches(by) {
			return true
		}
	}
	return false
}

func (p principal) matches(by Principal) bool {
	switch {
	case p.service:
		return p.value == by.Service
	case p.value == "*":
		return by != Principal{}
	case accountID.MatchString(p.value):
		return strings.Contains(by.AWS, ":iam::"+p.value+":")
	case accountRoot.MatchString(p.value):
		return strings.HasPrefix(by.AWS, strings.TrimSuffix(p.value, "root"))
	}
	return p.value == by.AWS || p.value == by.Session
}

// parsePrincipals reads "*", or accounts, roles, users, sessions and services. It
// refuses federated and canonical users. IAM stores the id of a role, so it no
// longer trusts a role that was deleted and made again under the same name
// (docs/facts.md#a6). This package compares names only.
func parsePrincipals(raw json.RawMessage) ([]principal, error) {
	if string(raw) == `"*"` {
		return []principal{{value: "*"}}, nil
	}
	members, err := readObject(raw)
	if err != nil {
		return nil, err
	}
	var principals []principal
	for _, m := range members {
		values, err := readStrings(m.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		for _, value := range values {
			p, err := parsePrincipal(m.name, value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
			principals = append(principals, p)
		}
	}
	if principals == nil {
		return nil, errors.New("no principal is named")
	}
	return principals, nil
}

func parsePrincipal(kind, value string) (principal, error) {
	known := false
	switch kind {
	case "AWS":
		known = value == "*" || accountID.MatchString(value) ||
			accountRoot.MatchString(value) || principalARN.MatchString(value)
	case "Service":
		known = serviceName.MatchString(value)
	}
	if !known {
		return principal{}, fmt.Errorf("%q is not a known principal", value)
	}
	return principal{service: kind == "Service", value: value}, nil
}
