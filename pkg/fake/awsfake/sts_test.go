package awsfake

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
)

func tagged(keyValues ...string) []types.Tag {
	var tags []types.Tag
	for i := 0; i < len(keyValues); i += 2 {
		tags = append(tags, types.Tag{Key: aws.String(keyValues[i]), Value: aws.String(keyValues[i+1])})
	}
	return tags
}

func TestAssumeRoleBeginsTheRequestedSession(t *testing.T) {
	w := newWorld(t)
	w.policy = allowAll
	out, err := w.sts(w.function).AssumeRole(t.Context(), w.validAssume(readOnly))
	if err != nil {
		t.Fatal(err)
	}
	c := keysOf(out)
	id, err := w.sts(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	// The session's ARN leaves out the path (docs/facts.md#a3).
	const arn = "arn:aws:sts::111111111111:assumed-role/ReadOnly/aws-access-01K"
	if *id.Arn != arn || *out.AssumedRoleUser.Arn != arn || *id.Account != payments {
		t.Errorf("got %s and %s in %s, want %s", *id.Arn, *out.AssumedRoleUser.Arn, *id.Account, arn)
	}
	if user := *id.UserId; !strings.HasPrefix(user, "AROA") || len(user) != 21+len(":aws-access-01K") ||
		user != *out.AssumedRoleUser.AssumedRoleId {
		t.Errorf("user id %s and %s, want AROA…:aws-access-01K", user, *out.AssumedRoleUser.AssumedRoleId)
	}
	if !strings.HasPrefix(c.AccessKeyID, "ASIA") || len(c.AccessKeyID) != 20 ||
		len(c.SecretKey.Reveal()) != 40 || !c.Expires.Equal(w.now.Add(time.Hour)) {
		t.Errorf("key id %s, secret of %d characters, expires %s",
			c.AccessKeyID, len(c.SecretKey.Reveal()), c.Expires)
	}
}

func TestSessionsListsWhatAssumeRoleBeganWithoutSecrets(t *testing.T) {
	w := newWorld(t)
	w.policy = allowAll
	c := w.session(t, readOnly)
	want := []Session{{
		AccessKeyID: c.AccessKeyID, Account: payments, Role: "ReadOnly",
		SessionName: "aws-access-01K", SourceIdentity: "dev1@example.com",
		Tags: map[string]string{"GrantId": "01K"}, Policy: w.policy, Issued: w.now, Expires: w.now.Add(time.Hour),
	}}
	if diff := cmp.Diff(want, w.Sessions()); diff != "" {
		t.Errorf("sessions (-want +got):\n%s", diff)
	}
	b, err := json.Marshal(w.Sessions())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), c.SecretKey.Reveal()) || strings.Contains(string(b), c.SessionToken.Reveal()) {
		t.Error("the list contains a secret")
	}
}

func TestSessionTokensHaveTheRequestedLength(t *testing.T) {
	for _, c := range []struct{ option, requested, want int }{
		{0, 0, 1024}, {4096, 0, 4096}, {9000, 0, 4096}, {64, 2000, 2000},
	} {
		w := newWorld(t, func(o *Options) { o.TokenBytes = c.option })
		in := w.validAssume(readOnly)
		if c.requested > 0 {
			in.MinimumSessionTokenSize = aws.Int32(int32(c.requested))
		}
		out, err := w.sts(w.function).AssumeRole(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(*out.Credentials.SessionToken); got != c.want || int(*out.SessionTokenSize) != c.want {
			t.Errorf("option %d, requested %d: got %d bytes, want %d", c.option, c.requested, got, c.want)
		}
		if _, err := w.sts(keysOf(out)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Errorf("a token of %d bytes: %v", c.want, err)
		}
	}
}

// assumeCase is one AssumeRole call, and the answer that STS gives to it.
type assumeCase struct {
	name, source  string
	before        func(*testing.T, *world) // changes the world
	change        func(*sts.AssumeRoleInput)
	code, message string // "" for a success; part of the message
}

func testAssumeRole(t *testing.T, cases []assumeCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.before != nil {
				c.before(t, w)
			}
			in := w.validAssume(admin)
			if c.change != nil {
				c.change(in)
			}
			_, err := w.sts(w.function).AssumeRole(t.Context(), in)
			if got := code(t, err); got != c.code || !strings.Contains(message(err), c.message) {
				t.Errorf("got %q %q, want %q %q (%s)", got, message(err), c.code, c.message, c.source)
			}
			if n := len(w.Sessions()); (n == 1) != (c.code == "") {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

// callerMay gives the vend function's role these statements instead of its own.
func callerMay(statements string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		w.function = w.functionKeys(t, `{"Version":"2012-10-17","Statement":[`+statements+`]}`)
	}
}

func putRole(r Role) func(*testing.T, *world) {
	return func(t *testing.T, w *world) { w.put(t, r) }
}

func removeAdmin(_ *testing.T, w *world) { w.RemoveRole(payments, "Admin") }

func putChineseRole(t *testing.T, w *world) {
	w.put(t, Role{Name: "China", Partition: "aws-cn"})
	w.function = w.functionKeys(t, allowAll)
}

// trustWith is the default trust policy with one part replaced.
func trustWith(old, replacement string) string {
	return strings.Replace(DefaultTrust(vendRole, external, org), old, replacement, 1)
}

func roleARN(arn string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.RoleArn = &arn }
}

func sessionName(name string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.RoleSessionName = &name }
}

