package functions

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
)

// eventFile is what the handler does with one file of events/.
type eventFile struct {
	given access.State // of the request that the file names; "" for none
	check func(t *testing.T, w *world, answer events.APIGatewayV2HTTPResponse)
}

var eventFiles = map[string]eventFile{
	"slack-command-form.json": {"", func(t *testing.T, w *world, answer events.APIGatewayV2HTTPResponse) {
		// The fake Slack does not know the trigger of the file. The handler has tried to open a form.
		wantText(t, "logs", w.logs.String(), "views.open", "invalid_trigger")
		wantText(t, "answer", answer.Body, "Something went wrong")
	}},
	"slack-command-ask.json": {"", func(t *testing.T, w *world, answer events.APIGatewayV2HTTPResponse) {
		if r := w.request(); r.State != access.Pending || r.Reason != "INC-42: stuck payouts" ||
			r.Account != "111111111111" || r.Role != "ReadOnly" {
			t.Errorf("got %+v", r)
		}
		wantText(t, "answer", answer.Body, "Asked for *ReadOnly* in *payments-prod*", "1 approval from leads")
	}},
	"slack-command-help.json": {"", func(t *testing.T, _ *world, answer events.APIGatewayV2HTTPResponse) {
		wantText(t, "answer", answer.Body, `"response_type":"ephemeral"`, "opens a form")
	}},
	"slack-command-list.json": {access.Pending, func(t *testing.T, _ *world, answer events.APIGatewayV2HTTPResponse) {
		wantText(t, "answer", answer.Body, "payments-prod", theRequest)
	}},
	"slack-form-account-chosen.json": {"", func(t *testing.T, w *world, answer events.APIGatewayV2HTTPResponse) {
		// The fake Slack does not know the form of the file. It counts as closed, which is not an error.
		if answer.StatusCode != http.StatusOK || strings.Contains(w.logs.String(), "ERROR") {
			t.Errorf("status %d, logs %s", answer.StatusCode, w.logs)
		}
	}},
	"slack-form-sent.json": {"", func(t *testing.T, w *world, answer events.APIGatewayV2HTTPResponse) {
		if r := w.request(); r.State != access.Pending || r.Reason != "INC-42: stuck payouts <!channel> & more" {
			t.Errorf("got %+v", r)
		}
		wantText(t, "answer", answer.Body, `"response_action":"update"`, "Asked for")
	}},
	"slack-form-closed.json": {"", func(t *testing.T, _ *world, answer events.APIGatewayV2HTTPResponse) {
		wantText(t, "answer", answer.Body, "")
	}},
	"slack-menu-account.json": {"", func(t *testing.T, _ *world, answer events.APIGatewayV2HTTPResponse) {
		wantText(t, "answer", answer.Body, "payments-prod (111111111111)", "payments-dev (222222222222)")
		if strings.Contains(answer.Body, "data-") {
			t.Errorf("the menu offers accounts that do not match what was typed: %s", answer.Body)
		}
	}},
	"slack-click-approve.json": {access.Pending, func(t *testing.T, w *world, _ events.APIGatewayV2HTTPResponse) {
		if r := w.request(); r.State != access.Active || r.Approvals[0].By.ID != "U0LEAD1" {
			t.Errorf("got %s, approved by %v", r.State, r.Approvals)
		}
	}},
	"slack-click-deny.json": {access.Pending, func(t *testing.T, w *world, _ events.APIGatewayV2HTTPResponse) {
		if r := w.request(); r.State != access.Pending {
			t.Errorf("the click alone moved the request to %s", r.State)
		}
	}},
	"slack-form-denied.json": {access.Pending, func(t *testing.T, w *world, _ events.APIGatewayV2HTTPResponse) {
		if r := w.request(); r.State != access.Denied || r.Closed.Why != "Not during the freeze" {
			t.Errorf("got %s, %+v", r.State, r.Closed)
		}
	}},
	"slack-click-console.json": {
		access.Active, func(t *testing.T, w *world, _ events.APIGatewayV2HTTPResponse) { wantOrder(t, w, access.Console) },
	},
	"slack-click-keys.json": {
		access.Active, func(t *testing.T, w *world, _ events.APIGatewayV2HTTPResponse) { wantOrder(t, w, access.Keys) },
	},
	"slack-click-unknown.json": {access.Pending, func(t *testing.T, w *world, _ events.APIGatewayV2HTTPResponse) {
		wantText(t, "logs", w.logs.String(), `"code":"unknown_action"`)
		wantText(t, "answer to the clicker", w.responded(), "This button no longer works.", `"response_type":"ephemeral"`)
	}},
	"notify-insert.json": {access.Pending, func(t *testing.T, w *world, _ events.APIGatewayV2HTTPResponse) {
		wantText(t, "card", w.seen(in("C0APPROVALS")), "AWS access wanted", `"Approve"`, `"Deny"`, theRequest)
	}},
	"notify-modify.json": {access.Pending, func(t *testing.T, w *world, _ events.APIGatewayV2HTTPResponse) {
		wantText(t, "channel", w.seen(in("C0APPROVALS")), "")
	}},
	"notify-remove.json": {access.Pending, func(t *testing.T, w *world, _ events.APIGatewayV2HTTPResponse) {
		wantText(t, "channel", w.seen(in("C0APPROVALS")), "")
	}},
	"tick-schedule.json": {access.Pending, func(t *testing.T, w *world, _ events.APIGatewayV2HTTPResponse) {
		d, err := w.store.Directory(context.Background())
		if err != nil || len(d.Groups["S0LEADS"].Members) != 2 {
			t.Errorf("the tick read %+v, %v", d.Groups, err)
		}
	}},
	"vend-device.json": {"", func(t *testing.T, w *world, _ events.APIGatewayV2HTTPResponse) {
		wantText(t, "answer to the person", w.private("U0DEV1"), "You have no paired computer.")
	}},
	"vend-order.json": {access.Active, func(t *testing.T, w *world, _ events.APIGatewayV2HTTPResponse) {
		wantText(t, "answer to the requester", w.seen(onlyTo("U0DEV1")), "export AWS_ACCESS_KEY_ID=ASIAEXAMPLE",
			"*ReadOnly* in *payments-dev*")
	}},
}

