package world

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// The ways in which a call, or a delivery between functions, can fail.
const (
	FaultError     = "error"  // the work is not done, and the answer is a server error
	FaultThrottled = "429"    // the work is not done, and the answer says too many calls
	FaultSlow      = "slow"   // the work is done, and the answer comes late (real time)
	FaultLost      = "lost"   // the work is done, and the answer is an error
	FaultDead      = "dead"   // the work is not done, and the connection closes without an answer
	FaultCode      = "code:"  // prefix of an error code: the work is not done, and this is the answer
	FaultQuota     = "quota"  // Slack: calls past a limit per minute are answered as by FaultThrottled
	FaultLate      = "late"   // IAM: the work is done, and an inline policy is enforced later
	FaultDouble    = "double" // Feed: delivered twice
	FaultDelay     = "delay"  // Feed: delivered up to 30 s late
)

// Feed is the name under which deliveries between functions fail.
const Feed = "feed"

// Fault makes calls fail.
type Fault struct {
	At    string     `json:"at"`              // operation, or prefix of operations that ends in *
	How   string     `json:"how"`             // one of the constants above
	Times int        `json:"times,omitempty"` // how often it still happens; 0 for no limit
	Until *time.Time `json:"until,omitempty"` // sandbox time; nil for no end
	// PerMinute is the limit of a quota; 0 for the one that Slack documents.
	PerMinute int `json:"per_minute,omitempty"`
	// For is how much later an inline policy is enforced under FaultLate, as it was written.
	For  string        `json:"for,omitempty"`
	Late time.Duration `json:"-"` // the same

	id int // in the order in which they were added
}

// Faults are the active faults, in the order in which they were added. A call
// meets the first one that matches it.
type Faults struct {
	now func() time.Time

	mu     sync.Mutex
	list   []Fault
	lastID int
}

// Add adds a fault.
func (f *Faults) Add(one Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastID++
	one.id = f.lastID
	f.list = append(f.list, one)
}

// Clear ends all faults.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = nil
}

// Active lists the faults that have not ended. It is never nil.
func (f *Faults) Active() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropEnded()
	return append([]Fault{}, f.list...)
}

// dropEnded drops the faults whose time is over. The caller holds the lock.
func (f *Faults) dropEnded() {
	now := f.now()
	f.list = slices.DeleteFunc(f.list, func(one Fault) bool { return one.Until != nil && !now.Before(*one.Until) })
}

// nextEnd is when the next fault ends by time; ok is false when none will.
func (f *Faults) nextEnd() (at time.Time, ok bool) {
	for _, one := range f.Active() {
		if one.Until != nil && (!ok || one.Until.Before(at)) {
			at, ok = *one.Until, true
		}
	}
	return at, ok
}

// take returns how a call fails that has these names, and counts that; "" means
// that it succeeds. Quotas are left to the fake Slack.
func (f *Faults) take(names ...string) (how string) { return f.takeFault(names...).How }

// takeFault is take, with the whole fault.
func (f *Faults) takeFault(names ...string) Fault {
	return f.takeFirst(func(one Fault) bool {
		return one.How != FaultQuota && slices.ContainsFunc(names, one.covers)
	})
}

// takeDelivery reports whether a delivery fails in this way, and counts that.
func (f *Faults) takeDelivery(how string) bool {
	return f.takeFirst(func(one Fault) bool { return one.At == Feed && one.How == how }).How != ""
}

func (f *Faults) takeFirst(matches func(Fault) bool) (taken Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropEnded()
	i := slices.IndexFunc(f.list, matches)
	if i < 0 {
		return Fault{}
	}
	taken = f.list[i]
	f.countDown(i)
	return taken
}

// countDown notes that a fault happened once more, and drops it after its last
// time. The caller holds the lock.
func (f *Faults) countDown(i int) {
	switch f.list[i].Times {
	case 0: // no limit
	case 1:
		f.list = slices.Delete(f.list, i, i+1)
	default:
		f.list[i].Times--
	}
}

// quota is the first quota for a call to Slack, nil for none. Each call that it
// refuses counts as one of its times.
func (f *Faults) quota(operation string) *slackfake.Quota {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropEnded()
	i := slices.IndexFunc(f.list, func(one Fault) bool { return one.How == FaultQuota && one.covers(operation) })
	if i < 0 {
		return nil
	}
	id := f.list[i].id
	return &slackfake.Quota{PerMinute: f.list[i].PerMinute, Refused: func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if i := slices.IndexFunc(f.list, func(one Fault) bool { return one.id == id }); i >= 0 {
			f.countDown(i)
		}
	}}
}

// covers reports whether a fault is for an operation.
func (f Fault) covers(operation string) bool {
	if prefix, ok := strings.CutSuffix(f.At, "*"); ok {
		return strings.HasPrefix(operation, prefix)
	}
	return f.At == operation
}
