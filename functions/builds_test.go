package functions

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/version"
)

// instance returns a new instance of the tick with a build.
func (w *world) instance(v, commit string) Tick {
	d := w.deps
	d.Build = version.Build{Version: v, Commit: commit}
	return NewTick(d, cutsTo{w})
}

// ran returns the recorded builds, as "version commit".
func (w *world) ran() (list []string) {
	w.t.Helper()
	b, err := w.store.Builds(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range b.Ran {
		list = append(list, r.Version+" "+r.Commit)
	}
	return list
}

// countedBuilds counts the reads and writes of the record.
type countedBuilds struct {
	buildStore
	reads, writes int
	fails         error
}

func (s *countedBuilds) Builds(ctx context.Context) (access.Builds, error) {
	s.reads++
	if s.fails != nil {
		return access.Builds{}, s.fails
	}
	return s.buildStore.Builds(ctx)
}

func (s *countedBuilds) SaveBuilds(ctx context.Context, next access.Builds) error {
	s.writes++
	return s.buildStore.SaveBuilds(ctx, next)
}

func TestTheTickRecordsWhichBuildsHaveRun(t *testing.T) {
	w := newWorld(t)
	for _, run := range []struct{ version, commit string }{
		{"v1.0.0", "a"}, {"v1.0.0", "a"}, {"v1.1.0", "b"}, {"v1.0.0", "a"},
	} {
		tick := w.instance(run.version, run.commit)
		for range 3 {
			if err := tick.Handle(t.Context(), events.EventBridgeEvent{}); err != nil {
				t.Fatal(err)
			}
			w.pass(time.Minute)
		}
	}
	if diff := cmp.Diff([]string{"v1.0.0 a", "v1.1.0 b", "v1.0.0 a"}, w.ran()); diff != "" {
		t.Errorf("builds (-want +got):\n%s", diff)
	}
	w.checked()
	stack := w.ask(Check{Kind: CheckStack}).Stack
	if len(stack.Builds) != 3 || stack.Builds[1].Version != "v1.1.0" || stack.Builds[1].Commit != "b" ||
		!stack.Builds[2].Since.After(stack.Builds[1].Since) {
		t.Errorf("doctor is told %+v", stack.Builds)
	}
}

func TestTwoBuildsSideBySideAreRecordedOnceEach(t *testing.T) {
	w := newWorld(t)
	s := &countedBuilds{buildStore: w.store}
	older := &Builds{Store: s, Build: version.Build{Version: "v1.0.0"}, Now: w.clock, Log: w.deps.Log}
	newer := &Builds{Store: s, Build: version.Build{Version: "v1.1.0"}, Now: w.clock, Log: w.deps.Log}
	late := &Builds{Store: s, Build: version.Build{Version: "v1.0.0"}, Now: w.clock, Log: w.deps.Log}
	for _, b := range []*Builds{older, older, newer, late, older, newer, late} {
		if err := b.Record(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.pass(10 * time.Second)
	}
	if diff := cmp.Diff([]string{"v1.0.0 ", "v1.1.0 "}, w.ran()); diff != "" || s.writes != 2 || s.reads != 3 {
		t.Errorf("%d writes and %d reads, want 2 and 3: each instance reads once (-want +got):\n%s", s.writes, s.reads, diff)
	}
}

func TestBuildIsRecordedAfterTheTableFailed(t *testing.T) {
	w := newWorld(t)
	s := &countedBuilds{buildStore: w.store, fails: errors.New("no table")}
	b := &Builds{Store: s, Build: version.Build{Version: "v1.0.0"}, Now: w.clock, Log: w.deps.Log}
	if err := b.Record(t.Context()); err == nil || err.Error() != "record the build: no table" {
		t.Errorf("got %v", err)
	}
	s.fails = nil
	if err := b.Record(t.Context()); err != nil || len(w.ran()) != 1 {
		t.Errorf("got %v, %v", err, w.ran())
	}
}

// A rollback must not cause an error each minute.
func TestBuildsOfNewerSoftwareAreNotOverwritten(t *testing.T) {
	w := newWorld(t)
	item := store.Item{
		PK: store.BuildsKey, SK: store.BuildsKey, Format: store.Format, Version: 7, Body: `{"Version":7,"Invented":true}`,
	}
	w.store.Put(item)
	tick := w.instance("v1.0.0", "a")
	for range 2 {
		if err := tick.Handle(t.Context(), events.EventBridgeEvent{}); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.store.Builds(t.Context()); !errors.Is(err, access.ErrNewer) {
		t.Errorf("the record was overwritten: %v", err)
	}
	if n := strings.Count(w.logs.String(), "newer software wrote the record of builds"); n != 1 {
		t.Errorf("it was logged %d times, want once", n)
	}
	w.checked()
	if stack := w.ask(Check{Kind: CheckStack}).Stack; stack.Table != CheckOK || stack.Builds != nil {
		t.Errorf("doctor is told %+v", stack)
	}
}

func TestAnswersToChecksContainTheBuildOfVend(t *testing.T) {
	w := newWorld(t)
	w.checked()
	w.Vend.Checks.Build = version.Build{Version: "v1.2.0", Commit: "1a2b"}
	for _, kind := range []string{CheckStack, CheckTargets} {
		if a := w.ask(Check{Kind: kind}); a.Version != "v1.2.0" || a.Commit != "1a2b" {
			t.Errorf("%s: %+v", kind, a)
		}
	}
}
