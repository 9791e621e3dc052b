package world

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/oidcfake"
	"github.com/aws-access/aws-access/pkg/machine"
)

// Issuers are the fakes of issuers of tokens: the sandbox's own one on loopback,
// and one for every other issuer of which somebody wants a token. Vend reads the
// keys of all of them here, so that it never asks a real issuer.
type Issuers struct {
	own      *oidcfake.Issuer
	now      func() time.Time
	internal string // address that only the functions reach

	mu     sync.Mutex
	others map[string]*oidcfake.Issuer // by the claim iss
}

// ownIssuerPath is where the sandbox's own issuer is.
const ownIssuerPath = "/oidc"

func newIssuers(publicURL string, now func() time.Time) (*Issuers, error) {
	own, err := oidcfake.New(publicURL + ownIssuerPath)
	if err != nil {
		return nil, err
	}
	return &Issuers{own: own, now: now, others: make(map[string]*oidcfake.Issuer)}, nil
}

// TokenOrder says for what a token is wanted.
type TokenOrder struct {
	Claims map[string]any `json:"claims"`
	Aud    string         `json:"aud"` // the claim aud; "" for the one in Claims, if any
}

// tokenLife is the life of a token that does not say when it expires. It is that
// of GitHub's tokens.
const tokenLife = 5 * time.Minute

// Token signs a token. Claims that are missing are those of a run of GitHub
// Actions; a claim that is null is left out. The error is a sentence.
func (i *Issuers) Token(order TokenOrder) (access.Secret, error) {
	now := i.now().Unix()
	claims := map[string]any{
		"iss": i.own.URL(), "iat": now, "nbf": now, "exp": now + int64(tokenLife/time.Second),
		"sub": "repo:octo-org/octo-repo:ref:refs/heads/main",
	}
	if !otherPipeline(order.Claims) {
		maps.Copy(claims, map[string]any{
			"repository": "octo-org/octo-repo", "repository_id": "456789", "repository_owner": "octo-org",
			"repository_owner_id": "123456", "run_id": "1001", "run_attempt": "1",
		})
	}
	maps.Copy(claims, order.Claims)
	if order.Aud != "" {
		claims["aud"] = order.Aud
	}
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	issuer, _ := claims["iss"].(string)
	fake, err := i.of(issuer)
	if err != nil {
		return access.Secret{}, err
	}
	return fake.Token(claims)
}

// otherPipeline reports whether claims name a run of something other than GitHub
// Actions, so that it must not look like a run of GitHub Actions too.
func otherPipeline(claims map[string]any) bool {
	_, buildkite := claims["build_number"]
	_, gitlab := claims["pipeline_id"]
	return buildkite || gitlab
}

// of is the fake of an issuer.
func (i *Issuers) of(issuer string) (*oidcfake.Issuer, error) {
	if issuer == i.own.URL() {
		return i.own, nil
	}
	if !strings.HasPrefix(issuer, "https://") {
		return nil, fmt.Errorf("the claim iss is the address of an issuer: %s, or any with https", i.own.URL())
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if fake, ok := i.others[issuer]; ok {
		return fake, nil
	}
	if len(i.others) >= maxIssuers {
		return nil, errors.New("there are too many issuers; POST /sandbox/reset removes them")
	}
	fake, err := oidcfake.New(issuer)
	if err != nil {
		return nil, err
	}
	i.others[issuer] = fake
	return fake, nil
}

// maxIssuers keeps the fakes small.
const maxIssuers = 100

// issuersPath is where the documents of other issuers are, for the functions.
const issuersPath = "/issuers/"

// client is the client with which vend reads keys. It reaches real addresses on
// loopback only; those of https lead to the fakes.
func (i *Issuers) client() *http.Client {
	client := machine.NewClient()
	network := client.Transport
	fakes := leadTo(network, func(u *url.URL) (target, host string) {
		return i.internal + issuersPath + u.Host + u.Path, ""
	})
	client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Scheme != "https" {
			return network.RoundTrip(r)
		}
		return fakes.RoundTrip(r)
	})
	return client
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// documents serves the documents of other issuers to the functions.
func (i *Issuers) documents(w http.ResponseWriter, r *http.Request) {
	address := "https://" + strings.TrimPrefix(r.URL.Path, issuersPath)
	i.mu.Lock()
	defer i.mu.Unlock()
	for issuer, fake := range i.others {
		if strings.HasPrefix(address, issuer+"/.well-known/") {
			fake.ServeHTTP(w, r)
			return
		}
	}
	http.NotFound(w, r)
}

// TokenClaims reads claims from the parameters of an address, as text.
func TokenClaims(query map[string][]string) map[string]any {
	claims := make(map[string]any, len(query))
	for name, values := range query {
		claims[name] = values[len(values)-1]
	}
	return claims
}
