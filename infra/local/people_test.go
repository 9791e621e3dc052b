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

// hands are people's, who reach the product by the addresses that the deploy
// gave out.
func (w *world) hands() slackfake.Hands {
	return slackfake.Hands{
		Slack: w.slack, Post: slackfake.Over(w.public(), w.door("")), Secret: w.signing, Now: time.Now,
	}
}

// door is the public address of a path. The emulator speaks no TLS: that and
// nothing else is changed.
func (w *world) door(path string) string {
	base := strings.TrimSuffix(w.outputs["CommandsUrl"], "/slack/commands")
	return strings.Replace(base, "https://", "http://", 1) + path
}

// acts does something that the endpoint has to take.
func (w *world) acts(a slackfake.Act) slackfake.Outcome {
	w.t.Helper()
	out, err := w.hands().Do(w.t.Context(), a)
	w.must(err)
	if out.Status != http.StatusOK {
		w.t.Fatalf("%+v: answered %d %s, shown %q", a, out.Status, out.Body, out.Shown)
	}
	return out
}

func (w *world) command(as, line string) slackfake.Outcome {
	w.t.Helper()
	return w.acts(slackfake.Act{As: as, Command: &line})
}

// click presses a button of the newest message in a place that has it; @ and a
// person is that person's direct channel.
func (w *world) click(as, label, on string) {
	w.t.Helper()
	var act slackfake.Act
	w.eventually("a message on "+on+" with a button "+label, func() bool {
		for _, m := range slices.Backward(w.slack.Messages()) {
			if m.To != "" || m.Channel != on && "@"+m.DMWith != on {
				continue
			}
			_, found := w.slack.Button(m.Channel, m.TS, label, 0)
			act = slackfake.Act{As: as, Click: label, On: m.Channel + "/" + m.TS}
			return found && strings.Contains(string(m.Blocks), `"`+label+`"`)
		}
		return false
	})
	w.acts(act)
}

// told waits until somebody reads something. Of a channel that is everybody in
// it; of @ and a person, what only that person sees as well.
func (w *world) told(where, what string) slackfake.Message {
	w.t.Helper()
	var found *slackfake.Message
	var newest string
	within(patience, func() bool {
		newest = ""
		for _, m := range slices.Backward(w.slack.Messages()) {
			if m.To == "" && m.Channel != where && "@"+m.DMWith != where || m.To != "" && "@"+m.To != where {
				continue
			}
			if newest == "" {
				newest = m.Text
			}
			if strings.Contains(m.Text+string(m.Blocks), what) {
				found = &m
				return true
			}
		}
		return false
	})
	if found == nil {
		w.t.Fatalf("%s never read %q; the newest is %q", where, what, newest)
	}
	return *found
}

// ping asks, signed as Slack signs, whether the signature is good.
func (w *world) ping() (said []byte) {
	w.t.Helper()
	body := []byte("ssl_check=1")
	stamp, signature := slackapi.Sign(w.signing, time.Now(), body)
	status, said, err := w.hands().Post(w.t.Context(), "/slack/commands", http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, slackapi.TimestampHeader: {stamp}, slackapi.SignatureHeader: {signature},
	}, body)
	w.must(err)
	if status != http.StatusOK {
		w.t.Fatalf("the ping is answered %d %s", status, said)
	}
	return said
}
