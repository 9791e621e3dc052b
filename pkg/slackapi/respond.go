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

// Respond answers an interaction. Only the person who clicked sees m, and the message that was clicked stays unless m
// replaces it. responseURL comes from a payload, and anyone who has it can post in the app's name: it is called only if
// it is Slack's, and no error contains it.
//
// Error code: not_slack, if responseURL is not Slack's.
func (c *Client) Respond(ctx context.Context, responseURL string, m Message) error {
	if err := checkLength(respondOp, m, MaxText); err != nil {
		return err
	}
	if !c.isResponseURL(responseURL) {
		return &Error{Op: respondOp, Code: "not_slack"}
	}
	body, err := json.Marshal(webhookMessage(m))
	if err != nil {
		return &Error{Op: respondOp, Code: "invalid_payload"}
	}
	ctx, stop := withDeadline(ctx)
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, responseURL, bytes.NewReader(body))
	if err != nil {
		return errorOf(respondOp, err)
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	response, err := c.http.Do(request)
	if err != nil {
		return errorOf(respondOp, err)
	}
	defer func() { _ = response.Body.Close() }()
	return responseError(response)
}

// webhookMessage is a message as response URLs accept it.
func webhookMessage(m Message) slack.WebhookMessage {
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

// responseError reads the answer of a response URL. It returns nil for status 200.
func responseError(r *http.Response) error {
	if r.StatusCode == http.StatusOK {
		return nil
	}
	e := &Error{Op: respondOp, Status: r.StatusCode}
	if r.StatusCode == http.StatusTooManyRequests {
		seconds, _ := strconv.ParseUint(r.Header.Get("Retry-After"), 10, 16)
		e.Wait = time.Duration(seconds) * time.Second
		return e
	}
	var answer struct{ Error string }
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<12))
	if err == nil && json.Unmarshal(text, &answer) == nil && ClassOf(respondOp, answer.Error) != Unknown {
		e.Code = answer.Error
	} else if r.StatusCode == http.StatusNotFound {
		e.Code = "expired_url"
	}
	return e
}

// isResponseURL reports whether an address may be called as a response URL: it has Slack's host, or it is a loopback
// address and the client calls a fake of Slack on a loopback address.
func (c *Client) isResponseURL(address string) bool {
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
