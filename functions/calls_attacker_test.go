package functions

import (
	"context"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/wire"
)

// paired gives U0DEV1 a code in Slack, and pairs a new key by it. It returns the call.
func (w *callWorld) paired(key wire.PrivateKey) (*wire.Sent, wire.PairingCode) {
	w.t.Helper()
	code, err := wire.NewPairingCode()
	w.must(err)
	public, err := code.PublicKey()
	w.must(err)
	w.must(w.Vend.Calls.Pair.NewCode(context.Background(), access.DeviceOrder{
		Do: access.PairDevice, ID: fmt.Sprint("order.", len(w.passed)), By: "U0DEV1", At: w.clock(),
	}, public))
	sent, err := wire.Caller{Server: w.server, Key: key}.Pair(code, "laptop", w.clock())
	w.must(err)
	return sent, code
}

// everything is all that an attacker could change: requests with their sessions and approvals, devices
// and open codes.
func (w *callWorld) everything() string {
	w.t.Helper()
	items := w.store.DeviceItems()
	slices.SortFunc(items, func(a, b store.Item) int { return strings.Compare(a.PK, b.PK) })
	text, err := json.Marshal([]any{w.store.All(w.t.Context()), items})
	w.must(err)
	return string(text)
}

// busyWorld is a world in which the public function has seen a lot: a device that was paired, asked and
// got keys and a link, and two machines that did.
func busyWorld(t *testing.T) *callWorld {
	w := newCallWorld(t)
	sent, _ := w.paired(newKey(t))
	w.reads(sent)
	g, _ := w.asks(w.laptop, requestFor("payments-prod", "ReadOnly"))
	w.approves("U0LEAD1", g.ID)
	w.says(w.laptop, keysFor("payments-prod", "ReadOnly"))
	w.says(w.laptop, wire.Payload{Op: wire.Console, Account: "payments-prod", Role: "ReadOnly"})
	w.says(w.laptop, wire.Payload{Op: wire.Options})
	w.says(w.laptop, wire.Payload{Op: wire.Devices})
	build, session := newKey(t), w.session(buildRole, "build-1")
	w.asks(build, w.byAWS(requestFor("payments-dev", "ReadOnly"), session, build))
	w.says(build, w.byAWS(keysFor("payments-dev", "ReadOnly"), session, build))
	run := newKey(t)
	g, _ = w.asks(run, w.byToken(requestFor("payments-prod", "ReadOnly"), w.claims("7", run)))
	w.approves("U0LEAD2", g.ID)
	w.says(run, w.byToken(keysFor("payments-prod", "ReadOnly"), w.claims("7", run)))
	return w
}

// An attacker has broken into the public function: it may invoke vend with anything, read the table of
// devices, and remember every call and answer. It can withhold answers, and nothing else.
func TestAnAttackerInThePublicFunctionGetsNothing(t *testing.T) {
	w := busyWorld(t)
	before, vended := w.everything(), w.asked
	seen := slices.Clone(w.passed)
	if len(seen) < 10 {
		t.Fatalf("only %d calls were seen", len(seen))
	}
	attack := w.attacks(seen)
	for name, texts := range attack {
		for _, text := range texts {
			r, err := w.invoke(text)
			if err == nil && r.Status < 300 && strings.HasPrefix(name, "forged") {
				t.Errorf("%s: answered with %d: %s", name, r.Status, r.Body)
			}
		}
	}
	if after := w.everything(); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
	if w.asked == vended {
		t.Error("no proof was tried again")
	}
	for _, p := range w.passed {
		for _, canary := range []string{"canary-secret", "canary-token", "canary-link", "ASIAEXAMPLE"} {
			if strings.Contains(p.answer.Body+p.answer.Signature, canary) {
				t.Errorf("the public function reads %s", canary)
			}
		}
	}
}

