package vendfake

import "errors"

// Document is a parsed policy. The zero value allows nothing.
type Document struct{}

// ParseDocument reads a policy of IAM. It fails on whatever it does not know:
// elements, versions, operators, condition keys, policy variables.
func ParseDocument(json string) (Document, error) {
	return Document{}, errors.New("parse policy: not built yet")
}

// Call is what a caller wants to do, as IAM would see it. Context holds
// condition keys and their values; letter case of keys does not matter.
type Call struct {
	Action, Resource string
	Context          map[string][]string
}

// Principal is who calls, for a trust policy: AWS is the ARN of a role, with
// its path, Session the ARN of its session if it is one, Service the name of
// a service such as lambda.amazonaws.com.
type Principal struct{ AWS, Session, Service string }

// Verdict is what one policy says of one call. The zero value grants nothing.
type Verdict int

// What a policy may say: nothing, yes, and a no that no yes outweighs.
const (
	Implicit Verdict = iota
	Allowed
	Denied
)

// Evaluate judges a call by an identity, inline, session or boundary policy.
func (d Document) Evaluate(Call) Verdict { return Implicit }

// EvaluateTrust judges a call by the trust policy of the role it wants.
func (d Document) EvaluateTrust(Call, Principal) Verdict { return Implicit }

// Permissions are all policies that bind one session: those of its role, and
// the limits (session policy, permissions boundary), each of which must allow.
type Permissions struct{ Identity, Limits []Document }

// Evaluate judges a call by all policies together.
func (p Permissions) Evaluate(Call) Verdict { return Implicit }
