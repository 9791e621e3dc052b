package world

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/oklog/ulid/v2"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/cut"
	"github.com/aws-access/aws-access/pkg/handoff"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/relay"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/vend"
	"github.com/aws-access/aws-access/pkg/wire"
)

// callTimeout bounds one call to Slack or to the sign-in endpoint, as in the
// functions' own main packages.
const callTimeout = 10 * time.Second

// deploy builds the functions as their main packages do, with a policy
// and with nothing in their memory.
func (w *World) deploy(p *policy.Policy) *deployment {
	return &deployment{policy: p, functions: functionSet{
		"slack":  instances(w.slackFunction(w.deps(p, "slack")).Handle),
		"api":    w.apiInstances(),
		"notify": instances(functions.NewNotify(w.deps(p, "notify")).Handle),
		"vend":   instances(w.vendFunction(p).Handle),
		"cut":    instances(w.cutFunction().Handle),
		"tick":   instances(w.tickFunction(w.deps(p, "tick")).Handle),
	}}
}

// deps is what a function is built from: the table is in memory, and Slack is
// the fake one on loopback.
func (w *World) deps(p *policy.Policy, function string) functions.Deps {
	return functions.Deps{
		Team: team, Policy: p,
		Store: w.counted(),
		Slack: w.slackClient(&http.Client{Timeout: callTimeout}),
		Now:   w.Clock.Now, Wait: w.Engine.wait, Log: w.log.With("function", function),
	}
}

// counted is the table as the functions use it.
func (w *World) counted() countedStore {
	return countedStore{Store: w.Store, calls: w.Calls, faults: w.Faults, written: w.Engine.StartDue}
}

// slackClient calls the fake Slack.
func (w *World) slackClient(network *http.Client) *slackapi.Client {
	return slackapi.New(slackapi.Options{
		Token: kept(w.Secrets.BotToken), HTTP: network, BaseURL: w.internalURL + "/slack-api", Team: team,
	})
}

func (w *World) slackFunction(d functions.Deps) *functions.Slack {
	c, env := w.config(config.Slack, w.Secrets.SlackKeys)
	orders := handoff.Orders{
		Lambda: awscall.Client{Service: "lambda", Config: config.AWS(c, config.Lambda, env)}, Vend: c.VendFunction,
	}
	return functions.NewSlack(d, kept(w.Secrets.Signing), orders, newID)
}

func (w *World) tickFunction(d functions.Deps) functions.Tick {
	c, env := w.config(config.Tick, w.Secrets.TickKeys)
	return functions.NewTick(d, handoff.Cuts{
		Lambda: awscall.Client{Service: "lambda", Config: config.AWS(c, config.Lambda, env)}, Cut: c.CutFunction,
	})
}

// apiConcurrency is how many instances of the api function run at once. Each of them
// limits callers by itself.
const apiConcurrency = 10

// apiInstances makes the instances of the api function. Calls come to one after the
// other.
func (w *World) apiInstances() func() lambda.Handler {
	c, env := w.config(config.API, w.Secrets.APIKeys)
	vend := handoff.Calls{
		Lambda: awscall.Client{
			Service: "lambda", Config: config.AWSWithin(c, config.Lambda, 0, env), Limit: wire.MaxAnswer,
		},
		Vend: c.VendFunction,
	}
	var all [apiConcurrency]*relay.API
	for i := range all {
		all[i] = relay.NewAPI(w.counted(), vend, w.Clock.Now, w.log.With("function", "api"))
		all[i].Wall = time.Now
	}
	var next atomic.Uint64
	return func() lambda.Handler { return lambda.NewHandler(all[next.Add(1)%apiConcurrency].Handle) }
}

