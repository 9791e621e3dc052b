package slackui

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

var update = flag.Bool("update", false, "rewrite the golden messages")

var (
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	later = noon.Add(20 * time.Minute)
	dev   = access.Person{ID: "U0DEV1", Email: "dev1@example.com", Name: "Dev One", Membership: access.Member}
	lead  = access.Person{ID: "U0LEAD1", Email: "lead1@example.com", Name: "Lead One", Membership: access.Member}
	sec   = access.Person{ID: "U0SEC1", Email: "sec1@example.com", Name: "Sec One", Membership: access.Member}
	terms = access.Terms{
		Max: 4 * time.Hour, Give: []access.Kind{access.Console, access.Keys},
		AnswerWithin: time.Hour, RemindAfter: 15 * time.Minute,
		Requirements: requirements, Channels: []string{"C0APPROVALS"},
	}
	requirements = []access.Requirement{
		{Rule: "change", From: []string{"leads", "U0LEAD2"}, Required: 1},
		{Rule: "change", From: []string{"security"}, Required: 1},
	}
	reference = "01ARZ3NDEKTSV4RRFFQ69G5REF"
)

func asked() access.Ask {
	return access.Ask{
		ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Requester: dev,
		Account: "111111111111", AccountName: "payments-prod", Role: "ReadOnly",
		For:    2 * time.Hour,
		Reason: "INC-42: stuck payouts\nlook at <queue> & logs 🙂", Ticket: "INC-42",
	}
}

func must(r access.Request, _ access.Event, err error) access.Request {
	if err != nil {
		panic(err)
	}
	return r
}

func pending() access.Request { return must(access.New(asked(), terms, noon)) }

// halfApproved is a request that one of two approvers has approved.
func halfApproved() access.Request {
	left := terms
	left.Requirements = slices.Clone(requirements)
	left.Requirements[1].Approved = 1
	return must(pending().Approve(sec, 0, left, noon.Add(3*time.Minute)))
}

func active() access.Request {
	met := terms
	met.Met = true
	return must(halfApproved().Approve(lead, 0, met, noon.Add(5*time.Minute)))
}

// withSession is an active request with a session that lives until 13:10.
func withSession() access.Request { return addSession(active(), time.Hour) }

func addSession(r access.Request, life time.Duration) access.Request {
	met := terms
	met.Met, met.Max = true, r.For
	at := noon.Add(10 * time.Minute)
	r = must(r.Order(dev, access.Order{ID: "o1", Kind: access.Keys, At: at}, met, at))
	return must(r.Issue("o1", access.IssuedKey{AccessKeyID: "ASIAEXAMPLE", Expires: at.Add(life)},
		access.IssuedKey{}, at))
}

// shortGrant is an active grant that ends at 12:15, with a session that STS ends at 12:25.
func shortGrant() access.Request {
	met := terms
	met.Met = true
	return addSession(must(halfApproved().Approve(lead, 10*time.Minute, met, noon.Add(5*time.Minute))), 15*time.Minute)
}

func ticked(r access.Request, at time.Time) access.Request {
	next, _, err := r.Tick(at)
	if err != nil {
		panic(err)
	}
	return next
}

func timedOut() access.Request {
	return ticked(ticked(pending(), noon.Add(15*time.Minute)), noon.Add(time.Hour))
}

func outlasting(r access.Request) access.Request {
	r.AssumeRoles, r.MakeIdentities = true, true
	return r
}

func giving(r access.Request, kinds ...access.Kind) access.Request {
	r.Give = kinds
	return r
}

// unapproved is a request that needed no approval and is reviewed afterwards.
func unapproved() access.Request {
	met := terms
	met.Met, met.Requirements, met.Review = true, nil, &access.Review{By: []string{"leads"}, Within: 24 * time.Hour}
	return must(access.New(asked(), met, noon))
}

const ticketLink = "https://tickets.example.com/browse/INC-42?a=1&b=2"

