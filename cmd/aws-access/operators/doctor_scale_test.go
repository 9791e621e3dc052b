package operators

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

// A thousand accounts with three roles each, of which one is wrong, and an STS
// that throttles for a while.
func TestDoctorTestsAThousandAccountsWhileSTSThrottles(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	c := newClinic(t, large(1000))
	c.change("100000000500", "Admin", theVendRole, theVendRole+"-of-yesterday")
	c.calls = 0
	c.throttle = func(call int) string {
		if call > 4000 && call < 4500 {
			return awsfake.FaultThrottled
		}
		return ""
	}
	invocations, deploy := 0, c.api.invoke
	c.api.invoke = func(payload []byte) ([]byte, error) {
		c.mu.Lock()
		invocations++
		c.mu.Unlock()
		return deploy(payload)
	}
	began := time.Now()
	r, code := c.doctor("-only", "accounts", "-rest", "1ms")
	took := time.Since(began)
	i := slices.IndexFunc(r.Checks, func(f finding) bool { return f.Code == "refused" })
	if code != exitProblem || len(r.Checks) != 6 || i < 0 ||
		!strings.Contains(r.Checks[i].Reason, "1 of 3000 roles: Admin in account-0500 (100000000500)") {
		t.Errorf("ended with %d, %d checks: %+v", code, len(r.Checks), r.Checks)
	}
	if len(r.Roles) != 3000 {
		t.Errorf("%d roles", len(r.Roles))
	}
	// Six calls for each role, one for the one that is refused, and those that
	// were throttled; six for the revoker of each account; batches of forty, three
	// pages of the list, one for the clock.
	if least := 6*2999 + 1 + 499 + 6*1000; c.calls < least || c.calls > least+400 {
		t.Errorf("%d calls of STS, want %d or a few more", c.calls, least)
	}
	if least := 3000/functions.MaxRoles + 4; invocations < least || invocations > least+30 {
		t.Errorf("%d invocations, want %d or a few more", invocations, least)
	}
	for _, told := range r.Roles {
		if good := slices.Equal(
			told.Codes,
			[]string{"ok"},
		); good == (told.Account == "100000000500" && told.Role == "Admin") {
			t.Errorf("%+v", told)
		}
	}
	t.Logf("3,000 roles: %d calls of STS, %d invocations, %s", c.calls, invocations, took)
}
