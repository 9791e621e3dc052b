package functions

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/gateway"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// signed returns an event that Slack has signed, as the HTTP API delivers it.
func (w *world) signed(path, body string) []byte {
	return w.event(path, body, func(r *http.Request) {
		r.Header.Set("X-Slack-Request-Timestamp", "")
		ts, sig := slackapi.Sign(access.NewSecret(signingSecret), w.clock(), []byte(body))
		r.Header.Set("X-Slack-Request-Timestamp", ts)
		r.Header.Set("X-Slack-Signature", sig)
	})
}

func (w *world) event(path, body string, change func(*http.Request)) []byte {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	change(r)
	e, err := gateway.Event(r, w.clock())
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := json.Marshal(e)
	if err != nil {
		w.t.Fatal(err)
	}
	return text
}

func (w *world) typed(user, text string) []byte {
	return w.signed("/slack/commands", w.slack.CommandPayload(user, "/aws-access", text).Encode())
}

// clicked returns a click with any button value, on a message that is recorded with the request.
func (w *world) clicked(user, action, value string) []byte {
	w.t.Helper()
	w.knows(value, "C0APPROVALS", "1.1")
	return w.clickedElsewhere(user, action, value)
}

// clickedElsewhere returns a click on a message that is not recorded with the request.
func (w *world) clickedElsewhere(user, action, value string) []byte {
	return w.clickedOn(user, action, value, "1.1")
}

// clickedOn returns a click on a message that may belong to any request.
func (w *world) clickedOn(user, action, value, ts string) []byte {
	return w.payload(map[string]any{
		"type": "block_actions", "team": map[string]any{"id": "T0SANDBOX"}, "enterprise": nil,
		"user":       map[string]any{"id": user, "team_id": "T0SANDBOX"},
		"api_app_id": "A0SANDBOX", "trigger_id": w.slack.NewTrigger(user), "channel": map[string]any{"id": "C0APPROVALS"},
		"response_url": w.slack.NewResponseURL(user, "C0APPROVALS", ""),
		"container":    map[string]any{"type": "message", "channel_id": "C0APPROVALS", "message_ts": ts},
		"message":      map[string]any{"ts": ts}, "is_enterprise_install": false,
		"actions": []any{
			map[string]any{"type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": "1.2"},
		},
	})
}

func (w *world) payload(p any) []byte {
	w.t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.signed("/slack/interactions", url.Values{"payload": {string(text)}}.Encode())
}

// sent returns a form that a person submits, with its values by action id.
func (w *world) sent(user, view, callback, metadata string, values map[string]string) []byte {
	state := make(map[string]any)
	for id, v := range values {
		in := map[string]any{"type": "plain_text_input", "value": v}
		if id == "account" || id == "role" {
			in = map[string]any{"type": "static_select", "selected_option": map[string]any{"value": v}}
		}
		state[id] = map[string]any{id: in}
	}
	return w.payload(map[string]any{
		"type": "view_submission", "team": map[string]any{"id": "T0SANDBOX"}, "user": map[string]any{"id": user},
		"view": map[string]any{
			"id": view, "callback_id": callback, "private_metadata": metadata, "state": map[string]any{"values": state},
		},
	})
}

