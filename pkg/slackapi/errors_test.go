package slackapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// failingCall is a call that fails, and what its error must say.
type failingCall struct {
	name      string
	before    func(*fixture)
	do        func(*fixture) error
	code      string
	permanent bool
	wait      time.Duration // noLimit unless it is a rate limit
}

const noLimit = time.Duration(-1)

func postTo(channel string) func(*fixture) error {
	return func(f *fixture) error {
		_, _, err := f.client.Post(ctx, channel, Message{Text: canary, Blocks: section(canary)})
		return err
	}
}

func respond(f *fixture) error {
	return f.client.Respond(ctx, f.NewResponseURL("U0DEV1", "C0OPS", ""), Message{Text: canary})
}

func failing(how string) func(*fixture) { return func(f *fixture) { f.fault = how } }

var failingPosts = []failingCall{
	{"no channel", nil, postTo("C0NONE"), "channel_not_found", true, noLimit},
	{"archived", func(f *fixture) { f.SetChannel(slackfake.Channel{ID: "C0OPS", Archived: true}) },
		postTo("C0OPS"), "is_archived", true, noLimit},
	{"not invited", func(f *fixture) { f.SetChannel(slackfake.Channel{ID: "C0OPS", BotOut: true}) },
		postTo("C0OPS"), "not_in_channel", true, noLimit},
	{"no message", nil, func(f *fixture) error {
		return f.client.Update(ctx, "C0OPS", "1.000001", Message{Text: canary})
	}, "message_not_found", true, noLimit},
	{"a message of somebody else", nil, func(f *fixture) error {
		return f.client.Update(ctx, "C0OPS", f.PostAs("U0DEV1", "C0OPS", "x"), Message{Text: canary})
	}, "cant_update_message", true, noLimit},
	{"bad blocks", nil, func(f *fixture) error {
		blocks := section(strings.Repeat(canary, 300))
		_, _, err := f.client.Post(ctx, "C0OPS", Message{Text: canary, Blocks: blocks})
		return err
	}, "invalid_blocks", true, noLimit},
	{"a person outside the channel", nil, func(f *fixture) error {
		return f.client.PostEphemeral(ctx, "C0OPS", "U0OUTSIDE", Message{Text: canary})
	}, "user_not_in_channel", true, noLimit},
	{"too long to post", nil, func(f *fixture) error {
		_, _, err := f.client.Post(ctx, "C0OPS", Message{Text: strings.Repeat("é", MaxText+1)})
		return err
	}, "msg_too_long", true, noLimit},
	{"too long to update", nil, func(f *fixture) error {
		return f.client.Update(ctx, "C0OPS", "1.000001", Message{Text: strings.Repeat("é", MaxUpdateText+1)})
	}, "msg_too_long", true, noLimit},
	{"a refused token", func(f *fixture) { f.tokens = []string{oldToken} },
		postTo("C0OPS"), "invalid_auth", false, noLimit},
	{"a rate limit", failing("429"), postTo("C0OPS"), "", false, time.Second},
	{"Slack is down", failing("error"), postTo("C0OPS"), "", false, noLimit},
	{"the answer is lost", failing("lost"), postTo("C0OPS"), "", false, noLimit},
}

var failingViews = []failingCall{
	{"a bad view", nil, func(f *fixture) error {
		v := form()
		v.Title.Text = strings.Repeat("t", 25)
		return f.client.OpenView(ctx, f.NewTrigger("U0DEV1"), v)
	}, "invalid_arguments", true, noLimit},
	{"no trigger", nil, func(f *fixture) error { return f.client.OpenView(ctx, "", form()) },
		"invalid_arguments", true, noLimit},
	{"an expired trigger", nil, func(f *fixture) error {
		id := f.NewTrigger("U0DEV1")
		f.now = f.now.Add(3 * time.Second)
		return f.client.OpenView(ctx, id, form())
	}, "expired_trigger_id", true, noLimit},
	{"no group", nil, func(f *fixture) error { _, err := f.client.Group(ctx, "S0NONE"); return err },
		"no_such_subteam", true, noLimit},
}

var failingResponses = []failingCall{
	{"an expired response URL", nil, func(f *fixture) error {
		address := f.NewResponseURL("U0DEV1", "C0OPS", "")
		f.now = f.now.Add(time.Hour)
		return f.client.Respond(ctx, address, Message{Text: canary})
	}, "expired_url", true, noLimit},
	{"a response URL that was used five times", nil, func(f *fixture) error {
		address := f.NewResponseURL("U0DEV1", "C0OPS", "")
		for range 5 {
			if err := f.client.Respond(ctx, address, Message{Text: canary}); err != nil {
				return err
			}
		}
		return f.client.Respond(ctx, address, Message{Text: canary})
	}, "used_url", true, noLimit},
	{"a rate limit on a response URL", failing("429"), respond, "", false, time.Second},
	{"Slack is down for a response URL", failing("error"), respond, "", false, noLimit},
}

func TestAnErrorSaysWhetherAnotherTryCanHelp(t *testing.T) {
	for _, calls := range [][]failingCall{failingPosts, failingViews, failingResponses} {
		for _, c := range calls {
			f := newFixture(t)
			if c.before != nil {
				c.before(f)
			}
			err := c.do(f)
			wait, limited := RetryAfter(err)
			if !limited {
				wait = noLimit
			}
			if err == nil || Code(err) != c.code || Permanent(err) != c.permanent || wait != c.wait {
				t.Errorf("%s: got %v, permanent %v, wait %s; want %q, %v, %s",
					c.name, err, Permanent(err), wait, c.code, c.permanent, c.wait)
			}
			checkNoSecret(t, err)
		}
	}
}

// checkNoSecret fails the test if an error contains what was sent, or an address.
func checkNoSecret(t *testing.T, err error) {
	t.Helper()
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		if strings.Contains(text, "canary") || strings.Contains(text, "/response/") ||
			strings.Contains(text, "secretpart") {
			t.Errorf("an error says too much: %s", text)
		}
	}
}

func TestErrorsOfTheNetworkQuoteNothing(t *testing.T) {
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		cause  error
	}{
		"a page of HTML":      {write("<html>" + canary), nil},
		"an unknown error":    {write(`{"ok":false,"errors":[{"x":"` + canary + `"}]}`), nil},
		"an endless answer":   {write(`{"ok":true,"padding":"` + strings.Repeat("x", maxAnswer+1)), ErrTooLarge},
		"a closed connection": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, errUnreachable},
	} {
		server := httptest.NewServer(c.answer)
		client := clientOf(server)
		_, err := client.Person(ctx, "U0DEV1")
		if err == nil || c.cause != nil && !errors.Is(err, c.cause) || Permanent(err) {
			t.Errorf("%s: got %v, want %v", name, err, c.cause)
		}
		checkNoSecret(t, err)
		server.Close()
		// No server listens any more, and the error does not contain the address.
		err = client.Respond(ctx, server.URL+"/response/secretpart", Message{Text: canary})
		if !errors.Is(err, errUnreachable) {
			t.Errorf("%s, and no server: got %v, want %v", name, err, errUnreachable)
		}
		checkNoSecret(t, err)
	}
}
