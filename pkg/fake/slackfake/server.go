package slackfake

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Server is a workspace and its Web API. It is safe for concurrent use.
type Server struct {
	o    Options
	seed func(*workspace)

	mu   sync.Mutex
	base string
	// tokenErrors holds the tokens that are refused, with the error code of each.
	tokenErrors map[access.Secret]string
	n           int // the last number used; Reset keeps it, so that ids never repeat
	w           *workspace
}

// New returns an empty workspace.
func New(o Options) *Server { return newServer(o, func(*workspace) {}) }

func newServer(o Options, seed func(*workspace)) *Server {
	if o.Fault == nil {
		o.Fault = func(string) Fault { return Fault{} }
	}
	if o.Count == nil {
		o.Count = func(string) {}
	}
	if o.Quota == nil {
		o.Quota = func(string) *Quota { return nil }
	}
	s := &Server{o: o, seed: seed, base: o.BaseURL, tokenErrors: make(map[access.Secret]string)}
	s.Reset()
	return s
}

// Reset restores the users, groups and channels that the server began with, and
// removes all messages, views, triggers and response URLs.
func (s *Server) Reset() {
	w := newWorkspace()
	s.seed(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w = w
}

// SetBaseURL sets the prefix of response URLs made from now on.
func (s *Server) SetBaseURL(base string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = base
}

// SetToken replaces the valid bot token. The old token is then refused with
// invalid_auth, or with the code that SetTokenError set for it.
func (s *Server) SetToken(token access.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Token = token
}

// SetTokenError makes the server refuse every call with the current token with
// this error code, such as account_inactive after the app was reinstalled. ""
// makes the token valid again. A token set later by SetToken is not affected.
func (s *Server) SetTokenError(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokenErrors[s.o.Token] = code
}

// SlowFor is how long a slow call takes, unless the caller hangs up before. It
// is one second longer than Slack waits for the app's answer.
const SlowFor = 4 * time.Second

// retryAfter is the Retry-After of the fault 429, in seconds.
const retryAfter = "1"

// ServeHTTP answers /<method> and /response/<id>.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	op := "slack:" + method
	s.o.Count(op)
	args, refused := arguments(r)
	if wait, over := s.overQuota(method, args); over {
		writeRateLimited(w, retryAfterSeconds(wait))
		return
	}
	fault := s.o.Fault(op)
	if code, ok := fault.code(); ok {
		write(w, statusOf(method, code), refuse(code).answer())
		return
	}
	switch fault.How {
	case "error":
		writeOutage(w)
		return
	case "429":
		writeRateLimited(w, retryAfter)
		return
	case "dead":
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case "slow":
		waitSlow(r)
	}
	status, answer := s.answer(method, id, args, refused)
	if fault.How == "lost" {
		writeOutage(w)
		return
	}
	write(w, status, answer)
}

// answer makes the call and returns the HTTP status and the body.
func (s *Server) answer(method, id string, args args, refused *refusal) (status int, answer any) {
	if method == "response" {
		if refused == nil {
			refused = s.respond(id, args)
		}
		if refused != nil {
			return statusOf(method, refused.code), refused.answer()
		}
		return http.StatusOK, "ok"
	}
	if refused == nil {
		answer, refused = s.call(method, args)
	}
	if refused != nil {
		answer = refused.answer()
	}
	return http.StatusOK, answer
}

// call checks the token and runs the method. It encodes the result while it
// holds the lock, because the result shares memory with the workspace.
func (s *Server) call(method string, a args) (any, *refusal) {
	do, ok := s.methods()[method]
	token := a.get("token")
	s.mu.Lock()
	defer s.mu.Unlock()
	bad := s.tokenErrors[access.NewSecret(token)]
	switch {
	case !ok:
		return nil, refuse("unknown_method")
	case token == "":
		return nil, refuse("not_authed")
	case bad != "":
		return nil, refuse(bad)
	case s.o.Token.Empty() || subtle.ConstantTimeCompare([]byte(token), []byte(s.o.Token.Reveal())) != 1:
		return nil, refuse("invalid_auth")
	}
	result, refused := do(a)
	if refused != nil {
		return nil, refused
	}
	result["ok"] = true
	return encode(result), nil
}

// methods returns the supported methods of Slack's Web API. The caller of a
// method holds the lock.
func (s *Server) methods() map[string]func(args) (object, *refusal) {
	return map[string]func(args) (object, *refusal){
		"auth.test":             s.authTest,
		"users.info":            s.usersInfo,
		"users.list":            s.usersList,
		"users.lookupByEmail":   s.usersLookup,
		"usergroups.list":       s.groupsList,
		"usergroups.users.list": s.groupMembers,
		"conversations.open":    s.openChannel,
		"conversations.info":    s.channelInfo,
		"chat.postMessage":      s.postMessage,
		"chat.postEphemeral":    s.postEphemeral,
		"chat.update":           s.updateMessage,
		"chat.delete":           s.deleteMessage,
		"views.open":            s.openView,
		"views.push":            s.pushView,
		"views.update":          s.updateView,
	}
}

// waitSlow waits as a slow server does. It returns early when the caller hangs
// up; the work is done all the same, because a server does not notice.
func waitSlow(r *http.Request) {
	timer := time.NewTimer(SlowFor)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}