func TestOnlyRequestsThatSlackSignedAreRead(t *testing.T) {
	body := "team_id=T0SANDBOX&user_id=U0DEV1&command=%2Faws-access&trigger_id=1.2&text=" +
		url.QueryEscape(`payments-dev ReadOnly 1h "why"`)
	sign := func(w *world, secret string, at time.Time, of string) func(*http.Request) {
		return func(r *http.Request) {
			ts, sig := slackapi.Sign(access.NewSecret(secret), at, []byte(of))
			r.Header.Set("X-Slack-Request-Timestamp", ts)
			r.Header.Set("X-Slack-Signature", sig)
		}
	}
	notUTF8 := body + "%20\xff\xfe"
	large := body + strings.Repeat("x", MaxBody)
	for name, c := range map[string]struct {
		event  func(w *world) []byte
		status int
	}{
		"signed":   {func(w *world) []byte { return w.signed("/slack/commands", body) }, 200},
		"unsigned": {func(w *world) []byte { return w.event("/slack/commands", body, func(*http.Request) {}) }, 401},
		"forged": {
			func(w *world) []byte { return w.event("/slack/commands", body, sign(w, "guessed", noon, body)) }, 401,
		},
		"other body": {
			func(w *world) []byte { return w.event("/slack/commands", body, sign(w, signingSecret, noon, body+"x")) }, 401,
		},
		"stale": {func(w *world) []byte {
			return w.event("/slack/commands", body, sign(w, signingSecret, noon.Add(-5*time.Minute-time.Second), body))
		}, 401},
		"from the future": {func(w *world) []byte {
			return w.event("/slack/commands", body, sign(w, signingSecret, noon.Add(5*time.Minute+time.Second), body))
		}, 401},
		"oversized":    {func(w *world) []byte { return w.signed("/slack/commands", large) }, 413},
		"not UTF-8":    {func(w *world) []byte { return w.signed("/slack/commands", notUTF8) }, 400},
		"no such path": {func(w *world) []byte { return w.signed("/slack/admin", body) }, 404},
		"not a form":   {func(w *world) []byte { return w.signed("/slack/interactions", "payload=%7B") }, 400},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			answer := w.http(c.event(w))
			if answer.StatusCode != c.status || (len(w.store.All(context.Background())) == 1) != (c.status == 200) {
				t.Errorf("status %d (%s) and %d requests, want %d", answer.StatusCode, answer.Body,
					len(w.store.All(context.Background())), c.status)
			}
		})
	}
}

var code = regexp.MustCompile(`"code":"([a-z_]+)"`)

// lastCode returns the code of the last refusal, from the log.
func (w *world) lastCode() string {
	found := code.FindAllStringSubmatch(w.logs.String(), -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1][1]
}

// typedBy returns a command that a person types.
func typedBy(user, line string) func(*world) []byte {
	return func(w *world) []byte { return w.typed(user, line) }
}

// clickedBy returns a click on a button of the request.
func clickedBy(user, action string) func(*world) []byte {
	return func(w *world) []byte { return w.clicked(user, action, theRequest) }
}

// confirmedBy returns the form that confirms an approval.
func confirmedBy(user, request string) func(*world) []byte {
	return func(w *world) []byte { return w.sent(user, "V1", slackui.CallbackApprove, request, nil) }
}

// why is a reason in a form.
var why = map[string]string{slackui.ActionReason: "a laptop is lost"}

// revokedBy returns the form that confirms a revocation.
func revokedBy(user string) func(*world) []byte {
	return func(w *world) []byte { return w.sent(user, "V1", slackui.CallbackRevoke, theRequest, why) }
}

