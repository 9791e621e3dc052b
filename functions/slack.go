package functions

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/gateway"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// MaxBody is how many bytes a body may have. Slack's are far smaller. A larger one
// is refused before its signature is computed.
const MaxBody = 1 << 20

type orders interface {
	Send(ctx context.Context, order access.Order) error
	SendDevice(ctx context.Context, order access.DeviceOrder) error
	SendRevocation(ctx context.Context, order access.Revocation) error
}

type requestStore interface {
	messageStore
	Directory(ctx context.Context) (access.Directory, error)
	ByRequester(ctx context.Context, user string, limit int) ([]access.Request, error)
	LoadForSubmit(ctx context.Context, user, once string) (access.Directory, access.Asker, error)
	Requests(ctx context.Context, ids []string) ([]access.Request, error)
	InState(ctx context.Context, state access.State, limit int) ([]access.Request, error)
	Ending(ctx context.Context, now time.Time, limit int) ([]string, error)
	CutList(ctx context.Context, k access.CutKey) (access.CutList, error)
	DueCuts(ctx context.Context, now time.Time, limit int) ([]access.CutKey, error)
	Freeze(ctx context.Context) (access.Freeze, error)
}

// Slack is the handler of what Slack sends: commands, clicks, forms and menus. It is
// the only handler of this package on the internet. So it parses nothing before it has checked the
// signature, and it has no way to assume a role. NewSlack builds it.
type Slack struct {
	// SigningSecret returns the secret. With fresh, it reads the secret again: it
	// may have been rotated.
	SigningSecret func(ctx context.Context, fresh bool) (access.Secret, error)
	Team          string // id of the workspace, T…
	Enterprise    string // id of its organisation, E…; "" outside Enterprise Grid
	Policy        *policy.Policy
	Store         requestStore
	Roster        lifecycle.Roster
	Submit        lifecycle.Submit
	Decide        lifecycle.Decide
	Close         lifecycle.Close
	Respond       lifecycle.Respond
	Orders        orders
	Slack         *slackapi.Client
	Operators     Operators
	Now           func() time.Time
	Log           *slog.Logger

	cache  directoryCache
	freeze cached[access.Freeze]
	rate   rateLimit
}

// Handle answers an event of the HTTP API.
func (h *Slack) Handle(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return gateway.Handler(h)(ctx, e)
}

