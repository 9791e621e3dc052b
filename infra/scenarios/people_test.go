//go:build deployed

package scenarios

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
)

var exported = regexp.MustCompile(`(?m)^export (AWS_\w+)='?([^'\n]+)'?$`)

// The first scenario is older than the command: somebody who has nothing but Slack lists the buckets of
// production, in the console and with keys from a message.
func TestSomebodyListsTheBucketsOfProductionFromSlack(t *testing.T) {
	t.Parallel()
	b := startSandbox(t)
	b.Command("U0DEV1", `/aws-access payments-prod ReadOnly 1h "stuck payouts"`)
	b.Click("U0LEAD1", "Approve", b.Await("card", 0, sandboxtest.IsCard("C0APPROVALS")))
	grant := b.Await("grant", 0, sandboxtest.IsGrant("U0DEV1"))
	b.Click("U0DEV1", "Open AWS console", grant)
	isLink := sandboxtest.IsPrivate("U0DEV1", sandboxtest.ConsoleLink)
	link := sandboxtest.ConsoleLink.FindStringSubmatch(b.Await("console link", 0, isLink).Text)
	if page := open(t, link[1]); !strings.Contains(page, production) || !strings.Contains(page, "bucket") {
		t.Errorf("the console shows no buckets of %s: %s", production, page)
	}
	b.Click("U0DEV1", "Get temporary keys", grant)
	c := newComputer(t, "AWS_ENDPOINT_URL="+b.URL+"/aws")
	keys := b.Await("message with keys", 0, sandboxtest.IsPrivate("U0DEV1", exported)).Text
	for _, m := range exported.FindAllStringSubmatch(keys, -1) {
		c = c.with(m[1] + "=" + m[2])
	}
	if out := c.do(aws2(t), "s3api", "list-buckets"); !strings.Contains(out, `"Buckets"`) {
		t.Errorf("list-buckets with the keys of the message: %s", out)
	}
}

// open opens a link in a browser that keeps cookies, and returns the page.
func open(t *testing.T, link string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Jar: jar}).Get(strings.ReplaceAll(link, "&amp;", "&"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	page, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("the console answers %s, %v", answer.Status, err)
	}
	return string(page)
}
