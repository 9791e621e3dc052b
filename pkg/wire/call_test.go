package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

const listPayload = `{"op":"list"}`

func TestCallOfADeviceArrivesAsItWasSigned(t *testing.T) {
	device := newKey(t)
	_, server := newAnswerKeys(t, 1)
	asked := Payload{Op: Request, Account: "payments prod", Role: "Operator", Length: "2h", Reason: "why\nهذا",
		Ticket: "OPS-1"}
	sent, err := Caller{Server: server, Key: device}.Sign(asked, noon)
	if err != nil {
		t.Fatal(err)
	}
	call, err := receive(sent.Body.Reveal(), device.Public(), noon.Add(Window-time.Second))
	if err != nil {
		t.Fatal(err)
	}
	asked.AnswerKey = server.AnswerKey
	if call.Payload != asked || call.Key.Thumbprint() != device.Public().Thumbprint() ||
		!call.At.Equal(noon.Truncate(time.Second)) {
		t.Errorf("got %+v at %v", call.Payload, call.At)
	}
	again, err := Caller{Server: server, Key: device}.Sign(asked, noon)
	if err != nil || again.Body == sent.Body {
		t.Fatalf("the second call is the first one: %v", err)
	}
	second, err := receive(again.Body.Reveal(), device.Public(), noon)
	if err != nil || second.ID() == call.ID() || second.Ref == call.Ref {
		t.Errorf("two calls share the id %s: %v", call.ID(), err)
	}
	order := access.Order{ID: call.ID(), Request: "01A", By: "U0DEV1", Kind: access.Keys, At: noon}
	if err := order.Check(); err != nil {
		t.Errorf("the id of a call cannot be the id of an order: %v", err)
	}
}

// attack is a call that must be refused, with its reason.
type attack struct {
	name, text string
	code       Code
	why        string
}

func TestForgedAndAlteredCallsAreRefusedWithTheirReason(t *testing.T) {
	device, other := newKey(t), newKey(t)
	valid := headerOf(device)
	if _, err := receive(signRaw(t, device, valid.json(t), listPayload), device.Public(), noon); err != nil {
		t.Fatalf("the valid call is refused: %v", err)
	}
	for _, attacks := range [][]attack{
		signatureAttacks(t, device, other, valid), headerAttacks(t, device, other, valid), formAttacks(t, device, valid),
		textAttacks(t, device, valid),
	} {
		for _, a := range attacks {
			t.Run(a.name, func(t *testing.T) {
				_, err := receive(a.text, device.Public(), noon)
				wantRefusal(t, err, a.code, a.why)
			})
		}
	}
}

func signatureAttacks(t *testing.T, device, other PrivateKey, valid members) []attack {
	good := signRaw(t, device, valid.json(t), listPayload)
	parts := strings.Split(good, ".")
	swapped := parts[0] + "." + encode64([]byte(`{"op":"devices"}`)) + "." + parts[2]
	later := encode64([]byte(valid.with("iat", noon.Unix()+1).json(t))) + "." + parts[1] + "." + parts[2]
	none := encode64([]byte(valid.with("alg", "none").json(t))) + "." + parts[1] + "."
	hmacText := encode64([]byte(valid.with("alg", "HS256").json(t))) + "." + parts[1]
	point, err := device.Public().key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, point)
	mac.Write([]byte(hmacText))
	return []attack{
		{"signed by another key", signRaw(t, other, valid.json(t), listPayload), BadSignature, "not valid"},
		{"another payload under the signature", swapped, BadSignature, "not valid"},
		{"another time under the signature", later, BadSignature, "not valid"},
		{"a signature of zeros", parts[0] + "." + parts[1] + "." + encode64(make([]byte, 64)), BadSignature, "not valid"},
		{"a signature in DER", parts[0] + "." + parts[1] + "." + encode64(make([]byte, 70)), BadSignature, "64 bytes"},
		{"no signature", parts[0] + "." + parts[1] + ".", BadSignature, "64 bytes"},
		{"alg none", none, WrongAlgorithm, "not ES256"},
		{"alg none with a signature", none + parts[2], WrongAlgorithm, "not ES256"},
		{"HS256 with the public key", hmacText + "." + encode64(mac.Sum(nil)), WrongAlgorithm, "not ES256"},
		{"alg es256", signRaw(t, device, valid.with("alg", "es256").json(t), listPayload), WrongAlgorithm, "not ES256"},
		{"alg ES384", signRaw(t, device, valid.with("alg", "ES384").json(t), listPayload), WrongAlgorithm, "not ES256"},
		{"no alg", signRaw(t, device, valid.with("alg", nil).json(t), listPayload), WrongAlgorithm, "not ES256"},
		{"two algs in a list", signRaw(t, device, valid.with("alg", []string{"ES256"}).json(t), listPayload),
			WrongAlgorithm, "not ES256"},
	}
}

