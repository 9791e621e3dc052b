package slackui

import (
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
)

// The owner of a computer has given nothing back when it is removed.
func TestAccessThatEndedWithAComputerSaysSo(t *testing.T) {
	r := must(active().EndForDevice(later))
	text, _ := Standing(r)
	said := map[string]string{"the command line": text, "a refusal": r.StateRefusal().Error()}
	for name, m := range map[string]Message{
		"the card": Card(r, CardPolicy{}, later), "the direct message": RequesterMessage(r, later),
		"the list": List([]access.Request{r}, false, later),
	} {
		said[name] = m.Text + string(mustJSON(m.Blocks))
	}
	for name, text := range said {
		lower := strings.ToLower(text)
		if strings.Contains(lower, "given back") || !strings.Contains(lower, "ended") ||
			!strings.Contains(text, "A computer that had used this access was removed.") {
			t.Errorf("%s: %s", name, text)
		}
	}
	const title = "AWS access ended (a computer was removed)"
	if text := Card(r, CardPolicy{}, later).Text; !strings.HasPrefix(text, title+": ReadOnly") {
		t.Errorf("the card is titled %q", text)
	}
}

// Who reads only the sentence must learn why.
func TestADecisionOnTheCommandLineHasItsReason(t *testing.T) {
	for _, state := range []access.State{access.Denied, access.Revoked} {
		r := access.Request{State: state, Role: "Admin", Account: "111111111111"}
		if text, _ := Standing(r); strings.Contains(text, "“”") {
			t.Errorf("%s without a reason: %s", state, text)
		}
		r.Closed.Why = "not\ntoday"
		if text, _ := Standing(r); !strings.HasSuffix(text, ": “not today”.") {
			t.Errorf("%s: %s", state, text)
		}
	}
}
