package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// transcript is the text of what came of a scenario. Values that differ from run to
// run are masked, so that two runs of the same scenario give the same text.
type transcript struct {
	text strings.Builder
	ids  map[string]string // the mask of each id
}

func (t *transcript) String() string { return t.text.String() }

func (t *transcript) line(format string, args ...any) {
	t.text.WriteString(t.mask(fmt.Sprintf(format, args...)) + "\n")
}

// block writes a text, or JSON indented, below the last line.
func (t *transcript) block(text string) {
	text = strings.TrimSpace(indented([]byte(text)))
	if text != "" {
		t.line("    %s", strings.ReplaceAll(text, "\n", "\n    "))
	}
}

// What differs from run to run: ids, times, credentials, links, and the ids that
// Slack gives to blocks.
var (
	ulid  = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`)
	masks = []struct {
		pattern *regexp.Regexp
		mask    string
	}{
		{regexp.MustCompile(`<!date\^[0-9]+\^[^|>]*\|[^>]*> \([0-9]{2}:[0-9]{2} UTC\)`), "‹time›"},
		{regexp.MustCompile(`[0-9]{1,2} [A-Z][a-z]{2} [0-9]{2}:[0-9]{2} UTC`), "‹time›"},
		{regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`), "‹time›"},
		{regexp.MustCompile(`"block_id": ?"b[0-9a-z]{3,7}",\s*`), ""},
		{regexp.MustCompile(`https?://[^ |>"]*/federation\?[^ |>"]*`), "‹link›"},
		{regexp.MustCompile(`ASIA[A-Z0-9]{12,}`), "‹key id›"},
		{regexp.MustCompile(`(SECRET_ACCESS_KEY|SESSION_TOKEN|secret_access_key|session_token|` +
			`SecretAccessKey|SessionToken)(['":= ]+)[A-Za-z0-9+/=]{16,}`), "$1$2‹secret›"},
	}
)

// mask replaces what differs from run to run.
func (t *transcript) mask(text string) string {
	text = ulid.ReplaceAllStringFunc(text, t.maskID)
	for _, m := range masks {
		text = m.pattern.ReplaceAllString(text, m.mask)
	}
	return text
}

// maskID numbers ids in the order in which they appear.
func (t *transcript) maskID(id string) string {
	if t.ids == nil {
		t.ids = make(map[string]string)
	}
	if t.ids[id] == "" {
		t.ids[id] = "‹id " + strconv.Itoa(len(t.ids)+1) + "›"
	}
	return t.ids[id]
}

func (t *transcript) outcome(s Step, out slackfake.Outcome) {
	if s.Pass != "" {
		t.line("%s pass", s.Pass)
		return
	}
	t.line("%s: %s", s.As, s.action())
	t.line("  answered %d", out.Status)
	t.block(out.Body)
	if out.Shown != "" {
		t.line("  shown %s", out.Shown)
	}
}

// action names what the user does.
func (s Step) action() string {
	switch {
	case s.Click != "":
		return "click " + s.Click + " on " + s.On
	case s.Submit != "":
		return "submit " + s.Submit
	case s.Close != "":
		return "close " + s.Close
	case s.Type != nil:
		return "type " + *s.Type
	case s.Choose != nil:
		return "choose " + *s.Choose
	case s.Command != nil:
		return "command " + *s.Command
	}
	return "?"
}

func (t *transcript) requests(all []access.Request) {
	for _, r := range all {
		t.line("\nrequest %s: %s after %d events", r.ID, r.State, r.Version)
		t.line("  %s %s asked for %s in %s (%s) for %s, may have it for %s as %v",
			r.Requester.ID, r.Requester.Email, r.Role, r.Account, r.AccountName, r.Asked, r.For, r.Give)
		t.line("  reason %q, ticket %q, channels %v", r.Reason, r.Ticket, r.Channels)
		t.line("  to be answered within %s", minutes(r.AnswerBy.Sub(r.Submitted)))
		for _, a := range r.Approvals {
			t.line("  approved by %s", a.By.ID)
		}
		for _, n := range r.Requirements {
			t.line("  requires %d of %v", n.Required, n.From)
		}
		if !r.Starts.IsZero() {
			t.line("  granted for %s", r.Ends.Sub(r.Starts))
		}
		if r.Closed.By.ID != "" {
			t.line("  closed by %s: %q", r.Closed.By.ID, r.Closed.Why)
		}
	}
}

// minutes rounds a duration to minutes, because the machine takes some seconds.
func minutes(d time.Duration) time.Duration { return d.Round(time.Minute) }

func (t *transcript) events(all []access.Event) {
	t.line("\nevents")
	for _, v := range all {
		t.line("  %s %d: %s %s, %q to %q, %s %s %s %q", v.Request, v.Seq, v.Actor.ID, v.Verb, v.From, v.To,
			v.Kind, v.Outcome, v.Account+" "+v.Role, v.Why)
	}
}

func (t *transcript) sessions(all []awsfake.Session) {
	t.line("\nsessions")
	last := ""
	for _, s := range all {
		t.line("  %s of %s in %s as %s, %v", s.SessionName, s.Role, s.Account, s.SourceIdentity, s.Tags)
		t.line("  for %s", minutes(s.Expires.Sub(s.Issued)))
		if policy := t.mask(s.Policy); policy != last {
			t.line("  with the policy")
			t.block(s.Policy)
			last = policy
		} else if policy != "" {
			t.line("  with the same policy")
		}
	}
}

// messages are written channel by channel, because messages of different channels
// have no fixed order.
func (t *transcript) messages(all []slackfake.Message) {
	var channels []string
	in := make(map[string][]slackfake.Message)
	for _, m := range all {
		at := m.Channel
		if m.DMWith != "" {
			at = "the direct messages of " + m.DMWith
		}
		if in[at] == nil {
			channels = append(channels, at)
		}
		in[at] = append(in[at], m)
	}
	slices.Sort(channels)
	for _, at := range channels {
		t.line("\nin %s", at)
		for _, m := range in[at] {
			t.message(m)
		}
	}
}

func (t *transcript) message(m slackfake.Message) {
	about := ""
	if m.To != "" {
		about += ", only for " + m.To
	}
	if m.ThreadTS != "" {
		about += ", in a thread"
	}
	if m.FromResponseURL {
		about += ", through a response URL"
	}
	if n := len(m.History); n > 0 {
		about += fmt.Sprintf(", updated %d times", n)
	}
	t.line("- message%s", about)
	t.line("  %s", strings.ReplaceAll(m.Text, "\n", "\n  "))
	t.block(string(m.Blocks))
}

func (t *transcript) views(all []slackfake.View) {
	for _, v := range all {
		t.line("\nopen view %q of %s", v.Title, v.User)
		t.block(string(v.Blocks))
	}
}

// indented returns JSON with indentation and without escaped <, > and &, and any
// other text unchanged.
func indented(text []byte) string {
	var v any
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if json.Unmarshal(text, &v) != nil || e.Encode(v) != nil {
		return string(text)
	}
	return out.String()
}

// Difference returns the first line in which two transcripts differ, or "".
func Difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "(nothing)", "(nothing)"
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\n got %s\nwant %s", i+1, b, a)
		}
	}
	return ""
}