func headerAttacks(t *testing.T, device, other PrivateKey, valid members) []attack {
	jwk := valid.with("kid", nil).with("jwk", device.Public())
	signed := func(header members) string { return signRaw(t, device, header.json(t), listPayload) }
	return []attack{
		{"both kid and jwk", signed(valid.with("jwk", device.Public())), BadHeader, "both kid and jwk"},
		{"the jwk of another key beside kid", signRaw(t, other, valid.with("jwk", other.Public()).json(t), listPayload),
			BadHeader, "both kid and jwk"},
		{"neither kid nor jwk", signed(valid.with("kid", nil)), BadHeader, "neither"},
		{"a key in the call instead of a device", signed(jwk), BadHeader, "needs the kid of a device"},
		{"another device's kid", signed(valid.with("kid", other.Public().Thumbprint())), BadSignature, "another key"},
		{"a kid that is a path", signed(valid.with("kid", "../"+canary)), BadHeader, "kid"},
		{"a kid with another last character", signed(valid.with("kid", strings.Repeat("A", 42)+"B")), BadHeader, "kid"},
		{"another server", signed(valid.with("url", "https://"+canary+"/v1")), WrongURL, "url"},
		{"the url with a fragment", signed(valid.with("url", address+"#"+jti)), WrongURL, "url"},
		{"the url in capitals", signed(valid.with("url", strings.ToUpper(address))), WrongURL, "url"},
		{"the url with a slash", signed(valid.with("url", address+"/")), WrongURL, "url"},
		{"no url", signed(valid.with("url", nil)), WrongURL, "url"},
		{"crit", signed(valid.with("crit", []string{canary})), UnknownCrit, "crit"},
		{"crit with b64", signed(valid.with("crit", []string{"b64"}).with("b64", false)), UnknownCrit, "crit"},
		{"an empty crit", signed(valid.with("crit", []string{})), UnknownCrit, "crit"},
		{"b64 without crit", signed(valid.with("b64", false)), BadHeader, "not known"},
		{"a key's address", signed(valid.with("jku", "https://evil.example/"+canary)), BadHeader, "not known"},
		{"a certificate", signed(valid.with("x5c", []string{canary})), BadHeader, "not known"},
		{"a name in capitals", signed(valid.with("KID", device.Public().Thumbprint())), BadHeader, "not known"},
		{"a short jti", signed(valid.with("jti", jti[:20])), BadHeader, "jti"},
		{"a long jti", signed(valid.with("jti", strings.Repeat("A", 24))), BadHeader, "jti"},
		{"a jti that is a number", signed(valid.with("jti", 1)), BadHeader, "jti"},
		{"no jti", signed(valid.with("jti", nil)), BadHeader, "jti"},
		{"iat with a fraction", signed(valid.with("iat", 1.5)), BadHeader, "iat"},
		{"iat as text", signed(valid.with("iat", "1")), BadHeader, "iat"},
		{"a negative iat", signed(valid.with("iat", -1)), BadHeader, "iat"},
		{"iat of 13 digits", signed(valid.with("iat", noon.UnixMilli())), BadHeader, "iat"},
		{"no iat", signed(valid.with("iat", nil)), BadHeader, "iat"},
		{"six minutes early", signed(valid.with("iat", noon.Unix()-301)), Clock, "five minutes"},
		{"six minutes late", signed(valid.with("iat", noon.Unix()+302)), Clock, "five minutes"},
	}
}

