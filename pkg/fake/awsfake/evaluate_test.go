package awsfake

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// evaluateCase is one row of testdata/evaluate/cases.json, which
// simulate/compare.mjs holds iam-simulate to as well. Policies are written out,
// or named and found in "policies".
type evaluateCase struct {
	Name, Source, Want string
	Identity           []json.RawMessage
	Session, Boundary  json.RawMessage
	Trust              json.RawMessage
	Principal          Principal
	Call               Call
	NotCompared        string   `json:"not_compared"`
	Dropped            []string // keys that iam-simulate does not give to the action
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

// document parses a policy of a case.
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

func (table evaluateTable) judge(t testing.TB, c evaluateCase) Verdict {
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

func TestEveryCaseOfTheTableIsJudgedAsIAMWould(t *testing.T) {
	table := readTable(t)
	for _, c := range table.Cases {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Call.Check(); err != nil {
				t.Fatal(err)
			}
			if got := table.judge(t, c).String(); got != c.Want {
				t.Errorf("got %s, want %s (%s)", got, c.Want, c.Source)
			}
		})
	}
}

// statementWith is a policy of one allow, with one element put in or replaced.
func statementWith(element string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*",` + element + `}}`
}

func conditionOf(condition string) string {
	return statementWith(`"Resource":"*","Condition":` + condition)
}

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	tests := []struct{ name, policy, want string }{
		{"not JSON", `{`, "not JSON"},
		{"not UTF-8", "{\"Id\":\"\xff\"}", "not JSON"},
		{"no object", `"Allow"`, "not an object"},
		{"nothing", `{}`, "an empty object"},
		{"two documents", `{"Id":"a"}{"Id":"b"}`, "not JSON"},
		{"a version that is none", `{"Version":"2012-10-18"}`, "not a version"},
		{"a version as number", `{"Version":2012}`, "not a version"},
		{"no statement", `{"Version":"2012-10-17"}`, "Statement: missing"},
		{"no statement in the list", `{"Version":"2012-10-17","Statement":[]}`, "Statement: an empty list"},
		{"an element of the policy", `{"Version":"2012-10-17","Statements":[]}`, "not an element of a policy"},
		{"an element in another letter case", `{"version":"2012-10-17"}`, "not an element of a policy"},
		{"an element twice", `{"Version":"2012-10-17","Version":"2008-10-17"}`, "given twice"},
		{"an element of the statement", statementWith(`"Resource":"*","Conditions":{}`), "Conditions: not an element"},
		{"NotPrincipal", statementWith(`"NotPrincipal":{"AWS":"*"}`), "NotPrincipal: not an element"},
		{"an effect that is none", `{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}`, "neither Allow nor Deny"},
		{"no effect", `{"Statement":{"Action":"*","Resource":"*"}}`, "no Effect"},
		{"no action", `{"Statement":{"Effect":"Allow","Resource":"*"}}`, "one of Action and NotAction"},
		{"Action and NotAction", statementWith(`"NotAction":"iam:*","Resource":"*"`), "one of Action and NotAction"},
		{"an action without service", statementWith(`"Resource":"*","NotAction":"GetObject"`), "not an action"},
		{"a wildcard for services", statementWith(`"Resource":"*","NotAction":"s*:Get*"`), "not an action"},
		{"no resource", statementWith(`"Sid":"A"`), "one of Resource and NotResource"},
		{"a resource that is no ARN", statementWith(`"Resource":"payments"`), "six parts"},
		{"a short ARN", statementWith(`"Resource":"arn:aws:s3*"`), "six parts"},
		{"an ARN without service", statementWith(`"Resource":"arn:aws::::x"`), "not an ARN"},
		{"a list in a list", statementWith(`"Resource":[["*"]]`), "not a text"},
		{"no resource in the list", statementWith(`"Resource":[]`), "an empty list"},
		{"a variable for an account", statementWith(`"Resource":"arn:aws:iam::${aws:PrincipalAccount}:role/x"`), "before its fifth colon"},
		{"a variable in NotResource", statementWith(`"NotResource":"arn:aws:s3:::home/${aws:userid}"`), "NotResource"},
		{"a variable that is not known", statementWith(`"Resource":"arn:aws:s3:::${aws:user}"`), `"aws:user" is not known`},
		{"a variable that is not closed", statementWith(`"Resource":"arn:aws:s3:::${aws:userid"`), "closing brace"},
		{"a variable with a space", statementWith(`"Resource":"arn:aws:s3:::${aws:PrincipalTag/my team}"`), "cannot be read"},
		{"an empty variable", statementWith(`"Resource":"arn:aws:s3:::${}"`), "cannot be read"},
		{"a variable of many values", statementWith(`"Resource":"arn:aws:s3:::${aws:TagKeys}"`), "no single text"},
		{"a variable of a date", conditionOf(`{"StringEquals":{"aws:userid":"${aws:CurrentTime}"}}`), "no single text"},
		{"a variable for a date", conditionOf(`{"DateLessThan":{"aws:CurrentTime":"${aws:TokenIssueTime}"}}`), "neither a date"},
		{"a Sid with a space", statementWith(`"Resource":"*","Sid":"a b"`), "letters and digits"},
		{"a Sid twice", `{"Statement":[{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"}]}`, "is not the only one"},
		{"principals and resources", statementWith(`"Principal":"*","Resource":"*"`), "a trust policy has no resources"},
		{"some with principals, some with resources", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*"},{"Effect":"Deny","Action":"*","Resource":"*"}]}`, "statement 2: some"},
		{"a pattern of principals", statementWith(`"Principal":{"AWS":"arn:aws:iam::111111111111:role/vend-*"}`), "no principal"},
		{"the id of a deleted role", statementWith(`"Principal":{"AWS":"AROAVEND"}`), "no principal"},
		{"a federated principal", statementWith(`"Principal":{"Federated":"accounts.google.com"}`), "no principal"},
		{"a service that is none", statementWith(`"Principal":{"Service":"*"}`), "no principal"},
		{"an operator that is not known", conditionOf(`{"StringEqual":{"aws:userid":"a"}}`), `operator "StringEqual" is not known`},
		{"an operator in another letter case", conditionOf(`{"stringEquals":{"aws:userid":"a"}}`), "is not known"},
		{"BinaryEquals", conditionOf(`{"BinaryEquals":{"aws:userid":"QQ=="}}`), "is not known"},
		{"a quantifier that is not known", conditionOf(`{"ForNoValue:StringEquals":{"aws:TagKeys":"a"}}`), "is not known"},
		{"IfExists of a set", conditionOf(`{"ForAnyValue:StringEqualsIfExists":{"aws:TagKeys":"a"}}`), "of a set"},
		{"IfExists of Null", conditionOf(`{"NullIfExists":{"aws:userid":"true"}}`), "is not known"},
		{"Null of a set", conditionOf(`{"ForAllValues:Null":{"aws:TagKeys":"true"}}`), "is not known"},
		{"Null of both", conditionOf(`{"Null":{"aws:userid":["true","false"]}}`), "at once"},
		{"Null of neither", conditionOf(`{"Null":{"aws:userid":"yes"}}`), "neither true nor false"},
		{"Bool of both", conditionOf(`{"Bool":{"aws:SecureTransport":["true","false"]}}`), "at once"},
		{"a key that is not known", conditionOf(`{"StringEquals":{"aws:RoleSessionName":"a"}}`), `"aws:RoleSessionName" is not known`},
		{"a tag without name", conditionOf(`{"StringEquals":{"aws:RequestTag/":"a"}}`), "is not known"},
		{"a key twice in two letter cases", conditionOf(`{"StringEquals":{"aws:userid":"a","AWS:UserId":"b"}}`), "given twice"},
		{"many values compared as one", conditionOf(`{"StringEquals":{"aws:TagKeys":"a"}}`), "must say how many"},
		{"a text compared as ARN", conditionOf(`{"ArnLike":{"aws:userid":"arn:aws:iam::*:role/x"}}`), "does not compare values of this key"},
		{"a text compared as date", conditionOf(`{"DateLessThan":{"aws:userid":"2026-11-21"}}`), "does not compare values of this key"},
		{"a date compared as text", conditionOf(`{"StringLike":{"aws:CurrentTime":"2026*"}}`), "does not compare values of this key"},
		{"a pattern that is no ARN", conditionOf(`{"ArnLike":{"aws:PrincipalArn":"*"}}`), "six parts"},
		{"a date that is none", conditionOf(`{"DateLessThan":{"aws:CurrentTime":"21.11.2026"}}`), "neither a date"},
		{"a date without zone", conditionOf(`{"DateLessThan":{"aws:CurrentTime":"2026-11-21T14:00:00"}}`), "neither a date"},
		{"a year, which would be seconds", conditionOf(`{"DateLessThan":{"aws:CurrentTime":"2026"}}`), "neither a date"},
		{"milliseconds", conditionOf(`{"DateLessThan":{"aws:CurrentTime":"1795269600000"}}`), "neither a date"},
		{"a number that is none", conditionOf(`{"NumericLessThan":{"s3:max-keys":"0x10"}}`), "not a number"},
		{"a range that begins within", conditionOf(`{"IpAddress":{"aws:SourceIp":"203.0.113.7/24"}}`), "range of addresses"},
		{"no values", conditionOf(`{"StringEquals":{"aws:userid":[]}}`), "an empty list"},
		{"null", conditionOf(`{"StringEquals":{"aws:userid":null}}`), "not a text, number or boolean"},
		{"no keys", conditionOf(`{"StringEquals":{}}`), "an empty object"},
		{"no operators", conditionOf(`{}`), "an empty object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseDocument(tt.policy); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("parse %s: got error %v, want one with %q", tt.policy, err, tt.want)
			}
		})
	}
}

