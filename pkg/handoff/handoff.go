// Package handoff sends orders from the public function, slack, to the private
// one, vend. An order never holds an address or a secret: vend loads the request
// from the table and answers only the requester whom the table names.
package handoff

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
)

// Orders invokes the vend function.
type Orders struct {
	Lambda awscall.Client
	Vend   string // name or ARN of the vend function
}

// Send sends an order and does not wait for the vend: it is an asynchronous
// invocation (lambda:InvokeFunction). An error means that the order may not have
// arrived. One order gives at most one session, so the requester can safely click
// again.
func (o Orders) Send(ctx context.Context, order access.Order) error {
	if err := o.invoke(ctx, order); err != nil {
		return fmt.Errorf("send an order for request %s: %w", order.Request, err)
	}
	return nil
}

// SendDevice sends an order about devices, as Send does. Vend answers only the person who
// made it, in Slack.
func (o Orders) SendDevice(ctx context.Context, order access.DeviceOrder) error {
	if err := o.invoke(ctx, map[string]access.DeviceOrder{"device": order}); err != nil {
		return fmt.Errorf("send an order about the devices of %s: %w", order.By, err)
	}
	return nil
}

// SendRevocation sends an order to revoke several grants, as Send does. Vend asks again whether
// the person who made it is a responder, and answers that person in Slack.
func (o Orders) SendRevocation(ctx context.Context, order access.Revocation) error {
	if err := o.invoke(ctx, map[string]access.Revocation{"revoke": order}); err != nil {
		return fmt.Errorf("send an order of %s to revoke: %w", order.By, err)
	}
	return nil
}

func (o Orders) invoke(ctx context.Context, order any) error {
	payload, err := json.Marshal(order)
	if err != nil {
		return fmt.Errorf("encode an order: %w", err)
	}
	_, err = o.Lambda.Post(ctx, "/2015-03-31/functions/"+url.PathEscape(o.Vend)+"/invocations",
		http.Header{"Content-Type": {"application/json"}, "X-Amz-Invocation-Type": {"Event"}}, payload)
	return err
}
