package slackapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/slack-go/slack"
)

const respondOp = "response_url"

// Respond answers an interaction: only the person who clicked sees m, and the
// message that was clicked stays unless m replaces it. responseURL comes out of a payload and lets
// whoever has it post in the app's name: it is called only if it is Slack's,
// and is in no error.
func (c *Client) Respond(ctx context.Context, responseURL string, m Message) error {
	if err := fits(respondOp, m, MaxText); err != nil {
		return err
	}
	if !c.slacks(responseURL) {
		return &Error{Op: respondOp, Code: "not_slack"}
	}
	body, err := json.Marshal(answer(m))
	if err != nil {
		return &Error{Op: respondOp, Code: "invalid_payload"}
	}
	ctx, stop := bound(ctx)
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, responseURL, bytes.NewReader(body))
	if err != nil {
		return failed(respondOp, err)
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	response, err := c.http.Do(request)
	if err != nil {
		return failed(respondOp, err)
	}
	defer func() { _ = response.Body.Close() }()
	return responded(response)
}

// answer is m as response URLs take it.
func answer(m Message) slack.WebhookMessage {
	no := false
	w := slack.WebhookMessage{
		Text: m.Text, ThreadTimestamp: m.Thread, ResponseType: "ephemeral", UnfurlLinks: &no, UnfurlMedia: &no,
	}
	w.ReplaceOriginal = m.Replace
	if len(m.Blocks) > 0 {
		w.Blocks = &slack.Blocks{BlockSet: m.Blocks}
	}
	return w
}

// responded reads the answer of a response URL: 200, or a code.
func responded(r *http.Response) error {
	if r.StatusCode == http.StatusOK {
		return nil
	}
	e := &Error{Op: respondOp, Status: r.StatusCode}
	if r.StatusCode == http.StatusTooManyRequests {
		seconds, _ := strconv.ParseUint(r.Header.Get("Retry-After"), 10, 16)
		e.Wait = time.Duration(seconds) * time.Second
		return e
	}
	var said struct{ Error string }
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<12))
	if err == nil && json.Unmarshal(text, &said) == nil && ClassOf(respondOp, said.Error) != Unknown {
		e.Code = said.Error
	} else if r.StatusCode == http.StatusNotFound {
		e.Code = "expired_url"
	}
	return e
}

// slacks reports whether a response URL may be called: Slack's own host, or
// this computer when Slack is played on this computer.
func (c *Client) slacks(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Opaque != "" {
		return false
	}
	if u.Scheme == "https" && u.Host == "hooks."+c.o.Host {
		return true
	}
	base, err := url.Parse(c.o.BaseURL)
	return err == nil && loopback(base) && loopback(u) && u.Scheme == base.Scheme
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