// badInput is input that is refused with a code.
var badInput = map[string]struct {
	given access.State // of the request; "" for none
	event func(w *world) []byte
	code  string
}{
	"guest asks":                   {"", typedBy("U0GUEST", `payments-dev ReadOnly 1h "x"`), "guest"},
	"bot asks":                     {"", typedBy("U0BOT", `payments-dev ReadOnly 1h "x"`), "bot"},
	"deactivated person asks":      {"", typedBy("U0GONE", `payments-dev ReadOnly 1h "x"`), "deactivated"},
	"a person of a shared channel": {"", typedBy("U0OUTSIDE", `payments-dev ReadOnly 1h "x"`), "other_workspace"},
	"guest opens the form":         {"", typedBy("U0GUEST", ""), "guest"},
	"outsider opens the form":      {"", typedBy("U0OUTSIDE", ""), "other_workspace"},
	"unknown account":              {"", typedBy("U0DEV1", `payments-qa ReadOnly 1h "x"`), "unknown_account"},
	"part of an account's name":    {"", typedBy("U0DEV1", `payments ReadOnly 1h "x"`), "unknown_account"},
	"unknown role":                 {"", typedBy("U0DEV1", `payments-dev Read 1h "x"`), "unknown_role"},
	"role that nobody gets there":  {"", typedBy("U0DEV1", `data-prod Operator 1h "x"`), "unknown_account"},
	"never":                        {"", typedBy("U0SEC1", `log-archive Admin 1h "x"`), "never"},
	"longer than the policy":       {"", typedBy("U0DEV1", `payments-prod ReadOnly 5h "x"`), "too_long"},
	"no unit":                      {"", typedBy("U0DEV1", `payments-dev ReadOnly 90 "x"`), "bad_length"},
	"no time":                      {"", typedBy("U0DEV1", `payments-dev ReadOnly 0h "x"`), "too_short"},
	"negative time":                {"", typedBy("U0DEV1", `payments-dev ReadOnly -1h "x"`), "bad_length"},
	"absurd time":                  {"", typedBy("U0DEV1", `payments-dev ReadOnly 1e9h "x"`), "bad_length"},
	"a minute":                     {"", typedBy("U0DEV1", `payments-dev ReadOnly 1m "x"`), "too_short"},
	"no reason":                    {"", typedBy("U0DEV1", `payments-dev ReadOnly 1h " "`), "no_reason"},
	"3,001 characters": {
		"", typedBy("U0DEV1", `payments-dev ReadOnly 1h "`+strings.Repeat("é", 3001)+`"`), "reason_too_long",
	},
	"half a line":                 {"", typedBy("U0DEV1", `payments-dev ReadOnly`), "bad_line"},
	"no ticket":                   {"", typedBy("U0DEV1", `payments-prod Admin 1h "x"`), "no_ticket"},
	"bad ticket":                  {"", typedBy("U0DEV1", `payments-prod Admin 1h "x" ticket=yes`), "bad_ticket"},
	"own request":                 {access.Pending, clickedBy("U0DEV1", "approve"), "self_approval"},
	"not an approver":             {access.Pending, clickedBy("U0DEV2", "approve"), "not_approver"},
	"guest approves":              {access.Pending, clickedBy("U0GUEST", "approve"), "guest"},
	"bot approves":                {access.Pending, clickedBy("U0BOT", "approve"), "bot"},
	"deactivated person approves": {access.Pending, clickedBy("U0GONE", "approve"), "deactivated"},
	"outsider approves":           {access.Pending, clickedBy("U0OUTSIDE", "approve"), "other_workspace"},
	"a person whom Slack does not know approves": {access.Pending, clickedBy("U0NOBODY", "approve"), "other_workspace"},
	"denied by a person who is no approver":      {access.Pending, clickedBy("U0DEV2", "deny"), "not_approver"},
	"cancelled by another person":                {access.Pending, clickedBy("U0LEAD1", "cancel"), "not_yours"},
	"keys before the approval":                   {access.Pending, clickedBy("U0DEV1", "keys"), "still_pending"},
	"another person takes the keys":              {access.Active, clickedBy("U0DEV2", "keys"), "not_yours"},
	"approver takes the keys":                    {access.Active, clickedBy("U0LEAD1", "keys"), "not_yours"},
	"ended by another person":                    {access.Active, clickedBy("U0LEAD1", "end"), "not_yours"},
	"revoked by a person who is no approver":     {access.Active, clickedBy("U0DEV2", "revoke"), "not_approver"},
	"approved when over":                         {access.Active, clickedBy("U0LEAD1", "approve"), "already_active"},
	"another request's id": {
		access.Pending, func(w *world) []byte { return w.clicked("U0LEAD1", "approve", "01ANOTHER") }, "unknown_request",
	},
	"a role in the button's value": {
		access.Pending, func(w *world) []byte { return w.clicked("U0LEAD1", "approve", theRequest+" Admin") },
		"unknown_request",
	},
	"an unknown action": {access.Pending, clickedBy("U0LEAD1", "approve_all"), "unknown_action"},
	"an unknown form": {
		access.Pending, func(w *world) []byte { return w.sent("U0LEAD1", "V1", "approve", theRequest, nil) }, "unknown_form",
	},
	"a person who is no approver denies in the form": {access.Pending, func(w *world) []byte {
		return w.sent("U0DEV2", "V1", "deny", theRequest, map[string]string{"reason": "x"})
	}, "not_approver"},
	"the requester confirms an approval": {
		access.Pending, confirmedBy("U0DEV1", theRequest), "self_approval",
	},
	"a person who is no approver confirms an approval": {
		access.Pending, confirmedBy("U0DEV2", theRequest), "not_approver",
	},
	"a guest confirms an approval": {access.Pending, confirmedBy("U0GUEST", theRequest), "guest"},
	"an outsider confirms an approval": {
		access.Pending, confirmedBy("U0OUTSIDE", theRequest), "other_workspace",
	},
	"a person who left confirms an approval": {access.Pending, confirmedBy("U0GONE", theRequest), "deactivated"},
	"an approval of a decided request is confirmed": {
		access.Active, confirmedBy("U0LEAD1", theRequest), "already_active",
	},
	"confirming another request": {
		access.Pending, confirmedBy("U0LEAD1", "01ANOTHER"), "unknown_request",
	},
	"confirming two requests": {
		access.Pending, confirmedBy("U0LEAD1", theRequest+","+theRequest), "unknown_request",
	},
	"a person who is no approver confirms a revocation": {access.Active, revokedBy("U0DEV2"), "not_approver"},
	"Revoke is pressed before the access began":         {access.Pending, clickedBy("U0LEAD1", "revoke"), "still_pending"},
	"a revocation without a reason": {access.Active, func(w *world) []byte {
		return w.sent("U0LEAD1", "V1", slackui.CallbackRevoke, theRequest, map[string]string{slackui.ActionReason: " "})
	}, "no_reason"},
	"an outsider confirms a revocation": {access.Active, revokedBy("U0OUTSIDE"), "other_workspace"},
	"a pending request is revoked":      {access.Pending, revokedBy("U0LEAD1"), "still_pending"},
	"a form with a role not offered": {"", func(w *world) []byte {
		return w.sent("U0DEV1", "V1", "ask", "", form("333333333333", "Operator", "1h"))
	}, "unknown_account"},
	"a form with an odd length": {"", func(w *world) []byte {
		return w.sent("U0DEV1", "V1", "ask", "", form("222222222222", "ReadOnly", "soon"))
	}, "bad_length"},
	"a form of a guest": {"", func(w *world) []byte {
		return w.sent("U0GUEST", "V1", "ask", "", form("222222222222", "ReadOnly", "1h"))
	}, "guest"},
	"a payload of another team": {access.Pending, ofAnotherTeam, "other_workspace"},
}

