package slackapi

import (
	"context"

	"github.com/slack-go/slack"
)

// OpenView opens a form for whoever caused trigger, which Slack accepts once
// and for three seconds.
func (c *Client) OpenView(ctx context.Context, trigger string, v slack.ModalViewRequest) error {
	return c.call(ctx, "views.open", func(ctx context.Context, api *slack.Client) error {
		_, err := api.OpenViewContext(ctx, trigger, v)
		return err
	})
}

// UpdateView replaces an open form, if it still is the one with this hash; an
// empty hash replaces whatever is there. It returns the form as it stands then, with what the person has put in.
func (c *Client) UpdateView(ctx context.Context, viewID, hash string, v slack.ModalViewRequest) (after slack.View, err error) {
	err = c.call(ctx, "views.update", func(ctx context.Context, api *slack.Client) error {
		answer, err := api.UpdateViewContext(ctx, v, "", hash, viewID)
		if err == nil {
			after = answer.View
		}
		return err
	})
	return after, err
}
