package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
)

// mountLevers mounts /sandbox/…: what the sandbox has and AWS and Slack have
// not.
func (w *world) mountLevers(m *http.ServeMux) {
	for pattern, lever := range map[string]http.HandlerFunc{
		"GET /sandbox/state":     w.stateLever,
		"POST /sandbox/act":      w.actLever,
		"POST /sandbox/clock":    w.alone(w.clockLever),
		"POST /sandbox/policy":   w.alone(w.policyLever),
		"POST /sandbox/people":   w.alone(w.peopleLever),
		"POST /sandbox/roles":    w.alone(w.rolesLever),
		"POST /sandbox/faults":   w.setFault,
		"GET /sandbox/faults":    w.listFaults,
		"DELETE /sandbox/faults": w.clearFaults,
		"POST /sandbox/reset":    w.alone(w.resetLever),
	} {
		m.Handle(pattern, lever)
	}
	m.HandleFunc("/sandbox/", func(rw http.ResponseWriter, r *http.Request) {
		sentence(rw, http.StatusNotFound, fmt.Errorf("there is no lever %s %s; there are GET state, POST act, clock, policy, people, roles, reset, and GET, POST and DELETE faults: docs/sandbox.md", r.Method, r.URL.Path))
	})
}

// alone lets a lever change the world while nobody acts.
func (w *world) alone(lever http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		lever(rw, r)
	}
}

// done answers a lever that did what was asked.
func done(w http.ResponseWriter, err error, body any) {
	if err != nil {
		refuse(w, err)
		return
	}
	respond(w, http.StatusOK, body)
}

var ok = map[string]bool{"ok": true}

// quiet is how long a look at the state waits for what is under way, in real
// time: who came through Slack's doors finds what that led to.
const quiet = time.Second

func (w *world) stateLever(rw http.ResponseWriter, r *http.Request) {
	st := w.stage.Load()
	patient, stop := context.WithTimeout(r.Context(), quiet)
	defer stop()
	_ = st.engine.settle(patient) // what takes longer is looked at half-way
	respond(rw, http.StatusOK, st.state(r.Context()))
}

func (w *world) actLever(rw http.ResponseWriter, r *http.Request) {
	var a slackfake.UserAction
	if err := read(r, &a); err != nil {
		refuse(rw, err)
		return
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	answer, err := w.stage.Load().act(r.Context(), a)
	done(rw, err, answer)
}

// clockChange is what the clock lever takes: one of advance and set, one of
// stop and run, or one of each. The clock moves before it runs, and after it
// stops.
type clockChange struct {
	Advance *string `json:"advance"`
	Set     *string `json:"set"`
	Stop    bool    `json:"stop"`
	Run     bool    `json:"run"`
}

func (w *world) clockLever(rw http.ResponseWriter, r *http.Request) {
	st := w.stage.Load()
	var c clockChange
	err := read(r, &c)
	if err == nil {
		err = st.turn(r, c)
	}
	done(rw, err, map[string]any{"now": st.clock.Now(), "running": st.clock.Running()})
}

// turn turns the clock.
func (s *stage) turn(r *http.Request, c clockChange) error {
	switch {
	case c.Advance == nil && c.Set == nil && !c.Stop && !c.Run:
		return errors.New(`say what the clock shall do: "advance", "set", "stop" or "run"`)
	case c.Advance != nil && c.Set != nil:
		return errors.New(`the clock takes "advance" or "set", not both`)
	case c.Stop && c.Run:
		return errors.New(`the clock cannot "stop" and "run" at once`)
	}
	now := s.clock.Now()
	to, err := c.until(now)
	switch {
	case err != nil:
		return err
	case to.Before(now):
		return fmt.Errorf("the clock cannot go back: it is %s", now.Format(time.RFC3339Nano))
	case to.Sub(now) > maxLength:
		return errors.New("that is more than a hundred years ahead")
	}
	if c.Stop {
		s.clock.Hold()
		to = later(to, s.clock.Now())
	}
	if err := s.advance(r.Context(), to); err != nil {
		return err
	}
	if c.Run {
		s.clock.Run()
	}
	return nil
}

// until is the moment to which the clock shall go, now if it shall not.
func (c clockChange) until(now time.Time) (time.Time, error) {
	if c.Set != nil {
		to, err := time.Parse(time.RFC3339, *c.Set)
		if err != nil {
			return now, fmt.Errorf(`"set" is %q: write a time such as 2026-12-31T23:30:00Z`, *c.Set)
		}
		return to, nil
	}
	if c.Advance != nil {
		d, err := parseLength(*c.Advance)
		return now.Add(d), err
	}
	return now, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// policyLever ships another policy. What its compiler says is the answer.
func (w *world) policyLever(rw http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxPolicy))
	if err != nil {
		sentence(rw, http.StatusBadRequest, fmt.Errorf("read the policy: %w", err))
		return
	}
	st := w.stage.Load()
	p, warnings, err := compile(w.settings, text, st.clock.Now())
	if err != nil {
		respond(rw, http.StatusUnprocessableEntity, map[string][]string{"errors": problems(err), "warnings": lines(warnings)})
		return
	}
	st.ship(p)
	done(rw, st.refresh(r.Context()), map[string]any{"ok": true, "warnings": lines(warnings)})
}

