package handoff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
)

// Cuts orders the cut function to look at cut lists. An order only says which ones: what is to be
// denied is in the table.
type Cuts struct {
	Lambda awscall.Client
	Cut    string // name or ARN of the cut function
}

// perCutOrder is how many lists one order names. Each order is an invocation of its own, so many
// roles are cut at once, and an order that is lost is not missed for long.
const perCutOrder = 25

type cutTarget struct {
	Account string `json:"account"`
	Role    string `json:"role"`
}

// Send orders cuts, and does not wait for them: each order is an asynchronous invocation
// (lambda:InvokeFunction). An error means that orders may not have arrived. An order may come twice.
func (c Cuts) Send(ctx context.Context, lists []access.CutKey) error {
	var failed []error
	for len(lists) > 0 {
		n := min(perCutOrder, len(lists))
		if err := c.send(ctx, lists[:n]); err != nil {
			failed = append(failed, fmt.Errorf("order %d cuts, the first of them %s: %w", n, lists[0], err))
		}
		lists = lists[n:]
	}
	return errors.Join(failed...)
}

func (c Cuts) send(ctx context.Context, lists []access.CutKey) error {
	targets := make([]cutTarget, len(lists))
	for i, k := range lists {
		targets[i] = cutTarget(k)
	}
	payload, err := json.Marshal(map[string][]cutTarget{"cut": targets})
	if err != nil {
		return fmt.Errorf("encode an order: %w", err)
	}
	_, err = c.Lambda.Post(ctx, "/2015-03-31/functions/"+url.PathEscape(c.Cut)+"/invocations",
		http.Header{"Content-Type": {"application/json"}, "X-Amz-Invocation-Type": {"Event"}}, payload)
	return err
}
