package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
)

// call is one call that the functions make in a step of a scenario: the nth of
// its operation, from 1.
type call struct {
	scenario  int // index in faultScenarios
	step      int // index in the scenario
	stepName  string
	operation string
	nth       int
}

func (c call) String() string {
	return fmt.Sprintf("%s/%s/%s/%d", faultScenarios[c.scenario].name, c.stepName, c.operation, c.nth)
}

// waysToFailOnce are the faults that each call meets.
var waysToFailOnce = []string{world.FaultError, world.FaultLost}

// Every call that a function makes fails once, and loses its answer once. People
// who see an error try again, time passes, and every scenario ends as it does
// when nothing fails.
func TestOneFailingCallChangesNoOutcome(t *testing.T) {
	sandboxtest.SkipIfShort(t, "it runs every scenario once for each call")
	calls := recordCalls(t)
	var mu sync.Mutex
	tried := make(map[string]bool)
	t.Run("runs", func(t *testing.T) {
		for _, c := range calls {
			for _, how := range waysToFailOnce {
				t.Run(c.String()+"/"+how, func(t *testing.T) {
					t.Parallel()
					if newScenarioRun(t, c.scenario).runWithFault(c, how) {
						mu.Lock()
						defer mu.Unlock()
						tried[c.String()+how] = true
					}
				})
			}
		}
	})
	for _, c := range calls {
		for _, how := range waysToFailOnce {
			if !tried[c.String()+how] {
				t.Errorf("%s was recorded, but never failed as %s", c, how)
			}
		}
	}
	t.Logf("%d calls in %d runs", len(calls), len(tried))
}

// recordCalls are the calls that the scenarios make when nothing fails. A call of
// a step that several scenarios have is recorded once.
func recordCalls(t *testing.T) (recorded []call) {
	known := make(map[string]bool)
	services := make(map[string]int)
	for i := range faultScenarios {
		for _, c := range recordScenario(t, i) {
			key := fmt.Sprint(c.stepName, c.operation, c.nth)
			if known[key] {
				continue
			}
			known[key] = true
			recorded = append(recorded, c)
			service, _, _ := strings.Cut(c.operation, ":")
			services[service]++
		}
	}
	for _, service := range []string{"store", "slack", "sts", "signin", "invoke"} {
		if services[service] == 0 {
			t.Errorf("no call to %s was recorded", service)
		}
	}
	t.Logf("calls by service: %v", services)
	return recorded
}

// recordScenario runs a scenario in which nothing fails, and returns the calls of
// its steps.
func recordScenario(t *testing.T, scenario int) (made []call) {
	r := newScenarioRun(t, scenario)
	for i, s := range r.scenario.steps {
		before := r.callCounts()
		s.do(r)
		after := r.callCounts()
		for _, operation := range slices.Sorted(maps.Keys(after)) {
			for nth := range after[operation] - before[operation] {
				made = append(made, call{
					scenario: scenario, step: i, stepName: s.name, operation: operation, nth: nth + 1,
				})
			}
		}
		if r.retries > 0 {
			t.Fatalf("%s: in step %q somebody had to try again, though nothing failed", r.scenario.name, s.name)
		}
	}
	r.finish("")
	return made
}

// callCounts are the calls so far, by the name under which a fault finds them:
// every read of the table is a store:load.
func (r *scenarioRun) callCounts() map[string]int {
	all := r.world.Calls.All()
	all["store:load"] += all["store:due"] + all["store:list"]
	delete(all, "store:due")
	delete(all, "store:list")
	return all
}

// runWithFault runs a scenario in which one call fails, and reports whether that
// call was made.
func (r *scenarioRun) runWithFault(failing call, how string) bool {
	for i, s := range r.scenario.steps {
		if i == failing.step {
			if failing.nth > 1 {
				r.world.Faults.Add(world.Fault{At: failing.operation, How: sandboxtest.NoFault, Times: failing.nth - 1})
			}
			r.world.Faults.Add(world.Fault{At: failing.operation, How: how, Times: 1})
			r.failing = failing
		}
		s.do(r)
	}
	r.finish(how)
	return len(r.world.Faults.Active()) == 0
}
