// Command vend is the one function that assumes target roles. It has no public
// endpoint: it takes orders by invocation, and answers the requester whom the
// table names; and calls, whose answers it seals to the device or machine that made
// them. aws-access doctor invokes it for checks, which hand out nothing.
package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/oklog/ulid/v2"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/functions/deployed"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/machine"
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
		Exact:      access.ExactExpiry(p.Config.ExactExpiry), Log: p.Deps.Log,
	}
	signIn := vend.SignIn{
		HTTP: &http.Client{Timeout: signInTimeout}, Endpoint: p.Config.SignInURL(), Issuer: p.Config.Issuer,
		Exact: assumer.Exact,
	}
	lambda.Start(functions.NewVend(p.Deps, functions.Vending{
		STS: assumer, SignIn: signIn, Render: vend.Keys, Roles: vend.Trials{Assumer: assumer, Now: time.Now},
		Machines: judge(p), Address: addresses(p.Secret(p.Config.URL)), AnswerKeys: p.Secret(p.Config.AnswerKey),
		NewID: func() string { return ulid.Make().String() },
	}).Handle)
}

// judge finds out which machine made a call.
func judge(p deployed.Parts) machine.Judge {
	question := machine.Question{Endpoint: aws.ToString(p.AWS(config.STS).BaseEndpoint)}
	return machine.Judge{
		STS:    machine.STS{Question: question, Client: machine.NewClient(), Now: time.Now},
		Tokens: &machine.Tokens{Issuers: p.Deps.Policy.Issuers(), Client: machine.NewClient(), Now: time.Now},
	}
}

// addresses reads the parameter that the stack writes: the address of api or, while people
// move to another one, two with a space between.
func addresses(read func(context.Context, bool) (access.Secret, error)) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		text, err := read(ctx, false)
		return strings.Fields(text.Reveal()), err
	}
}