func formAttacks(t *testing.T, device PrivateKey, valid members) []attack {
	good := signRaw(t, device, valid.json(t), listPayload)
	parts := strings.Split(good, ".")
	general := members{"payload": parts[1], "signatures": []members{
		{"protected": parts[0], "signature": parts[2]}, {"protected": parts[0], "signature": parts[2]},
	}}.json(t)
	flat := members{"payload": parts[1], "protected": parts[0], "signature": parts[2],
		"header": members{"kid": canary}}.json(t)
	huge := valid.with("url", strings.Repeat("x", maxHeader))
	return []attack{
		{"nothing", "", BadForm, "three parts"},
		{"two parts", parts[0] + "." + parts[1], BadForm, "three parts"},
		{"two signatures in the compact form", good + "." + parts[2], BadForm, "three parts"},
		{"two signatures in JSON", general, BadForm, "three parts"},
		{"an unprotected header", flat, BadForm, "three parts"},
		{"no header", "." + parts[1] + "." + parts[2], BadHeader, "not a JSON object"},
		{"no payload", signRaw(t, device, valid.json(t), ""), BadPayload, "not a JSON object"},
		{"17 KiB", signRaw(t, device, valid.json(t), `{"op":"list","x":"`+strings.Repeat("x", 12<<10)+`"}`),
			TooLarge, "16 KiB"},
		{"a huge header", signRaw(t, device, huge.json(t), listPayload), TooLarge, "protected header"},
		{"a header that is a list", signRaw(t, device, "[]", listPayload), BadHeader, "not a JSON object"},
		{"a header without end", signRaw(t, device, `{"alg":"ES256"`, listPayload), BadHeader, "not a JSON object"},
		{"a header with alg twice", signRaw(t, device, `{"alg":"none",`+valid.json(t)[1:], listPayload),
			BadHeader, "twice"},
		{"a header with an escaped name twice", signRaw(t, device, `{"\u0061lg":"none",`+valid.json(t)[1:], listPayload),
			BadHeader, "twice"},
		{"a second object in the header", signRaw(t, device, valid.json(t)+valid.json(t), listPayload),
			BadHeader, "follows"},
		{"a header that is not UTF-8", signRaw(t, device, "{\"alg\":\"ES256\",\"kid\":\"\xff\"}", listPayload),
			BadHeader, "UTF-8"},
		{"a payload that is not JSON", signRaw(t, device, valid.json(t), canary), BadPayload, "not a JSON object"},
		{"a payload with op twice", signRaw(t, device, valid.json(t), `{"op":"list","op":"keys"}`), BadPayload, "twice"},
		{"a payload with trailing data", signRaw(t, device, valid.json(t), listPayload+"{}"), BadPayload, "follows"},
	}
}

