// Package stories is what people do in Slack and what comes of it, as data. The
// same acts are told over the sandbox, on its store in memory and its own clock,
// and over the real binaries on DynamoDB Local: both end in the same words.
//
// How each ends stands in testdata; the sandbox's tests write it down anew
// (go test ./cmd/sandbox -run Stories -stories), and review reads the
// difference. It is for tests, and must never be linked into a function.
package stories

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

//go:embed stories.json testdata/*.golden
var files embed.FS

// Environment is where a story is told.
type Environment struct {
	Slack *slackfake.Server
	// Do does something for somebody, and returns when all that it led to is
	// done.
	Do func(slackfake.UserAction) (slackfake.Outcome, error)
	// Pass lets time pass, with a tick at its end and all that it leads to.
	Pass func(time.Duration) error
	// How everything stands, oldest first.
	Requests func() ([]access.Request, error)
	Events   func() ([]access.Event, error)
	Sessions func() []awsfake.Session
}

// Story is a name and what happens.
type Story struct {
	Name  string
	Steps []Step
}

// Step is an act, or time that passes. An act's "on" may name a channel, or
// @ and a person for that person's direct channel: the newest message there
// that has, or had, the button. Its "view" and "submit" may be "form": the
// newest that the person has open.
type Step struct {
	slackfake.UserAction
	Pass string // a length of time
}

// All are the stories, in the order in which they stand in stories.json.
func All() ([]Story, error) {
	text, err := files.ReadFile("stories.json")
	if err != nil {
		return nil, err
	}
	var all []Story
	in := json.NewDecoder(strings.NewReader(string(text)))
	in.DisallowUnknownFields()
	if err := in.Decode(&all); err != nil {
		return nil, fmt.Errorf("stories.json: %w", err)
	}
	return all, nil
}

// Golden is how a story ends, "" if that was never written down.
func (s Story) Golden() string {
	text, _ := files.ReadFile(s.File())
	return string(text)
}

// File is where its end is written down, below this package's directory.
func (s Story) File() string {
	return "testdata/" + strings.ReplaceAll(s.Name, " ", "-") + ".golden"
}

// Run tells the story, and returns what came of each step and how everything
// stands in the end, without what differs from one telling to the next: ids,
// times, secrets, addresses.
func (s Story) Run(w Environment) (string, error) {
	e := &ending{}
	for n, step := range s.Steps {
		out, err := step.do(w)
		if err != nil {
			return "", fmt.Errorf("%s, step %d: %w", s.Name, n+1, err)
		}
		e.outcome(step, out)
	}
	requests, err := w.Requests()
	if err != nil {
		return "", err
	}
	events, err := w.Events()
	if err != nil {
		return "", err
	}
	e.requests(requests)
	e.events(events)
	e.sessions(w.Sessions())
	e.messages(w.Slack.Messages())
	e.views(w.Slack.Views())
	return e.String(), nil
}

func (s Step) do(w Environment) (slackfake.Outcome, error) {
	if s.Pass != "" {
		d, err := time.ParseDuration(s.Pass)
		if err != nil {
			return slackfake.Outcome{}, err
		}
		return slackfake.Outcome{}, w.Pass(d)
	}
	a, err := s.named(w.Slack)
	if err != nil {
		return slackfake.Outcome{}, err
	}
	return w.Do(a)
}

// named is the act with ids in the place of what they were called by.
func (s Step) named(slack *slackfake.Server) (a slackfake.UserAction, err error) {
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
			if *id = open(slack, a.As); *id == "" {
				return a, errors.New(a.As + " has no form open")
			}
		}
	}
	return a, nil
}

// open is the form that somebody has open.
func open(slack *slackfake.Server, user string) string {
	for _, v := range slices.Backward(slack.Views()) {
		if v.User == user {
			return v.ID
		}
	}
	return ""
}
