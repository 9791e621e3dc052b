package awsfake

import (
	"fmt"
	"regexp"
	"strings"
)

// Document is a parsed policy. The zero value allows nothing.
//
// A document never guesses: what ParseDocument does not know is an error
// there, and what a Call holds that cannot be read is a deny.
type Document struct {
	trust      bool
	statements []statement
}

// statement is one element of a policy: principals in a trust policy,
// resources in all others.
type statement struct {
	deny       bool
	principals []principal
	actions    actions
	resources  resources
	conditions []condition
}

// Call is what a caller wants to do, as IAM would see it: an action such as
// sts:AssumeRole, the ARN of the resource or "*" where the action has none, and
// the condition keys with their values. Letter case of keys does not matter. A
// key without values is absent.
type Call struct {
	Action, Resource string
	Context          map[string][]string
}

// Verdict is what policies say of one call. The zero value grants nothing.
type Verdict int

// What policies may say: nothing, yes, and a no that outweighs every yes.
const (
	Implicit Verdict = iota
	Allowed
	Denied
)

// String is the word that testdata/evaluate uses.
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

// Evaluate judges a call by an identity, inline or session policy or a
// permissions boundary. A trust policy, and a call that fails Check, are Denied.
// sts:GetCallerIdentity needs no permission and cannot be denied by any policy
// (docs/facts.md#a7): whoever serves that action does not ask.
func (d Document) Evaluate(c Call) Verdict {
	if d.trust {
		return Denied
	}
	return d.judge(c, func(statement) bool { return true })
}

// EvaluateTrust judges a call by the trust policy of the role that it wants;
// any other policy, and a call that fails Check, are Denied. Allowed is half of
// the answer for a principal that is trusted through its account or from
// another account: its own policies must allow the call as well (docs/facts.md#a2).
func (d Document) EvaluateTrust(c Call, by Principal) Verdict {
	if !d.trust {
		return Denied
	}
	return d.judge(c, func(s statement) bool { return s.trusts(by) })
}

// judge is the rule of IAM: any deny that matches wins, else any allow.
func (d Document) judge(c Call, concerns func(statement) bool) Verdict {
	context, err := c.read()
	if err != nil {
		return Denied
	}
	verdict := Implicit
	for _, s := range d.statements {
		if !concerns(s) || !s.matches(c, context) {
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
	if !s.actions.hold(c.Action) || !s.resources.hold(c.Resource, context) {
		return false
	}
	for _, condition := range s.conditions {
		if !condition.holds(context) {
			return false
		}
	}
	return true
}

// Permissions are the policies that bind one session: those of its role, of
// which one must allow, and limits (session policy, permissions boundary), of
// which each must allow. A deny in any of them wins.
type Permissions struct{ Identity, Limits []Document }

// Evaluate judges a call by all policies together.
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

// requestContext is a call's context with keys in lower case, as IAM compares
// them, and without keys that have no values.
type requestContext map[string][]string

var exactAction = regexp.MustCompile(`^[A-Za-z0-9-]+:[A-Za-z0-9]+$`)

// Check says what in a call cannot be judged: an action or resource that is
// none, a condition key that is not known, two values for a key that has one,
// a value that is not of its key's type. Such a call is a mistake of the
// service that asks, and every policy denies it.
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
