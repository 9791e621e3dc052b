package machine

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/aws-access/aws-access/pkg/access"
)

// maxJWT is the length of the longest token that is read, in bytes. The wire has the same limit.
const maxJWT = 8 << 10

// maxAhead is by how much the clock of an issuer may be ahead of the server's.
const maxAhead = time.Minute

// algorithms are the signatures that are accepted. A token cannot choose another one: with HS256, the
// public key of an issuer would be the secret.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256}

// Tokens finds out for which run of a pipeline a token was made.
type Tokens struct {
	// Issuers are those that the policy names (policy.Issuers). No other one is ever asked for its keys.
	Issuers []string
	Client  *http.Client     // of NewClient
	Now     func() time.Time // the server's clock
	// Loopback lets an issuer be on this computer, over http. Only the sandbox sets it.
	Loopback bool

	mu    sync.Mutex
	known map[string]*keySet // by issuer
}

// Machine returns the machine that a token describes. Everything that can be checked without the keys of
// the issuer is checked before the issuer is asked for them, so that nobody can make this program send
// calls elsewhere, or many for nothing.
//
// Refusals: bad_token, unknown_issuer, expired_token, unknown_run; token_unchecked, if the issuer did not
// answer with its keys. What is for the log stands beside them.
func (t *Tokens) Machine(ctx context.Context, token access.Secret, q Question) (access.Machine, error) {
	signed, err := parseToken(token)
	if err != nil {
		return access.Machine{}, because(access.RefuseBadToken(), err)
	}
	issuer, err := t.check(signed.UnsafePayloadWithoutVerification(), q)
	if err != nil {
		return access.Machine{}, err
	}
	keys, err := t.keysOf(issuer).named(ctx, signed.Signatures[0].Protected.KeyID)
	if err != nil {
		return access.Machine{}, err
	}
	payload, ok := verify(signed, keys)
	if !ok {
		return access.Machine{}, because(access.RefuseBadToken(), errors.New("no key of its issuer has signed it"))
	}
	return q.Run(issuer, payload)
}

// parseToken takes a token apart. Its text is in no error.
func parseToken(token access.Secret) (*jose.JSONWebSignature, error) {
	text := token.Reveal()
	if len(text) > maxJWT {
		return nil, errors.New("it is too long")
	}
	signed, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil {
		return nil, errors.New("it is not a compact JWS by RS256 or ES256")
	}
	header := signed.Signatures[0].Protected
	switch {
	case header.KeyID == "":
		return nil, errors.New("it does not name its key")
	case header.ExtraHeaders["crit"] != nil || header.ExtraHeaders["b64"] != nil:
		return nil, errors.New("its header has crit or b64")
	}
	return signed, nil
}

// check checks all that a token says, before anybody knows who says it, and returns its issuer.
func (t *Tokens) check(payload []byte, q Question) (issuer string, err error) {
	claims, err := readClaims(payload)
	if err != nil {
		return "", because(access.RefuseBadToken(), err)
	}
	issuer, _ = claims["iss"].(string)
	if !slices.Contains(t.Issuers, issuer) {
		return "", because(access.RefuseUnknownIssuer(), errors.New("its issuer is not one of the policy"))
	}
	if _, err := q.Run(issuer, payload); err != nil {
		return "", err
	}
	return issuer, t.checkTimes(claims)
}

// checkTimes compares the times of a token with the server's clock. A token must say when it was made and
// when it expires.
func (t *Tokens) checkTimes(claims map[string]any) error {
	issued, iat := timeOf(claims["iat"])
	expires, exp := timeOf(claims["exp"])
	begins, nbf := timeOf(claims["nbf"])
	_, begun := claims["nbf"]
	if !iat || !exp || begun && !nbf {
		return because(access.RefuseBadToken(), errors.New("its iat, exp or nbf is missing or is not a time"))
	}
	now := t.Now()
	switch ahead := now.Add(maxAhead); {
	case !now.Before(expires):
		return because(access.RefuseExpiredToken(), errors.New("its exp is past"))
	case issued.After(ahead), begins.After(ahead):
		return because(access.RefuseExpiredToken(), errors.New("its iat or nbf is in the future"))
	}
	return nil
}

// timeOf reads a NumericDate of RFC 7519: seconds, perhaps with a fraction. The bounds keep it a time that
// Go can compute with.
func timeOf(claim any) (at time.Time, ok bool) {
	number, isNumber := claim.(json.Number)
	seconds, err := number.Float64()
	if !isNumber || err != nil || seconds < 0 || seconds > 1e11 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(seconds * 1000)), true
}

// verify returns the payload of a token that one of the keys has signed. An RSA key verifies RS256 alone,
// and a P-256 key ES256 alone, because parseToken accepts no other algorithms.
func verify(signed *jose.JSONWebSignature, keys []publicKey) (payload []byte, ok bool) {
	for _, key := range keys {
		if payload, err := signed.Verify(key.key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// keysOf returns what is known of the keys of an issuer that the policy names.
func (t *Tokens) keysOf(issuer string) *keySet {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known = make(map[string]*keySet)
	}
	if t.known[issuer] == nil {
		loopback := t.Loopback && strings.HasPrefix(issuer, "http://")
		t.known[issuer] = &keySet{issuer: issuer, client: t.Client, now: t.Now, loopback: loopback}
	}
	return t.known[issuer]
}
