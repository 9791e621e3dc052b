package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws-access/aws-access/cmd/sandbox/controls"
	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// maxPost is the most characters of a message, below the length at which Slack's
// server splits a text (github.com/slackapi/java-slack-sdk/issues/704).
const maxPost = 3900

// longTokens makes session tokens as long as STS can make them.
func longTokens(s *world.Settings) { s.TokenBytes = world.MaxTokenBytes }

// answers are the private messages that a person gets by clicking a button.
func answers(b *sandboxtest.Sandbox, user, label string, on slackfake.Message) []slackfake.Message {
	b.T.Helper()
	mine := func(m slackfake.Message) bool { return m.To == user }
	before := sandboxtest.Count(b.State().Messages, mine)
	b.Click(user, label, on)
	got := sandboxtest.Messages(b.State(), mine)[before:]
	if len(got) == 0 {
		b.T.Fatalf("%s: no private message", label)
	}
	for _, m := range got {
		if n := utf8.RuneCountInString(m.Text); n > maxPost {
			b.T.Errorf("%s: a message has %d characters, but only %d arrive whole", label, n, maxPost)
		}
	}
	return got
}

// fenced is the content of the code fence with which a text begins.
func fenced(t *testing.T, text string) string {
	t.Helper()
	parts := strings.Split(text, "```")
	if len(parts) != 3 || parts[0] != "" {
		t.Fatalf("the text does not begin with its only code fence: %.200q", text)
	}
	return strings.TrimSuffix(strings.TrimPrefix(parts[1], "\n"), "\n")
}

