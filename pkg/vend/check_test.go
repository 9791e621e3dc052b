package vend

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

func (c *cloud) trials() Trials {
	return Trials{Assumer: c.assumer(), Now: func() time.Time { return c.now }, Interval: time.Microsecond}
}

// without is the default trust without some of its conditions.
func without(parts ...string) string {
	trust := awsfake.DefaultTrust(vendRole, external, "o-sandbox")
	for _, part := range parts {
		if !strings.Contains(trust, part) {
			panic(part + " is not in " + trust)
		}
		trust = strings.Replace(trust, part, "", 1)
	}
	return trust
}

const (
	requireExternalID = `,"sts:ExternalId":"` + external + `"`
	requireTag        = `"aws:RequestTag/GrantId":"?*",`
	requireIdentity   = `,"sts:SourceIdentity":"?*"`
	requireName       = `"sts:RoleSessionName":"aws-access-*",`
)

func TestATrialSaysWhatIsWrongWithARole(t *testing.T) {
	requireNothing := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
		`"Principal":{"AWS":"arn:aws:iam::999999999999:root"},` +
		`"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`
	requireOnlyID := strings.Replace(requireNothing, `"Action"`,
		`"Condition":{"StringEquals":{"sts:ExternalId":"`+external+`"}},"Action"`, 1)
	otherRole := "arn:aws:iam::999999999999:role/other"
	for name, c := range map[string]struct {
		trust string // "" for no role
		want  []string
	}{
		"as it must be":           {without(), []string{OK}},
		"no role":                 {"", []string{Refused}},
		"another external id":     {awsfake.DefaultTrust(vendRole, "another-external-id", "o-sandbox"), []string{Refused}},
		"another caller":          {awsfake.DefaultTrust(otherRole, external, "o-sandbox"), []string{Refused}},
		"another organisation":    {awsfake.DefaultTrust(vendRole, external, "o-other"), []string{Refused}},
		"requires no external id": {without(requireExternalID), []string{ExternalIDNotRequired}},
		"requires no tag":         {without(requireTag), []string{TagsNotRequired}},
		"requires no identity":    {without(requireIdentity), []string{IdentityNotRequired}},
		"requires no name":        {without(requireName), []string{NameNotRequired}},
		"requires nothing": {requireNothing,
			[]string{ExternalIDNotRequired, TagsNotRequired, IdentityNotRequired, NameNotRequired}},
		"refuses tags": {strings.Replace(without(), "sts:TagSession", "sts:Nothing", 1), []string{RefusedTags}},
		"refuses identities": {strings.Replace(without(), "sts:SetSourceIdentity", "sts:Nothing", 1),
			[]string{RefusedIdentity}},
		"requires only the external id": {requireOnlyID, []string{RefusedTags}},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(t)
			role := awsfake.Role{Name: "ReadOnly", Path: "/aws-access/", Trust: c.trust}
			if c.trust == "" {
				cloud.RemoveRole("111111111111", "ReadOnly")
			} else if err := cloud.PutRole("111111111111", role); err != nil {
				t.Fatal(err)
			}
			got := codesOf(cloud.trials().Try(t.Context(), []access.Target{target("ReadOnly")}))
			if diff := cmp.Diff([][]string{c.want}, got); diff != "" {
				t.Errorf("codes (-want +got):\n%s", diff)
			}
		})
	}
}

