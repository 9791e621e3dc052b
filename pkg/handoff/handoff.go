// Package handoff sends orders from the public function to the private one.
// An order holds no address and no secret; the private function loads the rest
// and answers only the requester whom the table names.
package handoff

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/aws-access/aws-access/pkg/access"
)

// Orders invokes the vend function.
type Orders struct {
	Lambda *lambda.Client
	Vend   string // name or ARN of the vend function
}

// Send orders a vend and does not wait for it. An error means that the order
// may not have arrived; since it is good for one vend only, whoever clicked
// may click again.
func (o Orders) Send(ctx context.Context, order access.Order) error {
	payload, err := json.Marshal(order)
	if err != nil {
		return fmt.Errorf("encode order %s: %w", order.ID, err)
	}
	_, err = o.Lambda.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: aws.String(o.Vend), InvocationType: types.InvocationTypeEvent, Payload: payload,
	})
	if err != nil {
		return fmt.Errorf("order a vend for request %s: %w", order.Request, err)
	}
	return nil
}
