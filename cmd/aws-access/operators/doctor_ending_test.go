package operators

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

// Where sessions cannot be narrowed, doctor says in which accounts, and that is no problem unless it is required.
func TestDoctorSaysWhereSessionsDoNotEndExactly(t *testing.T) {
	c := newClinic(t, thePolicy(t))
	r, _ := c.aws.Role("222222222222", "ReadOnly")
	r.Permissions = awsfake.DefaultPermissions("ReadOnly") // as AWS's ReadOnlyAccess
	c.must(c.aws.PutRole("222222222222", r))
	line := func() finding {
		found, code := c.doctor("-only", "accounts")
		i := slices.IndexFunc(found.Checks, func(f finding) bool { return f.Check == "exact expiry" })
		if i < 0 || code != exitOK {
			t.Fatalf("ended with %d, %+v", code, found.Checks)
		}
		for _, role := range found.Roles {
			want := role.Account == "222222222222" && role.Role == "ReadOnly"
			if role.NotExact != want {
				t.Errorf("%s in %s: not exact %v, want %v", role.Role, role.Account, role.NotExact, want)
			}
		}
		return found.Checks[i]
	}
	f := line()
	if f.Verdict != healthy || f.Code != "not_exact" || !strings.Contains(f.Reason, "in 1 of 5 accounts") ||
		!strings.Contains(f.Reason, "of ReadOnly in payments-dev (222222222222).") {
		t.Errorf("got %+v", f)
	}
	c.api.env("VendFunction")["EXACT_EXPIRY"] = "off"
	if f = line(); f.Verdict != healthy || f.Code != "ok" || !strings.HasPrefix(f.Reason, "it is off") {
		t.Errorf("switched off: %+v", f)
	}
}

// A policy without responders compiles, but nobody could answer an incident in Slack.
func TestDoctorWarnsOfAPolicyWithoutResponders(t *testing.T) {
	for source, want := range map[string]verdict{thePolicy(t): healthy, large(1): warning} {
		found, code := newClinic(t, source).doctor("-only", "stack")
		i := slices.IndexFunc(found.Checks, func(f finding) bool { return f.Check == "responders" })
		if i < 0 || code != exitOK || found.Checks[i].Verdict != want {
			t.Errorf("ended with %d, %+v, want %s", code, found.Checks, want)
		}
	}
}
