package machine

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/oidcfake"
)

// pipelines is an issuer over https, with a server that checks its tokens and counts what it reads.
type pipelines struct {
	*oidcfake.Issuer
	tokens *Tokens
	server *httptest.Server
	reads  atomic.Int32 // of the key set
	now    time.Time
	// answer replaces the answers of the issuer, unless it is nil.
	answer func(w http.ResponseWriter, r *http.Request)
}

func newPipelines(t *testing.T) *pipelines {
	t.Helper()
	p := &pipelines{now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	p.server = httptest.NewTLSServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.server.Close)
	var err error
	if p.Issuer, err = oidcfake.New(p.server.URL); err != nil {
		t.Fatal(err)
	}
	client := NewClient()
	transport, ok := client.Transport.(*http.Transport)
	if !ok {
		t.Fatalf("the transport is a %T", client.Transport)
	}
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	transport.TLSClientConfig.RootCAs.AddCert(p.server.Certificate())
	p.tokens = &Tokens{Issuers: []string{p.URL()}, Client: client, Now: func() time.Time { return p.now }}
	return p
}

func (p *pipelines) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/jwks") {
		p.reads.Add(1)
	}
	if p.answer != nil {
		p.answer(w, r)
		return
	}
	p.ServeHTTP(w, r)
}

func tokenQuestion() Question { return Question{Audience: audience, Key: thumb} }

