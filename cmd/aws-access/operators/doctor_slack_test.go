package operators

import (
	"strings"
	"testing"
)

func TestDoctorJudgesTheTokenByTheTableOfErrors(t *testing.T) {
	for code, want := range map[string]finding{
		"account_inactive":       {Verdict: problem, Reason: "Slack refuses the bot token", Do: "Install the app again"},
		"org_login_required":     {Verdict: problem, Reason: "Slack refuses the bot token", Do: "Install the app again"},
		"not_allowed_token_type": {Verdict: problem, Reason: "Slack refuses the bot token", Do: "Install the app again"},
		"fatal_error": {Verdict: notKnown, Reason: "Slack did not answer vend (fatal_error)",
			Do: "again in a minute"},
		"unreachable": {Verdict: notKnown, Reason: "Slack did not answer vend", Do: "again in a minute"},
		"team_access_not_granted": {Verdict: problem, Reason: "Slack refuses the call (team_access_not_granted)",
			Do: "Grant the app access to this workspace"},
		"brand_new_code": {Verdict: problem, Reason: "Slack refuses the call (brand_new_code)", Do: "Look up the code"},
	} {
		d := &doctor{report: &report{}}
		if d.checkToken(code) {
			t.Errorf("%s: the token counts as good", code)
		}
		got := d.report.Checks[0]
		if got.Verdict != want.Verdict || !strings.Contains(got.Reason, want.Reason) || !strings.Contains(got.Do, want.Do) {
			t.Errorf("%s: got %+v, want %+v", code, got, want)
		}
	}
}
