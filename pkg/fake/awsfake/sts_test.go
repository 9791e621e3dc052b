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

func TestAssumeRoleGivesWhatWasAskedFor(t *testing.T) {
	w := newWorld(t)
	w.policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	out, err := w.sts(w.function).AssumeRole(t.Context(), w.whole(readOnly))
	if err != nil {
		t.Fatal(err)
	}
	c := keysOf(out)
	id, err := w.sts(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	// The path is not in the session's ARN (docs/facts.md#a3).
	const arn = "arn:aws:sts::111111111111:assumed-role/ReadOnly/aws-access-01K"
	if *id.Arn != arn || *out.AssumedRoleUser.Arn != arn || *id.Account != payments {
		t.Errorf("got %s and %s in %s, want %s", *id.Arn, *out.AssumedRoleUser.Arn, *id.Account, arn)
	}
	if !strings.HasPrefix(*id.UserId, "AROA") || len(*id.UserId) != 21+len(":aws-access-01K") || *id.UserId != *out.AssumedRoleUser.AssumedRoleId {
		t.Errorf("user id %s and %s, want AROA…:aws-access-01K", *id.UserId, *out.AssumedRoleUser.AssumedRoleId)
	}
	if !strings.HasPrefix(c.AccessKeyID, "ASIA") || len(c.AccessKeyID) != 20 || len(c.SecretKey.Reveal()) != 40 || !c.Expires.Equal(w.now.Add(time.Hour)) {
		t.Errorf("key %s of %d letters, expires %s", c.AccessKeyID, len(c.SecretKey.Reveal()), c.Expires)
	}
	want := []Session{{
		AccessKeyID: c.AccessKeyID, Account: payments, Role: "ReadOnly", SessionName: "aws-access-01K", SourceIdentity: "dev1@example.com",
		Tags: map[string]string{"GrantId": "01K"}, Policy: w.policy, Issued: w.now, Expires: w.now.Add(time.Hour),
	}}
	if diff := cmp.Diff(want, w.Sessions()); diff != "" {
		t.Errorf("sessions (-want +got):\n%s", diff)
	}
	shown, err := json.Marshal(w.Sessions())
	if err != nil || strings.Contains(string(shown), c.SecretKey.Reveal()) || strings.Contains(string(shown), c.SessionToken.Reveal()) {
		t.Errorf("what is shown holds a secret, or: %v", err)
	}
}

func TestTokensAreAsLongAsIsWanted(t *testing.T) {
	for _, c := range []struct{ option, asked, want int }{{0, 0, 1024}, {4096, 0, 4096}, {9000, 0, 4096}, {64, 2000, 2000}} {
		w := newWorld(t, func(o *Options) { o.TokenBytes = c.option })
		in := w.whole(readOnly)
		if c.asked > 0 {
			in.MinimumSessionTokenSize = aws.Int32(int32(c.asked))
		}
		out, err := w.sts(w.function).AssumeRole(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(*out.Credentials.SessionToken); got != c.want || int(*out.SessionTokenSize) != c.want {
			t.Errorf("option %d, asked %d: got %d bytes, want %d", c.option, c.asked, got, c.want)
		}
		if _, err := w.sts(keysOf(out)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Errorf("a token of %d bytes: %v", c.want, err)
		}
	}
}

// trustWith is the default trust with something taken out or changed.
func trustWith(old, now string) string {
	return strings.Replace(DefaultTrust(vendRole, external, org), old, now, 1)
}

func TestAssumeRoleRefusesWhatSTSRefuses(t *testing.T) {
	longPolicy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}` + strings.Repeat(" ", 2048)
	vend := func(statements string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			w.function = mustKeys(t, w, `{"Version":"2012-10-17","Statement":[`+statements+`]}`)
		}
	}
	role := func(r Role) func(*testing.T, *world) {
		return func(t *testing.T, w *world) { w.put(t, r) }
	}
	china := func(t *testing.T, w *world) {
		w.put(t, Role{Name: "China", Partition: "aws-cn"})
		w.function = mustKeys(t, w, allowAll)
	}
	const assumeOnly = `{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}`
	for name, c := range map[string]struct {
		source string
		before func(*testing.T, *world)
		change func(*sts.AssumeRoleInput)
		code   string
		says   string
	}{
		"nothing is wrong": {"docs/facts.md#a2", nil, nil, "", ""},

		// Trust, permission and absence (docs/facts.md#a2, A3, A6).
		"no such role":                    {"docs/facts.md#a3", func(_ *testing.T, w *world) { w.RemoveRole(payments, "Admin") }, nil, "AccessDenied", "sts:AssumeRole on resource: " + admin},
		"another letter case":             {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(strings.ToLower(admin)) }, "AccessDenied", "sts:AssumeRole"},
		"without the path":                {"docs/facts.md#0.20", nil, func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::111111111111:role/Admin") }, "AccessDenied", "sts:AssumeRole"},
		"a path that vend may not assume": {"docs/facts.md#g", role(Role{Name: "Deep", Path: "/other/"}), func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::111111111111:role/other/Deep") }, "AccessDenied", "sts:AssumeRole"},
		"a role of another partition": {"docs/facts.md#b2", china, func(in *sts.AssumeRoleInput) {
			in.RoleArn = aws.String("arn:aws-cn:iam::111111111111:role/aws-access/China")
		}, "AccessDenied", "sts:AssumeRole"},
		"the caller may not":      {"docs/facts.md#a2", vend(`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`), nil, "AccessDenied", "sts:AssumeRole on resource: " + admin},
		"the caller may not tag":  {"docs/facts.md#0.6", vend(assumeOnly), nil, "AccessDenied", "sts:TagSession"},
		"the caller may not name": {"docs/facts.md#0.6", vend(`{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"*"}`), nil, "AccessDenied", "sts:SetSourceIdentity"},
		"trust does not let tag":  {"docs/facts.md#0.6", role(Role{Name: "Admin", Trust: trustWith(`"sts:TagSession"`, `"sts:AssumeRoot"`)}), nil, "AccessDenied", "sts:TagSession"},
		"trust does not let name": {"docs/facts.md#0.6", role(Role{Name: "Admin", Trust: trustWith(`"sts:SetSourceIdentity"`, `"sts:AssumeRoot"`)}), nil, "AccessDenied", "sts:SetSourceIdentity"},
		"trusts another role":     {"docs/design.md#4.3.6", role(Role{Name: "Admin", Trust: DefaultTrust(vendRole+"2", external, org)}), nil, "AccessDenied", "sts:AssumeRole on resource: " + admin},
		"trusts another account":  {"docs/design.md#4.3.6", role(Role{Name: "Admin", Trust: trustWith(bastion+":root", payments+":root")}), nil, "AccessDenied", "sts:AssumeRole"},
		"another external id":     {"docs/facts.md#a6", nil, func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("external-4712") }, "AccessDenied", "sts:AssumeRole on resource: " + admin},
		"no external id":          {"docs/facts.md#a6", nil, func(in *sts.AssumeRoleInput) { in.ExternalId = nil }, "AccessDenied", "sts:AssumeRole"},
		"another organisation":    {"docs/facts.md#a6", role(Role{Name: "Admin", Trust: DefaultTrust(vendRole, external, "o-other")}), nil, "AccessDenied", "sts:AssumeRole"},
		"no source identity":      {"docs/facts.md#a3", nil, func(in *sts.AssumeRoleInput) { in.SourceIdentity = nil }, "AccessDenied", "sts:AssumeRole"},
		"no tag":                  {"docs/facts.md#a7", nil, func(in *sts.AssumeRoleInput) { in.Tags = nil }, "AccessDenied", "sts:AssumeRole"},
		"another tag":             {"docs/facts.md#a7", nil, func(in *sts.AssumeRoleInput) { in.Tags = tagged("Grant", "01K") }, "AccessDenied", "sts:AssumeRole"},
		"an empty tag":            {"docs/facts.md#a7", nil, func(in *sts.AssumeRoleInput) { in.Tags = tagged("GrantId", "") }, "AccessDenied", "sts:AssumeRole"},
		"another session name":    {"docs/facts.md#a6", nil, func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("joe") }, "AccessDenied", "sts:AssumeRole"},

		// Durations, in the order of docs/facts.md#a3.
		"899 s":                       {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(899) }, "ValidationError", "between 900 and 43200"},
		"900 s":                       {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(900) }, "", ""},
		"43201 s":                     {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(43201) }, "ValidationError", "between 900 and 43200"},
		"3601 s of an hour":           {"docs/facts.md#a3", nil, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3601) }, "ValidationError", "exceeds the MaxSessionDuration set for this role"},
		"3601 s of 12 hours":          {"docs/facts.md#a3", role(Role{Name: "Admin", MaxSession: 12 * time.Hour}), func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3601) }, "ValidationError", "exceeds the 1 hour session limit for roles assumed by role chaining"},
		"3600 s of 12 hours":          {"docs/facts.md#a3", role(Role{Name: "Admin", MaxSession: 12 * time.Hour}), nil, "", ""},
		"too long where nobody may":   {"docs/facts.md#a3", vend(`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`), func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7200) }, "AccessDenied", ""},
		"too short where nobody may":  {"docs/facts.md#a3", vend(`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`), func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(1) }, "ValidationError", ""},
		"a session name with a slash": {"docs/facts.md#0.7", nil, func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("aws-access-/x") }, "ValidationError", "roleSessionName"},
		"a session name with a space": {"docs/facts.md#0.7", nil, func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("aws-access- x") }, "ValidationError", "roleSessionName"},
		"a session name of 65": {"docs/facts.md#0.7", nil, func(in *sts.AssumeRoleInput) {
			in.RoleSessionName = aws.String("aws-access-" + strings.Repeat("x", 54))
		}, "ValidationError", "less than or equal to 64"},
		"a session name of 64": {"docs/facts.md#0.7", nil, func(in *sts.AssumeRoleInput) {
			in.RoleSessionName = aws.String("aws-access-" + strings.Repeat("x", 53))
		}, "", ""},
		"a session name of 1":            {"docs/facts.md#0.7", nil, func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("x") }, "ValidationError", "greater than or equal to 2"},
		"a source identity with a colon": {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("aws:joe") }, "ValidationError", "sourceIdentity"},
		"a source identity of 65":        {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String(strings.Repeat("x", 65)) }, "ValidationError", "sourceIdentity"},
		"an apostrophe in the identity":  {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("o'neil@example.com") }, "ValidationError", "sourceIdentity"},
		"an external id of 1":            {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("x") }, "ValidationError", "externalId"},
		"an external id of 1,225":        {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String(strings.Repeat("x", 1225)) }, "ValidationError", "externalId"},
		"an external id with a space":    {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("x y") }, "ValidationError", "externalId"},
		"no ARN of a role":               {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("aws-access-Admin-in-payments") }, "ValidationError", "is invalid"},
		"a tag key of 129":               {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.Tags = append(in.Tags, tagged(strings.Repeat("x", 129), "y")...) }, "ValidationError", "tags.2.member.key"},
		"a tag value of 257":             {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.Tags = append(in.Tags, tagged("x", strings.Repeat("y", 257))...) }, "ValidationError", "tags.2.member.value"},
		"a tag value of 256":             {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.Tags = append(in.Tags, tagged("x", strings.Repeat("y", 256))...) }, "", ""},
		"a tag value with a comma":       {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.Tags = append(in.Tags, tagged("x", "a,b")...) }, "ValidationError", "tags.2.member.value"},
		"a tag of AWS":                   {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.Tags = append(in.Tags, tagged("AWS:x", "y")...) }, "ValidationError", "tags.2.member.key"},
		"a tag twice":                    {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.Tags = append(in.Tags, tagged("GRANTID", "02K")...) }, "ValidationError", "case insensitive"},
		"51 tags":                        {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.Tags = manyTags(51) }, "ValidationError", "less than or equal to 50"},
		"50 tags":                        {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.Tags = manyTags(50) }, "", ""},
		"a transitive key without a tag": {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.TransitiveTagKeys = []string{"Other"} }, "ValidationError", "transitive"},
		"a policy of 2,049":              {"docs/facts.md#0.8", nil, func(in *sts.AssumeRoleInput) { in.Policy = aws.String(longPolicy[:2049]) }, "ValidationError", "policy"},
		"a policy of 2,048":              {"docs/facts.md#0.8", nil, func(in *sts.AssumeRoleInput) { in.Policy = aws.String(longPolicy[:2048]) }, "", ""},
		"a policy with an arrow":         {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) { in.Policy = aws.String(`{"Id":"→"}`) }, "ValidationError", "policy"},
		"a policy that is none":          {"docs/facts.md#a5", nil, func(in *sts.AssumeRoleInput) { in.Policy = aws.String(`{"Statement":[]}`) }, "MalformedPolicyDocument", ""},
		"a policy with a principal":      {"docs/facts.md#a5", nil, func(in *sts.AssumeRoleInput) { in.Policy = aws.String(DefaultTrust(vendRole, external, org)) }, "MalformedPolicyDocument", ""},
		"managed policies": {"not played", nil, func(in *sts.AssumeRoleInput) {
			in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}}
		}, "ValidationError", "not play"},
		"a multi-factor code": {"docs/facts.md#a1", nil, func(in *sts.AssumeRoleInput) {
			in.SerialNumber, in.TokenCode = aws.String("GAHT12345678"), aws.String("123456")
		}, "ValidationError", "not play"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.before != nil {
				c.before(t, w)
			}
			in := w.whole(admin)
			if c.change != nil {
				c.change(in)
			}
			_, err := w.sts(w.function).AssumeRole(t.Context(), in)
			if got := code(t, err); got != c.code || !strings.Contains(message(err), c.says) {
				t.Errorf("got %q %q, want %q %q (%s)", got, message(err), c.code, c.says, c.source)
			}
			if n := len(w.Sessions()); (n == 1) != (c.code == "") {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

// mustKeys are keys of the vend function's role with other permissions.
func mustKeys(t *testing.T, w *world, permissions string) access.Credentials {
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

// docs/facts.md#a3: nobody learns from the answer whether the role exists.
func TestThreeCausesHaveOneAnswer(t *testing.T) {
	answers := map[string]string{}
	for name, before := range map[string]func(*testing.T, *world){
		"no such role": func(_ *testing.T, w *world) { w.RemoveRole(payments, "Admin") },
		"trust refuses": func(t *testing.T, w *world) {
			w.put(t, Role{Name: "Admin", Trust: DefaultTrust(vendRole, "other-id", org)})
		},
		"the caller may not": func(t *testing.T, w *world) {
			w.function = mustKeys(t, w, `{"Statement":[{"Effect":"Deny","Action":"sts:*","Resource":"*"}]}`)
		},
	} {
		w := newWorld(t)
		before(t, w)
		_, err := w.sts(w.function).AssumeRole(t.Context(), w.whole(admin))
		answers[code(t, err)+" "+message(err)] = name
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
}

// docs/facts.md#a3: what follows a session to the next role, and what does not.
func TestChainingInheritsIdentityAndTransitiveTags(t *testing.T) {
	next := "arn:aws:iam::111111111111:role/next"
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["sts:AssumeRole"%s]}]}`
	for name, c := range map[string]struct {
		also   string
		change func(*sts.AssumeRoleInput)
		code   string
	}{
		"trust lets identity and tags in":  {`,"sts:SetSourceIdentity","sts:TagSession"`, nil, ""},
		"trust lacks the identity":         {`,"sts:TagSession"`, nil, "AccessDenied"},
		"trust lacks the inherited tag":    {`,"sts:SetSourceIdentity"`, nil, "AccessDenied"},
		"the same identity again":          {`,"sts:SetSourceIdentity","sts:TagSession"`, func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("dev1@example.com") }, ""},
		"another identity":                 {`,"sts:SetSourceIdentity","sts:TagSession"`, func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("joe") }, "ValidationError"},
		"an inherited tag again":           {`,"sts:SetSourceIdentity","sts:TagSession"`, func(in *sts.AssumeRoleInput) { in.Tags = tagged("grantid", "02K") }, "InvalidParameterValue"},
		"more than an hour is not allowed": {`,"sts:SetSourceIdentity","sts:TagSession"`, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3601) }, "ValidationError"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(t, Role{Name: "next", Path: "/", Trust: strings.Replace(trust, "%s", c.also, 1), MaxSession: 2 * time.Hour})
			first := w.whole(admin)
			first.TransitiveTagKeys = []string{"GrantId"}
			out, err := w.sts(w.function).AssumeRole(t.Context(), first)
			if err != nil {
				t.Fatal(err)
			}
			in := &sts.AssumeRoleInput{RoleArn: aws.String(next), RoleSessionName: aws.String("further")}
			if c.change != nil {
				c.change(in)
			}
			_, err = w.sts(keysOf(out)).AssumeRole(t.Context(), in)
			if got := code(t, err); got != c.code {
				t.Fatalf("got %q %q, want %q", got, message(err), c.code)
			}
			if sessions := w.Sessions(); err == nil && (sessions[1].SourceIdentity != "dev1@example.com" || sessions[1].Tags["GrantId"] != "01K" || sessions[1].SessionName != "further") {
				t.Errorf("the next session is %+v", sessions[1])
			}
		})
	}
}

