package deployed_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// A secret is rotated in SSM and in Slack or the target roles. Running instances use the
// new one at once, without a deploy.
func TestARotatedSecretWorksAtOnce(t *testing.T) {
	t.Parallel()
	for what, rotate := range map[string]func(w *world){
		"signing secret": func(w *world) {
			w.signing = access.NewSecret("canary-signing-secret-1")
			w.must(w.ssm.Put(signingAt, w.signing.Reveal()))
		},
		"bot token": func(w *world) {
			w.slack.SetToken(access.NewSecret("xoxb-canary-bot-token-1"))
			w.must(w.ssm.Put(tokenAt, "xoxb-canary-bot-token-1"))
		},
		"external id": func(w *world) {
			w.external = "canary-external-id-1"
			w.must(w.ssm.Put(externAt, w.external))
			w.trust(w.external)
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := granted(t)
			w.command("U0DEV1", "/aws-access")
			w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
			before := w.instances()
			rotate(w)
			w.command("U0DEV1", "/aws-access") // a form needs the bot token
			w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
			w.click("U0DEV1", "I'm done", "@U0DEV1")
			if n := len(w.keysOf("U0DEV1")); n != 2 {
				t.Errorf("keys came %d times, want twice; the last message: %s", n, firstOf(w.last(onlyTo("U0DEV1"))))
			}
			if told := w.last(with("U0DEV1")); w.request().State != access.Ended || !strings.Contains(told, "You gave back") {
				t.Errorf("the request is %s; told %q", w.request().State, told)
			}
			if after := w.instances(); after != before {
				t.Errorf("%d instances were started, before the rotation %d", after, before)
			}
		})
	}
}

// firstOf returns the first line of a text.
func firstOf(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}

// instances returns how many instances were started so far, without those of cut, which first runs
// when a grant ends.
func (w *world) instances() (n int) {
	for function := range functions {
		if function != "cut" {
			n += len(w.lambda.Starts(name(function)))
		}
	}
	return n
}

// Unsigned requests cause at most one read of SSM a minute.
func TestForgedRequestsDoNotReadSSM(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.command("U0DEV1", "/aws-access help")
	began := time.Now()
	forger := w.ui()
	forger.Secret = access.NewSecret("guessed")
	for range 30 {
		typed := line
		out, err := forger.Do(t.Context(), slackfake.UserAction{As: "U0DEV1", Command: &typed})
		if err != nil || out.Status != http.StatusUnauthorized {
			t.Fatalf("forged: %+v, %v", out, err)
		}
	}
	limit := 2 + int(time.Since(began)/time.Minute)
	if n := w.ssm.Reads(signingAt); n > limit {
		t.Errorf("the signing secret was read %d times, want at most %d", n, limit)
	}
	if n := len(w.requests()); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}