// A JWS has one spelling only. Otherwise its digest, which ties the answer to it, could be changed
// without the key.
func textAttacks(t *testing.T, device PrivateKey, valid members) []attack {
	good := signRaw(t, device, valid.json(t), listPayload)
	parts := strings.Split(good, ".")
	last := parts[2][len(parts[2])-1]
	// The last of 86 characters holds two bits: A, Q, g and w are canonical, the next 15 characters are not.
	loose := good[:len(good)-1] + string(last+1)
	standard := strings.NewReplacer("-", "+", "_", "/").Replace(good)
	if standard == good {
		standard = strings.Replace(good, parts[2][:1], "+", 1)
	}
	const why = "not base64url"
	return []attack{
		{"padding", good + "==", BadForm, why},
		{"a last character with spare bits", loose, BadForm, why},
		{"standard base64", standard, BadForm, why},
		{"a space before", " " + good, BadForm, why},
		{"a line break after", good + "\n", BadForm, why},
		{"a line break within", good[:10] + "\r\n" + good[10:], BadForm, why},
		{"trailing data", good + "x", BadForm, why},
		{"a null byte", good + "\x00", BadForm, why},
		{"a byte order mark", "\ufeff" + good, BadForm, why},
	}
}

func TestKeyInACallMustBeAPublicKeyOnTheRightCurve(t *testing.T) {
	device := newKey(t)
	jwk := members{"kty": "EC", "crv": "P-256", "x": device.Public().jwk.X, "y": device.Public().jwk.Y}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	zero := encode64(make([]byte, 32))
	big384 := func(n *big.Int) string { return encode64(n.FillBytes(make([]byte, 48))) }
	for name, c := range map[string]struct {
		jwk any
		why string
	}{
		"another curve": {members{"kty": "EC", "crv": "P-384", "x": big384(p384.X), "y": big384(p384.Y)},
			"not of type EC on the curve P-256"},
		"the name of another curve": {jwk.with("crv", "secp256k1"), "not of type EC on the curve P-256"},
		"a point off the curve":     {jwk.with("y", zero), "not on the curve"},
		"the point at infinity":     {jwk.with("x", zero).with("y", zero), "not on"},
		"a short coordinate":        {jwk.with("x", encode64(make([]byte, 31))), "32 bytes"},
		"a private key":             {jwk.with("d", zero), "private key"},
		"a symmetric key":           {members{"kty": "oct", "k": canary}, "other members"},
		"another member":            {jwk.with("use", "enc"), "other members"},
		"a member missing":          {jwk.with("y", nil).with("alg", "ES256"), "y is missing"},
		"text":                      {canary, "not a JSON object"},
		"null":                      {[]any{}, "not a JSON object"},
	} {
		header := headerOf(device).with("kid", nil).with("jwk", c.jwk)
		_, err := receive(signRaw(t, device, header.json(t), listPayload), PublicKey{}, noon)
		t.Run(name, func(t *testing.T) { wantRefusal(t, err, BadKey, c.why) })
	}
}

