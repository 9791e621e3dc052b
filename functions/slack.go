package functions

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path"
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

// MaxBody is the largest body that is read, in bytes. Slack's own are far
// smaller; the signature of a larger one is not even computed.
const MaxBody = 1 << 20

type orders interface {
	Send(ctx context.Context, order access.Order) error
}

type requestStore interface {
	messageStore
	Directory(ctx context.Context) (access.Directory, error)
	ByRequester(ctx context.Context, user string, most int) ([]access.Request, error)
	LoadForSubmit(ctx context.Context, user, once string) (access.Directory, access.Asker, error)
	Requests(ctx context.Context, ids []string) ([]access.Request, error)
}

// Slack answers Slack: commands, clicks, forms and menus. It is on the internet,
// so nothing is parsed before the signature is checked, and it holds no way to
// assume a role.
type Slack struct {
	// SigningSecret returns the secret; fresh reads it again, for when it was
	// rotated.
	SigningSecret func(ctx context.Context, fresh bool) (access.Secret, error)
	Team          string // of this workspace
	Enterprise    string // of its organisation, "" if none
	Policy        *policy.Policy
	Store         requestStore
	Roster        lifecycle.Roster
	Submit        lifecycle.Submit
	Decide        lifecycle.Decide
	Close         lifecycle.Close
	Orders        orders
	Slack         *slackapi.Client
	Operators     Operators
	Now           func() time.Time
	Log           *slog.Logger

	cache directoryCache
	rate  rateLimit
}

// HandleOrder answers an event of the HTTP API.
func (h *Slack) Handle(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return gateway.Handler(h)(ctx, e)
}

// ServeHTTP checks where a request comes from, and what it is.
func (h *Slack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route := h.route(r.URL.Path)
	switch {
	case route == nil:
		http.Error(w, "not found", http.StatusNotFound)
		return
	case r.Method == http.MethodGet && isPing(r.URL.RawQuery):
		_, _ = w.Write([]byte("ok")) // nobody signed it: it learns nothing
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
		h.Log.WarnContext(r.Context(), "a request was not signed by Slack", "path", r.URL.Path, "from", r.RemoteAddr, "error", err)
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
	answer, err := route(r.Context(), payload{body: body, signature: r.Header.Get(slackapi.SignatureHeader), receivedAt: now})
	h.answer(r.Context(), w, answer, err)
}

// route finds the handler of a path. The HTTP API puts the name of a stage, or
// the mapping of a custom domain, before the route.
func (h *Slack) route(asked string) func(context.Context, payload) (any, error) {
	for route, handle := range map[string]func(context.Context, payload) (any, error){
		"/slack/commands": h.command, "/slack/interactions": h.interaction, "/slack/options": h.options,
	} {
		if base, ok := strings.CutSuffix(asked, route); ok && isBase(base) {
			return handle
		}
	}
	return nil
}

// isBase reports whether something may stand before a route: nothing, or whole
// segments of the characters that API Gateway takes in a mapping. A path that
// something else could read in another way is refused.
func isBase(base string) bool {
	odd := func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("/$-_.+!*'()", r)
	}
	return base == "" || base[0] == '/' && base != "/" && path.Clean(base) == base && !strings.ContainsFunc(base, odd)
}

// isPing reports whether a form only asks whether the address is good. Slack asks
// so (ssl_check=1), and aws-access doctor does, of every route.
func isPing(text string) bool {
	if !strings.Contains(text, "ssl_check=1") {
		return false
	}
	form, err := url.ParseQuery(text)
	return err == nil && form.Get("ssl_check") == "1" && !form.Has("command") && !form.Has("payload")
}

// pingAnswer is the answer to a ping. That it was signed is why it may say which
// policy this function has.
type pingAnswer struct {
	OK     bool   `json:"ok"`
	Policy string `json:"policy"`
}

// payload is a signed body.
type payload struct {
	body       []byte
	signature  string
	receivedAt time.Time // the one reading of the clock that the handler goes by
}

// once is the unique key of what a payload leads to: Slack's trigger id, or the
// signature where a payload has none. Either is the same when it is sent again.
func (p payload) uniqueKey(trigger string) string {
	if trigger == "" {
		return p.signature
	}
	return trigger
}

// verify checks the signature; when it does not fit, once more with the secret
// read again.
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

// errMalformed says that a signed payload is not one of Slack's.
var errMalformed = errors.New("not a payload of Slack")

// answer writes what a route returned: nothing, or JSON.
func (h *Slack) answer(ctx context.Context, w http.ResponseWriter, answer any, err error) {
	switch {
	case errors.Is(err, errMalformed):
		h.Log.WarnContext(ctx, "a signed request could not be read", "error", err)
		http.Error(w, "not a payload of Slack", http.StatusBadRequest)
		return
	case err != nil: // Slack shows the person that something went wrong
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

// refused puts an error into words for one person. What is no refusal is
// logged under a reference, and the person sees the reference.
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

// openError puts Slack's "too late" into words: a form opens within three seconds
// of the click, or not at all.
func openError(err error) error {
	if slackapi.Code(err) == "expired_trigger_id" {
		return access.RefuseTooSlow()
	}
	return err
}

// fromWorkspace reports whether something was sent from this workspace, or from another
// one of its organisation: on Enterprise Grid, a member works in any of them. It
// keeps other companies out before anything is done; who the person is, and
// whether a member of this workspace, the steps ask Slack (users.info).
func (h *Slack) fromWorkspace(team, enterprise string) bool {
	return team == h.Team || h.Enterprise != "" && enterprise == h.Enterprise
}

// fromInstallation is ours for an interaction. A form names the installation that opened
// it, which decides: the workspace beside it is where the person happens to be.
// See extract_team_id in Slack's Bolt for Python.
func (h *Slack) fromInstallation(in slackui.Interaction) bool {
	if id := in.View.Installed; id != "" {
		return id == h.Team || h.Enterprise != "" && id == h.Enterprise
	}
	return h.fromWorkspace(in.Team, in.Enterprise)
}

// outsiderRefusal is the refusal of everything that comes from elsewhere.
func outsiderRefusal() error { return access.Person{Membership: access.Outsider}.Refused() }

// cache keeps the directory for a minute, for drawing menus only: what is
// decided is decided by the steps, on a directory of their own.
type directoryCache struct {
	mu        sync.Mutex
	directory access.Directory
	read      time.Time
}

const cacheLife = time.Minute

// lookUp returns somebody, and the directory, as menus may show them.
func (h *Slack) lookUp(ctx context.Context, user string, now time.Time) (access.Person, access.Directory, error) {
	d, err := h.cache.get(now, func() (access.Directory, error) {
		d, err := h.Store.Directory(ctx)
		if err != nil {
			return d, err
		}
		return h.Roster.Fresh(ctx, d), nil
	})
	if err != nil {
		return access.Person{}, d, err
	}
	return h.Roster.Person(ctx, d, user), d, nil
}

func (m *directoryCache) get(now time.Time, read func() (access.Directory, error)) (access.Directory, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if age := now.Sub(m.read); !m.read.IsZero() && age >= 0 && age < cacheLife {
		return m.directory, nil
	}
	d, err := read()
	if err == nil {
		m.directory, m.read = d, now
	}
	return d, err
}
