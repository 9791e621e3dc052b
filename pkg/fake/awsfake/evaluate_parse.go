package awsfake

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// ParseDocument parses an IAM policy. A policy whose statements have principals is
// a trust policy. It returns an error for everything that it does not know or that
// IAM leaves undefined: unknown elements, versions, operators, condition keys and
// policy variables, values of the wrong type, NotPrincipal, duplicate members. The
// caller must check the length, whose limit depends on the kind of policy
// (docs/facts.md#a1, docs/facts.md#c).
func ParseDocument(json string) (Document, error) {
	d, err := parseDocument(json)
	if err != nil {
		return Document{}, fmt.Errorf("parse policy: %w", err)
	}
	return d, nil
}

func parseDocument(source string) (Document, error) {
	if !utf8.ValidString(source) || !json.Valid([]byte(source)) {
		return Document{}, errors.New("not JSON")
	}
	members, err := readObject(json.RawMessage(source))
	if err != nil {
		return Document{}, err
	}
	version := syntax{} // the default version is 2008-10-17
	var raw json.RawMessage
	for _, m := range members {
		switch m.name {
		case "Version":
			version, err = parseVersion(m.value)
		case "Id":
			_, err = readString(m.value)
		case "Statement":
			raw = m.value
		default:
			err = errors.New("not an element of a policy")
		}
		if err != nil {
			return Document{}, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return parseStatements(raw, version)
}

// parseVersion reads one of the two versions. Only the newer one has variables.
func parseVersion(raw json.RawMessage) (syntax, error) {
	switch string(raw) {
	case `"2012-10-17"`:
		return syntax{variables: true}, nil
	case `"2008-10-17"`:
		return syntax{}, nil
	}
	return syntax{}, fmt.Errorf("%s is not a version", raw)
}

func parseStatements(raw json.RawMessage, version syntax) (Document, error) {
	list, err := readList(raw)
	if err != nil {
		return Document{}, fmt.Errorf("element Statement: %w", err)
	}
	var d Document
	sids := map[string]bool{}
	for i, one := range list {
		s, sid, err := parseStatement(one, version)
		if err == nil && sid != "" && sids[sid] {
			err = fmt.Errorf("the Sid %q is given twice", sid)
		}
		if err == nil && i > 0 && d.trust != (s.principals != nil) {
			err = errors.New("some statements have principals, others resources")
		}
		if err != nil {
			return Document{}, fmt.Errorf("statement %d: %w", i+1, err)
		}
		sids[sid], d.trust = true, s.principals != nil
		d.statements = append(d.statements, s)
	}
	return d, nil
}

var plainSid = regexp.MustCompile(`^[A-Za-z0-9]*$`)

func parseStatement(raw json.RawMessage, version syntax) (s statement, sid string, err error) {
	members, err := readObject(raw)
	if err != nil {
		return statement{}, "", err
	}
	seen := map[string]bool{}
	for _, m := range members {
		seen[m.name] = true
		switch m.name {
		case "Sid":
			if sid, err = readString(m.value); err == nil && !plainSid.MatchString(sid) {
				err = fmt.Errorf("%q has characters other than letters and digits", sid)
			}
		case "Effect":
			s.deny, err = parseEffect(m.value)
		case "Principal":
			s.principals, err = parsePrincipals(m.value)
		case "Action", "NotAction":
			s.actions, err = parseActions(m)
		case "Resource", "NotResource":
			s.resources, err = parseResources(m, version)
		case "Condition":
			s.conditions, err = parseConditions(m.value, version)
		default:
			err = errors.New("not a known element of a statement")
		}
		if err != nil {
			return statement{}, "", fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if s.principals != nil {
		s.resources.all = true
	}
	return s, sid, checkElements(seen)
}

// checkElements returns an error if a statement lacks an element or has one too
// many.
func checkElements(seen map[string]bool) error {
	switch {
	case !seen["Effect"]:
		return errors.New("no Effect")
	case seen["Action"] == seen["NotAction"]:
		return errors.New("exactly one of Action and NotAction is needed")
	case seen["Principal"] && (seen["Resource"] || seen["NotResource"]):
		return errors.New("a trust policy has no resources")
	case !seen["Principal"] && seen["Resource"] == seen["NotResource"]:
		return errors.New("exactly one of Resource and NotResource is needed")
	}
	return nil
}

func parseEffect(raw json.RawMessage) (deny bool, err error) {
	switch string(raw) {
	case `"Allow"`:
		return false, nil
	case `"Deny"`:
		return true, nil
	}
	return false, fmt.Errorf("%s is neither Allow nor Deny", raw)
}

// actions are patterns of actions. They are in lower case, because letter case does
// not matter.
type actions struct {
	not      bool
	patterns []pattern
}

var actionPattern = regexp.MustCompile(`^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$`)

func parseActions(m member) (actions, error) {
	values, err := readStrings(m.value)
	if err != nil {
		return actions{}, err
	}
	a := actions{not: m.name == "NotAction"}
	for _, value := range values {
		if !actionPattern.MatchString(value) {
			return actions{}, fmt.Errorf("%q is not an action", value)
		}
		p, err := syntax{wildcards: true}.parse(strings.ToLower(value))
		if err != nil {
			return actions{}, err
		}
		a.patterns = append(a.patterns, p)
	}
	return a, nil
}

func (a actions) match(action string) bool {
	action = strings.ToLower(action)
	found := slices.ContainsFunc(a.patterns, func(p pattern) bool { return p.matches(action, nil) })
	return found != a.not
}

// resources are patterns of ARNs. With all they match every resource.
type resources struct {
	not, all bool
	patterns []arnPattern
}

// parseResources refuses variables in NotResource. IAM does not document what a
// variable without a value means there: the statement could apply to nothing or to
// everything.
func parseResources(m member, version syntax) (resources, error) {
	values, err := readStrings(m.value)
	if err != nil {
		return resources{}, err
	}
	r := resources{not: m.name == "NotResource"}
	for _, value := range values {
		if value == "*" {
			r.all = true
			continue
		}
		p, err := syntax{wildcards: true, variables: version.variables}.parseARN(value)
		if err != nil {
			return resources{}, err
		}
		if p.hasVariable(5) || r.not && p.hasVariable(6) {
			return resources{}, fmt.Errorf("%q has a variable before the fifth colon or in NotResource", value)
		}
		r.patterns = append(r.patterns, p)
	}
	return r, nil
}

func (r resources) match(resource string, context requestContext) bool {
	found := r.all || slices.ContainsFunc(r.patterns, func(p arnPattern) bool { return p.matches(resource, context) })
	return found != r.not
}

func parseConditions(raw json.RawMessage, version syntax) ([]condition, error) {
	var conditions []condition
	operators, err := readObject(raw)
	if err != nil {
		return nil, err
	}
	for _, op := range operators {
		keys, err := readObject(op.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op.name, err)
		}
		for _, k := range keys {
			c, err := parseCondition(op.name, k, version)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", op.name, k.name, err)
			}
			conditions = append(conditions, c)
		}
	}
	return conditions, nil
}
