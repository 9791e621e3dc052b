// Command tick is the function that runs every minute.
package main

import (
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/functions/deployed"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/handoff"
)

func main() {
	p, err := deployed.New(config.Tick)
	if err != nil {
		deployed.Stop(err)
	}
	cuts := handoff.Cuts{Lambda: p.Signed(config.Lambda), Cut: p.Config.CutFunction}
	lambda.Start(functions.NewTick(p.Deps, cuts).Handle)
}
