package vend

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/access"
)

// Trials find out whether target roles can be assumed as the product assumes
// them, and not with less. Every session that comes of a trial may do nothing
// (its session policy denies everything), and its credentials are dropped
// where they arrive: what leaves is a code.
type Trials struct {
	Assumer
	Now func() time.Time
	// Every is the pause between two calls; 0 is 20 ms, which is a twelfth of
	// what STS takes from an account (600 calls a second, docs/facts.md#a5), so that
	// several functions may try at once and people are still served.
	Every time.Duration
}

// What a trial of a role comes to. A role may be open in several ways.
const (
	Fits            = "ok"
	Refused         = "refused"                      // with everything: AWS does not say why (docs/facts.md#a5)
	RefusedTags     = "refused_tags"                 // ... but named sts:TagSession
	RefusedIdentity = "refused_source_identity"      // ... but named sts:SetSourceIdentity
	OpenExternalID  = "open_without_external_id"     // a hole: the trust does not ask for it
	OpenTags        = "open_without_tags"            // a hole: sessions of no grant
	OpenIdentity    = "open_without_source_identity" // a hole: sessions of nobody
	OpenName        = "open_under_any_session_name"  // a hole: sessions that no cut finds
	RegionDisabled  = "region_disabled"              // STS of this region, in the target's account
	NoExternalID    = "no_external_id"               // the product's own secret cannot be read
	Impossible      = "invalid"                      // AWS will never take this call
	Throttled       = "throttled"                    // nothing was found out, as with the two below
	Unavailable     = "unavailable"
	Unfinished      = "unfinished"
)

const (
	// together is how many trials run at once: as many as the SDK keeps
	// connections to one host.
	together = 10
	every    = 20 * time.Millisecond
	// tries is how often a call is made that STS did not judge, and pauses how
	// many turns all of them rest after the first that it throttled, half a
	// second; it doubles.
	tries  = 5
	pauses = 25
	// slowest is how many times slower than at first the trials get.
	slowest = 10
)

// granted says that STS made a session; it is never a trial's result.
const granted = "granted"

// Try returns what came of each target, in their order: at least one code each,
// and Fits alone when all is as it should be. When the context ends, what is left is
// Unfinished.
func (t Trials) Try(ctx context.Context, targets []access.Target) []access.Trial {
	t.attempts = 1 // the gate decides when to ask again
	trials := make([]access.Trial, len(targets))
	g := &gate{every: cmp.Or(t.Every, every)}
	g.pause, g.slowest = pauses*g.every, slowest*g.every
	next := make(chan int)
	var all sync.WaitGroup
	for range min(together, len(targets)) {
		all.Go(func() {
			for i := range next {
				trials[i].Codes, trials[i].Token = t.try(ctx, g, targets[i])
			}
		})
	}
	for i := range targets {
		next <- i
	}
	close(next)
	all.Wait()
	return trials
}

// lesser are calls that lack something which the trust has to ask for.
var lesser = [...]struct {
	code string // what it means that one is answered
	less func(*sts.AssumeRoleInput)
}{
	{OpenExternalID, func(in *sts.AssumeRoleInput) { in.ExternalId = nil }},
	{OpenTags, func(in *sts.AssumeRoleInput) { in.Tags = nil }},
	{OpenIdentity, func(in *sts.AssumeRoleInput) { in.SourceIdentity = nil }},
	{OpenName, func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("doctor-" + rand.Text()) }},
}

// try asks with everything, and if that works with less. What is refused with
// everything says nothing about less.
func (t Trials) try(ctx context.Context, g *gate, target access.Target) (codes []string, token int) {
	in, err := t.input(target)
	if err != nil {
		return []string{Impossible}, 0
	}
	// The external id that worked stays in the call for those that follow.
	got := t.ask(ctx, g, func(ctx context.Context) error {
		out, err := t.assume(ctx, in)
		if err == nil {
			token = int(aws.ToInt32(out.SessionTokenUtilization))
		}
		return err
	})
	if got != granted {
		return []string{got}, token
	}
	var open []string
	for _, l := range lesser {
		lacking := *in
		l.less(&lacking)
		switch got := t.ask(ctx, g, func(ctx context.Context) error { _, err := t.call(ctx, &lacking); return err }); got {
		case granted:
			open = append(open, l.code)
		case Refused, RefusedTags, RefusedIdentity:
		default:
			return append(open, got), token
		}
	}
	if open == nil {
		return []string{Fits}, token
	}
	return open, token
}

// doctor is whom trials name: no person, no grant.
const doctor = "aws-access-doctor"

// input is the call as the product makes it, but for a session that may do
// nothing.
func (t Trials) input(target access.Target) (*sts.AssumeRoleInput, error) {
	now := t.Now()
	v := access.Vending{
		Target: target, Grant: "doctor", Session: doctor + "-" + rand.Text(),
		Who: access.Person{ID: doctor}, Now: now, Ends: now.Add(least),
	}
	in, err := input(v)
	if err != nil {
		return nil, err
	}
	in.Policy, err = nothing(v)
	return in, err
}

// nothing is the session policy of v with its one Allow made a Deny: nothing is
// allowed, and the token is as full as that of a real session.
func nothing(v access.Vending) (*string, error) {
	role, err := roleARN(v.Target)
	if err != nil {
		return nil, err
	}
	all := statements(v, role)
	for i := range all {
		all[i].Effect = "Deny"
	}
	text, err := json.Marshal(policy{Version: "2012-10-17", Statement: all})
	return aws.String(string(text)), err
}

// ask makes a call until STS has judged it. Credentials do not come this far.
func (t Trials) ask(ctx context.Context, g *gate, call func(context.Context) error) string {
	for try := 1; ; try++ {
		if !g.wait(ctx) {
			return Unfinished
		}
		bounded, stop := context.WithTimeout(ctx, patience)
		got := outcome(call(bounded))
		stop()
		switch {
		case got != Throttled && got != Unavailable, try == tries:
			return got
		case got == Throttled:
			g.slow(g.pause << (try - 1))
		}
	}
}

// outcome reads what STS said. Only a plain "access denied" is a refusal: what
// is not understood proves nothing.
func outcome(err error) string {
	if err == nil {
		return granted
	}
	var f *fault
	if !errors.As(err, &f) {
		return NoExternalID
	}
	_, throttled := throttling[f.code]
	switch {
	case f.code == "AccessDenied" && f.action == tagging:
		return RefusedTags
	case f.code == "AccessDenied" && f.action == naming:
		return RefusedIdentity
	case f.code == "AccessDenied":
		return Refused
	case f.code == "RegionDisabledException":
		return RegionDisabled
	case throttled, f.status == http.StatusTooManyRequests:
		return Throttled
	case f.verdict() == invalid:
		return Impossible
	}
	return Unavailable
}

// gate lets calls through one by one. It waits in real time: STS does.
type gate struct {
	mu                    sync.Mutex
	every, slowest, pause time.Duration

	next   time.Time // of the next call
	slowed time.Time
}

// wait takes a turn; false means that the context ended first.
func (g *gate) wait(ctx context.Context) bool {
	g.mu.Lock()
	at := g.next
	if now := time.Now(); at.Before(now) {
		at = now
	}
	g.next = at.Add(g.every)
	g.mu.Unlock()
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// slow lets nobody through for a time, and then fewer. Calls that were throttled
// together count once.
func (g *gate) slow(rest time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if after := now.Add(rest); g.next.Before(after) {
		g.next = after
	}
	if now.Sub(g.slowed) > g.pause {
		g.slowed, g.every = now, min(2*g.every, g.slowest)
	}
}
