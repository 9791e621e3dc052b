package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// The ways in which a call, or a delivery between functions, goes wrong.
const (
	howError     = "error"  // the work is not done, and the answer says so
	howThrottled = "429"    // too many calls: the work is not done
	howSlow      = "slow"   // the work is done, the answer comes late (real time)
	howLost      = "lost"   // the work is done, and the answer is an error
	howDead      = "dead"   // the work is not done, and the connection closes without an answer
	howCode      = "code:"  // and an error code: the work is not done, and this is the answer
	howQuota     = "quota"  // Slack: calls past a number a minute are answered as by howThrottled
	howDouble    = "double" // feed: handed over twice
	howDelay     = "delay"  // feed: handed over up to 30 s later
)

// feed is where faults of deliveries between functions are set.
const feed = "feed"

// fault is something that goes wrong for a while.
type fault struct {
	At    string     `json:"at"`
	How   string     `json:"how"`
	Times int        `json:"times,omitempty"` // how often it still happens; 0 for no limit
	Until *time.Time `json:"until,omitempty"` // sandbox time; nil for no end
	// PerMinute is a quota's number; 0 for the one that Slack documents.
	PerMinute int `json:"per_minute,omitempty"`

	id int // of faults, the order in which they were set
}

// faults are those in force, in the order in which they were set. One call
// meets the first that is meant for it.
type faults struct {
	now func() time.Time

	mu   sync.Mutex
	list []fault
	made int // faults set so far
}

// operation is what at may name: an operation, or the beginning of some.
var operation = regexp.MustCompile(`^(?:\*|(?:slack|sts|iam|s3|signin|store|invoke):(?:[A-Za-z][A-Za-z.]*|[A-Za-z.]*\*))$`)

// few are the operations of the services that have only a few, so that a
// misspelt one is an answer and not a fault that never happens.
var few = map[string][]string{
	"store": {"load", "save", "due", "list"}, "invoke": {"vend"}, "signin": {"getSigninToken"},
}