// attacks are what the attacker sends to vend, by name.
func (w *callWorld) attacks(seen []passed) map[string][]string {
	evil := newForger(w)
	all := map[string][]string{"replayed": nil, "replayed backwards": nil}
	for _, p := range seen {
		all["replayed"] = append(all["replayed"], p.text, p.text)
		all["replayed backwards"] = append([]string{p.text}, all["replayed backwards"]...)
		all["the second form of a signature"] = append(all["the second form of a signature"], evil.twin(p.text))
		all["forged: reordered"] = append(all["forged: reordered"], reordered(p.text)...)
		payload := payloadOf(w, p.text)
		if payload["seal_to"] != nil {
			payload["seal_to"] = w.sealKey()
		}
		payload["answer_key"] = evil.as.Public().Thumbprint()
		text, err := json.Marshal(payload)
		w.must(err)
		head, _, _ := strings.Cut(p.text, ".")
		_, sig, _ := strings.Cut(p.text[len(head)+1:], ".")
		own := evil.header(map[string]any{"kid": nil, "jwk": evil.as.Public()})
		all["forged: other keys"] = append(all["forged: other keys"],
			head+"."+b64.EncodeToString(text)+"."+sig)
		if payload["seal_to"] == nil && payload["op"] != "pair" && payload["aws"] == nil && payload["oidc"] == nil {
			continue
		}
		// The same payload, with its proof, signed by the attacker: in its own name, and in the victim's.
		all["forged: signed by the attacker"] = append(all["forged: signed by the attacker"],
			evil.jws(own, string(text)), evil.jws(head, string(text)), evil.jws(evil.header(nil), string(text)))
	}
	return all
}