// messages are all messages, in each state that they can show.
func messages() map[string]Message {
	revoked := must(withSession().Revoke(lead, "The incident is over.", later))
	ended := must(withSession().End(dev, later))
	denied := must(pending().Deny(lead, "Not today.\nAsk *me* again.", later))
	cancelled := must(pending().Cancel(dev, later))
	expired := ticked(shortGrant(), noon.Add(15*time.Minute))
	all := map[string]Message{
		"card-pending":     Card(pending(), CardPolicy{TicketLink: ticketLink}, noon),
		"card-half":        Card(halfApproved(), CardPolicy{TicketLink: ticketLink}, noon),
		"card-reminded":    Card(ticked(pending(), noon.Add(15*time.Minute)), CardPolicy{}, noon),
		"card-outlasting":  Card(outlasting(pending()), CardPolicy{}, noon),
		"card-active":      Card(active(), CardPolicy{}, later),
		"card-unasked":     Card(unapproved(), CardPolicy{}, noon),
		"card-shortened":   Card(shortGrant(), CardPolicy{}, noon),
		"card-denied":      Card(denied, CardPolicy{}, later),
		"card-cancelled":   Card(cancelled, CardPolicy{}, later),
		"card-timed-out":   Card(timedOut(), CardPolicy{}, later),
		"card-revoked":     Card(revoked, CardPolicy{}, later),
		"card-ended":       Card(ended, CardPolicy{}, later),
		"card-expired":     Card(expired, CardPolicy{}, noon.Add(16*time.Minute)),
		"grant-active":     RequesterMessage(active(), later),
		"grant-keys-only":  RequesterMessage(giving(active(), access.Keys), later),
		"grant-denied":     RequesterMessage(denied, later),
		"grant-timed-out":  RequesterMessage(timedOut(), later),
		"grant-expired":    RequesterMessage(expired, noon.Add(16*time.Minute)),
		"grant-ended":      RequesterMessage(ended, later),
		"grant-ended-soon": RequesterMessage(must(shortGrant().End(dev, noon.Add(12*time.Minute))), noon.Add(12*time.Minute)),
		"grant-revoked":    RequesterMessage(revoked, later),
		"keys": keyPosts(access.Shell,
			"export AWS_ACCESS_KEY_ID=ASIAEXAMPLE\nexport AWS_SECRET_ACCESS_KEY='a&b'\n")[0],
		"keys-part-1":     keyPosts(access.Profile, "[a]\naws_session_token = one", "two\n")[0],
		"keys-part-2":     keyPosts(access.Profile, "[a]\naws_session_token = one", "two\n")[1],
		"keys-powershell": keyPosts(access.PowerShell, "$Env:AWS_ACCESS_KEY_ID = 'ASIAEXAMPLE'\n")[0],
		"keys-json":       keyPosts(access.JSON, "{}\n")[0],
		"link":            linkPosts("x")[0],
		"link-alone":      linkPosts(strings.Repeat("x", 3600))[0],
		"link-words":      linkPosts(strings.Repeat("x", 3600))[1],
		"not-vended": NoSession(&access.Refusal{
			Code: "aws_refused", Says: "AWS refused to open ReadOnly in payments-prod.",
			Next: "Tell the people who run AWS access.",
		}, active(), reference),
		"refused":         ErrorAnswer(access.RefuseTooLong(4*time.Hour, 8*time.Hour), reference),
		"failed":          ErrorAnswer(errors.New("dial tcp: secret-host refused"), reference),
		"asked-pending":   Submitted(pending(), access.Freeze{}),
		"asked-active":    Submitted(active(), access.Freeze{}),
		"already-asked":   AlreadyAsked(halfApproved(), access.Freeze{}),
		"already-granted": AlreadyAsked(active(), access.Freeze{}),
		"asked-before":    Submitted(access.Request{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, access.Freeze{}),
		"help":            Help("INC-42", false),
		"help-devices":    Help("INC-42", true),
		"list-empty":      List(nil, false, noon),
		"list":            List(numbered([]access.Request{ended, halfApproved(), denied, active()}), true, later),
		"operators":       Operators("These groups are not known: leads (S0LEADS) <!channel>"),
	}
	maps.Copy(all, noticeMessages(expired, ended, revoked))
	maps.Copy(all, cutMessages(revoked))
	maps.Copy(all, machineMessages())
	maps.Copy(all, revokeMessages(reference))
	maps.Copy(all, deviceMessages())
	maps.Copy(all, leashMessages())
	return all
}

// cutMessages are messages of closed grants whose sessions are ended.
func cutMessages(revoked access.Request) map[string]Message {
	responders := CardPolicy{Responders: true}
	lost := must(withSession().RevokeLost("The policy no longer gives this.", later))
	done := must(revoked.CutIsDone(later.Add(time.Minute)))
	return map[string]Message{
		"card-cut":    Card(must(outlasting(revoked).CutIsDone(later.Add(time.Minute))), responders, later),
		"card-lifted": Card(must(revoked.Lift(sec, later)), responders, later),
		"grant-cut":   RequesterMessage(done, later),
		"grant-lost":  RequesterMessage(lost, later),
	}
}

// noticeMessages are the messages of all kinds of notices.
func noticeMessages(expired, ended, revoked access.Request) map[string]Message {
	return map[string]Message{
		"notice-reminder": notice(ticked(pending(), noon.Add(15*time.Minute)),
			access.Event{Verb: access.Tick, From: access.Pending, To: access.Pending}),
		"notice-lost": notice(active(), access.Event{Verb: access.Tick, From: access.Active, To: access.Active,
			Outcome: access.Failed}),
		"notice-expired": notice(expired, access.Event{Verb: access.Tick, From: access.Active, To: access.Expired}),
		"notice-ended":   notice(ended, access.Event{Verb: access.End, From: access.Active, To: access.Ended}),
		"notice-revoked": notice(revoked, access.Event{Verb: access.Revoke, From: access.Active, To: access.Revoked,
			Actor: lead}),
	}
}

func keyPosts(form access.Form, parts ...string) []Message {
	secrets := make([]access.Secret, len(parts))
	for i, part := range parts {
		secrets[i] = access.NewSecret(part)
	}
	return Keys(form, secrets, active(), sessionUntil(later.Add(time.Hour), time.Time{}))
}

// sessionUntil is a session of active() that expires at a time, and that its policy denies every action from another
// one, or from the end of the grant if that is zero.
func sessionUntil(expires, denied time.Time) access.Session {
	if denied.IsZero() {
		denied = active().Ends
	}
	return access.Session{AccessKeyID: "ASIAEXAMPLE", Expires: expires, Denied: denied}
}

// leashMessages are private answers with sessions that the policy lets act for five minutes.
func leashMessages() map[string]Message {
	denied := later.Add(5 * time.Minute)
	keys, link := []access.Secret{access.NewSecret("export A=1\n")}, access.NewSecret("https://signin.example/")
	exact, late := sessionUntil(denied.Add(-2*time.Second), denied), sessionUntil(later.Add(15*time.Minute), denied)
	all := map[string]Message{
		"keys-leash":      Keys(access.Shell, keys, active(), exact)[0],
		"keys-leash-late": Keys(access.Shell, keys, active(), late)[0],
	}
	for name, s := range map[string]access.Session{"link-leash": exact, "link-leash-late": late} {
		posts, err := Link(link, active(), s)
		if err != nil {
			panic(err)
		}
		all[name] = posts[0]
	}
	return all
}

func linkPosts(token string) []Message {
	link := access.NewSecret("https://signin.aws.amazon.com/federation?Action=login&SigninToken=" + token)
	posts, err := Link(link, active(), sessionUntil(later.Add(2*time.Hour), time.Time{}))
	if err != nil {
		panic(err)
	}
	return posts
}

// numbered gives each request its own id.
func numbered(requests []access.Request) []access.Request {
	for i := range requests {
		requests[i].ID = fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ6%06d", i)
	}
	return requests
}

func notice(r access.Request, e access.Event) Message {
	n, ok := NoticeOf(e, r, later)
	if !ok {
		panic("the event has no notice")
	}
	return n.Message
}

func views() map[string]slack.ModalViewRequest {
	roles := []access.Role{
		{Name: "ReadOnly", About: "Look at everything", Max: 4 * time.Hour},
		{Name: "Admin", About: strings.Repeat("long ", 40), Max: time.Hour, Ticket: true, AssumeRoles: true},
	}
	account := access.Account{ID: "111111111111", Name: "payments-prod"}
	all := revokeViews("lost")
	maps.Copy(all, map[string]slack.ModalViewRequest{
		"form-empty":           Form(FormState{Ticket: "INC-42"}),
		"form-account":         Form(FormState{Ticket: "INC-42", Account: account, Roles: roles}),
		"form-role":            Form(FormState{Ticket: "INC-42", Account: account, Roles: roles, Role: "Admin"}),
		"form-when-frozen":     Form(FormState{Ticket: "INC-42", Frozen: frozen("a stolen laptop")}),
		"form-no-role":         Form(FormState{Ticket: "INC-42", Account: account}),
		"form-deny":            DenyForm(pending()),
		"form-confirm-approve": ConfirmForm(ActionApprove, outlasting(pending()), ticketLink),
		"form-confirm-deny":    ConfirmForm(ActionDeny, pending(), ""),
		"form-revoke":          RevokeForm(withSession(), ticketLink, true, later),
		"form-revoke-forged":   RevokeForm(active(), "", false, later),
		"form-sent":            SubmittedView(pending(), access.Freeze{}),
		"form-confirm-machine": ConfirmForm(ActionDeny, byMachine(githubRun(), ""), ""),
		"form-deny-machine":    DenyForm(byMachine(githubRun(), "")),
		"form-problem": ErrorView(ErrorAnswer(&access.Refusal{Code: "unknown_form", Says: "This form no longer works.",
			Next: "Start again with /aws-access."}, reference)),
	})
	return all
}

// answers are the bodies of answers to Slack.
func answers() map[string]any {
	v := View{Blocks: map[string]string{
		ActionAccount: "account", ActionRole: "role:111111111111", ActionLength: "length",
	}}
	found := []access.Account{
		{ID: "111111111111", Name: "payments-prod"}, {ID: "222222222222", Name: strings.Repeat("n", 90)},
	}
	guest := &access.Refusal{Code: "guest", Says: "Guests of this workspace cannot use AWS access."}
	return map[string]any{
		"answer-errors":       Errors(access.RefuseTooLong(time.Hour, 2*time.Hour), v),
		"answer-errors-role":  Errors(&access.Refusal{Code: "not_allowed", Says: "No rule allows this."}, v),
		"answer-errors-none":  Errors(&access.Refusal{Code: "not_allowed", Says: "No rule allows this."}, View{}),
		"answer-options":      Options(found, 2),
		"answer-options-more": Options(found, 345),
		"answer-options-none": Options(nil, 0),
		"answer-command":      Ephemeral(ErrorAnswer(guest, reference)),
	}
}

// body is a message as it is posted.
func body(m Message) any {
	return struct {
		Text   string        `json:"text"`
		Blocks []slack.Block `json:"blocks,omitempty"`
	}{m.Text, m.Blocks}
}

// The golden files are what people see: read their diff in a review.
func TestEveryMessageMatchesItsGoldenFile(t *testing.T) {
	all := answers()
	for name, m := range messages() {
		all[name] = body(m)
	}
	for name, v := range views() {
		all[name] = v
	}
	all["operators-texts"] = operatorTexts()
	for name, v := range all {
		checkGolden(t, name, v)
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, ok := all[strings.TrimSuffix(filepath.Base(file), ".json")]; !ok {
			t.Errorf("%s is the golden file of no message", file)
		}
	}
}

func checkGolden(t *testing.T, name string, got any) {
	t.Helper()
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(got); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s differs (-want +got); -update accepts it:\n%s", name, diff)
	}
}
