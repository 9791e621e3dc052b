package functions

import (
	"net/http"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/wire"
)

func automaticFor(account, role string) wire.Payload {
	return wire.Payload{Op: wire.Request, Account: account, Role: role, Reason: "terraform", Automatic: true}
}

// A person's computer and a machine ask by the same rule: for an hour where nobody has to approve, with no
// card where somebody has to, and not for what was given back.
func TestAProgramGetsKeysByItselfWhereNobodyHasToApprove(t *testing.T) {
	w := newCallWorld(t)
	key, session := newKey(t), w.session(buildRole, "build-1")
	run := newKey(t)
	for name, c := range map[string]struct {
		key  wire.PrivateKey
		with func(p wire.Payload) wire.Payload
	}{
		"device": {w.laptop, func(p wire.Payload) wire.Payload { return p }},
		"build":  {key, func(p wire.Payload) wire.Payload { return w.byAWS(p, session, key) }},
	} {
		g, status := w.asks(c.key, c.with(automaticFor("payments-dev", "ReadOnly")))
		if status != http.StatusOK || g.State != "active" || g.Length != "1h" || g.Reason != "terraform" {
			t.Fatalf("%s asked: %d %+v", name, status, g)
		}
		if _, err := w.says(c.key, c.with(keysFor("payments-dev", "ReadOnly"))).Keys(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		w.asks(c.key, c.with(wire.Payload{Op: wire.End, ID: g.ID}))
		code, status := w.code(w.says(c.key, c.with(automaticFor("payments-dev", "ReadOnly"))))
		if code != "ended" || status != http.StatusForbidden {
			t.Errorf("%s, given back: %d %s", name, status, code)
		}
	}
	made := len(w.store.All(t.Context()))
	for name, a := range map[string]wire.Answer{
		"device": w.says(w.laptop, automaticFor("payments-prod", "ReadOnly")),
		"run":    w.says(run, w.byToken(automaticFor("payments-prod", "ReadOnly"), w.claims("7", run))),
	} {
		if code, status := w.code(a); code != "no_grant" || status != http.StatusForbidden {
			t.Errorf("%s, where a lead approves: %d %s", name, status, code)
		}
	}
	if n := len(w.store.All(t.Context())); n != made {
		t.Errorf("%d requests were made where a lead approves", n-made)
	}
}

// Anyone who has seen the call can send it again, and gets the request that it made, which is over.
func TestAnAutomaticRequestThatIsSentAgainGrantsNothingNew(t *testing.T) {
	w := newCallWorld(t)
	sent := w.sign(w.laptop, automaticFor("payments-dev", "ReadOnly"))
	w.reads(sent)
	w.asks(w.laptop, wire.Payload{Op: wire.End, ID: w.request().ID})
	w.pass(time.Minute)
	var g wire.Grant
	if a := w.reads(sent); a.Decode(&g) != nil || g.State != "ended" || len(w.store.All(t.Context())) != 1 {
		t.Errorf("got %d %+v", a.Status, g)
	}
}
