//go:build deployed

package local

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/wire"
)

// withAddress returns the parameters of a deploy with the address that the emulator's API
// Gateway sees: it has no TLS and another port.
func (w *world) withAddress() string {
	w.t.Helper()
	api, err := url.Parse(w.address(""))
	w.must(err)
	return w.parameters() + " CommandUrl=https://" + api.Hostname() + "/v1"
}

// plain sends what is meant for https to the emulator.
type plain struct{ network http.RoundTripper }

func (p plain) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme = "http"
	return p.network.RoundTrip(r)
}

var (
	givenURL  = regexp.MustCompile(`aws-access login (\S+#\S{43})`)
	givenCode = regexp.MustCompile(`(?:[0-9A-Z]{5}-){5}[0-9A-Z]`)
)

// device pairs a computer by a code from Slack.
func (w *world) device(as string) *client.Client {
	w.t.Helper()
	w.command(as, "/aws-access login")
	said := ""
	w.eventually(as+" gets a pairing code", func() bool {
		for _, m := range w.slack.Messages() {
			if m.To == as && givenURL.MatchString(m.Text) {
				said = m.Text
			}
		}
		return said != ""
	})
	server, err := wire.ParseURL(givenURL.FindStringSubmatch(said)[1])
	w.must(err)
	code, err := wire.ParsePairingCode(access.NewSecret(givenCode.FindString(said)))
	w.must(err)
	key, err := wire.NewPrivateKey()
	w.must(err)
	w.canaries["pairing code of "+as] = code.Text().Reveal()
	w.canaries["pairing code of "+as+" without hyphens"] = strings.ReplaceAll(code.Text().Reveal(), "-", "")
	text, err := key.PEM()
	w.must(err)
	w.collectKey("device of "+as, text.Reveal())
	c := &client.Client{
		Server: server, Key: key, HTTP: &http.Client{Transport: plain{w.public().Transport}}, Now: time.Now,
		Pause: client.Sleep, Say: func(string) {},
	}
	answer, err := c.Pair(w.t.Context(), code, "laptop")
	w.must(err)
	var paired wire.Paired
	w.must(answer.Decode(&paired))
	if paired.Person.ID != as {
		w.t.Fatalf("the device is one of %+v, want %s", paired.Person, as)
	}
	return c
}

// collectKey adds a private key to the secrets: the lines of its PEM, and its number as a JWK would have it.
func (w *world) collectKey(of, text string) {
	w.t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		w.t.Fatalf("the key of the %s has no PEM", of)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	w.must(err)
	number, err := parsed.(*ecdsa.PrivateKey).Bytes()
	w.must(err)
	w.canaries["number of the key of the "+of] = base64.RawURLEncoding.EncodeToString(number)
	w.canaries["number of the key of the "+of+", in hex"] = hex.EncodeToString(number)
	for i, line := range strings.Split(text, "\n") {
		if len(line) >= 40 && !strings.HasPrefix(line, "-") {
			w.canaries[fmt.Sprintf("line %d of the key of the %s", i, of)] = line
		}
	}
}

// programs is the whole exchange: pairing, a request, an approval in Slack, and keys that the
// emulator's STS accepts. A stranger's call is refused by api alone.
func (w *world) programs() {
	c := w.device("U0DEV1")
	w.computer = c
	do := func(p wire.Payload) client.Answer {
		w.t.Helper()
		answer, err := c.Do(w.t.Context(), p)
		w.must(err)
		return answer
	}
	var asked wire.Grant
	answer := do(wire.Payload{
		Op: wire.Request, Account: "payments-prod", Role: "ReadOnly", Length: "1h", Reason: "asked by a command line",
	})
	w.must(answer.Decode(&asked))
	w.told("C0APPROVALS", "asked by a command line")
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	w.told("C0APPROVALS", "AWS access granted")
	got, err := do(wire.Payload{Op: wire.Keys, Account: production, Role: "ReadOnly"}).Keys()
	w.must(err)
	w.canaries["secret key of the command line"] = got.Credentials.SecretKey.Reveal()
	w.canaries["session token of the command line"] = got.Credentials.SessionToken.Reveal()
	k := keys{got.Credentials.AccessKeyID, got.Credentials.SecretKey.Reveal(), got.Credentials.SessionToken.Reveal()}
	if who, want := w.whoIs(k), "arn:aws:sts::"+production+":assumed-role/ReadOnly/aws-access-"+asked.ID; who != want {
		w.t.Errorf("the keys are of %s, want %s", who, want)
	}
	do(wire.Payload{Op: wire.End, ID: asked.ID})
	w.told("C0APPROVALS", "AWS access given back")

	stranger := *c
	stranger.Key, err = wire.NewPrivateKey()
	w.must(err)
	_, err = stranger.Do(w.t.Context(), wire.Payload{Op: wire.List})
	if failed, ok := errors.AsType[*client.Failure](err); !ok || failed.Code != client.UnknownDevice {
		w.t.Errorf("a key that is no device got %v, want that it is unknown", err)
	}
	if at := w.outputs["CommandUrl"]; !strings.HasPrefix(c.Server.String(), at+"#") {
		w.t.Errorf("people are given %s, and the stack has %s", c.Server, at)
	}
}
