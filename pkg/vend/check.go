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

// Trials finds out whether target roles can be assumed as the product assumes them, and whether their trust refuses
// calls with less, and whether their sessions can be narrowed. The session policy of every session that it starts
// denies everything but to narrow it, and the credentials are dropped at once: only codes are returned.
type Trials struct {
	Assumer
	Now func() time.Time
	// Interval is the time between two calls, 20 ms if zero. That is a twelfth of the rate that STS allows an account
	// (600 calls a second, docs/facts.md#a5), so that several functions can try at once and people are still served.
	Interval time.Duration
}

// Codes of a trial. The trust of a role may lack several requirements.
const (
	OK                    = "ok"
	Refused               = "refused"                      // the whole call; AWS does not say why (docs/facts.md#a5)
	RefusedTags           = "refused_tags"                 // the whole call, because of sts:TagSession
	RefusedIdentity       = "refused_source_identity"      // the whole call, because of sts:SetSourceIdentity
	ExternalIDNotRequired = "open_without_external_id"     // the trust does not require it
	TagsNotRequired       = "open_without_tags"            // so sessions without a grant are possible
	IdentityNotRequired   = "open_without_source_identity" // so sessions without a person are possible
	NameNotRequired       = "open_under_any_session_name"  // so sessions that no cut finds are possible
	RegionDisabled        = "region_disabled"              // STS of this region, in the target's account
	ExternalIDUnreadable  = "no_external_id"               // the product cannot read its own secret
	Invalid               = "invalid"                      // AWS will never accept this call

	// NotExact is not a code of a trial, but that of Trial.NotExact in what doctor says.
	NotExact = "not_exact"

	// Nothing was found out about the role.
	Throttled   = "throttled"
	Unavailable = "unavailable"
	Unfinished  = "unfinished"
)

const (
	// concurrency is how many trials run at once: as many as the SDK keeps connections to one host.
	concurrency     = 10
	defaultInterval = 20 * time.Millisecond
	// maxTries is how often a call is made to which STS gives no answer about the role.
	maxTries = 5
	// restIntervals is how many intervals all trials wait after the first throttled call: half a second. The wait
	// doubles with each try.
	restIntervals = 25
	// maxSlowdown is how many times longer than at first the interval can become.
	maxSlowdown = 10
)

// granted means that STS started a session. No trial returns it.
const granted = "granted"