// claims are those of a sound token, with changes; a claim that is nil is left out.
func (p *pipelines) claims(changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": p.URL(), "aud": tokenQuestion().TokenAudience(), "sub": "repo:octo-org/octo-repo:ref:refs/heads/main",
		"iat": p.now.Unix(), "nbf": p.now.Unix() - 600, "exp": p.now.Unix() + 300, "jti": "x",
		"repository_id": "456789", "run_id": "9001", "run_attempt": "1",
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

func (p *pipelines) token(t *testing.T, changes map[string]any) access.Secret {
	t.Helper()
	token, err := p.Token(p.claims(changes))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// check asks for the machine of a token, and holds that no error repeats a part of the token.
func (p *pipelines) check(t *testing.T, token access.Secret) (access.Machine, string) {
	t.Helper()
	m, err := p.tokens.Machine(t.Context(), token, tokenQuestion())
	if (err == nil) != (m.Run != nil) {
		t.Errorf("got %+v, %v", m, err)
	}
	if err == nil {
		return m, ""
	}
	for part := range strings.SplitSeq(token.Reveal(), ".") {
		if len(part) > 3 && strings.Contains(err.Error(), part) {
			t.Errorf("the error repeats a part of the token: %v", err)
		}
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("the error repeats a claim: %v", err)
	}
	return m, access.Code(err)
}

const canary = "canary-of-a-claim"

func TestARunProvesItselfByAToken(t *testing.T) {
	p := newPipelines(t)
	m, code := p.check(t, p.token(t, map[string]any{"environment": "production"}))
	if code != "" || m.Run.Issuer != p.URL() || m.Run.Claims["environment"] != "production" || m.Check() != nil {
		t.Errorf("got %+v, %s", m, code)
	}
	again, code := p.check(t, p.token(t, map[string]any{"jti": "y"}))
	if code != "" || again.ID() != m.ID() {
		t.Errorf("another token of the run is %s, %s; want %s", again.ID(), code, m.ID())
	}
	if n := p.reads.Load(); n != 1 {
		t.Errorf("the keys were read %d times for two tokens", n)
	}
}

// A token that is not for this call is refused before its issuer learns of it.
func TestAnIssuerIsNotAskedAboutATokenThatCannotBeRight(t *testing.T) {
	for what, c := range map[string]struct {
		changes map[string]any
		code    string
	}{
		"expired":                    {map[string]any{"exp": -1}, "expired_token"},
		"expires now":                {map[string]any{"exp": 0}, "expired_token"},
		"not valid yet":              {map[string]any{"nbf": 61}, "expired_token"},
		"made in the future":         {map[string]any{"iat": 61}, "expired_token"},
		"no exp":                     {map[string]any{"exp": nil}, "bad_token"},
		"no iat":                     {map[string]any{"iat": nil}, "bad_token"},
		"exp as text":                {map[string]any{"exp": "9999999999"}, "bad_token"},
		"exp without end":            {map[string]any{"exp": json.Number("1e300")}, "bad_token"},
		"exp below zero":             {map[string]any{"exp": json.Number("-1")}, "bad_token"},
		"nbf as text":                {map[string]any{"nbf": "0"}, "bad_token"},
		"another installation":       {map[string]any{"aud": "https://evil.example.com/v1#" + thumb}, "bad_token"},
		"another key":                {map[string]any{"aud": audience + "#" + strings.ToUpper(thumb)}, "bad_token"},
		"a fixed audience":           {map[string]any{"aud": "sts.amazonaws.com"}, "bad_token"},
		"an audience in a list":      {map[string]any{"aud": []string{tokenQuestion().TokenAudience()}}, "bad_token"},
		"two audiences":              {map[string]any{"aud": []string{tokenQuestion().TokenAudience(), "x"}}, "bad_token"},
		"no audience":                {map[string]any{"aud": nil}, "bad_token"},
		"another issuer":             {map[string]any{"iss": "https://evil.example.com"}, "unknown_issuer"},
		"an issuer with a slash":     {map[string]any{"iss": "/"}, "unknown_issuer"},
		"no issuer":                  {map[string]any{"iss": nil}, "unknown_issuer"},
		"an issuer in a list":        {map[string]any{"iss": []string{issuer}}, "unknown_issuer"},
		"no run":                     {map[string]any{"run_id": nil}, "unknown_run"},
		"a claim of hidden letters":  {map[string]any{"run_id": canary + "\u200b"}, "unknown_run"},
		"a token of a person's sign": {map[string]any{"run_id": nil, "email": canary}, "unknown_run"},
	} {
		t.Run(what, func(t *testing.T) {
			p := newPipelines(t)
			for _, name := range []string{"exp", "nbf", "iat"} {
				if seconds, ok := c.changes[name].(int); ok {
					c.changes[name] = p.now.Unix() + int64(seconds)
				}
			}
			if c.changes["iss"] == "/" {
				c.changes["iss"] = p.URL() + "/"
			}
			p.answer = func(http.ResponseWriter, *http.Request) { t.Error("the issuer was asked") }
			claims := p.claims(c.changes)
			token := signed(t, jose.ES256, newKey(t), nil, claims)
			if m, code := p.check(t, token); code != c.code {
				t.Errorf("got %+v, %q; want %q", m, code, c.code)
			}
		})
	}
}

// The clock of an issuer may be a minute ahead, and not more.
func TestTheClockOfAnIssuerMayBeAMinuteAhead(t *testing.T) {
	p := newPipelines(t)
	ahead := map[string]any{"iat": p.now.Unix() + 60, "nbf": p.now.Unix() + 60}
	if m, code := p.check(t, p.token(t, ahead)); code != "" {
		t.Errorf("got %+v, %s", m, code)
	}
}

func newKey(t *testing.T) jose.JSONWebKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key, KeyID: "of-somebody"}
}

type header = map[jose.HeaderKey]any

// secret is a key that both sides know.
func secret(key []byte) jose.JSONWebKey { return jose.JSONWebKey{Key: key, KeyID: "rsa"} }

// signed signs claims with any key, algorithm and header.
func signed(
	t *testing.T, algorithm jose.SignatureAlgorithm, key any, extra header, claims map[string]any,
) access.Secret {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	options := &jose.SignerOptions{}
	for name, value := range extra {
		options.WithHeader(name, value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return access.NewSecret(text)
}

var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, minRSA) })

// withKeys lets the issuer serve these keys and no others.
func (p *pipelines) withKeys(t *testing.T, keys ...any) {
	t.Helper()
	set, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		t.Fatal(err)
	}
	p.answer = func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/jwks") {
			_, _ = w.Write(set)
			return
		}
		p.ServeHTTP(w, r)
	}
}

