// Package world is everything in the sandbox that a reset replaces: the clock,
// the fakes of Slack and AWS, the store, the four functions with the policy
// that they were deployed with, and the engine that carries events between
// them.
//
// A World promises that the functions see the same serialised events as on
// Lambda and nothing else, and that all times come from its clock. It never
// calls the real Slack or the real AWS: its own endpoints listen on loopback.
package world

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/web"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/store/memory"
	"github.com/aws-access/aws-access/pkg/wire"
)

// World is a workspace, an AWS organisation and an installation of the product
// between them. Its methods may be called concurrently.
type World struct {
	Clock  *Clock
	Faults *Faults
	Calls  *Calls
	Slack  *slackfake.Server
	AWS    *awsfake.Server
	Store  *memory.Store
	Engine *Engine
	Roles  *Roles
	// Issuers are the fakes of issuers of tokens.
	Issuers *Issuers
	// Programs are the calls of programs to /v1.
	Programs Programs
	// URL is what people and machines give to the command: address and answer key.
	URL wire.URL

	// Secrets are what the functions hold. Tests search for them where they must
	// not be; the controls never answer with them.
	Secrets Secrets

	settings    Settings
	log         *slog.Logger
	internal    *http.Server // what only the functions reach
	internalURL string       // address of internal, on loopback
	publicURL   string       // address of the sandbox, for people and their programs
	endpoints   http.Handler

	live atomic.Pointer[deployment]

	ticks struct {
		sync.Mutex
		last time.Time // the minute of the last tick, or of the last one that was skipped
	}
	stopLoop context.CancelFunc
	loopDone chan struct{}
}

// Secrets are the secrets of one World. All but the signing secret are random.
type Secrets struct {
	Signing    access.Secret // Slack signs with it
	BotToken   access.Secret
	ExternalID access.Secret
	VendKeys   access.Credentials // of the role of the vend function
	SlackKeys  access.Credentials // of the role of the slack function
	APIKeys    access.Credentials // of the role of the api function
	TickKeys   access.Credentials // of the role of the tick function
	CutKeys    access.Credentials // of the role of the cut function
	AnswerKey  access.Secret      // vend signs its answers to programs with it
}

// deployment is the functions with the policy that they were deployed with.
// What a function keeps in memory ends with its deployment.
type deployment struct {
	policy    *policy.Policy
	functions functionSet
}

// New starts a World that people reach at publicURL, such as
// http://127.0.0.1:8080. Its clock runs. The error lists every problem of the
// policy; warnings are logged.
func New(ctx context.Context, settings Settings, publicURL string, log *slog.Logger) (*World, error) {
	w, err := prepare(settings, publicURL, log)
	if err != nil {
		return nil, err
	}
	p, warnings, err := w.Compile(settings.Policy)
	if problems := (compiler.Problems)(nil); errors.As(err, &problems) {
		return nil, compiler.Problems(settings.inFiles(problems))
	}
	if err != nil {
		return nil, err
	}
	for _, warning := range settings.inFiles(warnings) {
		log.Warn("policy", "warning", warning.Error())
	}
	if err := w.listen(); err != nil {
		return nil, err
	}
	w.Deploy(p)
	if err := w.Refresh(ctx); err != nil {
		w.Close()
		return nil, err
	}
	background, stop := context.WithCancel(context.Background())
	w.stopLoop, w.loopDone = stop, make(chan struct{})
	go w.backgroundLoop(background)
	return w, nil
}

// prepare makes the parts of a World. Nothing listens yet.
func prepare(settings Settings, publicURL string, log *slog.Logger) (*World, error) {
	start := settings.Start
	if start.IsZero() {
		start = time.Now()
	}
	w := &World{
		Clock: NewClock(start, time.Now), Calls: &Calls{},
		settings: settings, log: log, publicURL: publicURL,
		Secrets: Secrets{
			Signing:    settings.SigningSecret,
			BotToken:   access.NewSecret("xoxb-" + rand.Text()),
			ExternalID: access.NewSecret(rand.Text() + rand.Text()), // infra/member wants 32 characters
		},
	}
	w.Faults = &Faults{now: w.Clock.Now}
	w.Store = memory.New(w.Clock.Now)
	w.AWS = awsfake.New(awsfake.Options{
		Tables: func(operation string, body []byte) (int, []byte) { return w.table().serve(operation, body) },
		Now:    w.Clock.Now, Org: orgID, TokenBytes: settings.TokenBytes, OnCall: w.Calls.Count,
		Fault: func(op string) awsfake.Fault {
			taken := w.Faults.takeFault(op)
			return awsfake.Fault{How: taken.How, Late: taken.Late}
		},
	})
	if err := w.makeFunctionRoles(); err != nil {
		return nil, err
	}
	if err := w.makeAnswerKey(); err != nil {
		return nil, err
	}
	var err error
	if w.Issuers, err = newIssuers(publicURL, w.Clock.Now); err != nil {
		return nil, err
	}
	w.Engine = newEngine(&Engine{
		now: w.Clock.Now, faults: w.Faults, log: log, records: w.Store.Records, invoke: w.invoke,
	})
	return w, nil
}

