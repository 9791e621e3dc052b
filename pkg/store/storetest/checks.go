package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

func emptyStore(ctx context.Context, s Subject) error {
	var failed []error
	for _, id := range []string{"", "01J", "a#b", "\x00\xff", strings.Repeat("é", 3000)} {
		_, _, _, err := s.Load(ctx, id)
		_, _, err2 := s.Messages(ctx, id)
		failed = append(failed, wantErr("load", err, access.ErrNotFound), wantErr("messages", err2, access.ErrNotFound))
	}
	d, err := s.Directory(ctx)
	due, err2 := s.Due(ctx, Now.AddDate(100, 0, 0), 10)
	mine, err3 := s.ByRequester(ctx, dev.ID, 10)
	nobodys, err4 := s.ByRequester(ctx, "", 10)
	pending, err5 := s.InState(ctx, access.Pending, 10)
	failed = append(failed, err, err2, err3, err4, err5,
		wantSame("directory", d, access.Directory{}), wantSame("listed", len(due)+len(mine)+len(nobodys)+len(pending), 0))
	return errors.Join(failed...)
}

// fullMove returns a move that fills every field, with a reason of the greatest
// length and with all kinds of characters.
func fullMove() move {
	reason := "\"quoted\"\\ 'n <!channel> & <https://evil|Approve>\r\n\t\u2028\u2029 null\x00 e\u0301 é 日本語 🔥👩‍👩‍👧 "
	reason += strings.Repeat("🔥", access.MaxReason-len([]rune(reason)))
	m := submit("01FULL", dev, Now)
	m.next.Reason, m.event.Why = reason, reason
	m.next.Reminded = true
	m.next.Requester.UnverifiedEmail = "other@example.com"
	m.next.Approvals = []access.Approval{{By: lead, At: Now.Add(time.Minute)}}
	m.next.Requirements = []access.Requirement{{}}
	m.next.Starts, m.next.Ends = Now, Now.Add(time.Hour)
	m.next.Review = &access.Review{By: []string{"@leads"}, Within: 24 * time.Hour}
	m.next.Closed = access.Closing{By: lead, At: Now, Why: reason}
	m.next.Sessions = []access.Session{
		{Order: "o1", Kind: access.Keys, Ordered: Now, AccessKeyID: "ASIAEXAMPLE", Expires: Now.Add(time.Hour)},
	}
	m.next.UsedOrders = []access.UsedOrder{{Order: "o1", At: Now}}
	m.event.Order, m.event.Outcome, m.event.Kind = "o1", access.Issued, access.Keys
	m.event.AccessKeyID, m.event.Expires = "ASIAEXAMPLE", Now.Add(time.Hour)
	return m
}

func unchanged(ctx context.Context, s Subject) error {
	m := fullMove()
	d := access.Directory{
		Version: 1, PeopleAt: Now, Shared: []string{"x@example.com"}, Size: 2, Told: []string{"leads (S0LEADS)"},
		Groups: map[string]access.Group{"S0LEADS": {Members: []string{lead.ID}, ReadAt: Now}, "S0OLD": {Gone: true}},
		People: map[string]access.Person{lead.ID: lead},
	}
	posted := access.Messages{
		Version: 1, Posted: []access.Message{{Slot: "card:C1", Channel: "C1", TS: "1.000100", Shows: 1}},
	}
	if err := errors.Join(
		m.save(ctx, s, "form:1"), s.SaveDirectory(ctx, d), s.SaveMessages(ctx, m.next.ID, posted),
	); err != nil {
		return err
	}
	r, d1, p1, err := s.Load(ctx, m.next.ID)
	r2, p2, err2 := s.Messages(ctx, m.next.ID)
	d2, err3 := s.Directory(ctx)
	mine, err4 := s.ByRequester(ctx, dev.ID, 10)
	pending, err5 := s.InState(ctx, access.Pending, 10)
	return errors.Join(err, err2, err3, err4, err5,
		wantSame("loaded", r, m.next), wantSame("loaded with messages", r2, m.next),
		wantSame("directory", d1, d), wantSame("directory alone", d2, d),
		wantSame("messages", p1, posted), wantSame("messages alone", p2, posted),
		wantSame("by requester", mine, []access.Request{m.next}),
		wantSame("in state", pending, []access.Request{m.next}),
		wantStored(ctx, s, m.next, m.event))
}

