package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/page"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
)

// world is the sandbox: its doors, and the stage behind them.
type world struct {
	settings settings
	log      *slog.Logger
	places   places
	inside   *http.Server
	doors    http.Handler

	stage atomic.Pointer[stage]
	// mu is held by levers that change the world, and shared by acts and by
	// what comes in through Slack's doors: those run at once, the others alone.
	mu sync.RWMutex
}

// newWorld opens a sandbox that people reach at public, an address such as
// http://127.0.0.1:8080. The error says all that is wrong with the policy.
func newWorld(s settings, public string, log *slog.Logger) (*world, error) {
	if _, _, err := compile(s, s.Policy, time.Now()); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	w := &world{settings: s, log: log, places: places{inside: "http://" + listener.Addr().String(), public: public}}
	w.doors = guarded(s.Exposed, w.outside())
	w.inside = &http.Server{Handler: guarded(false, w.players()), ReadHeaderTimeout: readHeaders, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go func() {
		if err := w.inside.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the players' listener ended", "error", err)
		}
	}()
	return w, w.begin(context.Background())
}

// readHeaders bounds how long a client may take to send its headers.
const readHeaders = 10 * time.Second

// ServeHTTP implements http.Handler.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.doors.ServeHTTP(rw, r) }

// Close ends everything.
func (w *world) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if st := w.stage.Load(); st != nil {
		st.close()
	}
	_ = w.inside.Close() // nothing is lost by it
}

// begin sets the stage anew.
func (w *world) begin(ctx context.Context) error {
	st, err := newStage(w.settings, w.places, w.log)
	if err != nil {
		return err
	}
	p, warnings, err := compile(w.settings, w.settings.Policy, st.clock.Now())
	if err != nil {
		return err
	}
	for _, warning := range warnings {
		w.log.Warn("policy", "warning", warning.Error())
	}
	if old := w.stage.Load(); old != nil {
		old.close()
	}
	w.stage.Store(st)
	return st.open(ctx, p)
}

// compile reads a policy file. Files that it names are read beside the one
// that the sandbox was started with.
func compile(s settings, text []byte, now time.Time) (*policy.Policy, []compiler.Problem, error) {
	return compiler.Compile("policy.yaml", text, compiler.Options{Bastion: bastion, Now: now, Read: beside(s.PolicyDir)})
}

// outside are the doors that people and programs use.
func (w *world) outside() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { respond(rw, http.StatusOK, map[string]bool{"ok": true}) })
	m.Handle("/slack/", w.shared(func(st *stage) http.Handler { return st.front() }))
	m.Handle("/federation", w.player(func(st *stage) http.Handler { return st.aws.Federation() }))
	m.Handle("/console", w.player(func(st *stage) http.Handler { return st.aws.Console() }))
	m.Handle("/console/", w.player(func(st *stage) http.Handler { return st.aws.Console() }))
	w.mountPlayers(m)
	w.mountLevers(m)
	m.Handle("/", secured(http.FileServerFS(page.Files)))
	return m
}

// players are what the functions reach.
func (w *world) players() http.Handler {
	m := http.NewServeMux()
	w.mountPlayers(m)
	m.Handle("POST /lambda/2015-03-31/functions/{function}/invocations", w.player(func(st *stage) http.Handler {
		return invocations{accessKey: st.slackKeys.AccessKeyID, function: functionARN("vend"), calls: st.calls, faults: st.faults, order: st.engine.order}
	}))
	return m
}

func (w *world) mountPlayers(m *http.ServeMux) {
	m.Handle("/slack-api/", http.StripPrefix("/slack-api", w.player(func(st *stage) http.Handler { return st.slack })))
	aws := w.player(func(st *stage) http.Handler { return st.roles.before(st.vendKeys.AccessKeyID, st.aws.AWS()) })
	m.Handle("/aws", http.StripPrefix("/aws", aws))
	m.Handle("/aws/", http.StripPrefix("/aws", aws))
}

// player hands requests to a player of the present stage.
func (w *world) player(of func(*stage) http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		st := w.stage.Load()
		if st == nil {
			http.Error(rw, "the sandbox is starting", http.StatusServiceUnavailable)
			return
		}
		of(st).ServeHTTP(rw, r)
	})
}

// shared is player for what must not run while a lever changes the world.
func (w *world) shared(of func(*stage) http.Handler) http.Handler {
	next := w.player(of)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.RLock()
		defer w.mu.RUnlock()
		next.ServeHTTP(rw, r)
	})
}

// front is the product's own endpoint behind Lambda's event layer.
func (s *stage) front() endpoint {
	return endpoint{
		invoke: func(ctx context.Context, event []byte) ([]byte, error) { return s.invoke(ctx, "slack", event) },
		now:    s.clock.Now, log: s.log,
	}
}

// secured serves the page: it may load and send nothing elsewhere.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}
