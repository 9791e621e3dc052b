package slackfake

import (
	"strconv"
	"strings"
	"time"
)

// Quota limits how often a method may be called. A call over the quota is
// answered with 429 and Retry-After, and nothing is done.
type Quota struct {
	PerMinute int    // calls per minute; 0 means the limit that Slack documents for the method
	Refused   func() // called for each refused call; may be nil
}

// rate allows a number of calls within any span of time of this length.
type rate struct {
	calls int
	per   time.Duration
}

// Slack's documented rates (docs.slack.dev/apis/web-api/rate-limits). Slack
// promises at least these ("20+ per minute") and tolerates bursts without naming
// a number. The fake applies the promised minimum as the limit, so a client that
// passes here passes at Slack.
var (
	tier2 = rate{20, time.Minute}
	tier3 = rate{50, time.Minute}
	tier4 = rate{100, time.Minute}
	// postRate is one message per second and channel. Slack tolerates short bursts
	// without naming a number; the fake allows three messages within three seconds.
	postRate = rate{3, 3 * time.Second}
)

// documentedRates holds the rate of each method as its page below
// docs.slack.dev/reference/methods names it. auth.test and response URLs are not
// listed: auth.test allows "hundreds" of calls, and response URLs are limited by
// their uses.
var documentedRates = map[string]rate{
	"users.info":            tier4,
	"users.list":            tier2,
	"users.lookupByEmail":   tier3,
	"usergroups.list":       tier2,
	"usergroups.users.list": tier2,
	"conversations.open":    tier3,
	"conversations.info":    tier3,
	"chat.postMessage":      postRate,
	"chat.postEphemeral":    tier4,
	"chat.update":           tier3,
	"chat.delete":           tier3,
	"views.open":            tier4,
	"views.push":            tier4,
	"views.update":          tier4,
}

// HasQuota reports whether Slack documents how often a method may be called.
func HasQuota(method string) bool { _, ok := documentedRates[method]; return ok }

// overQuota counts a call against its quota, if one is set. If the call is over
// the quota, it returns after how long the caller may try again. Refused calls do
// not count.
func (s *Server) overQuota(method string, a args) (wait time.Duration, over bool) {
	q := s.o.Quota("slack:" + method)
	if q == nil {
		return 0, false
	}
	allowed, ok := documentedRates[method]
	if q.PerMinute > 0 {
		allowed, ok = rate{q.PerMinute, time.Minute}, true
	}
	if !ok {
		return 0, false
	}
	if wait, over = s.countCall(quotaKey(method, a), allowed); over && q.Refused != nil {
		q.Refused()
	}
	return wait, over
}

// countCall keeps the times of the allowed calls within the last span.
func (s *Server) countCall(key string, allowed rate) (wait time.Duration, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	calls := s.w.calls[key]
	for len(calls) > 0 && now.Sub(calls[0]) >= allowed.per {
		calls = calls[1:]
	}
	if over = len(calls) >= allowed.calls; over {
		// The next call is allowed when the oldest of the last allowed.calls calls leaves the span.
		wait = calls[len(calls)-allowed.calls].Add(allowed.per).Sub(now)
	} else {
		calls = append(calls, now)
	}
	s.w.calls[key] = calls
	return wait, over
}

// quotaKey names what shares one quota: a method, and for posts also the channel.
func quotaKey(method string, a args) string {
	if method != "chat.postMessage" {
		return method
	}
	channel := a.get("channel")
	if userID.MatchString(channel) {
		channel = dmID(channel)
	}
	return method + " " + channel
}

// retryAfterSeconds formats a wait for Retry-After: in whole seconds, rounded up.
func retryAfterSeconds(wait time.Duration) string {
	return strconv.Itoa(int((wait + time.Second - 1) / time.Second))
}

// code returns the error code of a fault, such as account_inactive for
// code:account_inactive.
func (f Fault) code() (code string, ok bool) { return strings.CutPrefix(f.How, "code:") }
