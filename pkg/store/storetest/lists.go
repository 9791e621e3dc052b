package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// dueAt returns an error unless exactly these requests are due, in this order.
func dueAt(ctx context.Context, s Subject, at time.Time, limit int, want ...string) error {
	got, err := s.Due(ctx, at, limit)
	return errors.Join(err, wantSame(fmt.Sprintf("due %s later, at most %d", at.Sub(Now), limit), got, want))
}

func dueOrder(ctx context.Context, s Subject) error {
	// Each reminder is due a quarter of an hour after its request.
	for id, asked := range map[string]time.Duration{
		"01C": 0, "01A": 2 * time.Second, "01D": 2*time.Second + 1, "01B": 11 * time.Second,
	} {
		if err := submit(id, dev, Now.Add(asked)).save(ctx, s, ""); err != nil {
			return err
		}
	}
	quarter := Now.Add(15 * time.Minute)
	return errors.Join(
		dueAt(ctx, s, quarter.Add(-1), 10),
		dueAt(ctx, s, quarter, 10, "01C"),
		dueAt(ctx, s, quarter.Add(2*time.Second), 10, "01C", "01A"),
		dueAt(ctx, s, quarter.Add(2*time.Second+1), 10, "01C", "01A", "01D"),
		dueAt(ctx, s, quarter.Add(time.Hour), 10, "01C", "01A", "01D", "01B"),
		dueAt(ctx, s, quarter.Add(time.Hour), 2, "01C", "01A"),
		dueAt(ctx, s, quarter.In(time.FixedZone("", -8*3600)), 10, "01C"))
}

func dueUntilFinal(ctx context.Context, s Subject) error {
	first := submit("01A", dev, Now)
	reminder := Now.Add(15 * time.Minute)
	next, event, _ := first.next.Tick(reminder)
	reminded := mustMove(next, event, nil)
	granted := approve(reminded, reminder)
	ended := mustMove(granted.next.End(dev, reminder))
	far := Now.AddDate(1, 0, 0)
	return errors.Join(
		first.save(ctx, s, ""), dueAt(ctx, s, reminder, 10, "01A"),
		reminded.save(ctx, s, ""), dueAt(ctx, s, reminder, 10), dueAt(ctx, s, Now.Add(time.Hour), 10, "01A"),
		granted.save(ctx, s, ""), dueAt(ctx, s, Now.Add(time.Hour), 10), dueAt(ctx, s, granted.next.Ends, 10, "01A"),
		ended.save(ctx, s, ""), dueAt(ctx, s, far, 10))
}

// idsOf returns the ids of requests.
func idsOf(found []access.Request, err error) (ids []string, _ error) {
	for _, r := range found {
		ids = append(ids, r.ID)
	}
	return ids, err
}

func byRequester(ctx context.Context, s Subject) error {
	var want []string
	for i := range 30 {
		id := fmt.Sprint("01", 99-i) // ids decrease while time increases: the order must be by time
		want = append([]string{id}, want...)
		at := Now.Add(time.Duration(i) * 1100 * time.Millisecond)
		if err := errors.Join(submit(id, dev, at).save(ctx, s, ""), submit("02"+id, dev2, at).save(ctx, s, "")); err != nil {
			return err
		}
	}
	all, err := idsOf(s.ByRequester(ctx, dev.ID, 1000))
	some, err2 := idsOf(s.ByRequester(ctx, dev.ID, 7))
	none, err3 := idsOf(s.ByRequester(ctx, "U0DEV", 7))
	return errors.Join(err, err2, err3,
		wantSame("all", all, want), wantSame("seven", some, want[:7]), wantSame("none", none, []string(nil)))
}

func inState(ctx context.Context, s Subject) error {
	// c is due first, and a last.
	a := submit("01A", dev, Now.Add(2*time.Second))
	b := submit("01B", dev2, Now.Add(time.Second))
	c := submit("01C", dev, Now)
	active := approve(b, Now.Add(time.Minute))
	ended := mustMove(active.next.End(dev2, Now.Add(2*time.Minute)))
	in := func(what string, state access.State, limit int, want ...string) error {
		got, err := idsOf(s.InState(ctx, state, limit))
		return errors.Join(err, wantSame(what, got, want))
	}
	final := func(state access.State) error {
		if got, err := s.InState(ctx, state, 10); err == nil ||
			!strings.Contains(err.Error(), "only pending and active ones are in an index") {
			return fmt.Errorf("%s: got %d requests, want an error (%w)", state, len(got), err)
		}
		return nil
	}
	return errors.Join(
		a.save(ctx, s, ""), b.save(ctx, s, ""), c.save(ctx, s, ""),
		in("all pending", access.Pending, 10, "01C", "01B", "01A"), in("two pending", access.Pending, 2, "01C", "01B"),
		active.save(ctx, s, ""),
		in("pending after the move", access.Pending, 10, "01C", "01A"), in("active", access.Active, 10, "01B"),
		ended.save(ctx, s, ""), in("active when it has ended", access.Active, 10),
		final(access.Denied), final("frozen"), final(""))
}

// owedOrder keeps owed messages beside pending requests: neither appears in the
// lists of the other.
func owedOrder(ctx context.Context, s Subject) error {
	owe := func(id string, version int, next ...time.Time) error {
		m := access.Messages{Version: version}
		for i, at := range next {
			event := submit(id, dev, Now).event
			m.Owe(access.Owed{
				Slot: fmt.Sprint("told:", i), Channel: dev.ID, Event: &event, Since: Now, Next: at, Tries: 2, Class: "wait",
			})
		}
		return s.SaveMessages(ctx, id, m)
	}
	owed := func(what string, at time.Time, limit int, want ...string) error {
		got, err := s.Owed(ctx, at, limit)
		return errors.Join(err, wantSame(what, got, want))
	}
	var err error
	for _, id := range []string{"01A", "01B", "01C"} {
		err = errors.Join(err, submit(id, dev, Now).save(ctx, s, ""))
	}
	all := Now.Add(time.Hour)
	err = errors.Join(err,
		owe("01A", 1, Now.Add(2*time.Second)),
		owe("01B", 1, Now.Add(3*time.Second), Now.Add(time.Second)),
		owe("01C", 1),
		owed("before any", Now, 10),
		owed("the first", Now.Add(time.Second), 10, "01B"),
		owed("all", all, 10, "01B", "01A"),
		owed("one of all", all, 1, "01B"),
		owe("01B", 2, Now.Add(3*time.Second)),
		owed("after one message was accepted", all, 10, "01A", "01B"),
		owe("01A", 2),
		owed("after all messages of a request were accepted", all, 10, "01B"))
	due, err2 := s.Due(ctx, all, 10)
	mine, err3 := idsOf(s.ByRequester(ctx, dev.ID, 10))
	pending, err4 := idsOf(s.InState(ctx, access.Pending, 10))
	return errors.Join(err, err2, err3, err4,
		wantSame("due requests", len(due), 3), wantSame("requests of the person", len(mine), 3),
		wantSame("pending requests", len(pending), 3))
}
