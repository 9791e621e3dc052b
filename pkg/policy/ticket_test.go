package policy

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

func TestTheExampleOfATicketIsMadeFromThePattern(t *testing.T) {
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
	if got := exampleOf(`((a{100}){100}){100}`); len(got) > 2*maxTicket {
		t.Errorf("an example of %d characters was made", len(got))
	}
	// Forty repetitions of nothing would take for ever, if each were written three times.
	if got := exampleOf(strings.Repeat("(", 40) + "x*" + strings.Repeat(")+", 40)); got != "" {
		t.Errorf("got %q for a pattern of which nothing has to be there", got)
	}
}

func TestPeopleAreShownTheExampleAndNotThePattern(t *testing.T) {
	src, err := os.ReadFile("../../policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, w := compiled(t, strings.Replace(string(src), "example: INC-42", "example: OPS-7", 1)), newWorkspace()
	for ticket, code := range map[string]string{"": "no_ticket", "yes": "bad_ticket", "OPS-7": ""} {
		refusal := p.Decide(Question{
			Who: w.person("dev1"), Account: "111111111111", Role: "Admin", For: time.Hour, Reason: "why", Ticket: ticket,
			Asking:    true,
			Directory: w.directory(noon), At: noon,
		}).Refusal
		switch {
		case code == "" && refusal != nil:
			t.Errorf("%q: got %v", ticket, refusal)
		case code != "" && (access.Code(refusal) != code || !strings.HasSuffix(refusal.Error(), " Write it like OPS-7.")):
			t.Errorf("%q: got %v, want %s with the example", ticket, refusal, code)
		}
	}
}
