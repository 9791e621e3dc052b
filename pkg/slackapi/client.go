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

// Options say which workspace is called, and how.
type Options struct {
	// Token returns the bot token. fresh asks to read it again, because Slack has just refused the one that was
	// returned before.
	Token func(ctx context.Context, fresh bool) (access.Secret, error)
	HTTP  *http.Client // nil for the default transport
	// Host is slack.com, or slack-gov.com for a workspace of GovSlack, which is separate from slack.com. "" is
	// slack.com.
	Host string
	// BaseURL overrides the address of Slack's Web API; "" is Slack itself. If it is a loopback address, loopback
	// response URLs are accepted too.
	BaseURL string
	// Team is the workspace that the app is installed in (T…). It may be empty only if the app is installed in a whole
	// organisation.
	Team       string
	Enterprise string // the organisation (E…), "" outside Enterprise Grid
}

// Client calls Slack's Web API. It may be used by several goroutines.
type Client struct {
	o    Options
	http *http.Client
}

// New makes a client. It makes no call.
func New(o Options) *Client {
	o.Host = cmp.Or(o.Host, "slack.com")
	if o.BaseURL == "" {
		o.BaseURL = "https://" + o.Host + "/api/"
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/") + "/"
	return &Client{o: o, http: safeClient(o.HTTP)}
}

// defaultTimeout limits a call whose context has no deadline.
const defaultTimeout = 10 * time.Second

// call makes one call. If Slack refuses the token, which may have been rotated, it reads the token again and makes the
// call once more.
func (c *Client) call(ctx context.Context, op string, do func(context.Context, *slack.Client) error) error {
	ctx, stop := withDeadline(ctx)
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

// once makes one call. It is the only place that sends the bot token to Slack.
func (c *Client) once(
	ctx context.Context, op string, token access.Secret, do func(context.Context, *slack.Client) error,
) error {
	api := slack.New(token.Reveal(), slack.OptionHTTPClient(c.http), slack.OptionAPIURL(c.o.BaseURL))
	return errorOf(op, do(ctx, api))
}

// withDeadline gives a deadline to a context that has none.
func withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, defaultTimeout)
}

// refusedToken reports whether Slack refused the token.
func refusedToken(err error) bool { return Code(err) != "" && Classify(err) == Token }