// docs/facts.md#a1: what the credentials of a role cannot call; what is not known.
func TestOtherOperationsOfSTSAreRefused(t *testing.T) {
	w := newWorld(t)
	c := w.sts(w.session(t, admin))
	_, session := c.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	_, federation := c.GetFederationToken(t.Context(), &sts.GetFederationTokenInput{Name: aws.String("joe")})
	_, root := c.AssumeRoot(t.Context(), &sts.AssumeRootInput{TargetPrincipal: aws.String(payments), TaskPolicyArn: &types.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials")}})
	_, web := c.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String(admin), RoleSessionName: aws.String("joe"), WebIdentityToken: aws.String("abcd")})
	for name, got := range map[string]string{
		"GetSessionToken AccessDenied":                         code(t, session),
		"GetFederationToken AccessDenied":                      code(t, federation),
		"AssumeRoot NotImplemented":                            code(t, root), // allowed to Admin, and not played
		"AssumeRoleWithWebIdentity MissingAuthenticationToken": code(t, web),
	} {
		if !strings.HasSuffix(name, " "+got) {
			t.Errorf("%s: got %q", name, got)
		}
	}
	_, text := w.send(t, raw{service: "sts", method: "POST", path: "/aws", body: "Action=MakeRoot&Version=2011-06-15"}, w.function, nil)
	if codeIn(text) != "InvalidAction" {
		t.Errorf("an unknown operation: got %s", text)
	}
}

