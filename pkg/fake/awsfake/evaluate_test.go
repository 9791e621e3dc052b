package awsfake

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// evaluateCase is one case of testdata/evaluate/cases.json. simulate/compare.mjs
// runs the same cases with iam-simulate. A policy is written out, or is a name in
// "policies".
type evaluateCase struct {
	Name, Source, Want string
	Identity           []json.RawMessage
	Session, Boundary  json.RawMessage
	Trust              json.RawMessage
	Principal          Principal
	Call               Call
	NotCompared        string   `json:"not_compared"`
	Dropped            []string // keys that iam-simulate ignores for the action
}

type evaluateTable struct {
	Policies map[string]json.RawMessage
	Cases    []evaluateCase
}

func readTable(t testing.TB) evaluateTable {
	t.Helper()
	source, err := os.ReadFile("testdata/evaluate/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var table evaluateTable
	if err := json.Unmarshal(source, &table); err != nil {
		t.Fatalf("read cases: %v", err)
	}
	return table
}

// document parses a policy of a case: a JSON object, or a name in the table.
func (table evaluateTable) document(t testing.TB, raw json.RawMessage) Document {
	t.Helper()
	var name string
	if json.Unmarshal(raw, &name) == nil {
		raw = table.Policies[name]
	}
	d, err := ParseDocument(string(raw))
	if err != nil {
		t.Fatalf("policy %s: %v", raw, err)
	}
	return d
}

func (table evaluateTable) evaluate(t testing.TB, c evaluateCase) Verdict {
	t.Helper()
	if c.Trust != nil {
		return table.document(t, c.Trust).EvaluateTrust(c.Call, c.Principal)
	}
	var p Permissions
	for _, raw := range c.Identity {
		p.Identity = append(p.Identity, table.document(t, raw))
	}
	for _, raw := range []json.RawMessage{c.Session, c.Boundary} {
		if raw != nil {
			p.Limits = append(p.Limits, table.document(t, raw))
		}
	}
	return p.Evaluate(c.Call)
}

func TestCasesAreEvaluatedLikeIAM(t *testing.T) {
	table := readTable(t)
	for _, c := range table.Cases {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Call.Check(); err != nil {
				t.Fatal(err)
			}
			if got := table.evaluate(t, c).String(); got != c.Want {
				t.Errorf("got %s, want %s (%s)", got, c.Want, c.Source)
			}
		})
	}
}

// statementWith is a policy with one statement that has this element too.
func statementWith(element string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*",` + element + `}}`
}

// conditionOf is a policy with one statement that has this condition.
func conditionOf(condition string) string {
	return statementWith(`"Resource":"*","Condition":` + condition)
}

