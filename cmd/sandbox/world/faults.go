package world

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// The ways in which a call, or a delivery between functions, goes wrong.
const (
	FaultError     = "error"  // the work is not done, and the answer says so
	FaultThrottled = "429"    // too many calls: the work is not done
	FaultSlow      = "slow"   // the work is done, the answer comes late (real time)
	FaultLost      = "lost"   // the work is done, and the answer is an error
	FaultDead      = "dead"   // the work is not done, and the connection closes without an answer
	FaultCode      = "code:"  // and an error code: the work is not done, and this is the answer
	FaultQuota     = "quota"  // Slack: calls past a number a minute are answered as by FaultThrottled
	FaultDouble    = "double" // feed: handed over twice
	FaultDelay     = "delay"  // feed: handed over up to 30 s later
)

// Feed is the operation name of the deliveries between functions.
const Feed = "feed"

// fault is something that goes wrong for a while.
type Fault struct {
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
type Faults struct {
	now func() time.Time

	mu   sync.Mutex
	list []Fault
	made int // faults set so far
}

// add sets a fault.
func (f *Faults) Add(one Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made++
	one.id = f.made
	f.list = append(f.list, one)
}

// clear ends all faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
}

// Active lists the faults, without those that are over.
func (f *Faults) Active() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep()
	return append([]Fault{}, f.list...)
}

func (f *Faults) sweep() {
	now := f.now()
	f.list = slices.DeleteFunc(f.list, func(one Fault) bool { return one.Until != nil && !now.Before(*one.Until) })
}

// nextEnd is when the next fault ends by itself; ok is false when none will.
func (f *Faults) nextEnd() (at time.Time, ok bool) {
	for _, one := range f.Active() {
		if one.Until != nil && (!ok || one.Until.Before(at)) {
			at, ok = *one.Until, true
		}
	}
	return at, ok
}

// take says how a call goes wrong that is known under these names, "" for not
// at all, and counts it. Quotas are not among the ways: they let most calls pass.
func (f *Faults) take(names ...string) (how string) {
	return f.first(func(one Fault) bool {
		return one.How != FaultQuota && slices.ContainsFunc(names, func(name string) bool { return covers(one.At, name) })
	})
}

// feeds reports whether a delivery goes wrong in this way, and counts it.
func (f *Faults) feeds(how string) bool {
	return f.first(func(one Fault) bool { return one.At == Feed && one.How == how }) != ""
}

func (f *Faults) first(meant func(Fault) bool) (how string) {
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
func (f *Faults) met(i int) {
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
func (f *Faults) quota(op string) *slackfake.Quota {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sweep()
	i := slices.IndexFunc(f.list, func(one Fault) bool { return one.How == FaultQuota && covers(one.At, op) })
	if i < 0 {
		return nil
	}
	id := f.list[i].id
	return &slackfake.Quota{PerMinute: f.list[i].PerMinute, Refused: func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if i := slices.IndexFunc(f.list, func(one Fault) bool { return one.id == id }); i >= 0 {
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
