package stories

import (
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

// ending is how everything stands, as text in which the same things have the
// same names whoever tells the story.
type ending struct {
	text strings.Builder
	ids  map[string]string // what an id is called here
}

func (e *ending) String() string { return e.text.String() }

func (e *ending) line(format string, args ...any) {
	e.text.WriteString(e.plain(fmt.Sprintf(format, args...)) + "\n")
}

// What differs from one telling to the next: times, what STS made, and the ids
// that Slack gives to blocks.
var (
	ulid   = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`)
	others = []struct {
		what *regexp.Regexp
		is   string
	}{
		{regexp.MustCompile(`<!date\^[0-9]+\^[^|>]*\|[^>]*> \([0-9]{2}:[0-9]{2} UTC\)`), "‹time›"},
		{regexp.MustCompile(`[0-9]{1,2} [A-Z][a-z]{2} [0-9]{2}:[0-9]{2} UTC`), "‹time›"},
		{regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`), "‹time›"},
		{regexp.MustCompile(`"block_id":"b[0-9a-z]{3,7}",`), ""},
		{regexp.MustCompile(`https?://[^ |>"]*/federation\?[^ |>"]*`), "‹link›"},
		{regexp.MustCompile(`ASIA[A-Z0-9]{12,}`), "‹key id›"},
		{
			regexp.MustCompile(
				`(SECRET_ACCESS_KEY|SESSION_TOKEN|secret_access_key|session_token|SecretAccessKey|SessionToken)(['":= ]+)[A-Za-z0-9+/=]{16,}`,
			),
			"$1$2‹secret›",
		},
	}
)

// plain takes out what differs.
func (e *ending) plain(text string) string {
	text = ulid.ReplaceAllStringFunc(text, e.called)
	for _, o := range others {
		text = o.what.ReplaceAllString(text, o.is)
	}
	return text
}

// called numbers ids in the order in which they appear.
func (e *ending) called(id string) string {
	if e.ids == nil {
		e.ids = make(map[string]string)
	}
	if e.ids[id] == "" {
		e.ids[id] = "‹id " + strconv.Itoa(len(e.ids)+1) + "›"
	}
	return e.ids[id]
}

func (e *ending) outcome(s Step, out slackfake.Outcome) {
	if s.Pass != "" {
		e.line("%s pass", s.Pass)
		return
	}
	what := "?"
	for verb, of := range map[string]string{"click": s.Click + " on " + s.On, "submit": s.Submit, "close": s.Close} {
		if of != "" && of != " on " {
			what = verb + " " + of
		}
	}
	for verb, of := range map[string]*string{"type": s.Type, "choose": s.Choose, "command": s.Command} {
		if of != nil {
			what = verb + " " + *of
		}
	}
	e.line("%s: %s", s.As, what)
	e.line("  answered %d %s", out.Status, tidy([]byte(out.Body)))
	if out.Shown != "" {
		e.line("  shown %s", out.Shown)
	}
}

func (e *ending) requests(all []access.Request) {
	for _, r := range all {
		e.line("\nrequest %s: %s after %d events", r.ID, r.State, r.Version)
		e.line(
			"  %s %s wants %s in %s (%s) for %s, gets %s, gives %v", r.Requester.ID, r.Requester.Email, r.Role, r.Account,
			r.AccountName, r.Asked, r.For, r.Give,
		)
		e.line("  because %q, ticket %q; told in %v", r.Reason, r.Ticket, r.Channels)
		e.line("  decided within %s", minutes(r.AnswerBy.Sub(r.Submitted)))
		for _, a := range r.Approvals {
			e.line("  approved by %s", a.By.ID)
		}
		for _, n := range r.Requirements {
			e.line("  needed %d of %v", n.Required, n.From)
		}
		if !r.Starts.IsZero() {
			e.line("  granted for %s", r.Ends.Sub(r.Starts))
		}
		if r.Closed.By.ID != "" {
			e.line("  closed by %s: %q", r.Closed.By.ID, r.Closed.Why)
		}
	}
}

// minutes is a length without the seconds that the machine took.
func minutes(d time.Duration) time.Duration { return d.Round(time.Minute) }

func (e *ending) events(all []access.Event) {
	e.line("\nevents")
	for _, v := range all {
		e.line(
			"  %s %d: %s %s, %q to %q, %s %s %s %q", v.Request, v.Seq, v.Actor.ID, v.Verb, v.From, v.To, v.Kind, v.Outcome,
			v.Account+" "+v.Role, v.Why,
		)
	}
}

func (e *ending) sessions(all []awsfake.Session) {
	e.line("\nsessions")
	last := ""
	for _, s := range all {
		e.line("  %s of %s in %s as %s, %v", s.SessionName, s.Role, s.Account, s.SourceIdentity, s.Tags)
		e.line("  for %s", minutes(s.Expires.Sub(s.Issued)))
		if policy := e.plain(tidy([]byte(s.Policy))); policy != last {
			e.line("  with the policy %s", policy)
			last = policy
		}
	}
}

// messages are told channel by channel: between two channels there is no order.
func (e *ending) messages(all []slackfake.Message) {
	var channels []string
	in := make(map[string][]slackfake.Message)
	for _, m := range all {
		at := m.Channel
		if m.DMWith != "" {
			at = "the direct channel of " + m.DMWith
		}
		if in[at] == nil {
			channels = append(channels, at)
		}
		in[at] = append(in[at], m)
	}
	for _, at := range slices.Sorted(slices.Values(channels)) {
		e.line("\nin %s", at)
		for _, m := range in[at] {
			e.message(m)
		}
	}
}

func (e *ending) message(m slackfake.Message) {
	about := ""
	if m.To != "" {
		about += ", seen by " + m.To
	}
	if m.ThreadTS != "" {
		about += ", below another"
	}
	if m.FromResponseURL {
		about += ", by its response URL"
	}
	e.line("- message%s, drawn %d times", about, len(m.History)+1)
	e.line("  %s", strings.ReplaceAll(m.Text, "\n", "\n  "))
	e.line("  %s", tidy(m.Blocks))
}

func (e *ending) views(all []slackfake.View) {
	for _, v := range all {
		e.line("\nopen: %q of %s\n  %s", v.Title, v.User, tidy(v.Blocks))
	}
}

// tidy is JSON on one line with nothing escaped, and anything else as it is.
func tidy(text []byte) string {
	var v any
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if json.Unmarshal(text, &v) != nil || e.Encode(v) != nil {
		return strings.TrimSpace(string(text))
	}
	return strings.TrimSpace(out.String())
}

// Difference is the first lines in which two endings differ, "" for none.
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
