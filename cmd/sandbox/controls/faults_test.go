package controls_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// A fault that could never happen is refused, with what is allowed.
func TestRefusedFaultsSayWhatIsAllowed(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	for body, want := range map[string]string{
		`{"at":"slack:*","how":"code:"}`:           "write code: and an error code",
		`{"at":"slack:*","how":"code:not a code"}`: "write code: and an error code",
		`{"at":"slack:*","how":"code"}`: "can go wrong as error, 429, slow, lost, dead, " +
			"code:<error code>, quota",
		`{"at":"sts:AssumeRole","how":"quota"}`: "sts:AssumeRole can go wrong as error, 429, slow, " +
			"lost, dead, code:<error code>",
		`{"at":"*","how":"quota"}`: "* can go wrong as",
		`{"at":"sts:AssumeRole","how":"late","for":"30s"}`: "sts:AssumeRole can go wrong as error, 429, slow, lost, dead, " +
			"code:<error code>",
		`{"at":"iam:PutRolePolicy","how":"late"}`:                       `add "for", the time after which IAM enforces`,
		`{"at":"iam:PutRolePolicy","how":"later"}`:                      "code:<error code>, late",
		`{"at":"invoke:tick","how":"error"}`:                            "invoke has only vend, cut",
		`{"at":"feed","how":"code:x"}`:                                  "feed can go wrong as double, delay",
		`{"at":"feed","how":"dead"}`:                                    "feed can go wrong as double, delay",
		`{"at":"slack:auth.test","how":"quota"}`:                        "for which Slack documents no limit",
		`{"at":"slack:users.lsit","how":"quota"}`:                       "for which Slack documents no limit",
		`{"at":"slack:users.list","how":"quota","per_minute":0}`:        `"per_minute" is 0`,
		`{"at":"slack:users.list","how":"quota","per_minute":-1}`:       `"per_minute" is -1`,
		`{"at":"slack:users.list","how":"429","per_minute":20}`:         `"per_minute" belongs to "how":"quota"`,
		`{"at":"slack:users.list","how":"quota","per_minute":20,"n":1}`: `unknown field "n"`,
	} {
		status, text := b.Control("faults", body)
		var answer struct{ Error string }
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusBadRequest ||
			!strings.Contains(answer.Error, want) {
			t.Errorf("%s: got %d %s, want 400 %q", body, status, text, want)
		}
	}
	if list := b.State().Faults; len(list) != 0 {
		t.Errorf("a refused fault is active: %+v", list)
	}
}

// Faults are listed as they were added, with "until" in place of "for".
func TestFaultsAreListedAsTheyWereAdded(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Do("clock", `{"set":"2026-11-21T12:01:00Z"}`)
	set := []string{
		`{"at":"slack:chat.postMessage","how":"code:account_inactive","times":3}`,
		`{"at":"sts:AssumeRole","how":"code:AccessDenied","times":1,"until":"2026-11-21T12:31:00Z"}`,
		`{"at":"slack:*","how":"dead","times":2}`,
		`{"at":"iam:PutRolePolicy","how":"late","times":1,"for":"30s"}`,
		`{"at":"invoke:cut","how":"lost"}`,
		`{"at":"slack:*","how":"quota"}`,
		`{"at":"slack:users.list","how":"quota","per_minute":20}`,
	}
	for _, f := range set {
		b.Do("faults", strings.Replace(f, `"until":"2026-11-21T12:31:00Z"`, `"for":"30m"`, 1))
	}
	if _, got := b.Send(http.MethodGet, "/sandbox/faults", ""); strings.TrimSpace(got) != "["+strings.Join(set, ",")+"]" {
		t.Errorf("got  %s\nwant [%s]", got, strings.Join(set, ","))
	}
}

