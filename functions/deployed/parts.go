// Package deployed builds, from the environment that Lambda gives a function, the
// parts that the functions share, except api. It must never import pkg/vend, because the public
// functions would then link the STS client.
package deployed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	smithytime "github.com/aws/smithy-go/time"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/policy/packed"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
	"github.com/aws-access/aws-access/pkg/version"
)

// Parts are what a main builds its handler from.
type Parts struct {
	Config config.Config
	Deps   functions.Deps
}

// slackTimeout is the timeout of one call to Slack.
const slackTimeout = 10 * time.Second

// New reads the environment and builds the parts. Its error is one line that names
// every problem and never a value of the environment.
func New(f config.Function) (Parts, error) {
	c, err := config.Read(f, os.Getenv)
	if err != nil {
		return Parts{}, err
	}
	p := Parts{Config: c}
	text, err := os.ReadFile(c.Policy)
	if err != nil {
		var at *os.PathError // its text would show the path
		if errors.As(err, &at) {
			err = at.Err
		}
		return Parts{}, fmt.Errorf("configuration: POLICY cannot be read: %w", err)
	}
	compiled, err := packed.Load(text, c.Bastion)
	if err != nil {
		return Parts{}, fmt.Errorf("configuration: %w", err)
	}
	table := dynamo.New(dynamodb.NewFromConfig(p.AWS(config.DynamoDB)), c.Table, time.Now)
	if c.Devices != "" {
		table = table.WithDevices(c.Devices)
	}
	p.Deps = functions.Deps{
		Team: c.Team, Enterprise: c.Enterprise, Policy: compiled,
		Store: table,
		Slack: slackapi.New(slackapi.Options{
			Token: p.Secret(c.BotToken), HTTP: &http.Client{Timeout: slackTimeout}, Host: c.SlackHost,
			BaseURL: c.SlackURL(), Team: c.Team, Enterprise: c.Enterprise,
		}),
		Now: time.Now, Wait: smithytime.SleepWithContext, WaitToRead: smithytime.SleepWithContext,
		Log: slog.New(slog.NewJSONHandler(os.Stdout, nil)),
	}
	p.Deps.Build = version.Own()
	p.logStart(f)
	return p, nil
}

// logStart logs once which build of the function starts.
func (p Parts) logStart(f config.Function) {
	b := p.Deps.Build
	p.Deps.Log.Info("the function starts", "function", string(f), "version", b.Version, "commit", b.Commit,
		"modified", b.Modified)
}

// AWS configures the client of a service.
func (p Parts) AWS(s config.Service) aws.Config { return config.AWS(p.Config, s, os.Getenv) }

// Signed is a client that calls a service without the SDK's own client.
func (p Parts) Signed(s config.Service) awscall.Client {
	return awscall.Client{Service: strings.ToLower(string(s)), Config: p.AWS(s)}
}

// Secret returns a function that reads an SSM parameter on first use.
func (p Parts) Secret(name string) func(context.Context, bool) (access.Secret, error) {
	return (&config.Parameter{SSM: p.Signed(config.SSM), Name: name, Now: time.Now}).Get
}

// Stop prints why the function cannot start, and exits.
func Stop(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