func exactTimes(ctx context.Context, s Subject) error {
	zone := time.FixedZone("", 5*3600+45*60)
	for i, at := range []time.Time{
		Now, Now.In(zone), time.Date(2027, 3, 28, 1, 59, 59, 999999999, time.UTC),
		time.Date(1999, 12, 31, 23, 59, 59, 1, zone),
	} {
		m := submit(fmt.Sprint("01T", i), dev, at)
		if err := m.save(ctx, s, ""); err != nil {
			return err
		}
		if err := wantStored(ctx, s, m.next, m.event); err != nil {
			return err
		}
	}
	return nil
}

func noSharing(ctx context.Context, s Subject) error {
	m, want := fullMove(), fullMove()
	d := access.Directory{Version: 1, Groups: map[string]access.Group{"S0": {Members: []string{"U1"}}}}
	if err := errors.Join(m.save(ctx, s, ""), s.SaveDirectory(ctx, d)); err != nil {
		return err
	}
	m.next.Give[0], m.next.Review.By[0], m.next.Sessions[0].Order = "changed", "changed", "changed"
	d.Groups["S0"].Members[0] = "changed"
	read, d1, _, err := s.Load(ctx, m.next.ID)
	if err != nil {
		return err
	}
	read.Approvals[0].By.ID, read.Channels[0], d1.Groups["S1"] = "changed", "changed", access.Group{}
	d2, err := s.Directory(ctx)
	return errors.Join(err, wantStored(ctx, s, want.next, want.event),
		wantSame(
			"directory", d2, access.Directory{Version: 1, Groups: map[string]access.Group{"S0": {Members: []string{"U1"}}}},
		))
}

func versionOrder(ctx context.Context, s Subject) error {
	first := submit("01A", dev, Now)
	second := approve(first, Now)
	third := mustMove(second.next.End(dev, Now))
	return errors.Join(
		wantErr("the second before the first", second.save(ctx, s, ""), access.ErrStale),
		wantErr("the first", first.save(ctx, s, ""), nil),
		wantErr("the first again", first.save(ctx, s, ""), access.ErrStale),
		wantErr("the third before the second", third.save(ctx, s, ""), access.ErrStale),
		wantErr("the second", second.save(ctx, s, ""), nil),
		wantErr("the second again", second.save(ctx, s, ""), access.ErrStale),
		wantErr("the third", third.save(ctx, s, ""), nil),
		wantErr("the first at the end", first.save(ctx, s, ""), access.ErrStale),
		wantStored(ctx, s, third.next, first.event, second.event, third.event))
}

func staleWritesNothing(ctx context.Context, s Subject) error {
	first := submit("01A", dev, Now)
	denied := mustMove(first.next.Deny(lead, "no", Now))
	late := approve(first, Now)
	other := submit("01B", dev, Now)
	return errors.Join(
		first.save(ctx, s, ""), denied.save(ctx, s, ""),
		wantErr("approve after deny", late.save(ctx, s, "click:1"), access.ErrStale),
		wantStored(ctx, s, denied.next, first.event, denied.event),
		wantErr("the key of the stale move", other.save(ctx, s, "click:1"), nil))
}

func usedKey(ctx context.Context, s Subject) error {
	first, second := submit("01A", dev, Now), submit("01B", dev2, Now)
	yes := approve(first, Now)
	return errors.Join(
		first.save(ctx, s, "form:1"),
		wantDuplicate("another request", second.save(ctx, s, "form:1"), "01A"),
		wantAbsent(ctx, s, "01B"),
		wantDuplicate("the same request again", first.save(ctx, s, "form:1"), "01A"),
		wantDuplicate("a later move", yes.save(ctx, s, "form:1"), "01A"),
		wantStored(ctx, s, first.next, first.event),
		wantErr("another key", second.save(ctx, s, "form:2"), nil),
		wantDuplicate("another key", yes.save(ctx, s, "form:2"), "01B"))
}

func movesWithoutKey(ctx context.Context, s Subject) error {
	first, second := submit("01A", dev, Now), submit("01B", dev, Now)
	return errors.Join(first.save(ctx, s, ""), second.save(ctx, s, ""), wantStored(ctx, s, second.next, second.event))
}

func foreignEvent(ctx context.Context, s Subject) error {
	for _, spoil := range []func(*move){
		func(m *move) { m.event.Request = "01B" },
		func(m *move) { m.event.Seq = 2 },
		func(m *move) { m.next.Version, m.event.Seq = 0, 0 },
	} {
		m := submit("01A", dev, Now)
		spoil(&m)
		if err := m.save(ctx, s, ""); err == nil {
			return fmt.Errorf("saved version %d of %s with event %d of %s",
				m.next.Version, m.next.ID, m.event.Seq, m.event.Request)
		}
	}
	return errors.Join(wantAbsent(ctx, s, "01A"), wantAbsent(ctx, s, "01B"))
}

