package lambdafake

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRecordsOlderThanMaxAgeAreParked(t *testing.T) {
	c := newClock()
	c.advance(time.Since(c.now()) + 2*time.Hour)
	w := newStreamWorld(t, Options{Now: c.now})
	w.mapping.MaxAge = time.Hour
	w.writeAll(t, "a b")
	w.mapTo(t, handleAll)
	w.expect(t)
	if got := w.parked(); !slices.Equal(got, []string{"RecordAgeExpired: a b"}) {
		t.Errorf("parked %q", got)
	}
	if _, answered := w.failures.all()[0]["responseContext"]; answered {
		t.Error("the failure record has an answer of a function that did not run")
	}
}

func TestThrottlingDoesNotCountAsATryOfABatch(t *testing.T) {
	throttled := make(chan int, 1000)
	w := newStreamWorld(t, Options{})
	w.o.ThrottleWait = func(n int) time.Duration { throttled <- n; return time.Millisecond }
	w.mapping.Retries = 0
	one := Function{
		Name: "echo", Bootstrap: bootstrap, Concurrency: 1, Timeout: time.Minute,
		Env: map[string]string{"RELAY": w.relay.URL},
	}
	if err := w.Deploy(one); err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	go func() { _, err := w.Invoke(t.Context(), "echo", []byte(`{"Records":[]}`)); held <- err }()
	call := w.relay.next(t)
	w.writeAll(t, "a")
	w.mapTo(t, handleAll)
	<-throttled
	call.answer("1")
	if err := <-held; err != nil {
		t.Error(err)
	}
	w.expect(t, "a")
}

func TestDuplicateDeliversABatchTwice(t *testing.T) {
	w := newStreamWorld(t, Options{Duplicate: func(string) bool { return true }})
	w.writeAll(t, "a b")
	w.mapTo(t, handleAll)
	w.expect(t, "a b", "a b")
}

func TestMapRefusesWhatLambdaRefuses(t *testing.T) {
	w := newStreamWorld(t, Options{})
	for want, change := range map[string]func(*Mapping){
		"the batch size must be 1 to": func(m *Mapping) { m.BatchSize = 10001 },
		"retries must be -1 to":       func(m *Mapping) { m.Retries = -2 },
		"the age of a record":         func(m *Mapping) { m.MaxAge = time.Second },
		"ResourceNotFound":            func(m *Mapping) { m.StreamARN = strings.Replace(m.StreamARN, "test-", "none-", 1) },
		ErrNoFunction.Error():         func(m *Mapping) { m.Function = "nothing" },
	} {
		m := w.mapping
		change(&m)
		if _, err := w.Map(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Each record arrives once, and the records of a key in the order in which they were
// written.
func TestDeploysUnderLoadLoseNoRecord(t *testing.T) {
	const keys, each, versions = 4, 50, 6
	w := newStreamWorld(t, Options{})
	w.mapping.BatchSize = 5
	w.mapTo(t, handleAll)
	var writing sync.WaitGroup
	for k := range keys {
		writing.Go(func() {
			for n := range each {
				w.write(t, fmt.Sprint("p", k), fmt.Sprintf("%d-%03d", k, n))
			}
		})
	}
	for v := range versions {
		env := map[string]string{"RELAY": w.relay.URL, "VERSION": fmt.Sprint(v)}
		if err := w.Deploy(Function{Name: "echo", Bootstrap: bootstrap, Timeout: time.Minute, Env: env}); err != nil {
			t.Fatal(err)
		}
		for range 3 { // there are at least 40 batches, so three for each version
			<-w.arrived
		}
	}
	writing.Wait()
	waitIdle(t, w.Server)
	byKey := make(map[string][]string)
	for _, sk := range strings.Fields(strings.Join(w.got(), " ")) {
		byKey[sk[:1]] = append(byKey[sk[:1]], sk)
	}
	for k := range keys {
		got := byKey[fmt.Sprint(k)]
		if len(got) != each || !slices.IsSorted(got) {
			t.Errorf("key %d: got %d records of %d, in order: %v", k, len(got), each, slices.IsSorted(got))
		}
	}
	if last := w.Starts("echo"); last[len(last)-1].Version < 3 || len(w.parked()) > 0 {
		t.Errorf("the last instance had version %d; parked %q", last[len(last)-1].Version, w.parked())
	}
}

func TestWaitIdleReportsRecordsThatAreNotHandled(t *testing.T) {
	w := newStreamWorld(t, Options{})
	w.mapping.Retries = -1
	w.mapping.Retry = func(int) time.Duration { return time.Hour }
	w.writeAll(t, "a")
	w.mapTo(t, func([]string, []string) (string, bool) { return "{}", false })
	<-w.arrived
	ctx, stop := contextFor(t, 500*time.Millisecond)
	defer stop()
	if err := w.WaitIdle(ctx); !errors.Is(err, ctx.Err()) || !strings.Contains(err.Error(), "not read or not handled") {
		t.Errorf("got %v", err)
	}
}
