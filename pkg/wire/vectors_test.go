package wire

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"encoding/hex"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/vectors.json again")

// vectors are examples for other clients (docs/wire.md). Its private keys are bytes of one value.
type vectors struct {
	URL               string          `json:"url"`
	DevicePrivate     string          `json:"device_private_hex"`
	DeviceJWK         json.RawMessage `json:"device_jwk"`
	DeviceThumbprint  string          `json:"device_thumbprint"`
	AnswerPrivate     string          `json:"answer_key_private_hex"`
	CodeBits          string          `json:"code_bits_hex"`
	Code              string          `json:"code"`
	CodeKey           string          `json:"code_key"`
	ProofJTI          string          `json:"proof_jti"`
	ProofText         string          `json:"proof_text_hex"`
	Proof             string          `json:"proof"`
	ListCall          string          `json:"list_call"`
	ListCallDigest    string          `json:"list_call_sha256_hex"`
	ListAnswer        Response        `json:"list_answer"`
	KeysCall          string          `json:"keys_call"`
	KeysSealPrivate   string          `json:"keys_call_seal_private_hex"`
	KeysAnswer        Response        `json:"keys_answer"`
	KeysAnswerPayload json.RawMessage `json:"keys_answer_payload"`
	Now               time.Time       `json:"now"`
}

const vectorsFile = "testdata/vectors.json"