// makeFunctionRoles makes the roles of the functions that call AWS, and says whom the
// roles in member accounts trust.
func (w *World) makeFunctionRoles() (err error) {
	externalID := w.Secrets.ExternalID.Reveal()
	w.Roles = &Roles{
		aws: w.AWS, policy: w.Policy, trust: awsfake.DefaultTrust(vendRole, externalID, orgID),
		revoker: func(account string) awsfake.Role { return revokerRole(account, externalID) },
	}
	for _, one := range []struct {
		role        string
		permissions []string
		keys        *access.Credentials
	}{
		{vendRole, nil, &w.Secrets.VendKeys}, // nil: to assume target roles
		{cutRole, []string{cutPermissions}, &w.Secrets.CutKeys},
		{slackRole, []string{denyAll}, &w.Secrets.SlackKeys},
		{apiRole, []string{denyAll}, &w.Secrets.APIKeys},
		{tickRole, []string{denyAll}, &w.Secrets.TickKeys},
		{operatorRole, []string{operatorPermissions}, new(access.Credentials)}, // /sandbox/machines gives keys
	} {
		if *one.keys, err = w.AWS.FunctionCredentials(one.role, one.permissions...); err != nil {
			return fmt.Errorf("make the role %s: %w", one.role, err)
		}
	}
	if w.settings.STS.URL != "" {
		w.Secrets.VendKeys = w.settings.STS.Vend
	}
	return nil
}

// makeAnswerKey makes the key with which vend signs, and so the URL of this World.
func (w *World) makeAnswerKey() error {
	key, err := wire.NewPrivateKey()
	if err == nil {
		w.Secrets.AnswerKey, err = key.PEM()
	}
	if err != nil {
		return fmt.Errorf("make the answer key: %w", err)
	}
	w.URL = wire.URL{Address: w.publicURL + commandPath, AnswerKey: key.Public().Thumbprint()}
	return nil
}

// denyAll is what functions may do at STS and IAM that have no business there.
const denyAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`

// listen starts the listener on loopback that only the functions use, and the
// fake Slack, whose response URLs point there.
func (w *World) listen() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen on loopback: %w", err)
	}
	w.internalURL = "http://" + listener.Addr().String()
	w.Issuers.internal = w.internalURL
	w.Slack = slackfake.NewSandbox(slackfake.Options{
		Team: team, AppID: app, Token: w.Secrets.BotToken, Now: w.Clock.Now,
		BaseURL: w.internalURL + "/slack-api", Count: w.Calls.Count, Quota: w.Faults.quota,
		Fault: func(op string) slackfake.Fault { return slackfake.Fault{How: w.Faults.take(op)} },
	})
	w.endpoints = w.publicEndpoints()
	w.internal = &http.Server{
		Handler: web.LocalOnly(false, w.internalEndpoints()), ReadHeaderTimeout: web.ReadHeaderTimeout,
		ErrorLog: slog.NewLogLogger(w.log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := w.internal.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			w.log.Error("serve the functions' endpoints", "error", err)
		}
	}()
	return nil
}

// Endpoints are the endpoints that people and their programs use: the product's
// own behind the Lambda event layer, and those of the fakes.
func (w *World) Endpoints() http.Handler { return w.endpoints }

// Close stops the clock's background loop and the listener, and returns when
// every function has returned.
func (w *World) Close() {
	if w.stopLoop != nil {
		w.stopLoop()
		<-w.loopDone
	}
	w.Engine.close()
	_ = w.internal.Close() // nothing is lost by it
}

// invoke runs a function of the present deployment.
func (w *World) invoke(ctx context.Context, function string, event []byte) ([]byte, error) {
	return w.live.Load().functions.invoke(ctx, function, event)
}

// Policy is the policy of the present deployment.
func (w *World) Policy() *policy.Policy { return w.live.Load().policy }

// Compile compiles a policy file, at the time of the World's clock. Files that
// it names are read from Settings.PolicyDir.
func (w *World) Compile(text []byte) (*policy.Policy, []compiler.Problem, error) {
	return Compile(w.settings, text, w.Clock.Now())
}

// Deploy deploys the functions again with a policy. All of them start cold.
func (w *World) Deploy(p *policy.Policy) { w.live.Store(w.deploy(p)) }
