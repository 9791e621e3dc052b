package oidcfake

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	jose "github.com/go-jose/go-jose/v4"
)

func get(t *testing.T, i *Issuer, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	i.ServeHTTP(w, httptest.NewRequest(method, path, http.NoBody))
	return w
}

// A token verifies by the keys that are served, until the second new key after it.
func TestATokenVerifiesUntilItsKeyIsGone(t *testing.T) {
	i, err := New("http://127.0.0.1:1/oidc")
	if err != nil {
		t.Fatal(err)
	}
	token, err := i.Token(map[string]any{"sub": "x", "iss": "http://127.0.0.1:1/other"})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jose.ParseSignedCompact(token.Reveal(), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	for rotations := range 3 {
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(get(t, i, http.MethodGet, "/oidc/.well-known/jwks").Body.Bytes(), &set); err != nil {
			t.Fatal(err)
		}
		payload, err := signed.Verify(set)
		if (err == nil) != (rotations < 2) {
			t.Errorf("after %d new keys: %s, %v", rotations, payload, err)
		}
		if err := i.Rotate(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnlyTheDocumentsOfAnIssuerAreServed(t *testing.T) {
	i, err := New("http://127.0.0.1:1/oidc")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/oidc/.well-known/openid-configuration", http.StatusOK},
		{http.MethodPost, "/oidc/.well-known/jwks", http.StatusMethodNotAllowed},
		{http.MethodGet, "/oidc/token", http.StatusNotFound},
	} {
		if got := get(t, i, c.method, c.path); got.Code != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.Code, got.Body)
		}
	}
}
