package world

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/relay"
	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/wire"
)

// commandPath is where programs call the product.
const commandPath = relay.Route

// maxPrograms is how many calls are remembered.
const maxPrograms = 500

// Programs are the newest calls of programs, oldest first.
type Programs struct {
	mu  sync.Mutex
	all []ProgramCall
}

// ProgramCall is a call to /v1 with its answer, as somebody sees it who reads along. It
// holds nothing that is secret: no call, no proof, and no answer.
type ProgramCall struct {
	At      time.Time `json:"at"`
	Op      string    `json:"op"`                // "" if the call cannot be read
	By      string    `json:"by"`                // device, aws, oidc, code; "" if the call cannot be read
	Device  string    `json:"device,omitempty"`  // thumbprint of the key
	Account string    `json:"account,omitempty"` // as it was asked for
	Role    string    `json:"role,omitempty"`
	Status  int       `json:"status"`
	Code    string    `json:"code,omitempty"` // of a refusal
	Signed  bool      `json:"signed"`
	Sealed  bool      `json:"sealed"`
}

// All are the calls. It is never nil.
func (p *Programs) All() []ProgramCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]ProgramCall{}, p.all...)
}

func (p *Programs) add(c ProgramCall) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all[max(0, len(p.all)+1-maxPrograms):], c)
}

// recorded remembers what passes.
type recorded struct {
	log  *Programs
	next http.Handler
	now  func() time.Time
}

func (h recorded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, wire.MaxCall+1))
	if err != nil {
		http.Error(w, "the body was cut off", http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
	copied := &copyWriter{ResponseWriter: w, status: http.StatusOK}
	at := h.now()
	h.next.ServeHTTP(copied, r)
	c := readCall(string(body))
	c.At, c.Status, c.Signed = at, copied.status, w.Header().Get(wire.SignatureHeader) != ""
	var answer struct{ Sealed, Code string }
	if json.Unmarshal(copied.body.Bytes(), &answer) == nil {
		c.Sealed, c.Code = answer.Sealed != "", answer.Code
	}
	h.log.add(c)
}

// readCall reads what a call says of itself. Nobody has checked its signature: this is for
// a person who looks on.
func readCall(text string) (c ProgramCall) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return c
	}
	var header struct {
		Kid string          `json:"kid"`
		JWK *wire.PublicKey `json:"jwk"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || decodePart(parts[0], &header) != nil {
		return c
	}
	p, err := wire.ParsePayload(payload)
	if err != nil {
		return c
	}
	c = ProgramCall{Op: string(p.Op), By: "device", Device: header.Kid, Account: p.Account, Role: p.Role}
	switch {
	case p.AWS != nil:
		c.By = "aws"
	case p.Machine():
		c.By = "oidc"
	case p.Op == wire.Pair:
		c.By = "code"
	}
	if header.JWK != nil {
		c.Device = header.JWK.Thumbprint()
	}
	return c
}

func decodePart(text string, into any) error {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// copyWriter keeps what is written.
type copyWriter struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *copyWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *copyWriter) Write(p []byte) (int, error) {
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}

// Devices are all paired computers, also removed ones, by the time of their pairing.
func (w *World) Devices() (all []access.Device) {
	for _, item := range w.Store.DeviceItems() {
		var d access.Device
		if item.SK == store.DeviceSort && item.Decode(&d) == nil {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b access.Device) int {
		return cmp.Or(a.Paired.Compare(b.Paired), strings.Compare(a.ID, b.ID))
	})
	return all
}
