package cut

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

func asError(err error, into **awscall.Error) bool { return errors.As(err, into) }

func TestExactlyTheSessionsOfAGrantAreDenied(t *testing.T) {
	c := newCloud(t)
	mine := []access.Credentials{c.session(t, "aws-access-"+grant(1)), c.session(t, "aws-access-"+grant(1))}
	others := map[string]access.Credentials{
		"another grant": c.session(t, "aws-access-"+grant(2)), "no grant": c.session(t, "aws-access-somebody"),
		"a longer name": c.session(t, "aws-access-"+grant(1)+"0"),
	}
	c.add(grant(1), noon.Add(time.Hour))
	out := c.apply(t)
	late := c.session(t, "aws-access-"+grant(1)) // was already ordered
	for i, k := range append(mine, late) {
		if got := c.try(t, k); got != "AccessDenied" {
			t.Errorf("session %d of the grant: %q", i, got)
		}
	}
	for what, k := range others {
		if got := c.try(t, k); got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
	if got := c.policy(); got != onePolicy {
		t.Errorf("got the policy %s\nwant %s", got, onePolicy)
	}
	if until := out.Denied.Grants[grant(1)]; !until.Equal(noon.Add(time.Hour)) || len(out.Denied.Grants) != 1 {
		t.Errorf("read back %v", out.Denied.Grants)
	}
}

// An order is written after three round trips: the list and the keys, the policy that is there,
// the new one.
func TestADenyIsWrittenAfterThreeRoundTrips(t *testing.T) {
	c := newCloud(t)
	c.add(grant(1), noon.Add(time.Hour))
	c.apply(t)
	want := "sts:AssumeRole iam:GetRolePolicy iam:PutRolePolicy iam:GetRolePolicy"
	if got := strings.Join(c.calls, " "); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestADenyStaysUntilItsTimeAndNotLonger(t *testing.T) {
	c := newCloud(t)
	c.add(grant(1), noon.Add(50*time.Minute)) // rounded up to an hour
	c.apply(t)
	c.add(grant(2), noon.Add(2*time.Hour))
	c.apply(t)
	c.advance(time.Hour - time.Second)
	c.apply(t)
	if p := c.policy(); !strings.Contains(p, grant(1)) || !strings.Contains(p, grant(2)) {
		t.Errorf("before the end: %s", p)
	}
	c.advance(time.Second)
	c.apply(t)
	if p := c.policy(); strings.Contains(p, grant(1)) || !strings.Contains(p, grant(2)) || len(c.list.Names) != 1 {
		t.Errorf("at the end: %s, and the list %+v", p, c.list.Names)
	}
	c.advance(time.Hour)
	c.apply(t)
	if _, due := c.list.Due(); due || c.policy() != "" {
		t.Errorf("after all: %q, and the list %+v", c.policy(), c.list)
	}
}

// The table was restored from a copy, or somebody wrote into it: what the policy denies stays
// denied, and is taken out in time.
func TestANameOfThePolicyStaysWhateverTheTableSays(t *testing.T) {
	c := newCloud(t)
	c.add(grant(1), noon.Add(time.Hour))
	c.apply(t)
	c.list = access.CutList{Account: member, Role: "Admin", RoleARN: target}
	c.add(grant(2), noon.Add(30*time.Minute))
	c.apply(t)
	if p := c.policy(); !strings.Contains(p, grant(1)) || !strings.Contains(p, grant(2)) {
		t.Errorf("got %s", p)
	}
	c.advance(time.Hour)
	c.apply(t)
	if p := c.policy(); p != "" || len(c.list.Names) != 0 {
		t.Errorf("an hour later: %s, and the list %+v", p, c.list.Names)
	}
}

func TestADenyThatWentMissingIsPutBackAndReported(t *testing.T) {
	for name, spoil := range map[string]string{
		"deleted": "", "emptied": `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`,
		"shortened": strings.Replace(onePolicy, "T1300Z", "T1215Z", 1),
	} {
		c := newCloud(t)
		k := c.session(t, "aws-access-"+grant(1))
		c.add(grant(1), noon.Add(time.Hour))
		c.apply(t)
		c.change(t, "Admin", func(r *awsfake.Role) {
			r.Inline = map[string]string{}
			if spoil != "" {
				r.Inline[PolicyName] = spoil
			}
		})
		out := c.apply(t)
		if got := c.try(t, k); got != "AccessDenied" || !slices.Equal(out.Missing, []string{grant(1)}) {
			t.Errorf("%s: the session gets %q, and missing is %v", name, got, out.Missing)
		}
		if out = c.apply(t); len(out.Missing) != 0 {
			t.Errorf("%s: missing again: %v", name, out.Missing)
		}
	}
}

func TestOnlyIdsOfGrantsAreWritten(t *testing.T) {
	for _, id := range []string{
		"", "*", "01ARZ3NDEKTSV4RRFFQ000000", "01ARZ3NDEKTSV4RRFFQ00000001", "01ARZ3NDEKTSV4RRFFQ000000*",
		"01ARZ3NDEKTSV4RRFFQ000000?", "01arz3ndektsv4rrffq0000001", "01ARZ3NDEKTSV4RRFFQ000000\"",
		"81ARZ3NDEKTSV4RRFFQ0000001",
		"01ARZ3NDEKTSV4RRFFQ000000I", "${aws:userid}0000000000000", "01ARZ3NDEKTSV4RRFFQ0000001\n",
	} {
		c := newCloud(t)
		c.add(id, noon.Add(time.Hour))
		c.add(grant(1), noon.Add(time.Hour))
		if out := c.apply(t); !slices.Equal(out.Bad, []string{id}) || c.policy() != onePolicy {
			t.Errorf("%q: bad are %q, and the policy is %s", id, out.Bad, c.policy())
		}
		if _, err := (Deny{Grants: map[string]time.Time{id: noon}}).Document(); err == nil {
			t.Errorf("%q: a policy was written", id)
		}
		// Nobody else is cut by it either.
		if d := Parse(strings.Replace(onePolicy, grant(1), id, 1)); len(d.Grants) != 0 {
			t.Errorf("%q was read from a policy: %v", id, d.Grants)
		}
	}
}

const onePolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"Until20261121T1300Z","Effect":"Deny","Action":"*",` +
	`"Resource":"*","Condition":{"StringLike":{"aws:userid":["*-01ARZ3NDEKTSV4RRFFQ0000001"]}}}]}`

func TestRolesThatCouldBeAPatternAreRefused(t *testing.T) {
	for _, arn := range []string{
		"arn:aws:iam::111111111111:role/aws-access/*", "arn:aws:iam::*:role/aws-access/Admin",
		"arn:aws:iam::111111111111:role", "arn:aws:iam::111111111111:role/${x}",
		"arn:aws:iam::111111111111:user/Admin", target + "\n",
		"arn:aws:iam::111111111111:role/aws-access/Ad?in",
	} {
		c := newCloud(t)
		c.add(grant(1), noon.Add(time.Hour))
		c.list.RoleARN = arn
		if _, err := c.cutter().Apply(t.Context(), arn, c.read); CodeOf(err) != BadRole || len(c.calls) != 0 {
			t.Errorf("%q: got %v after %v", arn, err, c.calls)
		}
	}
}

// A session of the revoker can write the policies of one role, whatever the revoker may do.
func TestTheRevokersSessionIsLimitedToOneRole(t *testing.T) {
	c := newCloud(t)
	i, err := c.cutter().open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if err := i.put(t.Context(), PolicyName, onePolicy); err != nil {
		t.Errorf("the role itself: %v", err)
	}
	i.role.name = "Other"
	if err := i.put(t.Context(), PolicyName, onePolicy); CodeOf(err) != Refused {
		t.Errorf("another role: got %v", err)
	}
	i.role.name = "Admin"
	for _, action := range []string{"GetRole", "UpdateAssumeRolePolicy", "ListRoles", "CreateUser"} {
		if _, err := i.call(t.Context(), action, nil); !hasCode(err, "AccessDenied") {
			t.Errorf("%s: got %v", action, err)
		}
	}
}

func TestWhatPreventsACutHasACode(t *testing.T) {
	for name, one := range map[string]struct {
		spoil func(*cloud, *testing.T)
		code  string
	}{
		"the account has no revoker": {func(c *cloud, _ *testing.T) {
			c.RemoveRole(member, "aws-access-revoker")
		}, RevokerRefused},
		"the revoker trusts somebody else": {revoker(func(r *awsfake.Role) {
			r.Trust = awsfake.DefaultRevoker(vendRole, external, "o-sandbox").Trust
		}), RevokerRefused},
		"another external id": {revoker(func(r *awsfake.Role) {
			r.Trust = awsfake.DefaultRevoker(cutRole, "another", "o-sandbox").Trust
		}), RevokerRefused},
		"the role is gone": {func(c *cloud, _ *testing.T) {
			c.RemoveRole(member, "Admin") // IAM does not know its path any more
		}, Refused},
		"the revoker may not": {revoker(func(r *awsfake.Role) { r.Permissions = []string{} }), Refused},
		"IAM is throttled":    {fault("iam:PutRolePolicy", awsfake.FaultThrottled), Throttled},
		"IAM is down":         {fault("iam:PutRolePolicy", awsfake.FaultError), Unavailable},
		"IAM drops the call":  {fault("iam:GetRolePolicy", awsfake.FaultDropped), Unavailable},
		"STS is down":         {fault("sts:AssumeRole", awsfake.FaultError), Unavailable},
		"no room at all":      {fault("iam:PutRolePolicy", awsfake.FaultCode+"LimitExceeded"), NoRoom},
	} {
		c := newCloud(t)
		c.add(grant(1), noon.Add(time.Hour))
		one.spoil(c, t)
		out, err := c.cutter().Apply(t.Context(), target, c.read)
		if CodeOf(err) != one.code || len(out.Denied.Grants) != 0 || strings.Contains(fmt.Sprint(err), external) {
			t.Errorf("%s: got %v, want %s", name, err, one.code)
		}
	}
}

// A list of an older version does not say the ARN. Then the role is below the default path.
func TestARoleWithoutAnARNOnItsListIsCut(t *testing.T) {
	c := newCloud(t)
	c.add(grant(1), noon.Add(time.Hour))
	c.list.RoleARN = ""
	if _, err := c.cutter().Apply(t.Context(), "", c.read); err != nil || c.policy() != onePolicy {
		t.Errorf("got %v, and the policy %s", err, c.policy())
	}
}

// The role was deleted and made anew under the same name: the deny is written to the new one.
func TestARoleThatWasMadeAnewIsCutToo(t *testing.T) {
	c := newCloud(t)
	c.add(grant(1), noon.Add(time.Hour))
	c.apply(t)
	r, _ := c.Role(member, "Admin")
	c.RemoveRole(member, "Admin")
	r.Inline = nil
	if err := c.PutRole(member, r); err != nil {
		t.Fatal(err)
	}
	k := c.session(t, "aws-access-"+grant(1))
	c.apply(t)
	if got := c.try(t, k); got != "AccessDenied" {
		t.Errorf("got %q", got)
	}
}

func TestARotatedExternalIDIsReadAgain(t *testing.T) {
	c := newCloud(t)
	c.add(grant(1), noon.Add(time.Hour))
	cutter := c.cutter()
	cutter.ExternalID = func(_ context.Context, fresh bool) (access.Secret, error) {
		if fresh {
			return access.NewSecret(external), nil
		}
		return access.NewSecret("the-old-one"), nil
	}
	if _, err := cutter.Apply(t.Context(), target, c.read); err != nil {
		t.Error(err)
	}
}

// More names than fit: those that end first make room, and the sessions of the whole role that
// were issued before are denied. Sessions that are issued later work.
func TestWithoutRoomForTheNamesTheWholeRoleIsCut(t *testing.T) {
	for _, other := range []int{0, 4000} {
		c := newCloud(t)
		if other > 0 {
			c.change(t, "Admin", func(r *awsfake.Role) {
				r.Inline = map[string]string{"ours": `{"Version":"2012-10-17","Statement":[{"Sid":"` +
					strings.Repeat("x", other) + `","Effect":"Deny","Action":"x:y","Resource":"*"}]}`}
			})
		}
		left, named := c.session(t, "aws-access-"+grant(0)), c.session(t, "aws-access-"+grant(399))
		bystander := c.session(t, "aws-access-"+grant(1000))
		for n := range 400 {
			c.add(grant(n), noon.Add(time.Hour))
		}
		c.add(grant(0), noon.Add(15*time.Minute))
		c.list.Names[0].Until = noon.Add(15 * time.Minute) // ends first
		c.advance(time.Second)
		out := c.apply(t)
		count := len(out.Denied.Grants)
		if count+len(out.Denied.ByIssue) != 400 || count < (10240-other-400)/32 ||
			!slices.Contains(out.Denied.ByIssue, grant(0)) {
			t.Errorf("%d names fit beside %d characters, and %d do not", count, other, len(out.Denied.ByIssue))
		}
		for what, k := range map[string]access.Credentials{"left": left, "named": named, "bystander": bystander} {
			if got := c.try(t, k); got != "AccessDenied" {
				t.Errorf("%s: %q", what, got)
			}
		}
		written := c.policy()
		c.advance(10 * time.Second) // STS answers an order of before the revocation
		if got := c.try(t, c.session(t, "aws-access-"+grant(0))); got != "AccessDenied" {
			t.Errorf("a session that was ordered before: %q", got)
		}
		c.advance(wholeMargin)
		later := c.session(t, "aws-access-"+grant(1001))
		c.advance(time.Minute)
		c.apply(t)
		if got := c.try(t, later); got != "" || c.policy() != written {
			t.Errorf("a later session: %q; the policy was written again: %v", got, c.policy() != written)
		}
		for _, n := range c.list.Names {
			if n.Grant == grant(0) && !n.Done.IsZero() {
				t.Errorf("a name without room counts as done: %+v", n)
			}
		}
	}
}

