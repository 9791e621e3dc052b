package slackapi

import (
	"context"
	"sync/atomic"

	"github.com/slack-go/slack"
)

// OpenView opens a form for whoever caused trigger, which Slack accepts once
// and for three seconds.
func (c *Client) OpenView(ctx context.Context, trigger string, v slack.ModalViewRequest) error {
	var twice atomic.Bool
	err := c.call(context.WithValue(ctx, repeated{}, &twice), "views.open",
		func(ctx context.Context, api *slack.Client) error {
			_, err := api.OpenViewContext(ctx, trigger, v)
			return err
		})
	if twice.Load() && Code(err) == "exchanged_trigger_id" {
		return nil // the first call had opened it, and only its answer was lost
	}
	return err
}

// UpdateView replaces an open form, if it still is the one with this hash; an
// empty hash replaces whatever is there. It returns the form as it stands then, with what the person has put in.
func (c *Client) UpdateView(
	ctx context.Context, viewID, hash string, v slack.ModalViewRequest,
) (after slack.View, err error) {
	err = c.call(ctx, "views.update", func(ctx context.Context, api *slack.Client) error {
		answer, err := api.UpdateViewContext(ctx, v, "", hash, viewID)
		if err == nil {
			after = answer.View
		}
		return err
	})
	return after, err
}
