package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/machine"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Token is a pipeline with an OIDC token. The audience of the token names the server and the key of this
// process, so a token that was made before cannot be used.
type Token struct {
	// Fetch gets a token for an audience.
	Fetch func(ctx context.Context, audience string) (access.Secret, error)

	mu   sync.Mutex
	last access.Secret
	good time.Time // until when last is used again, by the time of calls
}

// Prove adds a token. It is used again for at most half of its life, because a pipeline that waits asks
// often.
func (t *Token) Prove(ctx context.Context, q machine.Question, now time.Time, p *wire.Payload) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last.Empty() || !now.Before(t.good) {
		token, err := t.Fetch(ctx, q.TokenAudience())
		if err != nil {
			return err
		}
		t.last, t.good = token, now.Add(lifeOf(token)/2)
	}
	p.OIDC = t.last
	return nil
}

// lifeOf reads how long a token is valid from its beginning on; 0 if that cannot be read. No clock is asked,
// because that of the issuer may be another one.
func lifeOf(token access.Secret) time.Duration {
	parts := strings.Split(token.Reveal(), ".")
	var claims struct {
		Issued  int64 `json:"iat"`
		Expires int64 `json:"exp"`
	}
	if len(parts) != 3 {
		return 0
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(text, &claims) != nil || claims.Issued == 0 {
		return 0
	}
	return max(0, min(time.Unix(claims.Expires, 0).Sub(time.Unix(claims.Issued, 0)), 10*time.Minute))
}

// Variables of GitHub Actions (docs/facts.md#i1).
const (
	githubAddress = "ACTIONS_ID_TOKEN_REQUEST_URL"
	githubToken   = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// GitHub returns the identity of a job of GitHub Actions.
//
// Errors: *Failure with the code no_proof.
func GitHub(getenv func(string) string, do *http.Client) (*Token, error) {
	address, bearer := getenv(githubAddress), access.NewSecret(getenv(githubToken))
	u, err := url.Parse(address)
	if address == "" || bearer.Empty() {
		return nil, noProof("the variables " + githubAddress + " and " + githubToken + " are missing; the job needs " +
			"permissions: id-token: write")
	}
	if err != nil || u.Scheme != "https" && !isLoopback(u) || u.Host == "" || u.User != nil {
		return nil, noProof(githubAddress + " is not an https address")
	}
	return &Token{Fetch: func(ctx context.Context, audience string) (access.Secret, error) {
		to := *u
		query := to.Query()
		query.Set("audience", audience)
		to.RawQuery = query.Encode()
		return fetchToken(ctx, do, to.String(), bearer)
	}}, nil
}

func isLoopback(u *url.URL) bool {
	address, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && err == nil && address.IsLoopback()
}

// Limits of a question for a token.
const (
	tokenTimeout = 10 * time.Second
	maxToken     = 64 << 10
)

// fetchToken is the only place that reveals the token with which GitHub Actions lets a job ask.
func fetchToken(ctx context.Context, do *http.Client, address string, bearer access.Secret) (access.Secret, error) {
	var why string
	for _, pause := range append(pauses[:2:2], -1) {
		token, again, err := askToken(ctx, do, address, bearer)
		if err == "" {
			return token, nil
		}
		why = err
		if !again || pause < 0 || Sleep(ctx, pause) != nil {
			break
		}
	}
	if err := ended(ctx); err != nil {
		return access.Secret{}, err
	}
	return access.Secret{}, noProof(why)
}

func askToken(ctx context.Context, do *http.Client, address string, bearer access.Secret) (
	token access.Secret, again bool, why string,
) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return token, false, githubAddress + " is malformed"
	}
	request.Header.Set("Authorization", "Bearer "+bearer.Reveal())
	request.Header.Set("Accept", "application/json")
	response, err := do.Do(request)
	if err != nil {
		return token, true, "GitHub Actions does not answer"
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxToken+1))
	var answer struct {
		Value string `json:"value"`
	}
	if err != nil || response.StatusCode >= 500 {
		return token, true, "GitHub Actions has a fault (" + response.Status[:min(3, len(response.Status))] + ")"
	}
	if response.StatusCode != http.StatusOK || len(text) > maxToken || json.Unmarshal(text, &answer) != nil ||
		answer.Value == "" {
		return token, false, "GitHub Actions gives no token (HTTP " + response.Status[:min(3, len(response.Status))] + ")"
	}
	return access.NewSecret(answer.Value), false, ""
}
