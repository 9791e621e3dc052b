package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// respond writes JSON.
func respond(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	_ = out.Encode(body) // whoever hung up does not read it
}

// refuse answers a lever that did not do what was asked.
func refuse(w http.ResponseWriter, err error) {
	var long tooLong
	if errors.As(err, &long) {
		sentence(w, http.StatusRequestEntityTooLarge, err)
		return
	}
	sentence(w, http.StatusBadRequest, err)
}

// sentence answers with an error.
func sentence(w http.ResponseWriter, status int, err error) {
	respond(w, status, map[string]string{"error": err.Error()})
}

// Limits of what levers read, in bytes.
const (
	maxLever  = 4 << 20
	maxPolicy = 32 << 20
	maxPeople = 32 << 20
)

// tooLong says that a body is longer than a lever takes.
type tooLong struct{ limit int64 }

func (e tooLong) Error() string {
	return fmt.Sprintf("the body is longer than %d MiB: send it in several calls", e.limit>>20)
}

// read reads a lever's JSON. Fields that a lever does not have are refused, so
// that a misspelt one is not silently nothing. No body is an empty object.
func read(r *http.Request, into any) error { return readUpTo(r, maxLever, into) }

// readUpTo is read for bodies of at most so many bytes. A body that is longer is
// read on for as many again before it is refused: most clients read no answer
// before they have sent everything.
func readUpTo(r *http.Request, limit int64, into any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return fmt.Errorf("the body cannot be read: %w", err)
	}
	if int64(len(body)) > limit {
		_, _ = io.CopyN(io.Discard, r.Body, limit) // what fails here is refused all the same
		return tooLong{limit}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	in := json.NewDecoder(bytes.NewReader(body))
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		return fmt.Errorf("the body is not what this lever takes: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body goes on after its JSON object")
	}
	return nil
}

func decodeBase64(text string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", fmt.Errorf("the function's answer is not base64, though it says so: %w", err)
	}
	return string(raw), nil
}

// guarded lets nobody in but programs and pages of this computer: a page on
// the internet could otherwise drive the sandbox through its reader's browser,
// by a form (foreign Origin) or by a name that it lets point here (foreign
// Host). An exposed sandbox is reached under any name, by its own pages only.
func guarded(exposed bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !exposed && !loopbackHost(r.Host):
			sentence(w, http.StatusForbidden, fmt.Errorf("this sandbox answers on this computer only, not as %q: use 127.0.0.1, or start it with SANDBOX_EXPOSE=1", r.Host))
		case foreign(r):
			sentence(w, http.StatusForbidden, errors.New("pages of other sites may not drive the sandbox"))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// foreign reports whether a browser says that another site's page sent r. A
// plain link to a page is nothing to refuse.
func foreign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		from, err := url.Parse(origin)
		return err != nil || !strings.EqualFold(from.Host, r.Host)
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// loopbackHost reports whether a Host header names this computer.
func loopbackHost(host string) bool {
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
