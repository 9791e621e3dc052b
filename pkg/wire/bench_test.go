package wire

import "testing"

// BenchmarkExchange is one call for keys from its signature to the opened keys: sign, parse, verify,
// sign the answer, seal, open, verify.
func BenchmarkExchange(b *testing.B) {
	keys, server := newAnswerKeys(b, 1)
	device := newKey(b)
	caller := Caller{Server: server, Key: device}
	for b.Loop() {
		sent, err := caller.Sign(keysCall, noon)
		if err != nil {
			b.Fatal(err)
		}
		call, err := receive(sent.Body.Reveal(), device.Public(), noon)
		if err != nil {
			b.Fatal(err)
		}
		r, err := keys.SealKeys(call.Ref, sessionKeys(), noon)
		if err != nil {
			b.Fatal(err)
		}
		a, err := sent.Read(r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := a.Keys(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkForgedCall is what a call with a wrong signature costs the server.
func BenchmarkForgedCall(b *testing.B) {
	device, other := newKey(b), newKey(b)
	text := signRaw(b, other, headerOf(device).json(b), listPayload)
	public := device.Public()
	for b.Loop() {
		if _, err := receive(text, public, noon); CodeOf(err) != BadSignature {
			b.Fatal(err)
		}
	}
}

// BenchmarkMalformedCall is what a call costs that is refused before any signature is checked.
func BenchmarkMalformedCall(b *testing.B) {
	device := newKey(b)
	text := signRaw(b, device, headerOf(device).with("crit", []string{"x"}).json(b), listPayload)
	for b.Loop() {
		if _, err := receive(text, PublicKey{}, noon); CodeOf(err) != UnknownCrit {
			b.Fatal(err)
		}
	}
}
