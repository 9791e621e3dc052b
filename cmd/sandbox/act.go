package main

import (
	"bytes"
	"context"
	"net/http"

	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// act does something for somebody in Slack, and returns when nothing more can
// run at the present time. An error is a sentence about what cannot be done.
func (s *stage) act(ctx context.Context, a slackfake.UserAction) (slackfake.Outcome, error) {
	hands := slackfake.UI{Slack: s.slack, Post: s.post, Secret: s.signingSecret, Now: s.clock.Now, Log: s.log}
	out, err := hands.Do(ctx, a)
	if err != nil {
		return out, err
	}
	return out, s.engine.settle(ctx)
}

// post is one request through the product's front door.
func (s *stage) post(ctx context.Context, path string, header http.Header, body []byte) (status int, said []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.places.public+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header = header
	answer := s.front().answer(r)
	return answer.StatusCode, []byte(answer.Body), nil
}
