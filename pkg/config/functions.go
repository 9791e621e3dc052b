package config

import (
	"slices"
	"time"
)

// Function is the name of a function: that of its directory in functions/.
type Function string

// The functions.
const (
	Slack  Function = "slack"
	API    Function = "api"
	Notify Function = "notify"
	Vend   Function = "vend"
	Cut    Function = "cut"
	Tick   Function = "tick"
)

// Spec describes a function as template.yaml deploys it.
type Spec struct {
	Name      Function
	LogicalID string        // in template.yaml; make builds it as build-<LogicalID>
	Trigger   string        // what invokes it
	Public    bool          // reachable from the internet
	Timeout   time.Duration // after which Lambda ends a call
	Variables []string      // of its environment, beside those that all functions have
	// Actions are what its role may do, beside CommonActions. The resources and
	// conditions are in template.yaml; infra/proof proves them.
	Actions []string
}

// ofRequests are the variables of the functions that work with requests: all but api and cut.
var ofRequests = []string{
	"TABLE", "POLICY", "SLACK_TEAM", "SLACK_ENTERPRISE", "SLACK_HOST", "SLACK_BOT_TOKEN_PARAMETER",
}

// HasPolicy reports whether the function's package has the compiled policy.
func (s Spec) HasPolicy() bool { return slices.Contains(s.Variables, "POLICY") }

// Functions is the one list of the functions. Configuration, doctor, the
// sandbox's timeouts and the tests derive from it; functions_test.go compares it with
// template.yaml, functions/, the Makefile and infra/proof.
var Functions = [...]Spec{
	{
		Name: Slack, LogicalID: "SlackFunction", Trigger: "HTTP API", Public: true, Timeout: 10 * time.Second,
		Variables: slices.Concat(ofRequests, []string{"SLACK_SIGNING_SECRET_PARAMETER", "VEND_FUNCTION"}),
		Actions: []string{
			"dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:Query",
			"lambda:InvokeFunction", "ssm:GetParameter",
		},
	},
	{
		Name: API, LogicalID: "ApiFunction", Trigger: "HTTP API", Public: true, Timeout: 29 * time.Second,
		Variables: []string{"DEVICES_TABLE", "VEND_FUNCTION"},
		Actions:   []string{"dynamodb:GetItem", "lambda:InvokeFunction"},
	},
	{
		Name: Vend, LogicalID: "VendFunction", Trigger: "invocation by slack or api, or by aws-access doctor",
		Timeout: 30 * time.Second,
		Variables: slices.Concat(ofRequests, []string{
			"EXTERNAL_ID_PARAMETER", "CONSOLE_ISSUER", "EXACT_EXPIRY", "DEVICES_TABLE", "URL_PARAMETER",
			"ANSWER_KEY_PARAMETER",
		}),
		Actions: []string{
			"dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem",
			"dynamodb:Query", "sns:Publish", "ssm:GetParameter", "sts:AssumeRole", "sts:SetSourceIdentity",
			"sts:TagSession",
		},
	},
	{
		Name: Cut, LogicalID: "CutFunction", Timeout: time.Minute,
		Trigger:   "the table's stream, invocation by tick, or by aws-access doctor",
		Variables: []string{"TABLE", "EXTERNAL_ID_PARAMETER"},
		Actions: []string{
			"dynamodb:BatchGetItem", "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator",
			"dynamodb:ListStreams", "dynamodb:PutItem", "kms:GenerateDataKey", "s3:ListBucket", "s3:PutObject",
			"ssm:GetParameter", "sts:AssumeRole", "sts:SetSourceIdentity",
		},
	},
	{
		Name: Notify, LogicalID: "NotifyFunction", Trigger: "the table's stream", Timeout: time.Minute,
		Variables: ofRequests,
		Actions: []string{
			"dynamodb:BatchGetItem", "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator",
			"dynamodb:ListStreams", "dynamodb:PutItem", "kms:GenerateDataKey", "s3:ListBucket", "s3:PutObject",
			"ssm:GetParameter",
		},
	},
	{
		Name: Tick, LogicalID: "TickFunction", Trigger: "a schedule, every minute", Timeout: 55 * time.Second,
		Variables: slices.Concat(ofRequests, []string{"CUT_FUNCTION"}),
		Actions: []string{
			"dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Query", "lambda:InvokeFunction", "ssm:GetParameter",
		},
	},
}

// CommonActions are what the role of every function may do: write its log, and
// where the stack's parameters ask for it, use the table's key, run in a VPC and
// send traces.
var CommonActions = [...]string{
	"ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
	"ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses", "kms:Decrypt",
	"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
}

// SpecOf returns the row of a function; the zero Spec for one that is not in the
// list.
func SpecOf(name Function) Spec {
	for _, s := range Functions {
		if s.Name == name {
			return s
		}
	}
	return Spec{}
}

// CommonVariables returns the names of the variables that template.yaml sets for
// every function.
func CommonVariables() (names []string) {
	for _, v := range variables {
		if v.name != "AWS_REGION" && isCommon(v.name) { // Lambda sets the region
			names = append(names, v.name)
		}
	}
	return names
}

// VariableNames returns the names of all variables that template.yaml sets.
func VariableNames() (names []string) {
	for _, v := range variables {
		if v.name != "AWS_REGION" { // Lambda sets the region
			names = append(names, v.name)
		}
	}
	return names
}

// isCommon reports whether all functions read a variable: no row of Functions
// lists it.
func isCommon(variable string) bool {
	return !slices.ContainsFunc(Functions[:], func(s Spec) bool { return slices.Contains(s.Variables, variable) })
}

// reads reports whether a function reads a variable.
func (s Spec) reads(variable string) bool {
	return isCommon(variable) || slices.Contains(s.Variables, variable)
}