func tooLarge(ctx context.Context, s Subject) error {
	m := submit("01A", dev, Now)
	m.event.Why = strings.Repeat("x", 400<<10)
	if err := m.save(ctx, s, "form:1"); err == nil {
		return errors.New("an event of 400 KB was saved")
	}
	large := access.Messages{Version: 1, Posted: []access.Message{{Slot: m.event.Why}}}
	if err := s.SaveMessages(ctx, "01A", large); err == nil {
		return errors.New("messages of 400 KB were saved")
	}
	m.event.Why = ""
	if err := m.save(ctx, s, strings.Repeat("k", 2049)); err == nil {
		return errors.New("a key of 2,049 bytes was saved")
	}
	return errors.Join(wantAbsent(ctx, s, "01A"), wantErr("the key of the refused move", m.save(ctx, s, "form:1"), nil))
}

func directoryVersions(ctx context.Context, s Subject) error {
	version := func(n, size int) error { return s.SaveDirectory(ctx, access.Directory{Version: n, Size: size}) }
	err := errors.Join(
		wantErr("2 before 1", version(2, 1), access.ErrStale),
		wantErr("1", version(1, 1), nil),
		wantErr("1 over 1", version(1, 2), access.ErrStale),
		wantErr("3 over 1", version(3, 3), access.ErrStale),
		wantErr("2", version(2, 5), nil),
		wantErr("1 over 2", version(1, 9), access.ErrStale),
		wantErr("2 again, unchanged", version(2, 5), nil))
	d, err2 := s.Directory(ctx)
	return errors.Join(err, err2, wantSame("directory", d, access.Directory{Version: 2, Size: 5}))
}

// twoVersions saves versions 1 and 2 in their turn, and each also too early or too
// late. The final version 2 holds "c".
func twoVersions(save func(n int, text string) error) error {
	return errors.Join(
		wantErr("2 before 1", save(2, "a"), access.ErrStale),
		wantErr("1", save(1, "a"), nil),
		wantErr("1 over 1", save(1, "b"), access.ErrStale),
		wantErr("2", save(2, "c"), nil),
		wantErr("1 over 2", save(1, "d"), access.ErrStale),
		wantErr("2 again, unchanged", save(2, "c"), nil))
}

func readingVersions(ctx context.Context, s Subject) error {
	reading := func(n int, cursor string) access.Reading {
		return access.Reading{
			Version: n, Policy: "digest", Began: Now.UTC(), Cursor: cursor, Size: 1000, Late: []string{"late@example.com"},
			People: map[string]access.Person{
				lead.ID: lead, "U0NOTMET": {ID: "U0NOTMET", UnverifiedEmail: "not.met@example.com"},
			},
		}
	}
	save := func(n int, cursor string) error { return s.SaveReading(ctx, reading(n, cursor)) }
	none, err := s.Reading(ctx)
	err = errors.Join(err, wantSame("never written", none, access.Reading{}), twoVersions(save))
	r, err2 := s.Reading(ctx)
	d, err3 := s.Directory(ctx)
	return errors.Join(err, err2, err3, wantSame("reading", r, reading(2, "c")),
		wantSame("the directory beside it", d, access.Directory{}))
}

func problemVersions(ctx context.Context, s Subject) error {
	problems := func(n int, text string) access.Problems {
		return access.Problems{Version: n,
			Current: map[string]access.Problem{"slack:users.list": {Text: text, Since: Now.UTC()}}}
	}
	save := func(n int, text string) error { return s.SaveProblems(ctx, problems(n, text)) }
	none, err := s.Problems(ctx)
	err = errors.Join(err, wantSame("never written", none, access.Problems{}), twoVersions(save))
	p, err2 := s.Problems(ctx)
	return errors.Join(err, err2, wantSame("problems", p, problems(2, "c")))
}

func buildVersions(ctx context.Context, s Subject) error {
	builds := func(n int, version string) access.Builds {
		return access.Builds{Version: n, Ran: []access.Build{{Version: version, Commit: "1a2b", Since: Now.UTC()}}}
	}
	save := func(n int, version string) error { return s.SaveBuilds(ctx, builds(n, version)) }
	none, err := s.Builds(ctx)
	err = errors.Join(err, wantSame("never written", none, access.Builds{}), twoVersions(save))
	b, err2 := s.Builds(ctx)
	return errors.Join(err, err2, wantSame("builds", b, builds(2, "c")))
}