func TestEveryEventFileDoesWhatItsNameSays(t *testing.T) {
	files, err := os.ReadDir("../events")
	if err != nil {
		t.Fatal(err)
	}
	tested := make(map[string]bool)
	for _, f := range files {
		if f.IsDir() || strings.HasPrefix(f.Name(), "api-") { // pkg/relay runs these
			continue
		}
		c, known := eventFiles[f.Name()]
		if !known {
			t.Errorf("events/%s has no case", f.Name())
			continue
		}
		tested[f.Name()] = true
		t.Run(f.Name(), func(t *testing.T) {
			w := newWorld(t)
			if c.given != "" {
				w.plant(c.given)
			}
			c.check(t, w, w.give(f.Name()))
		})
	}
	for name := range eventFiles {
		if !tested[name] {
			t.Errorf("events/%s is missing", name)
		}
	}
}

// give passes a file to the handler that its name begins with.
func (w *world) give(name string) events.APIGatewayV2HTTPResponse {
	w.t.Helper()
	event := file(w.t, name)
	var answer events.APIGatewayV2HTTPResponse
	switch prefix, _, _ := strings.Cut(name, "-"); prefix {
	case "slack":
		if answer = w.http(event); answer.StatusCode != http.StatusOK {
			w.t.Fatalf("status %d: %s", answer.StatusCode, answer.Body)
		}
	case "notify":
		var out events.DynamoDBEventResponse
		if err := json.Unmarshal(invoke(w.t, w.Notify.Handle, event), &out); err != nil || len(out.BatchItemFailures) > 0 {
			w.t.Fatalf("failed records %v, %v", out.BatchItemFailures, err)
		}
	case "vend":
		invoke(w.t, w.Vend.Handle, event)
	case "tick":
		invoke(w.t, w.Tick.Handle, event)
	default:
		w.t.Fatalf("no handler for events/%s", name)
	}
	return answer
}

func wantOrder(t *testing.T, w *world, kind access.Kind) {
	t.Helper()
	if len(w.orders) != 1 || w.orders[0].Request != theRequest || w.orders[0].Kind != kind || w.orders[0].By != "U0DEV1" ||
		w.orders[0].ID == "" {
		t.Errorf("orders %+v, want one for %s", w.orders, kind)
	}
}

// wantText checks that a text contains each of wants. An empty want means that the
// text must be empty.
func wantText(t *testing.T, what, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) || (want == "" && text != "") {
			t.Errorf("%s: got %q, want %q in it", what, text, want)
		}
	}
}
