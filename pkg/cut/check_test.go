package cut

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

func TestATrialSaysWhatIsWrongWithARevoker(t *testing.T) {
	revoker := func(how func(*awsfake.Role)) func(*cloud, *testing.T) {
		return func(c *cloud, t *testing.T) { c.change(t, "aws-access-revoker", how) }
	}
	const strict = `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"sts:AssumeRole",
		"Condition":{"ArnEquals":{"aws:PrincipalArn":"` + cutRole + `"},
		"StringEquals":{"sts:SourceIdentity":"aws-access-cut","sts:ExternalId":"` + external + `"}}},
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"sts:SetSourceIdentity",
		"Condition":{"ArnEquals":{"aws:PrincipalArn":"` + cutRole + `"},
		"StringEquals":{"sts:SourceIdentity":"aws-access-cut"}}}]}`
	fault := func(op, how string) func(*cloud, *testing.T) {
		return func(c *cloud, t *testing.T) {
			revoker(func(r *awsfake.Role) { r.Trust = strict })(c, t)
			c.fails(op, how)
		}
	}
	for name, one := range map[string]struct {
		spoil func(*cloud, *testing.T)
		codes []string
	}{
		"all is well":    {revoker(func(r *awsfake.Role) { r.Trust = strict }), []string{OK}},
		"no external id": {func(*cloud, *testing.T) {}, []string{LooseExternal}},
		"no revoker": {
			func(c *cloud, _ *testing.T) { c.RemoveRole(member, "aws-access-revoker") }, []string{RevokerRefused},
		},
		"it may write nothing": {
			revoker(func(r *awsfake.Role) { r.Trust, r.Permissions = strict, []string{} }), []string{Refused},
		},
		"it may not delete": {revoker(func(r *awsfake.Role) {
			r.Trust = strict
			r.Permissions[0] = strings.ReplaceAll(r.Permissions[0], "iam:DeleteRolePolicy", "iam:ListRoles")
		}), []string{LeftOver}},
		"no room":            {fault("iam:PutRolePolicy", awsfake.FaultCode+"LimitExceeded"), []string{NoRoom}},
		"throttled":          {fault("iam:PutRolePolicy", awsfake.FaultThrottled), []string{Throttled}},
		"the answer is lost": {fault("iam:PutRolePolicy", awsfake.FaultLost), []string{Unavailable}},
		"any identity is enough": {revoker(func(r *awsfake.Role) {
			r.Trust = strings.Replace(strict, `"sts:SourceIdentity":"aws-access-cut",`, "", 1)
		}), []string{LooseIdentity}},
	} {
		c := newCloud(t)
		one.spoil(c, t)
		if got := c.cutter().Try(t.Context(), target); !slices.Equal(got, one.codes) {
			t.Errorf("%s: got %v, want %v", name, got, one.codes)
		}
		left := slices.Contains(one.codes, LeftOver)
		if r, _ := c.Role(member, "Admin"); (r.Inline[CheckPolicyName] != "") != left {
			t.Errorf("%s: left over is %v", name, r.Inline)
		}
	}
}
