package vend

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

// tried is a role of the cloud.
func tried(name string) access.Target {
	return access.Target{Account: "111111111111", AccountName: "payments-prod", Region: "eu-west-1", Role: name, Path: "/aws-access/"}
}

func (c *cloud) trials() Trials {
	return Trials{Assumer: c.assumer(), Now: func() time.Time { return c.now }, Every: time.Microsecond}
}

// without takes conditions or statements out of the default trust.
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
	wantsExternal = `,"sts:ExternalId":"` + external + `"`
	wantsTag      = `"aws:RequestTag/GrantId":"?*",`
	wantsIdentity = `,"sts:SourceIdentity":"?*"`
	wantsName     = `"sts:RoleSessionName":"aws-access-*",`
)

func TestATrialSaysWhatIsWrongWithARole(t *testing.T) {
	root := `{"AWS":"arn:aws:iam::999999999999:root"}`
	open := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + root + `,"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`
	for name, c := range map[string]struct {
		trust string // "" for no role
		want  []string
	}{
		"as it should be":         {without(), []string{Fits}},
		"no role":                 {"", []string{Refused}},
		"another external id":     {awsfake.DefaultTrust(vendRole, "another-external-id", "o-sandbox"), []string{Refused}},
		"another caller":          {awsfake.DefaultTrust("arn:aws:iam::999999999999:role/other", external, "o-sandbox"), []string{Refused}},
		"another organisation":    {awsfake.DefaultTrust(vendRole, external, "o-other"), []string{Refused}},
		"no external id wanted":   {without(wantsExternal), []string{OpenExternalID}},
		"no tag wanted":           {without(wantsTag), []string{OpenTags}},
		"no identity wanted":      {without(wantsIdentity), []string{OpenIdentity}},
		"no name wanted":          {without(wantsName), []string{OpenName}},
		"nothing wanted":          {open, []string{OpenExternalID, OpenTags, OpenIdentity, OpenName}},
		"may not be tagged":       {strings.Replace(without(), "sts:TagSession", "sts:Nothing", 1), []string{RefusedTags}},
		"may not carry a person":  {strings.Replace(without(), "sts:SetSourceIdentity", "sts:Nothing", 1), []string{RefusedIdentity}},
		"conditions on tags only": {strings.Replace(open, `"Action"`, `"Condition":{"StringEquals":{"sts:ExternalId":"`+external+`"}},"Action"`, 1), []string{RefusedTags}},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud(t)
			if c.trust == "" {
				cloud.RemoveRole("111111111111", "ReadOnly")
			} else if err := cloud.PutRole("111111111111", awsfake.Role{Name: "ReadOnly", Path: "/aws-access/", Trust: c.trust}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([][]string{c.want},
				codesOf(cloud.trials().Try(t.Context(), []access.Target{tried("ReadOnly")}))); diff != "" {
				t.Errorf("codes (-want +got):\n%s", diff)
			}
		})
	}
}

