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

// Command is the app's only command.
const Command = "/aws-access"

// UI does what users do in Slack's client: it types commands, clicks buttons,
// fills in forms and types into menus. It sends the app the signed requests that
// Slack would send, and shows the responses in the workspace.
type UI struct {
	Slack *Server
	// Post sends a request to the app. path is one of /slack/commands,
	// /slack/interactions and /slack/options. An error means that there was no
	// response.
	Post   func(ctx context.Context, path string, header http.Header, body []byte) (status int, answer []byte, err error)
	Secret access.Secret    // the signing secret
	Now    func() time.Time // the clock of signatures
	Log    *slog.Logger     // receives responses that Slack could not use; may be nil
	// Timeout is how long Slack waits for a response, in real time. 0 means
	// Slack's own three seconds (docs/facts.md#e1).
	Timeout time.Duration
}

// UserAction is one action of a user in Slack: exactly one of command, click,
// submit, type, choose and close.
type UserAction struct {
	As      string  `json:"as"` // user id
	Command *string `json:"command"`

	Click string `json:"click"` // label of a button
	On    string `json:"on"`    // the message with the button: channel/ts
	Nth   int    `json:"nth"`   // which button, if several have the label; from 1

	View   string                     `json:"view"`   // for click, type and choose: id of the view
	Submit string                     `json:"submit"` // id of the view to submit
	Values map[string]json.RawMessage `json:"values"` // for submit: values by label of the input
	Type   *string                    `json:"type"`
	Choose *string                    `json:"choose"`
	Into   string                     `json:"into"`  // for type and choose: label of the input
	Close  string                     `json:"close"` // id of the view to close

	Retry int `json:"retry"` // how often the same request is sent in all; 0 means once
}

// Values turns texts by label into the values of a UserAction.
func Values(texts map[string]string) map[string]json.RawMessage {
	values := make(map[string]json.RawMessage, len(texts))
	for label, text := range texts {
		values[label] = encode(text)
	}
	return values
}

// Outcome is the result of a UserAction. Status is 0 if nothing was sent or
// nothing answered.
type Outcome struct {
	Status int    `json:"status"`
	MS     int64  `json:"ms"` // real time until the response, in milliseconds
	Body   string `json:"body"`
	Shown  string `json:"shown"` // the error that Slack shows the user, or ""
}

// maxRetry limits how often one request is sent.
const maxRetry = 100

// Do performs an action for any user of the workspace; what the user may not do,
// the app refuses. An error says why the action is impossible in Slack.
func (u UI) Do(ctx context.Context, a UserAction) (Outcome, error) {
	if err := u.check(a); err != nil {
		return Outcome{}, err
	}
	switch {
	case a.Command != nil:
		return u.command(ctx, a)
	case a.Click != "":
		return u.click(ctx, a)
	case a.Submit != "":
		return u.submit(ctx, a)
	case a.Type != nil:
		return u.typeInto(ctx, a)
	case a.Choose != nil:
		return u.choose(ctx, a)
	}
	return u.closeView(ctx, a)
}