func messageVersions(ctx context.Context, s Subject) error {
	posted := func(n int, ts string) access.Messages {
		return access.Messages{Version: n, Posted: []access.Message{{Slot: "card:C1", TS: ts}}}
	}
	save := func(id string, n int, ts string) error { return s.SaveMessages(ctx, id, posted(n, ts)) }
	first, other := submit("01A", dev, Now), submit("01B", dev, Now)
	err := errors.Join(first.save(ctx, s, ""), other.save(ctx, s, ""),
		twoVersions(func(n int, ts string) error { return save("01A", n, ts) }),
		wantErr("1 of another request", save("01B", 1, "e"), nil))
	// A request and its messages have separate versions.
	second := approve(first, Now)
	err = errors.Join(
		err, wantErr("a move after messages", second.save(ctx, s, ""), nil), wantErr("3", save("01A", 3, "f"), nil),
	)
	r, m, err2 := s.Messages(ctx, "01A")
	return errors.Join(err, err2, wantSame("messages", m, posted(3, "f")), wantSame("request", r, second.next))
}

// asked returns the record that limits a person who asked at these times.
func asked(version int, at ...int64) access.Asker { return access.Asker{Version: version, Asked: at} }

func askerVersions(ctx context.Context, s Subject) error {
	save := func(user string, n int, at ...int64) error { return s.SaveAsker(ctx, user, asked(n, at...)) }
	err := errors.Join(
		wantErr("2 before 1", save(dev.ID, 2, 1), access.ErrStale), wantErr("1", save(dev.ID, 1, 1), nil),
		wantErr("1 over 1", save(dev.ID, 1, 2), access.ErrStale),
		wantErr("3 over 1", save(dev.ID, 3, 3), access.ErrStale), wantErr("2", save(dev.ID, 2, 1, 5), nil),
		wantErr("1 over 2", save(dev.ID, 1, 9), access.ErrStale),
		wantErr("2 again, unchanged", save(dev.ID, 2, 1, 5), nil), wantErr("1 of another person", save(dev2.ID, 1, 7), nil))
	_, a, err2 := s.LoadForSubmit(ctx, dev.ID, "")
	_, nobody, err3 := s.LoadForSubmit(ctx, lead.ID, "form:1")
	return errors.Join(err, err2, err3, wantSame("asker", a, asked(2, 1, 5)),
		wantSame("a person who never asked", nobody, access.Asker{}))
}

func submitAllOrNothing(ctx context.Context, s Subject) error {
	d := access.Directory{Version: 1, Size: 2}
	first, second, third := submit("01A", dev, Now), submit("01B", dev, Now), submit("01C", dev, Now)
	one := access.Asker{}.Opens(first.next, Now)
	two := one.Opens(second.next, Now)
	err := errors.Join(
		s.SaveDirectory(ctx, d),
		wantErr("the second before the first", s.Submit(ctx, second.next, second.event, two, "form:2"), access.ErrStale),
		wantAbsent(ctx, s, "01B"),
		wantErr("the first", s.Submit(ctx, first.next, first.event, one, "form:1"), nil),
		wantErr("another on the same version", s.Submit(ctx, third.next, third.event, one, "form:3"), access.ErrStale),
		wantAbsent(ctx, s, "01C"),
		wantDuplicate("the first again", s.Submit(ctx, first.next, first.event, one, "form:1"), "01A"),
		wantDuplicate("another by the same form", s.Submit(ctx, second.next, second.event, two, "form:1"), "01A"),
		wantAbsent(ctx, s, "01B"),
		wantErr("the second, whose key was not used up", s.Submit(ctx, second.next, second.event, two, "form:2"), nil),
		wantErr("the first without a key", s.Submit(ctx, first.next, first.event, two.Opens(first.next, Now), ""),
			access.ErrStale))
	known, a, err2 := s.LoadForSubmit(ctx, dev.ID, "")
	return errors.Join(err, err2, wantSame("asker", a, two), wantSame("directory", known, d),
		wantStored(ctx, s, first.next, first.event), wantStored(ctx, s, second.next, second.event))
}

func usedKeyFound(ctx context.Context, s Subject) error {
	first := submit("01A", dev, Now)
	if err := s.Submit(ctx, first.next, first.event, access.Asker{}.Opens(first.next, Now), "form:1"); err != nil {
		return err
	}
	_, _, err := s.LoadForSubmit(ctx, dev.ID, "form:1")
	_, _, other := s.LoadForSubmit(ctx, dev.ID, "form:2")
	_, _, none := s.LoadForSubmit(ctx, dev.ID, "")
	failed := []error{
		wantDuplicate("the key of a form", err, "01A"), wantErr("another key", other, nil), wantErr("no key", none, nil),
	}
	item, err := store.AskerItem(dev2.ID, asked(1), Now)
	failed = append(failed, s.PutItem(ctx, newer(store.OnceItem("form:3", "01A", Now))), s.PutItem(ctx, newer(item, err)))
	_, _, err = s.LoadForSubmit(ctx, dev.ID, "form:3")
	failed = append(failed, wantErr("a key of a newer version", err, access.ErrNewer))
	_, _, err = s.LoadForSubmit(ctx, dev2.ID, "")
	failed = append(failed, wantErr("an asker of a newer version", err, access.ErrNewer),
		wantErr("save over a newer asker", s.SaveAsker(ctx, dev2.ID, asked(2)), access.ErrNewer))
	return errors.Join(failed...)
}

