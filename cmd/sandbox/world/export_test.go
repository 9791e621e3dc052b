package world

import (
	"context"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/vend"
)

// Table is what the handlers need of a store.
type Table = table

// FunctionARN is the ARN of a function.
var FunctionARN = functionARN

// Invoke runs a function on one serialised event.
func (w *World) Invoke(ctx context.Context, function string, event []byte) ([]byte, error) {
	return w.invoke(ctx, function, event)
}

// PublicURL is where people reach the sandbox.
func (w *World) PublicURL() string { return w.publicURL }

// InternalURL is where the functions reach the fakes.
func (w *World) InternalURL() string { return w.internalURL }

// ReplaceFunctions deploys again, with each function replaced by what replace
// returns for it.
func (w *World) ReplaceFunctions(replace func(name string, instance func() lambda.Handler) func() lambda.Handler) {
	next := w.deploy(w.Policy())
	for name, instance := range next.functions {
		next.functions[name] = replace(name, instance)
	}
	w.live.Store(next)
}

// SlackFunction is a slack function whose store and whose network to Slack are
// wrapped.
func (w *World) SlackFunction(wrap func(Table) Table, network http.RoundTripper) *functions.Slack {
	p := w.parts(w.Policy())
	p.table.table = wrap(p.table.table)
	p.slack = slackapi.New(slackapi.Options{
		Token: kept(w.Secrets.BotToken), HTTP: &http.Client{Transport: network},
		BaseURL: w.internalURL + "/slack-api", Team: team,
	})
	p.roster.Slack, p.roster.Store = p.slack, p.table
	p.step.Roster, p.step.Store = p.roster, p.table
	return p.slackFunction(w)
}

// VendFunction is a vend function.
func (w *World) VendFunction() functions.Vend { return w.parts(w.Policy()).vendFunction(w) }

// Assumer assumes roles at the fake STS, or at what stands in its place in the
// network.
func (w *World) Assumer(network http.RoundTripper) vend.Assumer {
	config := awsConfig(w.Secrets.VendKeys, w.internalURL+"/aws")
	config.HTTPClient = &http.Client{Transport: network}
	return vend.Assumer{
		STS:        sts.NewFromConfig(config),
		ExternalID: func(context.Context, bool) (access.Secret, error) { return w.Secrets.ExternalID, nil },
	}
}
