package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

// Reading everybody takes one call of Slack's users.list for each thousand
// users, and Slack allows about 20 of them a minute.
const (
	// pagesPerTick leaves two of the 20 for a tick that comes twice.
	pagesPerTick = 18
	// usersPerMinute is the pace at which a workspace is read anew on average,
	// and mostRest the longest time between the beginnings of two readings.
	usersPerMinute = 10_000
	mostRest       = 10 * time.Minute
	// tickPatience is how long a tick reads pages, pauses included. It leaves
	// 20 of the tick's 55 seconds for the rest.
	tickPatience = 35 * time.Second
	// usersOfAStep is the largest workspace of which a step reads the people
	// when the tick does not: one page.
	usersOfAStep = 1000
	// askedPerTick is how many people are asked for who are in no page.
	askedPerTick = 20
)

// MaxUsers is the largest workspace of which everybody can be read often enough,
// with some time to spare for a slow Slack.
const MaxUsers = 200_000

// due reports whether the tick should read people: a reading is under way, the
// last one is old, or the last one was made for another policy.
func (r Roster) due(d access.Directory, last access.Reading) bool {
	rest := min(mostRest, max(time.Minute, time.Duration(d.Size)*time.Minute/usersPerMinute))
	return last.Cursor != "" || r.Now().Sub(d.PeopleAt) >= rest || last.Policy != r.Policy.Digest()
}

// fitsAStep reports whether a step should read people, which it does when the
// tick left them to get old, and only where everybody fits into one page.
func (r Roster) fitsAStep(d access.Directory) bool {
	return d.Size <= usersOfAStep && r.Now().Sub(d.PeopleAt) >= access.RefreshAfter
}

// begin is a new reading. The addresses of the people whom the last one has
// found are looked for from the first page on.
func (r Roster) begin(d access.Directory) access.Reading {
	wanted, people := r.wanted(d), make(map[string]access.Person)
	for id, p := range d.People {
		if wanted.holds(p) {
			people[id] = access.Person{ID: id, UnverifiedEmail: address(p)}
		}
	}
	return access.Reading{Policy: r.Policy.Digest(), Began: r.Now(), People: people}
}

// ErrSlow says that Slack gives too few pages for a workspace of this size.
var ErrSlow = fmt.Errorf("read all people: not finished within %s", access.PeopleStaleAfter)

// goOn reads pages until everybody was read, or the tick has had its share. What
// was read before an error counts. A reading for another policy is of no use, nor
// is one that began so long ago that its first pages are not known any more.
func (r Roster) goOn(ctx context.Context, d access.Directory, last access.Reading) (access.Reading, error) {
	ctx, stop := context.WithTimeout(ctx, tickPatience)
	defer stop()
	reading, slow := last, error(nil)
	if last.Cursor != "" && r.Now().Sub(last.Began) >= access.PeopleStaleAfter {
		slow = ErrSlow
	}
	if last.Cursor == "" || last.Policy != r.Policy.Digest() || slow != nil {
		reading = r.begin(d)
	}
	cursor, waited := reading.Cursor, time.Duration(0)
	var read []access.Person
	for range pagesPerTick {
		page, next, err := r.page(ctx, cursor, &waited)
		switch {
		case errors.Is(err, access.ErrCursor) && cursor != "":
			reading, read, cursor = r.begin(d), nil, ""
			continue
		case limited(err) && len(read) > 0: // the next tick goes on
			return r.sift(d, reading, read, cursor), slow
		case err != nil:
			return r.sift(d, reading, read, cursor), errors.Join(slow, fmt.Errorf("read people: %w", err))
		}
		read, cursor = append(read, page...), next
		if cursor == "" {
			break
		}
	}
	return r.sift(d, reading, read, cursor), slow
}

// page reads one page. When Slack limits the calls, it waits as long as Slack asks,
// if the tick has the time.
func (r Roster) page(ctx context.Context, cursor string, waited *time.Duration) ([]access.Person, string, error) {
	for {
		page, next, err := r.Slack.People(ctx, cursor)
		wait, ok := retryAfter(err)
		wait = max(wait, time.Second)
		if !ok || r.Pause == nil || *waited+wait > tickPatience {
			return page, next, err
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			return page, next, err
		}
		*waited += wait
		if r.Pause(ctx, wait) != nil {
			return page, next, err
		}
	}
}

