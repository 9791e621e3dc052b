package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/store/memory"
)

// The workspace and the app that are played.
const (
	team = "T0SANDBOX"
	app  = "A0SANDBOX"
)

// The roles of the functions that call AWS, in the bastion account.
const (
	vendRole  = "arn:aws:iam::" + bastion + ":role/aws-access-vend"
	slackRole = "arn:aws:iam::" + bastion + ":role/aws-access-slack"
)

// stage is everything that a reset replaces: the time, the players, what they
// remember, and the functions.
type stage struct {
	places places
	log    *slog.Logger

	clock  *clock
	faults *faults
	calls  *calls
	slack  *slackfake.Server
	aws    *awsfake.Server
	store  *memory.Store
	engine *engine
	roles  *roles

	signingSecret, token, externalID access.Secret
	vendKeys, slackKeys              access.Credentials

	live atomic.Pointer[deployment]

	ticks struct {
		sync.Mutex
		last time.Time // the minute of the last one, or of one that was skipped
	}
	stop context.CancelFunc
	done chan struct{}
}

// places are where the players are reached.
type places struct {
	inside string // by functions: address of the listener on loopback
	public string // by people and their programs: address of the sandbox
}

// deployment is the functions with the policy that they were shipped with.
// What one of them keeps in memory ends with it.
type deployment struct {
	policy    *policy.Policy
	functions deployed
}

// newStage sets everything up, with a running clock and nothing asked yet.
func newStage(s settings, at places, log *slog.Logger) (*stage, error) {
	start := s.Start
	if start.IsZero() {
		start = time.Now()
	}
	st := &stage{
		places: at, log: log, clock: newClock(start, time.Now), calls: &calls{}, done: make(chan struct{}),
		signingSecret: s.SigningSecret, token: access.NewSecret("xoxb-" + rand.Text()), externalID: access.NewSecret(rand.Text()),
	}
	st.faults = &faults{now: st.clock.Now}
	st.store = memory.New(st.clock.Now)
	st.slack = slackfake.NewSandbox(slackfake.Options{
		Team: team, AppID: app, Token: st.token, Now: st.clock.Now, BaseURL: at.inside + "/slack-api", Count: st.calls.count,
		Fault: func(op string) slackfake.Fault { return slackfake.Fault{How: st.faults.take(op)} },
		Quota: st.faults.quota,
	})
	st.aws = awsfake.New(awsfake.Options{
		Now: st.clock.Now, Org: orgID, TokenBytes: s.TokenBytes, OnCall: st.calls.count,
		Fault: func(op string) awsfake.Fault { return awsfake.Fault{How: st.faults.take(op)} },
	})
	st.roles = &roles{aws: st.aws, trust: awsfake.DefaultTrust(vendRole, st.externalID.Reveal(), orgID), policy: st.policy}
	var err error
	if st.vendKeys, err = st.aws.FunctionCredentials(vendRole); err != nil {
		return nil, fmt.Errorf("make the vend function's role: %w", err)
	}
	if st.slackKeys, err = st.aws.FunctionCredentials(slackRole, denyAll); err != nil {
		return nil, fmt.Errorf("make the slack function's role: %w", err)
	}
	st.engine = newEngine(&engine{now: st.clock.Now, faults: st.faults, log: log, records: st.store.Records, invoke: st.invoke})
	return st, nil
}

// denyAll is what the slack function may do at STS and IAM.
const denyAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`

// invoke runs a function of the deployment that is live.
func (s *stage) invoke(ctx context.Context, function string, event []byte) ([]byte, error) {
	return s.live.Load().functions.invoke(ctx, function, event)
}

func (s *stage) policy() *policy.Policy { return s.live.Load().policy }

// ship deploys the functions again, with a policy: a cold start.
func (s *stage) ship(p *policy.Policy) { s.live.Store(s.deploy(p)) }

// open ships a policy, reads the groups, and lets time pass by itself.
func (s *stage) open(ctx context.Context, p *policy.Policy) error {
	s.ship(p)
	if err := s.refresh(ctx); err != nil {
		return err
	}
	background, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.pulse(background)
	return nil
}

// close lets nothing more happen, and waits for what does.
func (s *stage) close() {
	if s.stop != nil {
		s.stop()
		<-s.done
	}
	s.engine.close()
}

// perTick is about how many groups one tick reads.
const perTick = 15

// readAgain is how old what is known of people is made when it has changed:
// old enough to be read again by ticks and steps, too young to be unknown when
// that fails.
const readAgain = 5 * time.Minute

// refresh makes what is known of people and groups hold from now on: ticks
// read them again.
func (s *stage) refresh(ctx context.Context) error {
	if err := s.changeDirectory(ctx, func(d *access.Directory) { age(d, s.clock.Now().Add(-readAgain)) }); err != nil {
		return err
	}
	sources := s.policy().Sources()
	for range len(sources.Groups)/perTick + 1 {
		s.tick()
		if err := s.engine.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// age makes everything in a directory look as if it was read at a moment, if
// it was read later.
func age(d *access.Directory, read time.Time) {
	if d.PeopleAt.After(read) {
		d.PeopleAt = read
	}
	for id, g := range d.Groups {
		if g.ReadAt.After(read) {
			g.ReadAt = read
			d.Groups[id] = g
		}
	}
}

// changeDirectory changes the directory behind the functions' backs.
func (s *stage) changeDirectory(ctx context.Context, change func(*access.Directory)) error {
	d, err := s.store.Directory(ctx)
	if err != nil {
		return fmt.Errorf("read the directory: %w", err)
	}
	change(&d)
	d.Version++
	if err := s.store.SaveDirectory(ctx, d); err != nil {
		return fmt.Errorf("write the directory: %w", err)
	}
	return nil
}
