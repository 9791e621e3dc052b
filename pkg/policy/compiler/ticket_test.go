package compiler

import (
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/policy"
)

func TestExampleOfATicketIsMadeFromThePattern(t *testing.T) {
	for pattern, want := range map[string]string{
		`[A-Z]+-[0-9]+`:               "ABC-123",
		`INC[0-9]{7}`:                 "INC1231231",
		`(INC|CHG)-\d{1,2}`:           "INC-12",
		`#?\d+`:                       "123",
		`[a-z]{2,}/x.*`:               "abc/x",
		`https://t\.example\.com/\w+`: "https://t.example.com/123",
	} {
		if got := exampleOf(pattern); got != want {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
	if got := exampleOf(`((a{100}){100}){100}`); len(got) > 2*policy.MaxTicketText {
		t.Errorf("the example has %d characters", len(got))
	}
	// Forty nested repetitions of nothing would take forever if each were written three times.
	if got := exampleOf(strings.Repeat("(", 40) + "x*" + strings.Repeat(")+", 40)); got != "" {
		t.Errorf("got %q for a pattern that matches the empty text", got)
	}
}
