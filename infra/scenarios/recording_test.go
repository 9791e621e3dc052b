//go:build deployed

package scenarios

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

var update = flag.Bool("update", false, "write the recording to docs/images/terminal.svg")

// entry is one line of a recording.
type entry struct {
	kind, text string
}

// The kinds of entries.
const (
	typed = "typed" // in the terminal
	shown = "shown" // in the terminal
	slack = "slack" // what somebody does or reads there
)

// recorder plays a story, and keeps what is seen in its order.
type recorder struct {
	b       *sandboxtest.Sandbox
	s       *shell
	entries []entry
}

// flush takes what the terminal has shown.
func (r *recorder) flush() {
	for _, line := range r.s.take() {
		kind := shown
		if strings.HasPrefix(line, prompt) {
			kind = typed
		}
		if line != "" { // programs separate what they say by empty lines
			r.entries = append(r.entries, entry{kind, line})
		}
	}
}

// types types a line into the terminal, and waits until what is shown ends with a text.
func (r *recorder) types(line, end string) {
	r.s.types(line, end)
	r.flush()
}

// slack adds what is seen in Slack, after what the terminal has shown.
func (r *recorder) slack(lines ...string) {
	r.flush()
	for _, line := range lines {
		r.entries = append(r.entries, entry{slack, line})
	}
}

// play plays the story of docs/images/terminal.svg, and returns it with the secrets of this run.
func play(t *testing.T) (entries []entry, secrets []string) {
	t.Helper()
	b := startSandbox(t)
	c := newComputer(t)
	c.env = slices.DeleteFunc(c.env, func(v string) bool {
		return strings.HasPrefix(v, "AWS_ACCESS_HOME=") || strings.Contains(v, "REGION=")
	})
	r := &recorder{b: b, s: startShell(c)}
	r.types("export AWS_ENDPOINT_URL="+b.URL+"/aws  # the sandbox's AWS", prompt)
	code := r.pair()
	r.types("aws-access profiles --write", prompt)
	r.s.types(`aws-access request payments-prod ReadOnly 1h "stuck payouts"`, "0 of 1 from leads")
	card := b.Card("C0APPROVALS")
	r.slack("Slack: lead1 clicks Approve on", "  "+firstLine(card.Text))
	b.Click("U0LEAD1", "Approve", card)
	r.s.waitFor(prompt)
	r.types("aws --profile payments-prod-ReadOnly s3 ls", prompt)
	r.types("aws-access done", prompt)
	r.types("aws --profile payments-prod-ReadOnly s3 ls", prompt)
	secrets = []string{code}
	for _, one := range b.State().Sessions {
		secrets = append(secrets, one.AccessKeyID)
	}
	if len(secrets) != 2 {
		t.Errorf("the story has begun %d sessions, want 1", len(secrets)-1)
	}
	for i, e := range r.entries {
		r.entries[i].text = strings.ReplaceAll(e.text, c.dir, "~")
	}
	return r.entries, secrets
}

// pair types the command in Slack, and what it shows in the terminal. The code is blanked in the recording.
func (r *recorder) pair() (code string) {
	r.b.Command("U0DEV1", "/aws-access login")
	message := r.b.Last("the message with the code", func(m slackfake.Message) bool {
		return m.To == "U0DEV1" && pairing.MatchString(m.Text)
	})
	m := pairing.FindStringSubmatch(message.Text)
	code = m[2]
	lines := []string{"Slack: dev1 types /aws-access login, and gets an answer that only dev1 sees"}
	for line := range strings.SplitSeq(strings.ReplaceAll(message.Text, code, blank(code)), "\n") {
		if line = strings.NewReplacer("*", "", "```", "").Replace(drawnDate.ReplaceAllString(line, "$1")); line != "" {
			lines = append(lines, "  "+line)
		}
	}
	r.slack(lines...)
	r.s.types("aws-access login "+m[1], "(it is not shown): ")
	r.types(code, prompt)
	return code
}

// drawnDate is a date that Slack draws in the reader's own time zone, with the words for readers without Slack.
var drawnDate = regexp.MustCompile(`<!date\^[^|>]*\|([^>]*)>`)

// blank is a code that cannot be read.
func blank(code string) string { return regexp.MustCompile(`\w`).ReplaceAllString(code, "•") }

func firstLine(text string) string { line, _, _ := strings.Cut(text, "\n"); return line }

// changing is what differs from run to run.
var changing = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\b127\.0\.0\.1:\d+`), "HOST"},
	{regexp.MustCompile(`/v1#[\w-]{43}`), "/v1#KEY"},
	{regexp.MustCompile(`\b01[0-9A-HJKMNP-TV-Z]{24}\b`), "ID"},
	{regexp.MustCompile(`\b\d{1,2} [A-Z][a-z]{2}( 20\d\d)?\b`), "DATE"},
	{regexp.MustCompile(`\b\d\d:\d\d UTC`), "TIME"},
	{regexp.MustCompile(`\b(DATE )?TIME\b( \((in [^()]+|[^()]+ ago)\))?`), "MOMENT"},
}

// words are the entries without what differs from run to run.
func words(entries []entry) string {
	var out strings.Builder
	for _, e := range entries {
		text := e.text
		for _, c := range changing {
			text = c.what.ReplaceAllString(text, c.with)
		}
		fmt.Fprintf(&out, "%s: %s\n", e.kind, text)
	}
	return out.String()
}

func recordingFile(t *testing.T) string {
	return filepath.Join(sandboxtest.Repository(t), "docs", "images", "terminal.svg")
}

// The README shows a recording of the terminal: pairing, a request, an approval in Slack, the AWS CLI, and
// its refusal after the access was given back. It says what the programs say today, holds no secret, and
// nobody has changed it by hand.
func TestRecordingOfTheReadmeIsWhatTheCommandPrints(t *testing.T) {
	t.Parallel()
	entries, secrets := play(t)
	fresh := draw(entries)
	for _, secret := range secrets {
		if strings.Contains(fresh, secret) || strings.Contains(fresh, secret[:8]) {
			t.Errorf("the recording holds the secret that begins with %s", secret[:4])
		}
	}
	if got := words(entries); !strings.Contains(got, "demo-"+production) || !strings.Contains(got, "given back") {
		t.Errorf("the story is not told to its end:\n%s", got)
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(recordingFile(t), []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(recordingFile(t))
	if err != nil {
		t.Fatal(err)
	}
	before := readDrawing(t, string(kept))
	const again = "Draw it again: UPDATE=1 RUN=Recording make scenarios"
	if got, want := words(entries), words(before); got != want {
		t.Errorf("the programs do not say any more what docs/images/terminal.svg shows. %s\nshown:\n%s\nnow:\n%s",
			again, want, got)
	}
	if draw(before) != string(kept) {
		t.Errorf("docs/images/terminal.svg is not as it was drawn. %s", again)
	}
}
