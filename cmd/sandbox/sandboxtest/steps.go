package sandboxtest

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// AskCommand is U0DEV1's usual request: one lead has to approve it, and its card
// is posted in C0APPROVALS.
const AskCommand = `/aws-access payments-prod ReadOnly 2h "stuck payouts"`

// Ask asks with AskCommand as U0DEV1.
func Ask(b *Sandbox) {
	b.T.Helper()
	out := b.Command("U0DEV1", AskCommand)
	if out.Status != http.StatusOK || out.Shown != "" || !strings.Contains(out.Body, "Asked for") {
		b.T.Fatalf("the command: got %+v", out)
	}
}

// AskByForm asks for the same as Ask, by the form.
func AskByForm(b *Sandbox) {
	b.T.Helper()
	b.Command("U0DEV1", "/aws-access")
	views := b.State().Views
	if len(views) != 1 || views[0].User != "U0DEV1" {
		b.T.Fatalf("after the command: views %+v", views)
	}
	out := b.Act(map[string]any{"as": "U0DEV1", "submit": views[0].ID, "values": map[string]string{
		"Account": "payments-prod", "Role": "ReadOnly", "How long": "2h", "Reason": "stuck payouts",
	}})
	if out.Status != http.StatusOK || out.Shown != "" {
		b.T.Fatalf("the form: got %+v", out)
	}
}

// Granted asks as U0DEV1 for a role that needs no approval, for an hour, and is
// the message with the grant's buttons.
func Granted(b *Sandbox) slackfake.Message {
	b.T.Helper()
	b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 1h "looking"`)
	return b.Direct("U0DEV1")
}

// ConsoleLink matches a message with a console link, and its URL as Slack
// escapes it.
var ConsoleLink = regexp.MustCompile(`^<(http[^|]+)\|`)

// NoFault is a way to fail that no call knows: a call that meets it succeeds.
// Set some number of times, it makes the next fault wait for a later call.
const NoFault = "pass"
