//go:build deployed

package local

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// story runs the life of a request, from the form to the end of access.
func (w *world) story() {
	w.command("U0DEV1", "/aws-access")
	form := w.form("U0DEV1")
	w.acts(slackfake.UserAction{As: "U0DEV1", Submit: form, Values: map[string]json.RawMessage{
		"Account": quoted("payments-prod"), "Role": quoted("ReadOnly"), "How long": quoted("2h"),
		"Reason": quoted("stuck payouts <&> für Eve"),
	}})
	w.told("C0APPROVALS", "stuck payouts")
	w.click("U0DEV2", "Approve", "C0APPROVALS")
	w.told("@U0DEV2", "You are not one of the people who are asked")
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	w.told("C0APPROVALS", "AWS access granted")

	who := "arn:aws:sts::" + production + ":assumed-role/ReadOnly/aws-access-"
	w.click("U0DEV1", "Open AWS console", "@U0DEV1")
	page := w.browse(w.link("U0DEV1"))
	if !strings.HasPrefix(page, who) || !strings.HasSuffix(page, "region=eu-west-1") {
		w.t.Errorf("the console is %q, want one for %s…", page, who)
	}
	k := w.takeKeys("U0DEV1")
	if got := w.whoIs(k); !strings.HasPrefix(got, who) {
		w.t.Errorf("the keys are of %s, want %s…", got, who)
	}
	_, err := w.s3(k).ListBuckets(w.t.Context(), nil)
	w.wants("a reader lists buckets", err, "")
	_, err = w.s3(k).CreateBucket(w.t.Context(), &s3.CreateBucketInput{Bucket: aws.String("made-by-a-reader")})
	w.wants("a reader makes a bucket", err, "AccessDenied")

	w.click("U0DEV1", "I'm done", "@U0DEV1")
	w.told("C0APPROVALS", "AWS access given back")
	w.told("@U0DEV1", "You gave back")
	w.cutIsTried()
	w.clickOld("U0DEV1", "Get temporary keys")
	w.told("@U0DEV1", "This access was given back by dev1")
	if n := len(w.keyMessages("U0DEV1")); n != 1 {
		w.t.Errorf("dev1 got keys %d times, want once", n)
	}
}

// cutIsTried checks that the order of a cut went through the stream, and that cut assumed the revoker
// of the other account and called IAM. IAM refuses it there: the emulator leaves the path out of the
// ARN of a role, and the revoker may write only to roles below a path.
func (w *world) cutIsTried() {
	w.t.Helper()
	w.eventually("cut calls IAM with the revoker's keys", func() bool {
		var found struct{ Events []struct{ Message string } }
		w.cloudwatch("FilterLogEvents", map[string]any{"logGroupName": w.physical("CutLog")}, &found)
		for _, e := range found.Events {
			if strings.Contains(e.Message, `"a cut failed"`) && strings.Contains(e.Message, `"code":"refused"`) {
				return true
			}
		}
		return false
	})
}

// form returns the id of the view that a user has open.
func (w *world) form(user string) (id string) {
	w.t.Helper()
	w.eventually(user+" has a form open", func() bool {
		for _, v := range w.slack.Views() {
			if v.User == user {
				id = v.ID
			}
		}
		return id != ""
	})
	return id
}

func quoted(s string) json.RawMessage {
	text, _ := json.Marshal(s)
	return text
}

// takeKeys clicks the button for keys, and reads the keys from the message like a shell.
func (w *world) takeKeys(user string) keys {
	w.t.Helper()
	before := len(w.keyMessages(user))
	w.click(user, "Get temporary keys", "@"+user)
	w.eventually(user+" gets keys", func() bool { return len(w.keyMessages(user)) > before })
	return exported(w.keyMessages(user)[before])
}

// exported reads keys from the export lines of a message.
func exported(m slackfake.Message) keys {
	given := make(map[string]string)
	for _, found := range regexp.MustCompile(`(?m)^export (\w+)=(\S+)$`).FindAllStringSubmatch(m.Text, -1) {
		given[found[1]] = found[2]
	}
	return keys{given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"], given["AWS_SESSION_TOKEN"]}
}

func (w *world) keyMessages(user string) (found []slackfake.Message) {
	for _, m := range w.slack.Messages() {
		if m.To == user && strings.Contains(m.Text, "export AWS_ACCESS_KEY_ID=") {
			found = append(found, m)
		}
	}
	return found
}

// link returns the sign-in link that a user got.
func (w *world) link(user string) string {
	w.t.Helper()
	m := w.told("@"+user, "/federation?")
	found := regexp.MustCompile(`<(http[^|>]+/federation\?[^|>]+)\|`).FindStringSubmatch(m.Text)
	if found == nil {
		w.t.Fatal("the message has no link")
	}
	return strings.ReplaceAll(found[1], "&amp;", "&")
}

func (w *world) browse(link string) string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, link, nil)
	w.must(err)
	answer, err := http.DefaultClient.Do(r)
	w.must(err)
	defer func() { _ = answer.Body.Close() }()
	page, err := io.ReadAll(answer.Body)
	w.must(err)
	return string(page)
}

