package slackfake

import (
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
)

// Slack documents these token errors (docs.slack.dev/reference/methods/auth.test).
// After an app was reinstalled, the old token gets account_inactive and the new
// one works (github.com/slackapi/python-slack-sdk/issues/1524).
func TestATokenIsRefusedWithItsError(t *testing.T) {
	for _, code := range []string{
		"invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_authed", "org_login_required",
		"not_allowed_token_type", "is_bot", "missing_scope", "no_permission", "ekm_access_denied",
		"team_access_not_granted", "two_factor_setup_required", "enterprise_is_restricted",
	} {
		b := newTestServer(t)
		b.SetTokenError(code)
		for _, method := range []string{"auth.test", "users.list", "chat.postMessage", "views.open"} {
			if o := b.form(method, "channel", "C0OPS", "text", "x"); o["error"] != code {
				t.Errorf("%s: got %v, want %s", method, o, code)
			}
		}
		b.SetToken(access.NewSecret("xoxb-new"))
		if o := b.form("auth.test"); o["error"] != code {
			t.Errorf("the old token after the new one was set: got %v, want %s", o, code)
		}
		b.SetToken(access.NewSecret(token))
		b.SetTokenError("")
		b.mustOK(b.form("auth.test"))
		if len(b.Messages()) != 0 {
			t.Errorf("%s: a message was posted with a refused token", code)
		}
	}
}

// A user who acts from a second workspace of the organisation: payloads carry that
// workspace, and view.app_installed_team_id names the workspace of the installation
// (github.com/slackapi/bolt-python, extract_team_id).
func TestAGridMemberActsFromAnotherWorkspace(t *testing.T) {
	b := newTestServer(t)
	sibling, corp := "T0SIBLING", "E0CORP"
	if err := b.SetUser(UserChange{ID: "U0DEV1", Enterprise: &corp, ActsFrom: &sibling}); err != nil {
		t.Fatal(err)
	}
	if got := b.CommandPayload("U0DEV1", Command, "").Get("team_id"); got != sibling {
		t.Errorf("a command carries %s, want %s", got, sibling)
	}
	payload, err := b.SubmitPayload("U0DEV1", b.open("U0DEV1", `{"type":"modal","title":{"type":"plain_text","text":"t"},`+
		`"submit":{"type":"plain_text","text":"s"},"blocks":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	o := parsed(t, string(payload)).(object)
	view := o["view"].(object)
	if o["team"].(object)["id"] != sibling || o["user"].(object)["team_id"] != sibling ||
		view["app_installed_team_id"] != "T0SANDBOX" {
		t.Errorf("a form carries %s", payload)
	}
	user := b.mustOK(b.form("users.info", "user", "U0DEV1"))["user"].(object)
	teams := user["enterprise_user"].(object)["teams"].([]any)
	if user["team_id"] != "T0SANDBOX" || len(teams) != 2 || teams[1] != sibling {
		t.Errorf("users.info says %v", user)
	}
}
