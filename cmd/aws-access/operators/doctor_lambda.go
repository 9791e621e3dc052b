package operators

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/aws-access/aws-access/pkg/store"
)

// Settings of the stream mappings and of vend's orders in template.yaml.
const (
	streamBatch = 25
	streamTries = 1000
	streamAge   = 7200 // two hours
	orderAge    = 60
)

func (d *doctor) mappings(ctx context.Context, function string) ([]types.EventSourceMappingConfiguration, error) {
	var all []types.EventSourceMappingConfiguration
	pages := lambda.NewListEventSourceMappingsPaginator(
		d.lambda,
		&lambda.ListEventSourceMappingsInput{FunctionName: &function},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.EventSourceMappings...)
	}
	return all, nil
}

// stream is a mapping that delivers events of the table to a function.
type stream struct {
	check, function, logicalID, filter string
	without                            string // what does not happen without it
	waits                              string // what happens while it is disabled
}

var streams = [...]stream{
	{"stream", "notify", "NotifyFunction", store.StreamFilter, "no card or message is posted",
		"Cards and messages wait, and are lost after two hours."},
	{"stream of cut", "cut", "CutFunction", store.CutFilter, "sessions are cut only when tick orders it, minutes late",
		"Sessions are cut only when tick orders it, minutes late."},
}

// checkStreams checks the mappings that deliver the table's events.
func (d *doctor) checkStreams(ctx context.Context) {
	for _, s := range streams {
		d.checkStream(ctx, s)
	}
}

func (d *doctor) checkStream(ctx context.Context, s stream) {
	check := s.check
	name := d.found.functions[s.logicalID]
	if name == "" {
		return // reported by checkFunctions
	}
	again := "Deploy the stack again. Do not change a mapping by hand."
	all, err := d.mappings(ctx, name)
	switch {
	case err != nil:
		d.reportUnreadable(inStack, check, err)
		return
	case len(all) == 0:
		d.report.add(finding{inStack, check, problem, "missing",
			"No event source mapping connects the table's stream to " + s.function + ", so " + s.without + ".", again})
		return
	case len(all) > 1:
		d.report.add(finding{inStack, check, problem, "twice",
			fmt.Sprintf("%s%s has %d event source mappings. The stack makes only one.", strings.ToUpper(s.function[:1]),
				s.function[1:], len(all)),
			"Open the triggers of " + s.function + " in the Lambda console, and delete those that the stack did not make."})
		return
	}
	m := all[0]
	if state := str(m.State); state != "Enabled" {
		d.report.add(finding{inStack, check, problem, "disabled", "The stream mapping of " + s.function + " is " + state +
			". " + s.waits,
			"aws lambda update-event-source-mapping --uuid " + str(m.UUID) + " --enabled"})
		return
	}
	if result := str(m.LastProcessingResult); strings.HasPrefix(result, "PROBLEM") {
		d.report.add(finding{inStack, check, problem, "failing", "Lambda says of the stream mapping of " + s.function + ": " +
			result,
			"Read " + s.function + "'s log. docs/deploy.md says where undelivered records are kept."})
		return
	}
	if wrong := d.wrongMapping(s, m); len(wrong) > 0 {
		d.report.add(finding{inStack, check, problem, "settings", "The stream mapping of " + s.function +
			" differs from the template: " + strings.Join(wrong, "; ") + ".", again})
		return
	}
	d.report.ok(inStack, check, s.function+"'s mapping is enabled and has the settings of the template")
}

