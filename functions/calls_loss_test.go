package functions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/store/memory"
	"github.com/aws-access/aws-access/pkg/wire"
)

// faults lets one call to a service go wrong: it fails, or is done and its answer is lost.
type faults struct {
	at   int  // the call that goes wrong, from 1; 0 for none
	lost bool // it is done, and its answer is lost
	down bool // all calls after it fail too
	n    int  // calls so far
	name string
}

var errFault = errors.New("the service is down")

func (f *faults) do(name string, call func() error) error {
	f.n++
	if f.n != f.at && (!f.down || f.at <= 0 || f.n < f.at) {
		return call()
	}
	if f.n == f.at {
		f.name = name
	}
	if f.lost && f.n == f.at {
		_ = call()
	}
	return errFault
}

// faultyStore is the table, in front of which faults happen.
type faultyStore struct {
	*memory.Store
	*faults
}

func (s faultyStore) Load(ctx context.Context, id string) (
	r access.Request, d access.Directory, m access.Messages, err error,
) {
	err = s.do("Load", func() error { r, d, m, err = s.Store.Load(ctx, id); return err })
	return r, d, m, err
}

func (s faultyStore) Messages(ctx context.Context, id string) (r access.Request, m access.Messages, err error) {
	err = s.do("Messages", func() error { r, m, err = s.Store.Messages(ctx, id); return err })
	return r, m, err
}

func (s faultyStore) Directory(ctx context.Context) (d access.Directory, err error) {
	err = s.do("Directory", func() error { d, err = s.Store.Directory(ctx); return err })
	return d, err
}

func (s faultyStore) LoadForSubmit(ctx context.Context, user, once string) (
	d access.Directory, a access.Asker, err error,
) {
	err = s.do("LoadForSubmit", func() error { d, a, err = s.Store.LoadForSubmit(ctx, user, once); return err })
	return d, a, err
}

func (s faultyStore) Requests(ctx context.Context, ids []string) (found []access.Request, err error) {
	err = s.do("Requests", func() error { found, err = s.Store.Requests(ctx, ids); return err })
	return found, err
}

func (s faultyStore) Save(ctx context.Context, next access.Request, event access.Event, once string) error {
	return s.do("Save", func() error { return s.Store.Save(ctx, next, event, once) })
}

func (s faultyStore) CutList(ctx context.Context, k access.CutKey) (l access.CutList, err error) {
	err = s.do("CutList", func() error { l, err = s.Store.CutList(ctx, k); return err })
	return l, err
}

func (s faultyStore) SaveCut(
	ctx context.Context, next access.Request, event access.Event, l access.CutList,
) error {
	return s.do("SaveCut", func() error { return s.Store.SaveCut(ctx, next, event, l) })
}

func (s faultyStore) Freeze(ctx context.Context) (f access.Freeze, err error) {
	err = s.do("Freeze", func() error { f, err = s.Store.Freeze(ctx); return err })
	return f, err
}

func (s faultyStore) Submit(ctx context.Context, r access.Request, e access.Event, a access.Asker, once string) error {
	return s.do("Submit", func() error { return s.Store.Submit(ctx, r, e, a, once) })
}

func (s faultyStore) SaveAsker(ctx context.Context, user string, next access.Asker) error {
	return s.do("SaveAsker", func() error { return s.Store.SaveAsker(ctx, user, next) })
}

func (s faultyStore) Device(ctx context.Context, id string) (d access.Device, err error) {
	err = s.do("Device", func() error { d, err = s.Store.Device(ctx, id); return err })
	return d, err
}

func (s faultyStore) PairingCode(ctx context.Context, key string) (c access.PairingCode, err error) {
	err = s.do("PairingCode", func() error { c, err = s.Store.PairingCode(ctx, key); return err })
	return c, err
}

func (s faultyStore) DeviceList(ctx context.Context, owner string) (l access.DeviceList, err error) {
	err = s.do("DeviceList", func() error { l, err = s.Store.DeviceList(ctx, owner); return err })
	return l, err
}

func (s faultyStore) SaveDevices(ctx context.Context, change access.DeviceChange) error {
	return s.do("SaveDevices", func() error { return s.Store.SaveDevices(ctx, change) })
}

// faultyMachines are the judges of proofs, in front of which faults happen.
type faultyMachines struct {
	machines
	*faults
}

