package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// forMachines adds to the loose policy what two groups of machines may ask for.
var forMachines = strings.NewReplacer("\ngroups:\n", `
groups:
  builds: {aws_roles: ["arn:aws:iam::332000000000:role/Build"]}
  release:
    oidc:
      issuer: https://token.actions.githubusercontent.com
      claims: {repository_id: "456", environment: production}
`, "\nrules:\n", `
rules:
  - {name: builds look, who: [builds], accounts: [prod], roles: [Look], max: 1h, approvals: none}
  - {name: release, who: [release], accounts: [prod], roles: [Look], max: 1h, approvals: [{from: [leads], need: 1}]}
`).Replace(strings.Replace(loose, "settings: {", "settings: {asks_per_hour: 5, ", 1))

func machineWorld(t *testing.T) *world {
	w := newWorld(t)
	w.policy = compiled(t, forMachines)
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	return w
}

func build(session string) *access.Person {
	p := access.Machine{Role: &access.RoleSession{
		Partition: "aws", Account: "332000000000", Name: "Build", ID: "AROAEXAMPLEBUILDROLE1", Session: session,
	}}.Person()
	return &p
}

func run(number int, claims ...string) *access.Person {
	m := access.Machine{Run: &access.Run{Issuer: "https://token.actions.githubusercontent.com", Claims: map[string]string{
		"sub": "repo:octo/app:environment:production", "repository_id": "456", "environment": "production",
		"run_id": fmt.Sprint(number), "run_attempt": "1",
	}}}
	for i := 0; i < len(claims); i += 2 {
		m.Run.Claims[claims[i]] = claims[i+1]
	}
	p := m.Person()
	return &p
}

func (w *world) asks(who *access.Person, once string) (access.Request, error) {
	return w.submitter().Do(context.Background(), Asked{
		Who: who, Account: "prod", Role: "Look", For: time.Hour, Reason: "deploy", Once: once,
	})
}

func (w *world) vends(r access.Request, who *access.Person, id string) (Handout, error) {
	return Vend{Step: w.step(), STS: w}.Do(context.Background(), access.Order{
		ID: id, Request: r.ID, By: who.ID, Machine: who, Kind: access.Keys, At: w.clock(),
	})
}