func externalID(id string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.ExternalId = &id }
}

func sourceIdentity(id string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.SourceIdentity = &id }
}

func seconds(n int32) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.DurationSeconds = &n }
}

func sessionPolicy(policy string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.Policy = &policy }
}

func onlyTag(key, value string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.Tags = tagged(key, value) }
}

func extraTag(key, value string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.Tags = append(in.Tags, tagged(key, value)...) }
}

const (
	denied    = "AccessDenied"
	badValue  = "ValidationError"
	badPolicy = "MalformedPolicyDocument"

	onAdmin    = "sts:AssumeRole on resource: " + admin
	s3Only     = `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
	assumeOnly = `{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}`
	noIdentity = `{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"*"}`
)

var trustCases = []assumeCase{
	{"a call that is allowed", "docs/facts.md#a2", nil, nil, "", ""},
	{"no such role", "docs/facts.md#a3", removeAdmin, nil, denied, onAdmin},
	{"another letter case", "docs/facts.md#a1", nil, roleARN(strings.ToLower(admin)), denied, "sts:AssumeRole"},
	{"without the path", "docs/facts.md#0.20",
		nil, roleARN("arn:aws:iam::111111111111:role/Admin"), denied, "sts:AssumeRole"},
	{"a path that vend may not assume", "docs/facts.md#g",
		putRole(Role{Name: "Deep", Path: "/other/"}), roleARN("arn:aws:iam::111111111111:role/other/Deep"),
		denied, "sts:AssumeRole"},
	{"a role of another partition", "docs/facts.md#b2",
		putChineseRole, roleARN("arn:aws-cn:iam::111111111111:role/aws-access/China"), denied, "sts:AssumeRole"},
	{"a caller who may not assume roles", "docs/facts.md#a2", callerMay(s3Only), nil, denied, onAdmin},
	{"a caller who may not tag", "docs/facts.md#0.6", callerMay(assumeOnly), nil, denied, "sts:TagSession"},
	{"a caller who may not set a source identity", "docs/facts.md#0.6",
		callerMay(noIdentity), nil, denied, "sts:SetSourceIdentity"},
	{"a trust policy without tagging", "docs/facts.md#0.6",
		putRole(Role{Name: "Admin", Trust: trustWith(`"sts:TagSession"`, `"sts:AssumeRoot"`)}), nil,
		denied, "sts:TagSession"},
	{"a trust policy without source identities", "docs/facts.md#0.6",
		putRole(Role{Name: "Admin", Trust: trustWith(`"sts:SetSourceIdentity"`, `"sts:AssumeRoot"`)}), nil,
		denied, "sts:SetSourceIdentity"},
	{"a trust policy for another role", "docs/design.md#4.3.6",
		putRole(Role{Name: "Admin", Trust: DefaultTrust(vendRole+"2", external, org)}), nil, denied, onAdmin},
	{"a trust policy for another account", "docs/design.md#4.3.6",
		putRole(Role{Name: "Admin", Trust: trustWith(bastion+":root", payments+":root")}), nil,
		denied, "sts:AssumeRole"},
	{"another external id", "docs/facts.md#a6", nil, externalID("external-4712"), denied, onAdmin},
	{"no external id", "docs/facts.md#a6",
		nil, func(in *sts.AssumeRoleInput) { in.ExternalId = nil }, denied, "sts:AssumeRole"},
	{"another organisation", "docs/facts.md#a6",
		putRole(Role{Name: "Admin", Trust: DefaultTrust(vendRole, external, "o-other")}), nil,
		denied, "sts:AssumeRole"},
	{"no source identity", "docs/facts.md#a3",
		nil, func(in *sts.AssumeRoleInput) { in.SourceIdentity = nil }, denied, "sts:AssumeRole"},
	{"no tag", "docs/facts.md#a7", nil, func(in *sts.AssumeRoleInput) { in.Tags = nil }, denied, "sts:AssumeRole"},
	{"another tag", "docs/facts.md#a7", nil, onlyTag("Grant", "01K"), denied, "sts:AssumeRole"},
	{"an empty tag", "docs/facts.md#a7", nil, onlyTag("GrantId", ""), denied, "sts:AssumeRole"},
	{"another session name", "docs/facts.md#a6", nil, sessionName("joe"), denied, "sts:AssumeRole"},
}

func TestAssumeRoleChecksTrustAndPermissions(t *testing.T) { testAssumeRole(t, trustCases) }

var twelveHours = putRole(Role{Name: "Admin", MaxSession: 12 * time.Hour})

// The order of the checks is that of docs/facts.md#a3.
var durationCases = []assumeCase{
	{"899 s", "docs/facts.md#a1", nil, seconds(899), badValue, "between 900 and 43200"},
	{"900 s", "docs/facts.md#a1", nil, seconds(900), "", ""},
	{"43201 s", "docs/facts.md#a1", nil, seconds(43201), badValue, "between 900 and 43200"},
	{"3601 s for a role with one hour", "docs/facts.md#a3",
		nil, seconds(3601), badValue, "exceeds the MaxSessionDuration set for this role"},
	{"3601 s for a role with 12 hours", "docs/facts.md#a3", twelveHours, seconds(3601),
		badValue, "exceeds the 1 hour session limit for roles assumed by role chaining"},
	{"3600 s for a role with 12 hours", "docs/facts.md#a3", twelveHours, nil, "", ""},
	{"too long, by a caller without permission", "docs/facts.md#a3", callerMay(s3Only), seconds(7200), denied, ""},
	{"too short, by a caller without permission", "docs/facts.md#a3", callerMay(s3Only), seconds(1), badValue, ""},
}

func TestAssumeRoleChecksDurations(t *testing.T) { testAssumeRole(t, durationCases) }

var longPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}` +
	strings.Repeat(" ", 2048)

var parameterCases = []assumeCase{
	{"a session name with a slash", "docs/facts.md#0.7", nil, sessionName("aws-access-/x"), badValue, "roleSessionName"},
	{"a session name with a space", "docs/facts.md#0.7", nil, sessionName("aws-access- x"), badValue, "roleSessionName"},
	{"a session name of 65", "docs/facts.md#0.7",
		nil, sessionName("aws-access-" + strings.Repeat("x", 54)), badValue, "less than or equal to 64"},
	{"a session name of 64", "docs/facts.md#0.7", nil, sessionName("aws-access-" + strings.Repeat("x", 53)), "", ""},
	{"a session name of 1", "docs/facts.md#0.7", nil, sessionName("x"), badValue, "greater than or equal to 2"},
	{"a source identity with a colon", "docs/facts.md#a1", nil, sourceIdentity("aws:joe"), badValue, "sourceIdentity"},
	{"a source identity of 65", "docs/facts.md#a1",
		nil, sourceIdentity(strings.Repeat("x", 65)), badValue, "sourceIdentity"},
	{"a source identity with an apostrophe", "docs/facts.md#a1",
		nil, sourceIdentity("o'neil@example.com"), badValue, "sourceIdentity"},
	{"an external id of 1", "docs/facts.md#a1", nil, externalID("x"), badValue, "externalId"},
	{"an external id of 1,225", "docs/facts.md#a1", nil, externalID(strings.Repeat("x", 1225)), badValue, "externalId"},
	{"an external id with a space", "docs/facts.md#a1", nil, externalID("x y"), badValue, "externalId"},
	{"a role that is not an ARN", "docs/facts.md#a1",
		nil, roleARN("aws-access-Admin-in-payments"), badValue, "is invalid"},
	{"a tag key of 129", "docs/facts.md#a1", nil, extraTag(strings.Repeat("x", 129), "y"), badValue, "tags.2.member.key"},
	{"a tag value of 257", "docs/facts.md#a1",
		nil, extraTag("x", strings.Repeat("y", 257)), badValue, "tags.2.member.value"},
	{"a tag value of 256", "docs/facts.md#a1", nil, extraTag("x", strings.Repeat("y", 256)), "", ""},
	{"a tag value with a comma", "docs/facts.md#a1", nil, extraTag("x", "a,b"), badValue, "tags.2.member.value"},
	{"a tag with the prefix of AWS", "docs/facts.md#a1", nil, extraTag("AWS:x", "y"), badValue, "tags.2.member.key"},
	{"a tag twice", "docs/facts.md#a1", nil, extraTag("GRANTID", "02K"), badValue, "case insensitive"},
	{"51 tags", "docs/facts.md#a1",
		nil, func(in *sts.AssumeRoleInput) { in.Tags = manyTags(51) }, badValue, "less than or equal to 50"},
	{"50 tags", "docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.Tags = manyTags(50) }, "", ""},
	{"a transitive key without a tag", "docs/facts.md#a1",
		nil, func(in *sts.AssumeRoleInput) { in.TransitiveTagKeys = []string{"Other"} }, badValue, "transitive"},
	{"a policy of 2,049", "docs/facts.md#0.8", nil, sessionPolicy(longPolicy[:2049]), badValue, "policy"},
	{"a policy of 2,048", "docs/facts.md#0.8", nil, sessionPolicy(longPolicy[:2048]), "", ""},
	{"a policy with an arrow", "docs/facts.md#a1", nil, sessionPolicy(`{"Id":"→"}`), badValue, "policy"},
	{"a policy that is not a policy", "docs/facts.md#a5", nil, sessionPolicy(`{"Statement":[]}`), badPolicy, ""},
	{"a policy with a principal", "docs/facts.md#a5",
		nil, sessionPolicy(DefaultTrust(vendRole, external, org)), badPolicy, ""},
	{"managed policies", "not simulated", nil, func(in *sts.AssumeRoleInput) {
		in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}}
	}, badValue, "not simulate"},
	{"a multi-factor code", "docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) {
		in.SerialNumber, in.TokenCode = aws.String("GAHT12345678"), aws.String("123456")
	}, badValue, "not simulate"},
}

