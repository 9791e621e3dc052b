package people

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// redirect leads one browser to a link, once.
type redirect struct {
	host, path string
	link       access.Secret
	// sameUser reports whether the peer of a connection is of this user; an error says that it is not known.
	sameUser func(peer, local netip.AddrPort) (bool, error)
	warn     func(text string)

	mu      sync.Mutex
	used    bool
	fetched chan struct{} // closed at the fetch that counts
}

// inBrowser opens the browser with an address of this computer.
func (c *console) inBrowser(ctx context.Context, e *Env, link access.Secret) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the browser: %w; use --print", err)
	}
	var mu sync.Mutex
	r := newRedirect(listener.Addr().String(), link, func(text string) {
		mu.Lock()
		defer mu.Unlock()
		e.say("%s", text)
	})
	server := &http.Server{Handler: r, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       log.New(io.Discard, "", 0)}
	server.SetKeepAlivesEnabled(false)
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	failed := make(chan error, 1)
	go func() {
		if err := c.open(ctx, "http://"+r.host+r.path); err != nil {
			failed <- err
		}
	}()
	timeout := time.NewTimer(c.wait)
	defer timeout.Stop()
	select {
	case <-r.fetched:
	case err := <-failed:
		return err
	case <-timeout.C:
		return errors.New("no browser of yours fetched the address; use --print, and open the link yourself")
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-time.After(c.stay):
	case <-ctx.Done():
	}
	return nil
}

func newRedirect(host string, link access.Secret, warn func(string)) *redirect {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return &redirect{host: host, path: "/" + base64.RawURLEncoding.EncodeToString(secret), link: link, sameUser: sameUser,
		warn: warn, fetched: make(chan struct{})}
}

// ServeHTTP answers one fetch of the path with the link. Other users of this computer can see the path in the
// list of processes, so the system is asked whose connection it is.
func (r *redirect) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	given, want := sha256.Sum256([]byte(q.URL.EscapedPath())), sha256.Sum256([]byte(r.path))
	if q.Host != r.host || q.Method != http.MethodGet || subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
		http.NotFound(w, q)
		return
	}
	if !r.isMine(q) {
		r.warn("Another user of this computer has tried to fetch the console link, and did not get it.")
		http.Error(w, "This address is for another user.", http.StatusForbidden)
		return
	}
	r.mu.Lock()
	first := !r.used
	r.used = true
	r.mu.Unlock()
	if !first {
		r.warn("The address was fetched a second time, which was refused. If the console did not open in your browser, " +
			"somebody else may have the link: end the access with aws-access done.")
		http.Error(w, "This address was used.", http.StatusGone)
		return
	}
	header.Set("Location", r.link.Reveal())
	w.WriteHeader(http.StatusSeeOther)
	close(r.fetched)
}

// isMine asks the system. Where it does not tell, the random path is the only protection.
func (r *redirect) isMine(q *http.Request) bool {
	peer, err := netip.ParseAddrPort(q.RemoteAddr)
	if err != nil {
		return false
	}
	local, err := netip.ParseAddrPort(r.host)
	if err != nil {
		return false
	}
	mine, err := r.sameUser(peer, local)
	return err == nil && mine || errors.Is(err, errors.ErrUnsupported)
}
