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
	"github.com/aws-access/aws-access/pkg/wire"
)

// redirect leads one browser to a link, once.
type redirect struct {
	host, path string
	link       access.Secret
	// sameUser reports whether the peer of a connection is of this user; an error says that it is not known.
	sameUser func(peer, local netip.AddrPort) (bool, error)
	warn     func(text string)

	mu        sync.Mutex
	fetches   int
	unchecked bool          // whether it is not known who fetched first
	fetched   chan struct{} // closed at the first fetch
	again     chan struct{} // closed at the second one
}

// inBrowser opens the browser with an address of this computer.
func (c *console) inBrowser(ctx context.Context, e *Env, link wire.Link) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the browser: %w; use --print", err)
	}
	var mu sync.Mutex
	r := newRedirect(listener.Addr().String(), link.Address, func(text string) {
		mu.Lock()
		defer mu.Unlock()
		e.say("%s", text)
	})
	r.sameUser = c.sameUser
	server := &http.Server{Handler: r, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       log.New(io.Discard, "", 0)}
	server.SetKeepAlivesEnabled(false)
	go func() { _ = server.Serve(listener) }()
	opening, cancel := context.WithCancel(ctx)
	defer cancel()
	again, err := c.awaitBrowser(opening, r)
	closeServer(ctx, server)
	if err != nil || !again {
		return err
	}
	return c.fetchedTwice(ctx, e, link)
}

// closeServer lets the last answer be sent.
func closeServer(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = server.Shutdown(ctx)
	_ = server.Close()
}

// awaitBrowser opens the browser, and reports whether the address was fetched twice.
func (c *console) awaitBrowser(ctx context.Context, r *redirect) (again bool, err error) {
	failed, opened := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(opened)
		if err := c.open(ctx, "http://"+r.host+r.path); err != nil {
			failed <- err
		}
	}()
	timeout := time.NewTimer(c.wait)
	defer timeout.Stop()
	select {
	case <-r.fetched:
	case err := <-failed:
		if r.count() == 0 {
			return false, err
		}
	case <-timeout.C:
		return false, errors.New("no browser of yours fetched the address; use --print, and open the link yourself")
	case <-ctx.Done():
		return false, ctx.Err()
	}
	stay := c.stay
	if r.isUnchecked() {
		// Somebody else may have come first. Then the browser is the second one, and it may not have begun yet.
		stay = c.stayUnchecked
		r.warn("The address was fetched. For " + stay.String() + " more, a second fetch ends the access.")
		select {
		case <-opened:
		case <-r.again:
		case <-timeout.C:
		case <-ctx.Done():
		}
	}
	select {
	case <-r.again:
	case <-time.After(stay):
	case <-ctx.Done():
	}
	return r.count() > 1, nil
}

// fetchedTwice ends the access, because two programs have fetched the address and one of them has the link.
func (c *console) fetchedTwice(ctx context.Context, e *Env, link wire.Link) error {
	e.say("aws-access console: The address was fetched twice, so somebody else on this computer may have the link.")
	if err := c.end(ctx, e, link); err != nil {
		e.say("The access could not be ended: %v. End it now: aws-access done, or in Slack.", err)
		return Exit(ExitNotAsked)
	}
	e.say("The access was ended. If the console did not open in your browser, or opened without your doing, tell your " +
		"security team: a console that was opened with the link works until its session ends, for an hour at most.")
	return Exit(ExitRefused)
}

func newRedirect(host string, link access.Secret, warn func(string)) *redirect {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return &redirect{host: host, path: "/" + base64.RawURLEncoding.EncodeToString(secret), link: link, sameUser: sameUser,
		warn: warn, fetched: make(chan struct{}), again: make(chan struct{})}
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
	mine, checked := r.isMine(q)
	if !mine {
		r.warn("Another user of this computer has tried to fetch the console link, and did not get it.")
		http.Error(w, "This address is for another user.", http.StatusForbidden)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch r.fetches++; r.fetches {
	case 1:
		r.unchecked = !checked
		header.Set("Location", r.link.Reveal())
		w.WriteHeader(http.StatusSeeOther)
		close(r.fetched)
		return
	case 2:
		close(r.again)
	}
	http.Error(w, "This address was used. If that was not you, somebody else on this computer has your link: see what "+
		"aws-access console says.", http.StatusGone)
}

// count is how often the address was fetched.
func (r *redirect) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fetches
}

func (r *redirect) isUnchecked() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unchecked
}

// isMine asks the system. Where it does not tell, the random path and the watch for a second fetch are the only
// protection.
func (r *redirect) isMine(q *http.Request) (mine, checked bool) {
	peer, err := netip.ParseAddrPort(q.RemoteAddr)
	if err != nil {
		return false, true
	}
	local, err := netip.ParseAddrPort(r.host)
	if err != nil {
		return false, true
	}
	mine, err = r.sameUser(peer, local)
	if errors.Is(err, errors.ErrUnsupported) {
		return true, false
	}
	return err == nil && mine, true
}
