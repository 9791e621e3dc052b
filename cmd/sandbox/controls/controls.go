package controls

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/web"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
)

// mountControls mounts /sandbox/…, which AWS and Slack do not have.
func (s *Server) mountControls(m *http.ServeMux) {
	for pattern, control := range map[string]http.HandlerFunc{
		"GET /sandbox/state":     s.state,
		"POST /sandbox/act":      s.shared(s.act),
		"POST /sandbox/clock":    s.alone(s.clock),
		"POST /sandbox/policy":   s.alone(s.policy),
		"POST /sandbox/people":   s.alone(s.people),
		"POST /sandbox/roles":    s.alone(s.roles),
		"POST /sandbox/machines": s.machines,
		"POST /sandbox/oidc":     s.oidc,
		"GET /sandbox/oidc":      s.oidcByQuery,
		"POST /sandbox/faults":   s.setFault,
		"GET /sandbox/faults":    s.listFaults,
		"DELETE /sandbox/faults": s.clearFaults,
		"POST /sandbox/reset":    s.alone(s.reset),
	} {
		m.Handle(pattern, control)
	}
	m.HandleFunc("/sandbox/", func(w http.ResponseWriter, r *http.Request) {
		web.Error(w, http.StatusNotFound, fmt.Errorf("there is no control %s %s; there are GET state, "+
			"POST act, clock, policy, people, roles, machines, oidc, reset, and GET, POST and DELETE faults: "+
			"docs/sandbox.md",
			r.Method, r.URL.Path))
	})
}

// Limits of what controls read, in bytes.
const (
	maxBody   = 4 << 20
	maxPolicy = 32 << 20
	maxPeople = 32 << 20
)

// done is the answer of a control that has nothing more to say.
var done = map[string]bool{"ok": true}

// answer answers a control: with body, or with the error that kept it from doing
// what was asked.
func answer(w http.ResponseWriter, err error, body any) {
	if err != nil {
		web.BadRequest(w, err)
		return
	}
	web.JSON(w, http.StatusOK, body)
}

// stateTimeout is how long a reading of the state waits, in real time, for what
// is under way, so that a client of the product's endpoints finds what its
// request led to.
const stateTimeout = time.Second

func (s *Server) state(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), stateTimeout)
	defer cancel()
	_ = s.World().Engine.Settle(ctx) // after the timeout, the state is read as it is
	web.JSON(w, http.StatusOK, ReadState(r.Context(), s.World()))
}

func (s *Server) act(w http.ResponseWriter, r *http.Request) {
	var a slackfake.UserAction
	if err := web.Read(r, maxBody, &a); err != nil {
		web.BadRequest(w, err)
		return
	}
	outcome, err := s.World().Act(r.Context(), a)
	answer(w, err, outcome)
}

// policy deploys the functions with another policy, or answers with the
// compiler's messages.
func (s *Server) policy(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPolicy))
	if err != nil {
		web.Error(w, http.StatusBadRequest, fmt.Errorf("read the policy: %w", err))
		return
	}
	p, warnings, err := s.World().Compile(text)
	if err != nil {
		web.JSON(w, http.StatusUnprocessableEntity,
			map[string][]string{"errors": messages(err), "warnings": lines(warnings)})
		return
	}
	s.World().Deploy(p)
	answer(w, s.World().Refresh(r.Context()), map[string]any{"ok": true, "warnings": lines(warnings)})
}

// messages are the compiler's messages, one for each problem.
func messages(err error) []string {
	var all compiler.Problems
	if errors.As(err, &all) {
		return lines(all)
	}
	return []string{err.Error()}
}

func lines(problems []compiler.Problem) []string {
	out := []string{}
	for _, p := range problems {
		out = append(out, p.Error())
	}
	return out
}

func (s *Server) roles(w http.ResponseWriter, r *http.Request) {
	var change world.RoleChange
	err := web.Read(r, maxBody, &change)
	if err == nil {
		err = s.World().Roles.Change(change)
	}
	answer(w, err, done)
}

func (s *Server) reset(w http.ResponseWriter, r *http.Request) {
	var none struct{}
	err := web.Read(r, maxBody, &none)
	if err == nil {
		err = s.replaceWorld(r.Context())
	}
	answer(w, err, done)
}
