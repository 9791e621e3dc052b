package handoff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/aws-access/aws-access/pkg/awscall"
)

// Calls hands the calls of programs to the vend function, and waits for its answers.
type Calls struct {
	Lambda awscall.Client
	Vend   string // name or ARN of the vend function
}

// Call is the payload with which vend gets a call: {"call": {"text": …}}.
type Call struct {
	Text string `json:"text"` // the compact JWS, as it came
}

// ErrVendFailed says that vend ran and did not answer: it has failed, or was stopped at
// its timeout. What it did before that stays done.
var ErrVendFailed = errors.New("vend failed")

// Call invokes vend (lambda:InvokeFunction, synchronously), exactly once, and returns its
// answer, JSON of a wire.Response. Vend may have done what was asked also if there is an
// error; the caller sends the same bytes again, which has no second effect.
//
// An error never contains a part of the call or of vend's answer. It wraps
// ErrVendFailed, the error of ctx, or an *awscall.Error.
func (c Calls) Call(ctx context.Context, text string) ([]byte, error) {
	payload, err := json.Marshal(map[string]Call{"call": {Text: text}})
	if err != nil {
		return nil, errors.New("encode a call for vend")
	}
	response, err := c.Lambda.Once(ctx, "/2015-03-31/functions/"+url.PathEscape(c.Vend)+"/invocations",
		http.Header{"Content-Type": {"application/json"}, "X-Amz-Invocation-Type": {"RequestResponse"}}, payload)
	switch {
	case err != nil:
		return nil, fmt.Errorf("invoke vend: %w", err)
	case response.Header.Get("X-Amz-Function-Error") != "": // the body says why, and may quote anything
		return nil, fmt.Errorf("invoke vend: %w", ErrVendFailed)
	}
	return response.Body, nil
}
