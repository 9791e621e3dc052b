package slackfake

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Server is a workspace and its Web API. All of it is safe for concurrent use.
type Server struct {
	o    Options
	seed func(*world)

	mu   sync.Mutex
	base string
	// bad are tokens that are refused with a code of their own.
	bad map[access.Secret]string
	n   int // of everything that was ever numbered; a Reset does not repeat ids
	w   *world
}

// New plays an empty workspace.
func New(o Options) *Server { return start(o, func(*world) {}) }

func start(o Options, seed func(*world)) *Server {
	if o.Fault == nil {
		o.Fault = func(string) Fault { return Fault{} }
	}
	if o.Count == nil {
		o.Count = func(string) {}
	}
	if o.Quota == nil {
		o.Quota = func(string) *Quota { return nil }
	}
	s := &Server{o: o, seed: seed, base: o.BaseURL, bad: make(map[access.Secret]string)}
	s.Reset()
	return s
}

// Reset brings back the people, groups and channels that the server began
// with; messages, views, triggers and response URLs are gone.
func (s *Server) Reset() {
	w := newWorld()
	s.seed(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w = w
}

// SetBaseURL says where new response URLs point from now on.
func (s *Server) SetBaseURL(base string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base = base
}

// SetToken says which bot token is good from now on. The one before is refused
// as invalid_auth, or as SetTokenError said.
func (s *Server) SetToken(token access.Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Token = token
}

// SetTokenError lets every call with the present token be refused with a code,
// such as account_inactive after the app was installed anew. "" makes it good
// again. A token that SetToken gives later is good.
func (s *Server) SetTokenError(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bad[s.o.Token] = code
}

// SlowFor is how long a slow call takes, unless the caller hangs up before: a
// second more than Slack itself waits for an answer.
const SlowFor = 4 * time.Second

// retryAfter is what a caller reads who comes too often, in seconds.
const retryAfter = "1"

// ServeHTTP answers /<method> and /response/<id>.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	op := "slack:" + method
	s.o.Count(op)
	args, refused := arguments(r)
	if wait, over := s.over(method, args); over {
		limited(w, seconds(wait))
		return
	}
	fault := s.o.Fault(op)
	if code, ok := fault.code(); ok {
		write(w, statusOf(method, code), no(code).answer())
		return
	}
	switch fault.How {
	case "error":
		broken(w)
		return
	case "429":
		limited(w, retryAfter)
		return
	case "dead":
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case "slow":
		linger(r)
	}
	status, answer := s.answer(method, id, args, refused)
	if fault.How == "lost" {
		broken(w)
		return
	}
	write(w, status, answer)
}

// answer does the call.
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

// call checks the token and does what the method is for. The answer is written
// before the lock goes: it holds parts of the world.
func (s *Server) call(method string, a args) (any, *refusal) {
	do, ok := s.methods()[method]
	token := a.get("token")
	s.mu.Lock()
	defer s.mu.Unlock()
	bad := s.bad[access.NewSecret(token)]
	switch {
	case !ok:
		return nil, no("unknown_method")
	case token == "":
		return nil, no("not_authed")
	case bad != "":
		return nil, no(bad)
	case s.o.Token.Empty() || subtle.ConstantTimeCompare([]byte(token), []byte(s.o.Token.Reveal())) != 1:
		return nil, no("invalid_auth")
	}
	said, refused := do(a)
	if refused != nil {
		return nil, refused
	}
	said["ok"] = true
	return encode(said), nil
}

// methods are those of Slack's Web API that are played. Each is called with
// the lock held.
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

// linger waits as a slow server does. When the caller hangs up the work is
// done all the same: a server does not notice.
func linger(r *http.Request) {
	timer := time.NewTimer(SlowFor)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}
