package slackui

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
)

// anOperator is somebody with rights on the table, as AWS names them.
var anOperator = access.Person{ID: "arn:aws:sts::999999999999:assumed-role/Ops/alice", Name: "alice (operator)"}

// operatorTexts are all sentences for operators, as testdata/operators-texts.json holds them.
func operatorTexts() map[string]string {
	refused := &slackapi.Error{Op: "chat.postMessage", Code: "not_in_channel"}
	closedTab := &slackapi.Error{Op: "chat.postMessage", Code: "messages_tab_disabled"}
	inactive := &slackapi.Error{Op: "chat.postMessage", Code: "account_inactive"}
	invalid := &slackapi.Error{Op: "chat.update", Code: "invalid_blocks", Where: []string{"/blocks/1"}}
	unknown := &slackapi.Error{Op: "chat.postMessage", Code: "brand_new_code"}
	target := access.Target{Account: "111111111111", AccountName: "payments-prod", Role: "ReadOnly"}
	long := access.NewSecret("https://signin.example/" + strings.Repeat("x", maxPostText))
	_, tooLong := Link(long, active(), access.Session{})
	ofAccount, ofAll := revocation, revocation
	ofAccount.Of, ofAll.Of = access.Scope{Kind: access.InAccount, ID: "111111111111"}, access.Scope{Kind: access.OfAll}
	all := map[string]string{
		"messages refused":            MessagesRefused("C0APPROVALS", refused),
		"direct messages refused":     MessagesRefused(DirectMessages, closedTab),
		"messages accepted":           MessagesAccepted("C0APPROVALS", "not_in_channel"),
		"direct messages accepted":    MessagesAccepted(DirectMessages, "messages_tab_disabled"),
		"no message waits":            NoMessageWaits("C0APPROVALS", "not_in_channel"),
		"no message waits for token":  NoMessageWaitsForToken(),
		"token refused":               TokenRefused(inactive),
		"token accepted":              TokenAccepted(),
		"unknown answer":              UnknownAnswer(unknown),
		"message invalid":             MessageInvalid("request 01ARZ3NDEKTSV4RRFFQ69G5FAV", "C0APPROVALS", invalid),
		"answer refused":              AnswerRefused(closedTab),
		"link too long":               LinkTooLong(target, tooLong),
		"frozen":                      Frozen(frozen("the bot token leaked")),
		"thaw wanted":                 ThawWanted(thawing()),
		"thawed":                      Thawed(thawed()),
		"thawed by an operator":       Thawed(access.Freeze{ThawAt: later}),
		"many were revoked":           ManyWereRevoked(revocation, sec, "", 2, 1),
		"many of an account":          ManyWereRevoked(ofAccount, sec, "payments-prod", 2, 1),
		"many of all":                 ManyWereRevoked(ofAll, sec, "", 1, 0),
		"cut fails":                   CutFails(failing("ReadOnly")),
		"whole role cut":              WholeRoleCut(access.CutList{Account: "111111111111", Role: "Admin", Whole: noon}),
		"cut works":                   CutWorks(access.CutKey{Account: "111111111111", Role: "ReadOnly"}),
		"groups unknown":              GroupsUnknown("leads (S0LEADS)", false, nil),
		"groups gone":                 GroupsUnknown("leads (S0LEADS)", true, nil),
		"groups unreadable":           GroupsUnknown("leads (S0LEADS)", false, unknown),
		"groups known":                GroupsKnown("leads (S0LEADS)"),
		"people unreadable":           PeopleUnreadable(inactive, noon),
		"people never read":           PeopleUnreadable(inactive, access.Request{}.Ends),
		"people late":                 PeopleLate(noon),
		"people readable":             PeopleReadable(),
		"addresses unconfirmed":       AddressesUnconfirmed("dev1@example.com (U0DEV1)"),
		"addresses shared":            AddressesShared("dev1@example.com (U0DEV1)"),
		"addresses recognised":        AddressesRecognised("dev1@example.com (U0DEV1)"),
		"too many clicks":             TooManyClicks("U0DEV1", "Dev One", 100),
		"too many clicks, no profile": TooManyClicks("U0DEV1", "U0DEV1", 100),
		"too many requests":           TooManyRequests("U0DEV1", "", 30),
		"sweep held":                  SweepHeld(heldSweep, heldGrants(12), map[string]int{"x": 12}, []string{"x"}),
		"sweep held, few":             SweepHeld(heldSweep, heldGrants(1), map[string]int{"x": 30}, []string{"x"}),
		"sweep not held":              SweepNotHeld(access.Sweep{}),
		"sweep confirmed":             SweepNotHeld(answered(access.Sweep.Confirm)),
		"sweep dismissed":             SweepNotHeld(answered(access.Sweep.Dismiss)),
	}
	maps.Copy(all, tableTexts())
	return all
}

