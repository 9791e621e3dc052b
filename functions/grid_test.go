package functions

import (
	"context"
	"net/url"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// onGrid returns a world in an organisation of Enterprise Grid. U0SIBLING is a member
// of another workspace of the organisation only.
func onGrid(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.enterprise = "E0CORP"
	w.rebuild()
	organisation, sibling := "E0CORP", "T0SIBLING"
	for _, change := range []slackfake.UserChange{
		{ID: "U0DEV1", Enterprise: &organisation}, {ID: "U0LEAD1", Enterprise: &organisation},
		{ID: "U0SIBLING", Enterprise: &organisation, Team: &sibling},
	} {
		if err := w.slack.SetUser(change); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// from is what a payload says about the workspace and organisation that it comes from.
type from struct{ team, enterprise, installed string }

// sentFrom returns a form that asks for access, with the fields of Slack's view
// submissions on Enterprise Grid. If "enterprise" is null there, the organisation is
// named beside the workspace.
func (w *world) sentFrom(user string, f from, nested bool) []byte {
	team := map[string]any{"id": f.team, "domain": "sandbox"}
	var enterprise any
	if nested {
		team["enterprise_id"], team["enterprise_name"] = f.enterprise, "Enterprise"
	} else if f.enterprise != "" {
		enterprise = map[string]any{"id": f.enterprise, "name": "Enterprise"}
	}
	value := func(id, v string) map[string]any {
		if id == "account" || id == "role" {
			return map[string]any{id: map[string]any{"type": "static_select", "selected_option": map[string]any{"value": v}}}
		}
		return map[string]any{id: map[string]any{"type": "plain_text_input", "value": v}}
	}
	return w.payload(map[string]any{
		"type": "view_submission", "team": team, "enterprise": enterprise, "is_enterprise_install": false,
		"user": map[string]any{"id": user, "team_id": f.team}, "api_app_id": "A0SANDBOX",
		"trigger_id": w.slack.NewTrigger(user),
		"view": map[string]any{
			"id": "V1", "team_id": f.team, "app_installed_team_id": f.installed, "callback_id": "ask", "type": "modal",
			"state": map[string]any{"values": map[string]any{
				"account": value("account", "222222222222"), "role": value("role", "ReadOnly"),
				"length": value("length", "1h"), "reason": value("reason", "why"),
			}},
		},
	})
}

// A member may work in any workspace of the organisation, and a payload names the one
// in which it was sent. view.app_installed_team_id names the installation of a form.
// Only users.info says who the person is.
func TestAGridMemberAsksFromASiblingWorkspace(t *testing.T) {
	form := func(user string, f from, nested bool) func(*world) []byte {
		return func(w *world) []byte { return w.sentFrom(user, f, nested) }
	}
	command := func(user, team, enterprise string) func(*world) []byte {
		return func(w *world) []byte {
			v := w.slack.CommandPayload(user, "/aws-access", `payments-dev ReadOnly 1h "why"`)
			v.Set("team_id", team)
			v.Del("enterprise_id")
			if enterprise != "" {
				v.Set("enterprise_id", enterprise)
			}
			return w.signed("/slack/commands", v.Encode())
		}
	}
	const foreigner = "other_workspace"
	for name, c := range map[string]struct {
		event func(*world) []byte
		code  string // of the refusal; "" if the request is made
	}{
		"a form":                                {form("U0DEV1", from{"T0SANDBOX", "E0CORP", "T0SANDBOX"}, false), ""},
		"a form from a sibling":                 {form("U0DEV1", from{"T0SIBLING", "E0CORP", "T0SANDBOX"}, false), ""},
		"a form that names the organisation so": {form("U0DEV1", from{"T0SIBLING", "E0CORP", "T0SANDBOX"}, true), ""},
		"a form of the organisation":            {form("U0DEV1", from{"T0SIBLING", "E0CORP", "E0CORP"}, false), ""},
		"a form of an older client":             {form("U0DEV1", from{"T0SIBLING", "E0CORP", ""}, true), ""},
		"a form of another installation": {form("U0DEV1", from{"T0SANDBOX", "E0CORP", "T0SIBLING"}, false),
			foreigner},
		"a form of who is in the sibling only": {form("U0SIBLING", from{"T0SIBLING", "E0CORP", "T0SANDBOX"}, false),
			foreigner},
		"a form of another company": {form("U0OUTSIDE", from{"T0OTHER", "E0OTHER", "T0SANDBOX"}, false),
			foreigner},
		"a form of another company, older client": {form("U0OUTSIDE", from{"T0OTHER", "E0OTHER", ""}, true), foreigner},
		"a command from a sibling":                {command("U0DEV1", "T0SIBLING", "E0CORP"), ""},
		"a command of who is in the sibling only": {command("U0SIBLING", "T0SIBLING", "E0CORP"), foreigner},
		"a command of another organisation":       {command("U0DEV1", "T0OTHER", "E0OTHER"), foreigner},
		"a command of no organisation":            {command("U0DEV1", "T0OTHER", ""), foreigner},
	} {
		t.Run(name, func(t *testing.T) {
			w := onGrid(t)
			answer := w.http(c.event(w))
			asked := len(w.store.All(context.Background())) == 1
			if got := w.lastCode(); got != c.code || asked != (c.code == "") {
				t.Errorf("code %q, asked: %v, want %q\n%s", got, asked, c.code, answer.Body)
			}
		})
	}
}

// A card in a channel that several workspaces share can be clicked in each of them.
func TestACardIsClickedFromASiblingWorkspace(t *testing.T) {
	click := func(w *world, user, team string, enterprise any) {
		w.knows(theRequest, "C0APPROVALS", "1.1")
		w.http(w.payload(map[string]any{
			"type": "block_actions", "team": map[string]any{"id": team}, "enterprise": enterprise,
			"user": map[string]any{"id": user, "team_id": team}, "trigger_id": w.slack.NewTrigger(user),
			"channel": map[string]any{"id": "C0APPROVALS"}, "response_url": w.slack.NewResponseURL(user, "C0APPROVALS", ""),
			"container": map[string]any{"type": "message", "channel_id": "C0APPROVALS", "message_ts": "1.1"},
			"message":   map[string]any{"ts": "1.1"},
			"actions":   []any{map[string]any{"type": "button", "action_id": "approve", "block_id": "b", "value": theRequest}},
		}))
	}
	corp := map[string]any{"id": "E0CORP", "name": "Enterprise"}
	for name, c := range map[string]struct {
		user, team string
		enterprise any
		want       access.State
	}{
		"a member, in a sibling":           {"U0LEAD1", "T0SIBLING", corp, access.Active},
		"a member, elsewhere":              {"U0LEAD1", "T0OTHER", map[string]any{"id": "E0OTHER"}, access.Pending},
		"somebody of the sibling alone":    {"U0SIBLING", "T0SIBLING", corp, access.Pending},
		"a member, in the workspace":       {"U0LEAD1", "T0SANDBOX", corp, access.Active},
		"a member, from no organisation":   {"U0LEAD1", "T0OTHER", nil, access.Pending},
		"a member, of the whole of E0CORP": {"U0LEAD1", "", corp, access.Active},
	} {
		w := onGrid(t)
		w.plant(access.Pending)
		click(w, c.user, c.team, c.enterprise)
		if got := w.request().State; got != c.want {
			t.Errorf("%s: the request is %s, want %s\n%s", name, got, c.want, w.logs)
		}
	}
}

// Outside Enterprise Grid no organisation is configured, and none is accepted.
func TestWithoutAnOrganisationOnlyTheWorkspaceCounts(t *testing.T) {
	w := newWorld(t)
	v := url.Values{
		"team_id": {"T0OTHER"}, "enterprise_id": {""}, "user_id": {"U0DEV1"}, "text": {"help"}, "trigger_id": {"1.2"},
	}
	w.http(w.signed("/slack/commands", v.Encode()))
	if got := w.lastCode(); got != "other_workspace" {
		t.Errorf("code %q, want other_workspace", got)
	}
}
