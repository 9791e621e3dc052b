// Package web holds the parts of HTTP that both the controls and the world use:
// JSON answers, JSON bodies, and the guard that keeps pages of other sites out.
package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// JSON answers with a status and a JSON body.
func JSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	_ = out.Encode(body) // a client that hung up does not read it
}

// Error answers with {"error": "..."}.
func Error(w http.ResponseWriter, status int, err error) {
	JSON(w, status, map[string]string{"error": err.Error()})
}

// BadRequest answers an error of Read, or another one that the client can
// correct: with 413 if the body was too long, and with 400 otherwise.
func BadRequest(w http.ResponseWriter, err error) {
	var long tooLongError
	if errors.As(err, &long) {
		Error(w, http.StatusRequestEntityTooLarge, err)
		return
	}
	Error(w, http.StatusBadRequest, err)
}

// tooLongError says that a body is longer than limit bytes.
type tooLongError struct{ limit int64 }

func (e tooLongError) Error() string {
	return fmt.Sprintf("the body is longer than %d MiB: send it in several calls", e.limit>>20)
}

// Read decodes a JSON object of at most limit bytes. Unknown fields are refused,
// so that a misspelt one is not ignored in silence. An empty body counts as {}.
//
// Of a body that is too long, as many bytes again are read before it is refused:
// most clients read no answer before they have sent everything.
func Read(r *http.Request, limit int64, into any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}
	if int64(len(body)) > limit {
		_, _ = io.CopyN(io.Discard, r.Body, limit) // refused whether or not this fails
		return tooLongError{limit}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	in := json.NewDecoder(bytes.NewReader(body))
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		return fmt.Errorf("the body is not what this control takes: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body goes on after its JSON object")
	}
	return nil
}
