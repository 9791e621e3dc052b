// Command vend is the one function that assumes target roles. It has no public
// endpoint: it takes orders by invocation, and answers the requester whom the
// table names. aws-access doctor invokes it for checks, which hand out nothing.
package main

import (
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/oklog/ulid/v2"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/functions/deployed"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/vend"
)

// signInTimeout bounds the call that makes a sign-in token.
const signInTimeout = 10 * time.Second

func main() {
	p, err := deployed.New(config.Vend)
	if err != nil {
		deployed.Stop(err)
	}
	assumer := vend.Assumer{
		STS:        sts.NewFromConfig(p.AWS(config.STS)),
		ExternalID: p.Secret(p.Config.ExternalID),
	}
	signIn := vend.SignIn{
		HTTP: &http.Client{Timeout: signInTimeout}, Endpoint: p.Config.SignInURL(), Issuer: p.Config.Issuer,
	}
	lambda.Start(functions.NewVend(p.Deps, functions.Vending{
		STS: assumer, SignIn: signIn, Render: vend.Keys, Roles: vend.Trials{Assumer: assumer, Now: time.Now},
		NewID: func() string { return ulid.Make().String() },
	}).Handle)
}
