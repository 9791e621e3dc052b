package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/chromedp/chromedp"
)

// count counts the elements that match.
func (b *tab) count(selector string) int {
	b.t.Helper()
	n, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](fmt.Sprintf("document.querySelectorAll(%q).length", selector)))
	if err != nil {
		b.t.Fatalf("count %s: %v", selector, err)
	}
	return n
}

// The page draws a code fence where the text has one, as Slack does: none around
// bare shell lines, and none where Slack has cut one in two.
func TestPageDrawsOnlyTheFencesOfTheText(t *testing.T) {
	sandboxtest.SkipIfShort(t, "it needs a browser")
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	slack := openBrowser(t, b.URL)
	post := func(text string) { b.CallSlack("chat.postMessage", "channel=C0OPS&text="+url.QueryEscape(text)) }
	post("export AWS_ACCESS_KEY_ID=AKIA\nexport AWS_REGION=eu-west-1\nbare shell lines")
	slack.open(b.URL + "/#U0DEV1/C0OPS")
	slack.sees("#list", "bare shell lines")
	if n := slack.count("#list pre"); n != 0 {
		t.Errorf("shell lines are drawn in %d fences, want none", n)
	}
	post("```\nfenced```")
	slack.sees("#list pre", "fenced")
	post("```" + strings.Repeat("long ", 850) + "the end```")
	slack.sees("#list", "the end```")
	if fences, messages := slack.count("#list pre"), slack.count(`#list [data-test="message"]`); fences != 1 ||
		messages != 4 {
		t.Errorf("%d messages with %d fences, want 4 with 1: the long one is two messages without a fence", messages, fences)
	}
}

// In a large workspace the page shows the first people, oneself, and the number of
// the others.
func TestPageShowsTheFirstPeopleOfALargeWorkspace(t *testing.T) {
	sandboxtest.SkipIfShort(t, "it needs a browser")
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Do("people", string(sandboxtest.Crowd(2000)))
	slack := openBrowser(t, b.URL)
	slack.open(b.URL + "/#U1001999/dm")
	slack.sees(hook("people-more"), "1,948 more people")
	slack.sees(hook("person-U1001999"), "person1999")
	if n := slack.count("#people .person"); n != 61 {
		t.Errorf("%d people are shown, want 60 and oneself", n)
	}
}

// The page shows the command line beside Slack: what to paste, the paired computers, and the calls
// of programs. A sealed answer is only said to be sealed.
func TestPageShowsTheCommandLine(t *testing.T) {
	sandboxtest.SkipIfShort(t, "it needs a browser")
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	slack := openBrowser(t, b.URL)
	slack.open(b.URL + "/#U0DEV1/dm")
	slack.click("tab-command")
	slack.sees(hook("paste"), "aws-access login '"+b.State().URL+"'")
	slack.click("type-login")
	slack.click("send")
	slack.sees("#list", "aws-access login")
	laptop := sandboxtest.NewDevice(b, "U0DEV1")
	laptop.Asks("payments-dev", "ReadOnly", "1h")
	keys, _, _ := laptop.Keys("payments-dev", "ReadOnly")
	slack.sees(hook("device-U0DEV1"), "laptop of a test")
	slack.sees(hook("sealed"), "200 sealed")
	if secret := keys.Credentials.SecretKey.Reveal(); strings.Contains(slack.text(), secret) {
		t.Error("the page shows a secret key that was sealed")
	}
	slack.sees(hook("clock-now"), ":")
	slack.click("tab-scenes")
	slack.sees(hook("audit"), "dev1 vend keys")
	sandboxtest.NewMachine(b, build).Asks("payments-dev", "Deploy", "1h")
	slack.sees(hook("audit"), "Build submit")
	slack.seesHidden(hook("paste"))
}

// seesHidden waits until an element is not visible.
func (b *tab) seesHidden(selector string) {
	b.t.Helper()
	b.does("see no "+selector, chromedp.WaitNotVisible(chromedp.CSS(selector)))
}