// The policy of a trial is as long as a real one, so its session token is as full.
func TestATrialSaysHowFullTheTokenIs(t *testing.T) {
	c := newCloud(t)
	trial := c.trials()
	in, err := trial.input(target("Admin"))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := SessionPolicy(access.Vending{Target: target("Admin"), Ends: noon.Add(minSession)})
	if err != nil || len(*in.Policy) < len(whole)-1 || len(*in.Policy) > maxPolicy {
		t.Errorf("a trial's policy has %d characters, a real one %d (%v)", len(*in.Policy), len(whole), err)
	}
	out, err := c.assumer().assume(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want := len(*out.Credentials.SessionToken) * 100 / 4096
	got := trial.Try(t.Context(), []access.Target{target("Admin"), target("Nobody")})
	if got[0].Token != want || want == 0 || got[1].Token != 0 {
		t.Errorf("the tokens are %d %% and %d %% full, want %d %% and 0", got[0].Token, got[1].Token, want)
	}
}

func codesOf(trials []access.Trial) (codes [][]string) {
	for _, t := range trials {
		codes = append(codes, t.Codes)
	}
	return codes
}

func TestASessionOfATrialIsDeniedEverything(t *testing.T) {
	c := newCloud(t)
	got := codesOf(c.trials().Try(t.Context(), []access.Target{target("Admin")}))
	if !cmp.Equal(got, [][]string{{OK}}) {
		t.Fatalf("codes %v, want %s", got, OK)
	}
	sessions := slices.DeleteFunc(c.Sessions(), func(s awsfake.Session) bool { return s.NarrowedFrom != "" })
	if len(sessions) != 1 {
		t.Fatalf("%d sessions, want one", len(sessions))
	}
	s := sessions[0]
	want := awsfake.Session{
		AccessKeyID: s.AccessKeyID, Account: "111111111111", Role: "Admin",
		SessionName: s.SessionName, SourceIdentity: "aws-access-doctor",
		Tags: map[string]string{
			"GrantId": "doctor", "Person": "aws-access-doctor", "SlackUser": "aws-access-doctor",
		},
		Policy: s.Policy, Issued: noon, Expires: noon.Add(900 * time.Second),
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(s.SessionName, "aws-access-doctor-") || len(s.SessionName) < 30 {
		t.Errorf("the session is called %q", s.SessionName)
	}
	if strings.Count(s.Policy, `"Allow"`) != 1 || !strings.Contains(s.Policy,
		`{"Effect":"Deny","NotAction":["sts:GetScopedCredentials"],"Resource":["*"]},`+
			`{"Effect":"Allow","Action":["sts:GetScopedCredentials"],"Resource":["*"],`) {
		t.Errorf("the session policy is %s", s.Policy)
	}
}

func TestATrialSaysWhetherSessionsOfTheRoleEndExactly(t *testing.T) {
	for name, c := range map[string]struct {
		how   string
		exact access.ExactExpiry
		not   bool
		codes []string
	}{
		"narrowed":              {"", access.ExactPreferred, false, []string{OK}},
		"refused":               {awsfake.FaultCode + "AccessDenied", access.ExactPreferred, true, []string{OK}},
		"an unknown action":     {awsfake.FaultCode + "InvalidAction", access.ExactRequired, true, []string{OK}},
		"switched off":          {awsfake.FaultCode + "AccessDenied", access.ExactOff, false, []string{OK}},
		"throttled":             {awsfake.FaultThrottled, access.ExactPreferred, false, []string{Throttled}},
		"the answer is lost":    {awsfake.FaultDropped, access.ExactPreferred, false, []string{Unavailable}},
		"an error of AWS (5xx)": {awsfake.FaultError, access.ExactPreferred, false, []string{Unavailable}},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(t)
			if c.how != "" {
				cloud.fault = faultIn(getScopedCredentials, c.how)
			}
			trials := cloud.trials()
			trials.Exact = c.exact
			got := trials.Try(t.Context(), []access.Target{target("Admin")})[0]
			if got.NotExact != c.not || !cmp.Equal(got.Codes, c.codes) {
				t.Errorf("got %+v, want %v and not exact: %v", got, c.codes, c.not)
			}
		})
	}
}

