package slackui

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
)

func TestAnErrorThatIsNoRefusalShowsOnlyItsReference(t *testing.T) {
	err := fmt.Errorf("dial secret-host: %w", errors.New("xoxb-token"))
	for name, m := range map[string]Message{
		"answer": ErrorAnswer(err, reference), "vend": NoSession(err, active(), reference),
	} {
		if !strings.Contains(m.Text, reference) || strings.Contains(m.Text, "secret-host") ||
			strings.Contains(m.Text, "xoxb") {
			t.Errorf("%s: got %q", name, m.Text)
		}
	}
	refusal := &access.Refusal{Code: "aws_refused", Says: "AWS refused it.", Next: "Tell them."}
	joined := errors.Join(errors.New("secret-host"), fmt.Errorf("assume: %w", refusal))
	if m := ErrorAnswer(joined, reference); m.Text != "AWS refused it. Tell them." {
		t.Errorf("an error with a refusal in it: got %q", m.Text)
	}
}

func TestAFormShowsEachMistakeBelowItsInput(t *testing.T) {
	v := View{Blocks: map[string]string{
		ActionAccount: "account", ActionRole: "role:1", ActionLength: "length",
		ActionReason: "reason", ActionTicket: "ticket",
	}}
	err := access.Join(access.RefuseTooShort(0), nil,
		access.Join(&access.Refusal{Code: "no_reason", Says: "A."}, &access.Refusal{Code: "no_ticket", Says: "B."}),
		&access.Refusal{Code: "not_allowed", Says: "C."})
	got := string(mustJSON(Errors(err, v)))
	for _, want := range []string{
		`"length":"The shortest access is 5m`, `"reason":"A."`, `"ticket":"B."`, `"role:1":"C."`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
}