// Only the person who sent the input reads the refusal, and nothing moves.
func TestBadInputIsRefusedWithItsCodeAndMovesNothing(t *testing.T) {
	for name, c := range badInput {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := access.Request{}
			if c.given != "" {
				before = w.plant(c.given)
			}
			if answer := w.http(c.event(w)); answer.StatusCode != http.StatusOK {
				t.Errorf("status %d: %s", answer.StatusCode, answer.Body)
			}
			if got := w.lastCode(); got != c.code {
				t.Errorf("got code %q, want %q\n%s", got, c.code, w.logs)
			}
			all := w.store.All(context.Background())
			if c.given == "" && len(all) != 0 || c.given != "" && all[0].Version != before.Version {
				t.Errorf("the request moved: %+v", all)
			}
			if len(w.orders) != 0 {
				t.Errorf("orders were sent: %+v", w.orders)
			}
		})
	}
}

// The menu does not offer accounts that a person may not ask for, but a form can be
// submitted with any id. Neither the text of the answer nor its place in the form shows
// whether the account exists.
func TestAFormDoesNotRevealWhichAccountsExist(t *testing.T) {
	w := newWorld(t)
	answer := func(view, account string) string {
		body := w.http(w.sent("U0DEV1", view, "ask", "", form(account, "ReadOnly", "1h"))).Body
		if !strings.Contains(body, account) {
			t.Fatalf("%s: the answer does not name what was sent: %s", account, body)
		}
		return strings.ReplaceAll(body, account, "ID")
	}
	hidden, none := answer("V1", "333333333333"), answer("V2", "333333333334")
	if hidden != none {
		t.Errorf("the answers differ: for an account of others %s\nfor no account %s", hidden, none)
	}
}