func (m faultyMachines) Role(ctx context.Context, p wire.AWSProof, audience, key string) (a access.Machine, err error) {
	err = m.do("STS: who is it", func() error { a, err = m.machines.Role(ctx, p, audience, key); return err })
	if errors.Is(err, errFault) {
		err = access.RefuseProofUnchecked()
	}
	return a, err
}

// lossy is a world in which one call can go wrong, and the steps that a call takes there.
type lossy struct {
	*callWorld
	*faults
	vended int
	other  wire.PrivateKey // that is removed
}

func newLossy(t *testing.T) *lossy {
	w := &lossy{callWorld: newCallWorld(t), faults: &faults{}}
	assume := w.assume
	w.assume = func(v access.Vending) (c access.Credentials, err error) {
		err = w.do("STS: assume the role", func() error { w.vended++; c, err = assume(v); return err })
		if err != nil {
			return access.Credentials{}, err
		}
		return c, nil
	}
	w.refuse = func(method, _, _ string) (how string) {
		if err := w.do("Slack: "+method, func() error { return nil }); err != nil {
			return "500"
		}
		return ""
	}
	w.vending.Machines = faultyMachines{w.vending.Machines, w.faults}
	w.through = faultyStore{w.store, w.faults}
	w.rebuild()
	return w
}

// once runs a call with a fault, and then sends the same bytes again, as the command does.
func (w *lossy) once(sent *wire.Sent, at int, lost, down bool) {
	w.t.Helper()
	w.n, w.at, w.lost, w.down = 0, at, lost, down
	for range 2 {
		if r, err := w.invoke(sent.Body.Reveal()); err == nil {
			a, err := sent.Read(r)
			if err != nil {
				w.t.Errorf("the answer cannot be read: %v", err)
			}
			if keys, err := a.Keys(); err == nil && !w.recorded(keys.Credentials.AccessKeyID) {
				w.t.Errorf("keys were handed out, and their session is not recorded")
			}
		}
		if at == 0 {
			break
		}
		w.at = -1
	}
}

// recorded reports whether some request has the session of an access key.
func (w *lossy) recorded(key string) bool {
	return slices.ContainsFunc(w.store.All(w.t.Context()), func(r access.Request) bool {
		return slices.ContainsFunc(r.Sessions, func(s access.Session) bool { return s.AccessKeyID == key })
	})
}

// sane checks what must hold whatever went wrong: each session has its record, and each device its notice.
func (w *lossy) sane() {
	w.t.Helper()
	ordered := 0
	for _, e := range w.store.Events() {
		if e.Outcome == access.Ordered {
			ordered++
		}
	}
	if w.vended > ordered {
		w.t.Errorf("%d sessions, and %d recorded intents", w.vended, ordered)
	}
	w.announced()
}

// announced checks that each device that was paired or removed through a call has one notice of that.
func (w *lossy) announced() {
	w.t.Helper()
	list, err := w.store.DeviceList(w.t.Context(), "U0DEV1")
	w.must(err)
	want := map[string]int{}
	for _, d := range list.Devices {
		if d.Code != "" { // the others were put into the table by the test
			want[string(access.DevicePaired)+" "+d.ID]++
		}
	}
	if w.other.Public().Thumbprint() != "" {
		d, err := w.store.Device(w.t.Context(), w.other.Public().Thumbprint())
		w.must(err)
		if !d.Removed.IsZero() {
			want[string(access.DeviceRemoved)+" "+d.ID]++
		}
	}
	ids, err := w.store.Notices(w.t.Context(), w.clock(), 10)
	w.must(err)
	got := map[string]int{}
	for _, id := range ids {
		n, err := w.store.Notice(w.t.Context(), id)
		w.must(err)
		got[string(n.Kind)+" "+n.Device]++
	}
	if !maps.Equal(got, want) {
		w.t.Errorf("the notices are %v, want %v", got, want)
	}
}

func consoleFor() wire.Payload {
	return wire.Payload{Op: wire.Console, Account: "payments-dev", Role: "ReadOnly"}
}

func unpairOf(key wire.PrivateKey) wire.Payload {
	return wire.Payload{Op: wire.Unpair, Device: key.Public().Thumbprint()}
}

// byBuild is a payload with the proof of one session of the machine.
func (w *lossy) byBuild(p wire.Payload) wire.Payload {
	return w.byAWS(p, w.session(buildRole, "b-1"), w.laptop)
}

