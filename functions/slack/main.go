// Command slack is the function that Slack calls: public, without any way to
// assume a role.
package main

import (
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/oklog/ulid/v2"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/functions/deployed"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/handoff"
)

func main() {
	p, err := deployed.New(config.Slack)
	if err != nil {
		deployed.Stop(err)
	}
	orders := handoff.Orders{Lambda: p.Signed(config.Lambda), Vend: p.Config.VendFunction}
	newID := func() string { return ulid.Make().String() }
	lambda.Start(functions.NewSlack(p.Deps, p.Secret(p.Config.SigningSecret), orders, newID).Handle)
}
