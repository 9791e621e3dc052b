package cut

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/aws-access/aws-access/pkg/access"
)

// PolicyName is the name of the inline policy with the denies.
const PolicyName = "aws-access-cut"

// MaxInline is how many characters all inline policies of a role have together, white space not
// counted (docs/facts.md#c).
const MaxInline = 10240

// Deny is what the policy of a role denies.
type Deny struct {
	// Grants are the ends of the names of sessions that are denied everything, each with the time
	// until which it must stay in the policy.
	Grants map[string]time.Time
	// Whole, if set, denies everything to every session of the role that was issued before that
	// time. It stays until WholeUntil.
	Whole, WholeUntil time.Time
}

type document struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid, Effect      string
	Action, Resource string
	Condition        map[string]map[string][]string
}

// The Sid of a statement says until when it stays.
const (
	untilForm   = "20060102T1504Z"
	namesUntil  = "Until"
	wholeUntil  = "WholeRoleUntil"
	sessionKey  = "aws:userid"
	issueKey    = "aws:TokenIssueTime"
	anySession  = "*-"
	versionText = "2012-10-17"
)

// grantForm is the form of a ULID. Within a policy, any other text could match other sessions.
var grantForm = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)

// Document writes the policy. It returns "" if nothing is denied, and an error for a grant whose
// id has not exactly the form of a ULID.
func (d Deny) Document() (string, error) {
	doc := document{Version: versionText}
	if !d.Whole.IsZero() {
		doc.Statement = append(doc.Statement, deny(wholeUntil+d.WholeUntil.UTC().Format(untilForm),
			"DateLessThan", issueKey, d.Whole.UTC().Format(time.RFC3339)))
	}
	byEnd := make(map[string][]string)
	for _, grant := range slices.Sorted(maps.Keys(d.Grants)) {
		if !grantForm.MatchString(grant) {
			return "", fmt.Errorf("%.40q is not the id of a grant", grant)
		}
		end := namesUntil + d.Grants[grant].UTC().Format(untilForm)
		byEnd[end] = append(byEnd[end], anySession+grant)
	}
	for _, end := range slices.Sorted(maps.Keys(byEnd)) {
		doc.Statement = append(doc.Statement, deny(end, "StringLike", sessionKey, byEnd[end]...))
	}
	if len(doc.Statement) == 0 {
		return "", nil
	}
	text, err := json.Marshal(doc)
	return string(text), err
}

func deny(sid, operator, key string, values ...string) statement {
	return statement{
		Sid: sid, Effect: "Deny", Action: "*", Resource: "*",
		Condition: map[string]map[string][]string{operator: {key: values}},
	}
}

// Parse reads what Document wrote. A statement that is not exactly as Document writes it is left out,
// because one more key in it could make it deny no session. Only this package writes that policy,
// and the next write puts it right.
func Parse(text string) Deny {
	d := Deny{Grants: make(map[string]time.Time)}
	var doc struct{ Statement []json.RawMessage }
	if json.Unmarshal([]byte(text), &doc) != nil {
		return d
	}
	for _, raw := range doc.Statement {
		var s statement
		if json.Unmarshal(raw, &s) != nil {
			continue
		}
		if end, err := endOf(s.Sid, wholeUntil); err == nil {
			issued := s.Condition["DateLessThan"][issueKey]
			if !s.isWritten(raw, "DateLessThan", issueKey) || len(issued) != 1 {
				continue
			}
			if at, err := time.Parse(time.RFC3339, issued[0]); err == nil {
				d.Whole, d.WholeUntil = at, end
			}
			continue
		}
		end, err := endOf(s.Sid, namesUntil)
		if err != nil || !s.isWritten(raw, "StringLike", sessionKey) {
			continue
		}
		for _, name := range s.Condition["StringLike"][sessionKey] {
			if grant, ok := strings.CutPrefix(name, anySession); ok && grantForm.MatchString(grant) {
				d.Grants[grant] = latest(d.Grants[grant], end)
			}
		}
	}
	return d
}

// isWritten reports whether the text of a statement is the one that Document writes for its values.
func (s statement) isWritten(raw []byte, operator, key string) bool {
	text, err := json.Marshal(deny(s.Sid, operator, key, s.Condition[operator][key]...))
	return err == nil && bytes.Equal(text, raw)
}

// How much of what only the policy says is believed. Sessions live for an hour, so this package
// writes no deny that lasts longer than this, and no list is as long. A member account can write
// anything, and the list must stay small enough that the next grant can be put on it.
const (
	longestDeny = 2 * time.Hour
	longestList = 1000
)

