package world

import (
	"bytes"
	"context"
	"net/http"

	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// act does something for somebody in Slack, and returns when nothing more can
// run at the present time. An error is a sentence about what cannot be done.
func (s *World) Act(ctx context.Context, a slackfake.UserAction) (slackfake.Outcome, error) {
	hands := slackfake.UI{Slack: s.Slack, Post: s.post, Secret: s.Secrets.Signing, Now: s.Clock.Now, Log: s.log}
	out, err := hands.Do(ctx, a)
	if err != nil {
		return out, err
	}
	return out, s.Engine.Settle(ctx)
}

// post is one request through the product's front door.
func (s *World) post(ctx context.Context, path string, header http.Header, body []byte) (status int, said []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.publicURL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header = header
	answer := s.frontend().answer(r)
	return answer.StatusCode, []byte(answer.Body), nil
}
