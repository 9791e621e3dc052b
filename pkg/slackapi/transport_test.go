package slackapi

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/slack-go/slack"
)

// dyingConnections is a Slack that closes each connection at its second call, without an answer, as happens when the
// network has dropped the connection of a frozen function.
type dyingConnections struct {
	mu       sync.Mutex
	seen     map[string]int // calls by connection
	calls    map[string]int // by method
	answered map[string]int // by method
}

func (s *dyingConnections) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	method := path.Base(r.URL.Path)
	s.seen[r.RemoteAddr]++
	s.calls[method]++
	if s.seen[r.RemoteAddr] > 1 {
		panic(http.ErrAbortHandler)
	}
	s.answered[method]++
	_, _ = io.WriteString(w, map[string]string{
		"conversations.open": `{"ok":true,"channel":{"id":"D1"}}`, "users.info": `{"ok":true,"user":{"id":"U1"}}`,
		"usergroups.users.list": `{"ok":true,"users":["U1"]}`, "views.open": `{"ok":true,"view":{"id":"V1"}}`,
		"chat.update": `{"ok":true,"channel":"C1","ts":"1.000001","text":"x"}`,
	}[method])
}

// count returns how many calls of a method arrived, and how many were answered.
func (s *dyingConnections) count(method string) (calls, answered int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method], s.answered[method]
}

// reset sets the counts to zero, and remembers the connections.
func (s *dyingConnections) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
	clear(s.answered)
}

func TestADeadConnectionFailsNoRepeatableCall(t *testing.T) {
	message := Message{Text: "x"}
	for method, c := range map[string]struct {
		do   func(*Client) error
		once bool // the method must not be repeated
	}{
		"users.info":            {func(c *Client) error { _, err := c.Person(ctx, "U1"); return err }, false},
		"usergroups.users.list": {func(c *Client) error { _, err := c.Group(ctx, "S1"); return err }, false},
		"conversations.open":    {func(c *Client) error { _, err := c.OpenDM(ctx, "U1"); return err }, false},
		"chat.update":           {func(c *Client) error { return c.Update(ctx, "C1", "1.000001", message) }, false},
		"views.open": {func(c *Client) error { return c.OpenView(ctx, "1.2.abc", slack.ModalViewRequest{}) },
			false},
		"chat.postMessage":   {func(c *Client) error { _, _, err := c.Post(ctx, "C1", message); return err }, true},
		"chat.postEphemeral": {func(c *Client) error { return c.PostEphemeral(ctx, "C1", "U1", message) }, true},
	} {
		s := &dyingConnections{seen: map[string]int{}, calls: map[string]int{}, answered: map[string]int{}}
		server := httptest.NewServer(s)
		client := clientOf(server)
		if _, err := client.OpenDM(ctx, "U1"); err != nil {
			t.Fatal(err)
		}
		s.reset()
		err := c.do(client)
		calls, answered := s.count(method)
		switch {
		case !c.once && (err != nil || calls != 2 || answered != 1):
			t.Errorf("%s: got %v after %d calls, want success with the second", method, err, calls)
		case c.once && (!errors.Is(err, errUnreachable) || calls != 1 || Classify(err) != Wait):
			t.Errorf("%s: got %v after %d calls, want one, because it may have posted", method, err, calls)
		}
		server.Close()
	}
}

// If only the answer was lost, the form is on the screen, and its trigger cannot be used again.
func TestALostAnswerToAnOpenedFormIsNoError(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Base(r.URL.Path) != "views.open" {
			_, _ = io.WriteString(w, `{"ok":true,"channel":{"id":"D1"}}`)
			return
		}
		if calls.Add(1) == 1 { // the form opens, and the answer is lost
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, `{"ok":false,"error":"exchanged_trigger_id"}`)
	}))
	defer server.Close()
	client := clientOf(server)
	if _, err := client.OpenDM(ctx, "U1"); err != nil {
		t.Fatal(err)
	}
	if err := client.OpenView(ctx, "1.2.abc", slack.ModalViewRequest{}); err != nil || calls.Load() != 2 {
		t.Errorf("got %v after %d calls, want success", err, calls.Load())
	}
	if err := client.OpenView(ctx, "1.2.abc", slack.ModalViewRequest{}); Code(err) != "exchanged_trigger_id" {
		t.Errorf("a trigger that was used before: got %v", err)
	}
}

func TestIdleConnectionsAreClosedBeforeAFreeze(t *testing.T) {
	kept := safeClient(nil).Transport.(limitAnswers).next.(repeatOnDeadConnection).next.(*http.Transport)
	if kept.IdleConnTimeout != keepIdle {
		t.Errorf("idle connections are kept for %s, want %s", kept.IdleConnTimeout, keepIdle)
	}
}