// The way in which the key is given says who calls, so it must fit what is asked for.
func TestOnlyPairingAndMachinesBringTheirKey(t *testing.T) {
	device := newKey(t)
	embedded := headerOf(device).with("kid", nil).with("jwk", device.Public())
	oidc := `{"op":"status","oidc":"a.b.c"}`
	for name, c := range map[string]struct {
		header  members
		payload string
		why     string
	}{
		"a machine with a kid":     {headerOf(device), oidc, "machines send jwk"},
		"a pairing with a kid":     {headerOf(device), pairPayload(t, device, jti).json(t), "pairing and machines send jwk"},
		"a device without a kid":   {embedded, listPayload, "needs the kid"},
		"a machine with its key":   {embedded, oidc, ""},
		"a pairing with its key":   {embedded, pairPayload(t, device, jti).json(t), ""},
		"a device with its own id": {headerOf(device), listPayload, ""},
	} {
		call, err := receive(signRaw(t, device, c.header.json(t), c.payload), device.Public(), noon)
		t.Run(name, func(t *testing.T) {
			if c.why != "" {
				wantRefusal(t, err, BadHeader, c.why)
			} else if err != nil || call.Key.Thumbprint() != device.Public().Thumbprint() {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestWrongClockIsToldTheTimeAndNobodyElse(t *testing.T) {
	device, other := newKey(t), newKey(t)
	early := headerOf(device).with("iat", noon.Unix()-301).json(t)
	_, err := receive(signRaw(t, device, early, listPayload), device.Public(), noon)
	e, ok := err.(*Error) //nolint:errorlint // Verify returns it unwrapped
	if !ok || e.Code != Clock || !e.Time.Equal(noon) || e.Code.Status() != http.StatusUnauthorized {
		t.Errorf("got %+v, want the time", err)
	}
	for _, seconds := range []int64{-299, 300} {
		edge := headerOf(device).with("iat", noon.Unix()+seconds).json(t)
		if _, err := receive(signRaw(t, device, edge, listPayload), device.Public(), noon); err != nil {
			t.Errorf("%d s from the server's time: %v", seconds, err)
		}
	}
	_, err = receive(signRaw(t, other, early, listPayload), device.Public(), noon)
	if CodeOf(err) != BadSignature {
		t.Errorf("a stranger with a wrong clock got %v, want bad_signature", err)
	}
}

// The package has no memory: a replayed call is valid, and its id is the same, also if somebody turned
// its signature into another valid one. The store refuses the second use of the id.
func TestReplayedCallKeepsItsID(t *testing.T) {
	device := newKey(t)
	text := signRaw(t, device, headerOf(device).json(t), listPayload)
	first, err := receive(text, device.Public(), noon)
	if err != nil {
		t.Fatal(err)
	}
	cut := strings.LastIndex(text, ".") + 1
	signature, _ := decode64(text[cut:])
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	for _, again := range []string{text, text[:cut] + encode64(signature)} {
		call, err := receive(again, device.Public(), noon.Add(4*time.Minute))
		if err != nil || call.ID() != first.ID() {
			t.Errorf("the replayed call has the id %q, want %q: %v", call.ID(), first.ID(), err)
		}
	}
}

func TestStatusOfARefusedCall(t *testing.T) {
	for code, want := range map[Code]int{
		TooLarge: 413, BadSignature: 401, WrongAlgorithm: 401, Clock: 401, BadProof: 401, BadForm: 400, BadHeader: 400,
		UnknownCrit: 400, BadKey: 400, WrongURL: 400, BadPayload: 400,
	} {
		if got := code.Status(); got != want {
			t.Errorf("%s: got %d, want %d", code, got, want)
		}
	}
}

func TestCallThatWouldBeRefusedIsNotSent(t *testing.T) {
	_, server := newAnswerKeys(t, 1)
	caller := Caller{Server: server, Key: newKey(t)}
	long := Payload{Op: Request, Account: "a", Role: "R", Length: "1h",
		Reason: strings.Repeat("\U0001f600", access.MaxReason)}
	_, err := caller.Sign(long, noon)
	wantRefusal(t, err, TooLarge, "shorter reason")
	_, err = caller.Sign(Payload{Op: List, Role: "R"}, noon)
	wantRefusal(t, err, BadPayload, "field that list does not have")
	_, err = Caller{Server: server}.Sign(Payload{Op: List}, noon)
	wantRefusal(t, err, BadKey, "there is none")
}

// A member of the workspace who has seen somebody's jti must not be able to use it up.
func TestTwoDevicesWithOneJTIHaveTwoIDs(t *testing.T) {
	one, other := newKey(t), newKey(t)
	first, err := receive(signRaw(t, one, headerOf(one).json(t), listPayload), one.Public(), noon)
	if err != nil {
		t.Fatal(err)
	}
	second, err := receive(signRaw(t, other, headerOf(other).json(t), listPayload), other.Public(), noon)
	if err != nil || first.JTI != second.JTI || first.ID() == second.ID() {
		t.Errorf("got %s and %s: %v", first.ID(), second.ID(), err)
	}
}

func TestOnlyAStringIsText(t *testing.T) {
	for _, value := range []string{"null", "1", "true", "[]", "{}", "", `["a"]`} {
		if text, ok := textOf([]byte(value)); ok {
			t.Errorf("%s is read as the text %q", value, text)
		}
	}
}