// unpaired removes a device again. It is gone then, and the grant that it used has ended.
func (w *lossy) unpaired(by, which wire.PrivateKey, want string) {
	w.t.Helper()
	if code, status := w.code(w.says(by, unpairOf(which))); code != want && code != "device_removed" {
		w.t.Errorf("the next removal: %d %s, want %q", status, code, want)
	}
	d, err := w.store.Device(w.t.Context(), which.Public().Thumbprint())
	w.must(err)
	if d.Removed.IsZero() || w.request().State != access.Ended {
		w.t.Errorf("removed %v, and the grant is %s", d.Removed, w.request().State)
	}
}

// lossCase is one kind of call: what happens before it, the call, and what must be true of the next one.
type lossCase struct {
	before func(*lossy)
	call   func(*lossy) *wire.Sent
	after  func(*lossy)
}

var lossCases = map[string]lossCase{
	"request": {
		call: func(w *lossy) *wire.Sent { return w.sign(w.laptop, requestFor("payments-dev", "ReadOnly")) },
		after: func(w *lossy) {
			g, status := w.asks(w.laptop, requestFor("payments-dev", "ReadOnly"))
			if status != 200 || g.State != "active" || len(w.store.All(w.t.Context())) != 1 {
				w.t.Errorf("the next request: %d %+v", status, g)
			}
		},
	},
	"keys": {
		before: func(w *lossy) { w.asks(w.laptop, requestFor("payments-dev", "ReadOnly")) },
		call:   func(w *lossy) *wire.Sent { return w.sign(w.laptop, keysFor("payments-dev", "ReadOnly")) },
		after: func(w *lossy) {
			if _, err := w.says(w.laptop, keysFor("payments-dev", "ReadOnly")).Keys(); err != nil {
				w.t.Errorf("the next keys: %v", err)
			}
		},
	},
	"end": {
		before: func(w *lossy) { w.asks(w.laptop, requestFor("payments-dev", "ReadOnly")) },
		call: func(w *lossy) *wire.Sent {
			return w.sign(w.laptop, wire.Payload{Op: wire.End, ID: w.store.All(w.t.Context())[0].ID})
		},
		after: func(w *lossy) {
			g, _ := w.asks(w.laptop, wire.Payload{Op: wire.End, ID: w.request().ID})
			if g.State != "ended" {
				w.t.Errorf("the next end: %+v", g)
			}
		},
	},
	"pair": {
		call: func(w *lossy) *wire.Sent {
			sent, _ := w.paired(newKey(w.t))
			return sent
		},
		after: func(w *lossy) {
			var list wire.DeviceList
			w.must(w.says(w.laptop, wire.Payload{Op: wire.Devices}).Decode(&list))
			if len(list.Devices) != 2 {
				w.t.Errorf("the devices afterwards: %+v", list.Devices)
			}
		},
	},
	"console": {
		before: func(w *lossy) { w.asks(w.laptop, requestFor("payments-dev", "ReadOnly")) },
		call:   func(w *lossy) *wire.Sent { return w.sign(w.laptop, consoleFor()) },
		after: func(w *lossy) {
			if _, err := w.says(w.laptop, consoleFor()).Link(); err != nil {
				w.t.Errorf("the next link: %v", err)
			}
		},
	},
	"unpair another computer": {
		before: func(w *lossy) {
			w.other = w.pairs("U0DEV1")
			w.asks(w.other, requestFor("payments-dev", "ReadOnly"))
			w.says(w.other, keysFor("payments-dev", "ReadOnly"))
		},
		call:  func(w *lossy) *wire.Sent { return w.sign(w.laptop, unpairOf(w.other)) },
		after: func(w *lossy) { w.unpaired(w.laptop, w.other, "") },
	},
	"unpair itself": {
		before: func(w *lossy) {
			w.other = w.laptop
			w.asks(w.other, requestFor("payments-dev", "ReadOnly"))
			w.says(w.other, keysFor("payments-dev", "ReadOnly"))
		},
		call:  func(w *lossy) *wire.Sent { return w.sign(w.laptop, unpairOf(w.laptop)) },
		after: func(w *lossy) { w.unpaired(w.laptop, w.laptop, "device_removed") },
	},
	"request of a machine": {
		call: func(w *lossy) *wire.Sent {
			return w.sign(w.laptop, w.byBuild(requestFor("payments-dev", "ReadOnly")))
		},
		after: func(w *lossy) {
			g, status := w.asks(w.laptop, w.byBuild(requestFor("payments-dev", "ReadOnly")))
			if status != 200 || g.State != "active" || len(w.store.All(w.t.Context())) != 1 {
				w.t.Errorf("the next request: %d %+v", status, g)
			}
		},
	},
	"end of a machine": {
		before: func(w *lossy) { w.asks(w.laptop, w.byBuild(requestFor("payments-dev", "ReadOnly"))) },
		call: func(w *lossy) *wire.Sent {
			return w.sign(w.laptop, w.byBuild(wire.Payload{Op: wire.End, ID: w.request().ID}))
		},
		after: func(w *lossy) {
			g, _ := w.asks(w.laptop, w.byBuild(wire.Payload{Op: wire.End, ID: w.request().ID}))
			if g.State != "ended" {
				w.t.Errorf("the next end: %+v", g)
			}
		},
	},
	"keys of a machine": {
		before: func(w *lossy) {
			w.asks(w.laptop, w.byAWS(requestFor("payments-dev", "ReadOnly"), w.session(buildRole, "b-1"), w.laptop))
		},
		call: func(w *lossy) *wire.Sent {
			return w.sign(w.laptop, w.byAWS(keysFor("payments-dev", "ReadOnly"), w.session(buildRole, "b-1"), w.laptop))
		},
		after: func(w *lossy) {
			p := w.byAWS(keysFor("payments-dev", "ReadOnly"), w.session(buildRole, "b-1"), w.laptop)
			if _, err := w.says(w.laptop, p).Keys(); err != nil {
				w.t.Errorf("the next keys: %v", err)
			}
		},
	},
}