func TestAssumeRoleChecksParameters(t *testing.T) { testAssumeRole(t, parameterCases) }

// functionKeys are keys of the vend function's role with other permissions.
func (w *world) functionKeys(t *testing.T, permissions string) access.Credentials {
	t.Helper()
	c, err := w.FunctionCredentials(vendRole, permissions)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func manyTags(n int) []types.Tag {
	tags := tagged("GrantId", "01K")
	for i := 1; i < n; i++ {
		tags = append(tags, tagged("Key"+strings.Repeat("x", i), "y")...)
	}
	return tags
}

// docs/facts.md#a3: the answer does not tell whether the role exists.
func TestMissingRoleUntrustedCallerAndMissingPermissionGetTheSameAnswer(t *testing.T) {
	answers := map[string]string{}
	for name, before := range map[string]func(*testing.T, *world){
		"no such role": removeAdmin,
		"the trust policy refuses": func(t *testing.T, w *world) {
			w.put(t, Role{Name: "Admin", Trust: DefaultTrust(vendRole, "other-id", org)})
		},
		"the caller has no permission": func(t *testing.T, w *world) {
			w.function = w.functionKeys(t, `{"Statement":[{"Effect":"Deny","Action":"sts:*","Resource":"*"}]}`)
		},
	} {
		w := newWorld(t)
		before(t, w)
		_, err := w.sts(w.function).AssumeRole(t.Context(), w.validAssume(admin))
		answers[code(t, err)+" "+message(err)] = name
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
}

const (
	setIdentity = `,"sts:SetSourceIdentity"`
	tagSession  = `,"sts:TagSession"`
	setBoth     = setIdentity + tagSession

	// chainTrust trusts the whole account with sts:AssumeRole and the actions
	// that replace %s.
	chainTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["sts:AssumeRole"%s]}]}`
)

var chainingCases = []struct {
	name, trusted string
	change        func(*sts.AssumeRoleInput)
	code          string
}{
	{"trust with identity and tags", setBoth, nil, ""},
	{"trust without the identity", tagSession, nil, denied},
	{"trust without the inherited tag", setIdentity, nil, denied},
	{"the same identity again", setBoth, sourceIdentity("dev1@example.com"), ""},
	{"another identity", setBoth, sourceIdentity("joe"), badValue},
	{"an inherited tag again", setBoth, onlyTag("grantid", "02K"), "InvalidParameterValue"},
	{"more than an hour", setBoth, seconds(3601), badValue},
}

// docs/facts.md#a3
func TestChainedSessionInheritsIdentityAndTransitiveTags(t *testing.T) {
	for _, c := range chainingCases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			trust := strings.Replace(chainTrust, "%s", c.trusted, 1)
			w.put(t, Role{Name: "next", Path: "/", Trust: trust, MaxSession: 2 * time.Hour})
			first := w.validAssume(admin)
			first.TransitiveTagKeys = []string{"GrantId"}
			out, err := w.sts(w.function).AssumeRole(t.Context(), first)
			if err != nil {
				t.Fatal(err)
			}
			in := &sts.AssumeRoleInput{
				RoleArn: aws.String("arn:aws:iam::111111111111:role/next"), RoleSessionName: aws.String("second"),
			}
			if c.change != nil {
				c.change(in)
			}
			_, err = w.sts(keysOf(out)).AssumeRole(t.Context(), in)
			if got := code(t, err); got != c.code {
				t.Fatalf("got %q %q, want %q", got, message(err), c.code)
			}
			if err != nil {
				return
			}
			s := w.Sessions()[1]
			if s.SourceIdentity != "dev1@example.com" || s.Tags["GrantId"] != "01K" || s.SessionName != "second" {
				t.Errorf("the second session is %+v", s)
			}
		})
	}
}

// docs/facts.md#a1: operations that credentials of a role cannot call, and unknown
// operations.
func TestOtherOperationsOfSTSAreRefused(t *testing.T) {
	w := newWorld(t)
	c := w.sts(w.session(t, admin))
	_, session := c.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	_, federation := c.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("joe")})
	task := types.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials")}
	_, root := c.AssumeRoot(t.Context(), &sts.AssumeRootInput{TargetPrincipal: aws.String(payments), TaskPolicyArn: &task})
	_, web := c.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: aws.String(admin), RoleSessionName: aws.String("joe"), WebIdentityToken: aws.String("abcd"),
	})
	for name, got := range map[string]string{
		"GetSessionToken AccessDenied":                         code(t, session),
		"GetFederationToken AccessDenied":                      code(t, federation),
		"AssumeRoot NotImplemented":                            code(t, root), // Admin may call it
		"AssumeRoleWithWebIdentity MissingAuthenticationToken": code(t, web),
	} {
		if !strings.HasSuffix(name, " "+got) {
			t.Errorf("%s: got %q", name, got)
		}
	}
	unknown := raw{service: "sts", method: "POST", path: "/aws", body: "Action=MakeRoot&Version=2011-06-15"}
	_, text := w.send(t, unknown, w.function, nil)
	if codeIn(text) != "InvalidAction" {
		t.Errorf("an unknown operation: got %s", text)
	}
}

func TestPutRoleRefusesInvalidPolicies(t *testing.T) {
	w := newWorld(t)
	good := DefaultTrust(vendRole, external, org)
	for name, c := range map[string]struct {
		account string
		role    Role
		want    string
	}{
		"no trust policy":              {payments, Role{Name: "X"}, "trust"},
		"a trust without a principal":  {payments, Role{Name: "X", Trust: allowAll}, "trust"},
		"an invalid permission policy": {payments, Role{Name: "X", Trust: good, Permissions: []string{"{}"}}, "permissions"},
		"an invalid inline policy": {
			payments, Role{Name: "X", Trust: good, Inline: map[string]string{"cut": "{}"}}, "inline policy cut",
		},
		"an invalid boundary": {payments, Role{Name: "X", Trust: good, Boundary: "{}"}, "boundary"},
		"sessions of a minute": {
			payments, Role{Name: "X", Trust: good, MaxSession: time.Minute}, "between 1 and 12 hours",
		},
		"sessions of 13 hours": {
			payments, Role{Name: "X", Trust: good, MaxSession: 13 * time.Hour}, "between 1 and 12 hours",
		},
		"an invalid account":     {"1", Role{Name: "X", Trust: good}, "account"},
		"a name with a wildcard": {payments, Role{Name: "X*", Trust: good}, "ARN"},
	} {
		if err := w.PutRole(c.account, c.role); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
	if _, err := w.FunctionCredentials("arn:aws:iam::999999999999:user/x"); err == nil {
		t.Error("a user was accepted as a function's role")
	}
}

// Parsing any form ends, and accepted parameters are within the limits.
func FuzzReadAssumption(f *testing.F) {
	f.Add("Action=AssumeRole&RoleArn=arn:aws:iam::111111111111:role/x&RoleSessionName=xy" +
		"&Tags.member.1.Key=a&Tags.member.1.Value=b&DurationSeconds=900")
	f.Add("RoleArn=a&RoleArn=b&Tags.member.2.Key=a&DurationSeconds=-1&Policy=%7b%7d")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		a, refused := readAssumption(form)
		if refused != nil {
			return
		}
		if !isARN(a.role) || len(a.session) < 2 || len(a.session) > 64 ||
			a.seconds < 900 || a.seconds > 43200 || len(a.tags) > 50 ||
			len(a.policy) > 2*2048 || (a.policy != "") != (len(a.limits) == 1) {
			t.Errorf("accepted %+v", a)
		}
	})
}