// retryAfter returns the wait that Slack asks for; ok is false when err is not
// about a rate limit.
func retryAfter(err error) (wait time.Duration, ok bool) {
	var e interface{ RetryAfter() (time.Duration, bool) }
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.RetryAfter()
}

func limited(err error) bool {
	_, ok := retryAfter(err)
	return ok
}

// sift adds users who were read to a reading, which goes on at cursor. It keeps the
// policy's people, and everybody who holds an address of theirs. An address that
// is looked for only after the first tick may be held by somebody on an earlier
// page too, so it proves nothing until the next reading.
func (r Roster) sift(d access.Directory, reading access.Reading, read []access.Person, cursor string) access.Reading {
	wanted, first := r.wanted(d), reading.Size == 0
	watched := make(map[string]bool)
	for name := range wanted {
		watched[name] = strings.Contains(name, "@")
	}
	for _, p := range reading.People {
		watched[address(p)] = true
	}
	for _, a := range reading.Late {
		watched[a] = true
	}
	watched[""] = false
	reading.People, reading.Late = maps.Clone(reading.People), slices.Clone(reading.Late)
	for _, p := range read {
		if !wanted.holds(p) {
			continue
		}
		reading.People[p.ID] = p
		if a := address(p); a != "" && !watched[a] {
			watched[a] = true
			if !first {
				reading.Late = append(reading.Late, a)
			}
		}
	}
	for _, p := range read {
		if watched[address(p)] {
			reading.People[p.ID] = p
		}
	}
	if first && cursor == "" {
		reading.Late = append(reading.Late, heldTwice(read)...)
	}
	reading.Cursor, reading.Size = cursor, reading.Size+len(read)
	return reading
}

// heldTwice are the addresses that several members hold, whether or not the
// policy names them: where everyone may ask, sessions are named after them too.
// It is known where everybody is read at once. In a larger workspace, only the
// addresses of the policy's people are compared with all others.
func heldTwice(read []access.Person) (found []string) {
	holders := make(map[string]int)
	for _, p := range read {
		if a := address(p); a != "" && p.Membership == access.Member {
			if holders[a]++; holders[a] == 2 {
				found = append(found, a)
			}
		}
	}
	return found
}

// whole reports whether everybody was read.
func whole(reading access.Reading) bool { return reading.Size > 0 && reading.Cursor == "" }

// withReading is a directory with a reading of everybody, if that is whole and
// newer. From an unfinished reading it takes only the size.
func withReading(d access.Directory, reading access.Reading) access.Directory {
	if !whole(reading) || !reading.Began.After(d.PeopleAt) {
		d.Size = max(d.Size, reading.Size)
		return d
	}
	holders := make(map[string]int)
	for _, p := range reading.People {
		if p.Membership != "" {
			holders[address(p)]++
		}
	}
	shared := slices.Clone(reading.Late)
	for a, n := range holders {
		if n > 1 && a != "" {
			shared = append(shared, a)
		}
	}
	slices.Sort(shared)
	d.Shared, d.Size, d.PeopleAt = slices.Compact(shared), reading.Size, reading.Began
	d.People = make(map[string]access.Person)
	for id, p := range reading.People {
		if p.Membership == "" { // looked for, and not there
			continue
		}
		if slices.Contains(d.Shared, address(p)) {
			p = unproven(p)
		}
		d.People[id] = p
	}
	return d
}

// unproven is somebody whose address proves nothing.
func unproven(p access.Person) access.Person {
	p.Email, p.UnverifiedEmail = "", cmp.Or(p.Email, p.UnverifiedEmail)
	return p
}

// keep saves how far a reading is. Of a whole one it saves only the policy and the
// time. If another tick has saved meanwhile, nothing is saved here.
func (r Roster) keep(ctx context.Context, last, reading access.Reading) error {
	switch {
	case reading.Size == 0, reading.Cursor == last.Cursor && reading.Began.Equal(last.Began):
		return nil // nothing was read
	case whole(reading) && last.Cursor == "" && last.Policy == reading.Policy:
		return nil // as it stands
	case whole(reading):
		reading = access.Reading{Policy: reading.Policy, Began: reading.Began}
	}
	reading.Version = last.Version + 1
	if err := r.Store.SaveReading(ctx, reading); err != nil && !errors.Is(err, access.ErrStale) {
		return err
	}
	return nil
}

