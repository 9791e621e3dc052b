package functions

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/wire"
)

var b64 = base64.RawURLEncoding

// forger writes calls by hand, with the key of a device.
type forger struct {
	w   *callWorld
	key *ecdsa.PrivateKey
	as  wire.PrivateKey // the same key
}

func newForger(w *callWorld) forger {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	w.must(err)
	all, err := wire.ParsePrivateKeys(access.NewSecret(string(pem.EncodeToMemory(&pem.Block{
		Type: "PRIVATE KEY", Bytes: der,
	}))))
	w.must(err)
	return forger{w: w, key: key, as: all[0]}
}

// header is a good one for a device; changes replace or, with nil, remove names.
func (f forger) header(changes map[string]any) string {
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	h := map[string]any{
		"alg": "ES256", "kid": f.as.Public().Thumbprint(), "url": callAddress, "jti": b64.EncodeToString(id),
		"iat": f.w.clock().Unix(),
	}
	maps.Copy(h, changes)
	maps.DeleteFunc(h, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(h)
	f.w.must(err)
	return b64.EncodeToString(text)
}

// jws signs a header and a payload, as they are.
func (f forger) jws(header, payload string) string {
	text := header + "." + b64.EncodeToString([]byte(payload))
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, f.key, sum[:])
	f.w.must(err)
	return text + "." + b64.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// twin returns the second valid signature of a JWS: (r, n-s) for (r, s).
func (f forger) twin(text string) string {
	i := strings.LastIndex(text, ".")
	sig, err := b64.DecodeString(text[i+1:])
	f.w.must(err)
	s := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(sig[32:]))
	return text[:i+1] + b64.EncodeToString(append(sig[:32:32], s.FillBytes(make([]byte, 32))...))
}

const asksForAll = `{"op":"request","account":"payments-dev","role":"ReadOnly","length":"1h","reason":"canary-reason"}`

// refusedBy checks that vend has signed this refusal for this very text.
func (w *callWorld) refusedBy(name, text, code string, status int) {
	w.t.Helper()
	r, err := w.invoke(text)
	if err != nil {
		w.t.Errorf("%s: %v", name, err)
		return
	}
	keys, err := wire.ParsePrivateKeys(w.answerKey)
	w.must(err)
	public, err := json.Marshal(keys[0].Public())
	w.must(err)
	var jwk jose.JSONWebKey
	w.must(jwk.UnmarshalJSON(public))
	protected, signature, _ := strings.Cut(r.Signature, "..")
	signed, err := jose.ParseSignedCompact(protected+"."+b64.EncodeToString([]byte(r.Body))+"."+signature,
		[]jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		w.t.Errorf("%s: the answer %+v is not signed: %v", name, r, err)
		return
	}
	if _, err := signed.Verify(jwk.Key); err != nil {
		w.t.Errorf("%s: the answer is not signed by vend", name)
	}
	sum := sha256.Sum256([]byte(text))
	h := signed.Signatures[0].Protected.ExtraHeaders
	if h["call"] != b64.EncodeToString(sum[:]) || h["status"] != float64(status) || r.Status != status {
		w.t.Errorf("%s: signed is %v with status %d, want %d", name, h, r.Status, status)
	}
	var body struct{ Code, Text, Time string }
	w.must(json.Unmarshal([]byte(r.Body), &body))
	if body.Code != code || body.Text == "" || body.Time == "" {
		w.t.Errorf("%s: got %s, want %s\n%s", name, r.Body, code, w.logs)
	}
	w.saysAsDocumented(body.Code, body.Text)
	if strings.Contains(w.logs.String()+r.Body, "canary-reason") {
		w.t.Errorf("%s: the log or the answer repeats what was sent", name)
	}
}

// nothingHappened checks that no step was taken.
func (w *callWorld) nothingHappened() {
	w.t.Helper()
	if n := len(w.store.All(w.t.Context())); n != 0 {
		w.t.Errorf("%d requests were made", n)
	}
	if w.asked != 0 {
		w.t.Errorf("STS was asked %d times", w.asked)
	}
}

// badCall is a call that is refused before anybody is asked anything.
type badCall struct {
	name, text, code string
	status           int
}

