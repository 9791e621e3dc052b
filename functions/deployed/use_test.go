package deployed_test

import (
	"debug/buildinfo"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// exported returns the keys in a private message, as a shell reads them.
func exported(m slackfake.Message) (env map[string]string) {
	env = make(map[string]string)
	for _, found := range regexp.MustCompile(`(?m)^export (\w+)=(\S+)$`).FindAllStringSubmatch(m.Text, -1) {
		env[found[1]] = found[2]
	}
	return env
}

// The keys and the console link that a person was given work, and both carry the session
// name of the request.
func TestSessionsCarryThePersonsIdentity(t *testing.T) {
	t.Parallel()
	w := granted(t)
	w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
	w.click("U0DEV1", "Open AWS console", "@U0DEV1")
	keys := exported(w.keysOf("U0DEV1")[0])
	who, err := sts.New(sts.Options{
		Region: keys["AWS_DEFAULT_REGION"], BaseEndpoint: aws.String(w.url + "/aws"),
		Credentials: credentials.NewStaticCredentialsProvider(keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"],
			keys["AWS_SESSION_TOKEN"]),
	}).GetCallerIdentity(t.Context(), nil)
	if want := "arn:aws:sts::111111111111:assumed-role/ReadOnly/aws-access-" + w.request().ID; err != nil ||
		aws.ToString(who.Arn) != want {
		t.Errorf("STS says %v, %v; want %s", who, err, want)
	}
	page := w.browse(w.link("U0DEV1"))
	for _, want := range []string{"111111111111", "ReadOnly", "aws-access-" + w.request().ID} {
		if !strings.Contains(page, want) {
			t.Errorf("the console does not say %s: %.2000s", want, page)
		}
	}
}

// link returns the newest sign-in link that a person was given.
func (w *world) link(user string) string {
	w.t.Helper()
	message := w.last(func(m slackfake.Message) bool {
		return m.To == user && strings.Contains(m.Text, "/federation?")
	})
	found := regexp.MustCompile(`<(http[^|>]+/federation\?[^|>]+)\|`).FindStringSubmatch(message)
	if found == nil {
		w.t.Fatalf("%s was given no link", user)
	}
	return strings.ReplaceAll(found[1], "&amp;", "&")
}

// browse opens a page as a browser does, and follows its redirects.
func (w *world) browse(link string) string {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	w.must(err)
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, link, nil)
	w.must(err)
	answer, err := (&http.Client{Jar: jar}).Do(r)
	w.must(err)
	defer func() { _ = answer.Body.Close() }()
	page, err := io.ReadAll(answer.Body)
	w.must(err)
	return string(page)
}

// Only vend's binary holds the code that calls STS.
func TestOnlyVendLinksSTS(t *testing.T) {
	t.Parallel()
	dir, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	for function := range functions {
		made, err := buildinfo.ReadFile(filepath.Join(dir, function, "bootstrap"))
		if err != nil {
			t.Fatal(err)
		}
		links := slices.ContainsFunc(made.Deps,
			func(m *debug.Module) bool { return strings.HasSuffix(m.Path, "/service/sts") })
		if links != (function == "vend") || len(made.Deps) < 4 {
			t.Errorf("%s links STS: %v (%d modules)", function, links, len(made.Deps))
		}
	}
}

// meet holds callers until a number of them have arrived or one second has passed. The
// SDK's timeout of a call is two seconds.
func meet(n int) func() {
	var mu sync.Mutex
	here, all := 0, make(chan struct{})
	return func() {
		mu.Lock()
		if here++; here == n {
			close(all)
		}
		mu.Unlock()
		late := time.NewTimer(time.Second)
		defer late.Stop()
		select {
		case <-all:
		case <-late.C:
		}
	}
}

// Sixteen people decide at the same time, through sixteen instances that have all read
// the request before one of them writes. One approves, and the others read who did.
func TestSixteenApproversAtOnce(t *testing.T) {
	t.Parallel()
	leads := people(16)
	w := newWorld(t, func(w *world) { w.must(w.slack.SetGroup("S0LEADS", leads)) })
	w.command("U0DEV1", line)
	press := w.pressing("", "Approve", "C0APPROVALS")
	w.wire.breaks(rule{op: "dynamodb:BatchGetItem", by: "slack", limit: len(leads), then: meet(len(leads))})
	var all sync.WaitGroup
	for _, who := range leads {
		all.Go(func() {
			act := press
			act.As = who
			if out, err := w.ui().Do(t.Context(), act); err != nil || out.Status != http.StatusOK {
				t.Errorf("%s approves: %+v, %v", who, out, err)
			}
		})
	}
	all.Wait()
	w.must(w.quiet())
	r := w.request()
	if got, want := w.verbs(), "submit, approve"; got != want || len(r.Approvals) != 1 || r.State != access.Active {
		t.Fatalf("the events are %s, want %s; %s, approved by %v", got, want, r.State, r.Approvals)
	}
	told := 0
	for _, who := range leads {
		m := w.last(onlyTo(who))
		if who == r.Approvals[0].By.ID && m != "" ||
			who != r.Approvals[0].By.ID && !strings.Contains(m, fmt.Sprintf("Already approved by %s", r.Approvals[0].By.Name)) {
			t.Errorf("%s was told %q", who, m)
		}
		if m != "" {
			told++
		}
	}
	if cards := w.messages(in("C0APPROVALS")); told != 15 || len(cards) != 1 ||
		!strings.Contains(cards[0].Text, "granted") {
		t.Errorf("%d were told; the cards are %+v", told, cards)
	}
}