func presentState(ctx context.Context, s Subject) error {
	first, second := submit("01A", dev, Now), submit("01B", dev2, Now)
	ended := mustMove(second.next.Cancel(dev2, Now))
	err := errors.Join(first.save(ctx, s, ""), second.save(ctx, s, ""), ended.save(ctx, s, ""))
	found, err2 := s.Requests(ctx, []string{"01B", "01GONE", "01A"})
	none, err3 := s.Requests(ctx, nil)
	return errors.Join(err, err2, err3, wantSame("requests", found, []access.Request{ended.next, first.next}),
		wantSame("of no ids", len(none), 0))
}

func streamOrder(ctx context.Context, s Subject) error {
	a, b := submit("01A", dev, Now), submit("01B", dev2, Now)
	a2, b2 := approve(a, Now), approve(b, Now)
	a3 := mustMove(a2.next.Order(dev, access.Order{ID: "o", Kind: access.Keys, At: Now}, terms(true), Now))
	a4 := mustMove(a3.next.Revoke(lead, "enough", Now))
	a5 := mustMove(a4.next.Issue("o", access.IssuedKey{AccessKeyID: "ASIAEXAMPLE", Expires: Now.Add(time.Hour)},
		access.IssuedKey{}, Now))
	for _, m := range []move{a, b, a2, a3, b2, a4, a5} {
		if err := m.save(ctx, s, ""); err != nil {
			return err
		}
	}
	return errors.Join(
		wantStored(ctx, s, a5.next, a.event, a2.event, a3.event, a4.event, a5.event),
		wantStored(ctx, s, b2.next, b.event, b2.event))
}

// newer changes an item into one that a newer version of the software wrote.
func newer(item store.Item, _ error) store.Item {
	item.Format = store.Format + 1
	return item
}

// withUnknownField adds a field to an item that this software does not know.
func withUnknownField(item store.Item, _ error) store.Item {
	item.Body = `{"Unknown":1,` + item.Body[1:]
	return item
}

func newerRefused(ctx context.Context, s Subject) error {
	a, b := submit("01A", dev, Now), submit("01B", dev2, Now)
	yes, yesB := approve(a, Now), approve(b, Now)
	failed := []error{
		b.save(ctx, s, ""), s.PutItem(ctx, newer(store.RequestItem(a.next))),
		s.PutItem(ctx, newer(store.OnceItem("form:1", "01A", Now))),
	}
	refused := func(what string, err error) { failed = append(failed, wantErr(what, err, access.ErrNewer)) }

	_, _, _, err := s.Load(ctx, "01A")
	refused("load", err)
	_, _, err = s.Messages(ctx, "01A")
	refused("messages", err)
	refused("save over it", yes.save(ctx, s, ""))
	refused("a key", yesB.save(ctx, s, "form:1"))
	_, err = s.ByRequester(ctx, dev.ID, 10)
	refused("by requester", err)
	_, err = s.InState(ctx, access.Pending, 10)
	refused("in state", err)
	// The item does not stop the tick: each listed request is refused or moved when it
	// is loaded.
	due, err := s.Due(ctx, Now.Add(time.Hour), 10)
	failed = append(failed, err, wantSame("due", due, []string{"01A", "01B"}))

	failed = append(failed, s.PutItem(ctx, withUnknownField(store.RequestItem(a.next))))
	_, _, _, err = s.Load(ctx, "01A")
	refused("load one with an unknown field", err)

	failed = append(failed, s.PutItem(ctx, newer(store.MessagesItem("01B", access.Messages{Version: 1}))))
	_, _, err = s.Messages(ctx, "01B")
	refused("newer messages", err)
	refused("save over newer messages", s.SaveMessages(ctx, "01B", access.Messages{Version: 2}))

	failed = append(failed, s.PutItem(ctx, newer(store.DirectoryItem(access.Directory{Version: 1}))))
	_, err = s.Directory(ctx)
	refused("newer directory", err)
	refused("save over a newer directory", s.SaveDirectory(ctx, access.Directory{Version: 2}))
	return errors.Join(failed...)
}