// problems are the compiler's messages, one each.
func problems(err error) []string {
	var all compiler.Problems
	if errors.As(err, &all) {
		return lines(all)
	}
	return []string{err.Error()}
}

func lines(of []compiler.Problem) []string {
	out := []string{}
	for _, p := range of {
		out = append(out, p.Error())
	}
	return out
}

// beside reads files in a directory, and nothing outside it.
func beside(dir string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		defer func() { _ = root.Close() }() // it was only read
		return root.ReadFile(name)
	}
}

// peopleChange is what the people lever takes.
type peopleChange struct {
	Users []struct {
		ID         string  `json:"id"`
		Email      *string `json:"email"`
		Name       *string `json:"name"`
		Team       *string `json:"team"`
		Restricted *bool   `json:"restricted"`
		Bot        *bool   `json:"bot"`
		Deleted    *bool   `json:"deleted"`
		Confirmed  *bool   `json:"email_confirmed"` // false: Slack calls the address unconfirmed
	} `json:"users"`
	Groups   map[string]*[]string      `json:"groups"` // null removes
	Channels []slackfake.ChannelChange `json:"channels"`
}

// peopleLever changes people, groups and channels. It holds from now on:
// functions start cold and ticks read it.
func (w *world) peopleLever(rw http.ResponseWriter, r *http.Request) {
	var c peopleChange
	if err := readUpTo(r, maxPeople, &c); err != nil {
		refuse(rw, err)
		return
	}
	st := w.stage.Load()
	// Try it on a workspace that is thrown away: what is refused changes nothing.
	if err := c.apply(slackfake.NewSandbox(slackfake.Options{Now: st.clock.Now})); err != nil {
		refuse(rw, err)
		return
	}
	err := c.apply(st.slack)
	if err == nil {
		st.ship(st.policy())
		err = st.refresh(r.Context())
	}
	done(rw, err, ok)
}

func (c peopleChange) apply(slack *slackfake.Server) error {
	for _, u := range c.Users {
		if _, known := slack.User(u.ID); u.Email == nil && !known && (u.Bot == nil || !*u.Bot) {
			address := access.FoldEmail(u.ID) + "@example.com" // a full member has one
			u.Email = &address
		}
		if err := slack.SetUser(slackfake.UserChange{
			ID: u.ID, Name: u.Name, Email: u.Email, Team: u.Team, Restricted: u.Restricted, Bot: u.Bot, Deleted: u.Deleted,
			EmailConfirmed: u.Confirmed,
		}); err != nil {
			return err
		}
	}
	for id, members := range c.Groups {
		if members == nil {
			slack.RemoveGroup(id)
			continue
		}
		if err := slack.SetGroup(id, *members); err != nil {
			return err
		}
	}
	for _, change := range c.Channels {
		if err := slack.ChangeChannel(change); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) rolesLever(rw http.ResponseWriter, r *http.Request) {
	var c roleChange
	err := read(r, &c)
	if err == nil {
		err = w.stage.Load().roles.change(c)
	}
	done(rw, err, ok)
}

// faultChange is what the faults lever takes.
type faultChange struct {
	At        string  `json:"at"`
	How       string  `json:"how"`
	Times     *int    `json:"times"`
	For       *string `json:"for"`
	PerMinute *int    `json:"per_minute"` // of a quota
}

func (w *world) setFault(rw http.ResponseWriter, r *http.Request) {
	st := w.stage.Load()
	var c faultChange
	err := read(r, &c)
	if err == nil {
		var f fault
		if f, err = c.fault(st.clock.Now()); err == nil {
			st.faults.add(f)
		}
	}
	done(rw, err, ok)
}

func (c faultChange) fault(now time.Time) (fault, error) {
	f := fault{At: c.At, How: c.How}
	if c.Times != nil {
		if f.Times = *c.Times; f.Times == 0 {
			return f, errors.New(`"times" is 0: write 1 or more, or leave it out for no limit`)
		}
	}
	if c.PerMinute != nil {
		if f.PerMinute = *c.PerMinute; f.PerMinute == 0 {
			return f, errors.New(`"per_minute" is 0: write 1 or more, or leave it out for what Slack documents`)
		}
	}
	if c.For != nil {
		d, err := parseLength(*c.For)
		if err != nil || d == 0 {
			return f, fmt.Errorf(`"for" is %q: write a length of sandbox time such as 30m`, *c.For)
		}
		until := now.Add(d)
		f.Until = &until
	}
	return f, checkFault(f)
}

func (w *world) listFaults(rw http.ResponseWriter, _ *http.Request) {
	respond(rw, http.StatusOK, w.stage.Load().faults.inForce())
}

func (w *world) clearFaults(rw http.ResponseWriter, _ *http.Request) {
	w.stage.Load().faults.clear()
	respond(rw, http.StatusOK, ok)
}

func (w *world) resetLever(rw http.ResponseWriter, r *http.Request) {
	var none struct{}
	err := read(r, &none)
	if err == nil {
		err = w.begin(r.Context())
	}
	done(rw, err, ok)
}