// wrongMapping compares a mapping with the template's.
func (d *doctor) wrongMapping(s stream, m types.EventSourceMappingConfiguration) (wrong []string) {
	see := func(good bool, what string) {
		if !good {
			wrong = append(wrong, what)
		}
	}
	if env := d.found.env(s.function); env != nil {
		see(strings.Contains(str(m.EventSourceArn), ":table/"+env["TABLE"]+"/"), "it reads another table than TABLE")
	}
	see(aws.ToBool(m.BisectBatchOnFunctionError), "a failed batch is not split")
	see(
		slices.Contains(m.FunctionResponseTypes, types.FunctionResponseTypeReportBatchItemFailures),
		"partial failures are not reported",
	)
	bucket, kept := d.found.outputs["UndeliveredBucketName"], onFailure(m.DestinationConfig)
	see(kept != "", "undelivered records are not kept")
	see(kept == "" || strings.HasSuffix(kept, ":s3:::"+bucket),
		"undelivered records do not go to the stack's own bucket (output UndeliveredBucketName)")
	see(aws.ToInt32(m.ParallelizationFactor) <= 1, "batches of one shard run in parallel")
	see(
		aws.ToInt32(m.BatchSize) == streamBatch,
		fmt.Sprintf("%d records in a batch, not %d", aws.ToInt32(m.BatchSize), streamBatch),
	)
	see(
		aws.ToInt32(m.MaximumRetryAttempts) == streamTries,
		fmt.Sprintf("%d retries, not %d", aws.ToInt32(m.MaximumRetryAttempts), streamTries),
	)
	see(aws.ToInt32(m.MaximumRecordAgeInSeconds) == streamAge,
		fmt.Sprintf("a record age of %d s, not %d", aws.ToInt32(m.MaximumRecordAgeInSeconds), streamAge))
	filtered := m.FilterCriteria != nil && len(m.FilterCriteria.Filters) == 1 &&
		str(m.FilterCriteria.Filters[0].Pattern) == s.filter
	see(filtered, "its filter is not the one of the template")
	return wrong
}

// onFailure is the destination of failed records or orders; "" for none.
func onFailure(c *types.DestinationConfig) string {
	if c == nil || c.OnFailure == nil {
		return ""
	}
	return str(c.OnFailure.Destination)
}

// checkOrders checks how Lambda delivers orders to vend: it must not retry them, and
// must report failed ones to the operators.
func (d *doctor) checkOrders(ctx context.Context) {
	const check = "orders"
	name := d.found.functions["VendFunction"]
	c, err := d.lambda.GetFunctionEventInvokeConfig(
		ctx,
		&lambda.GetFunctionEventInvokeConfigInput{FunctionName: &name, Qualifier: aws.String("$LATEST")},
	)
	var missing *types.ResourceNotFoundException
	again := "Deploy the stack again. Do not change a function by hand."
	switch {
	case errors.As(err, &missing):
		d.report.add(finding{inStack, check, problem, "settings",
			"Lambda would run a failed order to vend three times, within six hours.", again})
		return
	case err != nil:
		d.reportUnreadable(inStack, check, err)
		return
	}
	if wrong := d.wrongOrders(c); len(wrong) > 0 {
		d.report.add(finding{inStack, check, problem, "settings",
			"The delivery of orders to vend differs from the template: " + strings.Join(wrong, "; ") + ".", again})
		return
	}
	d.report.ok(inStack, check, "no retries, 60 s, and the operators are told of failures")
}

// wrongOrders compares the delivery of orders with the template. A destination
// receives the order, and on success vend's answer too, so only the operators' topic
// may be one.
func (d *doctor) wrongOrders(c *lambda.GetFunctionEventInvokeConfigOutput) (wrong []string) {
	if n := c.MaximumRetryAttempts; n == nil || *n != 0 {
		wrong = append(wrong, "a failed order is run again, and could vend twice")
	}
	if age := aws.ToInt32(c.MaximumEventAgeInSeconds); age != orderAge {
		wrong = append(wrong, fmt.Sprintf("an order may be %d s old, not %d", age, orderAge))
	}
	switch to := onFailure(c.DestinationConfig); to {
	case "":
		wrong = append(wrong, "nobody is told of a failed order")
	case d.found.outputs["OperatorsTopicArn"]:
	default:
		wrong = append(wrong, "failed orders do not go to the stack's own topic (output OperatorsTopicArn)")
	}
	if to := c.DestinationConfig; to != nil && to.OnSuccess != nil && str(to.OnSuccess.Destination) != "" {
		wrong = append(wrong, "each completed order is reported to a destination that the template does not have")
	}
	return wrong
}