// believed returns what of a policy counts: what is on the list, and what this package can have
// written for a list that was lost since.
func (d Deny) believed(l access.CutList, now time.Time) Deny {
	next := Deny{Grants: make(map[string]time.Time)}
	listed := make(map[string]time.Time, len(l.Names))
	for _, n := range l.Names {
		listed[n.Grant] = n.Until
	}
	last := now.Add(longestDeny)
	for grant, until := range d.Grants {
		known, ok := listed[grant]
		if !until.After(known) || !until.After(last) && (ok || len(listed) < longestList) {
			next.Grants[grant] = until
		}
	}
	whole := d.Whole.Equal(l.Whole) && d.WholeUntil.Equal(l.WholeUntil)
	if whole || !d.Whole.After(last) && !d.WholeUntil.After(last) {
		next.Whole, next.WholeUntil = d.Whole, d.WholeUntil
	}
	return next
}

func endOf(sid, prefix string) (time.Time, error) {
	text, _ := strings.CutPrefix(sid, prefix)
	return time.Parse(untilForm, text)
}

// wanted returns what has to be denied at now: what is on the list and what stands in the policy,
// with the later of both times, without what is over.
func wanted(stored Deny, l access.CutList, now time.Time) Deny {
	want := Deny{Grants: make(map[string]time.Time)}
	for grant, until := range stored.Grants {
		if now.Before(until) {
			want.Grants[grant] = until
		}
	}
	for _, whole := range []Deny{stored, {Whole: l.Whole, WholeUntil: l.WholeUntil}} {
		if now.Before(whole.WholeUntil) {
			want.Whole = latest(want.Whole, whole.Whole)
			want.WholeUntil = latest(want.WholeUntil, whole.WholeUntil)
		}
	}
	for _, n := range namesOf(l, now) {
		if !want.byIssue(n) && want.Grants[n.Grant].Before(n.Until) {
			want.Grants[n.Grant] = n.Until
		}
	}
	return want
}

// namesOf returns the live names of a list that may be written. A bad one must not keep the others
// from being cut.
func namesOf(l access.CutList, now time.Time) []access.CutName {
	return slices.DeleteFunc(l.Live(now), func(n access.CutName) bool { return !grantForm.MatchString(n.Grant) })
}

// bad returns the live names of a list that may not be written.
func bad(l access.CutList, now time.Time) (names []string) {
	for _, n := range l.Live(now) {
		if !grantForm.MatchString(n.Grant) {
			names = append(names, n.Grant)
		}
	}
	return names
}

// byIssue reports whether a name on the list that had no room is denied by issue time.
func (d Deny) byIssue(n access.CutName) bool {
	return !n.ByIssue.IsZero() && !d.Whole.Before(n.ByIssue) && !d.WholeUntil.Before(n.Until)
}

// wholeMargin is added to the time before which sessions of the whole role are denied. A session
// that was ordered before its grant was revoked is issued a few seconds later.
const wholeMargin = 30 * time.Second

// fit returns a deny that has at most so many characters: as many of the names as there is room
// for, those that end last, and the whole role by issue time for the others, which are left. ok is
// false if not even that has room.
func (d Deny) fit(room int, now time.Time) (fitting Deny, left []string, ok bool) {
	if text, err := d.Document(); err != nil || size(text) <= room {
		return d, nil, err == nil
	}
	ordered := slices.SortedFunc(maps.Keys(d.Grants), func(a, b string) int {
		if byEnd := d.Grants[b].Compare(d.Grants[a]); byEnd != 0 {
			return byEnd
		}
		return strings.Compare(a, b)
	})
	left = ordered
	lowest, highest := 0, len(ordered) // how many names may have room
	for lowest <= highest {
		kept := (lowest + highest) / 2
		one := d.keeping(ordered[:kept], now)
		if text, err := one.Document(); err == nil && size(text) <= room {
			fitting, left, ok = one, ordered[kept:], true
			lowest = kept + 1
		} else {
			highest = kept - 1
		}
	}
	return fitting, left, ok
}

// keeping returns a deny that has some of the names, and the whole role by issue time for the others.
func (d Deny) keeping(kept []string, now time.Time) Deny {
	one := Deny{Grants: make(map[string]time.Time), Whole: now.Add(wholeMargin), WholeUntil: d.WholeUntil}
	for _, grant := range kept {
		one.Grants[grant] = d.Grants[grant]
	}
	for grant, until := range d.Grants {
		if one.Grants[grant].IsZero() {
			one.WholeUntil = latest(one.WholeUntil, until)
		}
	}
	return one
}

// size is the number of characters that IAM counts.
func size(text string) (n int) {
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