// A token chooses neither algorithm nor key.
func TestOnlyAKeyOfTheIssuerSignsByItsAlgorithm(t *testing.T) {
	p := newPipelines(t)
	private, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	onCurve := newKey(t)
	onCurve.KeyID = "curve"
	p.withKeys(t, jose.JSONWebKey{Key: &private.PublicKey, KeyID: "rsa"}, onCurve.Public(),
		map[string]any{"kty": "unknown", "kid": "other"})
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	byRSA := jose.JSONWebKey{Key: private, KeyID: "rsa"}
	forged := newKey(t)
	forged.KeyID = "curve"
	wrongKind := newKey(t)
	wrongKind.KeyID = "rsa"
	claims := p.claims(nil)
	long := p.claims(map[string]any{"list": []string{strings.Repeat("a", maxJWT)}})
	critical := header{"crit": []string{"b64"}, "b64": true}
	unknown := header{"crit": []string{"exp"}, "exp": 1}
	for what, c := range map[string]struct {
		token access.Secret
		code  string
	}{
		"RS256":                      {signed(t, jose.RS256, byRSA, nil, claims), ""},
		"ES256":                      {signed(t, jose.ES256, onCurve, nil, claims), ""},
		"RS384":                      {signed(t, jose.RS384, byRSA, nil, claims), "bad_token"},
		"PS256":                      {signed(t, jose.PS256, byRSA, nil, claims), "bad_token"},
		"HS256 with the public key":  {signed(t, jose.HS256, secret(public), nil, claims), "bad_token"},
		"HS256 with the modulus":     {signed(t, jose.HS256, secret(private.N.Bytes()), nil, claims), "bad_token"},
		"another key, same id":       {signed(t, jose.ES256, forged, nil, claims), "bad_token"},
		"ES256, id of the RSA key":   {signed(t, jose.ES256, wrongKind, nil, claims), "bad_token"},
		"its own key in its header":  {signed(t, jose.ES256, forged, header{"jwk": forged.Public()}, claims), "bad_token"},
		"crit":                       {signed(t, jose.ES256, onCurve, critical, claims), "bad_token"},
		"crit of something unknown":  {signed(t, jose.ES256, onCurve, unknown, claims), "bad_token"},
		"without an id of a key":     {signed(t, jose.ES256, onCurve.Key, nil, claims), "bad_token"},
		"alg none":                   {unsigned(t, `{"alg":"none","kid":"rsa"}`, claims), "bad_token"},
		"alg none with another case": {unsigned(t, `{"alg":"nOnE","kid":"rsa"}`, claims), "bad_token"},
		"no signature":               {unsigned(t, `{"alg":"RS256","kid":"rsa"}`, claims), "bad_token"},
		"nothing":                    {access.Secret{}, "bad_token"},
		"a long token":               {signed(t, jose.ES256, onCurve, nil, long), "bad_token"},
		"JSON":                       {access.NewSecret(`{"payload":"e30","signatures":[]}`), "bad_token"},
	} {
		if m, code := p.check(t, c.token); code != c.code {
			t.Errorf("%s: got %+v, %q; want %q", what, m, code, c.code)
		}
	}
	if n := p.reads.Load(); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}
}

// unsigned writes a token without a signature.
func unsigned(t *testing.T, header string, claims map[string]any) access.Secret {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return access.NewSecret(encode([]byte(header)) + "." + encode(payload) + ".")
}

// What was signed cannot be changed: not one letter of any part.
func TestAChangedTokenIsRefused(t *testing.T) {
	p := newPipelines(t)
	text := p.token(t, nil).Reveal()
	if _, code := p.check(t, access.NewSecret(text)); code != "" {
		t.Fatalf("the token is not sound: %s", code)
	}
	p.now = p.now.Add(readAgain)
	for i := 0; i < len(text)-1; i += 7 { // the last letter has bits that mean nothing
		changed := []byte(text)
		if changed[i]++; changed[i] == '.'+1 {
			continue
		}
		m, err := p.tokens.Machine(t.Context(), access.NewSecret(string(changed)), tokenQuestion())
		if access.Code(err) == "" || m.Run != nil {
			t.Errorf("letter %d: got %+v, %v", i, m, err)
		}
	}
}

