// Command tick is the function that runs every minute.
package main

import (
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/functions/deployed"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/lifecycle"
)

func main() {
	p, err := deployed.New(config.Tick)
	if err != nil {
		deployed.Stop(err)
	}
	h := functions.Tick{
		Step: lifecycle.Tick{Step: p.Step, DueIn: p.Store}, Owed: p.Store,
		Messages: p.Messages, Operators: p.Operators,
	}
	lambda.Start(h.Handle)
}