// A quota limits the calls in a minute of sandbox time. Calls within the limit meet
// the other faults, and each refusal counts as one of its times.
func TestQuotasLimitCallsBySandboxTime(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	calls := func(method string, n int) (refused int) {
		for range n {
			if status, _ := b.CallSlack(method, "channel=C0OPS&text=x"); status == http.StatusTooManyRequests {
				refused++
			}
		}
		return refused
	}
	for _, c := range []struct {
		fault, method string
		calls, want   int
	}{
		{`{"at":"slack:users.list","how":"quota"}`, "users.list", 25, 5},
		{`{"at":"slack:*","how":"quota"}`, "users.list", 25, 5},
		{`{"at":"slack:*","how":"quota"}`, "chat.postMessage", 5, 2},
		{`{"at":"slack:*","how":"quota"}`, "auth.test", 300, 0},
		{`{"at":"slack:users.list","how":"quota","per_minute":7}`, "users.list", 10, 3},
		{`{"at":"slack:users.list","how":"quota","times":2}`, "users.list", 25, 2},
		{`{"at":"slack:users.list","how":"quota"}`, "users.info", 200, 0},
	} {
		b.Do("faults", c.fault)
		if got := calls(c.method, c.calls); got != c.want {
			t.Errorf("%s: %d of %d calls to %s refused, want %d", c.fault, got, c.calls, c.method, c.want)
		}
		b.Send(http.MethodDelete, "/sandbox/faults", "")
		if got := calls(c.method, 3); got != 0 {
			t.Errorf("%s: %d calls refused after the quota was cleared", c.fault, got)
		}
		b.Advance("1m")
	}
	b.Do("faults", `{"at":"slack:auth.test","how":"quota","per_minute":2}`)
	b.Do("faults", `{"at":"slack:auth.test","how":"code:account_inactive","times":3}`)
	var got []int
	for range 4 {
		status, _ := b.CallSlack("auth.test", "")
		got = append(got, status)
	}
	if want := []int{200, 200, 429, 429}; !slices.Equal(got, want) || b.State().Faults[1].Times != 1 {
		t.Errorf("got %v with %+v left, want %v with one refusal left", got, b.State().Faults, want)
	}
}

// While a call is refused with a code or a closed connection, no link is given.
// Once the fault is over, a new click works.
func TestANewClickWorksAfterCodesAndClosedConnections(t *testing.T) {
	for _, at := range []string{"sts:AssumeRole", "signin:getSigninToken", "invoke:vend"} {
		for _, how := range []string{"dead", "code:ThrottlingException", "code:AccessDenied"} {
			t.Run(at+" "+how, func(t *testing.T) {
				b := sandboxtest.Start(t, sandboxtest.Policy(t))
				grant := sandboxtest.Granted(b)
				b.Do("faults", `{"at":"`+at+`","how":"`+how+`"}`)
				b.Click("U0DEV1", "Open AWS console", grant)
				isLink := func(m slackfake.Message) bool { return sandboxtest.ConsoleLink.MatchString(m.Text) }
				if n := sandboxtest.Count(b.State().Messages, isLink); n != 0 {
					t.Errorf("the call was refused, but there are %d links", n)
				}
				b.Send(http.MethodDelete, "/sandbox/faults", "")
				b.Advance("2m")
				b.Click("U0DEV1", "Open AWS console", grant)
				if m := b.Private("U0DEV1"); !sandboxtest.ConsoleLink.MatchString(m.Text) {
					t.Errorf("a new click: got %q", m.Text)
				}
			})
		}
	}
}

// The table can refuse with a code, too.
func TestNoRequestIsMadeWhenTheTableRefuses(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Do("faults", `{"at":"store:save","how":"code:ProvisionedThroughputExceededException"}`)
	out := b.Command("U0DEV1", sandboxtest.AskCommand)
	if strings.Contains(out.Body, "Asked for") || len(b.State().Requests) != 0 {
		t.Errorf("got %+v and %d requests, want a failure and none", out, len(b.State().Requests))
	}
}

// A fault that has ended is not listed any more.
func TestFaultsEndByTimeAndByDelete(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Do("faults", `{"at":"slack:chat.postMessage","how":"error","times":3,"for":"30m"}`)
	b.Do("faults", `{"at":"feed","how":"delay"}`)
	list := func() (faults []world.Fault) {
		_, text := b.Send(http.MethodGet, "/sandbox/faults", "")
		if err := json.Unmarshal([]byte(text), &faults); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return faults
	}
	got := list()
	if len(got) != 2 || got[0].At != "slack:chat.postMessage" || got[0].Times != 3 || got[0].Until == nil ||
		got[1].How != "delay" {
		t.Errorf("got %+v", got)
	}
	b.Advance("31m")
	if got := list(); len(got) != 1 {
		t.Errorf("after half an hour: got %+v", got)
	}
	if status, _ := b.Send(http.MethodDelete, "/sandbox/faults", ""); status != http.StatusOK || len(list()) != 0 {
		t.Errorf("after DELETE: got %d, %+v", status, list())
	}
}
