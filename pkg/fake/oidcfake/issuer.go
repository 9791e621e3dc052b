// Package oidcfake is a fake of an issuer of OIDC tokens, such as the one of GitHub Actions. It serves the
// discovery document and the key set over HTTP, and signs tokens with any claims.
//
// It promises that its tokens verify by the keys that it serves, and that a new key is served from the
// moment in which it signs. It keeps its keys in memory and asks nobody who wants a token. It is for tests
// and the sandbox. No function may link it.
package oidcfake

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/aws-access/aws-access/pkg/access"
)

// Issuer is an issuer that signs with ES256.
type Issuer struct {
	url string // the claim iss

	mu   sync.Mutex
	keys []jose.JSONWebKey // private; the last one signs
}

// New makes an issuer that is reached at an address, without a slash at the end.
func New(url string) (*Issuer, error) {
	i := &Issuer{url: url}
	return i, i.Rotate()
}

// URL is the address of the issuer, and the claim iss of its tokens.
func (i *Issuer) URL() string { return i.url }

// Rotate makes a new key, which signs from now on. Tokens that the one before it has signed stay valid;
// older keys are gone.
func (i *Issuer) Rotate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the key of an issuer: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	next := jose.JSONWebKey{Key: key, KeyID: rand.Text(), Algorithm: string(jose.ES256), Use: "sig"}
	i.keys = append(i.keys[max(0, len(i.keys)-1):], next)
	return nil
}

// Token signs claims. It adds iss and changes nothing else.
func (i *Issuer) Token(claims map[string]any) (access.Secret, error) {
	whole := map[string]any{"iss": i.url}
	for name, value := range claims {
		whole[name] = value
	}
	payload, err := json.Marshal(whole)
	if err != nil {
		return access.Secret{}, fmt.Errorf("write the claims of a token: %w", err)
	}
	i.mu.Lock()
	key := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	options := (&jose.SignerOptions{}).WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		return access.Secret{}, fmt.Errorf("sign a token: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return access.Secret{}, fmt.Errorf("sign a token: %w", err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		return access.Secret{}, fmt.Errorf("write a token: %w", err)
	}
	return access.NewSecret(text), nil
}

// The documents of an issuer, after its address.
const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/.well-known/jwks"
)

// ServeHTTP answers with the discovery document and the key set, under any prefix.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the documents of an issuer are read by GET", http.StatusMethodNotAllowed)
		return
	}
	switch {
	case strings.HasSuffix(r.URL.Path, discoveryPath):
		writeJSON(w, map[string]any{
			"issuer": i.url, "jwks_uri": i.url + keysPath, "response_types_supported": []string{"id_token"},
			"subject_types_supported":               []string{"public"},
			"id_token_signing_alg_values_supported": []string{string(jose.ES256)},
		})
	case strings.HasSuffix(r.URL.Path, keysPath):
		writeJSON(w, i.public())
	default:
		http.Error(w, "an issuer has "+discoveryPath+" and "+keysPath, http.StatusNotFound)
	}
}

func (i *Issuer) public() (set jose.JSONWebKeySet) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, key := range i.keys {
		set.Keys = append(set.Keys, key.Public())
	}
	return set
}

func writeJSON(w http.ResponseWriter, document any) {
	text, err := json.Marshal(document)
	if err != nil {
		http.Error(w, "the document cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text) // the caller has gone if it fails
}
