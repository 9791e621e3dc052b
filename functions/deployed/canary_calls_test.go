package deployed_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/client"
	callwire "github.com/aws-access/aws-access/pkg/wire"
)

// collectKey adds a private key to the secrets: the lines of its PEM, and its number as a JWK has it.
func (w *world) collectKey(name string, key callwire.PrivateKey) {
	w.t.Helper()
	text, err := key.PEM()
	w.must(err)
	block, _ := pem.Decode([]byte(text.Reveal()))
	if block == nil {
		w.t.Fatalf("%s has no PEM", name)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	w.must(err)
	number, err := parsed.(*ecdsa.PrivateKey).Bytes()
	w.must(err)
	w.own[name+", as a number"] = base64.RawURLEncoding.EncodeToString(number)
	w.own[name+", as a number in hex"] = hex.EncodeToString(number)
	for i, line := range strings.Split(text.Reveal(), "\n") {
		if len(line) >= 40 && !strings.HasPrefix(line, "-") {
			w.own[fmt.Sprintf("%s, line %d", name, i)] = line
		}
	}
}

// collectSession adds the keys of a session to the secrets.
func (w *world) collectSession(k callwire.SessionKeys) {
	id := k.Credentials.AccessKeyID
	w.own["the secret key of "+id] = k.Credentials.SecretKey.Reveal()
	w.own["the session token of "+id] = k.Credentials.SessionToken.Reveal()
}

// hearing makes a client whose answers are searched for secrets.
func (w *world) hearing(c *http.Client) *http.Client {
	c.Transport = heard{w, c.Transport}
	return c
}

type heard struct {
	w    *world
	next http.RoundTripper
}

func (h heard) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := h.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	h.w.mu.Lock()
	defer h.w.mu.Unlock()
	fmt.Fprintf(&h.w.answered, "%s %v %s\n", answer.Status, answer.Header, body)
	return answer, err
}

// keysAndLink asks for keys and a link, which may fail, and collects them. It returns how many it got.
func (w *world) keysAndLink(c *client.Client) (got int) {
	w.t.Helper()
	target := callwire.Payload{Op: callwire.Keys, Account: "payments-prod", Role: "ReadOnly"}
	if answer, err := c.Do(w.t.Context(), target); err == nil {
		keys, err := answer.Keys()
		w.must(err)
		w.collectSession(keys)
		got++
	}
	target.Op = callwire.Console
	if answer, err := c.Do(w.t.Context(), target); err == nil {
		link, err := answer.Link()
		w.must(err)
		found := secretIn.FindStringSubmatch(link.Address.Reveal())
		if found == nil {
			w.t.Fatal("the link has no sign-in token")
		}
		w.own["the sign-in token of a link"] = strings.ReplaceAll(found[2], "%2B", "+")
		got++
	}
	w.must(w.quiet())
	return got
}

// misuse sends /v1 what is no call: the secrets of the computer themselves.
func (w *world) misuse(c *client.Client) {
	w.t.Helper()
	text, err := c.Key.PEM()
	w.must(err)
	for _, body := range []string{text.Reveal(), w.own["the pairing code"],
		`{"code":"` + w.own["the pairing code"] + `"}`, strings.Repeat(text.Reveal(), 100)} {
		answer, err := c.HTTP.Post(w.url+"/v1", "application/jose", strings.NewReader(body))
		w.must(err)
		_ = answer.Body.Close()
		if answer.StatusCode < 400 || answer.StatusCode >= 500 {
			w.t.Errorf("what is no call was answered %s", answer.Status)
		}
	}
}

// The code, the device's key, and the keys and links that are handed out are in no log, item, record, queue
// or answer, also when calls fail, and when somebody sends the secrets themselves to the server.
func TestNoSecretOfTheCommandLineIsWrittenAnywhere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wrong []rule
		gets  int // keys and links that reach the computer while calls fail
	}{
		"nothing goes wrong":           {nil, 2},
		"STS repeats what it was sent": {[]rule{{op: "sts:", how: repeats}}, 0},
		"STS loses its answer":         {[]rule{{op: "sts:", limit: 1, lost: true}}, -1},
		"sign-in repeats it":           {[]rule{{op: "federation", how: repeats}}, 1},
		"the table is away after STS":  {[]rule{{op: "dynamodb:TransactWriteItems", by: "vend", skip: 1, how: repeats}}, -1},
		"vend's answer is lost":        {[]rule{{op: "lambda:Invoke", by: "api", limit: 1, lost: true}}, -1},
		"vend's call is repeated":      {[]rule{{op: "lambda:Invoke", by: "api", how: repeats}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.collectKey("the answer key's", w.answers)
			d := w.device("U0DEV1")
			w.call(d, callwire.Payload{
				Op: callwire.Request, Account: "payments-prod", Role: "ReadOnly", Length: "1h", Reason: "INC-1: stuck payouts",
			})
			w.must(w.quiet())
			w.click("U0LEAD1", "Approve", "C0APPROVALS")
			for _, r := range c.wrong {
				w.wire.breaks(r)
			}
			if got := w.keysAndLink(d); c.gets >= 0 && got != c.gets {
				t.Errorf("%d of keys and link reached the computer, want %d\n%s", got, c.gets, w.logs("vend"))
			}
			w.misuse(d)
			w.wire.recovers()
			if got := w.keysAndLink(d); got != 2 {
				t.Errorf("afterwards %d of keys and link reached the computer, want 2\n%s", got, w.logs("vend"))
			}
			w.call(d, callwire.Payload{Op: callwire.Unpair, Device: d.Key.Public().Thumbprint()})
			w.must(w.quiet())
			for place := range onlyOfCalls {
				if text := w.places()[place]; len(text) < 100 {
					t.Errorf("%s holds nothing: the search looks at the wrong thing", place)
				}
			}
			for _, found := range w.found() {
				t.Error(found)
			}
		})
	}
}
