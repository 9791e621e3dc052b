package client

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Client calls one server with one key.
type Client struct {
	Server  wire.URL
	Key     wire.PrivateKey
	NextKey string // thumbprint of the answer key that comes next, or ""
	// Identity proves which machine calls; nil if the key is a device of a person.
	Identity Identity

	HTTP  *http.Client // of NewHTTP
	Now   func() time.Time
	Pause func(context.Context, time.Duration) error // Sleep
	// Say is told, once, that the clock is wrong and what is done about it.
	Say func(text string)
	// Renamed is told that an answer has named other keys of the server than those that are known. Nil
	// if nobody keeps them.
	Renamed func(answerKey, next string)

	gap    time.Duration // what has to be added to the local clock
	oneTry time.Duration // how long one try may take; 0 for the limit of this package
}

// Answer is an answer that the server has signed for this call.
type Answer struct {
	wire.Answer
	Sent time.Time // by this computer's clock, before the call was sent (home.PrintedEnd)
}

// Do makes a call. Status of the answer is 200 or 202.
//
// Errors: *home.Refused, if the server has signed a refusal; *wire.Error with the code bad_payload, if the
// call has no proper form and was not sent; *Failure for everything else.
func (c *Client) Do(ctx context.Context, p wire.Payload) (Answer, error) {
	return c.call(ctx, func(now time.Time) (*wire.Sent, error) {
		if c.Identity != nil {
			at := now
			if c.Server.Loopback() { // a sandbox has its own clock, and asks a machine for this computer's
				at = c.Now()
			}
			if err := c.Identity.Prove(ctx, c.question(), at, &p); err != nil {
				return nil, err
			}
		}
		return c.caller().Sign(p, now)
	})
}

// Pair makes the key a device, by a code from Slack. The name is the computer's, and may be empty.
//
// Errors are those of Do.
func (c *Client) Pair(ctx context.Context, code wire.PairingCode, name string) (Answer, error) {
	return c.call(ctx, func(now time.Time) (*wire.Sent, error) { return c.caller().Pair(code, name, now) })
}

func (c *Client) caller() wire.Caller {
	return wire.Caller{Server: c.Server, Key: c.Key, NextKey: c.NextKey}
}

// call signs and sends a call. If the server signs that the clock is wrong, it is corrected once. If it
// signs that it has answered these bytes before, the answer was lost: keys are sealed once, so another
// call asks for others.
func (c *Client) call(ctx context.Context, sign func(time.Time) (*wire.Sent, error)) (Answer, error) {
	for corrected, renewed := false, false; ; {
		a := Answer{Sent: c.Now()}
		sent, err := sign(a.Sent.Add(c.gap))
		if err != nil {
			return Answer{}, err
		}
		if a.Answer, err = c.deliver(ctx, sent); err != nil {
			return Answer{}, err
		}
		c.remember(a.Answer)
		err = refusalIn(a.Answer)
		refused, _ := errors.AsType[*home.Refused](err)
		switch {
		case err == nil:
			return a, nil
		case refused != nil && refused.Code == access.CodeOrderRepeated && !renewed:
			renewed = true
			continue
		case refused == nil || refused.Code != string(wire.Clock):
			return Answer{}, err
		case corrected:
			return Answer{}, &Failure{WrongClock, "the server does not accept the time of the call, even after it was corrected"}
		}
		corrected = true
		if err := c.follow(a); err != nil {
			return Answer{}, err
		}
	}
}

// refusalIn returns what a signed answer refuses, or says of the server's faults.
func refusalIn(a wire.Answer) error {
	if a.Status == http.StatusOK || a.Status == http.StatusAccepted {
		return nil
	}
	var r wire.Refusal
	if err := a.Decode(&r); err != nil || r.Text == "" {
		r.Text = "The server has refused the call without a reason."
	}
	switch text := strings.TrimSpace(r.Text + " " + r.Next); {
	case a.Status >= http.StatusInternalServerError:
		return &Failure{Unavailable, text}
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		return &home.Refused{Refusal: r}
	default: // the call is malformed, or for another server
		return &Failure{NotUnderstood, text}
	}
}

// follow takes over the server's time.
func (c *Client) follow(a Answer) error {
	gap, ok := home.ClockGap(a.Sent, a.Time, c.Server.Loopback())
	if !ok {
		return &Failure{WrongClock, "this computer's clock is more than 25 hours wrong; the server's says " +
			a.Time.UTC().Format(time.RFC3339) + ". Set the clock, and try again"}
	}
	c.gap = gap
	c.Say("This computer's clock is wrong by " + gap.Abs().Round(time.Second).String() + "; the server's time is used.")
	return nil
}

// remember keeps the names of the server's keys. An answer by the next key means that the one before it
// is gone, because the server signs with the pinned one as long as it has it.
func (c *Client) remember(a wire.Answer) {
	if a.AnswerKey == c.Server.AnswerKey && (a.NextKey == "" || a.NextKey == c.NextKey) {
		return
	}
	c.Server.AnswerKey, c.NextKey = a.AnswerKey, a.NextKey
	if c.Renamed != nil {
		c.Renamed(c.Server.AnswerKey, c.NextKey)
	}
}

// Sleep waits.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ended returns the error of a context that ended because somebody pressed Ctrl-C, and not because the
// time was over.
func ended(ctx context.Context) error {
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
