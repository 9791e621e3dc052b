package relay

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/gateway"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Route is the path of the one route. A stage or a base path may stand before it.
const Route = "/v1"

// Codes of the answers that the relay itself gives, beside those of wire.Code. They are
// not signed: a caller must not believe them, and prints fixed words.
const (
	NotFound      = "not_found"
	OnlyPost      = "only_post"
	WrongType     = "wrong_type"
	Unreadable    = "unreadable"
	UnknownDevice = "unknown_device"
	TooMany       = "too_many"
	VendFailed    = "vend_failed"
	Unavailable   = "unavailable"
	Timeout       = "timeout"
)

type devices interface {
	// Device returns the device with a key, by the key's thumbprint. If there is none, the
	// error is access.ErrNotFound, or the device has no ID.
	Device(ctx context.Context, thumbprint string) (access.Device, error)
}

type vend interface {
	// Call passes a call to vend, and returns vend's answer, JSON of a wire.Response.
	Call(ctx context.Context, text string) ([]byte, error)
}

// VendTimeout is how long the relay waits for vend. It is shorter than the timeout of the
// function, so that the caller learns that vend was too slow.
const VendTimeout = 25 * time.Second

// API is the handler. NewAPI builds it.
type API struct {
	devices devices
	vend    vend
	now     func() time.Time
	log     *slog.Logger
	// Wall is the time by which callers are counted. The sandbox sets another one, because its
	// clock may stand still.
	Wall    func() time.Time
	sources throttle // by network address, before anything is read
	keys    throttle // by key, after its signature was verified
}

// NewAPI builds the handler.
func NewAPI(d devices, v vend, now func() time.Time, log *slog.Logger) *API {
	return &API{
		devices: d, vend: v, now: now, log: log, Wall: now,
		sources: throttle{burst: sourceBurst, perSecond: sourcesPerSecond},
		keys:    throttle{burst: keyBurst, perSecond: keysPerSecond},
	}
}

// Handle answers an event of the HTTP API.
func (h *API) Handle(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return gateway.Handler(h)(ctx, e)
}

// refusal is an answer that the relay gives itself.
type refusal struct {
	status int
	code   string
	after  time.Duration // for Retry-After; 0 for none
	cause  error         // for the log; never a part of what was sent
	device string        // for the log, if its signature was verified
}

