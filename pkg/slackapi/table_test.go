package slackapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
)

// documented are the codes that Slack documents, by method.
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
		t.Errorf("a code that nobody documents is %s, want unknown", class)
	}
}

// What is called in this package stands in the list above, and so in the data.
func TestEveryMethodThatIsCalledIsDocumented(t *testing.T) {
	for _, name := range []string{"check.go", "messages.go", "people.go", "views.go"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range strings.Split(string(text), `"`) {
			begins := strings.HasPrefix
			method := begins(word, "auth.") || begins(word, "users.") || begins(word, "usergroups.") ||
				begins(word, "conversations.") || begins(word, "chat.") || begins(word, "views.")
			if method && !strings.ContainsAny(word, " \n") && !slices.Contains(called, word) {
				t.Errorf("%s calls %s, whose codes are in no list", name, word)
			}
		}
	}
}

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

func TestWhatBecomesOfAnError(t *testing.T) {
	post := func(code string) error { return &Error{Op: "chat.postMessage", Code: code} }
	for _, c := range []struct {
		name  string
		err   error
		class Class
	}{
		{"no error", nil, ""},
		{"the app was reinstalled", post("account_inactive"), Token},
		{"a rotated token", post("token_expired"), Token},
		{"SSM does not answer", errors.New("read the bot token: no answer"), Token},
		{"a read-only channel", post("restricted_action_read_only_channel"), Operator},
		{"a channel for threads", post("restricted_action_thread_only_channel"), Operator},
		{"not invited", post("not_in_channel"), Operator},
		{"a workspace without the app", post("team_access_not_granted"), Operator},
		{"a channel on the move", &Error{Op: "chat.update", Code: "external_channel_migrating"}, Operator},
		{"bad blocks", post("invalid_blocks"), Invalid},
		{"a form that changed", &Error{Op: "views.update", Code: "hash_conflict"}, Gone},
		{"an old trigger", &Error{Op: "views.open", Code: "expired_trigger_id"}, Gone},
		{"a link of yesterday", &Error{Op: respondOp, Code: "channel_not_found"}, Gone},
		{"a rate limit", &Error{Op: "chat.update", Status: 429}, Wait},
		{"a server error", &Error{Op: "chat.update", Status: 503}, Wait},
		{"no answer", &Error{Op: "chat.update", cause: context.DeadlineExceeded}, Wait},
		{"an odd status", &Error{Op: "chat.update", Status: 418}, Unknown},
		{"an endless answer", &Error{Op: "users.list", cause: ErrTooLarge}, Wait},
	} {
		if got := Classify(c.err); got != c.class {
			t.Errorf("%s: got %q, want %q", c.name, got, c.class)
		}
	}
}

// An app that was reinstalled leaves the old token account_inactive, and every
// other code of a token that is not good is answered by reading it again.
func TestEveryTokenErrorReadsTheTokenAgain(t *testing.T) {
	for code := range strings.FieldsSeq(classes[Token]) {
		slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := `{"ok":true,"channel":"C0OPS","ts":"1.000001"}`
			if r.FormValue("token") == oldToken {
				answer = `{"ok":false,"error":"` + code + `"}`
			}
			_, _ = io.WriteString(w, answer)
		}))
		b := &bench{tokens: []string{oldToken, goodToken}}
		if _, _, err := b.clientOf(slack.URL, "T0SANDBOX", "").Post(ctx, "C0OPS", Message{Text: "x"}); err != nil ||
			b.fresh != 1 {
			t.Errorf("%s: got %v after %d fresh tokens, want that the new token is used", code, err, b.fresh)
		}
		b.tokens = []string{oldToken}
		if _, _, err := b.clientOf(slack.URL, "T0SANDBOX", "").Post(ctx, "C0OPS", Message{Text: "x"}); Code(err) != code ||
			Classify(err) != Token {
			t.Errorf("%s, and no other token: got %v", code, err)
		}
		slack.Close()
	}
}