// Another grant is revoked after the list was read. Its own order may be lost.
func TestTheListIsReadAgainAfterThePolicy(t *testing.T) {
	c := newCloud(t)
	c.add(grant(1), noon.Add(time.Hour))
	reads := 0
	out, err := c.cutter().Apply(t.Context(), target, func(ctx context.Context) (access.CutList, error) {
		if reads++; reads == 2 {
			c.add(grant(2), noon.Add(time.Hour))
		}
		return c.read(ctx)
	})
	if err != nil || len(out.Denied.Grants) != 2 || !strings.Contains(c.policy(), grant(2)) {
		t.Errorf("got %v, %v and %s", out.Denied.Grants, err, c.policy())
	}
}

// Eight calls at once, while names are added: whichever ends last, every name is in the policy.
func TestConcurrentWritersLoseNoName(t *testing.T) {
	c := newCloud(t)
	const writers, each = 8, 5
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range each {
				c.add(grant(100*w+n), noon.Add(time.Hour))
				for {
					out, err := c.cutter().Apply(t.Context(), target, c.read)
					if CodeOf(err) == Restless {
						continue
					}
					if err != nil || out.Denied.Grants[grant(100*w+n)].IsZero() {
						t.Errorf("%d %d: %v", w, n, err)
					}
					break
				}
			}
		})
	}
	all.Wait()
	got := Parse(c.policy()).Grants
	for w := range writers {
		for n := range each {
			if got[grant(100*w+n)].IsZero() {
				t.Errorf("%s is not in the policy", grant(100*w+n))
			}
		}
	}
}