// invalidPolicies lists policies that ParseDocument refuses, with a part of the
// error.
var invalidPolicies = []struct{ name, policy, want string }{
	{"not JSON", `{`, "not JSON"},
	{"not UTF-8", "{\"Id\":\"\xff\"}", "not JSON"},
	{"not an object", `"Allow"`, "not an object"},
	{"an empty object", `{}`, "an empty object"},
	{"two documents", `{"Id":"a"}{"Id":"b"}`, "not JSON"},
	{"an unknown version", `{"Version":"2012-10-18"}`, "not a version"},
	{"a version as a number", `{"Version":2012}`, "not a version"},
	{"no statement", `{"Version":"2012-10-17"}`, "Statement: missing"},
	{"an empty list of statements", `{"Version":"2012-10-17","Statement":[]}`, "Statement: an empty list"},
	{"an unknown element of the policy", `{"Version":"2012-10-17","Statements":[]}`, "not an element of a policy"},
	{"an element in another letter case", `{"version":"2012-10-17"}`, "not an element of a policy"},
	{"an element twice", `{"Version":"2012-10-17","Version":"2008-10-17"}`, "given twice"},
	{"an unknown element of the statement",
		statementWith(`"Resource":"*","Conditions":{}`), "Conditions: not a known element"},
	{"NotPrincipal", statementWith(`"NotPrincipal":{"AWS":"*"}`), "NotPrincipal: not a known element"},
	{"an unknown effect", `{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}`, "neither Allow nor Deny"},
	{"no effect", `{"Statement":{"Action":"*","Resource":"*"}}`, "no Effect"},
	{"no action", `{"Statement":{"Effect":"Allow","Resource":"*"}}`, "one of Action and NotAction"},
	{"Action and NotAction", statementWith(`"NotAction":"iam:*","Resource":"*"`), "one of Action and NotAction"},
	{"an action without a service", statementWith(`"Resource":"*","NotAction":"GetObject"`), "not an action"},
	{"a wildcard in the service", statementWith(`"Resource":"*","NotAction":"s*:Get*"`), "not an action"},
	{"no resource", statementWith(`"Sid":"A"`), "one of Resource and NotResource"},
	{"a resource that is not an ARN", statementWith(`"Resource":"payments"`), "six parts"},
	{"a short ARN", statementWith(`"Resource":"arn:aws:s3*"`), "six parts"},
	{"an ARN without a service", statementWith(`"Resource":"arn:aws::::x"`), "not an ARN"},
	{"a list in a list", statementWith(`"Resource":[["*"]]`), "not a string"},
	{"an empty list of resources", statementWith(`"Resource":[]`), "an empty list"},
	{"a variable as the account",
		statementWith(`"Resource":"arn:aws:iam::${aws:PrincipalAccount}:role/x"`), "before the fifth colon"},
	{"a variable in NotResource", statementWith(`"NotResource":"arn:aws:s3:::home/${aws:userid}"`), "NotResource"},
	{"an unknown variable", statementWith(`"Resource":"arn:aws:s3:::${aws:user}"`), `"aws:user" is not known`},
	{"a variable without a closing brace", statementWith(`"Resource":"arn:aws:s3:::${aws:userid"`), "closing brace"},
	{"a variable with a space",
		statementWith(`"Resource":"arn:aws:s3:::${aws:PrincipalTag/my team}"`), "cannot be parsed"},
	{"an empty variable", statementWith(`"Resource":"arn:aws:s3:::${}"`), "cannot be parsed"},
	{"a variable with many values", statementWith(`"Resource":"arn:aws:s3:::${aws:TagKeys}"`), "single string"},
	{"a variable with a date as its value",
		conditionOf(`{"StringEquals":{"aws:userid":"${aws:CurrentTime}"}}`), "single string"},
	{"a variable compared as a date",
		conditionOf(`{"DateLessThan":{"aws:CurrentTime":"${aws:TokenIssueTime}"}}`), "neither an ISO 8601 date"},
	{"a Sid with a space", statementWith(`"Resource":"*","Sid":"a b"`), "letters and digits"},
	{"a Sid twice",
		`{"Statement":[{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"},
			{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"}]}`,
		"is given twice"},
	{"principals together with resources",
		statementWith(`"Principal":"*","Resource":"*"`), "a trust policy has no resources"},
	{"statements with principals beside statements with resources",
		`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*"},
			{"Effect":"Deny","Action":"*","Resource":"*"}]}`,
		"statement 2: some"},
	{"a principal with a wildcard",
		statementWith(`"Principal":{"AWS":"arn:aws:iam::111111111111:role/vend-*"}`), "not a known principal"},
	{"the id of a deleted role", statementWith(`"Principal":{"AWS":"AROAVEND"}`), "not a known principal"},
	{"a federated principal", statementWith(`"Principal":{"Federated":"accounts.google.com"}`), "not a known principal"},
	{"an invalid service", statementWith(`"Principal":{"Service":"*"}`), "not a known principal"},
	{"an unknown operator", conditionOf(`{"StringEqual":{"aws:userid":"a"}}`), `operator "StringEqual" is not known`},
	{"an operator in another letter case", conditionOf(`{"stringEquals":{"aws:userid":"a"}}`), "is not known"},
	{"BinaryEquals", conditionOf(`{"BinaryEquals":{"aws:userid":"QQ=="}}`), "is not known"},
	{"an unknown quantifier", conditionOf(`{"ForNoValue:StringEquals":{"aws:TagKeys":"a"}}`), "is not known"},
	{"IfExists with ForAnyValue",
		conditionOf(`{"ForAnyValue:StringEqualsIfExists":{"aws:TagKeys":"a"}}`), "not documented"},
	{"IfExists with Null", conditionOf(`{"NullIfExists":{"aws:userid":"true"}}`), "is not known"},
	{"Null with ForAllValues", conditionOf(`{"ForAllValues:Null":{"aws:TagKeys":"true"}}`), "is not known"},
	{"Null with true and false", conditionOf(`{"Null":{"aws:userid":["true","false"]}}`), "more than one value"},
	{"Null with another value", conditionOf(`{"Null":{"aws:userid":"yes"}}`), "neither true nor false"},
	{"Bool with true and false",
		conditionOf(`{"Bool":{"aws:SecureTransport":["true","false"]}}`), "more than one value"},
	{"an unknown key",
		conditionOf(`{"StringEquals":{"aws:RoleSessionName":"a"}}`), `"aws:RoleSessionName" is not known`},
	{"a tag without a name", conditionOf(`{"StringEquals":{"aws:RequestTag/":"a"}}`), "is not known"},
	{"a key twice, in two letter cases",
		conditionOf(`{"StringEquals":{"aws:userid":"a","AWS:UserId":"b"}}`), "given twice"},
	{"a key with many values and no quantifier",
		conditionOf(`{"StringEquals":{"aws:TagKeys":"a"}}`), "needs ForAllValues or ForAnyValue"},
	{"a string compared as an ARN",
		conditionOf(`{"ArnLike":{"aws:userid":"arn:aws:iam::*:role/x"}}`), "does not compare values of this key"},
	{"a string compared as a date",
		conditionOf(`{"DateLessThan":{"aws:userid":"2026-11-21"}}`), "does not compare values of this key"},
	{"a date compared as a string",
		conditionOf(`{"StringLike":{"aws:CurrentTime":"2026*"}}`), "does not compare values of this key"},
	{"a pattern that is not an ARN", conditionOf(`{"ArnLike":{"aws:PrincipalArn":"*"}}`), "six parts"},
	{"an invalid date", conditionOf(`{"DateLessThan":{"aws:CurrentTime":"21.11.2026"}}`), "neither an ISO 8601 date"},
	{"a date without a zone",
		conditionOf(`{"DateLessThan":{"aws:CurrentTime":"2026-11-21T14:00:00"}}`), "neither an ISO 8601 date"},
	{"a year, which IAM could read as seconds",
		conditionOf(`{"DateLessThan":{"aws:CurrentTime":"2026"}}`), "neither an ISO 8601 date"},
	{"milliseconds", conditionOf(`{"DateLessThan":{"aws:CurrentTime":"1795269600000"}}`), "neither an ISO 8601 date"},
	{"an invalid number", conditionOf(`{"NumericLessThan":{"s3:max-keys":"0x10"}}`), "not a number"},
	{"a range that does not begin at its first address",
		conditionOf(`{"IpAddress":{"aws:SourceIp":"203.0.113.7/24"}}`), "range of addresses"},
	{"no values", conditionOf(`{"StringEquals":{"aws:userid":[]}}`), "an empty list"},
	{"the value null", conditionOf(`{"StringEquals":{"aws:userid":null}}`), "not a string, number or boolean"},
	{"no keys", conditionOf(`{"StringEquals":{}}`), "an empty object"},
	{"no operators", conditionOf(`{}`), "an empty object"},
}

func TestParseDocumentRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, tt := range invalidPolicies {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseDocument(tt.policy); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("parse %s: got error %v, want one with %q", tt.policy, err, tt.want)
			}
		})
	}
}

// callWith is a valid call with one condition key.
func callWith(key string, values ...string) Call {
	return Call{Action: "s3:GetObject", Resource: "*", Context: map[string][]string{key: values}}
}

// invalidCalls lists calls that Check refuses, with a part of the error.
var invalidCalls = []struct {
	name string
	call Call
	want string
}{
	{"no action", Call{Resource: "*"}, "not an action"},
	{"an action with a wildcard", Call{Action: "s3:*", Resource: "*"}, "not an action"},
	{"no resource", Call{Action: "s3:GetObject"}, "not the ARN of a resource"},
	{"an unknown key", callWith("aws:UserIdentity", "a"), "is not known"},
	{"a key in two letter cases", Call{
		Action: "s3:GetObject", Resource: "*", Context: map[string][]string{"aws:userid": {"a"}, "aws:UserId": {"a"}},
	}, "given twice"},
	{"two values for a single one", callWith("aws:userid", "a", "b"), "2 values"},
	{"an invalid date", callWith("aws:CurrentTime", "now"), "neither an ISO 8601 date"},
	{"an invalid ARN", callWith("aws:PrincipalArn", "vend"), "not an ARN"},
	{"an invalid boolean", callWith("aws:SecureTransport", "yes"), "neither true nor false"},
	{"an invalid number", callWith("s3:max-keys", "many"), "not a number"},
	{"an invalid address", callWith("aws:SourceIp", "localhost"), "localhost"},
}