// ServeHTTP answers a request from the internet. It checks path, method, the rate of the
// sender, content type, size, form and signature, in this order.
func (h *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, u, refused := h.read(r)
	if refused == nil {
		refused = h.authenticate(r.Context(), u)
	}
	var answer wire.Response
	if refused == nil {
		answer, refused = h.pass(r.Context(), text)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if refused != nil {
		h.refuse(w, r, *refused)
		return
	}
	if answer.Signature != "" {
		w.Header().Set(wire.SignatureHeader, answer.Signature)
	}
	w.WriteHeader(answer.Status)
	_, _ = io.WriteString(w, answer.Body) // fails only if the caller has hung up
}

// refuse writes and logs an answer of the relay's own.
func (h *API) refuse(w http.ResponseWriter, r *http.Request, why refusal) {
	level := slog.LevelWarn
	if why.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	h.log.Log(r.Context(), level, "a call was not passed on or not answered", "code", why.code, "status", why.status,
		"from", r.RemoteAddr, "device", why.device, "error", why.cause)
	if why.after > 0 {
		seconds := (why.after + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	if why.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	w.WriteHeader(why.status)
	_, _ = io.WriteString(w, `{"code":"`+why.code+`"}`)
}

// read reads a call, and checks everything that takes no key.
func (h *API) read(r *http.Request) (text []byte, u *wire.Unverified, refused *refusal) {
	switch {
	case !gateway.IsRoute(r.URL.Path, Route) || r.URL.RawQuery != "":
		return nil, nil, &refusal{status: http.StatusNotFound, code: NotFound}
	case r.Method != http.MethodPost:
		return nil, nil, &refusal{status: http.StatusMethodNotAllowed, code: OnlyPost}
	}
	if wait := h.sources.count(network(r.RemoteAddr), h.Wall()); wait > 0 {
		return nil, nil, &refusal{status: http.StatusTooManyRequests, code: TooMany, after: wait}
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), wire.ContentType) {
		return nil, nil, &refusal{status: http.StatusUnsupportedMediaType, code: WrongType}
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, wire.MaxCall+1))
	if err != nil {
		return nil, nil, &refusal{status: http.StatusBadRequest, code: Unreadable}
	}
	if u, err = wire.Parse(text, address(r)); err != nil {
		return nil, nil, malformed(err)
	}
	return text, u, nil
}

// malformed is the refusal for an error of package wire, whose text never contains what
// was sent.
func malformed(err error) *refusal {
	code := wire.CodeOf(err)
	return &refusal{status: code.Status(), code: string(code), cause: err}
}

// retry is when a caller may try again after a failure that may pass.
const retry = time.Second

// authenticate checks the signature of a call by its device's key or by the key that it
// carries. It does not judge the caller's clock: vend does, and signs the refusal.
func (h *API) authenticate(ctx context.Context, u *wire.Unverified) *refusal {
	now, device := h.now(), ""
	key, embedded := u.Embedded()
	if !embedded {
		var refused *refusal
		if key, refused = h.keyOf(ctx, u.Thumbprint(), now); refused != nil {
			return refused
		}
		device = u.Thumbprint()
	}
	if _, err := u.Verify(key, now); err != nil && wire.CodeOf(err) != wire.Clock {
		return malformed(err)
	}
	if wait := h.keys.count(u.Thumbprint(), h.Wall()); wait > 0 {
		return &refusal{status: http.StatusTooManyRequests, code: TooMany, after: wait, device: device}
	}
	return nil
}

// keyOf returns the key of a device that may be used now.
func (h *API) keyOf(ctx context.Context, thumbprint string, now time.Time) (wire.PublicKey, *refusal) {
	d, err := h.devices.Device(ctx, thumbprint)
	switch {
	case errors.Is(err, access.ErrNotFound),
		err == nil && (d.ID != thumbprint || !d.Removed.IsZero() || !now.Before(d.Expires)):
		return wire.PublicKey{}, &refusal{status: http.StatusUnauthorized, code: UnknownDevice}
	case err != nil:
		return wire.PublicKey{}, &refusal{
			status: http.StatusServiceUnavailable, code: Unavailable, after: retry, cause: err,
		}
	}
	key, err := wire.ParsePublicKey([]byte(d.Key))
	if err != nil {
		return key, &refusal{status: http.StatusServiceUnavailable, code: Unavailable, cause: err}
	}
	return key, nil
}

// pass passes a call to vend and returns vend's answer.
func (h *API) pass(ctx context.Context, text []byte) (wire.Response, *refusal) {
	ctx, stop := context.WithTimeout(ctx, VendTimeout)
	defer stop()
	answer, err := h.vend.Call(ctx, string(text))
	if err != nil {
		return wire.Response{}, unanswered(err)
	}
	var out wire.Response
	if json.Unmarshal(answer, &out) != nil || out.Status < http.StatusOK || out.Status > 599 || out.Body == "" {
		return out, &refusal{status: http.StatusBadGateway, code: VendFailed, cause: errNoResponse}
	}
	return out, nil
}

// errNoResponse does not wrap the decoder's error, which may quote an answer.
var errNoResponse = errors.New("vend's answer is not a response")

// unanswered is the refusal of a call that vend did not answer.
func unanswered(err error) *refusal {
	var refused *awscall.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &refusal{status: http.StatusGatewayTimeout, code: Timeout, after: retry, cause: err}
	case errors.As(err, &refused) && refused.Status == http.StatusTooManyRequests: // also while the stack is frozen
		return &refusal{status: http.StatusServiceUnavailable, code: Unavailable, after: retry, cause: err}
	}
	return &refusal{status: http.StatusBadGateway, code: VendFailed, cause: err}
}

// address is the address to which the request was sent, as a caller signs it. Host and
// path are what API Gateway says, and no header. Only a computer's own addresses are
// served over plain http.
func address(r *http.Request) string {
	scheme := "https://"
	if (wire.URL{Address: scheme + r.Host}).Loopback() {
		scheme = "http://"
	}
	return scheme + r.Host + r.URL.Path
}
