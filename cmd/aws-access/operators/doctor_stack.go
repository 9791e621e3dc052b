package operators

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/aws-access/aws-access/pkg/config"
)

// deployment is what doctor found in AWS.
type deployment struct {
	state     string            // of the stack
	why       string            // it is in that state
	account   string            // of the stack: the bastion
	outputs   map[string]string // of the stack
	functions map[string]string // physical names by logical id
	settings  map[string]*lambda.GetFunctionConfigurationOutput
	unread    map[string]error           // functions whose settings could not be read
	reserved  map[config.Function]*int32 // concurrency; nil for none
}

// mayBeEmpty is the one variable that is empty outside Enterprise Grid.
const mayBeEmpty = "SLACK_ENTERPRISE"

// env is a function's environment; nil when it could not be read.
func (d deployment) env(function string) map[string]string {
	return environment(d.settings[function])
}

func environment(s *lambda.GetFunctionConfigurationOutput) map[string]string {
	if s == nil || s.Environment == nil {
		return nil
	}
	return s.Environment.Variables
}

// describe reads a stack.
func describe(ctx context.Context, api *cloudformation.Client, name, region string) (s types.Stack, err error) {
	out, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	switch {
	case err != nil && strings.Contains(err.Error(), "does not exist"), err == nil && len(out.Stacks) != 1:
		return s, fmt.Errorf("there is no stack %s in %s; name it with --stack and --region", name, region)
	case err != nil:
		return s, fmt.Errorf("read the stack %s: %w", name, awsMessage(err))
	}
	return out.Stacks[0], nil
}

func outputsOf(s types.Stack) map[string]string {
	outputs := map[string]string{}
	for _, o := range s.Outputs {
		outputs[str(o.OutputKey)] = str(o.OutputValue)
	}
	return outputs
}

// findStack reads the stack. Without it nothing can be checked.
func (d *doctor) findStack(ctx context.Context) error {
	s, err := describe(ctx, d.cfn, d.stack, d.region)
	if err != nil {
		return err
	}
	d.found = deployment{
		state: string(s.StackStatus), why: str(s.StackStatusReason), outputs: outputsOf(s), functions: map[string]string{},
		settings: map[string]*lambda.GetFunctionConfigurationOutput{}, unread: map[string]error{},
		reserved: map[config.Function]*int32{},
	}
	if parts := strings.Split(str(s.StackId), ":"); len(parts) > 4 {
		d.found.account = parts[4]
	}
	return d.findFunctions(ctx)
}

func (d *doctor) findFunctions(ctx context.Context) error {
	pages := cloudformation.NewListStackResourcesPaginator(
		d.cfn,
		&cloudformation.ListStackResourcesInput{StackName: &d.stack},
	)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("read the resources of the stack %s: %w", d.stack, awsMessage(err))
		}
		for _, r := range page.StackResourceSummaries {
			if str(r.ResourceType) == "AWS::Lambda::Function" && r.ResourceStatus != types.ResourceStatusDeleteComplete {
				d.found.functions[str(r.LogicalResourceId)] = str(r.PhysicalResourceId)
			}
		}
	}
	if d.found.functions["VendFunction"] == "" {
		return fmt.Errorf("the stack %s has no function VendFunction, so it is not aws-access, or its deployment "+
			"never finished", d.stack)
	}
	for _, f := range config.Functions {
		name := d.found.functions[f.LogicalID]
		if name == "" {
			continue
		}
		settings, err := d.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if err != nil {
			d.found.unread[string(f.Name)] = err
			continue
		}
		d.found.settings[string(f.Name)] = settings
	}
	return nil
}

// frozen reports whether the operators froze the stack.
func (d *doctor) frozen() bool { return d.found.outputs["State"] == "frozen" }

// completeStack matches the states in which nothing is wrong with a stack.
var completeStack = regexp.MustCompile(`^(CREATE|UPDATE|IMPORT)_COMPLETE$`)

func (d *doctor) checkStack() {
	const check = "stack"
	switch state := d.found.state; {
	case d.frozen():
		d.report.add(finding{inStack, check, warning, "frozen",
			"The stack is frozen, so nobody gets access and doctor cannot ask vend.",
			"Deploy it with Frozen=false to end this."})
	case completeStack.MatchString(state):
		d.report.ok(inStack, check, d.stack+" in "+d.region+" is "+state)
	case strings.HasSuffix(state, "_ROLLBACK_COMPLETE") && state != "ROLLBACK_COMPLETE":
		d.report.add(finding{inStack, check, warning, "rolled_back",
			"The last change of the stack failed and was rolled back (" + state + ").",
			"Read the stack's events, and deploy again."})
	case strings.HasSuffix(state, "_IN_PROGRESS"):
		d.report.add(finding{inStack, check, warning, "changing", "The stack is being changed (" + state +
			"), so the checks below may show the state before or after.",
			"Run doctor again when the change is finished."})
	default:
		d.report.add(
			finding{inStack, check, problem, "broken", strings.TrimSpace("The stack is " + state + ". " + d.found.why),
				"Read the stack's events, and deploy again."},
		)
	}
}

