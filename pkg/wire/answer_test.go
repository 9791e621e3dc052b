package wire

import (
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// exchange is one call on both sides: what the caller keeps, and what the server knows of it.
type exchange struct {
	keys AnswerKeys
	sent *Sent
	call Call
}

func newExchange(t testing.TB, keys AnswerKeys, server URL, p Payload) exchange {
	t.Helper()
	device := newKey(t)
	sent, err := Caller{Server: server, Key: device}.Sign(p, noon)
	if err != nil {
		t.Fatal(err)
	}
	call, err := receive(sent.Body.Reveal(), device.Public(), noon)
	if err != nil {
		t.Fatal(err)
	}
	return exchange{keys: keys, sent: sent, call: call}
}

// ask makes an exchange with answer keys of its own.
func ask(t testing.TB, p Payload) exchange {
	t.Helper()
	keys, server := newAnswerKeys(t, 1)
	return newExchange(t, keys, server, p)
}

var (
	listCall    = Payload{Op: List}
	keysCall    = Payload{Op: Keys, Account: "111111111111", Role: "Operator"}
	consoleCall = Payload{Op: Console, Account: "111111111111", Role: "Operator"}
)

func sessionKeys() SessionKeys {
	return SessionKeys{Account: "111111111111", Role: "Operator", Region: "eu-west-1", Credentials: access.Credentials{
		AccessKeyID: "ASIAEXAMPLE", SecretKey: access.NewSecret(canary + "-secret"),
		SessionToken: access.NewSecret(canary + "-token"), Expires: noon.Add(time.Hour),
	}}
}

func (x exchange) answer(t testing.TB, status int, body any) Response {
	t.Helper()
	r, err := x.keys.Answer(x.call.Ref, status, body, noon)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (x exchange) sealed(t testing.TB) Response {
	t.Helper()
	r, err := x.keys.SealKeys(x.call.Ref, sessionKeys(), noon)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSignedAnswerIsReadByItsCaller(t *testing.T) {
	x := ask(t, listCall)
	refusal := RefusalOf(access.Refusals(access.RefuseNoReason())[0])
	r := x.answer(t, http.StatusForbidden, refusal)
	if r.Status != 403 || !strings.Contains(r.Body, `"time":"2026-11-26T12:00:00.123Z"`) {
		t.Errorf("got %+v", r)
	}
	r.Status = 200 // the status of HTTP is not signed
	a, err := x.sent.Read(r)
	if err != nil || a.Status != http.StatusForbidden || !a.Time.Equal(noon) || a.NextKey != "" {
		t.Fatalf("got status %d at %v, next %q: %v", a.Status, a.Time, a.NextKey, err)
	}
	var got Refusal
	if err := a.Decode(&got); err != nil || got != refusal || got.Code != "no_reason" {
		t.Errorf("got %+v: %v", got, err)
	}
}

func TestKeysAndLinksAreReadOnlyFromASealedAnswer(t *testing.T) {
	x := ask(t, keysCall)
	r := x.sealed(t)
	if r.Signature != "" || strings.Contains(r.Body, canary) || !strings.HasPrefix(r.Body, `{"sealed":"`) {
		t.Errorf("got %+v, want one sealed text", r)
	}
	a, err := x.sent.Read(r)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := a.Keys()
	if err != nil || keys != sessionKeys() {
		t.Errorf("got %v: %v", keys, err)
	}
	_, err = a.Link()
	wantRefusal(t, err, BadAnswer, "does not hold a link")
	wantRefusal(t, a.Decode(&struct{}{}), BadAnswer, "was sealed")

	plain, err := x.sent.Read(x.answer(t, 200, members{"account": "1", "role": "R", "access_key_id": "A",
		"secret_access_key": canary, "session_token": canary, "expires": noon}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = plain.Keys()
	wantRefusal(t, err, NotSealed, "not sealed")
	_, err = plain.Link()
	wantRefusal(t, err, NotSealed, "not sealed")
}

func TestLinkIsSealedToo(t *testing.T) {
	x := ask(t, consoleCall)
	link := Link{Account: "111111111111", Role: "Operator", Expires: noon,
		Address: access.NewSecret("https://signin/" + canary)}
	r, err := x.keys.SealLink(x.call.Ref, link, noon)
	if err != nil {
		t.Fatal(err)
	}
	a, err := x.sent.Read(r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.Link(); err != nil || got != link {
		t.Errorf("got %v: %v", got, err)
	}
	_, err = a.Keys()
	wantRefusal(t, err, BadAnswer, "does not hold keys")
}

// A played relay has all that the public function has, and answer keys of its own.
func TestAnswerOfAnotherSignerIsRefused(t *testing.T) {
	x := ask(t, keysCall)
	relay := x
	relay.keys, _ = newAnswerKeys(t, 1)
	_, err := x.sent.Read(relay.answer(t, 200, members{"state": "active"}))
	wantRefusal(t, err, WrongAnswerKey, "not signed by the key")
	_, err = x.sent.Read(relay.sealed(t))
	wantRefusal(t, err, WrongAnswerKey, "not signed by the key")

	// The relay names vend's key, and signs with its own.
	digest := digestOf(x.sent.Body.Reveal())
	header := members{"alg": "ES256", "jwk": x.keys.current.Public(), "call": encode64(digest[:]), "status": 200}
	payload := members{"time": noon.Format(timeLayout), "state": "active"}.json(t)
	protected, rest, _ := strings.Cut(signRaw(t, relay.keys.current, header.json(t), payload), ".")
	_, signature, _ := strings.Cut(rest, ".")
	_, err = x.sent.Read(Response{Status: 200, Signature: protected + ".." + signature, Body: payload})
	wantRefusal(t, err, BadSignature, "not valid")
}

func TestAnswerToAnotherCallIsRefused(t *testing.T) {
	keys, server := newAnswerKeys(t, 1)
	mine, other := newExchange(t, keys, server, keysCall), newExchange(t, keys, server, keysCall)
	_, err := mine.sent.Read(other.answer(t, 200, members{}))
	wantRefusal(t, err, OtherCall, "another call")
	_, err = mine.sent.Read(other.sealed(t))
	wantRefusal(t, err, CannotOpen, "not sealed to this call")

	// vend's answer to another call, which somebody sealed again to this one.
	opened, err := other.sent.unseal(other.sealed(t).Body)
	if err != nil {
		t.Fatal(err)
	}
	_, err = mine.sent.Read(reseal(t, mine, opened))
	wantRefusal(t, err, OtherCall, "another call")
}

// reseal seals any text to a call, as anyone can who has seen it.
func reseal(t *testing.T, x exchange, jws string) Response {
	t.Helper()
	data, _ := decode64(x.call.Payload.SealTo)
	public, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(data)
	if err != nil {
		t.Fatal(err)
	}
	text, err := hpke.Seal(public, hpke.HKDFSHA256(), hpke.AES256GCM(), x.call.Ref.digest[:], []byte(jws))
	if err != nil {
		t.Fatal(err)
	}
	return Response{Status: 200, Body: `{"sealed":"` + encode64(text) + `"}`}
}

func TestAlteredAnswerIsRefused(t *testing.T) {
	x := ask(t, keysCall)
	plain, sealed := x.answer(t, 202, members{"state": "pending"}), x.sealed(t)
	changed := func(r Response, change func(*Response)) Response {
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		r    Response
		code Code
		why  string
	}{
		"another state": {changed(plain, func(r *Response) { r.Body = strings.Replace(r.Body, "pending", "active", 1) }),
			BadSignature, "not valid"},
		"a space":       {changed(plain, func(r *Response) { r.Body += " " }), BadSignature, "not valid"},
		"no signature":  {changed(plain, func(r *Response) { r.Signature = "" }), Unsigned, "no signature"},
		"HTML with 200": {Response{Status: 200, Body: "<html>" + canary}, Unsigned, "no signature"},
		"nothing":       {Response{Status: 200}, Unsigned, "no signature"},
		"a signature that is not detached": {changed(plain, func(r *Response) { r.Signature = canary }),
			BadForm, "detached"},
		"a signature with a payload": {changed(plain, func(r *Response) {
			r.Signature = strings.Replace(r.Signature, "..", "."+encode64([]byte(r.Body))+".", 1)
		}), BadForm, "detached"},
		"two signatures": {changed(plain, func(r *Response) { r.Signature += "." + r.Signature }), BadForm, "three parts"},
		"a line break in the signature": {changed(plain, func(r *Response) { r.Signature += "\n" }),
			BadForm, "base64url"},
		"one bit of what is sealed": {changed(sealed, func(r *Response) {
			flipped := map[bool]string{true: "B", false: "A"}[r.Body[100] == 'A']
			r.Body = r.Body[:100] + flipped + r.Body[101:]
		}), CannotOpen, "not sealed to this call"},
		"something beside what is sealed": {changed(sealed, func(r *Response) { r.Body = `{"time":1,` + r.Body[1:] }),
			BadAnswer, "docs/wire.md"},
		"sealed twice": {changed(sealed, func(r *Response) { r.Body = r.Body[:len(r.Body)-1] + "," + r.Body[1:] }),
			Unsigned, "no signature"},
		"sealed with padding":  {Response{Status: 200, Body: `{"sealed":"AA=="}`}, BadAnswer, "docs/wire.md"},
		"sealed and too short": {Response{Status: 200, Body: `{"sealed":"AAAA"}`}, CannotOpen, "not sealed"},
		"seven megabytes":      {Response{Status: 200, Body: strings.Repeat("x", 7<<20)}, TooLarge, "too large"},
		"a huge signature": {changed(plain, func(r *Response) { r.Signature = strings.Repeat("x", 5<<10) }),
			TooLarge, "too large"},
	} {
		_, err := x.sent.Read(c.r)
		t.Run(name, func(t *testing.T) { wantRefusal(t, err, c.code, c.why) })
	}
}

// The answer key itself signs these, so each is refused for its form alone.
func TestAnswerOfAnotherFormIsRefused(t *testing.T) {
	x := ask(t, listCall)
	digest := digestOf(x.sent.Body.Reveal())
	header := members{"alg": "ES256", "jwk": x.keys.current.Public(), "call": encode64(digest[:]), "status": 200}
	body := members{"time": "2026-11-26T12:00:00.000Z"}
	for name, c := range map[string]struct {
		header  members
		payload string
		code    Code
		why     string
	}{
		"no call":             {header.with("call", nil), body.json(t), OtherCall, "another call"},
		"no key":              {header.with("jwk", nil), body.json(t), BadKey, "jwk"},
		"a kid":               {header.with("kid", x.keys.Thumbprint()), body.json(t), BadHeader, "not known"},
		"alg none":            {header.with("alg", "none"), body.json(t), WrongAlgorithm, "ES256"},
		"crit":                {header.with("crit", []string{"x"}), body.json(t), UnknownCrit, "crit"},
		"status 100":          {header.with("status", 100), body.json(t), BadHeader, "status"},
		"status 1000":         {header.with("status", 1000), body.json(t), BadHeader, "status"},
		"status as text":      {header.with("status", "200"), body.json(t), BadHeader, "status"},
		"a malformed next":    {header.with("next_answer_key", "x"), body.json(t), BadHeader, "next_answer_key"},
		"no time":             {header, `{}`, BadAnswer, "time"},
		"a time with an hour": {header, `{"time":"2026-11-26T12:00:00.000+01:00"}`, BadAnswer, "time"},
		"two times":           {header, `{"time":"2026-11-26T12:00:00.000Z","time":""}`, BadAnswer, "twice"},
		"a list":              {header, `[]`, BadAnswer, "not a JSON object"},
		"the right form":      {header, body.json(t), "", ""},
	} {
		jws := signRaw(t, x.keys.current, c.header.json(t), c.payload)
		protected, rest, _ := strings.Cut(jws, ".")
		_, signature, _ := strings.Cut(rest, ".")
		_, err := x.sent.Read(Response{Signature: protected + ".." + signature, Body: c.payload})
		t.Run(name, func(t *testing.T) {
			if c.code != "" {
				wantRefusal(t, err, c.code, c.why)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSealedAnswerToACallForNothingSecretIsRefused(t *testing.T) {
	x := ask(t, listCall)
	_, err := x.sent.Read(Response{Status: 200, Body: `{"sealed":"AAAA"}`})
	wantRefusal(t, err, CannotOpen, "nothing secret")
	_, err = x.keys.SealKeys(x.call.Ref, sessionKeys(), noon)
	wantRefusal(t, err, BadPayload, "no seal_to")
}

func TestRotationSignsWithThePinnedKeyAndNamesTheNext(t *testing.T) {
	keys, server := newAnswerKeys(t, 2)
	next := keys.next.Public().Thumbprint()
	x := newExchange(t, keys, server, listCall)
	a, err := x.sent.Read(x.answer(t, 200, members{}))
	if err != nil || a.AnswerKey != server.AnswerKey || a.NextKey != next {
		t.Errorf("by the current key: signed by %s, next %s: %v", a.AnswerKey, a.NextKey, err)
	}

	moved := newExchange(t, keys, URL{Address: address, AnswerKey: next}, listCall)
	a, err = moved.sent.Read(moved.answer(t, 200, members{}))
	if err != nil || a.AnswerKey != next || a.NextKey != "" {
		t.Errorf("by the next key: signed by %s, next %s: %v", a.AnswerKey, a.NextKey, err)
	}

	// The old key is gone. A caller that was told of the next one accepts it, and no other caller does.
	after := AnswerKeys{current: keys.next}
	x = newExchange(t, after, server, listCall)
	_, err = x.sent.Read(x.answer(t, 200, members{}))
	wantRefusal(t, err, WrongAnswerKey, "not signed by the key")
	x.sent.next = next
	if a, err = x.sent.Read(x.answer(t, 200, members{})); err != nil || a.AnswerKey != next {
		t.Errorf("after the rotation: signed by %s: %v", a.AnswerKey, err)
	}
}

// What cannot be read as a call is refused by a signed answer too.
func TestRefusalOfAnUnreadableCallIsSigned(t *testing.T) {
	x := ask(t, listCall)
	r, err := x.keys.Answer(RefOf([]byte(x.sent.Body.Reveal())), 401, Refusal{Code: "unknown_device", Text: "No."}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := x.sent.Read(r); err != nil || a.Status != 401 {
		t.Errorf("got status %d: %v", a.Status, err)
	}
}

func TestBodyOfAnAnswerIsAnObjectWithoutATime(t *testing.T) {
	x := ask(t, listCall)
	secret := members{"key": access.NewSecret(canary)}
	for _, body := range []any{[]string{"a"}, nil, members{"time": "x"}, func() {}, secret} {
		_, err := x.keys.Answer(x.call.Ref, 200, body, noon)
		if CodeOf(err) != BadAnswer {
			t.Errorf("%T: got %v, want bad_answer", body, err)
		}
	}
	a, err := x.sent.Read(x.answer(t, 200, members{"state": 1}))
	if err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, a.Decode(&struct{ State string }{}), BadAnswer, "another form")
}

func TestAnswerKeysAreOneOrTwo(t *testing.T) {
	pem := func() string {
		text, err := newKey(t).PEM()
		if err != nil {
			t.Fatal(err)
		}
		return text.Reveal()
	}
	one := pem()
	for why, text := range map[string]string{
		"more than two":        one + pem() + pem(),
		"is the current one":   one + one,
		"it is empty":          " \n",
		"not PEM":              one + canary,
		"PEM of the type":      "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
		"P-256 key in PKCS #8": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		_, err := ParseAnswerKeys(access.NewSecret(text))
		wantRefusal(t, err, BadKey, why)
	}
	if _, err := ParseAnswerKeys(access.NewSecret(one + "\n" + pem() + "\n")); err != nil {
		t.Errorf("two keys with empty lines between them: %v", err)
	}
	if _, err := (PrivateKey{}).PEM(); !errors.As(err, new(*Error)) {
		t.Errorf("no key: got %v", err)
	}
}

// The answer key signed these too. What is not whole would fail later, in somebody else's program.
func TestSealedAnswerThatIsNotWholeIsRefused(t *testing.T) {
	x := ask(t, keysCall)
	whole := members{"account": "111111111111", "role": "R", "access_key_id": "ASIA", "secret_access_key": "s",
		"session_token": "t", "expires": noon}
	read := func(body members) (Answer, error) {
		payload, err := withTime(body, noon)
		if err != nil {
			t.Fatal(err)
		}
		jws, err := x.keys.sign(x.call.Ref, 200, payload)
		if err != nil {
			t.Fatal(err)
		}
		return x.sent.Read(reseal(t, x, jws))
	}
	keysOf := func(body members) error {
		a, err := read(body)
		if err == nil {
			_, err = a.Keys()
		}
		return err
	}
	if err := keysOf(whole); err != nil {
		t.Errorf("whole keys are refused: %v", err)
	}
	for name := range whole {
		if err := keysOf(whole.with(name, nil)); CodeOf(err) != BadAnswer {
			t.Errorf("keys without %s: got %v", name, err)
		}
	}
	both, err := read(whole.with("link", "https://x"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = both.Keys()
	wantRefusal(t, err, BadAnswer, "does not hold keys")
	_, err = both.Link()
	wantRefusal(t, err, BadAnswer, "does not hold a link")
}

// What vend signs is not secret. Somebody who passes it on can seal it to the caller, because HPKE does not say
// who sealed.
func TestASignedAnswerThatSomebodyElseSealedIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   members
		why    string
	}{
		"a refusal":         {403, members{"code": "no_grant", "text": "No."}, "status is not 200"},
		"a pending request": {202, members{"id": "R1", "state": "pending"}, "status is not 200"},
		"keys with 403": {403, members{"account": "111111111111", "role": "R", "expires": noon, "access_key_id": "ASIA",
			"secret_access_key": canary, "session_token": canary}, "status is not 200"},
		"a request":              {200, members{"id": "R1", "account": "111111111111", "role": "R"}, "account, role or end"},
		"a request with expires": {200, members{"account": "1", "role": "R", "expires": noon}, "neither keys nor a link"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, call := range []Payload{keysCall, consoleCall} {
				x := ask(t, call)
				honest := x.answer(t, c.status, c.body)
				protected, signature, _ := strings.Cut(honest.Signature, "..")
				jws := protected + "." + encode64([]byte(honest.Body)) + "." + signature
				_, err := x.sent.Read(reseal(t, x, jws))
				wantRefusal(t, err, BadAnswer, c.why)
				if a, err := x.sent.Read(honest); err != nil || a.Status != c.status {
					t.Errorf("not sealed, it is read as %d, %v", a.Status, err)
				}
			}
		})
	}
}