func TestACallThatCannotBeReadIsDenied(t *testing.T) {
	everything := Document{statements: []statement{{actions: actions{not: true}, resources: resources{all: true}}}}
	anybody := Document{trust: true, statements: []statement{{
		principals: []principal{{value: "*"}}, actions: actions{not: true}, resources: resources{all: true},
	}}}
	good := Call{Action: "s3:ListAllMyBuckets", Resource: "*"}
	by := Principal{Service: "lambda.amazonaws.com"}
	if one, two := everything.Evaluate(good), anybody.EvaluateTrust(good, by); one != Allowed || two != Allowed {
		t.Fatalf("a call that can be read: got %v and %v, want allowed", one, two)
	}
	tests := []struct {
		name string
		call Call
		want string
	}{
		{"no action", Call{Resource: "*"}, "not an action"},
		{"a pattern of actions", Call{Action: "s3:*", Resource: "*"}, "not an action"},
		{"no resource", Call{Action: "s3:GetObject"}, "not the ARN of a resource"},
		{"a key that is not known", Call{"s3:GetObject", "*", map[string][]string{"aws:UserIdentity": {"a"}}}, "is not known"},
		{"one key in two letter cases", Call{"s3:GetObject", "*", map[string][]string{"aws:userid": {"a"}, "aws:UserId": {"a"}}}, "given twice"},
		{"two values for one", Call{"s3:GetObject", "*", map[string][]string{"aws:userid": {"a", "b"}}}, "2 values"},
		{"a date that is none", Call{"s3:GetObject", "*", map[string][]string{"aws:CurrentTime": {"now"}}}, "neither a date"},
		{"an ARN that is none", Call{"s3:GetObject", "*", map[string][]string{"aws:PrincipalArn": {"vend"}}}, "not an ARN"},
		{"a boolean that is none", Call{"s3:GetObject", "*", map[string][]string{"aws:SecureTransport": {"yes"}}}, "neither true nor false"},
		{"a number that is none", Call{"s3:GetObject", "*", map[string][]string{"s3:max-keys": {"many"}}}, "not a number"},
		{"an address that is none", Call{"s3:GetObject", "*", map[string][]string{"aws:SourceIp": {"localhost"}}}, "localhost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.call.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("check: got %v, want an error with %q", err, tt.want)
			}
			if one, two := everything.Evaluate(tt.call), anybody.EvaluateTrust(tt.call, by); one != Denied || two != Denied {
				t.Errorf("got %v and %v, want denied", one, two)
			}
		})
	}
}

