package awsfake

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// A string that parses as a policy is JSON. Its meaning does not depend on white
// space, and it keeps the rules of IAM for the calls of the table.
func FuzzParseDocument(f *testing.F) {
	table := readTable(f)
	for _, p := range table.Policies {
		f.Add(string(p))
	}
	for _, c := range table.Cases {
		for _, p := range append([]json.RawMessage{c.Trust}, c.Identity...) {
			f.Add(string(p))
		}
	}
	f.Add(conditionOf(`{"ForAllValues:ArnNotLikeIfExists":
		{"aws:PrincipalArn":["arn:aws:iam::*:role/${aws:PrincipalTag/a, 'b'}",1,true]}}`))
	f.Fuzz(func(t *testing.T, source string) {
		d, err := ParseDocument(source)
		if err != nil {
			if len(d.statements) > 0 {
				t.Errorf("got a document together with an error: %v", err)
			}
			return
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(source)); err != nil {
			t.Fatalf("it parses as a policy, but is not JSON: %v", err)
		}
		again, err := ParseDocument(compact.String())
		if err != nil {
			t.Fatalf("it does not parse without white space: %v", err)
		}
		for _, c := range table.Cases[:50] {
			got := checkRules(t, d, c.Call, c.Principal)
			if want := checkRules(t, again, c.Call, c.Principal); got != want {
				t.Errorf("%v: got %v, but %v without white space", c.Call, got, want)
			}
		}
	})
}

// reference translates a pattern with wildcards into a regular expression.
func reference(pattern string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.ReplaceAll(quoted, `\*`, `(?s:.*)`)
	return regexp.MustCompile(`^` + strings.ReplaceAll(quoted, `\?`, `(?s:.)`) + `$`)
}

func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{"", ""}, {"*", ""}, {"?", ""}, {"a*b*c", "aXbXbc"}, {"*a*a*a*b", "aaaaaaaaaaaa"}, {"a?c", "a\nc"}, {"é?", "éé"},
		{"*:aws-access-01K", "AROA:aws-access-01K"}, {"**", "x"}, {"*?", "x"}, {"[a-z]*", "[a-z]"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, glob, text string) {
		if !utf8.ValidString(glob) || !utf8.ValidString(text) || len(glob) > 200 {
			return // policies and calls are always UTF-8
		}
		p, err := syntax{wildcards: true}.parse(glob)
		if err != nil {
			t.Fatalf("parse %q: %v", glob, err)
		}
		if got, want := p.matches(text, nil), reference(glob).MatchString(text); got != want {
			t.Errorf("%q and %q: got %v, want %v", glob, text, got, want)
		}
	})
}

// A person who chooses the value of a tag cannot add a wildcard, another variable
// or another part of an ARN to a policy.
func FuzzVariableMatchesOnlyItsValue(f *testing.F) {
	f.Add("blue", "blue")
	f.Add("*", "anything")
	f.Add("?", "a")
	f.Add("${aws:userid}", "AROA:x")
	f.Add("a:b", "a:b")
	f.Fuzz(func(t *testing.T, value, other string) {
		if value == "" || !utf8.ValidString(value) || !utf8.ValidString(other) {
			return
		}
		context := requestContext{"aws:principaltag/team": {value}, "aws:userid": {"AROA:x"}}
		all := syntax{wildcards: true, variables: true}
		p, err := all.parse("${aws:PrincipalTag/team}")
		if err != nil {
			t.Fatal(err)
		}
		if got := p.matches(other, context); got != (value == other) {
			t.Errorf("%q for a variable and %q: got %v", value, other, got)
		}
		a, err := all.parseARN("arn:aws:s3:::home/${aws:PrincipalTag/team}")
		if err != nil {
			t.Fatal(err)
		}
		if got := a.matches("arn:aws:s3:::home/"+other, context); got != (value == other) {
			t.Errorf("%q for a variable of an ARN and %q: got %v", value, other, got)
		}
	})
}
