package slackui

import (
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
)

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
