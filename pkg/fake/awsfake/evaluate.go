package awsfake

import (
	"fmt"
	"regexp"
	"strings"
)

// Document is a parsed policy. The zero value allows nothing.
//
// A document never guesses. ParseDocument returns an error for everything that it
// does not know, and a Call that cannot be read is denied.
type Document struct {
	trust      bool
	statements []statement
}

// statement is one statement of a policy. In a trust policy it has principals, in
// other policies it has resources.
type statement struct {
	deny       bool
	principals []principal
	actions    actions
	resources  resources
	conditions []condition
}

// Call is a call as IAM sees it: an action such as sts:AssumeRole, the ARN of the
// resource ("*" if the action has no resource), and the condition keys with their
// values. The letter case of keys does not matter. A key without values counts as
// absent.
type Call struct {
	Action, Resource string
	Context          map[string][]string
}

// Verdict is the result of evaluating policies for one call. The zero value
// refuses the call.
type Verdict int

// The verdicts.
const (
	Implicit Verdict = iota // no statement matches: an implicit deny
	Allowed                 // a statement allows the call, and none denies it
	Denied                  // a statement denies the call: an explicit deny, which always wins
)

// String returns the verdict in the spelling of testdata/evaluate.
func (v Verdict) String() string {
	switch v {
	case Implicit:
		return "implicit"
	case Allowed:
		return "allowed"
	case Denied:
		return "denied"
	}
	return fmt.Sprintf("Verdict(%d)", int(v))
}

// Evaluate evaluates an identity-based policy, a session policy or a permissions
// boundary for a call. It returns Denied if the document is a trust policy, or if
// the call fails Check. Do not use it for sts:GetCallerIdentity, which needs no
// permission and which no policy can deny (docs/facts.md#a7).
func (d Document) Evaluate(c Call) Verdict {
	if d.trust {
		return Denied
	}
	return d.evaluate(c, func(statement) bool { return true })
}

// EvaluateTrust evaluates the trust policy of the role that a principal wants to
// assume. It returns Denied if the document is not a trust policy, or if the call
// fails Check. Allowed alone is not enough for a principal from another account,
// or one that is trusted through its account: its own policies must allow the call
// too (docs/facts.md#a2).
func (d Document) EvaluateTrust(c Call, by Principal) Verdict {
	if !d.trust {
		return Denied
	}
	return d.evaluate(c, func(s statement) bool { return s.trusts(by) })
}

// evaluate applies IAM's rule to the statements for which applies is true: a
// matching deny wins, otherwise a matching allow.
func (d Document) evaluate(c Call, applies func(statement) bool) Verdict {
	context, err := c.read()
	if err != nil {
		return Denied
	}
	verdict := Implicit
	for _, s := range d.statements {
		if !applies(s) || !s.matches(c, context) {
			continue
		}
		if s.deny {
			return Denied
		}
		verdict = Allowed
	}
	return verdict
}

func (s statement) matches(c Call, context requestContext) bool {
	if !s.actions.match(c.Action) || !s.resources.match(c.Resource, context) {
		return false
	}
	for _, condition := range s.conditions {
		if !condition.holds(context) {
			return false
		}
	}
	return true
}

// Permissions are the policies that bind one session. At least one policy of
// Identity (the policies of the role) must allow a call, and each policy of Limits
// (session policy, permissions boundary) must allow it too. A deny in any policy
// wins.
type Permissions struct{ Identity, Limits []Document }

// Evaluate evaluates all policies together for a call.
func (p Permissions) Evaluate(c Call) Verdict {
	verdict := Implicit
	for _, d := range p.Identity {
		verdict = max(verdict, d.Evaluate(c))
	}
	for _, d := range p.Limits {
		switch d.Evaluate(c) {
		case Denied:
			return Denied
		case Implicit:
			if verdict == Allowed {
				verdict = Implicit
			}
		}
	}
	return verdict
}

// requestContext is a call's context with its keys in lower case, because IAM
// ignores their case, and without keys that have no values.
type requestContext map[string][]string

var exactAction = regexp.MustCompile(`^[A-Za-z0-9-]+:[A-Za-z0-9]+$`)

// Check returns an error if a call cannot be evaluated: it has an invalid action
// or resource, an unknown condition key, several values for a key that has one, or
// a value of the wrong type. Such a call is a mistake of the caller of this
// package, and every policy denies it.
func (c Call) Check() error {
	_, err := c.read()
	return err
}

func (c Call) read() (requestContext, error) {
	if !exactAction.MatchString(c.Action) {
		return nil, fmt.Errorf("call: %q is not an action", c.Action)
	}
	if c.Resource != "*" && !isARN(c.Resource) {
		return nil, fmt.Errorf("call: %q is not the ARN of a resource", c.Resource)
	}
	context := requestContext{}
	for name, values := range c.Context {
		if len(values) == 0 {
			continue
		}
		known, err := lookUpKey(name)
		if err != nil {
			return nil, fmt.Errorf("call: %w", err)
		}
		lower := strings.ToLower(name)
		if _, twice := context[lower]; twice {
			return nil, fmt.Errorf("call: %s is given twice", name)
		}
		if err := known.check(values); err != nil {
			return nil, fmt.Errorf("call: %s: %w", name, err)
		}
		context[lower] = values
	}
	return context, nil
}
