package world

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/oklog/ulid/v2"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/handoff"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/vend"
)

// callPatience bounds one call to Slack or to the sign-in endpoint, as in the
// functions' own main packages.
const callPatience = 10 * time.Second

// deploy builds the four functions as their main packages do, with a policy
// and with nothing in their memory.
func (s *World) deploy(p *policy.Policy) *deployment {
	b := s.parts(p)
	return &deployment{policy: p, functions: functionSet{
		"slack":  instances(b.slackFunction(s).Handle),
		"notify": instances(b.messages(s, "notify").Handle),
		"vend":   instances(b.vendFunction(s).Take),
		"tick": instances(functions.Tick{
			Step: lifecycle.Tick{Step: b.step, DueIn: b.table}, Owed: b.table, Messages: b.messages(s, "tick"),
			Operators: b.operators(s, "tick"),
		}.Handle),
	}}
}

// parts is what every function has.
type parts struct {
	table  counted
	slack  *slackapi.Client
	roster lifecycle.Roster
	step   lifecycle.Step
}

func (s *World) parts(p *policy.Policy) parts {
	b := parts{table: counted{table: s.Store, calls: s.Calls, faults: s.Faults, written: s.Engine.RunDue}}
	b.slack = slackapi.New(slackapi.Options{
		Token: kept(s.Secrets.BotToken), HTTP: &http.Client{Timeout: callPatience}, BaseURL: s.internalURL + "/slack-api", Team: team,
	})
	b.roster = lifecycle.Roster{
		Slack: b.slack, Store: b.table, Policy: p, Now: s.Clock.Now,
		NoGroup: func(err error) bool { return errors.Is(err, slackapi.ErrNoGroup) },
		Log:     s.log,
	}
	b.step = lifecycle.Step{Store: b.table, Roster: b.roster, Policy: p, Now: s.Clock.Now}
	return b
}

// operators are told by a function what is wrong.
func (b parts) operators(s *World, function string) functions.Operators {
	return functions.Operators{
		Store: b.table, Slack: b.slack, Channel: b.step.Policy.Settings().Operators, Now: s.Clock.Now,
		Log: s.log.With("function", function),
	}
}

// messages are told by a function.
func (b parts) messages(s *World, function string) functions.Notify {
	return functions.Notify{
		Store: b.table, Slack: b.slack, Policy: b.step.Policy, Operators: b.operators(s, function),
		Now: s.Clock.Now, Wait: s.Engine.wait, Log: s.log.With("function", function),
	}
}

func (b parts) slackFunction(s *World) *functions.Slack {
	orders := awscall.Client{Service: "lambda", Config: awsConfig(s.Secrets.SlackKeys, s.internalURL+"/lambda")}
	return &functions.Slack{
		SigningSecret: kept(s.Secrets.Signing), Team: team, Policy: b.step.Policy, Store: b.table, Roster: b.roster,
		Submit: lifecycle.Submit{Store: b.table, Roster: b.roster, Policy: b.step.Policy, Now: s.Clock.Now, NewID: func() string { return ulid.Make().String() }},
		Decide: lifecycle.Decide{Step: b.step}, Close: lifecycle.Close{Step: b.step},
		Orders: handoff.Orders{Lambda: orders, Vend: functionARN("vend")},
		Slack:  b.slack, Operators: b.operators(s, "slack"), Now: s.Clock.Now, Log: s.log.With("function", "slack"),
	}
}

func (b parts) vendFunction(s *World) functions.Vend {
	assumer := vend.Assumer{
		STS:        sts.NewFromConfig(awsConfig(s.Secrets.VendKeys, s.internalURL+"/aws")),
		ExternalID: func(context.Context, bool) (access.Secret, error) { return s.Secrets.ExternalID, nil },
	}
	return functions.Vend{
		Step:   lifecycle.Vend{Step: b.step, STS: assumer},
		SignIn: vend.SignIn{HTTP: &http.Client{Timeout: callPatience}, Endpoint: s.publicURL + "/federation", Issuer: s.publicURL + "/"},
		Render: vend.KeysIn, Slack: b.slack, Operators: b.operators(s, "vend"), Wait: s.Engine.wait,
		Log: s.log.With("function", "vend"),
		Checks: functions.Checks{
			Policy: b.step.Policy, Store: b.table, Slack: b.slack, Team: team,
			Roles: vend.Trials{Assumer: assumer, Now: s.Clock.Now}, Now: s.Clock.Now, Log: s.log.With("function", "vend"),
		},
	}
}

// awsConfig is what config.AWS makes of a function's environment, for the
// players on loopback.
func awsConfig(c access.Credentials, endpoint string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(endpoint), HTTPClient: &http.Client{Timeout: callPatience},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretKey.Reveal(), SessionToken: c.SessionToken.Reveal(), Source: "sandbox"}, nil
		}),
	}
}

// kept gives a secret that is never rotated.
func kept(secret access.Secret) func(context.Context, bool) (access.Secret, error) {
	return func(context.Context, bool) (access.Secret, error) { return secret, nil }
}
