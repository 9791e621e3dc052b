package slackui

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

func frozen(why string) access.Freeze {
	f, _ := access.Freeze{}.Start(sec, why, noon)
	return f
}

// thawing is a freeze that one responder wants to end, and thawed one that two have ended.
func thawing() access.Freeze {
	f, _ := frozen("the bot token leaked").Agree(lead, later)
	return f
}

func thawed() access.Freeze {
	f, _ := thawing().Agree(sec, later)
	return f
}

var revocation = access.Revocation{ID: "V1", By: "U0SEC1", Of: access.Scope{Kind: access.OfPerson, ID: "U0DEV1"},
	Why: "a laptop is stolen", At: noon}

// cutOrdered is a revoked grant whose session is still ending.
func cutOrdered() access.Request { return must(withSession().Revoke(sec, "a laptop is stolen", later)) }

// failing is a cut list of a role whose denies cannot be written.
func failing(role string) access.CutList {
	r := active()
	r.Role = role
	l := access.CutList{}.Add(r, later, noon)
	for i := range 5 {
		l = l.FailedWith("iam_throttled", noon.Add(time.Duration(i)*time.Minute))
	}
	return l
}

func revokeMessages(reference string) map[string]Message {
	grants := numbered(slices.Repeat([]access.Request{withSession()}, 12))
	all, person := access.Scope{Kind: access.OfAll}, access.Scope{Kind: access.OfPerson, ID: dev.ID}
	return map[string]Message{
		"revoke-list-none":      RevokeList(Revocable{}, 0, later),
		"revoke-list-approver":  RevokeList(Revocable{Grants: []access.Request{active()}}, 0, later),
		"revoke-list-responder": RevokeList(Revocable{Grants: grants, More: true, Responder: true}, 1, later),
		"revoke-list-frozen": RevokeList(Revocable{Responder: true, Freeze: thawing(),
			Failing: []access.CutList{failing("ReadOnly")}}, 0, later),
		"revoke-list-ending": RevokeList(Revocable{
			Ending: numbered([]access.Request{cutOrdered(), cutOrdered(), cutOrdered()}),
		}, 0, later),
		"revoke-list-ending-too": RevokeList(Revocable{
			Grants: []access.Request{active()}, Ending: []access.Request{cutOrdered()}, Responder: true,
		}, 0, later),
		"asked-frozen":    Submitted(pending(), frozen("a stolen laptop")),
		"already-frozen":  AlreadyAsked(halfApproved(), frozen("a stolen laptop")),
		"revoked-many":    RevokedMany(person, 2, 3, 1),
		"revoked-nothing": RevokedMany(all, 0, 0, 0),
		"revoked-partly":  RevokedPartly(all, 700, 1, 299, reference),
		"not-revoked":     NotRevoked(access.RefuseNotResponder(), reference),
	}
}

// revokeViews are the forms of responders, with what somebody typed.
func revokeViews(typed string) map[string]slack.ModalViewRequest {
	grants := []access.Request{withSession(), active()}
	all, person := access.Scope{Kind: access.OfAll}, access.Scope{Kind: access.OfPerson, ID: dev.ID}
	agreed, _ := frozen(typed).Agree(lead, later)
	return map[string]slack.ModalViewRequest{
		"form-revoke-person":   RevokePersonForm(),
		"form-revoke-account":  RevokeAccountForm(grants),
		"form-revoke-nothing":  RevokeAccountForm(nil),
		"form-revoke-all":      ConfirmRevocation(all, grants, true, later),
		"form-revoke-many":     ConfirmRevocation(person, grants, false, later),
		"form-revocation-sent": RevocationSent(),
		"form-freeze":          FreezeForm(),
		"form-frozen":          FreezeView(frozen(typed), true),
		"form-frozen-before":   FreezeView(frozen(typed), false),
		"form-thaw":            ThawForm(frozen(typed)),
		"form-thaw-agreed":     ThawView(agreed, true),
		"form-thaw-again":      ThawView(agreed, false),
		"form-thawed":          ThawView(access.Freeze{}, true),
	}
}

func TestTheMenuOfAccountsBeginsWithThoseOfMostGrants(t *testing.T) {
	grants := inManyAccounts("prod")
	for range 3 {
		grants = append(grants, access.Request{Account: "000000000119", AccountName: "busy"})
	}
	text := string(mustJSON(RevokeAccountForm(grants)))
	first, second := strings.Index(text, "busy (000000000119): 4 grants"), strings.Index(text, "(000000000000): 1 grant")
	if first < 0 || second < first || !strings.Contains(text, fmt.Sprint(20, " more accounts do not fit here.")) {
		t.Errorf("the menu is %s", text)
	}
}

// A page that does not exist shows the nearest one.
func TestAnyPageOfTheListCanBeAskedFor(t *testing.T) {
	s := Revocable{Grants: numbered(slices.Repeat([]access.Request{active()}, 11))}
	const first, last = "1 to 10 of 11", "11 to 11 of 11"
	for page, want := range map[int]string{-5: first, 0: first, 1: last, 9: last} {
		if got := string(mustJSON(RevokeList(s, page, noon).Blocks)); !strings.Contains(got, want) {
			t.Errorf("page %d: got %s, want %q", page, got, want)
		}
	}
}

// Every button of these messages is one that the handler knows, and none has a value that decides.
func TestButtonsOfTheRevokeListCarryNoDecision(t *testing.T) {
	for name, m := range revokeMessages(reference) {
		for _, value := range slices.Collect(maps.Keys(valuesOf(m))) {
			if !strings.HasPrefix(value, "01ARZ3NDEKTSV4RRFFQ6") && len(value) > len("account") {
				t.Errorf("%s: a button has the value %q", name, value)
			}
		}
	}
}

// valuesOf are the values of the buttons of a message.
func valuesOf(m Message) map[string]bool {
	values := make(map[string]bool)
	for one := range strings.FieldsSeq(buttonsOf(m)) {
		if _, value, ok := strings.Cut(one, "="); ok {
			values[value] = true
		}
	}
	return values
}

// The number of failed tries is one word with its noun.
func TestACutThatFailedOnceIsCounted(t *testing.T) {
	for tries, want := range map[int]string{1: " ended, 1 time since ", 2: " ended, 2 times since "} {
		got := cutFails(access.CutList{Account: "111111111111", Role: "Admin", Tries: tries})
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
}
