//go:build deployed

package scenarios

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/controls"
	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// holder is somebody with a grant of ReadOnly in payments-prod, and a shell with keys from its message.
type holder struct {
	user, request string
	keys          *computer
	card          slackfake.Message
}

// holders are U0DEV1 and U0DEV2, who hold the same role in the same account, by the held clock of a
// sandbox.
func holders(t *testing.T) (b *sandboxtest.Sandbox, first, second holder) {
	t.Helper()
	b = startSandbox(t)
	b.Do("clock", `{"stop":true}`)
	both := [2]holder{{user: "U0DEV1"}, {user: "U0DEV2"}}
	for i := range both {
		h := &both[i]
		b.Command(h.user, `/aws-access payments-prod ReadOnly 1h "stuck payouts"`)
		h.request, h.card = b.Request().ID, b.Card("C0APPROVALS")
		b.Click("U0LEAD1", "Approve", h.card)
		h.keys = keysFromSlack(t, b, h.user)
	}
	return b, both[0], both[1]
}

// keysFromSlack presses "Get temporary keys" on the newest grant of somebody, and is a shell with those
// keys.
func keysFromSlack(t *testing.T, b *sandboxtest.Sandbox, user string) *computer {
	t.Helper()
	isKeys := sandboxtest.IsPrivate(user, exported)
	seen := sandboxtest.Count(b.State().Messages, isKeys)
	b.Click(user, "Get temporary keys", b.Await("grant of "+user, 0, sandboxtest.IsGrant(user)))
	c := newComputer(t, "AWS_ENDPOINT_URL="+b.URL+"/aws", "AWS_MAX_ATTEMPTS=1")
	for _, m := range exported.FindAllStringSubmatch(b.Await("keys", seen, isKeys).Text, -1) {
		c = c.with(m[1] + "=" + m[2])
	}
	return c
}

// works reports whether the real AWS CLI can list buckets. If it cannot, AWS must have said this code.
func (h holder) works(code string) bool {
	h.keys.t.Helper()
	r := h.keys.run(aws2(h.keys.t), "s3api", "list-buckets")
	if r.code != 0 && !strings.Contains(r.stderr, code) {
		h.keys.t.Fatalf("list-buckets of %s: exit code %d, want %s\n%s", h.user, r.code, code, r.stderr)
	}
	return r.code == 0
}

// revoke revokes the grant of somebody as U0LEAD1, with a reason.
func revoke(b *sandboxtest.Sandbox, h holder) {
	b.T.Helper()
	b.Click("U0LEAD1", "Revoke", h.card)
	for _, v := range b.State().Views {
		if v.User == "U0LEAD1" {
			b.Act(map[string]any{
				"as": "U0LEAD1", "submit": v.ID, "values": map[string]string{"Reason": "a stolen laptop"},
			})
			return
		}
	}
	b.T.Fatal("Revoke opens no form")
}

// What the words for a cut say.
const (
	saysEnding = "*Ending*: its sessions are being ended"
	saysEnded  = "*A deny of its sessions was written*"
)

// told is what each place says of a request: "ending", "done" or, if it says neither, "none".
func told(b *sandboxtest.Sandbox, h holder) map[string]string {
	b.T.Helper()
	s := b.State()
	all := map[string]string{}
	for _, r := range s.Requests {
		if r.ID == h.request {
			all["state"] = r.Cut
		}
	}
	for _, m := range s.Messages {
		switch {
		case m.Channel == h.card.Channel && m.TS == h.card.TS:
			all["card"] = saysOf(m.Text + string(m.Blocks))
		case sandboxtest.IsGrant(h.user)(m):
			all["message"] = saysOf(m.Text + string(m.Blocks))
		}
	}
	all["list"] = saysOf(b.Command(h.user, "/aws-access list").Body)
	return all
}

func saysOf(text string) string {
	switch {
	case strings.Contains(text, saysEnding):
		return "ending"
	case strings.Contains(text, saysEnded):
		return "done"
	}
	return "none"
}

// agree checks that every place says the same of a grant.
func agree(b *sandboxtest.Sandbox, when, want string, h holder) {
	b.T.Helper()
	places := told(b, h)
	if len(places) != 4 {
		b.T.Fatalf("%s: only %v say something of the grant", when, places)
	}
	for place, got := range places {
		if got != want {
			b.T.Errorf("%s: %s says %q, want %q", when, place, got, want)
		}
	}
}

func TestOneOfTwoHoldersOfARoleIsRevoked(t *testing.T) {
	t.Parallel()
	b, first, second := holders(t)
	if !first.works("") || !second.works("") {
		t.Fatal("the keys do not work")
	}
	agree(b, "before", "none", first)
	revoke(b, first)
	b.Advance("1m") // a tick
	agree(b, "after a tick", "done", first)
	agree(b, "after a tick, the other", "none", second)
	if first.works("AccessDenied") {
		t.Error("a tick after the revocation the revoked keys work")
	}
	if !second.works("") {
		t.Error("the keys of the other holder do not work")
	}
	first.keys.do(aws2(t), "sts", "get-caller-identity") // no policy can deny it, as the card says
}

