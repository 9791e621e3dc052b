// Command vend is the one function that assumes target roles. It has no public
// way in: it takes orders by invocation, and answers the requester whom the
// table names. aws-access doctor invokes it for checks, which hand out nothing.
package main

import (
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithytime "github.com/aws/smithy-go/time"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/functions/deployed"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/vend"
)

// signInPatience bounds the call that makes a sign-in token.
const signInPatience = 10 * time.Second

func main() {
	p, err := deployed.New(config.Vend)
	if err != nil {
		deployed.Stop(err)
	}
	assumer := vend.Assumer{
		STS:        sts.NewFromConfig(p.AWS(config.STS)),
		ExternalID: p.Secret(p.Config.ExternalID),
	}
	h := functions.Vend{
		Step:   lifecycle.Vend{Step: p.Step, STS: assumer},
		SignIn: vend.SignIn{HTTP: &http.Client{Timeout: signInPatience}, Endpoint: p.Config.SignInURL(), Issuer: p.Config.Issuer},
		Render: vend.KeysIn, Slack: p.Slack, Operators: p.Operators, Wait: smithytime.SleepWithContext, Log: p.Log,
		Checks: functions.Checks{
			Policy: p.Policy, Store: p.Store, Slack: p.Slack, Team: p.Config.Team, Enterprise: p.Config.Enterprise,
			Roles: vend.Trials{Assumer: assumer, Now: time.Now}, Now: time.Now, Log: p.Log,
		},
	}
	lambda.Start(h.Take)
}
