package functions

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/version"
)

// Deps is what the handlers are built from. The mains (by functions/deployed),
// the sandbox, the tests and the benchmarks all build handlers by the New
// functions of this file, so that all of them run the same product.
type Deps struct {
	Team       string // id of the workspace, T…
	Enterprise string // id of its organisation, E…; "" outside Enterprise Grid
	Policy     *policy.Policy
	Store      Store
	Slack      *slackapi.Client
	Now        func() time.Time
	// Wait waits before a message is tried again, when Slack limits the rate of
	// calls. With nil there is no wait: the message is owed, and the tick sends it.
	Wait func(ctx context.Context, d time.Duration) error
	// WaitToRead waits while the tick reads people and groups, when Slack limits
	// the rate of calls. With nil there is no wait: the next tick goes on.
	WaitToRead func(ctx context.Context, d time.Duration) error
	Log        *slog.Logger
	// Build is the build of the function. The tick records it in the table, and vend
	// reports it to doctor. The zero value is not recorded.
	Build version.Build
}

// Store is the table, and for vend that of devices, as all handlers together use it. pkg/store/dynamo and
// pkg/store/memory implement it. Each handler holds the few methods it needs.
type Store interface {
	requestStore
	problemStore
	owedLister
	noticeStore
	buildStore
	deviceStore
	Load(ctx context.Context, id string) (access.Request, access.Directory, access.Messages, error)
	Save(ctx context.Context, next access.Request, event access.Event, once string) error
	Submit(ctx context.Context, r access.Request, event access.Event, next access.Asker, once string) error
	SaveAsker(ctx context.Context, user string, next access.Asker) error
	SaveCut(ctx context.Context, next access.Request, event access.Event, l access.CutList) error
	SaveCutList(ctx context.Context, next access.CutList) error
	SaveFreeze(ctx context.Context, next access.Freeze) error
	Sweep(ctx context.Context) (access.Sweep, error)
	SaveSweep(ctx context.Context, next access.Sweep) error
	Ending(ctx context.Context, now time.Time, limit int) ([]string, error)
	InState(ctx context.Context, state access.State, limit int) ([]access.Request, error)
	SaveDirectory(ctx context.Context, next access.Directory) error
	Reading(ctx context.Context) (access.Reading, error)
	SaveReading(ctx context.Context, next access.Reading) error
	Due(ctx context.Context, now time.Time, limit int) ([]string, error)
}

// deviceStore is the table of devices. Only vend uses it.
type deviceStore interface {
	Device(ctx context.Context, id string) (access.Device, error)
	PairingCode(ctx context.Context, key string) (access.PairingCode, error)
	DeviceList(ctx context.Context, owner string) (access.DeviceList, error)
	SaveDevices(ctx context.Context, change access.DeviceChange) error
}

// NewSlack builds the handler of what Slack sends. newID makes the ids of
// requests, which are ULIDs.
func NewSlack(d Deps, secret func(ctx context.Context, fresh bool) (access.Secret, error), orders orders,
	newID func() string,
) *Slack {
	return &Slack{
		SigningSecret: secret, Team: d.Team, Enterprise: d.Enterprise,
		Policy: d.Policy, Store: d.Store, Roster: d.roster(),
		Submit: lifecycle.Submit{Store: d.Store, Roster: d.roster(), Policy: d.Policy, Now: d.Now, NewID: newID},
		Decide: lifecycle.Decide{Step: d.step()}, Close: lifecycle.Close{Step: d.step()}, Respond: d.respond(),
		Orders: orders, Slack: d.Slack, Operators: d.operators(), Now: d.Now, Log: d.Log,
	}
}

// NewNotify builds the handler of the table's stream.
func NewNotify(d Deps) Notify {
	return Notify{
		Store: d.Store, Notices: d.Store, Slack: d.Slack, Policy: d.Policy, Operators: d.operators(), Now: d.Now,
		Wait: d.Wait, Log: d.Log,
	}
}