func TestTheKeysOfATrialCanDoNothing(t *testing.T) {
	c := newCloud(t)
	in, err := c.trials().input(target("Admin"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.assumer().assume(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	k, err := credentials(out)
	if err != nil {
		t.Fatal(err)
	}
	narrowed, err := c.assumer().narrow(t.Context(), k, noon.Add(time.Minute), noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []access.Credentials{k, narrowed} {
		_, err = c.s3(k).ListBuckets(t.Context(), &s3.ListBucketsInput{})
		if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
			t.Errorf("list buckets: got %v, want AccessDenied", err)
		}
	}
}

// manyAccounts is a fake with many accounts that have two roles each.
type manyAccounts struct {
	*cloud
	mu    sync.Mutex
	calls int
	fails func(call int) string // how a call fails, "" for not at all
}

func newManyAccounts(t *testing.T, accounts int) (*manyAccounts, []access.Target) {
	t.Helper()
	c := &manyAccounts{cloud: &cloud{now: noon}, fails: func(int) string { return "" }}
	c.Server = awsfake.New(awsfake.Options{
		Now: func() time.Time { return noon }, Org: "o-sandbox",
		Fault: func(string) awsfake.Fault {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.calls++
			return awsfake.Fault{How: c.fails(c.calls)}
		},
		Slow: func(ctx context.Context) { <-ctx.Done() },
	})
	var targets []access.Target
	for i := range accounts {
		account := fmt.Sprintf("%012d", 100000000000+i)
		for _, role := range []string{"Admin", "ReadOnly"} {
			if err := c.PutRole(account, awsfake.Role{Name: role, Path: "/aws-access/", Trust: without()}); err != nil {
				t.Fatal(err)
			}
			targets = append(targets,
				access.Target{Account: account, Region: "eu-west-1", Role: role, Path: "/aws-access/"})
		}
	}
	var err error
	if c.vend, err = c.FunctionCredentials(vendRole); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/aws", c.AWS()))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c, targets
}

func TestTrialsAreReturnedInTheOrderOfTheTargets(t *testing.T) {
	c, targets := newManyAccounts(t, 20)
	c.RemoveRole(targets[7].Account, targets[7].Role)
	got := codesOf(c.trials().Try(t.Context(), targets))
	for i, codes := range got {
		want := []string{OK}
		if i == 7 {
			want = []string{Refused}
		}
		if !cmp.Equal(codes, want) {
			t.Errorf("%d: %v, want %v", i, codes, want)
		}
	}
	// Each role takes six calls, and the missing one takes one call.
	if want := 6*39 + 1; c.calls != want {
		t.Errorf("%d calls, want %d", c.calls, want)
	}
}

func TestThrottlingSaysNothingAboutARole(t *testing.T) {
	c, targets := newManyAccounts(t, 2)
	c.fails = func(call int) string {
		if call%3 == 0 {
			return awsfake.FaultThrottled
		}
		return ""
	}
	for i, codes := range codesOf(c.trials().Try(t.Context(), targets)) {
		if !cmp.Equal(codes, []string{OK}) {
			t.Errorf("every third call throttled: %d: %v", i, codes)
		}
	}
	for how, want := range map[string]string{
		awsfake.FaultThrottled: Throttled, awsfake.FaultError: Unavailable, awsfake.FaultLost: Unavailable,
	} {
		c.fails = func(int) string { return how }
		ctx, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
		for i, codes := range codesOf(c.trials().Try(ctx, targets)) {
			if len(codes) != 1 || codes[0] != want && codes[0] != Unfinished {
				t.Errorf("every call: %s: %d: %v, want %s or %s", how, i, codes, want, Unfinished)
			}
		}
		stop()
	}
}

func TestAFailureOfAWeakerCallIsNoRefusal(t *testing.T) {
	c, targets := newManyAccounts(t, 1)
	c.fails = func(call int) string {
		if call > 1 {
			return awsfake.FaultError
		}
		return ""
	}
	if got := codesOf(c.trials().Try(t.Context(), targets[:1])); !cmp.Equal(got, [][]string{{Unavailable}}) {
		t.Errorf("only the weaker calls fail: %v, want %s", got, Unavailable)
	}
}

func TestTrialsKeepTheirIntervalAndEndWithTheContext(t *testing.T) {
	c, targets := newManyAccounts(t, 5)
	trials := c.trials()
	trials.Interval = 10 * time.Millisecond
	began := time.Now()
	trials.Try(t.Context(), targets)
	if want := time.Duration(c.calls-1) * trials.Interval; time.Since(began) < want {
		t.Errorf("%d calls in %s, want at least %s", c.calls, time.Since(began), want)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for i, codes := range codesOf(trials.Try(ctx, targets)) {
		if !cmp.Equal(codes, []string{Unfinished}) {
			t.Errorf("a cancelled context: %d: %v, want %s", i, codes, Unfinished)
		}
	}
}

func TestAnUnreadableExternalIDSaysNothingAboutARole(t *testing.T) {
	c := newCloud(t)
	trials := c.trials()
	for name, external := range map[string]func(context.Context, bool) (access.Secret, error){
		"refused": func(context.Context, bool) (access.Secret, error) { return access.Secret{}, errors.New("denied") },
		"empty":   func(context.Context, bool) (access.Secret, error) { return access.Secret{}, nil },
		"none":    nil,
	} {
		trials.ExternalID = external
		got := codesOf(trials.Try(t.Context(), []access.Target{target("ReadOnly")}))
		if !cmp.Equal(got, [][]string{{ExternalIDUnreadable}}) {
			t.Errorf("%s: %v, want %s", name, got, ExternalIDUnreadable)
		}
	}
	got := codesOf(c.trials().Try(t.Context(), []access.Target{target("Read*")}))
	if !cmp.Equal(got, [][]string{{Invalid}}) {
		t.Errorf("a pattern for a role: %v, want %s", got, Invalid)
	}
	if n := len(c.Sessions()); n != 0 {
		t.Errorf("%d sessions were started, want none", n)
	}
}

func TestATrialReadsARotatedExternalIDAgain(t *testing.T) {
	c := newCloud(t)
	trials := c.trials()
	reads := 0
	kept := access.NewSecret("external-id-of-yesterday")
	trials.ExternalID = func(_ context.Context, fresh bool) (access.Secret, error) {
		if fresh {
			reads++
			kept = access.NewSecret(external)
		}
		return kept, nil
	}
	got := codesOf(trials.Try(t.Context(), []access.Target{target("ReadOnly")}))
	if !cmp.Equal(got, [][]string{{OK}}) || reads != 1 {
		t.Errorf("%v after %d reads, want %s after one", got, reads, OK)
	}
}
