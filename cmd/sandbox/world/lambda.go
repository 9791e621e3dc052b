package world

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/oklog/ulid/v2"

	"github.com/aws-access/aws-access/pkg/config"
)

// functionSet makes instances of the functions of one deployment, by name. As
// on Lambda, an instance runs one event at a time, because it has a buffer of
// its own.
type functionSet map[string]func() lambda.Handler

// instances makes instances of what a main passes to lambda.Start.
func instances(handler any) func() lambda.Handler {
	return func() lambda.Handler { return lambda.NewHandler(handler) }
}

// invoke runs a function on one serialised event, as Lambda does: it has a
// request id and a deadline, and a panic becomes an error.
func (f functionSet) invoke(ctx context.Context, function string, event []byte) (answer []byte, err error) {
	instance, ok := f[function]
	if !ok {
		return nil, fmt.Errorf("there is no function %q", function)
	}
	ctx, stop := context.WithTimeout(ctx, config.SpecOf(config.Function(function)).Timeout)
	defer stop()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{
		AwsRequestID: ulid.Make().String(), InvokedFunctionArn: functionARN(function),
	})
	defer func() {
		if panicked := recover(); panicked != nil {
			answer, err = nil, fmt.Errorf("function %s panicked: %v", function, panicked)
		}
	}()
	return instance().Invoke(ctx, event)
}

func functionARN(function string) string {
	return "arn:aws:lambda:" + region + ":" + Bastion + ":function:aws-access-" + function
}

// scheduledEvent is the event of the schedule that runs every minute.
func scheduledEvent(at time.Time) []byte {
	event, err := json.Marshal(events.EventBridgeEvent{
		Version: "0", ID: ulid.Make().String(), DetailType: "Scheduled Event", Source: "aws.events",
		AccountID: Bastion, Time: at.UTC().Truncate(time.Second), Region: region,
		Resources: []string{"arn:aws:events:" + region + ":" + Bastion + ":rule/aws-access-tick"},
		Detail:    json.RawMessage("{}"),
	})
	if err != nil {
		panic(err) // cannot happen: JSON can write every field
	}
	return event
}