// whoIs returns the ARN of the holder of keys, as STS reports it.
func (w *world) whoIs(k keys) string {
	w.t.Helper()
	who, err := w.sts(k).GetCallerIdentity(w.t.Context(), &sts.GetCallerIdentityInput{})
	w.must(err)
	return text(who.Arn)
}

// wants checks the error code of a call; "" means success.
func (w *world) wants(what string, err error, want string) {
	w.t.Helper()
	if got := code(err); got != want {
		w.t.Errorf("%s: %q, want %q (%v)", what, got, want, err)
	}
}

// clickOld clicks a button that the newest direct message of a user had earlier, as in a
// client that still shows the old message.
func (w *world) clickOld(user, label string) {
	w.t.Helper()
	for _, m := range slices.Backward(w.slack.Messages()) {
		if _, had := w.slack.Button(m.Channel, m.TS, label, 0); had && m.DMWith == user {
			w.acts(slackfake.UserAction{As: user, Click: label, On: m.Channel + "/" + m.TS})
			return
		}
	}
	w.t.Fatalf("no direct message of %s has or had a button %q", user, label)
}

func (w *world) ownRequest() {
	w.command("U0LEAD1", `/aws-access payments-prod ReadOnly 1h "looking"`)
	w.told("C0APPROVALS", "looking")
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	w.told("@U0LEAD1", "your own request")
	w.click("U0LEAD1", "Cancel", "C0APPROVALS")
	w.told("C0APPROVALS", "Request cancelled")
}

func (w *world) notInThePolicy() {
	// The first request of a person adds an item that counts the requests.
	w.command("U0SEC1", `/aws-access 123456789012 ReadOnly 1h "why"`)
	before := w.items()
	for _, asked := range []struct{ by, line, want string }{
		{"U0DEV1", `/aws-access payments-prod Root 1h "why"`, "There is no role"},
		{"U0DEV1", `/aws-access 123456789012 ReadOnly 1h "why"`, "There is no account"},
		{"U0DEV1", `/aws-access data-prod Admin 1h "why"`, "There is no account"}, // this person may not ask for it
		{"U0DEV1", `/aws-access log-archive Admin 1h "why"`, "Nobody changes the log archive by hand"},
		{"U0DEV1", `/aws-access payments-prod ReadOnly 9h "long"`, "At most 4h"},
	} {
		if out := w.command(asked.by, asked.line); !strings.Contains(out.Body, asked.want) {
			w.t.Errorf("%s: got %s, want %q", asked.line, out.Body, asked.want)
		}
	}
	if after := w.items(); after != before {
		w.t.Errorf("%d items are in the table, %d before", after, before)
	}
}

// forgeries sends commands with a wrong secret, and with a signature from ten minutes
// ago or ahead.
func (w *world) forgeries() {
	before := w.items()
	for what, forged := range map[string]func(*slackfake.UI){
		"another secret": func(u *slackfake.UI) { u.Secret = access.NewSecret("guessed") },
		"too old":        func(u *slackfake.UI) { u.Now = func() time.Time { return time.Now().Add(-10 * time.Minute) } },
		"in the future":  func(u *slackfake.UI) { u.Now = func() time.Time { return time.Now().Add(10 * time.Minute) } },
	} {
		ui := w.ui()
		forged(&ui)
		line := `/aws-access payments-prod ReadOnly 2h "forged"`
		out, err := ui.Do(w.t.Context(), slackfake.UserAction{As: "U0DEV1", Command: &line})
		w.must(err)
		if out.Status != http.StatusUnauthorized {
			w.t.Errorf("%s: got %d %s, want 401", what, out.Status, out.Body)
		}
	}
	if after := w.items(); after != before {
		w.t.Errorf("%d items are in the table, %d before", after, before)
	}
}
