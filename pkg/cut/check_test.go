package cut

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

func TestATrialSaysWhatIsWrongWithARevoker(t *testing.T) {
	without := func(condition string) func(*cloud, *testing.T) {
		return revoker(func(r *awsfake.Role) { r.Trust = strings.Replace(r.Trust, condition, "", 1) })
	}
	for name, one := range map[string]struct {
		spoil func(*cloud, *testing.T)
		codes []string
	}{
		"all is well":    {func(*cloud, *testing.T) {}, []string{OK}},
		"no external id": {without(`"sts:ExternalId":"` + external + `",`), []string{LooseExternal}},
		"no revoker": {
			func(c *cloud, _ *testing.T) { c.RemoveRole(member, "aws-access-revoker") }, []string{RevokerRefused},
		},
		"it may write nothing": {
			revoker(func(r *awsfake.Role) { r.Permissions = []string{} }), []string{Refused},
		},
		"it may not delete": {revoker(func(r *awsfake.Role) {
			r.Permissions[0] = strings.ReplaceAll(r.Permissions[0], "iam:DeleteRolePolicy", "iam:ListRoles")
		}), []string{LeftOver}},
		"no room":                {fault("iam:PutRolePolicy", awsfake.FaultCode+"LimitExceeded"), []string{NoRoom}},
		"throttled":              {fault("iam:PutRolePolicy", awsfake.FaultThrottled), []string{Throttled}},
		"the answer is lost":     {fault("iam:PutRolePolicy", awsfake.FaultLost), []string{Unavailable}},
		"any identity is enough": {without(`,"sts:SourceIdentity":"aws-access-cut"`), []string{LooseIdentity}},
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
