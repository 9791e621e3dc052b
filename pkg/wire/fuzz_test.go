package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// A call that is accepted was signed by the device, has one spelling, and can be read in one way.
func FuzzParse(f *testing.F) {
	device := newKey(f)
	good := signRaw(f, device, headerOf(device).json(f), listPayload)
	embedded := headerOf(device).with("kid", nil).with("jwk", device.Public())
	for _, seed := range []string{
		good, good + ".", good + "=", good + "\n", "..", signRaw(f, device, `{"alg":"none"}`, "{}"),
		signRaw(f, device, embedded.json(f), `{"op":"status","oidc":"a.b.c"}`), `{"payload":"","signatures":[]}`,
		strings.Replace(good, ".", "..", 1), signRaw(f, device, headerOf(device).with("crit", []int{1}).json(f), "[]"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := Parse([]byte(text), address)
		if (u == nil || CodeOf(err) != "") != (err != nil) {
			t.Fatalf("%q: a call without a code: %v", text, err)
		}
		if err != nil {
			return
		}
		if parts := strings.Split(text, "."); len(text) > MaxCall || len(parts) != 3 {
			t.Errorf("%q is accepted", text)
		}
		key, ok := u.Embedded()
		if !ok {
			key = device.Public()
		}
		if u.Thumbprint() == "" || ok != u.call.Payload.embedsKey() {
			t.Errorf("%q: its key is unclear", text)
		}
		if call, err := u.Verify(key, noon); err == nil && !ok && call.Payload != (Payload{Op: List}) {
			t.Errorf("%q: the device never signed %+v", text, call.Payload)
		}
	})
}

// A payload that is accepted says the same when it is written and read again.
func FuzzParsePayload(f *testing.F) {
	for _, m := range validPayloads() {
		f.Add([]byte(m.json(f)))
	}
	for _, seed := range []string{
		`{"op":"list","op":"list"}`, `{"op":"list"}{}`, "null", "{\"op\":\"list\xff\"}", `{"o\u0070":"list"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePayload(text)
		if err != nil {
			if CodeOf(err) != BadPayload || p != (Payload{}) {
				t.Errorf("%q: got %v, %v", text, p, err)
			}
			return
		}
		written, err := p.encode()
		if err != nil {
			t.Fatalf("%q is read and cannot be written: %v", text, err)
		}
		again, err := ParsePayload(written)
		if again.AWS != nil && p.AWS != nil {
			*again.AWS, again.AWS = *p.AWS, p.AWS
		}
		if err != nil || again != p {
			t.Errorf("%q: got %+v, then %+v: %v", text, p, again, err)
		}
	})
}

// An answer that is accepted is the one that vend signed.
func FuzzRead(f *testing.F) {
	x := ask(f, keysCall)
	plain, sealed := x.answer(f, 202, members{"state": "pending"}), x.sealed(f)
	f.Add(plain.Signature, plain.Body)
	f.Add(sealed.Signature, sealed.Body)
	f.Add(plain.Signature, sealed.Body)
	f.Add("..", "{}")
	f.Add("", `{"sealed":""}`)
	f.Add("", "<html>")
	f.Fuzz(func(t *testing.T, signature, body string) {
		a, err := x.sent.Read(Response{Status: 200, Signature: signature, Body: body})
		switch {
		case err != nil && CodeOf(err) == "":
			t.Errorf("%q %q: an error without a code: %v", signature, body, err)
		case err == nil && (signature != plain.Signature || body != plain.Body) && body != sealed.Body:
			t.Errorf("%q %q is accepted with status %d", signature, body, a.Status)
		}
	})
}

// What an answer key signs is read without harm, whatever it is.
func FuzzOpen(f *testing.F) {
	x := ask(f, keysCall)
	digest := digestOf(x.sent.Body.Reveal())
	header := members{"alg": "ES256", "jwk": x.keys.current.Public(), "call": encode64(digest[:]), "status": 200}
	f.Add(header.json(f), `{"time":"2026-11-26T12:00:00.000Z","account":"1","role":"R","expires":"2026-11-26T13:00:00Z"}`)
	f.Add(header.with("next_answer_key", thumb).json(f), `{"time":"2026-11-26T12:00:00.000Z"}`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		a, err := x.sent.open(signRaw(t, x.keys.current, header, payload), true)
		if err != nil {
			return
		}
		if a.Time.IsZero() || a.Status < 200 || a.Status > 599 || a.AnswerKey != x.keys.Thumbprint() {
			t.Errorf("%q %q is accepted", header, payload)
		}
		if keys, err := a.Keys(); err == nil && (keys.Credentials.SecretKey.Empty() || keys.Account == "") {
			t.Errorf("%q holds keys that are not whole", payload)
		}
		if link, err := a.Link(); err == nil && (link.Address.Empty() || link.Expires.Equal(time.Time{})) {
			t.Errorf("%q holds a link that is not whole", payload)
		}
	})
}

// A code that is read is printed in one way, and is read back.
func FuzzParsePairingCode(f *testing.F) {
	for _, seed := range []string{
		newCode(f).Text().Reveal(), strings.Repeat("0", 26), "o-I-l", "é", "7" + strings.Repeat("z", 25),
		"8" + strings.Repeat("z", 25),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code, err := ParsePairingCode(access.NewSecret(typed))
		if err != nil {
			if CodeOf(err) != BadCode {
				t.Errorf("%q: got %v", typed, err)
			}
			return
		}
		again, err := ParsePairingCode(code.Text())
		if err != nil || again.bits != code.bits {
			t.Errorf("%q is printed as another code: %v", typed, err)
		}
	})
}

// A URL that is read is printed as it was, and plain http stays on this computer.
func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{
		address + "#" + thumb, "http://127.0.0.1:1/v1#" + thumb, "http://[::1]/v1#" + thumb, "https://a/../v1#" + thumb,
		"https://[::1%25x]/v1#" + thumb,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURL(text)
		switch {
		case err != nil && CodeOf(err) != BadURL:
			t.Errorf("%q: got %v", text, err)
		case err == nil && (u.String() != text || !strings.HasPrefix(text, "https://") && !u.Loopback()):
			t.Errorf("%q is read as %+v", text, u)
		}
	})
}

// Keys are read from a secret of the operators and from a file of the person.
func FuzzParsePrivateKeys(f *testing.F) {
	pem, err := newKey(f).PEM()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pem.Reveal())
	f.Add(pem.Reveal() + pem.Reveal())
	f.Add("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := ParsePrivateKeys(access.NewSecret(text))
		if (err != nil) != (len(keys) == 0) || err != nil && CodeOf(err) != BadKey {
			t.Errorf("%q: got %d keys, %v", text, len(keys), err)
		}
		for _, key := range keys {
			if !isThumbprint(key.Public().Thumbprint()) {
				t.Errorf("%q has a key without a thumbprint", text)
			}
		}
	})
}
