package slackui

import (
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// The owner of a computer has given nothing back when it is removed.
func TestAccessThatEndedWithAComputerSaysSo(t *testing.T) {
	r := must(active().EndForDevice(later))
	text, _ := Standing(r, later)
	said := map[string]string{"the command line": text, "a refusal": r.StateRefusal().Error()}
	for name, m := range map[string]Message{
		"the card": Card(r, CardPolicy{}, later), "the direct message": RequesterMessage(r, later),
		"the list": List([]access.Request{r}, false, later),
	} {
		said[name] = m.Text + string(mustJSON(m.Blocks))
	}
	for name, text := range said {
		lower := strings.ToLower(text)
		if strings.Contains(lower, "given back") || !strings.Contains(lower, "ended") ||
			!strings.Contains(text, "A computer that had used this access was removed.") {
			t.Errorf("%s: %s", name, text)
		}
	}
	const title = "AWS access ended (a computer was removed)"
	if text := Card(r, CardPolicy{}, later).Text; !strings.HasPrefix(text, title+": ReadOnly") {
		t.Errorf("the card is titled %q", text)
	}
}

// Who reads only the sentence must learn why.
func TestADecisionOnTheCommandLineHasItsReason(t *testing.T) {
	for _, state := range []access.State{access.Denied, access.Revoked} {
		r := access.Request{State: state, Role: "Admin", Account: "111111111111"}
		if text, _ := Standing(r, later); strings.Contains(text, "“”") {
			t.Errorf("%s without a reason: %s", state, text)
		}
		r.Closed.Why = "not\ntoday"
		if text, _ := Standing(r, later); !strings.HasSuffix(text, ": “not today”.") {
			t.Errorf("%s: %s", state, text)
		}
	}
}

// The command line says of the sessions of a closed grant what the card says.
func TestTheCommandLineSaysWhatBecomesOfSessions(t *testing.T) {
	ended := must(withSession().End(dev, later))
	acts, live := access.FormatTime(ended.CanActUntil(later)), access.FormatTime(ended.LiveUntil(later))
	cut := must(ended.CutIsDone(later))
	old := cut.LiveUntil(later)
	assumes := ended
	assumes.AssumeRoles, assumes.MakeIdentities = true, true
	for name, c := range map[string]struct {
		r   access.Request
		now time.Time
		has []string
		not string
	}{
		"ending": {ended, later, []string{"Its sessions are being ended since " + access.FormatTime(later),
			"Until that is done they can act, at the latest until " + acts}, "deny of its sessions"},
		"ending, with roles and users": {assumes, later, []string{"Roles that they have assumed may act for up to an hour",
			"Users and keys that they may have made are not ended."}, "`"},
		"a deny was written": {cut, later, []string{"A deny of its sessions was written, " + access.FormatTime(later),
			denyTakesTime, "sts:GetCallerIdentity, and sign-in that relies on it (EKS, Vault), works until " + live},
			"being ended"},
		"they have expired": {cut, old, []string{"They have expired."}, "sometimes minutes"},
		"an active grant whose keys outlive it": {shortGrant(), noon.Add(12 * time.Minute), []string{
			"From the end on, only sts:GetCallerIdentity, and sign-in that relies on it (EKS, Vault), works until "},
			"`"},
		"an active grant":       {withSession(), later, nil, "session"},
		"nobody took a session": {must(active().End(dev, later)), later, nil, "sessions"},
	} {
		text, _ := Standing(c.r, c.now)
		for _, want := range c.has {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in %s", name, want, text)
			}
		}
		if strings.Contains(text, c.not) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// No answer sends people to somebody who did nothing, or to a request that would be refused.
func TestAfterARevocationTheCommandLineSaysWhenToAskAgain(t *testing.T) {
	revoked := must(active().Revoke(lead, "not now", later))
	from := access.FormatTime(later.Add(time.Hour))
	for name, c := range map[string]struct {
		r                   access.Request
		now                 time.Time
		text, next, refusal string
	}{
		"revoked": {revoked, later, "was revoked by Lead One", "You can ask for it again from " + from +
			" on, and earlier if one of the people who answer incidents allows it.", "It can be asked for again from " + from +
			" on, and earlier if one of the people who answer incidents allows it."},
		"an hour later": {revoked, later.Add(time.Hour), "was revoked by Lead One",
			"You can ask for it again: aws-access request", "It can be asked for again from " + from},
		"allowed": {must(revoked.Lift(sec, later)), later, "was revoked by Lead One",
			"You can ask for it again: aws-access request", "It can be asked for again."},
	} {
		text, next := Standing(c.r, c.now)
		refusal := access.Refusals(c.r.StateRefusal())[0]
		if next != c.next || !strings.Contains(text, c.text) || !strings.HasPrefix(refusal.Next, c.refusal) ||
			!strings.Contains(refusal.Says, c.text[strings.LastIndex(c.text, "was "):]) {
			t.Errorf("%s: %s %s\na refusal: %s", name, text, next, refusal)
		}
	}
}