// tableTexts are the sentences about what somebody with rights on the table has done.
func tableTexts() map[string]string {
	return map[string]string{
		"thawed from the table": Thawed(func() access.Freeze {
			f, _ := frozen("a stolen laptop").End(later)
			f.Thaw = []access.Person{anOperator}
			return f
		}()),
		"closed everything": ClosedByOperator(Closing{By: anOperator, Why: "the bot token leaked", Grants: 3, Sessions: 2,
			Requests: 1}),
		"closed a person": ClosedByOperator(Closing{By: anOperator, Person: "U0DEV1", Why: "a stolen laptop", Grants: 1,
			Sessions: 1, Devices: 2, Failed: 1}),
		"closed a request": ClosedByOperator(Closing{By: anOperator, Request: "01A", Why: "x", Grants: 1}),
		"closed an account": ClosedByOperator(Closing{
			By: anOperator, Account: "111111111111", Why: "x", Requests: 2,
		}),
	}
}

// The operators' channel shows plain text, where a backtick is a backtick.
func TestOperatorsReadNoMarkup(t *testing.T) {
	for name, text := range operatorTexts() {
		if strings.ContainsAny(text, "`*<>") {
			t.Errorf("%s: %q has markup", name, text)
		}
	}
	for code := range advice {
		if text := Advice(slackapi.Operator, code); strings.ContainsAny(text, "`*_<>") {
			t.Errorf("%s: %q has markup", code, text)
		}
	}
}

func TestThereIsAdviceForEveryClassOfError(t *testing.T) {
	for code := range advice {
		if slackapi.ClassOf("chat.postMessage", code) == slackapi.Unknown {
			t.Errorf("there is advice for %s, which is in no class", code)
		}
	}
	seen := make(map[string]slackapi.Class)
	for _, class := range []slackapi.Class{
		slackapi.Token, slackapi.Operator, slackapi.Invalid, slackapi.Wait, slackapi.Unknown,
	} {
		text := Advice(class, "")
		if other, twice := seen[text]; twice || text == "" {
			t.Errorf("the advice for class %s is %q, as for %q", class, text, other)
		}
		seen[text] = class
	}
}

func TestALongListOfNamesIsCounted(t *testing.T) {
	var ids []string
	for i := range 25 {
		ids = append(ids, fmt.Sprintf("S%02d", i))
	}
	names := map[string]string{"S00": "leads", "S01": "ops (S01)"}
	got := NameList(ids, names)
	if !strings.HasPrefix(got, "leads (S00), ops (S01), S02, ") || !strings.HasSuffix(got, "S19 and 5 more") {
		t.Errorf("got %q", got)
	}
}

var heldSweep = access.Sweep{}.Found(100, 30, 30, noon)

func heldGrants(n int) (grants []string) {
	for i := range n {
		grants = append(grants, LostGrant(access.Person{ID: fmt.Sprint("U0DEV", i), Name: "Dev"}, "ReadOnly", "prod"))
	}
	return grants
}

func answered(answer func(access.Sweep, access.Person, time.Time) (access.Sweep, bool)) access.Sweep {
	next, _ := answer(heldSweep, access.Person{ID: "operator", Name: "Olive"}, noon)
	return next
}

func TestAHeldSweepNamesTenGrantsAndBothAnswers(t *testing.T) {
	text := SweepHeld(heldSweep, heldGrants(12), map[string]int{"Gone.": 12}, []string{"Gone."})
	for _, want := range []string{
		"Of 100 open grants, 30 would be revoked", "12 of them: Gone.", "Dev (U0DEV9): ReadOnly in prod; and 2 more",
		"aws-access sweep confirm", "aws-access sweep dismiss",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
	if strings.Contains(text, "U0DEV10)") {
		t.Errorf("%q names more than ten grants", text)
	}
	for answer, want := range map[string]string{
		SweepNotHeld(access.Sweep{}):                 "No unusual number",
		SweepNotHeld(answered(access.Sweep.Confirm)): "Olive has confirmed",
		SweepNotHeld(answered(access.Sweep.Dismiss)): "Olive has dismissed",
	} {
		if !strings.Contains(answer, want) {
			t.Errorf("%q lacks %q", answer, want)
		}
	}
}