// Every call of vend fails once, loses its answer once, and fails together with all that follow. No session
// is without its record, no device without its notice, and the next call is right.
func TestEveryCallOfVendMayFailOrLoseItsAnswer(t *testing.T) {
	for name, c := range lossCases {
		t.Run(name, func(t *testing.T) {
			run := func(at int, lost, down bool) *lossy {
				w := newLossy(t)
				if c.before != nil {
					c.before(w)
				}
				w.once(c.call(w), at, lost, down)
				return w
			}
			calls := run(0, false, false).n
			if calls < 3 {
				t.Fatalf("only %d calls", calls)
			}
			t.Logf("%d calls, each of which goes wrong in 3 ways", calls)
			for at := 1; at <= calls; at++ {
				for _, how := range []struct{ lost, down bool }{{}, {lost: true}, {down: true}} {
					w := run(at, how.lost, how.down)
					failed := w.name
					w.sane()
					c.after(w)
					w.sane()
					if t.Failed() {
						t.Fatalf("call %d (%s), %+v\n%s", at, failed, how, w.logs)
					}
				}
			}
		})
	}
}

// Secrets reach nobody but the caller: they are in no log, no table, no error and no message in Slack.
func TestNoSecretOfACallIsWrittenAnywhere(t *testing.T) {
	w := busyWorld(t)
	code, err := wire.NewPairingCode()
	w.must(err)
	var secrets []string
	for _, p := range w.passed {
		payload := payloadOf(w, p.text)
		for _, name := range []string{"seal_to", "proof", "oidc", "reason"} {
			if text, ok := payload[name].(string); ok {
				secrets = append(secrets, text)
			}
		}
		if proof, ok := payload["aws"].(map[string]any); ok {
			secrets = append(secrets, fmt.Sprint(proof["token"]), fmt.Sprint(proof["signature"]))
		}
		_, signature, _ := strings.Cut(p.text[strings.Index(p.text, ".")+1:], ".")
		secrets = append(secrets, signature)
	}
	pem, err := w.laptop.PEM()
	w.must(err)
	secrets = append(secrets, "canary-secret", "canary-token", "canary-link", code.Text().Reveal(), pem.Reveal()[40:80],
		w.answerKey.Reveal()[40:80])
	if len(secrets) < 20 {
		t.Fatalf("only %d secrets are looked for", len(secrets))
	}
	places := map[string]string{
		"the log": w.logs.String(), "Slack": w.seen(func(slackfake.Message) bool { return true }),
		"the table of devices": fmt.Sprint(w.store.DeviceItems()), "the table": fmt.Sprint(w.store.All(t.Context())),
		"the events": fmt.Sprint(w.store.Events()),
	}
	for place, text := range places {
		for _, secret := range secrets {
			reason := secret == "canary-reason" && place != "the log" // people read it, and the table has it
			if strings.Contains(text, secret) && !reason {
				t.Errorf("%s has %q", place, secret)
			}
		}
	}
	if !slices.Contains(secrets, "canary-reason") || !strings.Contains(places["Slack"], "canary-reason") {
		t.Error("the search does not find what is there")
	}
}
