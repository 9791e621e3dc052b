package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// The ways in which a call, or a delivery between functions, goes wrong.
const (
	howError     = "error"  // the work is not done, and the answer says so
	howThrottled = "429"    // too many calls: the work is not done
	howSlow      = "slow"   // the work is done, the answer comes late (real time)
	howLost      = "lost"   // the work is done, and the answer is an error
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

	skip int // calls that it lets pass first
}

// faults are those in force, in the order in which they were set. One call
// meets the first that is meant for it.
type faults struct {
	now func() time.Time

	mu   sync.Mutex
	list []fault
}

// operation is what at may name: an operation, or the beginning of some.
var operation = regexp.MustCompile(`^(?:\*|(?:slack|sts|iam|s3|signin|store|invoke):(?:[A-Za-z][A-Za-z.]*|[A-Za-z.]*\*))$`)

// few are the operations of the services that have only a few, so that a
// misspelt one is an answer and not a fault that never happens.
var few = map[string][]string{
	"store": {"load", "save", "due", "list"}, "invoke": {"vend"}, "signin": {"getSigninToken"},
}

// checkFault says what is wrong with a fault, in a sentence.
func checkFault(f fault) error {
	hows := []string{howError, howThrottled, howSlow, howLost}
	if f.At == feed {
		hows = []string{howDouble, howDelay}
	}
	service, name, _ := strings.Cut(f.At, ":")
	known := few[service]
	switch {
	case f.At != feed && !operation.MatchString(f.At):
		return fmt.Errorf(`"at" is %q: write an operation such as slack:chat.postMessage, sts:AssumeRole, store:save or invoke:vend, a beginning such as slack:*, everything as *, or feed`, f.At)
	case known != nil && !strings.HasSuffix(name, "*") && !slices.Contains(known, name):
		return fmt.Errorf(`"at" is %q, but %s has only %s`, f.At, service, strings.Join(known, ", "))
	case !slices.Contains(hows, f.How):
		return fmt.Errorf(`"how" is %q: %s can go wrong as %s`, f.How, f.At, strings.Join(hows, ", "))
	case f.Times < 0:
		return fmt.Errorf(`"times" is %d: write 1 or more, or leave it out for no limit`, f.Times)
	}
	return nil
}

// add sets a fault.
func (f *faults) add(one fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
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
// at all, and counts it.
func (f *faults) take(names ...string) (how string) {
	return f.first(func(one fault) bool {
		return slices.ContainsFunc(names, func(name string) bool { return covers(one.At, name) })
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
	i := slices.IndexFunc(f.list, func(one fault) bool { return one.skip == 0 && meant(one) })
	for j := range f.list {
		if f.list[j].skip > 0 && meant(f.list[j]) {
			f.list[j].skip--
		}
	}
	if i < 0 {
		return ""
	}
	how = f.list[i].How
	switch f.list[i].Times {
	case 0:
	case 1:
		f.list = slices.Delete(f.list, i, i+1)
	default:
		f.list[i].Times--
	}
	return how
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
