package operators

import (
	"strings"
	"testing"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/vend"
)

// STS refuses a session whose policy and tags fill its token, so doctor warns
// from three quarters on.
func TestDoctorWarnsOfATokenThatIsNearlyFull(t *testing.T) {
	one := functions.CheckRole{Account: "111111111111", Name: "payments-prod", Role: "ReadOnly"}
	other := functions.CheckRole{Account: "222222222222", Role: "Admin"}
	for _, c := range []struct {
		one, other int
		verdict    verdict // "" for no finding
		words      []string
	}{
		{0, 0, "", nil},
		{40, 74, healthy, []string{"74 % of STS's 4,096 bytes"}},
		{40, 75, warning, []string{"Admin in 222222222222 (222222222222): 75 %", "At 100 %"}},
		{100, 75, warning, []string{"ReadOnly in payments-prod (111111111111): 100 %, Admin"}},
	} {
		d := &doctor{report: &report{}}
		d.reportTokens([]functions.CheckRole{one, other}, map[functions.CheckRole]result{
			one:   {Trial: access.Trial{Codes: []string{vend.OK}, Token: c.one}},
			other: {Trial: access.Trial{Codes: []string{vend.OK}, Token: c.other}},
		})
		var got verdict
		text := ""
		for _, f := range d.report.Checks {
			got, text = f.Verdict, text+f.Reason
		}
		if got != c.verdict || len(d.report.Checks) > 1 {
			t.Errorf("%d %% and %d %%: %q %q, want %q", c.one, c.other, got, text, c.verdict)
		}
		for _, words := range c.words {
			if !strings.Contains(text, words) {
				t.Errorf("%d %% and %d %%: %q, want %q in it", c.one, c.other, text, words)
			}
		}
	}
}