// badTexts are calls that are not what their key signed, or are no call.
func (f forger) badTexts(other forger) []badCall {
	good := f.jws(f.header(nil), asksForAll)
	head, rest, _ := strings.Cut(good, ".")
	payload, sig, _ := strings.Cut(rest, ".")
	altered := b64.EncodeToString([]byte(strings.Replace(asksForAll, "dev", "prod", 1)))
	none := f.header(map[string]any{"alg": "none"})
	one := `{"protected":"` + head + `","signature":"` + sig + `"}`
	jwk, err := json.Marshal(f.as.Public())
	f.w.must(err)
	return []badCall{
		{"the key of somebody else", other.jws(f.header(nil), asksForAll), "bad_signature", 401},
		{"another device's name", f.jws(other.header(nil), asksForAll), "bad_signature", 401},
		{"an altered payload", head + "." + altered + "." + sig, "bad_signature", 401},
		{"an altered signature", head + "." + payload + "." + sig[:20] + "AAAA" + sig[24:], "bad_signature", 401},
		{"no signature", head + "." + payload + ".", "bad_signature", 401},
		{"its parts in other order", payload + "." + head + "." + sig, "wrong_algorithm", 401},
		{"four parts", good + "." + sig, "bad_form", 400},
		{"two signatures", `{"payload":"` + payload + `","signatures":[` + one + `,` + one + `]}`, "bad_form", 400},
		{"another spelling", good + "=", "bad_form", 400},
		{"nothing", "", "bad_form", 400},
		{"alg none", none + "." + payload + ".", "wrong_algorithm", 401},
		{"HS256 with the public key", f.hmac(jwk), "wrong_algorithm", 401},
		{"a huge call", f.jws(f.header(nil), asksForAll+strings.Repeat(" ", 16<<10)), "too_large", 413},
		{"a key that nobody paired", newForger(f.w).unpaired(), "unknown_device", 401},
	}
}

// badHeaders are calls that are signed well, with a header that is refused.
func (f forger) badHeaders() []badCall {
	with := func(name string, value any) string { return f.jws(f.header(map[string]any{name: value}), asksForAll) }
	at := func(d time.Duration) string { return with("iat", f.w.clock().Add(d).Unix()) }
	embedded := f.header(map[string]any{"kid": nil, "jwk": f.as.Public()})
	return []badCall{
		{"ES384", with("alg", "ES384"), "wrong_algorithm", 401},
		{"kid and jwk", with("jwk", f.as.Public()), "bad_header", 400},
		{"neither kid nor jwk", with("kid", nil), "bad_header", 400},
		{"jwk in place of kid", f.jws(embedded, asksForAll), "bad_header", 400},
		{"a name that is not known", with("jku", "https://evil.example.com"), "bad_header", 400},
		{"crit", with("crit", []string{"exp"}), "unknown_crit", 400},
		{"a huge header", with("x", strings.Repeat("x", 3000)), "too_large", 413},
		{"another url", with("url", "https://evil.example.com/v1"), "wrong_url", 400},
		{"the url with a fragment", with("url", callAddress+"#x"), "wrong_url", 400},
		{"a short jti", with("jti", "AAAA"), "bad_header", 400},
		{"six minutes old", at(-6 * time.Minute), "clock", 401},
		{"six minutes early", at(6 * time.Minute), "clock", 401},
		{"a day old", at(-24 * time.Hour), "clock", 401},
		{"iat with a fraction", with("iat", 1.5), "bad_header", 400},
	}
}

// badPayloads are calls that are signed well and ask for what cannot be asked for.
func (f forger) badPayloads() []badCall {
	low := strings.Repeat("A", 43) // the point 0, to which nothing can be sealed
	var all []badCall
	for name, payload := range map[string]string{
		"a field that is not known": `{"op":"list","by":"U0LEAD1"}`,
		"a field twice":             `{"op":"list","op":"request"}`,
		"an approval":               `{"op":"approve","id":"01X"}`,
		"keys without seal_to":      `{"op":"keys","account":"a","role":"b"}`,
		"seal_to of low order":      `{"op":"keys","account":"a","role":"b","seal_to":"` + low + `"}`,
		"a reason of 3,001 letters": strings.Replace(asksForAll, "canary-reason", strings.Repeat("x", 3001), 1),
		"two proofs":                `{"op":"status","aws":{},"oidc":"a.b.c"}`,
		"a machine at the console":  `{"op":"console","account":"a","role":"b","oidc":"a.b.c"}`,
		"no JSON":                   `op=list`,
	} {
		all = append(all, badCall{name, f.jws(f.header(nil), payload), "bad_payload", 400})
	}
	return all
}

// unpaired is a good call of a key that is no device.
func (f forger) unpaired() string { return f.jws(f.header(nil), asksForAll) }

func TestAForgedCallIsRefused(t *testing.T) {
	w := newCallWorld(t)
	f, other := newForger(w), newForger(w)
	w.registers(f.as, "U0DEV1")
	w.registers(other.as, "U0DEV2")
	for _, c := range slices.Concat(f.badTexts(other), f.badHeaders(), f.badPayloads()) {
		w.refusedBy(c.name, c.text, c.code, c.status)
	}
	w.nothingHappened()
}

