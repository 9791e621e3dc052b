package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// racers is how many goroutines race.
const racers = 32

// race calls do in many goroutines that start together.
func race(do func(racer int) error) error {
	var all sync.WaitGroup
	start, failed := make(chan struct{}), make([]error, racers)
	for i := range racers {
		all.Go(func() {
			<-start
			failed[i] = do(i)
		})
	}
	close(start)
	all.Wait()
	return errors.Join(failed...)
}

// concurrentMoves lets many people approve a request until it has this many events.
// No approval is enough. Each version has one winner, and the events are those of
// the winners.
func concurrentMoves(ctx context.Context, s Subject) error {
	const last = 6
	first := submit("01A", dev, Now)
	if err := first.save(ctx, s, ""); err != nil {
		return err
	}
	var won [last + 1]atomic.Pointer[access.Event]
	won[1].Store(&first.event)
	err := race(func(racer int) error {
		for try := 0; ; try++ {
			r, _, _, err := s.Load(ctx, "01A")
			if err != nil || r.Version >= last {
				return err
			}
			by := access.Person{ID: fmt.Sprintf("U%d-%d", racer, try), Membership: access.Member}
			m := mustMove(r.Approve(by, 0, terms(false), Now))
			err = m.save(ctx, s, "")
			if err == nil && !won[m.event.Seq].CompareAndSwap(nil, &m.event) {
				return fmt.Errorf("version %d was won twice", m.event.Seq)
			}
			if err != nil && !errors.Is(err, access.ErrStale) {
				return err
			}
		}
	})
	if err != nil {
		return err
	}
	r, _, _, err := s.Load(ctx, "01A")
	var want []access.Event
	var approvals []access.Approval
	for seq := 1; seq <= last; seq++ {
		event := won[seq].Load()
		if event == nil {
			return fmt.Errorf("nobody won version %d", seq)
		}
		want = append(want, *event)
		if seq > 1 {
			approvals = append(approvals, access.Approval{By: event.Actor, At: Now})
		}
	}
	told, err2 := eventsOf(ctx, s, "01A")
	return errors.Join(err, err2, wantSame("version", r.Version, last),
		wantSame("approvals", r.Approvals, approvals), wantSame("events", told, want))
}

func concurrentForms(ctx context.Context, s Subject) error {
	for round := range 4 {
		form := fmt.Sprint("form:", round)
		id := func(racer int) string { return fmt.Sprintf("01-%d-%d", round, racer) }
		answers := make([]error, racers)
		_ = race(func(racer int) error {
			answers[racer] = submit(id(racer), dev, Now.Add(time.Duration(racer))).save(ctx, s, form)
			return nil
		})
		winner := -1
		for racer, err := range answers {
			if err == nil && winner >= 0 {
				return fmt.Errorf("round %d: %d and %d both submitted", round, winner, racer)
			}
			if err == nil {
				winner = racer
			}
		}
		if winner < 0 {
			return fmt.Errorf("round %d: nobody submitted: %w", round, errors.Join(answers...))
		}
		for racer, err := range answers {
			if racer == winner {
				continue
			}
			if err := errors.Join(wantDuplicate("the loser", err, id(winner)), wantNotLoaded(ctx, s, id(racer))); err != nil {
				return err
			}
		}
	}
	records, err := streamOnce(ctx, s)
	made, err2 := s.ByRequester(ctx, dev.ID, 1000)
	return errors.Join(err, err2, wantSame("requests", len(made), 4), wantSame("records", len(records), 4*3))
}

func wantNotLoaded(ctx context.Context, s Subject, id string) error {
	_, _, _, err := s.Load(ctx, id)
	return wantErr("load the loser's", err, access.ErrNotFound)
}

// concurrentSubmissions submits requests of one person concurrently. Each version of
// the person's limits has one winner, and the requests are those of the winners.
func concurrentSubmissions(ctx context.Context, s Subject) error {
	const last = 6
	var won [last + 1]atomic.Pointer[access.Request]
	err := race(func(racer int) error {
		for try := 0; ; try++ {
			_, a, err := s.LoadForSubmit(ctx, dev.ID, "")
			if err != nil || a.Version >= last {
				return err
			}
			m := submit(fmt.Sprintf("01-%d-%d", racer, try), dev, Now)
			next := a.Opens(m.next, Now)
			err = s.Submit(ctx, m.next, m.event, next, "form:"+m.next.ID)
			if err == nil && !won[next.Version].CompareAndSwap(nil, &m.next) {
				return fmt.Errorf("version %d was won twice", next.Version)
			}
			if err != nil && !errors.Is(err, access.ErrStale) {
				return err
			}
		}
	})
	if err != nil {
		return err
	}
	_, a, err := s.LoadForSubmit(ctx, dev.ID, "")
	made, err2 := s.ByRequester(ctx, dev.ID, 1000)
	failed := []error{err, err2, wantSame("version", a.Version, last), wantSame("requests", len(made), last),
		wantSame("current", len(a.Current), last)}
	for i, o := range a.Current {
		r := won[i+1].Load()
		if r == nil || r.ID != o.Request {
			failed = append(failed, fmt.Errorf("version %d holds request %s, which did not win it", i+1, o.Request))
		}
	}
	return errors.Join(failed...)
}

// concurrentDirectoryWriters writes the directory as ticks and steps do.
func concurrentDirectoryWriters(ctx context.Context, s Subject) error {
	const last = 6
	var won [last + 1]atomic.Int32
	err := race(func(racer int) error {
		for try := 0; ; try++ {
			d, err := s.Directory(ctx)
			if err != nil || d.Version >= last {
				return err
			}
			// Every writer writes a different directory, as if read at a different time.
			next := access.Directory{Version: d.Version + 1, Size: racer*1000 + try}
			err = s.SaveDirectory(ctx, next)
			if err == nil && won[next.Version].Add(1) > 1 {
				return fmt.Errorf("version %d was won twice", next.Version)
			}
			if err != nil && !errors.Is(err, access.ErrStale) {
				return err
			}
		}
	})
	d, err2 := s.Directory(ctx)
	return errors.Join(err, err2, wantSame("version", d.Version, last))
}
