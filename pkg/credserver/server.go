package credserver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/home"
)

// Source returns keys of one role. Its context ends when the server stops, not when a program hangs up.
type Source func(ctx context.Context) (home.Keys, error)

// Server serves roles by name.
type Server struct {
	// Report is told what programs are not: why keys of a name could not be had. It may be called at any time.
	Report func(name string, err error)

	roles    map[string]*role
	names    []string // in the order in which they were added
	listener net.Listener
	host     string // what the Host of each request must be
}

// role is one name that is served.
type role struct {
	source Source
	token  access.Secret
	shared flight
}

// A token has 256 random bits.
const tokenBytes = 32

var tokenLength = int64(base64.RawURLEncoding.EncodedLen(tokenBytes))

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// compose is the address of the container credentials in a network of compose (docs/facts.md#k10).
var compose = netip.MustParseAddr("169.254.170.2")

// New returns a server without roles.
func New() *Server {
	return &Server{Report: func(string, error) {}, roles: make(map[string]*role)}
}

// Add adds a role under a name, which becomes a part of an address and the name of a file. It must be called
// before Serve.
func (s *Server) Add(name string, source Source) error {
	switch {
	case !nameForm.MatchString(name):
		return fmt.Errorf("serve %q: a name has 1 to 64 letters of ASCII, digits, and _ . -, and begins with a letter "+
			"or digit", name)
	case slices.ContainsFunc(s.names, func(other string) bool { return strings.EqualFold(name, other) }):
		return fmt.Errorf("serve %q: the name stands twice, and a file system may take capital letters for small ones", name)
	}
	secret := make([]byte, tokenBytes)
	_, _ = rand.Read(secret) // never fails
	s.roles[name] = &role{source: source, token: access.NewSecret(base64.RawURLEncoding.EncodeToString(secret))}
	s.names = append(s.names, name)
	return nil
}

// CheckAddress refuses every address that other computers could reach, and those from which SDKs do not take
// keys by http.
func CheckAddress(address netip.Addr) error {
	if address.Zone() != "" || address.Is4In6() || !address.IsLoopback() && address != compose {
		return fmt.Errorf("listen on %s: only loopback addresses such as 127.0.0.1, and 169.254.170.2, are safe", address)
	}
	return nil
}

// Listen begins to listen. Port 0 takes a free one.
func (s *Server) Listen(ctx context.Context, at netip.AddrPort) error {
	if err := CheckAddress(at.Addr()); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at.String())
	if err != nil {
		return fmt.Errorf("listen on %s: %w", at, err)
	}
	s.listener, s.host = listener, listener.Addr().String()
	return nil
}

// URL is the address of a name, without its token.
func (s *Server) URL(name string) string { return "http://" + s.host + "/" + name }

// Token is the token of a name.
func (s *Server) Token(name string) access.Secret { return s.roles[name].token }

// Limits of a connection. What a program sends is one short GET.
const (
	maxHeader   = 16 << 10
	readTimeout = 5 * time.Second
	idleTimeout = 30 * time.Second
)

// Serve answers until the context ends. Listen must have been called.
func (s *Server) Serve(ctx context.Context) error {
	server := &http.Server{
		Handler:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answer(ctx, w, r) }),
		ReadTimeout: readTimeout, ReadHeaderTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: log.New(io.Discard, "", 0), // it quotes what was sent
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(stopped); _ = server.Close() })
	err := server.Serve(s.listener)
	if !stop() {
		<-stopped
	}
	if !errors.Is(err, http.ErrServerClosed) || ctx.Err() == nil {
		return fmt.Errorf("serve on %s: %w", s.host, err)
	}
	return nil
}

// answer checks a request, in the order of what it costs to forge, and gives keys.
func (s *Server) answer(serving context.Context, w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	switch {
	case !s.isHost(r.Host): // a name that leads to this computer only now (DNS rebinding)
		refuse(w, http.StatusForbidden, "WrongHost", "The Host header is not the address of this server.")
		return
	case fromBrowserOrProxy(r.Header):
		refuse(w, http.StatusForbidden, "NotAProgram", "Browsers and proxies get no keys.")
		return
	case r.Method != http.MethodGet:
		header.Set("Allow", http.MethodGet)
		refuse(w, http.StatusMethodNotAllowed, "WrongMethod", "Only GET is accepted.")
		return
	}
	name := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	served := s.roles[name]
	switch {
	case served == nil:
		refuse(w, http.StatusNotFound, "UnknownName", "No role is served under this address.")
		return
	case !served.admits(r.Header.Values("Authorization")):
		refuse(w, http.StatusUnauthorized, "WrongToken", "The Authorization header is not the token of this role.")
		return
	}
	keys, err := served.shared.do(serving, r.Context(), served.source)
	if r.Context().Err() != nil {
		return
	}
	if err != nil {
		s.fail(w, name, err)
		return
	}
	giveKeys(w, keys)
}

func (s *Server) isHost(host string) bool {
	return host == s.host || strings.TrimSuffix(s.host, ":80") == host
}

// fromBrowserOrProxy reports whether a request has a header that no SDK sends: those of pages in a browser,
// and those with which proxies say for whom they ask.
func fromBrowserOrProxy(h http.Header) bool {
	for _, name := range []string{"Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Forwarded", "X-Forwarded-For", "Via"} {
		if len(h.Values(name)) > 0 {
			return true
		}
	}
	return false
}

// admits compares a token in constant time. The hash makes the lengths equal.
func (r *role) admits(values []string) bool {
	if len(values) != 1 {
		return false
	}
	given, want := sha256.Sum256([]byte(values[0])), sha256.Sum256([]byte(r.token.Reveal()))
	return subtle.ConstantTimeCompare(given[:], want[:]) == 1
}

// fail tells a program why there are no keys. SDKs ask again after 500 and not after 400.
func (s *Server) fail(w http.ResponseWriter, name string, err error) {
	s.Report(name, err)
	if refused, ok := errors.AsType[*home.Refused](err); ok {
		refuse(w, http.StatusBadRequest, refused.Code, refused.Error())
		return
	}
	refuse(w, http.StatusInternalServerError, "Unavailable", "The keys could not be had. aws-access says why.")
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "message": text})
}

// giveKeys is the only place that sends keys to a program.
func giveKeys(w http.ResponseWriter, k home.Keys) {
	_ = json.NewEncoder(w).Encode(map[string]string{
		"AccessKeyId": k.Credentials.AccessKeyID, "SecretAccessKey": k.Credentials.SecretKey.Reveal(),
		"Token": k.Credentials.SessionToken.Reveal(), "Expiration": k.End.UTC().Format(time.RFC3339),
		"AccountId": k.Account,
	})
}
