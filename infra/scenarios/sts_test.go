//go:build deployed

package scenarios

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/aws-access/aws-access/pkg/access"
)

// shortSTS stands before the emulator's STS and makes the sessions of vend short, because the shortest
// session of the real STS lasts 15 minutes. It adds a deny from the end on to the session policy, so that
// the emulator enforces the end, and reports that end. Everything else passes unchanged.
type shortSTS struct {
	t      *testing.T
	engine engine
	vend   access.Credentials
	life   time.Duration
	proxy  *httputil.ReverseProxy

	mu    sync.Mutex
	begun int
}

// startSTS starts it. A life of zero leaves sessions as long as vend asks for.
func startSTS(t *testing.T, e engine, vend access.Credentials, life time.Duration) (*shortSTS, string) {
	t.Helper()
	target, err := url.Parse(e.url)
	if err != nil {
		t.Fatal(err)
	}
	s := &shortSTS{t: t, engine: e, vend: vend, life: life, proxy: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
	}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// sessions is how many sessions it has begun.
func (s *shortSTS) sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

func (s *shortSTS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("Action") != "AssumeRole" || s.life == 0 {
		s.proxy.ServeHTTP(w, r)
		return
	}
	ends := time.Now().Add(s.life).Truncate(time.Second)
	answer, err := s.assume(r, form, ends)
	if err != nil {
		s.t.Errorf("the short STS: %v", err)
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode == http.StatusOK {
		s.mu.Lock()
		s.begun++
		s.mu.Unlock()
		text = expiration.ReplaceAll(text, []byte("<Expiration>"+ends.UTC().Format(time.RFC3339)+"</Expiration>"))
	}
	w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(text)
}

var expiration = regexp.MustCompile(`<Expiration>[^<]*</Expiration>`)

// assume calls AssumeRole of the emulator with the deny added.
func (s *shortSTS) assume(r *http.Request, form url.Values, ends time.Time) (*http.Response, error) {
	var policy struct {
		Version   string
		Statement []any
	}
	if err := json.Unmarshal([]byte(form.Get("Policy")), &policy); err != nil {
		return nil, err
	}
	policy.Statement = append(policy.Statement, map[string]any{
		"Effect": "Deny", "Action": "*", "Resource": "*",
		"Condition": map[string]any{"DateGreaterThanEquals": map[string]string{
			"aws:CurrentTime": ends.UTC().Format(time.RFC3339),
		}},
	})
	text, err := json.Marshal(policy)
	if err != nil {
		return nil, err
	}
	form.Set("Policy", string(text))
	body := form.Encode()
	out, err := http.NewRequestWithContext(r.Context(), http.MethodPost, s.engine.url+"/", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	sum := sha256.Sum256([]byte(body))
	keys := aws.Credentials{
		AccessKeyID: s.vend.AccessKeyID, SecretAccessKey: s.vend.SecretKey.Reveal(),
		SessionToken: s.vend.SessionToken.Reveal(),
	}
	err = v4.NewSigner().SignHTTP(r.Context(), keys, out, hex.EncodeToString(sum[:]), "sts", region, time.Now())
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(out)
}
