// Package controls serves the sandbox over HTTP: the page, the endpoints of the
// product and of the fakes, and the controls under /sandbox/ with which tests
// and the page act for people, let time pass and make calls fail.
//
// A control answers 200 when it did what was asked. Otherwise it answers 4xx
// with {"error": "..."} and has changed nothing. No control answers with a
// secret that was not posted to somebody. docs/sandbox.md is the contract.
package controls

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/aws-access/aws-access/cmd/sandbox/page"
	"github.com/aws-access/aws-access/cmd/sandbox/web"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
)

// Server is the sandbox. It holds the present World, which a reset replaces.
type Server struct {
	options Options
	handler http.Handler

	world atomic.Pointer[world.World]
	// mu is held by controls that change the world, one at a time. User actions
	// and requests to the product's endpoints share it and run concurrently.
	mu sync.RWMutex
}

// Options say what a Server serves.
type Options struct {
	World     world.Settings
	PublicURL string // where people reach the Server, such as http://127.0.0.1:8080
	Exposed   bool   // other computers may reach it
	Log       *slog.Logger
}

// New starts the first World. The error lists every problem of the policy.
func New(ctx context.Context, options Options) (*Server, error) {
	s := &Server{options: options}
	s.handler = web.LocalOnly(options.Exposed, s.routes())
	return s, s.replaceWorld(ctx)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// World is the present World.
func (s *Server) World() *world.World { return s.world.Load() }

// Close ends the World. It must not be called before the last request ended.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.World().Close()
}

// replaceWorld starts a new World and closes the old one.
func (s *Server) replaceWorld(ctx context.Context) error {
	next, err := world.New(ctx, s.options.World, s.options.PublicURL, s.options.Log)
	if err != nil {
		return err
	}
	if old := s.world.Swap(next); old != nil {
		old.Close()
	}
	return nil
}

func (s *Server) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { web.JSON(w, http.StatusOK, done) })
	m.Handle("/slack/", s.shared(s.endpoints))
	m.Handle("/v1", s.shared(s.endpoints))
	for _, path := range []string{"/slack-api/", "/aws", "/aws/", "/federation", "/console", "/console/", "/oidc/"} {
		m.HandleFunc(path, s.endpoints)
	}
	s.mountControls(m)
	m.Handle("/", web.OwnContentOnly(http.FileServerFS(page.Files)))
	return m
}

// endpoints hands a request to the present World.
func (s *Server) endpoints(w http.ResponseWriter, r *http.Request) {
	s.World().Endpoints().ServeHTTP(w, r)
}

// shared runs a handler beside others like it, and never while a control changes
// the world.
func (s *Server) shared(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.RLock()
		defer s.mu.RUnlock()
		next(w, r)
	}
}

// alone runs a handler that changes the world while nothing else uses it.
func (s *Server) alone(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		next(w, r)
	}
}
