// Command notify is the function that tells people, from the table's stream.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/functions/deployed"
	"github.com/aws-access/aws-access/pkg/config"
)

func main() {
	p, err := deployed.New(config.Notify)
	if err != nil {
		deployed.Stop(err)
	}
	h := functions.Notify{Store: p.Store, Slack: p.Slack, Policy: p.Policy, Operators: p.Operators, Now: time.Now, Log: p.Log}
	lambda.Start(h.Handle)
}