func (w *World) vendFunction(p *policy.Policy) functions.Vend {
	assumer := vend.Assumer{STS: sts.NewFromConfig(w.stsConfig()), ExternalID: kept(w.Secrets.ExternalID)}
	return functions.NewVend(w.deps(p, "vend"), functions.Vending{
		STS: assumer,
		SignIn: vend.SignIn{
			HTTP:     &http.Client{Timeout: callTimeout},
			Endpoint: w.publicURL + "/federation", Issuer: w.publicURL + "/",
		},
		Render: vend.Keys, Roles: vend.Trials{Assumer: assumer, Now: w.Clock.Now},
		Address: w.addresses, AnswerKeys: kept(w.Secrets.AnswerKey), Machines: w.judge(p), NewID: newID,
	})
}

// cutFunction is built as functions/cut does it. Its IAM is the fake one, too.
func (w *World) cutFunction() functions.Cut {
	c, env := w.config(config.Cut, w.Secrets.CutKeys)
	table := w.counted()
	return functions.Cut{
		Store: table, Now: w.Clock.Now, Log: w.log.With("function", "cut"),
		Step: lifecycle.Cut{Step: lifecycle.Step{
			Store: table, Roster: lifecycle.Roster{Now: w.Clock.Now}, Now: w.Clock.Now,
		}},
		Cutter: cut.Cutter{
			STS: awscall.Client{Service: "sts", Config: config.AWS(c, config.STS, env)}, IAM: config.AWS(c, config.IAM, env),
			ExternalID: kept(w.Secrets.ExternalID), Now: w.Clock.Now,
		},
	}
}

// addresses are those at which programs reach this World.
func (w *World) addresses(context.Context) ([]string, error) {
	all := []string{w.URL.Address}
	if rest, found := strings.CutPrefix(w.URL.Address, "http://127.0.0.1:"); found {
		all = append(all, "http://localhost:"+rest)
	}
	return all, nil
}

func newID() string { return ulid.Make().String() }

// stsConfig is what the vend function calls STS with.
func (w *World) stsConfig() aws.Config {
	c, env := w.config(config.Vend, w.Secrets.VendKeys)
	return config.AWS(c, config.STS, env)
}

// config is the configuration of a function that calls AWS, read from an
// environment as Lambda would give it, with AWS simulated on loopback.
func (w *World) config(f config.Function, keys access.Credentials) (config.Config, func(string) string) {
	env := map[string]string{
		"AWS_REGION": region, "AWS_ACCESS_KEY_ID": keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY": keys.SecretKey.Reveal(),
		"AWS_SESSION_TOKEN":       keys.SessionToken.Reveal(),
		"AWS_ENDPOINT_URL_STS":    cmp.Or(w.settings.STS.URL, w.internalURL+"/aws"),
		"AWS_ENDPOINT_URL_IAM":    cmp.Or(w.settings.STS.URL, w.internalURL+"/aws"),
		"AWS_ENDPOINT_URL_LAMBDA": w.internalURL + "/lambda", "BASTION_ACCOUNT": Bastion, "TABLE": "aws-access",
		"POLICY": "policy.yaml", "SLACK_TEAM": team, "SLACK_BOT_TOKEN_PARAMETER": "/jit-access/slack-bot-token",
		"SLACK_SIGNING_SECRET_PARAMETER": "/jit-access/slack-signing-secret", "VEND_FUNCTION": functionARN("vend"),
		"CUT_FUNCTION":          functionARN("cut"),
		"EXTERNAL_ID_PARAMETER": "/jit-access/external-id", "CONSOLE_ISSUER": "https://slack.com/",
		"EXACT_EXPIRY": "preferred", "DEVICES_TABLE": "aws-access-devices", "URL_PARAMETER": "/jit-access/url",
		"ANSWER_KEY_PARAMETER": "/jit-access/answer-key",
	}
	getenv := func(name string) string { return env[name] }
	c, err := config.Read(f, getenv)
	if err != nil {
		panic(err) // cannot happen: no value comes from a user
	}
	return c, getenv
}

// kept returns a secret that is never rotated.
func kept(secret access.Secret) func(context.Context, bool) (access.Secret, error) {
	return func(context.Context, bool) (access.Secret, error) { return secret, nil }
}
