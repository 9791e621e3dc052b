// Package config reads a function's environment once, checks it whole, and
// reports every problem at once. Secrets are not in the environment: it names
// the SSM parameters that hold them.
package config

import (
	"cmp"
	"errors"
	"regexp"
	"strings"

	"github.com/aws-access/aws-access/pkg/access"
)

// Config is what a function runs with. Fields that a function does not need
// are empty.
type Config struct {
	Region        string // AWS_REGION, set by Lambda
	Bastion       string // BASTION_ACCOUNT: twelve digits
	Table         string // TABLE: name of the DynamoDB table
	Devices       string // DEVICES_TABLE: name of the DynamoDB table with people's devices
	Policy        string // POLICY: path of the policy file in the package
	VendFunction  string // VEND_FUNCTION: name or ARN
	CutFunction   string // CUT_FUNCTION: name or ARN
	Team          string // SLACK_TEAM: T…
	Enterprise    string // SLACK_ENTERPRISE: E…, empty outside Enterprise Grid
	SlackHost     string // SLACK_HOST: slack.com, or slack-gov.com for GovSlack
	SigningSecret string // SLACK_SIGNING_SECRET_PARAMETER: name of an SSM parameter
	BotToken      string // SLACK_BOT_TOKEN_PARAMETER: name of an SSM parameter
	ExternalID    string // EXTERNAL_ID_PARAMETER: name of an SSM parameter
	URL           string // URL_PARAMETER: name of the SSM parameter with the address of api
	AnswerKey     string // ANSWER_KEY_PARAMETER: name of an SSM parameter
	ExactExpiry   string // EXACT_EXPIRY: an access.ExactExpiry
	Issuer        string // CONSOLE_ISSUER: where the console sends people whose sign-in has ended

	overrides map[string]string // AWS_ENDPOINT_URL and the like
}

// A variable of the environment. Which function reads it is in Functions.
type variable struct {
	name    string
	into    func(*Config) *string
	pattern string // of the whole value
	form    string // what the pattern wants, in words
}

const (
	parameterPattern = `/jit-access/[a-zA-Z0-9_./-]+`
	parameterForm    = "the name of an SSM parameter under /jit-access/"
	// maxValue is the longest value in bytes; no valid AWS name is longer. The
	// patterns have no counted repetitions, because each of those costs a cold
	// start more than all the other patterns.
	maxValue = 512
)

// variables is the whole environment; docs/configuration.md explains it.
var variables = [...]variable{
	{"AWS_REGION", func(c *Config) *string { return &c.Region }, access.RegionPattern, "a region such as eu-west-1"},
	{"BASTION_ACCOUNT", func(c *Config) *string { return &c.Bastion }, `\d{12}`, "twelve digits"},
	{"TABLE", func(c *Config) *string { return &c.Table }, `[a-zA-Z0-9_.-]+`, "the name of a DynamoDB table"},
	{"DEVICES_TABLE", func(c *Config) *string { return &c.Devices }, `[a-zA-Z0-9_.-]+`, "the name of a DynamoDB table"},
	{"POLICY", func(c *Config) *string { return &c.Policy }, `.+`, "the path of the policy file"},
	{"SLACK_TEAM", func(c *Config) *string { return &c.Team }, `T[A-Z0-9]+`, "a workspace id such as T01234567"},
	{
		"SLACK_ENTERPRISE", func(c *Config) *string { return &c.Enterprise }, `(E[A-Z0-9]+)?`,
		"an organisation id such as E01234567, or nothing",
	},
	{
		"SLACK_HOST", func(c *Config) *string { return &c.SlackHost }, `(slack(-gov)?\.com)?`,
		"slack.com or slack-gov.com",
	},
	{"SLACK_BOT_TOKEN_PARAMETER", func(c *Config) *string { return &c.BotToken }, parameterPattern, parameterForm},
	{
		"SLACK_SIGNING_SECRET_PARAMETER", func(c *Config) *string { return &c.SigningSecret }, parameterPattern,
		parameterForm,
	},
	{
		"VEND_FUNCTION", func(c *Config) *string { return &c.VendFunction }, `[a-zA-Z0-9:_-]+`,
		"the name or ARN of the vend function",
	},
	{
		"CUT_FUNCTION", func(c *Config) *string { return &c.CutFunction }, `[a-zA-Z0-9:_-]+`,
		"the name or ARN of the cut function",
	},
	{"EXTERNAL_ID_PARAMETER", func(c *Config) *string { return &c.ExternalID }, parameterPattern, parameterForm},
	{"URL_PARAMETER", func(c *Config) *string { return &c.URL }, parameterPattern, parameterForm},
	{"ANSWER_KEY_PARAMETER", func(c *Config) *string { return &c.AnswerKey }, parameterPattern, parameterForm},
	{"EXACT_EXPIRY", func(c *Config) *string { return &c.ExactExpiry }, `preferred|required|off`,
		"preferred, required or off"},
	{"CONSOLE_ISSUER", func(c *Config) *string { return &c.Issuer }, `https://.+`, "an https address"},
}

// Read reads what a function needs. The error names every variable that is
// missing or wrong and what it should be, and never the value that it has.
func Read(f Function, getenv func(string) string) (Config, error) {
	var c Config
	var wrong []string
	spec := SpecOf(f)
	for _, v := range variables {
		if !spec.reads(v.name) {
			continue
		}
		value := getenv(v.name)
		switch {
		case len(value) <= maxValue && regexp.MustCompile(`^(?:`+v.pattern+`)$`).MatchString(value):
			*v.into(&c) = value
		case value == "":
			wrong = append(wrong, v.name+" is missing: it must be "+v.form)
		default:
			wrong = append(wrong, v.name+" is wrong: it must be "+v.form)
		}
	}
	c.SlackHost = cmp.Or(c.SlackHost, "slack.com")
	c.overrides = make(map[string]string)
	for _, name := range endpointOverrides {
		value := getenv(name)
		if value != "" && !IsLoopback(value) {
			wrong = append(wrong, name+" is wrong: it must be "+overrideForm)
		}
		c.overrides[name] = value
	}
	if len(wrong) > 0 {
		return Config{}, errors.New("configuration: " + strings.Join(wrong, "; "))
	}
	return c, nil
}