func form(account, role, length string) map[string]string {
	return map[string]string{"account": account, "role": role, "length": length, "reason": "why"}
}

func ofAnotherTeam(w *world) []byte {
	return w.payload(map[string]any{
		"type": "block_actions", "team": map[string]any{"id": "T0OTHER"}, "user": map[string]any{"id": "U0LEAD1"},
		"trigger_id":   "1.2",
		"response_url": w.slack.NewResponseURL("U0LEAD1", "C0APPROVALS", ""),
		"actions":      []any{map[string]any{"action_id": "approve", "value": theRequest}},
	})
}

// A signed request that is sent again has no second effect. Its signature stays valid
// for five minutes.
func TestAReplayHasOneEffect(t *testing.T) {
	for name, c := range map[string]struct {
		given access.State
		event func(w *world) []byte
		check func(w *world) int
	}{
		"command": {"", func(w *world) []byte { return w.typed("U0DEV1", `payments-dev ReadOnly 1h "x"`) },
			func(w *world) int { return len(w.store.All(context.Background())) }},
		"command without a trigger": {"", func(w *world) []byte {
			return w.signed("/slack/commands",
				"team_id=T0SANDBOX&user_id=U0DEV1&text="+url.QueryEscape(`payments-dev ReadOnly 1h "x"`))
		}, func(w *world) int { return len(w.store.All(context.Background())) }},
		"form": {"", func(w *world) []byte {
			return w.sent("U0DEV1", "V1", "ask", "", form("222222222222", "ReadOnly", "1h"))
		},
			func(w *world) int { return len(w.store.All(context.Background())) }},
		"approval": {access.Pending, func(w *world) []byte { return w.clicked("U0LEAD1", "approve", theRequest) },
			func(w *world) int { return len(w.store.Events()) - 1 }},
		"denial": {access.Pending, func(w *world) []byte {
			return w.sent("U0LEAD1", "V1", "deny", theRequest, map[string]string{"reason": "no"})
		},
			func(w *world) int { return len(w.store.Events()) - 1 }},
		"end": {access.Active, func(w *world) []byte { return w.clicked("U0DEV1", "end", theRequest) },
			func(w *world) int { return len(w.store.Events()) - 1 }},
		"keys": {access.Active, func(w *world) []byte { return w.clicked("U0DEV1", "keys", theRequest) },
			func(w *world) int {
				w.order()
				n := 0
				for _, m := range w.slack.Messages() { // text and block hold the same keys
					if onlyTo("U0DEV1")(m) && strings.Contains(m.Text, "export AWS_ACCESS_KEY_ID") {
						n++
					}
				}
				return n
			}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.given != "" {
				w.plant(c.given)
			}
			event := c.event(w)
			for range 3 {
				if answer := w.http(event); answer.StatusCode != http.StatusOK {
					t.Fatalf("status %d: %s", answer.StatusCode, answer.Body)
				}
				w.pass(time.Minute / 4)
			}
			if got := c.check(w); got != 1 {
				t.Errorf("%d effects, want one", got)
			}
		})
	}
}

// While a request is open, a second one for the same role is refused anyway. So only a replay after
// its end proves that the unique key of the write refuses it.
func TestAReplayAfterTheEndOpensNothing(t *testing.T) {
	for name, c := range map[string]struct {
		event func(w *world) []byte
		end   string
		want  access.State
	}{
		"command, given back": {
			func(w *world) []byte { return w.typed("U0DEV1", `payments-dev ReadOnly 1h "x"`) }, "end", access.Ended,
		},
		"form, given back": {func(w *world) []byte {
			return w.sent("U0DEV1", "V1", "ask", "", form("222222222222", "ReadOnly", "1h"))
		}, "end", access.Ended},
		"command, cancelled": {
			func(w *world) []byte { return w.typed("U0DEV1", `payments-prod ReadOnly 1h "x"`) }, "cancel", access.Cancelled,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			event := c.event(w)
			w.http(event)
			w.pass(time.Minute)
			w.http(w.clicked("U0DEV1", c.end, w.request().ID))
			if got := w.request().State; got != c.want {
				t.Fatalf("before the replay the request is %s, want %s", got, c.want)
			}
			w.pass(time.Minute)
			if answer := w.http(event); answer.StatusCode != http.StatusOK {
				t.Fatalf("the replay, whose signature is valid for three more minutes: status %d", answer.StatusCode)
			}
			if got := w.request(); got.State != c.want {
				t.Errorf("after the replay the request is %s, want %s", got.State, c.want)
			}
		})
	}
}