// errorCode is what an error code of Slack or AWS looks like.
var errorCode = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,99}$`)

// ways are how what at names can go wrong, for people to read.
func ways(at string) []string {
	ways := []string{howError, howThrottled, howSlow, howLost, howDead, howCode + "<error code>"}
	switch {
	case at == feed:
		return []string{howDouble, howDelay}
	case strings.HasPrefix(at, "slack:"):
		return append(ways, howQuota)
	}
	return ways
}

// checkFault says what is wrong with a fault, in a sentence.
func checkFault(f fault) error {
	service, name, _ := strings.Cut(f.At, ":")
	known := few[service]
	code, refuses := strings.CutPrefix(f.How, howCode)
	allowed := ways(f.At)
	switch {
	case f.At != feed && !operation.MatchString(f.At):
		return fmt.Errorf(`"at" is %q: write an operation such as slack:chat.postMessage, sts:AssumeRole, store:save or `+
			`invoke:vend, a beginning such as slack:*, everything as *, or feed`, f.At)
	case known != nil && !strings.HasSuffix(name, "*") && !slices.Contains(known, name):
		return fmt.Errorf(`"at" is %q, but %s has only %s`, f.At, service, strings.Join(known, ", "))
	case refuses && f.At != feed && !errorCode.MatchString(code):
		return fmt.Errorf(`"how" is %q: write code: and an error code, such as code:account_inactive or code:AccessDenied`,
			f.How)
	case !slices.Contains(allowed, f.How) && (!refuses || f.At == feed):
		return fmt.Errorf(`"how" is %q: %s can go wrong as %s`, f.How, f.At, strings.Join(allowed, ", "))
	case f.Times < 0:
		return fmt.Errorf(`"times" is %d: write 1 or more, or leave it out for no limit`, f.Times)
	}
	return checkQuota(f)
}

// checkQuota says what is wrong with the number of a quota.
func checkQuota(f fault) error {
	method := strings.TrimPrefix(f.At, "slack:")
	switch {
	case f.How != howQuota && f.PerMinute != 0:
		return fmt.Errorf(`"per_minute" belongs to "how":"quota", and "how" is %q`, f.How)
	case f.PerMinute < 0:
		return fmt.Errorf(`"per_minute" is %d: write 1 or more, or leave it out for what Slack documents`, f.PerMinute)
	case f.How == howQuota && f.PerMinute == 0 && !strings.HasSuffix(method, "*") && !slackfake.HasQuota(method):
		return fmt.Errorf(`"at" is %q, for which Slack documents no number: add "per_minute"`, f.At)
	}
	return nil
}

// add sets a fault.
func (f *faults) add(one fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	one.id = f.made
	f.list = append(f.list, one)
}

// clear ends all faults.
func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
}

// inForce lists the faults, without those that are over.
func (f *faults) inForce() []fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep()
	return append([]fault{}, f.list...)
}

func (f *faults) sweep() {
	now := f.now()
	f.list = slices.DeleteFunc(f.list, func(one fault) bool { return one.Until != nil && !now.Before(*one.Until) })
}

// nextEnd is when the next fault ends by itself; ok is false when none will.
func (f *faults) nextEnd() (at time.Time, ok bool) {
	for _, one := range f.inForce() {
		if one.Until != nil && (!ok || one.Until.Before(at)) {
			at, ok = *one.Until, true
		}
	}
	return at, ok
}

// take says how a call goes wrong that is known under these names, "" for not
// at all, and counts it. Quotas are not among the ways: they let most calls pass.
func (f *faults) take(names ...string) (how string) {
	return f.first(func(one fault) bool {
		return one.How != howQuota && slices.ContainsFunc(names, func(name string) bool { return covers(one.At, name) })
	})
}

// feeds reports whether a delivery goes wrong in this way, and counts it.
func (f *faults) feeds(how string) bool {
	return f.first(func(one fault) bool { return one.At == feed && one.How == how }) != ""
}

func (f *faults) first(meant func(fault) bool) (how string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep()
	i := slices.IndexFunc(f.list, meant)
	if i < 0 {
		return ""
	}
	how = f.list[i].How
	f.met(i)
	return how
}

// met counts that a fault happened once more. The caller holds the lock.
func (f *faults) met(i int) {
	switch f.list[i].Times {
	case 0:
	case 1:
		f.list = slices.Delete(f.list, i, i+1)
	default:
		f.list[i].Times--
	}
}

// quota is the first quota that is set for a call to Slack, nil for none. Each
// call that it refuses counts as one of its times.
func (f *faults) quota(op string) *slackfake.Quota {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep()
	i := slices.IndexFunc(f.list, func(one fault) bool { return one.How == howQuota && covers(one.At, op) })
	if i < 0 {
		return nil
	}
	id := f.list[i].id
	return &slackfake.Quota{PerMinute: f.list[i].PerMinute, Refused: func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if i := slices.IndexFunc(f.list, func(one fault) bool { return one.id == id }); i >= 0 {
			f.met(i)
		}
	}}
}

// covers reports whether at names an operation. Deliveries are no operations.
func covers(at, name string) bool {
	if beginning, ok := strings.CutSuffix(at, "*"); ok {
		return strings.HasPrefix(name, beginning)
	}
	return at == name
}

// calls counts operations.
type calls struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *calls) count(op string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[op]++
}

// all is a copy of the counts.
func (c *calls) all() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]int, len(c.n))
	for op, n := range c.n {
		out[op] = n
	}
	return out
}

// parseLength reads a length of sandbox time: Go's own way of writing one, with
// days in front, as in 30m, 1h30m, 90s, 2d and 1d12h. It may not be negative.
func parseLength(text string) (time.Duration, error) {
	wrong := fmt.Errorf("%q is not a length of time: write it like 30m, 1h30m, 90s or 2d", text)
	days, rest := time.Duration(0), text
	if number, behind, ok := strings.Cut(text, "d"); ok {
		n, err := time.ParseDuration(number + "h")
		if err != nil || n > maxLength/24 {
			return 0, wrong
		}
		days, rest = 24*n, cmp.Or(behind, "0s")
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || days < 0 || d+days > maxLength {
		return 0, wrong
	}
	return days + d, nil
}

// maxLength is the longest time that passes at once.
const maxLength = 100 * 366 * 24 * time.Hour