// One run asks twice and has one request. Another run is another requester.
func TestAMachineAsksAndGetsKeys(t *testing.T) {
	w := machineWorld(t)
	r, err := w.asks(build("one"), "a")
	if err != nil || r.State != access.Active || r.Requester.ID != build("one").ID {
		t.Fatalf("got %+v, %v", r, err)
	}
	if again, err := w.asks(build("one"), "b"); access.Code(err) != "already_granted" || again.ID != r.ID {
		t.Errorf("asked again: got %s, %v", again.ID, err)
	}
	if other, err := w.asks(build("two"), "c"); err != nil || other.ID == r.ID {
		t.Errorf("another session: got %s, %v", other.ID, err)
	}
	out, err := w.vends(r, build("one"), "o1")
	if err != nil || out.Credentials.AccessKeyID == "" || w.assumed[0].Who.ID != r.Requester.ID {
		t.Fatalf("got %+v, %v", out, err)
	}
	if _, err := w.vends(r, build("one"), "o1"); access.Code(err) != "order_repeated" {
		t.Errorf("the same order again: %v", err)
	}
	for name, o := range map[string]access.Order{
		"another session":      {ID: "o2", By: build("two").ID, Machine: build("two")},
		"its id and no proof":  {ID: "o3", By: r.Requester.ID},
		"its id, other proof":  {ID: "o4", By: r.Requester.ID, Machine: build("two")},
		"a person with a role": {ID: "o5", By: "U0DEV1"},
	} {
		o.Request, o.Kind, o.At = r.ID, access.Keys, w.clock()
		if _, err := (Vend{Step: w.step(), STS: w}).Do(context.Background(), o); !errors.Is(err, ErrNotRequester) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if len(w.assumed) != 1 {
		t.Errorf("%d sessions, want one", len(w.assumed))
	}
}

// A pipeline that was revoked gets no access back with its next run, until the hour is over or a
// responder allows it.
func TestARevokedPipelineGetsNothingWithItsNextRun(t *testing.T) {
	w := machineWorld(t)
	r, err := w.asks(build("one"), "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.asks(build("two"), "b"); err != nil { // of which nothing is revoked
		t.Fatal(err)
	}
	_, err = w.step().move(context.Background(), r.ID, func(m snapshot) (access.Request, access.Event, error) {
		return m.request.Revoke(w.people["U0SEC1"], "the pipeline is compromised", m.now)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.asks(build("three"), "c"); access.Code(err) != access.CodeRevokedLately {
		t.Errorf("the next run: %v", err)
	}
	if _, err := w.asks(run(1), "d"); err != nil {
		t.Errorf("another pipeline: %v", err)
	}
	w.advance(time.Hour)
	if _, err := w.asks(build("four"), "e"); err != nil {
		t.Errorf("after an hour: %v", err)
	}
}

// Jobs of one run can have other claims than the job that was approved. What counts at a
// vend is the proof that comes with it.
func TestAVendCountsTheClaimsOfItsOwnProof(t *testing.T) {
	w := machineWorld(t)
	r, err := w.asks(run(1), "a")
	if err != nil || r.State != access.Pending {
		t.Fatalf("got %+v, %v", r, err)
	}
	if _, err := w.approve(r.ID, "U0LEAD1"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.vends(r, run(1, "environment", "staging"), "o1"); access.Code(err) != "not_allowed" {
		t.Errorf("a job without the environment: %v", err)
	}
	if _, err := w.vends(r, run(1, "sub", "repo:octo/app:pull_request"), "o2"); err != nil {
		t.Errorf("a job with the environment: %v", err)
	}
	if _, err := w.vends(r, run(2), "o3"); !errors.Is(err, ErrNotRequester) {
		t.Errorf("another run: %v", err)
	}
	w.policy = compiled(t, loose)
	if _, err := w.vends(r, run(1), "o4"); access.Code(err) != "not_allowed" {
		t.Errorf("the policy has lost the rule: %v", err)
	}
}

// The limits count a pipeline with all its runs, and nobody else.
func TestRunsOfAPipelineShareItsLimits(t *testing.T) {
	w := machineWorld(t)
	for i := range 5 {
		if _, err := w.asks(run(i), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.asks(run(6), "6"); access.Code(err) != "too_many_asks" {
		t.Errorf("the sixth run: %v", err)
	}
	if _, err := w.asks(run(1, "repository_id", "457"), "other"); access.Code(err) == "too_many_asks" {
		t.Errorf("another repository: %v", err)
	}
	if _, err := w.asks(build("one"), "role"); err != nil {
		t.Errorf("another machine: %v", err)
	}
}

// The person whom a claim names cannot approve, even with another address since then.
func TestTheStarterOfAMachineIsKeptWithItsRequest(t *testing.T) {
	w := machineWorld(t)
	r, err := w.asks(run(1, "user_email", "lead1@example.com"), "a")
	if err != nil || r.Requester.Machine.Starter != "U0LEAD1" {
		t.Fatalf("got %+v, %v", r.Requester.Machine, err)
	}
	lead := w.people["U0LEAD1"]
	lead.Email = "renamed@example.com"
	w.people["U0LEAD1"] = lead
	w.advance(10 * time.Minute)
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.approve(r.ID, "U0LEAD1"); access.Code(err) != "self_approval" {
		t.Errorf("the starter approves: %v", err)
	}
	if _, err := w.approve(r.ID, "U0LEAD2"); err != nil {
		t.Errorf("another lead: %v", err)
	}
}

func TestAMachineCancelsAndEndsItsOwnRequestsOnly(t *testing.T) {
	w := machineWorld(t)
	pending, _ := w.asks(run(1), "a")
	active, _ := w.asks(build("one"), "b")
	ctx := context.Background()
	for name, by := range map[string]Close{
		"another run":     Close{w.step()}.From("", run(2)),
		"a person":        {w.step()},
		"another session": Close{w.step()}.From("", build("two")),
	} {
		if _, err := by.Cancel(ctx, pending.ID, pending.Requester.ID); access.Code(err) != "not_yours" {
			t.Errorf("%s cancels: %v", name, err)
		}
		if _, err := by.End(ctx, active.ID, active.Requester.ID); access.Code(err) != "not_yours" {
			t.Errorf("%s ends: %v", name, err)
		}
	}
	for range 2 { // the second one changes nothing
		if _, err := (Close{w.step()}).From("", run(1)).Cancel(ctx, pending.ID, ""); err != nil {
			t.Errorf("cancel: %v", err)
		}
		if _, err := (Close{w.step()}).From("", build("one")).End(ctx, active.ID, ""); err != nil {
			t.Errorf("end: %v", err)
		}
	}
}

// devices are the devices of a world, by id.
type devices map[string]access.Device

func (d devices) Device(_ context.Context, id string) (access.Device, error) { return d[id], nil }

func TestAnOrderOfADeviceNeedsTheDevice(t *testing.T) {
	w := machineWorld(t)
	r, err := w.submit("U0DEV1", "Look", time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	good := access.Device{ID: "laptop", Owner: "U0DEV1", Paired: noon, Expires: noon.Add(24 * time.Hour)}
	known := devices{"laptop": good}
	removed := good
	removed.Removed = noon
	order := func(id, by string) error {
		_, err := Vend{Step: w.step(), STS: w, Devices: known}.Do(context.Background(), access.Order{
			ID: id, Request: r.ID, By: by, Device: "laptop", Paired: known["laptop"], Kind: access.Keys, At: w.clock(),
		})
		return err
	}
	if err := order("o1", "U0DEV1"); err != nil {
		t.Fatal(err)
	}
	stored := w.at(r.ID)
	events := w.store.Events()
	if last := events[len(events)-1]; stored.Sessions[0].Device != "laptop" || last.Device != "laptop" ||
		last.Outcome != access.Issued {
		t.Errorf("session %+v and event %+v do not name the device", stored.Sessions[0], last)
	}
	expired := access.Device{ID: "laptop", Owner: "U0DEV1", Paired: noon.Add(-time.Hour), Expires: noon}
	for want, d := range map[string]access.Device{
		"device_removed": removed, "unknown_device": {}, "device_expired": expired,
	} {
		known["laptop"] = d
		if err := order(want, "U0DEV1"); access.Code(err) != want {
			t.Errorf("want %s, got %v", want, err)
		}
	}
	known["laptop"] = access.Device{ID: "laptop", Owner: "U0DEV2", Expires: good.Expires}
	if err := order("o2", "U0DEV1"); access.Code(err) != "unknown_device" {
		t.Errorf("the device of somebody else: %v", err)
	}
	if len(w.assumed) != 1 {
		t.Errorf("%d sessions, want one", len(w.assumed))
	}
	// Removed while STS makes the session: it is recorded, and not handed out.
	known["laptop"] = good
	w.fault = func(call string) (error, error) {
		if call == "sts:assume" {
			known["laptop"] = removed
		}
		return nil, nil
	}
	if err := order("o3", "U0DEV1"); access.Code(err) != "device_removed" || len(w.at(r.ID).Sessions) != 2 {
		t.Errorf("removed meanwhile: %v", err)
	}
}
