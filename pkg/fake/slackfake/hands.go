package slackfake

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Command is the one that the app has.
const Command = "/aws-access"

// UI are people's hands in Slack: they type commands, click, fill in forms
// and type into menus, and send what Slack would send, signed.
type UI struct {
	Slack *Server
	// Post sends a request to the app's endpoint; path is one of
	// /slack/commands, /slack/interactions and /slack/options. An error is that
	// there was no answer.
	Post   func(ctx context.Context, path string, header http.Header, body []byte) (status int, answer []byte, err error)
	Secret access.Secret    // Slack signs with it
	Now    func() time.Time // the clock of signatures
	Log    *slog.Logger     // of answers that Slack would not take; nil for none
	// Timeout is how long Slack waits for an answer, in real time; 0 is three
	// seconds, as Slack's (docs/facts.md#e1).
	Timeout time.Duration
}

// UserAction is what somebody does in Slack: exactly one of command, click, submit,
// type, choose and close.
type UserAction struct {
	As      string  `json:"as"` // user id
	Command *string `json:"command"`

	Click string `json:"click"` // label of a button
	On    string `json:"on"`    // its message: channel/ts
	Nth   int    `json:"nth"`   // if several have the label; from 1

	View   string                     `json:"view"`   // for click, type and choose: id
	Submit string                     `json:"submit"` // id of a view
	Values map[string]json.RawMessage `json:"values"` // by label of the input
	Type   *string                    `json:"type"`
	Choose *string                    `json:"choose"`
	Into   string                     `json:"into"`  // label of the input
	Close  string                     `json:"close"` // id of a view

	Retry int `json:"retry"` // how often it is sent in all, the same body each time
}

// Values are texts by label, as an act takes them.
func Values(texts map[string]string) map[string]json.RawMessage {
	values := make(map[string]json.RawMessage, len(texts))
	for label, text := range texts {
		values[label] = encode(text)
	}
	return values
}

// Outcome is what came of an act. Status is 0 when nothing was sent.
type Outcome struct {
	Status int    `json:"status"`
	MS     int64  `json:"ms"` // real time until the endpoint answered
	Body   string `json:"body"`
	Shown  string `json:"shown"` // the error that Slack shows the person
}

// maxRetry bounds how often one body is sent.
const maxRetry = 100

// Do does something for somebody, whoever it is: what is refused is refused by
// the app. An error is a sentence about what cannot be done at all.
func (h UI) Do(ctx context.Context, a UserAction) (Outcome, error) {
	if err := h.able(a); err != nil {
		return Outcome{}, err
	}
	switch {
	case a.Command != nil:
		return h.command(ctx, a)
	case a.Click != "":
		return h.click(ctx, a)
	case a.Submit != "":
		return h.submit(ctx, a)
	case a.Type != nil:
		return h.types(ctx, a)
	case a.Choose != nil:
		return h.choose(ctx, a)
	}
	return h.closes(ctx, a)
}

