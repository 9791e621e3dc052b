package cut

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// spoil replaces the policy of the role.
func (c *cloud) spoil(t testing.TB, text string) {
	t.Helper()
	r, _ := c.Role(member, "Admin")
	r.Inline = map[string]string{PolicyName: text}
	if err := c.PutRole(member, r); err != nil {
		t.Fatal(err)
	}
}

// Somebody changes the deny so that it denies nobody, and leaves its names.
func TestADenyThatWasMadeHarmlessCountsAsMissing(t *testing.T) {
	for name, change := range map[string][2]string{
		"one more key":      {`"aws:userid":[`, `"aws:PrincipalTag/x":["y"],"aws:userid":[`},
		"one more operator": {`"Condition":{`, `"Condition":{"Bool":{"aws:SecureTransport":"false"},`},
	} {
		c := newCloud(t)
		k := c.session(t, "aws-access-"+grant(1))
		c.add(grant(1), noon.Add(time.Hour))
		c.apply(t)
		c.spoil(t, strings.Replace(onePolicy, change[0], change[1], 1))
		out := c.apply(t)
		got := c.try(t, k)
		if got != "AccessDenied" || !slices.Equal(out.Missing, []string{grant(1)}) || c.policy() != onePolicy {
			t.Errorf("%s: the session gets %q, missing is %v, and the policy is %s", name, got, out.Missing, c.policy())
		}
		// The change is made between the write and the reading back.
		c.spoil(t, strings.Replace(onePolicy, change[0], change[1], 1))
		if l, _ := c.read(t.Context()); covers(Parse(c.policy()), l, nil, noon) {
			t.Errorf("%s: it counts as denied", name)
		}
	}
}

// A member account writes into the policy what this product never wrote: names without end, and a
// deny of the whole role for ever. The list must not grow by it, because no grant of the role could
// be revoked any more if it were too large.
func TestWhatAMemberAccountInventsDoesNotStay(t *testing.T) {
	c := newCloud(t)
	c.add(grant(1), noon.Add(time.Hour))
	c.apply(t)
	n := 9_000_000
	invented := func(until string, names int) string {
		var all []string
		for range names {
			n-- // names that end at one time stay by their order
			all = append(all, `"*-`+grant(n)+`"`)
		}
		return `{"Version":"2012-10-17","Statement":[{"Sid":"Until` + until + `","Effect":"Deny","Action":"*",` +
			`"Resource":"*","Condition":{"StringLike":{"aws:userid":[` + strings.Join(all, ",") + `]}}}]}`
	}
	c.spoil(t, `{"Version":"2012-10-17","Statement":[{"Sid":"WholeRoleUntil99991231T0000Z","Effect":"Deny","Action":"*",`+
		`"Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":["9999-12-31T00:00:00Z"]}}}]}`)
	c.apply(t)
	if c.policy() != onePolicy || !c.list.Whole.IsZero() {
		t.Errorf("after a deny of the whole role for ever: %s, and the list %+v", c.policy(), c.list)
	}
	c.spoil(t, invented("99991231T0000Z", 10))
	if c.apply(t); c.policy() != onePolicy || len(c.list.Names) != 1 {
		t.Errorf("after names for ever: %s, and %d names on the list", c.policy(), len(c.list.Names))
	}
	for range 8 {
		c.spoil(t, invented("20261121T1300Z", 250))
		c.apply(t)
	}
	if got := len(c.list.Names); got > 1500 {
		t.Errorf("after %d invented names, the list has %d", 9_000_000-n, got)
	}
	c.add(grant(2), noon.Add(time.Hour))
	k := c.session(t, "aws-access-"+grant(2))
	if c.apply(t); c.try(t, k) != "AccessDenied" {
		t.Error("a session that is revoked afterwards is not cut")
	}
}