// runInShell runs a script in sh, and returns the values that variables then
// have.
func runInShell(t *testing.T, script string, names ...string) (values []string) {
	t.Helper()
	for _, name := range names {
		script += "\nprintf '%s\\n' \"$" + name + "\""
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("sh: %v: %.200s", err, out)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// Keys arrive in one message and one form: a code fence of shell commands that
// also set the region under both names that programs read.
func TestKeysArriveAsOneFencedScript(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	got := answers(b, "U0DEV1", "Get temporary keys", sandboxtest.Granted(b))
	if len(got) != 1 {
		t.Fatalf("got %d messages, want one", len(got))
	}
	keys := fenced(t, got[0].Text)
	env := runInShell(t, keys, "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION")
	if !strings.HasPrefix(keys, "export AWS_ACCESS_KEY_ID=") || env[1] != "eu-west-1" || env[2] != "eu-west-1" {
		t.Errorf("the keys begin with %.40q, and set the region to %q", keys, env[1:])
	}
	if n := strings.Count(got[0].Text, env[0]); n != 1 {
		t.Errorf("the text contains the secret %d times, want once", n)
	}
}

// A session token of full length needs a second message. A shell into which both
// are pasted has the whole token.
func TestALongTokenArrivesInTwoMessages(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t), longTokens)
	grant := sandboxtest.Granted(b)
	got := answers(b, "U0DEV1", "Get temporary keys", grant)
	if len(got) != 2 {
		t.Fatalf("got %d messages, want two", len(got))
	}
	first, second := fenced(t, got[0].Text), fenced(t, got[1].Text)
	env := runInShell(t, first+"\n"+second,
		"AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
	if len(env[1]) != world.MaxTokenBytes || env[0] != b.State().Sessions[0].AccessKeyID || env[3] != "eu-west-1" {
		t.Errorf("sh has a token of %d bytes, key %s, region %s", len(env[1]), env[0], env[3])
	}
	if c := clientConfig(b, env[0], env[2], env[1]); !keysWork(t, c) {
		t.Error("the pasted keys do not work")
	}
	for i, want := range []string{"*Part 1 of 2.* Paste all parts", "*Part 2 of 2.* Paste all parts"} {
		if !strings.Contains(got[i].Text, want) {
			t.Errorf("message %d does not say %q: %.200q", i+1, want, got[i].Text[len(got[i].Text)-300:])
		}
	}
	if !strings.Contains(got[0].Text, "If part 2 does not follow, the keys are of no use: press the button again.") {
		t.Error("the first message does not say what to do if the second is missing")
	}
}

// The buttons below keys give keys in other forms. Each click starts another
// session.
func TestEachButtonBelowKeysStartsASession(t *testing.T) {
	for _, change := range []func(*world.Settings){func(*world.Settings) {}, longTokens} {
		b := sandboxtest.Start(t, sandboxtest.Policy(t), change)
		b.Click("U0DEV1", "Get temporary keys", sandboxtest.Granted(b))
		below := b.Private("U0DEV1")
		if !strings.Contains(string(below.Blocks), "Each of these buttons starts another session") {
			t.Errorf("the message does not say what the buttons do: %s", below.Blocks)
		}
		for i, label := range []string{"PowerShell", "Credentials file", "JSON"} {
			text := ""
			for _, m := range answers(b, "U0DEV1", label, below) {
				text += fenced(t, m.Text)
			}
			s := b.State()
			if len(s.Sessions) != i+2 {
				t.Fatalf("%s: %d sessions, want %d", label, len(s.Sessions), i+2)
			}
			id, secret, token := parseKeys(t, label, text)
			if id != s.Sessions[i+1].AccessKeyID || !keysWork(t, clientConfig(b, id, secret, token)) {
				t.Errorf("%s: the keys of %q do not work", label, id)
			}
		}
	}
}

var (
	inPowerShell = regexp.MustCompile(`(?m)^\$Env:(\w+) (\+?)= '([^']*)'$`)
	inFile       = regexp.MustCompile(`(?m)^(\w+) = (\S*)$`)
)

// parseKeys reads keys as the program would for which they are written. In
// PowerShell, keys from two messages are joined in the middle of a line.
func parseKeys(t *testing.T, label, text string) (id, secret, token string) {
	t.Helper()
	v := map[string]string{}
	switch label {
	case "PowerShell":
		for _, m := range inPowerShell.FindAllStringSubmatch(strings.ReplaceAll(text, "'$Env", "'\n$Env"), -1) {
			if m[2] == "" {
				v[m[1]] = ""
			}
			v[m[1]] += m[3]
		}
		return v["AWS_ACCESS_KEY_ID"], v["AWS_SECRET_ACCESS_KEY"], v["AWS_SESSION_TOKEN"]
	case "Credentials file":
		for _, m := range inFile.FindAllStringSubmatch(text, -1) {
			v[m[1]] = m[2]
		}
		if !strings.HasPrefix(text, "[payments-dev-ReadOnly]\n") || v["region"] != "eu-west-1" {
			t.Errorf("the file begins with %.60q, region %q", text, v["region"])
		}
		return v["aws_access_key_id"], v["aws_secret_access_key"], v["aws_session_token"]
	}
	var out struct {
		Version                                    int
		AccessKeyID, SecretAccessKey, SessionToken string
		Expiration                                 time.Time
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil || out.Version != 1 {
		t.Fatalf("output of credential_process, version %d: %v", out.Version, err)
	}
	return out.AccessKeyID, out.SecretAccessKey, out.SessionToken
}

var (
	printedISO  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	printedFile = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`)
)

// A session of STS lives at least 15 minutes. If the grant ends earlier, its end
// is what the message says.
func TestNoPrintedExpiryIsLaterThanTheGrant(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 5m "looking"`)
	on := b.Direct("U0DEV1")
	ends := *b.Request().Ends
	var printed []time.Time
	for _, label := range []string{"Get temporary keys", "PowerShell", "Credentials file", "JSON"} {
		got := answers(b, "U0DEV1", label, on)
		on = got[len(got)-1]
		for _, m := range got {
			for form, layout := range map[*regexp.Regexp]string{printedISO: time.RFC3339,
				printedFile: "2006-01-02 15:04:05 MST"} {
				for _, text := range form.FindAllString(m.Text, -1) {
					at, err := time.Parse(layout, text)
					if err != nil || at.After(ends) {
						t.Errorf("%s: %q is printed, %v after the end of the grant (%v)", label, text, at.Sub(ends), err)
					}
					printed = append(printed, at)
				}
			}
			if want := fmt.Sprintf("good until <!date^%d^", ends.Unix()); !strings.Contains(m.Text, want) {
				t.Errorf("%s does not say until when the keys are good", label)
			}
		}
	}
	if len(printed) != 2 || !slices.ContainsFunc(printed, ends.Truncate(time.Second).Equal) {
		t.Errorf("printed %v, want the end of the grant in the file and in JSON", printed)
	}
}

// AWS stops people who are signed in to another account. The message says what
// they can do.
func TestALinkSaysWhatToDoWhenSignedInToAnotherAccount(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	got := answers(b, "U0DEV1", "Open AWS console", sandboxtest.Granted(b))
	const want = "If AWS says that you must log out first: sign out there, " +
		"or turn on multi-session support in the console's account menu."
	if len(got) != 1 || !sandboxtest.ConsoleLink.MatchString(got[0].Text) || !strings.Contains(got[0].Text, want) {
		t.Errorf("got %d messages, the first %q", len(got), got[0].Text)
	}
}

// A link that leaves no room for the text arrives whole, the text follows in a
// second message, and the link works.
func TestALongLinkArrivesWhole(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t), func(s *world.Settings) { s.TokenBytes = 2450 })
	got := answers(b, "U0DEV1", "Open AWS console", sandboxtest.Granted(b))
	if len(got) != 2 || !strings.HasPrefix(got[1].Text, "The link works for at most 15 minutes") {
		t.Fatalf("got %d messages, want the link and the text: %.100q", len(got), got[len(got)-1].Text)
	}
	whole := regexp.MustCompile(`^<(http[^|<>]+)\|[^|<>]+>$`).FindStringSubmatch(got[0].Text)
	if whole == nil {
		t.Fatalf("the first message is not a link: %.100q", got[0].Text)
	}
	if status, page := visit(t, browser(t), whole[1]); status != http.StatusOK {
		t.Errorf("signing in: got %d %s", status, page)
	}
}

