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

func TestRecordsThatAreTooOldAreParked(t *testing.T) {
	c := newClock()
	c.wind(time.Since(c.now()) + 2*time.Hour)
	st := newStage(t, Options{Now: c.now})
	st.mapped.MaxAge = time.Hour
	st.writeAll(t, "a b")
	st.mapTo(t, all)
	st.expect(t)
	if got := st.parked(); !slices.Equal(got, []string{"RecordAgeExpired: a b"}) {
		t.Errorf("parked %q", got)
	}
	if _, answered := st.kept.all()[0]["responseContext"]; answered {
		t.Error("there is an answer of a function that was not run")
	}
}

// A throttle never reaches the function, and is no try.
func TestAThrottledBatchWaits(t *testing.T) {
	throttled := make(chan int, 1000)
	st := newStage(t, Options{})
	st.o.ThrottleWait = func(n int) time.Duration { throttled <- n; return time.Millisecond }
	st.mapped.Retries = 0
	if err := st.Deploy(Function{Name: "echo", Bootstrap: bootstrap, Concurrency: 1, Timeout: time.Minute, Env: map[string]string{"RELAY": st.desk.URL}}); err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	go func() { _, err := st.Invoke(t.Context(), "echo", []byte(`{"Records":[]}`)); held <- err }()
	call := st.desk.next(t)
	st.writeAll(t, "a")
	st.mapTo(t, all)
	<-throttled
	call.answer("1")
	if err := <-held; err != nil {
		t.Error(err)
	}
	st.expect(t, "a")
}

func TestABatchMayComeTwice(t *testing.T) {
	st := newStage(t, Options{Duplicate: func(string) bool { return true }})
	st.writeAll(t, "a b")
	st.mapTo(t, all)
	st.expect(t, "a b", "a b")
}

func TestMapRefusesWhatLambdaWould(t *testing.T) {
	st := newStage(t, Options{})
	for want, change := range map[string]func(*Mapping){
		"a batch is 1 to":     func(m *Mapping) { m.BatchSize = 10001 },
		"retries are -1 to":   func(m *Mapping) { m.Retries = -2 },
		"the age of a record": func(m *Mapping) { m.MaxAge = time.Second },
		"ResourceNotFound":    func(m *Mapping) { m.StreamARN = strings.Replace(m.StreamARN, "test-", "none-", 1) },
		ErrNoFunction.Error(): func(m *Mapping) { m.Function = "nothing" },
	} {
		m := st.mapped
		change(&m)
		if _, err := st.Map(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// While records come in, versions come and go: each record arrives once, and
// those of a key in the order in which they were written.
func TestVersionsUnderLoadLoseNoRecord(t *testing.T) {
	const keys, each, versions = 4, 50, 6
	st := newStage(t, Options{})
	st.mapped.BatchSize = 5
	st.mapTo(t, all)
	var writing sync.WaitGroup
	for k := range keys {
		writing.Go(func() {
			for n := range each {
				st.write(t, fmt.Sprint("p", k), fmt.Sprintf("%d-%03d", k, n))
			}
		})
	}
	for v := range versions {
		env := map[string]string{"RELAY": st.desk.URL, "VERSION": fmt.Sprint(v)}
		if err := st.Deploy(Function{Name: "echo", Bootstrap: bootstrap, Timeout: time.Minute, Env: env}); err != nil {
			t.Fatal(err)
		}
		for range 3 { // of 40 batches, so many are there for each version
			<-st.came
		}
	}
	writing.Wait()
	quiet(t, st.Server)
	byKey := make(map[string][]string)
	for _, sk := range strings.Fields(strings.Join(st.got(), " ")) {
		byKey[sk[:1]] = append(byKey[sk[:1]], sk)
	}
	for k := range keys {
		got := byKey[fmt.Sprint(k)]
		if len(got) != each || !slices.IsSorted(got) {
			t.Errorf("key %d: got %d records of %d, in order: %v", k, len(got), each, slices.IsSorted(got))
		}
	}
	if last := st.Starts("echo"); last[len(last)-1].Version < 3 || len(st.parked()) > 0 {
		t.Errorf("the last instance was of version %d; parked %q", last[len(last)-1].Version, st.parked())
	}
}

func TestQuietSaysWhatIsNotDone(t *testing.T) {
	st := newStage(t, Options{})
	st.mapped.Retries = -1
	st.mapped.Retry = func(int) time.Duration { return time.Hour }
	st.writeAll(t, "a")
	st.mapTo(t, func([]string, []string) (string, bool) { return "{}", false })
	<-st.came
	ctx, stop := contextFor(t, 500*time.Millisecond)
	defer stop()
	if err := st.WaitIdle(ctx); !errors.Is(err, ctx.Err()) || !strings.Contains(err.Error(), "unread or not taken") {
		t.Errorf("got %v", err)
	}
}
