// Package scenarios holds what users do in Slack, and everything that comes of it,
// as data. The same scenarios run in the sandbox (its store is in memory, its clock
// is set by tests) and with the real binaries on DynamoDB Local; both must give
// the same transcript.
//
// The expected transcripts are in testdata. To write them anew, run
//
//	go test ./cmd/sandbox -run Transcripts -scenarios
//
// and review the difference. The package is for tests, and must never be linked
// into a function.
package scenarios

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

//go:embed scenarios.json testdata/*.golden
var files embed.FS

// Environment is what a scenario runs in.
type Environment struct {
	Slack *slackfake.Server
	// Do performs an action of a user, and returns when all its consequences are
	// done.
	Do func(slackfake.UserAction) (slackfake.Outcome, error)
	// Pass lets time pass. A tick runs at its end, with all its consequences.
	Pass func(time.Duration) error
	// The present state, oldest first.
	Requests func() ([]access.Request, error)
	Events   func() ([]access.Event, error)
	Sessions func() []awsfake.Session
}

// Scenario is a named list of steps.
type Scenario struct {
	Name  string
	Steps []Step
}

// Step is an action of a user, or time that passes. "on" may be a channel, or @
// and a user for that user's direct messages, and then means the newest message
// there that has, or had, the button. "view", "submit" and "close" may be "form",
// which means the newest view that the user has open.
type Step struct {
	slackfake.UserAction
	Pass string // a duration such as 15m
}

// All returns the scenarios in the order of scenarios.json.
func All() ([]Scenario, error) {
	text, err := files.ReadFile("scenarios.json")
	if err != nil {
		return nil, err
	}
	var all []Scenario
	in := json.NewDecoder(strings.NewReader(string(text)))
	in.DisallowUnknownFields()
	if err := in.Decode(&all); err != nil {
		return nil, fmt.Errorf("scenarios.json: %w", err)
	}
	return all, nil
}

// Golden returns the expected transcript, or "" if it was never written.
func (s Scenario) Golden() string {
	text, _ := files.ReadFile(s.File())
	return string(text)
}

// File is the path of the expected transcript, relative to this package.
func (s Scenario) File() string {
	return "testdata/" + strings.ReplaceAll(s.Name, " ", "-") + ".golden"
}

// Run runs the scenario and returns its transcript: the outcome of each step and the
// final state of everything, with ids, times, secrets and addresses masked.
func (s Scenario) Run(w Environment) (string, error) {
	t := &transcript{}
	for n, step := range s.Steps {
		out, err := step.do(w)
		if err != nil {
			return "", fmt.Errorf("%s, step %d: %w", s.Name, n+1, err)
		}
		t.outcome(step, out)
	}
	requests, err := w.Requests()
	if err != nil {
		return "", err
	}
	events, err := w.Events()
	if err != nil {
		return "", err
	}
	t.requests(requests)
	t.events(events)
	t.sessions(w.Sessions())
	t.messages(w.Slack.Messages())
	t.views(w.Slack.Views())
	return t.String(), nil
}

func (s Step) do(w Environment) (slackfake.Outcome, error) {
	if s.Pass != "" {
		d, err := time.ParseDuration(s.Pass)
		if err != nil {
			return slackfake.Outcome{}, err
		}
		return slackfake.Outcome{}, w.Pass(d)
	}
	a, err := s.resolve(w.Slack)
	if err != nil {
		return slackfake.Outcome{}, err
	}
	return w.Do(a)
}

// resolve replaces the names in an action by ids.
func (s Step) resolve(slack *slackfake.Server) (a slackfake.UserAction, err error) {
	a = s.UserAction
	if a.On != "" {
		m, found := slack.NewestWithButton(a.On, a.Click, a.Nth)
		if !found {
			return a, fmt.Errorf("no message on %s has, or had, a button %q", a.On, a.Click)
		}
		a.On = m.Channel + "/" + m.TS
	}
	for _, id := range []*string{&a.View, &a.Submit, &a.Close} {
		if *id == "form" {
			if *id = openForm(slack, a.As); *id == "" {
				return a, errors.New(a.As + " has no form open")
			}
		}
	}
	return a, nil
}

// openForm returns the newest view that a user has open, or "".
func openForm(slack *slackfake.Server, user string) string {
	for _, v := range slices.Backward(slack.Views()) {
		if v.User == user {
			return v.ID
		}
	}
	return ""
}
