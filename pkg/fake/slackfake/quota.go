package slackfake

import (
	"strconv"
	"strings"
	"time"
)

// Quota is a limit on how often a method is called. Calls past it are answered
// by 429 with Retry-After, and nothing is done.
type Quota struct {
	PerMinute int    // calls a minute; 0: what Slack documents for the method
	Refused   func() // is told of each call that the quota refuses; nil: nobody
}

// rate is so many calls in any span of this length.
type rate struct {
	calls int
	in    time.Duration
}

// The documented rates (docs.slack.dev/apis/web-api/rate-limits). Slack says
// "20+ per minute" and tolerates bursts that it does not number: here the least
// that is promised is the limit, so that a client that passes here passes there.
var (
	tier2 = rate{20, time.Minute}
	tier3 = rate{50, time.Minute}
	tier4 = rate{100, time.Minute}
	// posts is one message a second and channel. Short bursts are tolerated
	// without a number: three messages in any three seconds are.
	posts = rate{3, 3 * time.Second}
)

// documented are the rates of methods, each from its page below
// docs.slack.dev/reference/methods. auth.test and response URLs have none: the
// one allows "hundreds" of calls, the others are limited by their uses.
var documented = map[string]rate{
	"users.info":            tier4,
	"users.list":            tier2,
	"users.lookupByEmail":   tier3,
	"usergroups.list":       tier2,
	"usergroups.users.list": tier2,
	"conversations.open":    tier3,
	"conversations.info":    tier3,
	"chat.postMessage":      posts,
	"chat.postEphemeral":    tier4,
	"chat.update":           tier3,
	"chat.delete":           tier3,
	"views.open":            tier4,
	"views.push":            tier4,
	"views.update":          tier4,
}

// HasQuota reports whether Slack documents how often a method may be called.
func HasQuota(method string) bool { _, ok := documented[method]; return ok }

// over counts a call against its quota, if one is set, and says after how long
// the caller may come again when it is over the quota. Calls that are refused
// do not count.
func (s *Server) over(method string, a args) (wait time.Duration, over bool) {
	q := s.o.Quota("slack:" + method)
	if q == nil {
		return 0, false
	}
	allowed, ok := documented[method]
	if q.PerMinute > 0 {
		allowed, ok = rate{q.PerMinute, time.Minute}, true
	}
	if !ok {
		return 0, false
	}
	if wait, over = s.count(bucket(method, a), allowed); over && q.Refused != nil {
		q.Refused()
	}
	return wait, over
}

// count keeps the times of the calls that were let through in the last span.
func (s *Server) count(bucket string, allowed rate) (wait time.Duration, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	calls := s.w.calls[bucket]
	for len(calls) > 0 && now.Sub(calls[0]) >= allowed.in {
		calls = calls[1:]
	}
	if over = len(calls) >= allowed.calls; over {
		// A place is free when the call before the last so many has left the span.
		wait = calls[len(calls)-allowed.calls].Add(allowed.in).Sub(now)
	} else {
		calls = append(calls, now)
	}
	s.w.calls[bucket] = calls
	return wait, over
}

// bucket is what shares one quota: a method, and for posts a channel.
func bucket(method string, a args) string {
	if method != "chat.postMessage" {
		return method
	}
	channel := a.get("channel")
	if userID.MatchString(channel) {
		channel = direct(channel)
	}
	return method + " " + channel
}

// seconds is a wait as Retry-After says it: whole seconds, never too few.
func seconds(wait time.Duration) string {
	return strconv.Itoa(int((wait + time.Second - 1) / time.Second))
}

// code is the error code that a fault names, such as account_inactive in
// code:account_inactive.
func (f Fault) code() (code string, ok bool) { return strings.CutPrefix(f.How, "code:") }