func (u UI) check(a UserAction) error {
	_, known := u.Slack.User(a.As)
	chosen := 0
	for _, given := range []bool{
		a.Command != nil, a.Click != "", a.Submit != "", a.Type != nil, a.Choose != nil, a.Close != "",
	} {
		if given {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return errors.New(`an act is exactly one of "command", "click", "submit", "type", "choose" and "close"`)
	case !known:
		return fmt.Errorf(`"as" is %q, but nobody here has that id`, a.As)
	case a.Retry < 0 || a.Retry > maxRetry:
		return fmt.Errorf(`"retry" is how often the request is sent in all: 1 to %d`, maxRetry)
	}
	return nil
}

// command types a command.
func (u UI) command(ctx context.Context, a UserAction) (Outcome, error) {
	name, rest := *a.Command, ""
	if i := strings.IndexAny(name, " \t\n"); i >= 0 {
		name, rest = name[:i], strings.TrimSpace(name[i:])
	}
	if name != Command {
		return Outcome{Shown: name + " is not a valid command. The app has " + Command + "."}, nil
	}
	body := []byte(u.Slack.CommandPayload(a.As, name, rest).Encode())
	out := u.send(ctx, a, "/slack/commands", body, func(body []byte) string {
		u.Slack.ShowCommandResponse(a.As, CommandChannel, body)
		return ""
	})
	if out.Shown != "" {
		out.Shown = name + ` failed with the error "` + out.Shown + `"`
	}
	return out, nil
}

// click presses a button of a message or of a view.
func (u UI) click(ctx context.Context, a UserAction) (Outcome, error) {
	payload, err := u.clickPayload(a)
	if err != nil {
		return Outcome{}, err
	}
	return u.interact(ctx, a, payload), nil
}

func (u UI) clickPayload(a UserAction) ([]byte, error) {
	if a.View != "" {
		action, found := u.Slack.ViewButton(a.View, a.Click, a.Nth)
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
		return u.Slack.ViewActionPayload(a.As, a.View, button.Block, button.Action, nil)
	}
	channel, ts, ok := strings.Cut(a.On, "/")
	if !ok {
		return nil, errors.New(`say what is clicked on: "on" is "<channel>/<ts>" of a message, or "view" the id of a view`)
	}
	action, found := u.Slack.Button(channel, ts, a.Click, a.Nth)
	if !found {
		return nil, fmt.Errorf("message %s has, and had, no button %q", a.On, a.Click)
	}
	return u.Slack.ActionPayload(a.As, channel, ts, action)
}

// closeView closes a view and tells the app if the view asks for that.
func (u UI) closeView(ctx context.Context, a UserAction) (Outcome, error) {
	if _, ok := u.Slack.View(a.Close); !ok {
		return Outcome{}, fmt.Errorf("there is no view %q", a.Close)
	}
	if !u.Slack.CloseView(a.Close) {
		return Outcome{}, nil
	}
	payload, err := u.Slack.ClosePayload(a.As, a.Close)
	if err != nil {
		return Outcome{}, err
	}
	return u.interact(ctx, a, payload), nil
}

// interact sends an interaction whose response shows nothing.
func (u UI) interact(ctx context.Context, a UserAction, payload []byte) Outcome {
	return u.send(ctx, a, "/slack/interactions", form(payload), nil)
}

// form encodes the payload of an interaction as a form body.
func form(payload []byte) []byte {
	return []byte(url.Values{"payload": {string(payload)}}.Encode())
}

// slackTimeout is how long Slack waits for a response (docs/facts.md#e1).
const slackTimeout = 3 * time.Second

// send signs a request as Slack does and sends it to the app. show puts the body
// of a 200 response into the workspace and returns the error that the user sees.
// If the request is sent several times, the last outcome is returned.
func (u UI) send(
	ctx context.Context, a UserAction, path string, body []byte, show func(body []byte) string,
) Outcome {
	var out Outcome
	header := u.header(body)
	for range max(a.Retry, 1) {
		began := time.Now()
		// Slack's servers send the request even if the user has gone meanwhile.
		status, answer, err := u.Post(context.WithoutCancel(ctx), path, header.Clone(), body)
		took := time.Since(began)
		out = Outcome{Status: status, MS: took.Milliseconds(), Body: string(answer)}
		switch {
		case took >= cmp.Or(u.Timeout, slackTimeout):
			out.Shown = "operation_timeout" // Slack has given up and ignores the response
		case err != nil || status != http.StatusOK:
			out.Shown = "dispatch_failed"
		case show != nil:
			out.Shown = show(answer)
		}
	}
	return out
}

// header returns the headers that Slack sends with a body.
func (u UI) header(body []byte) http.Header {
	stamp := strconv.FormatInt(u.Now().Unix(), 10)
	return http.Header{
		"Content-Type":              {"application/x-www-form-urlencoded"},
		"Accept":                    {"application/json,*/*"},
		"Accept-Encoding":           {"gzip,deflate"},
		"User-Agent":                {"Slackbot 1.0 (+https://api.slack.com/robots)"},
		"X-Slack-Request-Timestamp": {stamp}, "X-Slack-Signature": {u.signature(stamp, body)},
	}
}

// signature signs a body by Slack's "Verifying requests from Slack". It does not
// use pkg/slackapi, which verifies signatures, so that a mistake there is found.
func (u UI) signature(stamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(u.Secret.Reveal()))
	mac.Write([]byte("v0:" + stamp + ":"))
	mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// PostOverHTTP returns a UI.Post that reaches the app over HTTP. base is the
// prefix of the paths, such as http://127.0.0.1:8080.
func PostOverHTTP(
	client *http.Client, base string,
) func(context.Context, string, http.Header, []byte) (int, []byte, error) {
	return func(ctx context.Context, path string, header http.Header, body []byte) (int, []byte, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, bytes.NewReader(body))
		if err != nil {
			return 0, nil, fmt.Errorf("write the request: %w", err)
		}
		r.Header = header
		r.Header.Del("Accept-Encoding") // the HTTP client asks for the encodings that it can read
		answer, err := client.Do(r)
		if err != nil {
			return 0, nil, err
		}
		defer func() { _ = answer.Body.Close() }()
		received, err := io.ReadAll(answer.Body)
		return answer.StatusCode, received, err
	}
}