// hmac signs a call with HMAC, as if the public key were a secret.
func (f forger) hmac(secret []byte) string {
	text := f.header(map[string]any{"alg": "HS256"}) + "." + b64.EncodeToString([]byte(asksForAll))
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte(text))
	return text + "." + b64.EncodeToString(mac.Sum(nil))
}

// An ES256 signature has a second valid form, so a call is known by its id and not by its text.
func TestTheSecondFormOfASignatureIsTheSameCall(t *testing.T) {
	w := newCallWorld(t)
	f := newForger(w)
	w.registers(f.as, "U0DEV1")
	text := f.jws(f.header(nil), asksForAll)
	for _, text := range []string{text, f.twin(text), text} {
		if r, err := w.invoke(text); err != nil || r.Status != 200 {
			t.Errorf("got %+v, %v", r, err)
		}
	}
	if n := len(w.store.All(t.Context())); n != 1 {
		t.Errorf("%d requests, want one", n)
	}
}

// A person who may not use a device, or may not any more, gets nothing with it.
func TestADeviceThatCannotBeUsedGetsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		breaks        func(*callWorld)
		request, keys string
		status        int
	}{
		"removed": {func(w *callWorld) { w.unpairs(w.laptop) }, "device_removed", "device_removed", 401},
		"expired": {func(w *callWorld) { w.pass(31 * 24 * time.Hour) }, "device_expired", "device_expired", 401},
		"shortened by the policy": {func(w *callWorld) {
			w.pass(2 * time.Hour)
			w.devices("{for: 1h, most: 5}")
		}, "device_expired", "device_expired", 401},
		"switched off by the policy": {func(w *callWorld) { w.devices("none") }, "devices_off", "devices_off", 403},
		"the owner was deactivated": {func(w *callWorld) { w.becomes("U0DEV1", access.Deactivated) },
			"deactivated", "device_removed", 403},
		"the owner is a guest": {func(w *callWorld) { w.becomes("U0DEV1", access.Guest) }, "guest", "guest", 403},
		"Slack does not answer": {func(w *callWorld) {
			w.refuse = func(string, string, string) string { return "500" }
		}, "unknown_person", "unknown_person", 403},
		"the policy lost the rule": {func(w *callWorld) {
			text := strings.ReplaceAll(readPolicy(w.t), "who: [developers, leads]", "who: [leads]")
			w.follows(strings.ReplaceAll(text, "who: [everyone]", "who: [leads]"))
		}, "unknown_account", "not_allowed", 403},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCallWorld(t)
			g, _ := w.asks(w.laptop, requestFor("payments-dev", "ReadOnly"))
			c.breaks(w)
			code, status := w.code(w.says(w.laptop, requestFor("payments-dev", "Operator")))
			if code != c.request || status != c.status {
				t.Errorf("request: got %d %s, want %d %s\n%s", status, code, c.status, c.request, w.logs)
			}
			if code, _ := w.code(w.says(w.laptop, keysFor("payments-dev", "ReadOnly"))); code != c.keys {
				if c.keys != "device_expired" || code != "no_grant" {
					t.Errorf("keys: got %s, want %s\n%s", code, c.keys, w.logs)
				}
			}
			if r := w.request(); r.ID != g.ID || len(r.Sessions) != 0 {
				t.Errorf("a session was made: %+v", r.Sessions)
			}
		})
	}
}

// A device that is removed while STS makes the session gets no keys, and the session is on record.
func TestADeviceThatIsRemovedWhileItAsksGetsNoKeys(t *testing.T) {
	w := newCallWorld(t)
	w.asks(w.laptop, requestFor("payments-dev", "ReadOnly"))
	assume := w.assume
	w.assume = func(v access.Vending) (access.Credentials, error) {
		w.unpairs(w.laptop)
		return assume(v)
	}
	code, status := w.code(w.says(w.laptop, keysFor("payments-dev", "ReadOnly")))
	if code != "device_removed" || status != 401 {
		t.Errorf("got %d %s", status, code)
	}
	if s := w.request().Sessions; len(s) != 1 || !s[0].Issued() {
		t.Errorf("the record has %+v", s)
	}
}

// becomes changes what Slack says about somebody.
func (w *callWorld) becomes(user string, m access.Membership) {
	w.t.Helper()
	yes := true
	change := slackfake.UserChange{ID: user, Deleted: &yes}
	if m == access.Guest {
		change = slackfake.UserChange{ID: user, Restricted: &yes}
	}
	w.must(w.slack.SetUser(change))
}

// devices deploys a policy with another setting of devices.
func (w *callWorld) devices(setting string) {
	w.t.Helper()
	text := regexp.MustCompile(`(?m)^  devices: [^#\n]*`).ReplaceAllString(readPolicy(w.t), "  devices: "+setting+" ")
	if text == readPolicy(w.t) {
		w.t.Fatal("the policy of the repository has no devices")
	}
	w.follows(text)
}
