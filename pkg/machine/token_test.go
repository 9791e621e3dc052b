package machine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
)

const issuer = "https://token.actions.githubusercontent.com"

func tokenFor(claims string) []byte {
	return []byte(`{"iss":"` + issuer + `","aud":"` + audience + "#" + thumb + `","exp":1,"nbf":1,"iat":1,"jti":"x",` +
		`"sub":"s","repository_id":"456789","run_id":"9001","run_attempt":"1"` + claims + "}")
}

func TestClaimsOfATokenAreText(t *testing.T) {
	q := Question{Audience: audience, Key: thumb}
	got, err := q.Run(issuer, tokenFor(`,"environment":"production","build_number":5,"zero":0,"negative":-7,`+
		`"protected":true,"draft":false,"build_tag":null,"groups":["a"],"map":{"a":"b"},"float":1.0,"exponent":1e3,`+
		`"workflow":"a\nb","title":"`+strings.Repeat("x", access.MaxClaimBytes)+`","":"x"`))
	want := access.Machine{Run: &access.Run{Issuer: issuer, Claims: map[string]string{
		"sub": "s", "repository_id": "456789", "run_id": "9001", "run_attempt": "1", "environment": "production",
		"build_number": "5", "zero": "0", "negative": "-7", "protected": "true", "draft": "false",
	}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestATokenForSomethingElseIsRefused(t *testing.T) {
	sound := string(tokenFor(""))
	const aud = `"aud":"` + audience + "#" + thumb + `"`
	replaced := func(old, by string) string { return strings.Replace(sound, old, by, 1) }
	for what, c := range map[string]struct{ token, code string }{
		"sound":                   {sound, ""},
		"another issuer":          {replaced(issuer, issuer+"/octo"), "bad_token"},
		"no issuer":               {replaced(`"iss":"`+issuer+`",`, ""), "bad_token"},
		"another installation":    {replaced(audience, "https://evil.example.com/v1"), "bad_token"},
		"another key":             {replaced(thumb, strings.ToUpper(thumb)), "bad_token"},
		"no key":                  {replaced("#"+thumb, ""), "bad_token"},
		"a fixed audience":        {replaced(aud, `"aud":"sts.amazonaws.com"`), "bad_token"},
		"an audience in a list":   {replaced(aud, `"aud":["`+audience+"#"+thumb+`"]`), "bad_token"},
		"two audiences":           {replaced(aud, `"aud":["`+audience+"#"+thumb+`","x"]`), "bad_token"},
		"no audience":             {replaced(aud+",", ""), "bad_token"},
		"an audience twice":       {replaced(aud, `"aud":"x",`+aud), "bad_token"},
		"a claim twice":           {string(tokenFor(`,"repository_id":"1"`)), "bad_token"},
		"a claim twice, escaped":  {string(tokenFor(`,"repository\u005fid":"1"`)), "bad_token"},
		"something after it":      {sound + "{}", "bad_token"},
		"cut off":                 {sound[:len(sound)-1], "bad_token"},
		"a list":                  {"[" + sound + "]", "bad_token"},
		"nothing":                 {"", "bad_token"},
		"no run":                  {replaced(`,"run_id":"9001"`, ""), "unknown_run"},
		"a run that is a list":    {replaced(`"run_id":"9001"`, `"run_id":["9001"]`), "unknown_run"},
		"a run of hidden letters": {replaced(`"run_id":"9001"`, `"run_id":"9\u200b001"`), "unknown_run"},
		"no subject":              {replaced(`"sub":"s",`, ""), "unknown_run"},
		"many claims":             {string(tokenFor(manyClaims())), "unknown_run"},
	} {
		got, err := Question{Audience: audience, Key: thumb}.Run(issuer, []byte(c.token))
		if access.Code(err) != c.code || (err == nil) != (got.Run != nil) {
			t.Errorf("%s: got %+v, %v; want %q", what, got, err, c.code)
		}
	}
}

func manyClaims() string {
	text := ""
	for i := range access.MaxClaims {
		text += `,"claim` + strings.Repeat("x", i) + `":"x"`
	}
	return text
}

// FuzzRun holds that no bytes are read as a machine that is not whole, or that is for somebody else.
func FuzzRun(f *testing.F) {
	f.Add(tokenFor(""))
	f.Add(tokenFor(`,"a":[{}],"b":1e9`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		q := Question{Audience: audience, Key: thumb}
		m, err := q.Run(issuer, payload)
		if (err == nil) != (m.Check() == nil) {
			t.Errorf("%q: got %+v, %v", payload, m, err)
		}
	})
}
