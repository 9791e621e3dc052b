package functions

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

// toldTimes returns how many messages in the operators' channel hold a text. Each of
// them holds it twice, as text and as block.
func (w *world) toldTimes(text string) int {
	return strings.Count(w.seen(in("C0OPS")), text) / 2
}

func TestOperatorsAreToldOnceWhenACauseBeginsAndOnceWhenItEnds(t *testing.T) {
	w := newWorld(t)
	o, ctx := w.Operators, context.Background()
	for range 3 {
		must(t, o.Report(ctx, "slack:down", "Slack cannot be read."))
	}
	must(t, o.Report(ctx, "slack:other", "Another cause."))
	if n, other := w.toldTimes("Slack cannot be read."), w.toldTimes("Another cause."); n != 1 || other != 1 {
		t.Errorf("told %d and %d times, want once each", n, other)
	}
	for range 3 {
		must(t, o.Resolved(ctx, "slack:down", "Slack can be read again."))
	}
	must(t, o.Resolved(ctx, "never reported", "This never began."))
	if n, never := w.toldTimes("Slack can be read again."), w.toldTimes("This never began."); n != 1 || never != 0 {
		t.Errorf("the end was told %d times, want once; an end without a beginning %d times, want 0", n, never)
	}
	must(t, o.Report(ctx, "slack:down", "Slack cannot be read."))
	if n := w.toldTimes("Slack cannot be read."); n != 2 {
		t.Errorf("told %d times after it began again, want 2", n)
	}
}

func TestTheTickSendsReportsThatSlackRefused(t *testing.T) {
	w := newWorld(t)
	o, ctx := w.Operators, context.Background()
	w.fault["slack:chat.postMessage"] = "error"
	must(t, o.Report(ctx, "slack:down", "Slack cannot be read."))
	delete(w.fault, "slack:chat.postMessage")
	must(t, o.Deliver(ctx))
	if n := w.toldTimes("Slack cannot be read."); n != 0 {
		t.Errorf("told %d times while another post may still be under way, want 0", n)
	}
	for range 3 {
		w.pass(time.Minute)
		must(t, o.Deliver(ctx))
	}
	if n := w.toldTimes("Slack cannot be read."); n != 1 {
		t.Errorf("told %d times, want once", n)
	}
}

func TestTheEndOfAProblemThatWasNotReportedIsNotReported(t *testing.T) {
	w := newWorld(t)
	o, ctx := w.Operators, context.Background()
	w.fault["slack:chat.postMessage"] = "error"
	must(t, o.Report(ctx, "slack:down", "Slack cannot be read."))
	delete(w.fault, "slack:chat.postMessage")
	must(t, o.Resolved(ctx, "slack:down", "Slack can be read again."))
	w.pass(time.Hour)
	must(t, o.Deliver(ctx))
	if seen := w.seen(in("C0OPS")); seen != "" {
		t.Errorf("the operators read %q, want nothing", seen)
	}
}

func TestAProblemWithoutAnEndIsReportedOncePerPeriod(t *testing.T) {
	w := newWorld(t)
	o, ctx := w.Operators, context.Background()
	for range 130 { // minutes
		must(t, o.Once(ctx, "flood:U0DEV1", "dev1 asks very often.", time.Hour))
		must(t, o.Deliver(ctx))
		w.pass(time.Minute)
	}
	if n := w.toldTimes("dev1 asks very often."); n != 3 {
		t.Errorf("told %d times in 130 minutes, want 3", n)
	}
}

func TestACauseThatManyFunctionsMeetIsReportedOnce(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := w.Operators.Report(context.Background(), "slack:down", "Slack cannot be read."); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := w.toldTimes("Slack cannot be read."); n != 1 {
		t.Errorf("told %d times, want once", n)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