func TestANewKeyIsReadAtOnceAndAfterAnHourAllAreReadAgain(t *testing.T) {
	p := newPipelines(t)
	before := p.token(t, nil)
	if _, code := p.check(t, before); code != "" {
		t.Fatal(code)
	}
	p.now = p.now.Add(readAgain)
	if err := p.Rotate(); err != nil {
		t.Fatal(err)
	}
	if _, code := p.check(t, p.token(t, nil)); code != "" || p.reads.Load() != 2 {
		t.Errorf("a new key: got %q after %d readings", code, p.reads.Load())
	}
	if _, code := p.check(t, before); code != "" {
		t.Errorf("the key before it: got %q", code)
	}
	withdrawn := p.token(t, map[string]any{"exp": p.now.Add(2 * keepKeys).Unix()})
	for range 2 {
		if err := p.Rotate(); err != nil {
			t.Fatal(err)
		}
	}
	p.now = p.now.Add(keepKeys)
	if _, code := p.check(t, withdrawn); code != "bad_token" || p.reads.Load() != 3 {
		t.Errorf("a withdrawn key after an hour: got %q after %d readings", code, p.reads.Load())
	}
}

// Somebody who invents ids of keys must not make this program read the keys all the time.
func TestManyUnknownKeysAreOneReadingAMinute(t *testing.T) {
	p := newPipelines(t)
	sound := p.token(t, nil)
	if _, code := p.check(t, sound); code != "" {
		t.Fatal(code)
	}
	p.now = p.now.Add(readAgain)
	for i := range 100 {
		key := newKey(t)
		key.KeyID = fmt.Sprint("invented-", i)
		want := "token_unchecked"
		if i == 0 {
			want = "bad_token"
		}
		if _, code := p.check(t, signed(t, jose.ES256, key, nil, p.claims(nil))); code != want {
			t.Errorf("token %d: got %q, want %q", i, code, want)
		}
		p.now = p.now.Add(readAgain / 100)
	}
	if n := p.reads.Load(); n != 2 {
		t.Errorf("the keys were read %d times, want 2", n)
	}
	if _, code := p.check(t, sound); code != "" {
		t.Errorf("a sound token meanwhile: %s", code)
	}
}

func TestManyTokensAtOnceAreOneReading(t *testing.T) {
	p := newPipelines(t)
	token := p.token(t, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := p.tokens.Machine(t.Context(), token, tokenQuestion()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := p.reads.Load(); n != 1 {
		t.Errorf("the keys were read %d times", n)
	}
}

// issuerAnswers are answers of an issuer by which no token can be checked.
var issuerAnswers = map[string]func(p *pipelines, w http.ResponseWriter, r *http.Request){
	"a redirect": func(p *pipelines, w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/elsewhere") {
			p.ServeHTTP(w, r)
			return
		}
		http.Redirect(w, r, "/elsewhere"+r.URL.Path, http.StatusFound)
	},
	"a redirect to http": func(_ *pipelines, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Host+r.URL.Path, http.StatusTemporaryRedirect)
	},
	"a huge body": func(_ *pipelines, w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte(" "), maxAnswer+1))
	},
	"a huge key set": func(p *pipelines, w http.ResponseWriter, r *http.Request) {
		p.ServeHTTP(w, r)
		if strings.HasSuffix(r.URL.Path, "/jwks") {
			_, _ = w.Write(bytes.Repeat([]byte("\n"), maxAnswer))
		}
	},
	"a captive portal": func(_ *pipelines, w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>Sign in to the network</html>"))
	},
	"no content": func(_ *pipelines, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	"an error":   func(_ *pipelines, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
	"the right answer, not final": func(p *pipelines, w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		p.ServeHTTP(w, r)
	},
	"the configuration of another": configured("https://evil.example.com", "https://HOST/.well-known/jwks"),
	"keys over http":               configured("ISSUER", "http://HOST/.well-known/jwks"),
	"keys with a password":         configured("ISSUER", "https://a:b@HOST/.well-known/jwks"),
	"keys in a file":               configured("ISSUER", "file:///etc/passwd"),
	"no address of keys":           configured("ISSUER", ""),
	"no keys": func(p *pipelines, w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/jwks") {
			_, _ = w.Write([]byte(`{"keys":[]}`))
			return
		}
		p.ServeHTTP(w, r)
	},
	"a connection that ends": func(_ *pipelines, _ http.ResponseWriter, _ *http.Request) {
		panic(http.ErrAbortHandler)
	},
}

