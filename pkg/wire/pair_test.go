package wire

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
)

func newCode(t testing.TB) PairingCode {
	t.Helper()
	code, err := NewPairingCode()
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// pairPayload is a valid payload that pairs a key.
func pairPayload(t testing.TB, device PrivateKey, jti string) members {
	t.Helper()
	code := newCode(t)
	public, err := code.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := code.prove(address, device.Public().Thumbprint(), jti)
	if err != nil {
		t.Fatal(err)
	}
	return members{"op": "pair", "code_key": public, "proof": proof}
}

func TestPairingProvesTheCodeWithoutSendingIt(t *testing.T) {
	device, code := newKey(t), newCode(t)
	_, server := newAnswerKeys(t, 1)
	caller := Caller{Server: server, Key: device}
	_, err := caller.Pair(code, "anna's laptop", noon)
	wantRefusal(t, err, BadPayload, "name")
	sent, err := caller.Pair(code, "annas-laptop", noon)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(sent.Body.Reveal(), code.Text().Reveal()) {
		t.Error("the code is sent")
	}
	call, err := receive(sent.Body.Reveal(), PublicKey{}, noon)
	public, _ := code.PublicKey()
	if err != nil || call.Payload.CodeKey != public || call.Key.Thumbprint() != device.Public().Thumbprint() ||
		call.Payload.Name != "annas-laptop" {
		t.Errorf("got %+v: %v", call.Payload, err)
	}
}

// A proof that was seen is of no use for another key, another call or another server, and nobody can
// make one without the code.
func TestProofOfAPairingCannotBeMoved(t *testing.T) {
	device, thief := newKey(t), newKey(t)
	valid := pairPayload(t, device, jti)
	embed := func(key PrivateKey) members { return headerOf(key).with("kid", nil).with("jwk", key.Public()) }
	code := newCode(t)
	elsewhere, err := code.prove("https://other.example.com/v1", device.Public().Thumbprint(), jti)
	if err != nil {
		t.Fatal(err)
	}
	otherCode, _ := newCode(t).PublicKey()
	ownCode, _ := code.PublicKey()
	for name, c := range map[string]struct {
		key     PrivateKey
		header  members
		payload members
	}{
		"another key":    {thief, embed(thief), valid},
		"another call":   {device, embed(device).with("jti", strings.Repeat("B", 21)+"A"), valid},
		"another code":   {device, embed(device), valid.with("code_key", otherCode)},
		"another server": {device, embed(device), valid.with("code_key", ownCode).with("proof", elsewhere)},
		"no proof":       {device, embed(device), valid.with("proof", encode64(make([]byte, 64)))},
		"a key of zeros": {device, embed(device), valid.with("code_key", encode64(make([]byte, 32)))},
	} {
		_, err := receive(signRaw(t, c.key, c.header.json(t), c.payload.json(t)), PublicKey{}, noon)
		t.Run(name, func(t *testing.T) { wantRefusal(t, err, BadProof, "did not sign this pairing") })
	}
	if _, err := receive(signRaw(t, device, embed(device).json(t), valid.json(t)), PublicKey{}, noon); err != nil {
		t.Errorf("the valid pairing is refused: %v", err)
	}
}

func TestPartsOfAProofCannotChangeTheirBorders(t *testing.T) {
	if string(proofText("ab", "c", "d")) == string(proofText("a", "bc", "d")) {
		t.Error("two lists of parts give the same text")
	}
}

func TestCodeIsReadAsPeopleTypeIt(t *testing.T) {
	code := codeOf([16]byte{
		0x00, 0x10, 0x83, 0x10, 0x51, 0x87, 0x20, 0x92, 0x8b, 0x30, 0xd3, 0x8f, 0x41, 0x14, 0x93, 0x51,
	})
	text := code.Text().Reveal()
	groups := strings.Split(text, "-")
	if len(groups) != 6 || len(groups[0]) != 5 || len(groups[4]) != 5 || len(groups[5]) != 1 {
		t.Errorf("%q is not in groups of five", text)
	}
	for _, typed := range []string{
		text, strings.ToLower(text), "  " + text + "\r\n", strings.ReplaceAll(text, "-", ""),
		strings.ReplaceAll(text, "-", " "),
		strings.NewReplacer("0", "O", "1", "I").Replace(text), strings.NewReplacer("0", "o", "1", "l").Replace(text),
		strings.ReplaceAll(text, "1", "i"), strings.ReplaceAll(text, "1", "L"),
	} {
		read, err := ParsePairingCode(access.NewSecret(typed))
		if err != nil || read.bits != code.bits {
			t.Errorf("%q: got another code: %v", typed, err)
		}
	}
	made := newCode(t)
	read, err := ParsePairingCode(made.Text())
	if err != nil || read.bits != made.bits || made.bits == newCode(t).bits {
		t.Errorf("a new code is not read back: %v", err)
	}
}

func TestOtherTextIsNoCode(t *testing.T) {
	for typed, why := range map[string]string{
		"":                            "26 characters",
		strings.Repeat("0", 25):       "26 characters",
		strings.Repeat("0", 27):       "26 characters",
		"8" + strings.Repeat("0", 25): "26 characters", // more than 128 bits
		strings.Repeat("U", 26):       "no code has",
		strings.Repeat("0", 25) + "é": "no code has",
		strings.Repeat("0", 25) + "*": "no code has",
		strings.Repeat("-", 201):      "too long",
		"Z" + canary:                  "26 characters",
	} {
		_, err := ParsePairingCode(access.NewSecret(typed))
		wantRefusal(t, err, BadCode, why)
	}
}

func TestProofIsEd25519OverLengthPrefixedParts(t *testing.T) {
	want := "\x00\x00\x00\x12aws-access pair v1\x00\x00\x00\x01u\x00\x00\x00\x02tt\x00\x00\x00\x00"
	if got := string(proofText("u", "tt", "")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	code := newCode(t)
	key, err := code.key()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := code.prove("u", "tt", "")
	signature, _ := decode64(proof)
	if err != nil || !ed25519.Verify(key.Public().(ed25519.PublicKey), []byte(want), signature) {
		t.Errorf("the proof does not verify: %v", err)
	}
}
