package slackui

import (
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// noticeCases are events, the request when the notice is due, and who gets the notice.
func noticeCases() map[string]noticeCase {
	revoked := must(active().Revoke(lead, "", later))
	return map[string]noticeCase{
		"a reminder": {
			verb: access.Tick, from: access.Pending, to: access.Pending, now: pending(), want: channel,
		},
		"a reminder, decided since": {
			verb: access.Tick, from: access.Pending, to: access.Pending, now: active(), want: nobody,
		},
		"submitted": {verb: access.Submit, to: access.Pending, now: pending(), want: nobody},
		"one of two approvals": {
			verb: access.Approve, from: access.Pending, to: access.Pending, now: halfApproved(), want: nobody,
		},
		"granted": {
			verb: access.Approve, from: access.Pending, to: access.Active, now: active(), want: nobody,
		},
		"timed out": {
			verb: access.Tick, from: access.Pending, to: access.TimedOut, now: timedOut(), want: nobody,
		},
		"an order that was never answered": {
			verb: access.Tick, from: access.Active, to: access.Active, outcome: access.Failed,
			now: active(), want: requester,
		},
		"an answer that was not delivered": {
			verb: access.Vend, from: access.Active, to: access.Active, outcome: access.Failed, why: "undelivered",
			now: active(), want: requester,
		},
		"an answer that was not delivered, revoked since": {
			verb: access.Vend, from: access.Active, to: access.Active, outcome: access.Failed, why: "undelivered",
			now: revoked, want: nobody,
		},
		"AWS refused": {
			verb: access.Vend, from: access.Active, to: access.Active, outcome: access.Failed, why: "aws_refused",
			now: active(), want: nobody,
		},
		"ordered": {
			verb: access.Vend, from: access.Active, to: access.Active, outcome: access.Ordered,
			now: active(), want: nobody,
		},
		"issued after the end": {
			verb: access.Vend, from: access.Revoked, to: access.Revoked, outcome: access.Issued,
			now: revoked, want: nobody,
		},
		"expired": {
			verb: access.Tick, from: access.Active, to: access.Expired,
			now: ticked(active(), noon.Add(3*time.Hour)), want: requester,
		},
		"given back": {
			verb: access.End, from: access.Active, to: access.Ended,
			now: must(active().End(dev, later)), want: requester,
		},
		"revoked": {
			verb: access.Revoke, from: access.Active, to: access.Revoked, now: revoked, want: requester,
		},
		"denied": {
			verb: access.Deny, from: access.Pending, to: access.Denied,
			now: must(pending().Deny(lead, "", later)), want: nobody,
		},
	}
}

type noticeCase struct {
	verb     access.Verb
	from, to access.State
	outcome  access.Outcome
	why      string
	now      access.Request
	want     string
}

const nobody, channel, requester = "nobody", "channel", "requester"

func TestOnlyEventsThatChangeNoMessageHaveANotice(t *testing.T) {
	for name, c := range noticeCases() {
		event := access.Event{Verb: c.verb, From: c.from, To: c.to, Outcome: c.outcome, Why: c.why}
		if c.verb == access.Revoke {
			event.Actor = lead
		}
		got := nobody
		if n, ok := NoticeOf(event, c.now, later); ok && n.ToRequester {
			got = requester
		} else if ok {
			got = channel
		}
		if got != c.want {
			t.Errorf("%s: the notice goes to %s, want %s", name, got, c.want)
		}
	}
}

// The hour for which asking again is refused is named to those who revoke, and to the requester before they try.
func TestTheHourAfterARevocationIsNamed(t *testing.T) {
	r := must(active().Revoke(lead, "stolen", later))
	until := "again is refused until " + formatTime(later.Add(time.Hour)) + ", unless a responder allows it earlier."
	for name, c := range map[string]struct {
		r    access.Request
		now  time.Time
		want bool
	}{
		"revoked": {r, later, true}, "an hour later": {r, later.Add(time.Hour), false},
		"allowed": {must(r.Lift(sec, later)), later, false},
		"lost":    {must(active().RevokeLost("", later)), later, false},
	} {
		if got := strings.Join(status(c.r, c.now), "\n"); strings.Contains(got, until) != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
	form := RevokeForm(active(), "", true, later)
	if got := string(mustJSON(form.Blocks)); !strings.Contains(got, "Asking for the same again is refused for 1h") {
		t.Errorf("the form: %s", got)
	}
	got := r.CheckRevokedLately(later.Add(18 * time.Minute)).Error()
	for _, want := range []string{"ReadOnly in payments-prod", "in 42m.", "“stolen”"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
}

// Somebody who is too late to revoke is not told to ask again: they never asked.
func TestOthersAreNotToldToAskAgain(t *testing.T) {
	for _, r := range []access.Request{ticked(shortGrant(), noon.Add(15*time.Minute)), must(active().End(dev, later))} {
		_, _, err := r.Revoke(lead, "stolen", later)
		if got := ErrorAnswer(err, "").Text; strings.Contains(got, "Ask again") || !strings.Contains(got, "This access") {
			t.Errorf("%s: %q", r.State, got)
		}
	}
}

// A person who loses the right to an access reads it as "you", and is not told to do what would be refused.
func TestWhoeverLostTheRightReadsWhatWasLost(t *testing.T) {
	for refusal, you := range map[error]string{
		access.RefuseNotAllowed("r", "a"):  "The policy no longer gives you this role in this account",
		access.RefuseNever("r", ""):        "The policy now forbids you this role in this account.",
		access.RefuseUnknownAccountID("1"): "The policy no longer has this role in this account.",
		access.RefuseGuest():               "You are no longer a full member of the workspace.",
	} {
		why, lost := access.WhyLost(refusal)
		r := must(withSession().RevokeLost(why, later))
		e := access.Event{Verb: access.Revoke, From: access.Active, To: access.Revoked, Actor: access.System, Why: why}
		direct, told := string(mustJSON(RequesterMessage(r, later).Blocks)), string(mustJSON(notice(r, e).Blocks))
		text, next := Standing(r, later)
		refused := r.StateRefusal().Error()
		for place, got := range map[string]string{"message": direct, "notice": told, "command": text + " " + next} {
			if !lost || !strings.Contains(got, you) || !strings.Contains(got, "ReadOnly") {
				t.Errorf("the %s does not say %q: %s", place, you, got)
			}
		}
		for place, got := range map[string]string{
			"message": direct, "notice": told, "command": text + " " + next, "refusal": refused,
		} {
			for _, not := range []string{"gives them", "by aws-access", "Ask again", "the person who revoked it"} {
				if strings.Contains(got, not) {
					t.Errorf("the %s says %q: %s", place, not, got)
				}
			}
		}
		card := string(mustJSON(Card(r, CardPolicy{}, later).Blocks))
		if !strings.Contains(card, why) {
			t.Errorf("the card does not say %q: %s", why, card)
		}
	}
}