func (h UI) able(a UserAction) error {
	_, known := h.Slack.User(a.As)
	chosen := 0
	for _, is := range []bool{a.Command != nil, a.Click != "", a.Submit != "", a.Type != nil, a.Choose != nil, a.Close != ""} {
		if is {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return errors.New(`an act is exactly one of "command", "click", "submit", "type", "choose" and "close"`)
	case !known:
		return fmt.Errorf(`"as" is %q, and nobody here has that id`, a.As)
	case a.Retry < 0 || a.Retry > maxRetry:
		return fmt.Errorf(`"retry" is how often it is sent in all: 1 to %d`, maxRetry)
	}
	return nil
}

// command types a command.
func (h UI) command(ctx context.Context, a UserAction) (Outcome, error) {
	name, rest := *a.Command, ""
	if i := strings.IndexAny(name, " \t\n"); i >= 0 {
		name, rest = name[:i], strings.TrimSpace(name[i:])
	}
	if name != Command {
		return Outcome{Shown: name + " is not a valid command. The app has " + Command + "."}, nil
	}
	out := h.send(ctx, a, "/slack/commands", []byte(h.Slack.CommandPayload(a.As, name, rest).Encode()), func(body []byte) string {
		h.Slack.ShowCommandResponse(a.As, CommandChannel, body)
		return ""
	})
	if out.Shown != "" {
		out.Shown = name + ` failed with the error "` + out.Shown + `"`
	}
	return out, nil
}

// click presses a button of a message or of a view.
func (h UI) click(ctx context.Context, a UserAction) (Outcome, error) {
	payload, err := h.clickPayload(a)
	if err != nil {
		return Outcome{}, err
	}
	return h.interact(ctx, a, payload), nil
}

func (h UI) clickPayload(a UserAction) ([]byte, error) {
	if a.View != "" {
		action, found := h.Slack.ViewButton(a.View, a.Click, a.Nth)
		if !found {
			return nil, fmt.Errorf("view %q has no button %q", a.View, a.Click)
		}
		var button struct {
			Block  string `json:"block_id"`
			Action string `json:"action_id"`
		}
		if err := json.Unmarshal(action, &button); err != nil {
			return nil, fmt.Errorf("read the button: %w", err)
		}
		return h.Slack.ViewActionPayload(a.As, a.View, button.Block, button.Action, nil)
	}
	channel, ts, ok := strings.Cut(a.On, "/")
	if !ok {
		return nil, errors.New(`say what is clicked on: "on" is "<channel>/<ts>" of a message, or "view" the id of a view`)
	}
	action, found := h.Slack.Button(channel, ts, a.Click, a.Nth)
	if !found {
		return nil, fmt.Errorf("message %s has, and had, no button %q", a.On, a.Click)
	}
	return h.Slack.ActionPayload(a.As, channel, ts, action)
}

// closes closes a view, which the app may want to hear of.
func (h UI) closes(ctx context.Context, a UserAction) (Outcome, error) {
	if _, ok := h.Slack.View(a.Close); !ok {
		return Outcome{}, fmt.Errorf("there is no view %q", a.Close)
	}
	if !h.Slack.CloseView(a.Close) {
		return Outcome{}, nil
	}
	payload, err := h.Slack.ClosePayload(a.As, a.Close)
	if err != nil {
		return Outcome{}, err
	}
	return h.interact(ctx, a, payload), nil
}

// interact sends an interaction whose answer draws nothing.
func (h UI) interact(ctx context.Context, a UserAction, payload []byte) Outcome {
	return h.send(ctx, a, "/slack/interactions", form(payload), nil)
}

// form is an interaction as a form body.
func form(payload []byte) []byte {
	return []byte(url.Values{"payload": {string(payload)}}.Encode())
}

// patience is Slack's own.
const patience = 3 * time.Second

// send signs a body as Slack does, sends it to the app's endpoint, and lets
// take draw the answer. Sent several times, the last time is told.
func (h UI) send(ctx context.Context, a UserAction, path string, body []byte, take func(body []byte) (shown string)) Outcome {
	var out Outcome
	header := h.header(body)
	for range max(a.Retry, 1) {
		began := time.Now()
		// Slack's servers send it, whatever becomes of the person who waits.
		status, said, err := h.Post(context.WithoutCancel(ctx), path, header.Clone(), body)
		took := time.Since(began)
		out = Outcome{Status: status, MS: took.Milliseconds(), Body: string(said)}
		switch {
		case took >= cmp.Or(h.Timeout, patience):
			out.Shown = "operation_timeout" // Slack has given up, and takes no answer
		case err != nil || status != http.StatusOK:
			out.Shown = "dispatch_failed"
		case take != nil:
			out.Shown = take(said)
		}
	}
	return out
}

// header is what Slack sends with a body.
func (h UI) header(body []byte) http.Header {
	stamp := strconv.FormatInt(h.Now().Unix(), 10)
	return http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json,*/*"}, "Accept-Encoding": {"gzip,deflate"},
		"User-Agent":                {"Slackbot 1.0 (+https://api.slack.com/robots)"},
		"X-Slack-Request-Timestamp": {stamp}, "X-Slack-Signature": {h.signature(stamp, body)},
	}
}

// signature is written here a second time, apart from what judges signatures:
// a mistake there is not made here as well (Slack's "Verifying requests from
// Slack").
func (h UI) signature(stamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(h.Secret.Reveal()))
	mac.Write([]byte("v0:" + stamp + ":"))
	mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// PostOverHTTP is the Post of an endpoint that is reached over HTTP; base is what the
// paths are added to, such as http://127.0.0.1:8080.
func PostOverHTTP(client *http.Client, base string) func(context.Context, string, http.Header, []byte) (int, []byte, error) {
	return func(ctx context.Context, path string, header http.Header, body []byte) (int, []byte, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, bytes.NewReader(body))
		if err != nil {
			return 0, nil, fmt.Errorf("write the request: %w", err)
		}
		r.Header = header
		r.Header.Del("Accept-Encoding") // the client asks for what it can read
		answer, err := client.Do(r)
		if err != nil {
			return 0, nil, err
		}
		defer func() { _ = answer.Body.Close() }()
		said, err := io.ReadAll(answer.Body)
		return answer.StatusCode, said, err
	}
}