// What a trial begins may do nothing, even where nothing else would stop it.
// A trial's policy is as long as a real one, so its token is as full.
func TestATrialTellsHowFullTheTokenIs(t *testing.T) {
	c := newCloud(t)
	trial := c.trials()
	in, err := trial.input(tried("Admin"))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := SessionPolicy(access.Vending{Target: tried("Admin"), Ends: noon.Add(least)})
	if err != nil || len(*in.Policy) < len(whole)-1 || len(*in.Policy) > maxPolicy {
		t.Errorf("a trial's policy has %d characters, a real one %d (%v)", len(*in.Policy), len(whole), err)
	}
	out, err := c.assumer().assume(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want := len(*out.Credentials.SessionToken) * 100 / 4096
	got := trial.Try(t.Context(), []access.Target{tried("Admin"), tried("Nobody")})
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
	if got := codesOf(c.trials().Try(t.Context(), []access.Target{tried("Admin")})); !cmp.Equal(got, [][]string{{Fits}}) {
		t.Fatalf("codes %v", got)
	}
	sessions := c.Sessions()
	if len(sessions) != 1 {
		t.Fatalf("%d sessions, want one", len(sessions))
	}
	s := sessions[0]
	want := awsfake.Session{
		AccessKeyID: s.AccessKeyID, Account: "111111111111", Role: "Admin", SessionName: s.SessionName, SourceIdentity: "aws-access-doctor",
		Tags:   map[string]string{"GrantId": "doctor", "Person": "aws-access-doctor", "SlackUser": "aws-access-doctor"},
		Policy: s.Policy, Issued: noon, Expires: noon.Add(900 * time.Second),
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(s.SessionName, "aws-access-doctor-") || len(s.SessionName) < 30 {
		t.Errorf("the session is called %q", s.SessionName)
	}
	if strings.Contains(s.Policy, `"Allow"`) || !strings.Contains(s.Policy,
		`{"Effect":"Deny","Action":["*"],"Resource":["*"]}`) {
		t.Errorf("the session policy is %s", s.Policy)
	}
	// The same session policy, on a session whose keys we have: nothing works.
	in, err := c.trials().input(tried("Admin"))
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
	if _, err := c.s3(k).ListBuckets(t.Context(), &s3.ListBucketsInput{}); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("a session of a trial listed buckets: %v", err)
	}
}

// crowd is many accounts with two roles each, and what goes wrong with calls.
type crowd struct {
	*cloud
	mu    sync.Mutex
	calls int
	how   func(call int) string
}

func newCrowd(t *testing.T, accounts int) (*crowd, []access.Target) {
	t.Helper()
	c := &crowd{cloud: &cloud{now: noon}, how: func(int) string { return "" }}
	c.Server = awsfake.New(awsfake.Options{Now: func() time.Time { return noon }, Org: "o-sandbox", Fault: func(string) awsfake.Fault {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.calls++
		return awsfake.Fault{How: c.how(c.calls)}
	}, Slow: func(ctx context.Context) { <-ctx.Done() }})
	var targets []access.Target
	for i := range accounts {
		account := fmt.Sprintf("%012d", 100000000000+i)
		for _, role := range []string{"Admin", "ReadOnly"} {
			if err := c.PutRole(account, awsfake.Role{Name: role, Path: "/aws-access/", Trust: without()}); err != nil {
				t.Fatal(err)
			}
			targets = append(targets, access.Target{Account: account, Region: "eu-west-1", Role: role, Path: "/aws-access/"})
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

func TestManyRolesAreTriedInTheirOrder(t *testing.T) {
	c, targets := newCrowd(t, 20)
	c.RemoveRole(targets[7].Account, targets[7].Role)
	got := codesOf(c.trials().Try(t.Context(), targets))
	for i, codes := range got {
		want := []string{Fits}
		if i == 7 {
			want = []string{Refused}
		}
		if !cmp.Equal(codes, want) {
			t.Errorf("%d: %v, want %v", i, codes, want)
		}
	}
	// Five calls each; of the role that is missing, one.
	if want := 5*39 + 1; c.calls != want {
		t.Errorf("%d calls, want %d", c.calls, want)
	}
}

// An STS that has no time says nothing about a role.
func TestThrottlingIsNoVerdictAboutARole(t *testing.T) {
	c, targets := newCrowd(t, 2)
	c.how = func(call int) string {
		if call%3 == 0 {
			return awsfake.FaultThrottled
		}
		return ""
	}
	for i, codes := range codesOf(c.trials().Try(t.Context(), targets)) {
		if !cmp.Equal(codes, []string{Fits}) {
			t.Errorf("throttled now and then: %d: %v", i, codes)
		}
	}
	for how, want := range map[string]string{awsfake.FaultThrottled: Throttled, awsfake.FaultError: Unavailable, awsfake.FaultLost: Unavailable} {
		c.how = func(int) string { return how }
		ctx, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
		for i, codes := range codesOf(c.trials().Try(ctx, targets)) {
			if len(codes) != 1 || codes[0] != want && codes[0] != Unfinished {
				t.Errorf("%s all the time: %d: %v, want %s or %s", how, i, codes, want, Unfinished)
			}
		}
		stop()
	}
	// Throttled only when less is asked: what was found before stays said, and
	// the rest is not taken for a refusal.
	c, targets = newCrowd(t, 1)
	c.how = func(call int) string {
		if call > 1 {
			return awsfake.FaultError
		}
		return ""
	}
	if got := codesOf(c.trials().Try(t.Context(), targets[:1])); !cmp.Equal(got, [][]string{{Unavailable}}) {
		t.Errorf("failing when less is asked: %v, want %s", got, Unavailable)
	}
}

func TestTrialsKeepTheirPaceAndEndInTime(t *testing.T) {
	c, targets := newCrowd(t, 5)
	trials := c.trials()
	trials.Every = 10 * time.Millisecond
	began := time.Now()
	trials.Try(t.Context(), targets)
	if least := time.Duration(c.calls-1) * trials.Every; time.Since(began) < least {
		t.Errorf("%d calls in %s, want %s at least", c.calls, time.Since(began), least)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for i, codes := range codesOf(trials.Try(ctx, targets)) {
		if !cmp.Equal(codes, []string{Unfinished}) {
			t.Errorf("out of time: %d: %v, want %s", i, codes, Unfinished)
		}
	}
}

func TestASecretThatCannotBeReadIsNoVerdictAboutARole(t *testing.T) {
	c := newCloud(t)
	trials := c.trials()
	for name, external := range map[string]func(context.Context, bool) (access.Secret, error){
		"refused": func(context.Context, bool) (access.Secret, error) { return access.Secret{}, errors.New("denied") },
		"empty":   func(context.Context, bool) (access.Secret, error) { return access.Secret{}, nil },
		"none":    nil,
	} {
		trials.ExternalID = external
		if got := codesOf(trials.Try(t.Context(), []access.Target{tried("ReadOnly")})); !cmp.Equal(got,
			[][]string{{NoExternalID}}) {
			t.Errorf("%s: %v, want %s", name, got, NoExternalID)
		}
	}
	target := tried("ReadOnly")
	target.Role = "Read*"
	if got := codesOf(c.trials().Try(t.Context(), []access.Target{target})); !cmp.Equal(got, [][]string{{Impossible}}) {
		t.Errorf("a pattern: %v, want %s", got, Impossible)
	}
	if n := len(c.Sessions()); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// An external id that was rotated in SSM is taken up, as by a vend.
func TestARotatedExternalIDIsReadAgain(t *testing.T) {
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
	if got := codesOf(trials.Try(t.Context(), []access.Target{tried("ReadOnly")})); !cmp.Equal(got, [][]string{{Fits}}) ||
		reads != 1 {
		t.Errorf("%v after %d reads, want %s after one", got, reads, Fits)
	}
}
