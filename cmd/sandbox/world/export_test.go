package world

import (
	"context"
	"net/http"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/vend"
)

// Table is what the handlers need of a store.
type Table = functions.Store

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
	d := w.deps(w.Policy(), "slack")
	d.Store, d.Slack = wrap(d.Store), w.slackClient(&http.Client{Transport: network})
	return w.slackFunction(d)
}

// VendFunction is a vend function.
func (w *World) VendFunction() functions.Vend { return w.vendFunction(w.Policy()) }

// Assumer assumes roles at the fake STS, or at what stands in its place in the
// network.
func (w *World) Assumer(network http.RoundTripper) vend.Assumer {
	config := w.stsConfig()
	config.HTTPClient = &http.Client{Transport: network}
	return vend.Assumer{
		STS:        sts.NewFromConfig(config),
		ExternalID: kept(w.Secrets.ExternalID),
	}
}