func TestPoliciesThatCannotBeReadStandNowhere(t *testing.T) {
	w := newWorld(t)
	good := DefaultTrust(vendRole, external, org)
	everything := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	for name, c := range map[string]struct {
		account string
		role    Role
		says    string
	}{
		"no trust":               {payments, Role{Name: "X"}, "trust"},
		"a trust that is none":   {payments, Role{Name: "X", Trust: everything}, "trust"},
		"an odd permission":      {payments, Role{Name: "X", Trust: good, Permissions: []string{"{}"}}, "permissions"},
		"an odd inline policy":   {payments, Role{Name: "X", Trust: good, Inline: map[string]string{"cut": "{}"}}, "inline policy cut"},
		"an odd boundary":        {payments, Role{Name: "X", Trust: good, Boundary: "{}"}, "boundary"},
		"half an hour":           {payments, Role{Name: "X", Trust: good, MaxSession: time.Minute}, "between 1 and 12 hours"},
		"thirteen hours":         {payments, Role{Name: "X", Trust: good, MaxSession: 13 * time.Hour}, "between 1 and 12 hours"},
		"no account":             {"1", Role{Name: "X", Trust: good}, "account"},
		"a name with a wildcard": {payments, Role{Name: "X*", Trust: good}, "ARN"},
	} {
		if err := w.PutRole(c.account, c.role); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want something about %q", name, err, c.says)
		}
	}
	if _, err := w.FunctionCredentials("arn:aws:iam::999999999999:user/x"); err == nil {
		t.Error("a user passes for a function's role")
	}
}

// Whatever a form holds, reading it ends, and what is accepted is within the
// limits.
func FuzzReadAssumption(f *testing.F) {
	f.Add("Action=AssumeRole&RoleArn=arn:aws:iam::111111111111:role/x&RoleSessionName=xy&Tags.member.1.Key=a&Tags.member.1.Value=b&DurationSeconds=900")
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
		if !isARN(a.role) || len(a.session) < 2 || len(a.session) > 64 || a.seconds < 900 || a.seconds > 43200 || len(a.tags) > 50 || len(a.policy) > 2*2048 || (a.policy != "") != (len(a.limits) == 1) {
			t.Errorf("accepted %+v", a)
		}
	})
}
