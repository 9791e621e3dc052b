package slackapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// Options say whose workspace is called, and how.
type Options struct {
	// Token gives the bot token; fresh asks to read it again, because Slack
	// has just refused the one that was given.
	Token func(ctx context.Context, fresh bool) (access.Secret, error)
	HTTP  *http.Client // nil: the default transport
	// Host is slack.com, or slack-gov.com for a workspace of GovSlack, which shares
	// nothing with the other; "" is slack.com.
	Host string
	// BaseURL is where Slack's Web API stands; "" for Slack itself. With one
	// on this computer, response URLs on this computer are accepted too.
	BaseURL string
	// Team is the workspace that the app is installed in (T…). It may be empty
	// only when the app is installed in a whole organisation.
	Team       string
	Enterprise string // the organisation (E…), "" outside Enterprise Grid
}

// Client calls Slack's Web API. It may be used by several goroutines.
type Client struct {
	o    Options
	http *http.Client
}

// New makes a client; it calls nobody yet.
func New(o Options) *Client {
	o.Host = cmp.Or(o.Host, "slack.com")
	if o.BaseURL == "" {
		o.BaseURL = "https://" + o.Host + "/api/"
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/") + "/"
	return &Client{o: o, http: guarded(o.HTTP)}
}

// patience bounds a call whose context has no deadline.
const patience = 10 * time.Second

// call makes one call, and once more with the token read again if Slack has
// refused the token: it may have been rotated.
func (c *Client) call(ctx context.Context, op string, do func(context.Context, *slack.Client) error) error {
	ctx, stop := bound(ctx)
	defer stop()
	token, err := c.o.Token(ctx, false)
	if err != nil {
		return fmt.Errorf("read the bot token: %w", err)
	}
	if err = c.once(ctx, op, token, do); !refusedToken(err) {
		return err
	}
	again, tokenErr := c.o.Token(ctx, true)
	switch {
	case tokenErr != nil:
		return errors.Join(err, fmt.Errorf("read the bot token again: %w", tokenErr))
	case again == token:
		return err
	}
	return c.once(ctx, op, again, do)
}

// once is where the bot token leaves for Slack.
func (c *Client) once(ctx context.Context, op string, token access.Secret, do func(context.Context, *slack.Client) error) error {
	api := slack.New(token.Reveal(), slack.OptionHTTPClient(c.http), slack.OptionAPIURL(c.o.BaseURL))
	return failed(op, do(ctx, api))
}

// bound gives a deadline to a context that has none.
func bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, patience)
}

// refusedToken reports whether Slack refused the token that it was given.
func refusedToken(err error) bool { return Code(err) != "" && Classify(err) == Token }
