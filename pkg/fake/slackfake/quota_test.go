package slackfake

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// callForm calls a method with a form and returns the status, Retry-After and error
// code of the answer.
func (b *testServer) callForm(method, form string) (status int, after, code string) {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/"+method, strings.NewReader(form+"&token="+token))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	if w.Code != http.StatusOK && w.Code != http.StatusTooManyRequests {
		return w.Code, "", ""
	}
	answer, _ := parsed(b.t, w.Body.String()).(object)
	code, _ = answer["error"].(string)
	return w.Code, w.Header().Get("Retry-After"), code
}

// docs.slack.dev/apis/web-api/rate-limits names the calls per minute of each tier,
// and the page of each method below docs.slack.dev/reference/methods names its
// tier. The call after them has to wait until the first one is a minute old.
func TestQuotasAreTheDocumentedOnes(t *testing.T) {
	want := map[string]int{
		"users.list": 20, "usergroups.list": 20, "usergroups.users.list": 20,
		"users.lookupByEmail": 50, "conversations.open": 50, "conversations.info": 50, "chat.update": 50, "chat.delete": 50,
		"users.info": 100, "chat.postEphemeral": 100, "views.open": 100, "views.push": 100, "views.update": 100,
	}
	b := newTestServer(t)
	for method := range b.methods() {
		if _, listed := want[method]; listed != (HasQuota(method) && method != "chat.postMessage") {
			t.Errorf("%s: listed here %v, has a quota %v", method, listed, HasQuota(method))
		}
	}
	for method, calls := range want {
		b := newTestServer(t)
		b.quota["slack:"+method] = &Quota{}
		for i := range calls {
			if status, _, code := b.callForm(method, "channel=C0OPS"); status != http.StatusOK {
				t.Fatalf("%s: call %d got %d %s", method, i+1, status, code)
			}
		}
		b.now = b.now.Add(1500 * time.Millisecond)
		if status, after, code := b.callForm(method, ""); status != 429 || after != "59" || code != "ratelimited" {
			t.Errorf("%s: call %d got %d %q after %q, want 429 ratelimited after 59", method, calls+1, status, code, after)
		}
		b.now = noon.Add(time.Minute)
		if status, _, _ := b.callForm(method, ""); status != http.StatusOK {
			t.Errorf("%s: a minute later got %d", method, status)
		}
	}
}

// docs.slack.dev/apis/web-api/rate-limits: one message per second and channel;
// short bursts are tolerated.
func TestPostsAreLimitedInEachChannel(t *testing.T) {
	b := newTestServer(t)
	b.quota["slack:chat.postMessage"] = &Quota{}
	posts := func(channel string, want ...int) {
		t.Helper()
		var got []int
		for range want {
			status, _, _ := b.callForm("chat.postMessage", "text=x&channel="+channel)
			got = append(got, status)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s at %v: got %v, want %v", channel, b.now.Sub(noon), got, want)
		}
	}
	posts("C0OPS", 200, 200, 200, 429, 429)
	posts("C0APPROVALS", 200, 200, 200, 429)
	posts("U0DEV1", 200, 200, 200, 429)
	posts("DU0DEV1", 429) // the same direct channel
	b.now = b.now.Add(2 * time.Second)
	if _, after, _ := b.callForm("chat.postMessage", "text=x&channel=C0OPS"); after != "1" {
		t.Errorf("got Retry-After %q, want 1", after)
	}
	b.now = b.now.Add(time.Second)
	posts("C0OPS", 200, 200, 200, 429)
	if n := len(b.Messages()); n != 12 {
		t.Errorf("%d messages were posted, want 12: a refused call must do nothing", n)
	}
}

func TestAQuotaCanBeSetAndReportsRefusedCalls(t *testing.T) {
	b := newTestServer(t)
	refused := 0
	b.quota["slack:auth.test"] = &Quota{PerMinute: 2, Refused: func() { refused++ }}
	var got []int
	for range 4 {
		status, _, _ := b.callForm("auth.test", "")
		got = append(got, status)
	}
	if want := []int{200, 200, 429, 429}; !slices.Equal(got, want) || refused != 2 {
		t.Errorf("got %v with %d reported, want %v with 2", got, refused, want)
	}
	b.quota["slack:auth.test"] = &Quota{}
	if status, _, _ := b.callForm("auth.test", ""); status != http.StatusOK {
		t.Errorf("auth.test has no documented number, got %d", status)
	}
}

func TestWithoutAQuotaNothingIsLimited(t *testing.T) {
	b := newTestServer(t)
	for i := range 200 {
		if status, _, code := b.callForm("chat.postMessage", "text=x&channel=C0OPS"); status != http.StatusOK || code != "" {
			t.Fatalf("post %d: got %d %s", i+1, status, code)
		}
	}
}

// Methods refuse with 200 and a code (docs.slack.dev/apis/web-api). Response URLs
// refuse with an error status, as incoming webhooks do
// (api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks).
func TestAFaultCanRefuseWithAnyCode(t *testing.T) {
	for _, code := range []string{"account_inactive", "team_access_not_granted", "never_heard_of"} {
		b := newTestServer(t)
		b.fault["slack:chat.postMessage"] = "code:" + code
		if status, _, got := b.callForm("chat.postMessage", "text=x&channel=C0OPS"); status != 200 || got != code ||
			len(b.Messages()) != 0 {
			t.Errorf("got %d %s and %d messages, want 200 %s and none", status, got, len(b.Messages()), code)
		}
	}
	for code, status := range map[string]int{
		"expired_url": 404, "used_url": 404, "no_service": 404, "channel_is_archived": 410, "action_prohibited": 403,
		"rollup_error": 500, "invalid_payload": 400,
	} {
		b := newTestServer(t)
		b.fault["slack:response"] = "code:" + code
		w := httptest.NewRecorder()
		address := strings.TrimPrefix(b.NewResponseURL("U0DEV1", "C0OPS", ""), "http://127.0.0.1:8080/slack-api")
		b.ServeHTTP(w, httptest.NewRequest(http.MethodPost, address+"?text=x", nil))
		if want := fmt.Sprintf(`{"error":%q,"ok":false}`, code); w.Code != status || w.Body.String() != want ||
			len(b.Messages()) != 0 {
			t.Errorf("%s: got %d %s, want %d %s", code, w.Code, w.Body, status, want)
		}
	}
}

// The other side may close a kept-alive connection at any time (RFC 9112, 9.6):
// the client then gets no answer at all, and nothing was done.
func TestADeadConnectionClosesWithoutAnAnswer(t *testing.T) {
	b := newTestServer(t)
	b.fault["slack:chat.postMessage"] = "dead"
	server := httptest.NewServer(b)
	defer server.Close()
	answer, err := http.Post(server.URL+"/chat.postMessage?text=x&channel=C0OPS&token="+token, "", nil)
	if err == nil {
		_ = answer.Body.Close()
		t.Fatalf("got an answer: %s", answer.Status)
	}
	var refused interface{ Timeout() bool }
	if errors.As(err, &refused) && refused.Timeout() {
		t.Errorf("got a timeout, want a closed connection: %v", err)
	}
	b.count.Lock()
	calls := b.calls["slack:chat.postMessage"]
	b.count.Unlock()
	if len(b.Messages()) != 0 || calls != 1 {
		t.Errorf("%d messages and %d calls, want none and 1", len(b.Messages()), calls)
	}
}
