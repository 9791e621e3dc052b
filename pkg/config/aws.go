package config

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/aws-access/aws-access/pkg/awscall"
)

// Service is the name of an AWS service in AWS_ENDPOINT_URL_….
type Service string

// The services that functions call.
const (
	DynamoDB Service = "DYNAMODB"
	SSM      Service = "SSM"
	Lambda   Service = "LAMBDA"
	STS      Service = "STS"
	IAM      Service = "IAM"
)

// endpointOverrides are the variables that send calls to fakes instead of AWS and
// Slack. Credentials and the bot token go there, so only loopback addresses are
// accepted. An attacker who can change the environment of a function, but cannot read
// its secrets, could otherwise have them sent to an address of their own.
var endpointOverrides = [...]string{
	"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_LAMBDA",
	"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_IAM",
	"SLACK_API_URL", "SIGNIN_URL",
}

const overrideForm = "an http address of this computer such as http://localhost:8000, or nothing"

// IsLoopback reports whether an address has the form of an endpoint override: http or
// https, to this computer, without user, query or fragment.
func IsLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// endpoint returns the endpoint override of a service, or "".
func (c Config) endpoint(s Service) string {
	if url := c.overrides["AWS_ENDPOINT_URL_"+string(s)]; url != "" {
		return url
	}
	return c.overrides["AWS_ENDPOINT_URL"]
}

// SlackURL returns the endpoint override of Slack's Web API, or "".
func (c Config) SlackURL() string { return c.overrides["SLACK_API_URL"] }

// SignInURL returns the endpoint override of AWS's sign-in, or "".
func (c Config) SignInURL() string { return c.overrides["SIGNIN_URL"] }

// Timeouts of a call to AWS, and how often it is tried. Slack waits three seconds for
// the answer to a click, and a call within a Region takes milliseconds. So a call that
// takes longer is probably lost, and is tried again soon.
const (
	callTimeout       = 2 * time.Second
	assumeRoleTimeout = 10 * time.Second // of STS: if the answer is lost, there is a session that nobody knows about
	maxTries          = 4
	maxBackoff        = 200 * time.Millisecond // before another try
	keepIdle          = 20 * time.Second       // of a connection, which the network may drop while the function is frozen
)

// AWS returns the configuration of a service's client, with the credentials that
// Lambda puts into the environment. It does not use the SDK's config package, because
// that links the STS client into every function.
func AWS(c Config, s Service, getenv func(string) string) aws.Config {
	timeout := callTimeout
	if s == STS {
		timeout = assumeRoleTimeout
	}
	return AWSWithin(c, s, timeout, getenv)
}

// AWSWithin is AWS with another timeout of a call; 0 leaves it to the call's context.
func AWSWithin(c Config, s Service, timeout time.Duration, getenv func(string) string) aws.Config {
	out := aws.Config{
		Region: c.Region,
		HTTPClient: awscall.ReadOnly{HTTPClient: awshttp.NewBuildableClient().WithTimeout(timeout).
			WithDialerOptions(func(d *net.Dialer) { d.Timeout = callTimeout / 2 }).
			WithTransportOptions(func(t *http.Transport) { t.IdleConnTimeout = keepIdle })},
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = maxTries, maxBackoff })
		},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"),
				SessionToken: getenv("AWS_SESSION_TOKEN"), Source: "environment",
			}, nil
		}),
	}
	if url := c.endpoint(s); url != "" {
		out.BaseEndpoint = aws.String(url)
	}
	return out
}