// askMissing asks Slack for the policy's people who are in the directory's
// groups and not in its list: they have just come into a group, or the list
// does not hold them. Whether their address is theirs alone is not known yet.
func (r Roster) askMissing(ctx context.Context, d access.Directory) ([]access.Person, error) {
	if !d.KnowsPeople(r.Now()) {
		return nil, nil
	}
	var ids []string
	for _, id := range r.names(d) {
		if _, known := d.People[id]; !known && !strings.Contains(id, "@") {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	ids = ids[:min(askedPerTick, len(ids))]
	people, errs := make([]access.Person, len(ids)), make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { people[i], errs[i] = r.Slack.Person(ctx, id) })
	}
	all.Wait()
	var found []access.Person
	for i, err := range errs {
		if err == nil {
			found = append(found, unproven(people[i]))
		} else {
			errs[i] = fmt.Errorf("read user %s: %w", ids[i], err)
		}
	}
	return found, errors.Join(errs...)
}

// withPeople is a directory with people who were asked for one by one.
func withPeople(d access.Directory, asked []access.Person) access.Directory {
	if len(asked) == 0 {
		return d
	}
	d.People, d.Shared = maps.Clone(d.People), slices.Clone(d.Shared)
	if d.People == nil {
		d.People = make(map[string]access.Person)
	}
	for _, p := range asked {
		d.People[p.ID] = p
		if a := address(p); a != "" {
			d.Shared = append(d.Shared, a)
		}
	}
	slices.Sort(d.Shared)
	d.Shared = slices.Compact(d.Shared)
	return d
}

// Unrecognised is somebody, or an address, that the policy names and that does not
// stand for a full member of the workspace.
type Unrecognised struct {
	Name string // as the policy has it, folded
	ID   string // of a user who has that name, "" if nobody has
	Why  string // Unconfirmed, Shared, Nobody, or what the user is instead of a member
}

// Why the policy does not recognise somebody whom it names.
const (
	Unconfirmed = "unconfirmed" // Slack has not confirmed the address
	Shared      = "shared"      // another user has the same address
	Nobody      = "nobody"      // nobody has this address or id
)

// Unproven lists whom the policy names and does not recognise, as far as
// everybody is known.
func Unproven(p *policy.Policy, d access.Directory) (found []Unrecognised) {
	holders := make(map[string][]access.Person)
	for _, id := range slices.Sorted(maps.Keys(d.People)) {
		one := d.People[id]
		holders[access.FoldEmail(id)] = []access.Person{one}
		if a := address(one); a != "" {
			holders[a] = append(holders[a], one)
		}
	}
	for _, name := range p.Sources().People {
		those := holders[access.FoldEmail(name)]
		if len(those) == 0 {
			found = append(found, Unrecognised{name, "", Nobody})
		}
		for _, one := range those {
			byID := access.FoldEmail(one.ID) == access.FoldEmail(name)
			switch {
			case len(those) > 1:
				found = append(found, Unrecognised{name, one.ID, Shared})
			case one.Membership != access.Member:
				found = append(found, Unrecognised{name, one.ID, string(one.Membership)})
			case !byID && one.Email == "" && !slices.Contains(d.Shared, address(one)):
				found = append(found, Unrecognised{name, one.ID, Unconfirmed})
			}
		}
	}
	return found
}

// wanted are the policy's people, by folded id or address.
type wanted map[string]bool

func (w wanted) holds(p access.Person) bool {
	return w[access.FoldEmail(p.ID)] || address(p) != "" && w[address(p)]
}

func (r Roster) wanted(d access.Directory) wanted {
	w := make(wanted)
	for _, name := range r.names(d) {
		w[access.FoldEmail(name)] = true
	}
	return w
}

// names are the ids and addresses of everybody whom the policy names or one of
// its groups holds.
func (r Roster) names(d access.Directory) []string {
	names := r.Policy.Sources().People
	for _, g := range d.Groups {
		names = append(names, g.Members...)
	}
	return names
}

// address is what somebody's address is compared by, proven or not.
func address(p access.Person) string { return access.FoldEmail(cmp.Or(p.Email, p.UnverifiedEmail)) }
