// Command slack is the function that Slack calls: public, without any way to
// assume a role.
package main

import (
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/oklog/ulid/v2"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/functions/deployed"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/handoff"
	"github.com/aws-access/aws-access/pkg/lifecycle"
)

func main() {
	p, err := deployed.New(config.Slack)
	if err != nil {
		deployed.Stop(err)
	}
	h := &functions.Slack{
		SigningSecret: p.Secret(p.Config.SigningSecret), Team: p.Config.Team, Enterprise: p.Config.Enterprise,
		Policy: p.Policy, Store: p.Store, Roster: p.Roster,
		Submit: lifecycle.Submit{Store: p.Store, Roster: p.Roster, Policy: p.Policy, Now: time.Now, NewID: func() string { return ulid.Make().String() }},
		Decide: lifecycle.Decide{Step: p.Step}, Close: lifecycle.Close{Step: p.Step},
		Orders: handoff.Orders{Lambda: p.Signed(config.Lambda), Vend: p.Config.VendFunction},
		Slack:  p.Slack, Operators: p.Operators, Now: time.Now, Log: p.Log,
	}
	lambda.Start(h.Handle)
}