// The policy at the time of the click decides, not the policy at the time when the card
// was posted.
func TestThePolicyAtTheTimeOfTheClickDecides(t *testing.T) {
	for name, c := range map[string]struct {
		change func(string) string
		code   string
	}{
		"person out of the rule": {
			func(p string) string { return strings.ReplaceAll(p, "who: [developers, leads]", "who: [leads]") }, "not_allowed",
		},
		"role out of the catalogue": {func(string) string {
			return strings.NewReplacer("ReadOnly", "Operator").Replace(small)
		}, "unknown_role"},
		"account out of the policy": {
			func(string) string { return strings.NewReplacer("111111111111", "777777777777").Replace(small) }, "unknown_account",
		},
		"nothing changed": {func(p string) string { return p }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.plant(access.Pending)
			w.policy = w.compiled(c.change(readPolicy(t)))
			w.rebuild()
			w.http(w.clicked("U0LEAD1", "approve", theRequest))
			if got := w.lastCode(); got != c.code || (w.request().State == access.Pending) != (c.code != "") {
				t.Errorf("got %q and %s, want %q\n%s", got, w.request().State, c.code, w.logs)
			}
		})
	}
}

const small = `
version: 1
settings: {channel: C0APPROVALS}
roles: {ReadOnly: {about: Look}}
accounts: [{id: "111111111111", name: payments-prod, region: eu-west-1}]
groups: {leads: {slack: S0LEADS}}
rules:
  - {name: look, who: [everyone], accounts: [payments-prod], roles: [ReadOnly], max: 4h,
     approvals: [{from: [leads], need: 1}]}
`

func TestOnlyThePersonWhoClickedReadsTheAnswer(t *testing.T) {
	w := newWorld(t)
	w.plant(access.Pending)
	w.http(w.clicked("U0DEV2", "approve", theRequest))
	all := w.slack.Messages()
	if len(all) != 1 || all[0].To != "U0DEV2" || !all[0].FromResponseURL {
		t.Errorf("got %+v, want one message to U0DEV2 alone", all)
	}
}

func FuzzSlackEvents(f *testing.F) {
	f.Add("/slack/interactions", "payload="+
		url.QueryEscape(`{"type":"block_actions","team":{"id":"T0SANDBOX"},"user":{"id":"U0DEV1"}}`))
	f.Add("/slack/commands", "team_id=T0SANDBOX&user_id=U0DEV1&text=help")
	f.Add("/slack/options", "payload="+url.QueryEscape(`{"type":"block_suggestion","user":{"id":"U0DEV1"}}`))
	f.Fuzz(func(t *testing.T, path, body string) {
		if u, err := url.ParseRequestURI(path); err != nil || u.Host != "" {
			return
		}
		w := newWorld(t)
		var e events.APIGatewayV2HTTPRequest
		e.RawPath, e.Body, e.RequestContext.HTTP.Method = path, body, http.MethodPost
		ts, sig := slackapi.Sign(access.NewSecret(signingSecret), noon, []byte(body))
		e.Headers = map[string]string{"x-slack-request-timestamp": ts, "x-slack-signature": sig}
		answer, err := w.Slack.Handle(context.Background(), e)
		if err != nil || answer.StatusCode >= 500 {
			t.Errorf("%d %s, %v", answer.StatusCode, answer.Body, err)
		}
	})
}