// configured is an issuer with another configuration, whose keys are the right ones.
func configured(issuer, keys string) func(*pipelines, http.ResponseWriter, *http.Request) {
	return func(p *pipelines, w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/jwks") {
			p.ServeHTTP(w, r)
			return
		}
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, strings.Replace(issuer, "ISSUER", p.URL(), 1),
			strings.Replace(keys, "HOST", r.Host, 1))
	}
}

func TestATokenCountsOnlyByKeysThatItsIssuerServes(t *testing.T) {
	for what, answer := range issuerAnswers {
		t.Run(what, func(t *testing.T) {
			p := newPipelines(t)
			token := p.token(t, nil)
			p.answer = func(w http.ResponseWriter, r *http.Request) { answer(p, w, r) }
			if m, code := p.check(t, token); code != "token_unchecked" {
				t.Errorf("got %+v, %q", m, code)
			}
			p.answer = nil
			if _, code := p.check(t, token); code != "token_unchecked" {
				t.Errorf("at once: got %q, so an issuer that is down is asked for every token", code)
			}
			p.now = p.now.Add(tryAgain)
			if _, code := p.check(t, token); code != "" {
				t.Errorf("once the issuer answers: got %q", code)
			}
		})
	}
}

// An issuer that does not answer is waited for three seconds, for both documents together.
func TestASlowIssuerIsGivenUp(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for three seconds")
	}
	p := newPipelines(t)
	p.answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	if m, code := p.check(t, p.token(t, nil)); code != "token_unchecked" {
		t.Errorf("got %+v, %q", m, code)
	}
}

func readEntry(t *testing.T, key any) (publicKey, bool) {
	t.Helper()
	text, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	var entry jwk
	if err := json.Unmarshal(text, &entry); err != nil {
		t.Fatal(err)
	}
	return entry.read()
}

// Keys that sign no tokens, are too weak or too long, or are for another algorithm are not used.
func TestUnfitKeysOfAnIssuerAreNotUsed(t *testing.T) {
	private, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ofBits := func(bits int) json.RawMessage { // its modulus is 2 to the power of bits, less 1
		n := new(big.Int).Lsh(big.NewInt(1), uint(bits))
		return json.RawMessage(`{"kty":"RSA","kid":"k","e":"AQAB","n":"` +
			base64.RawURLEncoding.EncodeToString(n.Sub(n, big.NewInt(1)).Bytes()) + `"}`)
	}
	for what, key := range map[string]any{
		"for encryption":    jose.JSONWebKey{Key: &private.PublicKey, KeyID: "k", Use: "enc"},
		"for RS512":         jose.JSONWebKey{Key: &private.PublicKey, KeyID: "k", Algorithm: "RS512"},
		"for ES256, of RSA": jose.JSONWebKey{Key: &private.PublicKey, KeyID: "k", Algorithm: "ES256"},
		"on another curve":  jose.JSONWebKey{Key: &other.PublicKey, KeyID: "k"},
		"too short":         ofBits(minRSA - 1),
		"too long":          ofBits(4097),
		"very long":         ofBits(380_000),
		"a secret":          jose.JSONWebKey{Key: []byte("secretsecretsecretsecretsecretse"), KeyID: "k"},
		"without an id":     jose.JSONWebKey{Key: &private.PublicKey},
	} {
		if got, ok := readEntry(t, key); ok {
			t.Errorf("%s: got %+v", what, got)
		}
	}
	for _, bits := range []int{minRSA, 4096} {
		if _, ok := readEntry(t, ofBits(bits)); !ok {
			t.Errorf("a key of %d bits is not used", bits)
		}
	}
	p := newPipelines(t)
	p.withKeys(t, jose.JSONWebKey{Key: &private.PublicKey, KeyID: "k", Use: "enc"})
	token := signed(t, jose.RS256, jose.JSONWebKey{Key: private, KeyID: "k"}, nil, p.claims(nil))
	if m, code := p.check(t, token); code != "token_unchecked" {
		t.Errorf("got %+v, %q", m, code)
	}
}

