package operators

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/aws-access/aws-access/functions"
)

// verdict is the result of a check.
type verdict string

// The verdicts.
const (
	healthy  verdict = "ok"
	problem  verdict = "problem"
	warning  verdict = "warning"
	notKnown verdict = "not checked"
)

// finding is one check and its result.
type finding struct {
	Part    string  `json:"part"`  // stack, slack or accounts
	Check   string  `json:"check"` // what was looked at
	Verdict verdict `json:"verdict"`
	Code    string  `json:"code"` // for machines: ok, or what is wrong
	Reason  string  `json:"reason"`
	Do      string  `json:"do,omitempty"`
}

// report is all that doctor found.
type report struct {
	Stack     string                  `json:"stack"`
	Region    string                  `json:"region"`
	Policy    string                  `json:"policy,omitempty"` // digest of the deployed one
	Verdict   verdict                 `json:"verdict"`          // the worst of the checks
	Checks    []finding               `json:"checks"`
	Roles     []functions.RolesAnswer `json:"roles,omitempty"`    // every role that was tried
	Programs  []program               `json:"programs,omitempty"` // every deployed program that was read
	Reminders []string                `json:"reminders,omitempty"`
}

func (r *report) add(f finding) { r.Checks = append(r.Checks, f) }

// ok adds a check that found nothing wrong.
func (r *report) ok(part, check, reason string) { r.add(nothingWrong(part, check, reason)) }

func nothingWrong(part, check, reason string) finding {
	return finding{Part: part, Check: check, Verdict: healthy, Code: "ok", Reason: reason}
}

// remind adds something that no API shows and the operator must check.
func (r *report) remind(text string) { r.Reminders = append(r.Reminders, text) }

func (r *report) count(v verdict) (n int) {
	for _, f := range r.Checks {
		if f.Verdict == v {
			n++
		}
	}
	return n
}

// worst is the verdict of the whole report.
func (r *report) worst() verdict {
	for _, v := range []verdict{problem, notKnown, warning} {
		if r.count(v) > 0 {
			return v
		}
	}
	if len(r.Checks) == 0 {
		return notKnown
	}
	return healthy
}

// exit is how the command ends.
func (r *report) exit() int {
	switch r.worst() {
	case problem:
		return exitProblem
	case notKnown:
		return exitUnchecked
	}
	return exitOK
}

func (r *report) writeJSON(w io.Writer) {
	r.Verdict = r.worst()
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(r) // an error means that nobody reads it
}

// indent is where the text of a finding begins.
const indent = "             "

func (r *report) write(w io.Writer) {
	for _, f := range r.Checks {
		if f.Verdict == healthy {
			printf(w, "%-12s %s\n", f.Verdict, hanging(f.Check+": "+f.Reason))
			continue
		}
		printf(w, "%-12s %s\n", f.Verdict, hanging(f.Check+" ("+f.Code+")"))
		printf(w, "%s\n", indented(f.Reason))
		if f.Do != "" {
			printf(w, "%s\n", indented("do: "+f.Do))
		}
	}
	for _, text := range r.Reminders {
		printf(w, "%-12s %s\n", "remember", hanging(text))
	}
	printf(w, "\n%s in %s: %d checks, %d ok, %d problems, %d warnings, %d not checked\n", r.Stack, r.Region,
		len(r.Checks), r.count(healthy), r.count(problem), r.count(warning), r.count(notKnown))
}

func indented(text string) string { return indent + hanging(text) }

// hanging indents all lines but the first, so that no text can look like another finding.
// Texts of a function whose code was replaced may hold anything, so what moves the cursor
// or changes the direction of writing is left out.
func hanging(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
	return strings.ReplaceAll(text, "\n", "\n"+indent)
}

// maxNames is how many names a finding shows.
const maxNames = 10

// names joins a list, and cuts it after maxNames.
func names(all []string) string {
	all = slices.Clone(all)
	if len(all) > maxNames {
		rest := fmt.Sprintf("and %d more (--json lists all)", len(all)-maxNames)
		all = append(all[:maxNames], rest)
	}
	return strings.Join(all, ", ")
}
