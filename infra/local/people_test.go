//go:build deployed

package local

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/slackapi"
)

// ui is the UI of people in Slack. It reaches the product at the addresses in the
// outputs of the stack.
func (w *world) ui() slackfake.UI {
	return slackfake.UI{
		Slack: w.slack, Post: slackfake.PostOverHTTP(w.public(), w.address("")), Secret: w.signing, Now: time.Now,
	}
}

// address returns the public address of a path. Only its scheme is changed, because
// the emulator does not speak TLS.
func (w *world) address(path string) string {
	base := strings.TrimSuffix(w.outputs["CommandsUrl"], "/slack/commands")
	return strings.Replace(base, "https://", "http://", 1) + path
}

// acts does a user action, which the endpoint must answer with status 200.
func (w *world) acts(a slackfake.UserAction) slackfake.Outcome {
	w.t.Helper()
	out, err := w.ui().Do(w.t.Context(), a)
	w.must(err)
	if out.Status != http.StatusOK {
		w.t.Fatalf("%+v: got %d %s, shown %q", a, out.Status, out.Body, out.Shown)
	}
	return out
}

func (w *world) command(as, line string) slackfake.Outcome {
	w.t.Helper()
	return w.acts(slackfake.UserAction{As: as, Command: &line})
}

// click clicks a button of the newest message that has it. on is a channel, or @ and a
// user for the user's direct messages.
func (w *world) click(as, label, on string) {
	w.t.Helper()
	var action slackfake.UserAction
	w.eventually("a message on "+on+" with a button "+label, func() bool {
		for _, m := range slices.Backward(w.slack.Messages()) {
			if m.To != "" || m.Channel != on && "@"+m.DMWith != on {
				continue
			}
			_, found := w.slack.Button(m.Channel, m.TS, label, 0)
			action = slackfake.UserAction{As: as, Click: label, On: m.Channel + "/" + m.TS}
			return found && strings.Contains(string(m.Blocks), `"`+label+`"`)
		}
		return false
	})
	w.acts(action)
}

// told waits for a message with a text. where is a channel, or @ and a user for direct
// messages and for messages that only this user sees.
func (w *world) told(where, text string) slackfake.Message {
	w.t.Helper()
	var found *slackfake.Message
	var newest string
	within(timeout, func() bool {
		newest = ""
		for _, m := range slices.Backward(w.slack.Messages()) {
			if m.To == "" && m.Channel != where && "@"+m.DMWith != where || m.To != "" && "@"+m.To != where {
				continue
			}
			if newest == "" {
				newest = m.Text
			}
			if strings.Contains(m.Text+string(m.Blocks), text) {
				found = &m
				return true
			}
		}
		return false
	})
	if found == nil {
		w.t.Fatalf("%s did not get %q; the newest message is %q", where, text, newest)
	}
	return *found
}

// ping sends Slack's signed ssl_check and returns the answer.
func (w *world) ping() (answer []byte) {
	w.t.Helper()
	body := []byte("ssl_check=1")
	stamp, signature := slackapi.Sign(w.signing, time.Now(), body)
	status, answer, err := w.ui().Post(w.t.Context(), "/slack/commands", http.Header{
		"Content-Type":           {"application/x-www-form-urlencoded"},
		slackapi.TimestampHeader: {stamp}, slackapi.SignatureHeader: {signature},
	}, body)
	w.must(err)
	if status != http.StatusOK {
		w.t.Fatalf("ping: got %d %s", status, answer)
	}
	return answer
}