func TestAPolicyOfTheOtherSortDenies(t *testing.T) {
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

// Every document of the table is asked about every call of the table.
func TestWhatADenyMatchesIsNeverAllowed(t *testing.T) {
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
			verdicts[holdsRulesOfIAM(t, d, c.Call, c.Principal)]++
		}
	}
	for _, v := range []Verdict{Implicit, Allowed, Denied} {
		if verdicts[v] < 1000 {
			t.Errorf("%d verdicts are %v: the table shows too little", verdicts[v], v)
		}
	}
}

// holdsRulesOfIAM checks a verdict against its definition: a matching deny
// wins, an allow needs a matching allow, order does not matter, and neither
// does what other policies allow.
func holdsRulesOfIAM(t *testing.T, d Document, c Call, by Principal) Verdict {
	t.Helper()
	judge := func(d Document) Verdict {
		if d.trust {
			return d.EvaluateTrust(c, by)
		}
		return d.Evaluate(c)
	}
	want := Implicit
	for _, s := range d.statements {
		if context, err := c.read(); err != nil || (!d.trust || s.trusts(by)) && s.matches(c, context) {
			want = max(want, map[bool]Verdict{false: Allowed, true: Denied}[s.deny || err != nil])
		}
	}
	got := judge(d)
	if got != want {
		t.Errorf("%v: got %v, its statements say %v", c, got, want)
	}
	backwards := Document{trust: d.trust, statements: slices.Clone(d.statements)}
	slices.Reverse(backwards.statements)
	if again := judge(backwards); again != got {
		t.Errorf("%v: got %v, and %v with statements in the other order", c, got, again)
	}
	everything := Document{statements: []statement{{actions: actions{not: true}, resources: resources{all: true}}}}
	for _, p := range []Permissions{
		{Identity: []Document{d, everything}},
		{Identity: []Document{everything, d}, Limits: []Document{everything}},
		{Identity: []Document{everything}, Limits: []Document{everything, d}},
	} {
		if !d.trust && got == Denied && p.Evaluate(c) != Denied {
			t.Errorf("%v: denied by one policy, %v by all together", c, p.Evaluate(c))
		}
	}
	return got
}