// unknownCode is the SDK's code of an error whose code it cannot read.
const unknownCode = "UnknownError"

// awsMessage is the code and message of an AWS error, without the SDK's own chain of
// calls, or why AWS could not be reached.
func awsMessage(err error) error {
	var api smithy.APIError
	var unsent *smithyhttp.RequestSendError
	var answer *smithyhttp.ResponseError
	switch {
	case errors.As(err, &api) && api.ErrorCode() == unknownCode && errors.As(err, &answer):
		return fmt.Errorf("the answer has HTTP status %d and no error of AWS. Check the endpoint (AWS_ENDPOINT_URL) and "+
			"the proxy (HTTPS_PROXY)", answer.HTTPStatusCode())
	case errors.As(err, &api):
		return fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	case errors.As(err, &unsent) && !withoutCredentials(err):
		cause := unsent.Err
		if link := new(url.Error); errors.As(cause, &link) {
			cause = link.Err // without the URL
		}
		return fmt.Errorf("AWS could not be reached: %w. Check the region, the network and the proxy (HTTPS_PROXY)", cause)
	}
	return err
}

// withoutCredentials reports whether a call failed because the SDK found no valid
// credentials. It also looks for them on the network.
func withoutCredentials(err error) bool {
	return strings.Contains(err.Error(), "get credentials: failed to refresh cached credentials")
}

// codeOf is AWS's code of an error, or "".
func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func denied(err error) bool {
	code := codeOf(err)
	return code == "AccessDenied" || code == "AccessDeniedException" || code == "UnauthorizedOperation"
}

// reportUnreadable adds the finding for a check that AWS refused or did not answer.
func (d *doctor) reportUnreadable(part, check string, err error) {
	f := finding{
		part,
		check,
		notKnown,
		"unreadable",
		"AWS did not answer: " + awsMessage(err).Error(),
		"Run doctor again.",
	}
	if denied(err) {
		f.Code, f.Do = "not_allowed", "Get the rights that `aws-access doctor --rights` prints."
		f.Reason = "This shell's credentials may not read this: " + awsMessage(err).Error()
	}
	d.report.add(f)
}

// checkFunctions checks each function, and that all have the same settings.
func (d *doctor) checkFunctions() {
	for _, f := range config.Functions {
		check := "function " + string(f.Name)
		settings := d.found.settings[string(f.Name)]
		switch {
		case d.found.functions[f.LogicalID] == "":
			d.report.add(finding{
				inStack,
				check,
				problem,
				"missing",
				"The stack has no " + f.LogicalID + ".",
				"Deploy the product's own template.yaml again.",
			})
		case codeOf(d.found.unread[string(f.Name)]) == "ResourceNotFoundException":
			d.report.add(finding{inStack, check, problem, "missing", f.LogicalID + " was deleted outside of the stack.",
				"Deploy the stack again. If CloudFormation finds nothing to change, delete the stack and create it again; the " +
					"table is kept."})
		case settings == nil:
			d.reportUnreadable(inStack, check, d.found.unread[string(f.Name)])
		default:
			d.checkFunction(check, f, settings)
		}
	}
	d.checkAlike()
}

// variables are all that the template sets in a function's environment.
func variables(f config.Spec) []string { return append(config.CommonVariables(), f.Variables...) }

// Settings of every function in template.yaml. Member accounts trust vend's role by
// its name.
const (
	theRuntime = lambdatypes.RuntimeProvidedal2023
	theHandler = "bootstrap"
	policyFile = "policy.compiled"
	vendRole   = "role/aws-access-vend"
)

// changed lists the settings of a function that differ from the template and could
// run foreign code or policy in it: a layer can start an extension, GODEBUG and
// SSL_CERT_FILE weaken its TLS, a proxy or an endpoint override receives its
// secrets. The texts hold names of variables, never values.
func (d *doctor) changed(f config.Spec, s *lambda.GetFunctionConfigurationOutput) (changed []string) {
	see := func(good bool, what string) {
		if !good {
			changed = append(changed, what)
		}
	}
	env, expected := environment(s), variables(f)
	see(len(s.Layers) == 0, "it has layers, and their code runs with its rights")
	hasVendRole := strings.HasSuffix(str(s.Role), ":iam::"+d.found.account+":"+vendRole)
	see(hasVendRole || f.Name != config.Vend, "its role is not "+vendRole+" of this account")
	see(!hasVendRole || f.Name == config.Vend, "its role is "+vendRole+", which is vend's alone")
	see(s.Runtime == theRuntime && str(s.Handler) == theHandler, "it is not "+theHandler+" on "+string(theRuntime))
	see(s.Timeout == nil || time.Duration(*s.Timeout)*time.Second == f.Timeout, "its timeout is not "+f.Timeout.String())
	see(env["POLICY"] == "" || env["POLICY"] == policyFile, "POLICY is not "+policyFile)
	var foreign []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !slices.Contains(expected, name) {
			foreign = append(foreign, name)
		}
	}
	see(len(foreign) == 0, "its environment has "+names(foreign)+", which the product does not set")
	return changed
}