func TestAGrantIsEndingUntilTheDenyIsThere(t *testing.T) {
	t.Parallel()
	b, first, second := holders(t)
	b.Do("faults", `{"at":"iam:PutRolePolicy","how":"error","for":"20m"}`)
	revoke(b, first)
	for passed := 0; passed < 20; {
		when := fmt.Sprintf("%d minutes after the revocation", passed)
		agree(b, when, "ending", first)
		if state := sessionOf(b, first).State; state != controls.SessionEnding {
			t.Errorf("%s: the session is %s", when, state)
		}
		if !first.works("") || !second.works("") {
			t.Errorf("%s: nothing is denied, and keys do not work", when)
		}
		step := min(4, 20-passed)
		passed += step
		b.Advance(fmt.Sprintf("%dm", step))
	}
	b.Advance("5m") // tries are at most 4 minutes apart, and wait for a tick
	agree(b, "after PutRolePolicy works again", "done", first)
	if first.works("AccessDenied") || !second.works("") {
		t.Error("want the revoked keys denied, and the others not")
	}
}

// sessionOf is the session that somebody was given.
func sessionOf(b *sandboxtest.Sandbox, h holder) (found controls.Session) {
	b.T.Helper()
	for _, s := range b.State().Sessions {
		if s.Request == h.request {
			found = s
		}
	}
	return found
}

// shortGrant is a grant of a role in payments-dev for ten minutes, by the held clock of a sandbox.
// Operator may narrow its credentials, and ReadOnly may not, as infra/member/roles.yaml makes them.
func shortGrant(t *testing.T, role, fault string) (b *sandboxtest.Sandbox, h holder, ends time.Time) {
	t.Helper()
	b = startSandbox(t)
	b.Do("clock", `{"stop":true}`)
	if fault != "" {
		b.Do("faults", fault)
	}
	b.Command("U0DEV1", `/aws-access payments-dev `+role+` 10m "looking"`)
	if role == "Operator" {
		b.Click("U0LEAD1", "Approve", b.Card("C0APPROVALS"))
	}
	h = holder{user: "U0DEV1", request: b.Request().ID, keys: keysFromSlack(t, b, "U0DEV1")}
	return b, h, b.Request().Ends.Truncate(time.Second)
}

// at moves the clock of a sandbox to a time.
func at(b *sandboxtest.Sandbox, when time.Time) {
	b.T.Helper()
	b.Do("clock", `{"set":"`+when.UTC().Format(time.RFC3339)+`"}`)
}

func TestKeysExpireWithTheGrant(t *testing.T) {
	t.Parallel()
	b, h, ends := shortGrant(t, "Operator", "")
	at(b, ends.Add(-4*time.Second))
	h.keys.do(aws2(t), "sts", "get-caller-identity")
	if !h.works("") {
		t.Error("four seconds before the end the keys do not work")
	}
	at(b, ends.Add(time.Second))
	h.keys.refused(254, "ExpiredToken", aws2(t), "sts", "get-caller-identity")
	if h.works("ExpiredToken") {
		t.Error("a second after the end the keys work")
	}
}

// until is the time until which identity calls work, as the message says it: <!date^SECONDS^…>.
var until = regexp.MustCompile("`sts:GetCallerIdentity`, and sign-in that relies on it \\(EKS, Vault\\), " +
	`works until <!date\^(\d+)\^`)

// Where AWS refuses to narrow the session, the message says until when identity calls work. It is true:
// for a role whose boundary does not have the call, and where AWS does not know it.
func TestWithoutNarrowingTheWordsSayWhatHappens(t *testing.T) {
	for role, fault := range map[string]string{
		"ReadOnly": "", "Operator": `{"at":"sts:GetScopedCredentials","how":"code:InvalidAction"}`,
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			b, h, ends := shortGrant(t, role, fault)
			identityUntilItIsSaid(t, b, h, ends)
		})
	}
}

// identityUntilItIsSaid checks that calls are denied from the end of a grant on, and that identity calls
// work until the time that a message says.
func identityUntilItIsSaid(t *testing.T, b *sandboxtest.Sandbox, h holder, ends time.Time) {
	t.Helper()
	m := until.FindStringSubmatch(allWords(b, h.user))
	if m == nil {
		t.Fatalf("no message says until when identity calls work: %s", allWords(b, h.user))
	}
	var seconds int64
	if err := json.Unmarshal([]byte(m[1]), &seconds); err != nil {
		t.Fatal(err)
	}
	last := time.Unix(seconds, 0)
	if !last.After(ends) {
		t.Fatalf("identity calls work until %s, the grant ends %s", last, ends)
	}
	at(b, ends.Add(time.Second))
	if h.works("AccessDenied") {
		t.Error("a second after the end the keys can list buckets")
	}
	h.keys.do(aws2(t), "sts", "get-caller-identity")
	at(b, last.Add(-time.Second))
	h.keys.do(aws2(t), "sts", "get-caller-identity")
	at(b, last.Add(time.Second))
	h.keys.refused(254, "ExpiredToken", aws2(t), "sts", "get-caller-identity")
}

// allWords are the texts of the messages that somebody sees.
func allWords(b *sandboxtest.Sandbox, user string) string {
	b.T.Helper()
	var all strings.Builder
	for _, m := range b.State().Messages {
		if m.DMWith == user || m.To == user {
			var blocks any
			if json.Unmarshal(m.Blocks, &blocks) == nil {
				text, _ := json.Marshal(blocks)
				all.WriteString(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(text)))
			}
			all.WriteString(m.Text + "\n")
		}
	}
	return all.String()
}
