package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// tooMany is Slack's answer to too many calls.
type tooMany time.Duration

func (tooMany) Error() string { return "too many calls" }

func (t tooMany) RetryAfter() (time.Duration, bool) { return time.Duration(t), true }

// manyUsers returns a workspace with one user on each page, so large that reading it takes
// this number of ticks. It includes the people of the policy and the others. All further
// ids begin with U1.
func manyUsers(t *testing.T, ticks int, others ...access.Person) *world {
	w := newWorld(t)
	w.page = 1
	for _, p := range others {
		w.people[p.ID] = p
	}
	for i := range ticks*pagesPerTick - len(w.people) {
		id := fmt.Sprintf("U1%04d", i)
		w.people[id] = access.Person{ID: id, Email: strings.ToLower(id) + "@example.com", Name: id, Membership: access.Member}
	}
	return w
}

// minute reads as a tick does, and advances the clock to the next tick.
func (w *world) minute(t *testing.T) Refreshed {
	t.Helper()
	out, err := w.roster().Refresh(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	w.advance(time.Minute)
	return out
}

func (w *world) directory(t *testing.T) access.Directory {
	t.Helper()
	d, err := w.store.Directory(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLargeWorkspaceIsReadOverSeveralTicks(t *testing.T) {
	w := manyUsers(t, 3)
	for tick := 1; tick <= 3; tick++ {
		out := w.minute(t)
		d := w.directory(t)
		if want := tick * pagesPerTick; w.listed != want || d.Size != want || out.People != nil {
			t.Errorf("tick %d: %d pages, %d users, %v; want %d of both", tick, w.listed, d.Size, out.People, want)
		}
		if whole := !d.PeopleAt.IsZero(); whole != (tick == 3) || whole != (len(d.People) > 0) {
			t.Errorf("tick %d: the directory has %d people as of %v; want people after the third tick only", tick,
				len(d.People), d.PeopleAt)
		}
	}
	d := w.directory(t)
	if !d.PeopleAt.Equal(noon) {
		t.Errorf("the reading is as of %v, want %v, when its first page was read", d.PeopleAt, noon)
	}
	if got := d.People["U0LEAD1"]; len(d.People) != 7 || got != w.people["U0LEAD1"] {
		t.Errorf("the directory has %v, want the 7 people of the policy", d.People)
	}
	if _, err := w.submit("U0DEV1", "Change", time.Hour, ""); err != nil {
		t.Errorf("submit when everybody is known: %v", err)
	}
}

// While a reading is in progress, the directory has the people of the previous one.
func TestPreviousReadingIsUsedUntilTheNextIsComplete(t *testing.T) {
	w := manyUsers(t, 3)
	for range 3 {
		w.minute(t)
	}
	before := w.directory(t)
	delete(w.people, "U0LEAD2")
	w.advance(maxPause)
	for tick := range 2 {
		w.minute(t)
		if d := w.directory(t); !d.PeopleAt.Equal(before.PeopleAt) || len(d.People) != len(before.People) {
			t.Errorf("tick %d: %d people as of %v, want the %d of %v", tick+1, len(d.People), d.PeopleAt, len(before.People),
				before.PeopleAt)
		}
	}
	w.minute(t)
	if d := w.directory(t); !d.PeopleAt.After(before.PeopleAt) || d.People["U0LEAD2"].ID != "" {
		t.Errorf("after the next reading: %v as of %v, want it newer and without lead2", d.People, d.PeopleAt)
	}
}

func TestReadingContinuesAfterRateLimit(t *testing.T) {
	w := manyUsers(t, 2)
	calls := 0
	w.fault = func(call string) (error, error) {
		if call == "slack:people" {
			if calls++; calls > 10 {
				return tooMany(40 * time.Second), nil
			}
		}
		return nil, nil
	}
	for tick := 1; tick <= 3; tick++ {
		calls = 0
		if out := w.minute(t); out.People != nil {
			t.Errorf("tick %d: got %v, want no error, because some pages were read", tick, out.People)
		}
		if w.listed != 10*tick {
			t.Errorf("tick %d: %d pages in all, want %d: each tick continues where the last one stopped",
				tick, w.listed, 10*tick)
		}
	}
	calls = 10
	out := w.minute(t)
	if !limited(out.People) {
		t.Errorf("a tick that reads no page: got %v, want Slack's error", out.People)
	}
}

// A tick waits for a short Retry-After, unless that exceeds the tick's timeout.
func TestTickWaitsForRateLimitWithinItsTimeout(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		pages int // read in one tick, if Slack refuses each tenth call
		waits int
	}{
		{10 * time.Second, pagesPerTick, 1}, {0, pagesPerTick, 1}, {36 * time.Second, 9, 0}, {time.Hour, 9, 0},
	} {
		w := manyUsers(t, 2)
		calls, waits := 0, 0
		w.fault = func(call string) (error, error) {
			if call == "slack:people" {
				if calls++; calls%10 == 0 {
					return tooMany(c.after), nil
				}
			}
			return nil, nil
		}
		r := w.roster()
		r.Pause = func(_ context.Context, d time.Duration) error {
			waits++
			w.advance(d)
			return nil
		}
		if _, err := r.Refresh(context.Background()); err != nil || w.listed != c.pages || waits != c.waits {
			t.Errorf("Retry-After %s: %d pages after %d waits (%v), want %d after %d", c.after, w.listed, waits, err, c.pages,
				c.waits)
		}
	}
	w := manyUsers(t, 2)
	w.fault = func(call string) (error, error) {
		if call == "slack:people" {
			return tooMany(10 * time.Second), nil
		}
		return nil, nil
	}
	r, waits := w.roster(), 0
	r.Pause = func(context.Context, time.Duration) error { waits++; return nil }
	if out, err := r.Refresh(context.Background()); err != nil || waits != 3 || !limited(out.People) {
		t.Errorf("every call is refused: %d waits, %v, %v; want three and Slack's error", waits, out.People, err)
	}
}

func TestReadingBeginsAgainWhenItCannotContinue(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(w *world)
		people  error
	}{
		"Slack no longer accepts the cursor": {func(w *world) {
			delete(w.people, slices.Sorted(keys(w.people))[pagesPerTick])
		}, nil},
		"the policy has changed": {func(w *world) { w.policy = compiled(w.t, strict) }, nil},
		"it began too long ago":  {func(w *world) { w.advance(access.PeopleStaleAfter) }, ErrSlow},
	} {
		w := manyUsers(t, 2)
		w.minute(t)
		c.happens(w)
		if out := w.minute(t); !errors.Is(out.People, c.people) {
			t.Errorf("%s: got %v, want %v", name, out.People, c.people)
		}
		d := w.directory(t)
		if !d.PeopleAt.IsZero() {
			t.Errorf("%s: an incomplete reading is used, as of %v", name, d.PeopleAt)
		}
		began := w.clock().Add(-time.Minute)
		w.minute(t)
		if d = w.directory(t); !d.PeopleAt.Equal(began) || len(d.People) != 7 {
			t.Errorf("%s: %d people as of %v, want all as of %v", name, len(d.People), d.PeopleAt, began)
		}
	}
}

func keys(m map[string]access.Person) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// Two users with the same address are found, on whatever pages they are. An address that
// was not looked for from the first page on proves nothing until the next reading.
func TestSharedAddressIsFoundAcrossPages(t *testing.T) {
	holder := func(id, address string) access.Person {
		return access.Person{ID: id, Email: address, Name: id, Membership: access.Member}
	}
	w := manyUsers(t, 2,
		holder("U9COPY", "LEAVER@example.com"), // the policy names the address; its other holder is on an early page
		holder("U00COPY", "sec1@example.com"),  // its other holder is on a page of the same tick
		holder("U9LEAD", "lead9@example.com"),  // read by the second tick, and not looked for in the first
		holder("U00NEW", "new@example.com"))
	w.groups["S0LEADS"] = append(w.groups["S0LEADS"], "U9LEAD")
	w.minute(t)
	w.minute(t)
	d := w.directory(t)
	if want := []string{"lead9@example.com", "leaver@example.com", "sec1@example.com"}; !slices.Equal(d.Shared, want) {
		t.Errorf("shared: got %v, want %v", d.Shared, want)
	}
	for id, proven := range map[string]bool{"U0LEAVER": false, "U9COPY": false, "U00COPY": false, "U0SEC1": false,
		"U9LEAD": false, "U0LEAD1": true} {
		p := d.People[id]
		if p.Membership != access.Member || (p.Email != "") != proven || (p.UnverifiedEmail == "") != proven {
			t.Errorf("%s is %+v; address proven: want %v", id, p, proven)
		}
	}
	w.advance(maxPause)
	w.minute(t)
	w.minute(t)
	if d = w.directory(t); d.People["U9LEAD"].Email != "lead9@example.com" ||
		slices.Contains(d.Shared, "lead9@example.com") {
		t.Errorf("after the next reading: %+v, shared %v; want lead9's address proven", d.People["U9LEAD"], d.Shared)
	}
	// A user on an early page gets the address of a user on a late page.
	w.people["U00NEW"] = holder("U00NEW", "lead9@example.com")
	w.advance(maxPause)
	w.minute(t)
	w.minute(t)
	if d = w.directory(t); d.People["U9LEAD"].UnverifiedEmail != "lead9@example.com" ||
		!slices.Contains(d.Shared, "lead9@example.com") {
		t.Errorf("with a second holder on an early page: %+v, shared %v; want the address shared",
			d.People["U9LEAD"], d.Shared)
	}
}

// Sessions carry the address of the requester. If a person changes their address after the
// last reading, it proves nothing until the next reading shows that nobody else has it.
func TestAddressChangedSinceTheReadingProvesNothing(t *testing.T) {
	w := newWorld(t)
	w.people["U0EVE"] = access.Person{ID: "U0EVE", Email: "eve@example.com", Name: "eve", Membership: access.Member}
	w.people["U0BOB"] = access.Person{ID: "U0BOB", Email: "bob@example.com", Name: "bob", Membership: access.Member}
	w.minute(t)
	for _, c := range []struct {
		id, address string
		proven      bool
	}{
		{"U0EVE", "eve@example.com", true},
		{"U0EVE", "DEV1@example.com", false},   // of a member of a group
		{"U0EVE", "leaver@example.com", false}, // named by the policy
		{"U0DEV2", "bob@example.com", false},   // of a person whom the policy does not name
		{"U0DEV1", "dev1@example.com", true},
	} {
		before := w.people[c.id]
		w.people[c.id] = access.Person{ID: c.id, Email: c.address, Name: c.id, Membership: access.Member}
		got := w.step().Roster.Ask(context.Background(), w.directory(t), c.id)
		if (got.Email == c.address) != c.proven || (got.UnverifiedEmail == c.address) == c.proven {
			t.Errorf("%s with %s is %+v, want an address that is proven: %v", c.id, c.address, got, c.proven)
		}
		w.people[c.id] = before
	}
}

// If everybody is read at once, an address that two members have proves nothing, even if
// the policy does not name them. A rule for everyone lets them ask, and their sessions
// carry the address.
func TestAddressSharedByMembersOutsideThePolicyProvesNothing(t *testing.T) {
	w := newWorld(t)
	for _, p := range []access.Person{
		{ID: "U0BOB", Email: "bob@example.com", Membership: access.Member},
		{ID: "U0EVE", Email: "BOB@example.com", Membership: access.Member},
		{ID: "U0ANN", Email: "ann@example.com", Membership: access.Member},
		{ID: "U0OLD", Email: "ann@example.com", Membership: access.Deactivated},
	} {
		w.people[p.ID] = p
	}
	w.minute(t)
	for id, proven := range map[string]bool{"U0BOB": false, "U0EVE": false, "U0ANN": true} {
		if p := w.step().Roster.Ask(context.Background(), w.directory(t), id); (p.Email != "") != proven {
			t.Errorf("%s is %+v; address proven: want %v", id, p, proven)
		}
	}
	if d := w.directory(t); len(d.People) != 7 || !slices.Equal(d.Shared, []string{"bob@example.com"}) {
		t.Errorf("shared: %v, %d people; want only bob's address, and only the policy's people", d.Shared,
			len(d.People))
	}
}

// If a person joins a group after their page was read, the next tick reads their profile,
// so that they can approve at once.
func TestPersonWhoJoinsAGroupDuringAReadingIsKnown(t *testing.T) {
	w := manyUsers(t, 2)
	for range 2 {
		w.minute(t)
	}
	w.advance(maxPause)
	w.minute(t)                                      // half of the next reading
	w.groups["S0LEADS"] = []string{"U10000", "U0ZZ"} // U10000 is on an early page, U0ZZ on none
	w.minute(t)
	d := w.directory(t)
	if p := d.People["U10000"]; p.Membership != access.Member || p.UnverifiedEmail != "u10000@example.com" ||
		!slices.Contains(d.Shared, p.UnverifiedEmail) {
		t.Errorf("got %+v, shared %v; want a member with an address that proves nothing yet", p, d.Shared)
	}
	if p, known := d.People["U0ZZ"]; known {
		t.Errorf("the directory has %+v, whom Slack does not know", p)
	}
	r, err := w.submit("U0DEV1", "Change", time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.approve(r.ID, "U10000"); err != nil || len(got.Approvals) != 1 {
		t.Errorf("approve as the new lead: %v", err)
	}
}

// Two ticks at once read the same pages. One of them saves them, and no page is lost or
// counted twice.
func TestOverlappingTicksKeepTheReading(t *testing.T) {
	w := manyUsers(t, 2)
	late, inside := w.roster(), false
	w.fault = func(call string) (error, error) {
		if call == "slack:people" && !inside {
			inside = true
			for range 2 { // two other ticks read everybody meanwhile
				if _, err := w.roster().Refresh(context.Background()); err != nil {
					t.Error(err)
				}
			}
			w.advance(time.Second)
		}
		return nil, nil
	}
	if _, err := late.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	d, reading := w.directory(t), w.reading(t)
	if len(d.People) != 7 || !d.PeopleAt.Equal(noon) || reading.Cursor != "" {
		t.Errorf("%d people as of %v, to continue at %q; want all 7, and a complete reading",
			len(d.People), d.PeopleAt, reading.Cursor)
	}
}

func (w *world) reading(t *testing.T) access.Reading {
	t.Helper()
	r, err := w.store.Reading(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// If a step saves the directory while a tick reads people, the tick saves them all the
// same.
func TestReadingSurvivesAStepThatSavesMeanwhile(t *testing.T) {
	w := newWorld(t)
	w.fault = func(call string) (error, error) {
		if call != "slack:people" {
			return nil, nil
		}
		d, err := w.store.Directory(context.Background())
		d.Version++
		if err := errors.Join(err, w.store.SaveDirectory(context.Background(), d)); err != nil {
			t.Error(err)
		}
		return nil, nil
	}
	w.minute(t)
	if d := w.directory(t); len(d.People) != 7 || len(d.Groups) != 3 {
		t.Errorf("the directory has %d people and %d groups, want 7 and 3", len(d.People), len(d.Groups))
	}
}

// In a workspace that fits on one page, a tick writes the directory and nothing else.
func TestSmallWorkspaceWritesOneItemEachMinute(t *testing.T) {
	w := newWorld(t)
	w.minute(t)
	first := w.reading(t).Version
	for range 3 {
		w.minute(t)
	}
	if got := w.reading(t).Version; got != first || w.listed != 4 {
		t.Errorf("the reading was written %d times in three ticks, want none; %d pages in all, want 4", got-first, w.listed)
	}
}

func TestUnprovenNamesEachUnrecognisedPersonOfThePolicy(t *testing.T) {
	w := newWorld(t)
	w.policy = compiled(t, strings.Replace(loose, "who: [leaver@example.com]",
		"who: [Leaver@example.com, dev1@example.com, both@example.com, no.one@example.com, guest@example.com, U0SEC1, "+
			"U0NONE, lead1@example.com]", 1))
	set := func(id, email, unverified string) {
		w.people[id] = access.Person{ID: id, Email: email, UnverifiedEmail: unverified, Membership: access.Member}
	}
	set("U0LEAVER", "", "LEAVER@example.com")
	set("U0SEC1", "", "sec1@example.com") // the policy names this person by id, so the address does not matter
	set("U0COPY", "both@example.com", "")
	w.people["U0GUEST"] = access.Person{ID: "U0GUEST", UnverifiedEmail: "guest@example.com", Membership: access.Guest}
	w.minute(t)
	want := []Unrecognised{
		{"both@example.com", "U0BOTH", Shared}, {"both@example.com", "U0COPY", Shared},
		{"guest@example.com", "U0GUEST", "guest"},
		{"leaver@example.com", "U0LEAVER", Unconfirmed}, {"no.one@example.com", "", Nobody}, {"U0NONE", "", Nobody},
	}
	slices.SortFunc(want, func(a, b Unrecognised) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	if got := Unproven(w.policy, w.directory(t)); !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
