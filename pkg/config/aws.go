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

// Service is what AWS_ENDPOINT_URL_… calls an AWS service.
type Service string

// The services that functions call.
const (
	DynamoDB Service = "DYNAMODB"
	SSM      Service = "SSM"
	Lambda   Service = "LAMBDA"
	STS      Service = "STS"
)

// elsewhere are the variables that send calls to players instead of AWS and
// Slack. Credentials, keys and the bot token go there, so only addresses of
// this computer are taken: in Lambda none of them is of any use to whoever can
// change a function's environment, and cannot read it.
var elsewhere = [...]string{
	"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_LAMBDA",
	"AWS_ENDPOINT_URL_STS",
	"SLACK_API_URL", "SIGNIN_URL",
}

const elsewhereForm = "an http address of this computer such as http://localhost:8000, or nothing"

func onThisComputer(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// endpoint is where a service stands, "" for AWS itself.
func (c Config) endpoint(s Service) string {
	if own := c.elsewhere["AWS_ENDPOINT_URL_"+string(s)]; own != "" {
		return own
	}
	return c.elsewhere["AWS_ENDPOINT_URL"]
}

// SlackURL is where Slack's Web API is played, "" for Slack itself.
func (c Config) SlackURL() string { return c.elsewhere["SLACK_API_URL"] }

// SignInURL is where AWS's sign-in is played, "" for AWS itself.
func (c Config) SignInURL() string { return c.elsewhere["SIGNIN_URL"] }

// How long a call to AWS may take, and how often it is tried. A click has three
// seconds in all, and a call within a region answers in milliseconds: what takes
// longer is lost, and is better asked again.
const (
	attempt  = 2 * time.Second
	assuming = 10 * time.Second // of STS: a session whose answer is lost is one that nobody knows
	attempts = 4
	backoff  = 200 * time.Millisecond // longest pause before another attempt
	keepIdle = 20 * time.Second       // a connection: the network may forget one while the function is frozen
)

// AWS is the configuration of a service's client, with the credentials that
// Lambda puts into the environment. The SDK's own config package is not used: it
// links the STS client into every function.
func AWS(c Config, s Service, getenv func(string) string) aws.Config {
	patience := attempt
	if s == STS {
		patience = assuming
	}
	out := aws.Config{
		Region: c.Region,
		HTTPClient: awscall.ReadOnly{HTTPClient: awshttp.NewBuildableClient().WithTimeout(patience).
			WithDialerOptions(func(d *net.Dialer) { d.Timeout = attempt / 2 }).
			WithTransportOptions(func(t *http.Transport) { t.IdleConnTimeout = keepIdle })},
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, backoff })
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
