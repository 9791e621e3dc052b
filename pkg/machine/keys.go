package machine

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/aws-access/aws-access/pkg/access"
)

// Limits of reading the keys of an issuer.
const (
	keepKeys  = time.Hour
	readAgain = time.Minute     // at the earliest, for a key that is not among those that are kept
	tryAgain  = 5 * time.Second // at the earliest, after an issuer did not answer and no keys are kept
	minRSA    = 2048            // bits
)

// keySet is the keys of one issuer, as they were read last.
type keySet struct {
	issuer   string
	client   *http.Client
	now      func() time.Time
	loopback bool // the issuer is on this computer, over http

	mu    sync.Mutex // is held while the keys are read, so that many tokens are one reading
	keys  []publicKey
	read  time.Time // when keys was read; zero if never
	tried time.Time // when the issuer was asked last; zero if never
}

// publicKey is a key of an issuer.
type publicKey struct {
	id  string
	key any // *rsa.PublicKey for RS256, or *ecdsa.PublicKey on P-256 for ES256
}

// named returns the keys with an id. Ids should differ, and need not (RFC 7517, section 4.5). A key that is
// not known may be a new one, so the keys are read again, but not for each of many tokens with invented ids.
//
// Refusals: bad_token, token_unchecked.
func (s *keySet) named(ctx context.Context, id string) ([]publicKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	kept := !s.read.IsZero() && within(now, s.read, keepKeys)
	if found := s.find(id); kept && len(found) > 0 {
		return found, nil
	}
	wait := tryAgain
	if kept {
		wait = readAgain
	}
	if !s.tried.IsZero() && within(now, s.tried, wait) {
		return nil, because(access.RefuseTokenUnchecked(), errors.New("its issuer was asked for keys a moment ago"))
	}
	s.tried = now
	keys, err := s.ask(ctx)
	if err != nil {
		return nil, because(access.RefuseTokenUnchecked(), fmt.Errorf("read the keys of %s: %w", s.issuer, err))
	}
	s.keys, s.read = keys, now
	found := s.find(id)
	if len(found) == 0 {
		return nil, because(access.RefuseBadToken(), errors.New("its issuer does not have its key"))
	}
	return found, nil
}

// within reports whether less than a length of time has passed. A clock that was set back has no say.
func within(now, since time.Time, length time.Duration) bool {
	passed := now.Sub(since)
	return passed >= 0 && passed < length
}

func (s *keySet) find(id string) (found []publicKey) {
	for _, key := range s.keys {
		if key.id == id {
			found = append(found, key)
		}
	}
	return found
}

// ask reads the keys from the issuer (OpenID Connect Discovery 1.0, section 4).
func (s *keySet) ask(ctx context.Context) ([]publicKey, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := s.get(ctx, s.issuer+"/.well-known/openid-configuration", &about); err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	if about.Issuer != s.issuer {
		return nil, errors.New("its configuration is that of another issuer")
	}
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := s.get(ctx, about.Keys, &set); err != nil {
		return nil, fmt.Errorf("its key set: %w", err)
	}
	keys := make([]publicKey, 0, len(set.Keys))
	for _, entry := range set.Keys {
		if key, ok := entry.read(); ok {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("its key set has no key for RS256 or ES256")
	}
	return keys, nil
}

// get reads one document. Errors repeat nothing of an answer.
func (s *keySet) get(ctx context.Context, address string, into any) error {
	if !s.mayAsk(address) {
		return errors.New("its address is not one of https")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return errors.New("its address is malformed")
	}
	r.Header.Set("Accept", "application/json")
	answer, err := s.client.Do(r)
	if err != nil {
		return errors.New("there was no answer")
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer has status %d", answer.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil || len(text) > maxAnswer:
		return errors.New("the answer was cut off, or is too long")
	case json.Unmarshal(text, into) != nil:
		return errors.New("the answer is not JSON of the right form")
	}
	return nil
}

// mayAsk reports whether an address is one of https, or of this computer if the issuer is on it.
func (s *keySet) mayAsk(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || s.loopback && u.Scheme == "http" && err == nil && ip.IsLoopback()
}

// jwk is one entry of a key set: the members that make an RSA key or a key on a curve. The others, such as
// certificates, are not read, so they cannot break the set.
type jwk struct {
	Type      string `json:"kty"`
	ID        string `json:"kid,omitempty"`
	Use       string `json:"use,omitempty"`
	Algorithm string `json:"alg,omitempty"`
	N         string `json:"n,omitempty"`
	E         string `json:"e,omitempty"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
}

// read returns the key of an entry; ok is false for one that signs no tokens, is too weak or is for another
// algorithm. go-jose reads no RSA key of more than 4,096 bits. One of 380,000 bits, which fits into an answer,
// would take 20 s to check one signature.
func (j jwk) read() (key publicKey, ok bool) {
	text, err := json.Marshal(j)
	if err != nil || j.ID == "" || j.Use != "" && j.Use != "sig" {
		return publicKey{}, false
	}
	var parsed jose.JSONWebKey
	if parsed.UnmarshalJSON(text) != nil {
		return publicKey{}, false
	}
	var algorithm jose.SignatureAlgorithm
	switch k := parsed.Key.(type) {
	case *rsa.PublicKey:
		algorithm, ok = jose.RS256, k.N.BitLen() >= minRSA
	case *ecdsa.PublicKey:
		algorithm, ok = jose.ES256, k.Curve == elliptic.P256()
	}
	return publicKey{id: j.ID, key: parsed.Key}, ok && (j.Algorithm == "" || j.Algorithm == string(algorithm))
}