func (d *doctor) checkFunction(check string, f config.Spec, s *lambda.GetFunctionConfigurationOutput) {
	env := environment(s)
	changed := d.changed(f, s)
	if len(changed) > 0 {
		d.report.add(finding{inStack, check, problem, "changed", "SECURITY: the function differs from the template: " +
			strings.Join(changed, "; ") + ".",
			"Find out who changed it (CloudTrail: UpdateFunctionConfiguration), and deploy the product's own template.yaml " +
				"again. Do not change a function by hand."})
	}
	var lacking []string
	for _, name := range variables(f) {
		if env[name] == "" && name != mayBeEmpty {
			lacking = append(lacking, name)
		}
	}
	for name, value := range env {
		if secretLike.MatchString(value) {
			d.report.add(finding{inStack, check, problem, "secret_in_environment", name +
				" seems to hold a secret, and everybody who may view the function can read it.",
				"Remove it, make a new secret, and put that into SSM."})
			return
		}
	}
	switch {
	case s.State != "" && s.State != "Active":
		d.report.add(finding{inStack, check, problem, "not_active",
			fmt.Sprintf("The function is %s: %s", s.State,
				str(s.StateReason)), "Open the function in the Lambda console, and deploy again."})
	case s.LastUpdateStatus != "" && s.LastUpdateStatus != "Successful":
		d.report.add(finding{
			inStack,
			check,
			problem,
			"not_updated",
			fmt.Sprintf("Its last update is %s: %s", s.LastUpdateStatus, str(s.LastUpdateStatusReason)),
			"Deploy again.",
		})
	case len(lacking) > 0:
		d.report.add(finding{inStack, check, problem, "not_configured", "Its environment lacks " + names(lacking) +
			", so it does not start.", "Deploy the product's own template.yaml again. Do not change a function by hand."})
	case len(changed) == 0:
		d.report.ok(
			inStack,
			check,
			fmt.Sprintf("%s, last update %s", cmp.Or(string(s.State), "there"), cmp.Or(string(s.LastUpdateStatus), "done")),
		)
	}
}

// secretLike matches Slack's tokens and AWS's long-lived keys.
var secretLike = regexp.MustCompile(`xox[a-z]-|xapp-|AKIA[A-Z0-9]{16}`)

// checkAlike compares the functions with each other. It shows no values, because
// somebody may have put a secret into the wrong variable.
func (d *doctor) checkAlike() {
	var differ []string
	for _, name := range config.VariableNames() {
		reads := func(f config.Spec) bool { return slices.Contains(variables(f), name) }
		if d.differs(reads, func(s *lambda.GetFunctionConfigurationOutput) string { return environment(s)[name] }) {
			differ = append(differ, name)
		}
	}
	every := func(config.Spec) bool { return true }
	if d.differs(every, func(s *lambda.GetFunctionConfigurationOutput) string { return fmt.Sprint(s.Architectures) }) {
		differ = append(differ, "the processor")
	}
	vend := d.found.env("vend")
	const check = "functions alike"
	switch {
	case len(differ) > 0:
		d.report.add(finding{inStack, check, problem, "not_alike", "The functions differ in " + names(differ) + ".",
			"Deploy the whole stack again. Do not change a function by hand."})
	case vend != nil && d.found.account != "" && vend["BASTION_ACCOUNT"] != d.found.account:
		d.report.add(finding{inStack, check, problem, "other_bastion", "BASTION_ACCOUNT is not the account of the stack, " +
			"which must never be a target.", "Deploy the product's own template.yaml again."})
	case len(d.callsAnother()) > 0:
		d.report.add(finding{inStack, check, problem, "other_vend", "Another function than the stack's own is called by " +
			names(d.callsAnother()) + ".", "Deploy the product's own template.yaml again."})
	case len(d.found.settings) < len(config.Functions):
		d.report.add(finding{inStack, check, notKnown, "unreadable", "Not all functions could be read.",
			"Correct what the checks above say."})
	default:
		d.report.ok(inStack, check, "table, workspace, names of secrets and processor are the same")
	}
}

// differs reports whether functions differ in a setting. Only those count that in selects.
func (d *doctor) differs(in func(config.Spec) bool, of func(*lambda.GetFunctionConfigurationOutput) string) bool {
	values := map[string]bool{}
	for name, s := range d.found.settings {
		if in(config.SpecOf(config.Function(name))) {
			values[of(s)] = true
		}
	}
	return len(values) > 1
}

// callsAnother lists the functions that call another function than the stack's vend or cut.
func (d *doctor) callsAnother() (callers []string) {
	for _, f := range config.Functions {
		env := d.found.env(string(f.Name))
		for variable, called := range map[string]config.Function{"VEND_FUNCTION": config.Vend, "CUT_FUNCTION": config.Cut} {
			own := d.found.settings[string(called)]
			calls := slices.Contains(f.Variables, variable)
			if calls && env != nil && own != nil && !isFunction(env[variable], own) {
				callers = append(callers, string(f.Name))
			}
		}
	}
	return callers
}

// isFunction reports whether a name or an ARN is that of a function.
func isFunction(called string, f *lambda.GetFunctionConfigurationOutput) bool {
	return called == str(f.FunctionArn) || called == str(f.FunctionName)
}