// allowEverything is a document that allows every call.
var allowEverything = Document{statements: []statement{{actions: actions{not: true}, resources: resources{all: true}}}}

func TestInvalidCallsAreDenied(t *testing.T) {
	trustAnybody := Document{trust: true, statements: []statement{{
		principals: []principal{{value: "*"}}, actions: actions{not: true}, resources: resources{all: true},
	}}}
	by := Principal{Service: "lambda.amazonaws.com"}
	verdicts := func(c Call) [2]Verdict {
		return [2]Verdict{allowEverything.Evaluate(c), trustAnybody.EvaluateTrust(c, by)}
	}
	valid := Call{Action: "s3:ListAllMyBuckets", Resource: "*"}
	if got := verdicts(valid); got != [2]Verdict{Allowed, Allowed} {
		t.Fatalf("a valid call: got %v, want allowed", got)
	}
	for _, tt := range invalidCalls {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.call.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("check: got %v, want an error with %q", err, tt.want)
			}
			if got := verdicts(tt.call); got != [2]Verdict{Denied, Denied} {
				t.Errorf("got %v, want denied", got)
			}
		})
	}
}

func TestPolicyOfTheWrongKindDenies(t *testing.T) {
	table := readTable(t)
	call := Call{Action: "sts:AssumeRole", Resource: "arn:aws:iam::111111111111:role/aws-access/Admin"}
	by := Principal{AWS: "arn:aws:iam::222222222222:role/aws-access/vend"}
	if got := table.document(t, table.Policies["trust"]).Evaluate(call); got != Denied {
		t.Errorf("a trust policy as identity policy: got %v, want denied", got)
	}
	if got := table.document(t, table.Policies["everything"]).EvaluateTrust(call, by); got != Denied {
		t.Errorf("an identity policy as trust policy: got %v, want denied", got)
	}
	if got := (Document{}).Evaluate(call); got != Implicit {
		t.Errorf("no policy: got %v, want implicit", got)
	}
}

// Every document of the table is evaluated for every call of the table.
func TestMatchingDenyAlwaysWins(t *testing.T) {
	if testing.Short() {
		t.Skip("evaluates about 50,000 pairs of documents and calls")
	}
	table := readTable(t)
	var documents []Document
	for _, c := range table.Cases {
		for _, raw := range append([]json.RawMessage{c.Session, c.Boundary, c.Trust}, c.Identity...) {
			if raw != nil {
				documents = append(documents, table.document(t, raw))
			}
		}
	}
	verdicts := map[Verdict]int{}
	for _, c := range table.Cases {
		for _, d := range documents {
			verdicts[checkRules(t, d, c.Call, c.Principal)]++
		}
	}
	for _, v := range []Verdict{Implicit, Allowed, Denied} {
		if verdicts[v] < 1000 {
			t.Errorf("only %d verdicts are %v: the table has too few such cases", verdicts[v], v)
		}
	}
}

// checkRules checks that evaluation keeps the rules of IAM: a matching deny wins,
// Allowed needs a matching allow, the order of statements does not matter, and no
// other policy can undo a deny.
func checkRules(t *testing.T, d Document, c Call, by Principal) Verdict {
	t.Helper()
	evaluate := func(d Document) Verdict {
		if d.trust {
			return d.EvaluateTrust(c, by)
		}
		return d.Evaluate(c)
	}
	want := Implicit
	for _, s := range d.statements {
		context, err := c.read()
		switch applies := !d.trust || s.trusts(by); {
		case err != nil, applies && s.matches(c, context) && s.deny:
			want = Denied
		case applies && s.matches(c, context):
			want = max(want, Allowed)
		}
	}
	got := evaluate(d)
	if got != want {
		t.Errorf("%v: got %v, but the statements say %v", c, got, want)
	}
	reversed := Document{trust: d.trust, statements: slices.Clone(d.statements)}
	slices.Reverse(reversed.statements)
	if again := evaluate(reversed); again != got {
		t.Errorf("%v: got %v, but %v with the statements in reverse order", c, got, again)
	}
	for _, p := range []Permissions{
		{Identity: []Document{d, allowEverything}},
		{Identity: []Document{allowEverything, d}, Limits: []Document{allowEverything}},
		{Identity: []Document{allowEverything}, Limits: []Document{allowEverything, d}},
	} {
		if !d.trust && got == Denied && p.Evaluate(c) != Denied {
			t.Errorf("%v: one policy denies it, but all together say %v", c, p.Evaluate(c))
		}
	}
	return got
}