// reordered are the parts of a call in every other order.
func reordered(text string) (all []string) {
	p := strings.Split(text, ".")
	for _, o := range [][3]int{{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		all = append(all, p[o[0]]+"."+p[o[1]]+"."+p[o[2]])
	}
	return all
}

func payloadOf(w *callWorld, text string) (payload map[string]any) {
	w.t.Helper()
	data, err := b64.DecodeString(strings.Split(text, ".")[1])
	w.must(err)
	w.must(json.Unmarshal(data, &payload))
	return payload
}

// sealKey is the public half of a key that the attacker has.
func (w *callWorld) sealKey() string {
	w.t.Helper()
	key, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
	w.must(err)
	return b64.EncodeToString(key.PublicKey().Bytes())
}

// What an attacker in the public function answers by itself is never accepted.
func TestTheCommandAcceptsNoAnswerOfAnAttacker(t *testing.T) {
	w := busyWorld(t)
	seen := slices.Clone(w.passed)
	_, evilURL := newAnswerKey(t)
	evilKey := newForger(w)
	evilText, err := evilKey.as.PEM()
	w.must(err)
	evil, err := wire.ParseAnswerKeys(evilText)
	w.must(err)
	for _, p := range []wire.Payload{
		keysFor("payments-prod", "ReadOnly"), {Op: wire.Options}, {Op: wire.End, ID: "01X"},
		{Op: wire.Console, Account: "payments-prod", Role: "ReadOnly"},
	} {
		sent := w.sign(w.laptop, p)
		u, err := wire.Parse([]byte(sent.Body.Reveal()), callAddress)
		w.must(err)
		honest, err := w.invoke(sent.Body.Reveal())
		w.must(err)
		if _, err := sent.Read(honest); err != nil {
			t.Fatalf("%s: vend's own answer: %v", p.Op, err)
		}
		changed := strings.Replace(honest.Body, "1", "2", 1)
		answers := map[string]wire.Response{
			"unsigned":          {Status: 200, Body: `{"time":"2026-11-21T12:00:00.000Z","state":"ended"}`},
			"keys in the open":  {Status: 200, Body: `{"access_key_id":"ASIAEVIL","secret_access_key":"x","session_token":"y"}`},
			"another body":      {Status: honest.Status, Signature: honest.Signature, Body: changed},
			"another signature": {Status: 200, Signature: honest.Signature + "A", Body: honest.Body},
			"sealed to nobody":  {Status: 200, Body: `{"sealed":"` + strings.Repeat("A", 100) + `"}`},
		}
		answers["its own key"], err = evil.Answer(u.Ref(), 200, map[string]string{"state": "ended"}, w.clock())
		w.must(err)
		if honest.Signature != "" {
			answers["no signature"] = wire.Response{Status: honest.Status, Body: honest.Body}
		} else {
			answers["sealed by itself"], err = evil.SealKeys(u.Ref(), wire.SessionKeys{
				Account: "111111111111", Role: "ReadOnly",
				Credentials: access.Credentials{AccessKeyID: "ASIAEVIL", SecretKey: access.NewSecret("x"),
					SessionToken: access.NewSecret("y"), Expires: w.clock()},
			}, w.clock())
			w.must(err)
		}
		for i, other := range seen {
			answers[fmt.Sprint("the answer to call ", i)] = other.answer
		}
		for name, r := range answers {
			if a, err := sent.Read(r); err == nil {
				t.Errorf("%s, %s: accepted with status %d", p.Op, name, a.Status)
			}
		}
	}
	if evilURL.AnswerKey == w.server.AnswerKey {
		t.Fatal("the attacker has vend's key")
	}
}

// A proof of a pairing is good for one key, one call and one server.
func TestAPairingCannotBeTurnedToAnotherKey(t *testing.T) {
	w := newCallWorld(t)
	key := newKey(t)
	sent, code := w.paired(key)
	text := sent.Body.Reveal()
	evil := newForger(w)
	w.registers(evil.as, "U0DEV2")
	payload, err := json.Marshal(payloadOf(w, text))
	w.must(err)
	// Before the call arrives, and with everything that is in it.
	own := evil.header(map[string]any{"kid": nil, "jwk": evil.as.Public()})
	w.refusedBy("signed by another key", evil.jws(own, string(payload)), "bad_proof", 401)
	w.refusedBy("of another call", evil.jws(evil.header(map[string]any{
		"kid": nil, "jwk": evil.as.Public(), "jti": jtiOf(t, sent),
	}), string(payload)), "bad_proof", 401)
	var paired wire.Paired
	for range 2 {
		w.must(w.reads(sent).Decode(&paired))
		if paired.Person.ID != "U0DEV1" || paired.Device != key.Public().Thumbprint() || paired.Expires.IsZero() {
			t.Fatalf("got %+v", paired)
		}
	}
	list, err := w.store.DeviceList(t.Context(), "U0DEV1")
	w.must(err)
	notices, err := w.store.Notices(t.Context(), w.clock(), 10)
	if err != nil || len(list.Devices) != 2 || len(notices) != 1 {
		t.Fatalf("%d devices and %d notices, %v", len(list.Devices), len(notices), err)
	}
	// A used code that comes with another key removes the device that it made.
	again, err := wire.Caller{Server: w.server, Key: newKey(t)}.Pair(code, "", w.clock())
	w.must(err)
	if code, status := w.code(w.reads(again)); code != "code_used" || status != 403 {
		t.Errorf("the code again: %d %s", status, code)
	}
	if code, _ := w.code(w.says(key, wire.Payload{Op: wire.List})); code != "device_removed" {
		t.Errorf("the device that the code made: %s", code)
	}
	guessed, err := wire.NewPairingCode()
	w.must(err)
	wrong, err := wire.Caller{Server: w.server, Key: newKey(t)}.Pair(guessed, "", w.clock())
	w.must(err)
	if code, _ := w.code(w.reads(wrong)); code != "unknown_code" {
		t.Errorf("a code that nobody was given: %s", code)
	}
	for _, name := range []string{"proof", "code_key"} {
		if strings.Contains(w.logs.String(), payloadOf(w, text)[name].(string)) {
			t.Errorf("the log has the %s of a pairing", name)
		}
	}
}

// A device shows and removes the devices of its owner, itself included.
func TestADeviceListsAndRemovesDevices(t *testing.T) {
	w := newCallWorld(t)
	other, stranger := w.pairs("U0DEV1"), w.pairs("U0DEV2")
	var list wire.DeviceList
	w.must(w.says(w.laptop, wire.Payload{Op: wire.Devices}).Decode(&list))
	if len(list.Devices) != 2 || list.Person.ID != "U0DEV1" || list.Person.Name == "" {
		t.Fatalf("got %+v", list)
	}
	for _, d := range list.Devices {
		if d.This != (d.ID == w.laptop.Public().Thumbprint()) {
			t.Errorf("this device: %+v", d)
		}
	}
	unpair := func(by, which wire.PrivateKey) (string, int) {
		return w.code(w.says(by, wire.Payload{Op: wire.Unpair, Device: which.Public().Thumbprint()}))
	}
	if code, _ := unpair(w.laptop, stranger); code != "not_your_device" {
		t.Errorf("the device of somebody else: %s", code)
	}
	w.asks(other, requestFor("payments-dev", "ReadOnly"))
	if _, err := w.says(other, keysFor("payments-dev", "ReadOnly")).Keys(); err != nil {
		t.Fatal(err)
	}
	if code, _ := unpair(w.laptop, other); code != "" {
		t.Errorf("another device: %s", code)
	}
	if code, status := w.code(w.says(other, wire.Payload{Op: wire.List})); code != "device_removed" || status != 401 {
		t.Errorf("the removed device: %d %s", status, code)
	}
	if r := w.request(); r.State != access.Ended {
		t.Errorf("the grant that the removed device took keys from is %s", r.State)
	}
	if code, _ := unpair(w.laptop, w.laptop); code != "" {
		t.Errorf("itself: %s", code)
	}
	if code, _ := w.code(w.says(w.laptop, wire.Payload{Op: wire.List})); code != "device_removed" {
		t.Errorf("itself, afterwards: %s", code)
	}
}
