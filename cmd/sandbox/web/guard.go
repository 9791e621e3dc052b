package web

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ReadHeaderTimeout is how long a client may take to send its headers.
const ReadHeaderTimeout = 10 * time.Second

// LocalOnly answers only to programs and pages of this computer. Without it a
// page on the internet could drive the sandbox through its reader's browser: by
// a form (foreign Origin), or by a host name that it points at 127.0.0.1
// (foreign Host). An exposed sandbox answers to any host name, and still only
// to its own pages.
func LocalOnly(exposed bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !exposed && !IsLoopback(r.Host):
			Error(w, http.StatusForbidden, fmt.Errorf("this sandbox answers on this computer only, not as %q: "+
				"use 127.0.0.1, or start it with SANDBOX_EXPOSE=1", r.Host))
		case crossSite(r):
			Error(w, http.StatusForbidden, errors.New("pages of other sites may not drive the sandbox"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// crossSite reports whether a browser says that r comes from a page of another
// site. Following a link to the sandbox is allowed.
func crossSite(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		from, err := url.Parse(origin)
		return err != nil || !strings.EqualFold(from.Host, r.Host)
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// IsLoopback reports whether a host, with or without a port, names this computer.
func IsLoopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// OwnContentOnly sets the headers of the sandbox's page: it may load from and
// send to the sandbox only.
func OwnContentOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy",
			"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}
