package slackapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documented returns the codes that Slack documents, by method.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	of := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
			of[words[0]] = words[1:]
		}
	}
	return of
}

// called are the methods that this package calls.
var called = []string{
	"auth.test", "users.info", "users.list", "usergroups.users.list", "conversations.open", "conversations.info",
	"chat.postMessage", "chat.update", "chat.postEphemeral", "views.open", "views.update", respondOp,
}

func TestEveryDocumentedCodeHasAClass(t *testing.T) {
	codes := documented(t)
	for _, method := range called {
		own, found := codes[method]
		if !found {
			t.Errorf("testdata/errors.txt has no line for %s", method)
		}
		for _, code := range slices.Concat(codes["*"], own) {
			if class := Classify(&Error{Op: method, Code: code}); class == Unknown || class == "" {
				t.Errorf("%s of %s has no class", code, method)
			}
		}
	}
	if class := Classify(&Error{Op: "chat.postMessage", Code: "brand_new_code"}); class != Unknown {
		t.Errorf("an undocumented code is %s, want unknown", class)
	}
}

// The list called is complete, so that the codes of every method are checked.
func TestEveryMethodThatIsCalledIsInTheList(t *testing.T) {
	for _, name := range []string{"check.go", "messages.go", "people.go", "views.go"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range strings.Split(string(text), `"`) {
			if methodName.MatchString(word) && !slices.Contains(called, word) {
				t.Errorf("%s calls %s, which is not in the list", name, word)
			}
		}
	}
}

var methodName = regexp.MustCompile(`^(auth|users|usergroups|conversations|chat|views)\.[^ \n]*$`)

func TestNoCodeHasTwoClasses(t *testing.T) {
	seen := make(map[string]Class)
	for class, codes := range classes {
		for code := range strings.FieldsSeq(codes) {
			if other, twice := seen[code]; twice {
				t.Errorf("%s is %s and %s", code, class, other)
			}
			seen[code] = class
		}
	}
}

func TestEveryErrorHasAClass(t *testing.T) {
	post := func(code string) error { return &Error{Op: "chat.postMessage", Code: code} }
	for _, c := range []struct {
		name  string
		err   error
		class Class
	}{
		{"no error", nil, ""},
		{"the app was reinstalled", post("account_inactive"), Token},
		{"a rotated token", post("token_expired"), Token},
		{"SSM does not respond", errors.New("read the bot token: no answer"), Token},
		{"a read-only channel", post("restricted_action_read_only_channel"), Operator},
		{"a channel with threads only", post("restricted_action_thread_only_channel"), Operator},
		{"not invited", post("not_in_channel"), Operator},
		{"a workspace without the app", post("team_access_not_granted"), Operator},
		{"a channel that is being moved", &Error{Op: "chat.update", Code: "external_channel_migrating"}, Operator},
		{"bad blocks", post("invalid_blocks"), Invalid},
		{"a form that changed", &Error{Op: "views.update", Code: "hash_conflict"}, Gone},
		{"an old trigger", &Error{Op: "views.open", Code: "expired_trigger_id"}, Gone},
		{"a link of yesterday", &Error{Op: respondOp, Code: "channel_not_found"}, Gone},
		{"a rate limit", &Error{Op: "chat.update", Status: 429}, Wait},
		{"a server error", &Error{Op: "chat.update", Status: 503}, Wait},
		{"no answer", &Error{Op: "chat.update", cause: context.DeadlineExceeded}, Wait},
		{"another status", &Error{Op: "chat.update", Status: 418}, Unknown},
		{"an endless answer", &Error{Op: "users.list", cause: ErrTooLarge}, Wait},
	} {
		if got := Classify(c.err); got != c.class {
			t.Errorf("%s: got %q, want %q", c.name, got, c.class)
		}
	}
}

// When an app is reinstalled, calls with the old token fail with account_inactive. This and every other code of the
// class Token makes the client read the token again.
func TestEveryTokenErrorReadsTheTokenAgain(t *testing.T) {
	for code := range strings.FieldsSeq(classes[Token]) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := `{"ok":true,"channel":"C0OPS","ts":"1.000001"}`
			if r.FormValue("token") == oldToken {
				answer = `{"ok":false,"error":"` + code + `"}`
			}
			_, _ = io.WriteString(w, answer)
		}))
		f := &fixture{tokens: []string{oldToken, goodToken}}
		client := f.clientFor(server.URL, "T0SANDBOX", "")
		if _, _, err := client.Post(ctx, "C0OPS", Message{Text: "x"}); err != nil || f.fresh != 1 {
			t.Errorf("%s: got %v, read again %d times; want success with the new token", code, err, f.fresh)
		}
		f.tokens = []string{oldToken}
		if _, _, err := client.Post(ctx, "C0OPS", Message{Text: "x"}); Code(err) != code || Classify(err) != Token {
			t.Errorf("%s, and no other token: got %v", code, err)
		}
		server.Close()
	}
}