// Try returns a trial of each target, in their order. Each has at least one code; OK stands alone if the role is as it
// must be. Targets that are left when the context ends are Unfinished.
func (t Trials) Try(ctx context.Context, targets []access.Target) []access.Trial {
	t.attempts = 1 // callUntilJudged decides when to try again
	trials := make([]access.Trial, len(targets))
	p := &pacer{interval: cmp.Or(t.Interval, defaultInterval)}
	p.rest, p.maxInterval = restIntervals*p.interval, maxSlowdown*p.interval
	next := make(chan int)
	var all sync.WaitGroup
	for range min(concurrency, len(targets)) {
		all.Go(func() {
			for i := range next {
				trials[i] = t.try(ctx, p, targets[i])
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

// weakerCalls are calls without something that the trust of a target role must require.
var weakerCalls = [...]struct {
	code   string // of a role that accepts the call
	weaken func(*sts.AssumeRoleInput)
}{
	{ExternalIDNotRequired, func(in *sts.AssumeRoleInput) { in.ExternalId = nil }},
	{TagsNotRequired, func(in *sts.AssumeRoleInput) { in.Tags = nil }},
	{IdentityNotRequired, func(in *sts.AssumeRoleInput) { in.SourceIdentity = nil }},
	{NameNotRequired, func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("doctor-" + rand.Text()) }},
}

// try makes the whole call, and if that works the weaker ones. If the whole call is refused, the weaker ones would be
// refused for the same reason, and would say nothing.
func (t Trials) try(ctx context.Context, p *pacer, target access.Target) (trial access.Trial) {
	in, err := t.input(target)
	if err != nil {
		return access.Trial{Codes: []string{Invalid}}
	}
	var session access.Credentials
	// assume leaves the external id in the input, and the weaker calls use it too.
	result := t.callUntilJudged(ctx, p, func(ctx context.Context) error {
		out, err := t.assume(ctx, in)
		if err == nil {
			trial.Token = int(aws.ToInt32(out.SessionTokenUtilization))
			session, err = credentials(out)
		}
		return err
	})
	if result == granted {
		trial.NotExact, result = t.narrows(ctx, p, session)
	}
	if result != granted {
		trial.Codes = []string{result}
		return trial
	}
	trial.Codes = t.weaker(ctx, p, in)
	return trial
}

// weaker makes the weaker calls, and returns a code for each one that the role accepts, or OK.
func (t Trials) weaker(ctx context.Context, p *pacer, in *sts.AssumeRoleInput) (accepted []string) {
	for _, weaker := range weakerCalls {
		changed := *in
		weaker.weaken(&changed)
		result := t.callUntilJudged(ctx, p, func(ctx context.Context) error {
			_, err := t.call(ctx, &changed)
			return err
		})
		switch result {
		case granted:
			accepted = append(accepted, weaker.code)
		case Refused, RefusedTags, RefusedIdentity:
		default:
			return append(accepted, result)
		}
	}
	if accepted == nil {
		return []string{OK}
	}
	return accepted
}

// narrows finds out whether STS narrows a session, as the product does for one that would live past its end. The new
// credentials are dropped. result is granted if STS gave an answer.
func (t Trials) narrows(ctx context.Context, p *pacer, session access.Credentials) (not bool, result string) {
	if t.Exact == access.ExactOff {
		return false, granted
	}
	result = t.callUntilJudged(ctx, p, func(ctx context.Context) error {
		issued := session.Expires.Add(-minSession)
		_, err := t.narrow(ctx, session, issued.Add(trialLength), issued)
		if refused := (*callError)(nil); errors.As(err, &refused) && refused.answered() {
			not, err = true, nil
		}
		return err
	})
	return not, result
}

// trialLength is to what the session of a trial is narrowed. It is less than STS starts.
const trialLength = 10 * time.Minute

// doctorName is the person and the beginning of the session name of trials, which have no grant.
const doctorName = "aws-access-doctor"

// input is the call as the product makes it, except that the session is denied everything.
func (t Trials) input(target access.Target) (*sts.AssumeRoleInput, error) {
	now := t.Now()
	v := access.Vending{
		Target: target, Grant: "doctor", Session: doctorName + "-" + rand.Text(),
		Who: access.Person{ID: doctorName}, Now: now, Ends: now.Add(minSession),
	}
	in, err := input(v)
	if err != nil {
		return nil, err
	}
	in.Policy, err = denyAllPolicy(v)
	return in, err
}

// denyAllPolicy is the session policy of v with Deny in place of its Allow, except that the session can be narrowed. It
// is as long as a real one, so that the session token of the trial is as full as that of a real session.
func denyAllPolicy(v access.Vending) (*string, error) {
	role, err := roleARN(v.Target)
	if err != nil {
		return nil, err
	}
	all := statements(v, role)
	for i := range all {
		all[i].Effect = "Deny"
	}
	narrowing := []string{getScopedCredentials}
	all[0].Action, all[0].NotAction = nil, narrowing
	all[1] = statement{Effect: "Allow", Action: narrowing, Resource: everything, Condition: map[string]map[string]string{
		"DateLessThan": {"aws:CurrentTime": formatEnd(v.DeniedFrom())},
	}}
	text, err := json.Marshal(policy{Version: "2012-10-17", Statement: all})
	return aws.String(string(text)), err
}

// callUntilJudged makes a call until STS has granted or refused it, maxTries times at most, and returns its code. The
// function call drops the credentials.
func (t Trials) callUntilJudged(ctx context.Context, p *pacer, call func(context.Context) error) string {
	for try := 1; ; try++ {
		if !p.wait(ctx) {
			return Unfinished
		}
		limited, stop := context.WithTimeout(ctx, callTimeout)
		code := codeOf(call(limited))
		stop()
		switch {
		case code != Throttled && code != Unavailable, try == maxTries:
			return code
		case code == Throttled:
			p.slowDown(p.rest << (try - 1))
		}
	}
}

// codeOf is the code of a call's error. Only "access denied" is a refusal: an answer that is not understood proves
// nothing about the role.
func codeOf(err error) string {
	if err == nil {
		return granted
	}
	var e *callError
	if !errors.As(err, &e) {
		return ExternalIDUnreadable
	}
	_, throttled := throttling[e.code]
	switch {
	case e.code == "AccessDenied" && e.action == tagSession:
		return RefusedTags
	case e.code == "AccessDenied" && e.action == setSourceIdentity:
		return RefusedIdentity
	case e.code == "AccessDenied":
		return Refused
	case e.code == "RegionDisabledException":
		return RegionDisabled
	case throttled, e.status == http.StatusTooManyRequests:
		return Throttled
	case e.verdict() == invalid:
		return Invalid
	}
	return Unavailable
}

// pacer lets calls through one by one. It uses the real clock, as STS does.
type pacer struct {
	mu                          sync.Mutex
	interval, maxInterval, rest time.Duration

	next   time.Time // of the next call
	slowed time.Time // when the interval last became longer
}

// wait waits for the next turn. It returns false if the context ends first.
func (p *pacer) wait(ctx context.Context) bool {
	p.mu.Lock()
	at := p.next
	if now := time.Now(); at.Before(now) {
		at = now
	}
	p.next = at.Add(p.interval)
	p.mu.Unlock()
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// slowDown lets no call through for a while, and then fewer than before. Calls that were throttled at the same time
// make the interval longer only once.
func (p *pacer) slowDown(rest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if after := now.Add(rest); p.next.Before(after) {
		p.next = after
	}
	if now.Sub(p.slowed) > p.rest {
		p.slowed, p.interval = now, min(2*p.interval, p.maxInterval)
	}
}