func TestVectorsForOtherClients(t *testing.T) {
	if *update {
		text, err := json.MarshalIndent(makeVectors(t), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorsFile, append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	checkNames(t, v)
	checkListExchange(t, v)
	checkKeysExchange(t, v)
}

// checkNames checks what does not depend on random bytes.
func checkNames(t *testing.T, v vectors) {
	t.Helper()
	device, code := keyOf(t, v.DevicePrivate), codeOf([16]byte(unhex(t, v.CodeBits)))
	var jwk bytes.Buffer
	if err := json.Compact(&jwk, v.DeviceJWK); err != nil {
		t.Fatal(err)
	}
	written, err := json.Marshal(device.Public())
	if err != nil || !bytes.Equal(written, jwk.Bytes()) || device.Public().Thumbprint() != v.DeviceThumbprint {
		t.Errorf("the device's key is %s, %s: %v", written, device.Public().Thumbprint(), err)
	}
	public, err := code.PublicKey()
	if err != nil || code.Text().Reveal() != v.Code || public != v.CodeKey {
		t.Errorf("the code's key is %s: %v", public, err)
	}
	u, err := ParseURL(v.URL)
	if err != nil || u.AnswerKey != keyOf(t, v.AnswerPrivate).Public().Thumbprint() {
		t.Errorf("the URL is %+v: %v", u, err)
	}
	proof, err := code.prove(u.Address, v.DeviceThumbprint, v.ProofJTI)
	signedText := hex.EncodeToString(proofText(u.Address, v.DeviceThumbprint, v.ProofJTI))
	if err != nil || proof != v.Proof || signedText != v.ProofText {
		t.Errorf("the proof is %s over %s: %v", proof, signedText, err)
	}
}

func checkListExchange(t *testing.T, v vectors) {
	t.Helper()
	sent := sentOf(t, v, v.ListCall, nil)
	call, err := receiveVector(t, v, v.ListCall)
	if err != nil || call.Payload.Op != List || hex.EncodeToString(sent.digest[:]) != v.ListCallDigest {
		t.Errorf("the call of list: %+v: %v", call, err)
	}
	a, err := sent.Read(v.ListAnswer)
	if err != nil || a.Status != http.StatusForbidden || !a.Time.Equal(v.Now) {
		t.Errorf("the answer to list has status %d at %v: %v", a.Status, a.Time, err)
	}
}

func checkKeysExchange(t *testing.T, v vectors) {
	t.Helper()
	seal, err := hpke.DHKEM(ecdh.X25519()).NewPrivateKey(unhex(t, v.KeysSealPrivate))
	if err != nil {
		t.Fatal(err)
	}
	if call, err := receiveVector(t, v, v.KeysCall); err != nil || call.Payload.Op != Keys {
		t.Errorf("the call for keys: %+v: %v", call, err)
	}
	a, err := sentOf(t, v, v.KeysCall, seal).Read(v.KeysAnswer)
	if err != nil {
		t.Fatal(err)
	}
	var payload bytes.Buffer
	if err := json.Compact(&payload, v.KeysAnswerPayload); err != nil || payload.String() != a.body.Reveal() {
		t.Errorf("the keys are in another form: %v", err)
	}
	keys, err := a.Keys()
	if err != nil || keys.Credentials.AccessKeyID != "ASIAEXAMPLE" || keys.Account != keysCall.Account {
		t.Errorf("the keys are %v: %v", keys, err)
	}
}

func receiveVector(t *testing.T, v vectors, text string) (Call, error) {
	t.Helper()
	return receive(text, keyOf(t, v.DevicePrivate).Public(), v.Now)
}

func sentOf(t *testing.T, v vectors, jws string, seal hpke.PrivateKey) *Sent {
	t.Helper()
	u, err := ParseURL(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &Sent{server: u, digest: digestOf(jws), seal: seal}
}

func keyOf(t *testing.T, private string) PrivateKey {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), unhex(t, private))
	if err != nil {
		t.Fatal(err)
	}
	return PrivateKey{key: key}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// makeVectors plays one exchange with keys that everybody knows.
func makeVectors(t *testing.T) vectors {
	t.Helper()
	same := func(value byte, n int) string { return hex.EncodeToString(bytes.Repeat([]byte{value}, n)) }
	v := vectors{DevicePrivate: same(1, 32), AnswerPrivate: same(2, 32), KeysSealPrivate: same(3, 32),
		CodeBits: same(4, 16), Now: noon, ProofJTI: encode64(bytes.Repeat([]byte{5}, idSize))}
	device, keys := keyOf(t, v.DevicePrivate), AnswerKeys{current: keyOf(t, v.AnswerPrivate)}
	server := URL{Address: address, AnswerKey: keys.Thumbprint()}
	code := codeOf([16]byte(unhex(t, v.CodeBits)))
	v.URL, v.Code, v.DeviceThumbprint = server.String(), code.Text().Reveal(), device.Public().Thumbprint()
	v.ProofText = hex.EncodeToString(proofText(address, v.DeviceThumbprint, v.ProofJTI))
	var err error
	check := func() {
		if err != nil {
			t.Fatal(err)
		}
	}
	v.DeviceJWK, err = json.Marshal(device.Public())
	check()
	v.CodeKey, err = code.PublicKey()
	check()
	v.Proof, err = code.prove(address, v.DeviceThumbprint, v.ProofJTI)
	check()
	sent, err := Caller{Server: server, Key: device}.Sign(listCall, noon)
	check()
	v.ListCall, v.ListCallDigest = sent.Body.Reveal(), hex.EncodeToString(sent.digest[:])
	refusal := Refusal{Code: "no_access", Text: "You have no access.", Next: "Ask for it."}
	v.ListAnswer, err = keys.Answer(Ref{digest: sent.digest}, http.StatusForbidden, refusal, noon)
	check()
	seal, err := hpke.DHKEM(ecdh.X25519()).NewPrivateKey(unhex(t, v.KeysSealPrivate))
	check()
	sealTo := encode64(seal.PublicKey().Bytes())
	payload := members{"op": "keys", "account": keysCall.Account, "role": keysCall.Role, "seal_to": sealTo}
	v.KeysCall = signRaw(t, device, headerOf(device).json(t), payload.json(t))
	v.KeysAnswer, err = keys.SealKeys(Ref{digest: digestOf(v.KeysCall), sealTo: sealTo}, sessionKeys(), noon)
	check()
	a, err := (&Sent{server: server, digest: digestOf(v.KeysCall), seal: seal}).Read(v.KeysAnswer)
	check()
	v.KeysAnswerPayload = json.RawMessage(a.body.Reveal())
	return v
}

// The example of RFC 9449, section 6.1.
func TestThumbprintIsTheOneOfRFC7638(t *testing.T) {
	key, err := ParsePublicKey([]byte(`{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",` +
		`"y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}`))
	const want = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	if err != nil || key.Thumbprint() != want {
		t.Errorf("got %s, want %s: %v", key.Thumbprint(), want, err)
	}
}