// NewTick builds the handler that runs every minute. cuts orders the function cut.
func NewTick(d Deps, cuts cutSender) Tick {
	return Tick{
		Step:   lifecycle.Tick{Step: d.step(), DueIn: d.Store},
		Sweep:  lifecycle.Sweep{Step: d.step(), In: d.Store, Every: d.Policy.Settings().CheckEvery, Log: d.Log},
		Repair: lifecycle.Repair{Step: d.step(), EndingIn: d.Store},
		CutsIn: d.Store, Cuts: cuts, Owed: d.Store, Incidents: d.Store,
		Messages: NewNotify(d), Operators: d.operators(),
		Builds: &Builds{Store: d.Store, Build: d.Build, Now: d.Now, Log: d.Log},
	}
}

// Vending is what only the vend function has: the means to make sessions. It comes
// from pkg/vend, which this package must not import, because the public functions
// would then link the STS client.
type Vending struct {
	STS    assumer
	SignIn signIn
	// Render writes keys in a form, in parts that each fit into one message.
	Render func(form access.Form, c access.Credentials, t access.Target, fits func(string) bool) []access.Secret
	Roles  roleTester // for doctor's checks

	// For calls through /v1, see Calls.
	Machines   machines
	Address    func(ctx context.Context) ([]string, error)
	AnswerKeys func(ctx context.Context, fresh bool) (access.Secret, error)
	NewID      func() string // makes the ids of requests, which are ULIDs
}

type assumer interface {
	Assume(ctx context.Context, v access.Vending) (access.Credentials, error)
}

// NewVend builds the handler that hands out sessions, and answers doctor.
func NewVend(d Deps, v Vending) Vend {
	step := lifecycle.Vend{Step: d.step(), STS: v.STS, Devices: d.Store}
	pair := lifecycle.Pair{Step: d.step(), Devices: d.Store, Asks: d.Store, NewID: v.NewID}
	calls := &Calls{
		Address: v.Address, AnswerKeys: v.AnswerKeys, Machines: v.Machines, Store: d.Store,
		Submit: lifecycle.Submit{Store: d.Store, Roster: d.roster(), Policy: d.Policy, Now: d.Now, NewID: v.NewID},
		Close:  lifecycle.Close{Step: d.step()}, Vend: step, SignIn: v.SignIn, Policy: d.Policy,
		Pair: pair, Operators: d.operators(), NewID: v.NewID, Now: d.Now, Log: d.Log,
	}
	return Vend{
		Step: step, SignIn: v.SignIn, Render: v.Render, Calls: calls,
		Slack: d.Slack, Operators: d.operators(), Wait: d.Wait, Log: d.Log,
		Devices: Devices{Step: pair, URL: calls.URL}, Revocations: Revocations{Step: d.respond(), Pair: pair},
		Checks: Checks{
			Policy: d.Policy, Store: d.Store, Slack: d.Slack, Team: d.Team, Enterprise: d.Enterprise,
			Roles: v.Roles, Calls: calls, Build: d.Build, Now: d.Now, Log: d.Log,
		},
	}
}

func (d Deps) step() lifecycle.Step {
	return lifecycle.Step{Store: d.Store, Roster: d.roster(), Policy: d.Policy, Now: d.Now}
}

func (d Deps) respond() lifecycle.Respond {
	return lifecycle.Respond{Close: lifecycle.Close{Step: d.step()}, Grants: d.Store}
}

func (d Deps) roster() lifecycle.Roster {
	return lifecycle.Roster{
		Slack: d.Slack, Store: d.Store, Policy: d.Policy, Now: d.Now,
		NoGroup: func(err error) bool { return errors.Is(err, slackapi.ErrNoGroup) },
		Pause:   d.WaitToRead, Log: d.Log,
	}
}

func (d Deps) operators() Operators {
	return Operators{Store: d.Store, Slack: d.Slack, Channel: d.Policy.Settings().Operators, Now: d.Now, Log: d.Log}
}