// Two repositories of one name, a fork, and another run or attempt are different machines.
func TestTokensOfOtherRunsAreOtherMachines(t *testing.T) {
	p := newPipelines(t)
	first, _ := p.check(t, p.token(t, map[string]any{"repository": "octo-org/octo-repo"}))
	renamed, _ := p.check(t, p.token(t, map[string]any{"repository": "octo-org/new", "sub": "repo:octo-org/new"}))
	if renamed.ID() != first.ID() || renamed.Pipeline() != first.Pipeline() {
		t.Error("a renamed repository is another machine")
	}
	for what, changes := range map[string]map[string]any{
		"a repository of the same name": {"repository": "octo-org/octo-repo", "repository_id": "999"},
		"another run":                   {"repository": "octo-org/octo-repo", "run_id": "9002"},
		"another attempt":               {"repository": "octo-org/octo-repo", "run_attempt": "2"},
	} {
		m, code := p.check(t, p.token(t, changes))
		if code != "" || m.ID() == first.ID() {
			t.Errorf("%s: got %s, %s", what, m.ID(), code)
		}
		fork := what == "a repository of the same name"
		if (m.Pipeline() != first.Pipeline()) != fork {
			t.Errorf("%s: pipeline %s, and that of the first is %s", what, m.Pipeline(), first.Pipeline())
		}
	}
}

// An issuer over http is accepted on loopback, and only where the sandbox says so.
func TestOnlyTheSandboxReadsKeysOverHTTP(t *testing.T) {
	var fake *oidcfake.Issuer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fake.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	fake, err := oidcfake.New(server.URL + "/oidc")
	if err != nil {
		t.Fatal(err)
	}
	p := &pipelines{Issuer: fake, now: time.Now()}
	for _, loopback := range []bool{false, true} {
		p.tokens = &Tokens{
			Issuers: []string{fake.URL()}, Client: NewClient(), Now: func() time.Time { return p.now }, Loopback: loopback,
		}
		if m, code := p.check(t, p.token(t, nil)); (code == "") != loopback {
			t.Errorf("loopback %v: got %+v, %q", loopback, m, code)
		}
	}
	for _, address := range []string{
		"http://example.com/x", "http://127.0.0.1.example.com/x", "http://localhost/x", "//127.0.0.1",
	} {
		if (&keySet{loopback: true}).mayAsk(address) {
			t.Errorf("%s may be asked", address)
		}
	}
}

// FuzzTokens holds that no text is a machine unless the issuer has signed it.
func FuzzTokens(f *testing.F) {
	fake, err := oidcfake.New("https://issuer.example.com")
	if err != nil {
		f.Fatal(err)
	}
	p := &pipelines{Issuer: fake, now: time.Now()}
	sound, err := fake.Token(p.claims(nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sound.Reveal())
	f.Add("e30.e30.")
	f.Add(`{"payload":"e30"}`)
	keys := fakeKeys(f, fake)
	f.Fuzz(func(t *testing.T, text string) {
		tokens := &Tokens{Issuers: []string{fake.URL()}, Now: func() time.Time { return p.now }}
		tokens.keysOf(fake.URL()).keys, tokens.keysOf(fake.URL()).read = keys, p.now
		tokens.keysOf(fake.URL()).tried = p.now // so nothing is asked
		m, err := tokens.Machine(t.Context(), access.NewSecret(text), tokenQuestion())
		if (err == nil) != (m.Check() == nil) || err != nil && access.Code(err) == "" {
			t.Errorf("%q: got %+v, %v", text, m, err)
		}
		unsigned, _ := splitLast(text)
		if want, _ := splitLast(sound.Reveal()); err == nil && unsigned != want {
			t.Errorf("%q was not signed by the issuer, and is %+v", text, m)
		}
	})
}

// splitLast splits a token into what is signed and the signature.
func splitLast(token string) (signed, signature string) {
	i := strings.LastIndex(token, ".")
	return token[:max(0, i)], token[i+1:]
}

func fakeKeys(f *testing.F, fake *oidcfake.Issuer) []publicKey {
	f.Helper()
	w := httptest.NewRecorder()
	fake.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/.well-known/jwks", http.NoBody))
	var set struct{ Keys []jwk }
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil {
		f.Fatal(err)
	}
	key, ok := set.Keys[0].read()
	if _, isPublic := key.key.(crypto.PublicKey); !ok || !isPublic {
		f.Fatal("the issuer has no key")
	}
	return []publicKey{key}
}