// The link for a session token of full length is longer than any Slack message.
// The person reads that and what to do, and the operators read it once.
func TestPeopleReadThatALinkIsTooLong(t *testing.T) {
	const says = `The console link has \d{4} characters, more than the 3900 that fit into one Slack message\. `
	for _, c := range []struct{ role, next string }{
		{"payments-dev ReadOnly 1h", "Press Get temporary keys instead."},
		{"payments-prod Admin 1h",
			"Tell the people who run AWS access: this access gives no keys that you could use instead."},
	} {
		b := sandboxtest.Start(t, sandboxtest.Policy(t), longTokens)
		b.Command("U0DEV1", `/aws-access `+c.role+` "looking" ticket=INC-42`)
		for _, by := range []string{"U0LEAD1", "U0SEC1"} {
			if b.Request().State == "pending" {
				b.Click(by, "Approve", b.Card("C0APPROVALS"))
			}
		}
		for range 2 {
			got := answers(b, "U0DEV1", "Open AWS console", b.Direct("U0DEV1"))
			if len(got) != 1 || strings.Contains(got[0].Text, "SigninToken") ||
				!regexp.MustCompile(says+c.next).MatchString(got[0].Text) {
				t.Errorf("%s: got %d messages, the first %q", c.role, len(got), got[0].Text)
			}
		}
		failed := failures(b, "link_too_long")
		told := sandboxtest.Messages(b.State(), func(m slackfake.Message) bool {
			return m.Channel == "C0OPS" && strings.Contains(m.Text, "could not be opened")
		})
		if len(told) == 1 && strings.Contains(told[0].Text, c.next) {
			t.Errorf("%s: the operators read what the requester should do: %q", c.role, told[0].Text)
		}
		if failed != 2 || len(told) != 1 {
			t.Errorf("%s: %d records and %d messages to the operators, want 2 and 1: %+v", c.role, failed, len(told), told)
		}
	}
}

// failures counts the orders that are recorded as failed for a reason.
func failures(b *sandboxtest.Sandbox, why string) int {
	return sandboxtest.Count(b.State().Audit, func(e controls.AuditEntry) bool {
		return e.Outcome == "failed" && e.Why == why
	})
}

// A person who gets only half of a token learns that from the half and from a
// notice. A second half that arrives after a retry needs no notice.
func TestPeopleLearnThatHalfATokenIsMissing(t *testing.T) {
	for fails, arrives := range map[int]bool{2: true, 3: false} {
		b := sandboxtest.Start(t, sandboxtest.Policy(t), longTokens)
		grant := sandboxtest.Granted(b)
		faults := b.World().Faults
		faults.Add(world.Fault{At: "slack:chat.postEphemeral", How: sandboxtest.NoFault, Times: 1})
		faults.Add(world.Fault{At: "slack:chat.postEphemeral", How: world.FaultError, Times: fails})
		got := answers(b, "U0DEV1", "Get temporary keys", grant)
		b.Advance("2m")
		undelivered := failures(b, "undelivered")
		lost := sandboxtest.Count(b.State().Messages, func(m slackfake.Message) bool {
			return m.DMWith == "U0DEV1" && strings.Contains(m.Text, "came to nothing. Press the button again.")
		})
		want := [3]int{1, 1, 1}
		if arrives {
			want = [3]int{2, 0, 0}
		}
		if now := [3]int{len(got), undelivered, lost}; now != want {
			t.Errorf("the second post fails %d times: messages, records and notices are %v, want %v", fails, now, want)
		}
		if !strings.Contains(got[0].Text, "If part 2 does not follow, the keys are of no use: press the button again.") {
			t.Error("the first half does not say that the second must follow")
		}
	}
}

// The buttons below keys are refused when Get temporary keys would be.
func TestOtherFormsAskTheSameQuestions(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Click("U0DEV1", "Get temporary keys", sandboxtest.Granted(b))
	below := b.Private("U0DEV1")
	const rule = "approvals: none\n\n  - name: work in"
	consoleOnly := strings.Replace(sandboxtest.Policy(t), rule, "give: [console]\n    "+rule, 1)
	for _, c := range []struct{ who, before, says string }{
		{"U0DEV2", "", "Only dev1 can use this access."},
		{"U0DEV1", consoleOnly, "This access gives the console only, and no keys."},
	} {
		if c.before != "" {
			b.Do("policy", c.before)
		}
		b.Click(c.who, "JSON", below)
		text, n := b.Private(c.who).Text, len(b.State().Sessions)
		if !strings.Contains(text, c.says) || strings.Contains(text, "SessionToken") || n != 1 {
			t.Errorf("%s reads %q, with %d sessions, want %q", c.who, text, n, c.says)
		}
	}
	b.Do("policy", sandboxtest.Policy(t))
	b.Advance("61m")
	b.Click("U0DEV1", "PowerShell", below)
	if m := b.Private("U0DEV1"); !strings.Contains(m.Text, "This access ended at 21 Nov 13:00 UTC.") ||
		len(b.State().Sessions) != 1 {
		t.Errorf("after the end: %q", m.Text)
	}
}
