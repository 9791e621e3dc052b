package slackapi

import (
	"context"
	"sync/atomic"

	"github.com/slack-go/slack"
)

// OpenView opens a form for the person whose click caused the trigger. Slack accepts a trigger once, and within three
// seconds.
func (c *Client) OpenView(ctx context.Context, trigger string, v slack.ModalViewRequest) error {
	var twice atomic.Bool
	err := c.call(context.WithValue(ctx, repeatedKey{}, &twice), "views.open",
		func(ctx context.Context, api *slack.Client) error {
			_, err := api.OpenViewContext(ctx, trigger, v)
			return err
		})
	if twice.Load() && Code(err) == "exchanged_trigger_id" {
		return nil // the first call opened the form, and only its answer was lost
	}
	return err
}

// UpdateView replaces a form that is on the screen. It returns the form with what the person has typed and chosen. If
// hash is not "", the form must still have this hash.
//
// Error code: hash_conflict, if the form has changed since.
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
