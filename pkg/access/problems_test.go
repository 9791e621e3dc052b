package access

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// If eighty people send too much, the operators must still learn that the bot token is
// invalid.
func TestProblemsWithoutEndLeaveRoomForOthers(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var p Problems
	for i := range 2 * MaxProblems {
		p, _ = p.Report(fmt.Sprint("flood:U", i), Problem{Since: now, Forget: now.Add(time.Hour)})
	}
	if n := len(p.Current); n != MaxPassing {
		t.Errorf("%d problems without an end are kept, want %d", n, MaxPassing)
	}
	for i := range MaxProblems - MaxPassing {
		next, reported := p.Report(fmt.Sprint("slack:", i), Problem{Since: now})
		if p = next; !reported {
			t.Errorf("problem %d, whose end somebody reports, was not accepted", i)
		}
	}
	if next, reported := p.Report("slack:token", Problem{Since: now}); reported || len(next.Current) != MaxProblems {
		t.Errorf("%d problems are kept, want at most %d", len(next.Current), MaxProblems)
	}
	later := now.Add(time.Hour)
	if _, reported := p.Report("flood:U0", Problem{Since: later, Forget: later.Add(time.Hour)}); !reported {
		t.Error("a flood that continues is not reported again after an hour")
	}
}

// A long error of Slack, or many names of groups, must not make the stored item too
// large.
func TestProblemTextIsLimited(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	long := strings.Repeat("é", 3*MaxProblemText)
	p, _ := Problems{}.Report("people", Problem{Text: long, Since: now})
	if got := utf8.RuneCountInString(p.Current["people"].Text); got != MaxProblemText {
		t.Errorf("the reported text has %d characters, want %d", got, MaxProblemText)
	}
	p, _ = p.Tell("people", now).Resolve("people", long, now)
	if got := p.Current["people"].Text; utf8.RuneCountInString(got) != MaxProblemText || !strings.HasSuffix(got, "é…") {
		t.Errorf("the text of its end has %d characters, want %d ending in …", utf8.RuneCountInString(got), MaxProblemText)
	}
}
