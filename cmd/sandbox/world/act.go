package world

import (
	"bytes"
	"context"
	"net/http"

	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// Act does in Slack what a person would do, and returns when nothing more can
// run at the present time of the clock. The error is a sentence about what
// cannot be done.
func (w *World) Act(ctx context.Context, a slackfake.UserAction) (slackfake.Outcome, error) {
	ui := slackfake.UI{Slack: w.Slack, Post: w.post, Secret: w.Secrets.Signing, Now: w.Clock.Now, Log: w.log}
	out, err := ui.Do(ctx, a)
	if err != nil {
		return out, err
	}
	return out, w.Engine.Settle(ctx)
}

// post sends one request to the product's HTTP API, as Slack does.
func (w *World) post(
	ctx context.Context, path string, header http.Header, body []byte,
) (status int, answer []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.publicURL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header = header
	response := w.frontend().answer(r)
	return response.StatusCode, []byte(response.Body), nil
}