// checkWaysIntoVend looks for ways to invoke vend that are not in the template. In the
// template only identities of the account itself may invoke it.
func (d *doctor) checkWaysIntoVend(ctx context.Context) {
	const check = "ways into vend"
	name := d.found.functions["VendFunction"]
	ways, err := d.waysIntoVend(ctx, name)
	switch {
	case err != nil:
		d.reportUnreadable(inStack, check, err)
	case len(ways) > 0:
		d.report.add(finding{inStack, check, problem, "open", "Vend can be called in ways that are not in the template: " +
			names(ways) + ".",
			"Find out who made them, remove them (aws lambda delete-function-url-config, remove-permission, " +
				"delete-event-source-mapping), and search vend's log for calls that came that way."})
	default:
		d.report.ok(inStack, check, "no URL, no trigger, no resource policy")
	}
}

// All lists are read to their end, because an intruder's entry may be the last.
func (d *doctor) waysIntoVend(ctx context.Context, name string) (ways []string, err error) {
	urls := lambda.NewListFunctionUrlConfigsPaginator(d.lambda, &lambda.ListFunctionUrlConfigsInput{FunctionName: &name})
	for urls.HasMorePages() {
		page, err := urls.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, u := range page.FunctionUrlConfigs {
			ways = append(ways, "a URL with the authorisation "+string(u.AuthType))
		}
	}
	mappings, err := d.mappings(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, m := range mappings {
		ways = append(ways, "a trigger by "+str(m.EventSourceArn))
	}
	qualifiers, err := d.qualifiers(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, q := range qualifiers {
		more, err := d.allowed(ctx, name, q)
		if err != nil {
			return nil, err
		}
		ways = append(ways, more...)
	}
	return ways, nil
}

// qualifiers lists what can have a resource policy: the function itself (""), its
// aliases and its versions.
func (d *doctor) qualifiers(ctx context.Context, name string) ([]string, error) {
	list := []string{""}
	aliases := lambda.NewListAliasesPaginator(d.lambda, &lambda.ListAliasesInput{FunctionName: &name})
	for aliases.HasMorePages() {
		page, err := aliases.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.Aliases {
			list = append(list, str(a.Name))
		}
	}
	versions := lambda.NewListVersionsByFunctionPaginator(
		d.lambda,
		&lambda.ListVersionsByFunctionInput{FunctionName: &name},
	)
	for versions.HasMorePages() {
		page, err := versions.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Versions {
			if version := str(v.Version); version != "$LATEST" {
				list = append(list, version)
			}
		}
	}
	return list, nil
}

// allowed lists the principals that a resource policy allows.
func (d *doctor) allowed(ctx context.Context, name, qualifier string) (who []string, err error) {
	in := &lambda.GetPolicyInput{FunctionName: &name}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := d.lambda.GetPolicy(ctx, in)
	var missing *types.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var p struct {
		Statement []struct {
			Effect    string
			Principal any
		}
	}
	if err := json.Unmarshal([]byte(str(out.Policy)), &p); err != nil {
		return []string{"a resource policy that cannot be read"}, nil //nolint:nilerr // it is the finding
	}
	for _, s := range p.Statement {
		if s.Effect != "Deny" {
			who = append(who, "a resource policy that allows "+principal(s.Principal))
		}
	}
	return who, nil
}

func principal(p any) string {
	switch p := p.(type) {
	case string:
		return p
	case map[string]any:
		for _, v := range p {
			return strings.Trim(fmt.Sprint(v), "[]")
		}
	}
	return "somebody"
}
