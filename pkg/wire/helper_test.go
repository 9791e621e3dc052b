package wire

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

const address = "https://access.example.com/v1"

var noon = time.Date(2026, 11, 26, 12, 0, 0, 123e6, time.UTC)

func newKey(t testing.TB) PrivateKey {
	t.Helper()
	key, err := NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newAnswerKeys makes one or two answer keys, and the URL with the current one.
func newAnswerKeys(t testing.TB, n int) (AnswerKeys, URL) {
	t.Helper()
	text := ""
	for range n {
		pem, err := newKey(t).PEM()
		if err != nil {
			t.Fatal(err)
		}
		text += pem.Reveal()
	}
	keys, err := ParseAnswerKeys(access.NewSecret(text))
	if err != nil {
		t.Fatal(err)
	}
	return keys, URL{Address: address, AnswerKey: keys.Thumbprint()}
}

// signRaw signs any header and payload with ES256. It shares no code with the package, which could not
// write most of what the tests send.
func signRaw(t testing.TB, key PrivateKey, header, payload string) string {
	t.Helper()
	text := encode64([]byte(header)) + "." + encode64([]byte(payload))
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + encode64(signature[:])
}

// members is a JSON object whose members a test changes.
type members map[string]any

func (m members) with(name string, value any) members {
	changed := members{}
	for n, v := range m {
		changed[n] = v
	}
	if changed[name] = value; value == nil {
		delete(changed, name)
	}
	return changed
}

func (m members) json(t testing.TB) string {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var jti = strings.Repeat("A", 22)

// headerOf is a valid header of a call by a device.
func headerOf(key PrivateKey) members {
	return members{"alg": "ES256", "kid": key.Public().Thumbprint(), "url": address, "jti": jti, "iat": noon.Unix()}
}

// receive reads and verifies a call as a server does. The server knows one device.
func receive(text string, device PublicKey, now time.Time) (Call, error) {
	u, err := Parse([]byte(text), address)
	if err != nil {
		return Call{}, err
	}
	key, embedded := u.Embedded()
	if !embedded {
		key = device
	}
	return u.Verify(key, now)
}

// wantRefusal asserts the reason of a refusal, and that it repeats nothing of what was sent.
func wantRefusal(t *testing.T, err error, code Code, why string) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != code || !strings.Contains(e.Why, why) {
		t.Errorf("got %q, %v; want %q with %q", CodeOf(err), err, code, why)
	}
	if err != nil && (strings.Contains(err.Error(), canary) || len(err.Error()) > 200) {
		t.Errorf("the refusal repeats what was sent: %.300s", err)
	}
}

// canary stands in what is sent and must not stand in a refusal.
const canary = "CANARYcanary"