// ServeHTTP answers a request from the internet. It checks path, method, size,
// signature and UTF-8, in this order, before it reads anything of the body.
func (h *Slack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route := h.route(r.URL.Path)
	switch {
	case route == nil:
		http.Error(w, "not found", http.StatusNotFound)
		return
	case r.Method == http.MethodGet && isPing(r.URL.RawQuery):
		_, _ = w.Write([]byte("ok")) // the ping is not signed, so the answer says nothing else
		return
	case r.Method != http.MethodPost:
		http.Error(w, "only POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	switch {
	case err != nil:
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	case len(body) > MaxBody:
		http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
		return
	}
	now := h.Now()
	if err := h.verify(r.Context(), r.Header, body, now); err != nil {
		h.Log.WarnContext(r.Context(), "a request was not signed by Slack", "path", r.URL.Path, "from", r.RemoteAddr,
			"error", err)
		http.Error(w, "not signed by Slack", http.StatusUnauthorized)
		return
	}
	if !utf8.Valid(body) {
		http.Error(w, "the body is not UTF-8", http.StatusBadRequest)
		return
	}
	if isPing(string(body)) {
		h.answer(r.Context(), w, pingAnswer{OK: true, Policy: h.Policy.Digest()}, nil)
		return
	}
	answer, err := route(r.Context(), payload{
		body: body, signature: r.Header.Get(slackapi.SignatureHeader), receivedAt: now,
	})
	h.answer(r.Context(), w, answer, err)
}

// route returns what handles a path, or nil.
func (h *Slack) route(asked string) func(context.Context, payload) (any, error) {
	for route, handle := range map[string]func(context.Context, payload) (any, error){
		"/slack/commands": h.command, "/slack/interactions": h.interaction, "/slack/options": h.options,
	} {
		if gateway.IsRoute(asked, route) {
			return handle
		}
	}
	return nil
}

// isPing reports whether a form only asks whether the address works (ssl_check=1).
// Slack sends such forms, and aws-access doctor sends one to every route.
func isPing(text string) bool {
	if !strings.Contains(text, "ssl_check=1") {
		return false
	}
	form, err := url.ParseQuery(text)
	return err == nil && form.Get("ssl_check") == "1" && !form.Has("command") && !form.Has("payload")
}

// pingAnswer is the answer to a signed ping. Because the ping was signed, the answer
// may say which policy this function has.
type pingAnswer struct {
	OK     bool   `json:"ok"`
	Policy string `json:"policy"`
}

// payload is a signed body.
type payload struct {
	body       []byte
	signature  string
	receivedAt time.Time // read once, so that all checks use the same time
}

// uniqueKey returns the unique key of the write that follows from a payload: Slack's
// trigger id, or the signature if the payload has none. Both stay the same when the
// payload is sent again, so a replay has no effect.
func (p payload) uniqueKey(trigger string) string {
	if trigger == "" {
		return p.signature
	}
	return trigger
}

// verify decides whether Slack sent a request. When the signature does not match, it
// reads the secret again and checks once more. Its backstop is the unique key of the
// write (pkg/store/store.go:OnceKey): a replayed request changes nothing.
func (h *Slack) verify(ctx context.Context, header http.Header, body []byte, now time.Time) error {
	var refused error
	for _, fresh := range []bool{false, true} {
		secret, err := h.SigningSecret(ctx, fresh)
		if err != nil {
			return err
		}
		if refused = slackapi.Verify(secret, header, body, now); refused == nil {
			return nil
		}
	}
	return refused
}

// errMalformed says that a signed payload does not have the form of one of Slack's.
var errMalformed = errors.New("not a payload of Slack")

// answer writes what a route returned: an error, JSON, or nothing.
func (h *Slack) answer(ctx context.Context, w http.ResponseWriter, answer any, err error) {
	switch {
	case errors.Is(err, errMalformed):
		h.Log.WarnContext(ctx, "a signed request could not be read", "error", err)
		http.Error(w, "not a payload of Slack", http.StatusBadRequest)
		return
	case err != nil: // Slack tells the person that something went wrong
		h.Log.ErrorContext(ctx, "a signed request could not be answered", "error", err)
		http.Error(w, "something went wrong", http.StatusInternalServerError)
		return
	}
	if answer == nil {
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	if err := out.Encode(answer); err != nil {
		h.Log.ErrorContext(ctx, "an answer could not be written", "error", err)
	}
}

// refused returns the message to one person about an error. A refusal is shown. Any
// other error is logged under a reference, and the person sees only the reference.
func (h *Slack) refused(ctx context.Context, err error) slackui.Message {
	reference := h.Submit.NewID()
	var refusal *access.Refusal
	if errors.As(err, &refusal) {
		h.Log.InfoContext(ctx, "refused", "code", refusal.Code)
	} else {
		h.Log.ErrorContext(ctx, "failed", "reference", reference, "error", err)
	}
	return slackui.ErrorAnswer(err, reference)
}

// openError replaces Slack's error for a form that was opened too late with the
// refusal too_slow: Slack opens a form only within three seconds of the click.
func openError(err error) error {
	if slackapi.Code(err) == "expired_trigger_id" {
		return access.RefuseTooSlow()
	}
	return err
}

// fromWorkspace decides whether a command comes from this workspace or from another
// one of its organisation: on Enterprise Grid, a member may work in any of them. It
// keeps other companies out before anything is done. Its backstop is the membership,
// which each step reads from Slack (users.info) and checks with access.Person.Refused.
func (h *Slack) fromWorkspace(team, enterprise string) bool {
	return team == h.Team || h.Enterprise != "" && enterprise == h.Enterprise
}

// fromInstallation is fromWorkspace for an interaction. A form names the installation
// that opened it, and that decides. The workspace beside it is only the one that the
// person is looking at. See extract_team_id in Slack's Bolt for Python.
func (h *Slack) fromInstallation(in slackui.Interaction) bool {
	if id := in.View.Installed; id != "" {
		return id == h.Team || h.Enterprise != "" && id == h.Enterprise
	}
	return h.fromWorkspace(in.Team, in.Enterprise)
}

// outsiderRefusal is the refusal of everything that another workspace sends.
func outsiderRefusal() error { return access.Person{Membership: access.Outsider}.Refused() }

// cached keeps what was read for a minute. It is used only to draw menus and forms. A step reads
// by itself before it decides anything.
type cached[T any] struct {
	mu     sync.Mutex
	kept   T
	readAt time.Time
}

type directoryCache struct{ cached[access.Directory] }

const cacheLife = time.Minute

// lookUp returns a person and the directory, for menus and forms only: both may be a
// minute old.
func (h *Slack) lookUp(ctx context.Context, user string, now time.Time) (access.Person, access.Directory, error) {
	return h.cache.lookUp(ctx, h.Store, h.Roster, user, now)
}

// lookUp returns a person and the directory. Both may be a minute old, so nothing is
// decided by them.
func (c *directoryCache) lookUp(
	ctx context.Context, s requestStore, roster lifecycle.Roster, user string, now time.Time,
) (access.Person, access.Directory, error) {
	d, err := c.get(now, func() (access.Directory, error) {
		d, err := s.Directory(ctx)
		if err != nil {
			return d, err
		}
		return roster.Fresh(ctx, d), nil
	})
	if err != nil {
		return access.Person{}, d, err
	}
	return roster.Person(ctx, d, user), d, nil
}

// get returns what was read within the last minute, or reads it.
func (c *cached[T]) get(now time.Time, read func() (T, error)) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := now.Sub(c.readAt); !c.readAt.IsZero() && age >= 0 && age < cacheLife {
		return c.kept, nil
	}
	kept, err := read()
	if err == nil {
		c.kept, c.readAt = kept, now
	}
	return kept, err
}
