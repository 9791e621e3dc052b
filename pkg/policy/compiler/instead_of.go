package compiler

import (
	"strings"
)

// linkInsteadOf looks up which rules each rule sets aside, and refuses circles.
func (c *compiler) linkInsteadOf() {
	var names []string
	for i := range c.policy.Rules {
		names = append(names, c.policy.Rules[i].Name)
	}
	for i := range c.draft.rules {
		for _, n := range c.draft.rules[i].insteadOf {
			target, ok := c.rules[n.Value]
			if !ok {
				c.errorf(n, "no rule is called %s; %s", quoted(n.Value), instead(n.Value, names))
				continue
			}
			one := &c.policy.Rules[target]
			one.SetAsideBy = append(one.SetAsideBy, index(i))
		}
	}
	s := circleSearch{compiler: c, states: make([]searchState, len(c.draft.rules))}
	for i := range s.states {
		s.follow(index(i))
	}
}

type searchState uint8

const (
	unvisited searchState = iota
	onPath
	visited
)

// circleSearch follows instead_of from rule to rule (a depth-first search).
type circleSearch struct {
	*compiler
	states []searchState
	path   []int32 // the rules from the start to the current one
}

func (s *circleSearch) follow(i int32) {
	if s.states[i] == visited {
		return
	}
	s.states[i] = onPath
	s.path = append(s.path, i)
	for _, n := range s.draft.rules[i].insteadOf {
		target, ok := s.rules[n.Value]
		switch {
		case !ok:
		case s.states[target] == onPath:
			s.errorf(n, "the instead_of references form a circle: %s; remove one of them", s.circle(target))
		default:
			s.follow(target)
		}
	}
	s.path = s.path[:len(s.path)-1]
	s.states[i] = visited
}

// circle describes the path from a rule back to itself.
func (s *circleSearch) circle(from int32) string {
	var names []string
	for i := len(s.path) - 1; i >= 0; i-- {
		names = append([]string{quoted(s.policy.Rules[s.path[i]].Name)}, names...)
		if s.path[i] == from {
			break
		}
	}
	return strings.Join(append(names, names[0]), " → ")
}
