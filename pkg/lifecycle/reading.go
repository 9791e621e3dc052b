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

// Reading everybody takes one call of Slack's users.list for each thousand users, and
// Slack allows about 20 of these calls a minute.
const (
	// pagesPerTick leaves two of the 20 calls for a tick that is delivered twice.
	pagesPerTick = 18
	// usersPerMinute is the average pace at which a workspace is read again, and
	// maxPause the longest time between the beginnings of two readings.
	usersPerMinute = 10_000
	maxPause       = 10 * time.Minute
	// tickTimeout is how long a tick reads pages, including pauses. It leaves 20 of
	// the tick's 55 seconds for other work.
	tickTimeout = 35 * time.Second
	// usersOfAStep is the largest workspace in which a step reads everybody if the
	// tick has not: one page.
	usersOfAStep = 1000
	// askedPerTick is how many single profiles a tick reads.
	askedPerTick = 20
)

// MaxUsers is the largest workspace in which everybody can be read often enough, even
// if Slack is somewhat slow.
const MaxUsers = 200_000

// due reports whether the tick should read people: a reading is in progress, the last
// one is old, or it was made for another policy.
func (r Roster) due(d access.Directory, last access.Reading) bool {
	rest := min(maxPause, max(time.Minute, time.Duration(d.Size)*time.Minute/usersPerMinute))
	return last.Cursor != "" || r.Now().Sub(d.PeopleAt) >= rest || last.Policy != r.Policy.Digest()
}

// fitsAStep reports whether a step should read everybody: the last reading is old, and
// one page holds everybody.
func (r Roster) fitsAStep(d access.Directory) bool {
	return d.Size <= usersOfAStep && r.Now().Sub(d.PeopleAt) >= access.RefreshAfter
}

// begin returns a new reading. It looks for the addresses of the people whom the last
// reading found, from the first page on.
// It goes on to look for the people with open grants.
func (r Roster) begin(d access.Directory, last access.Reading) access.Reading {
	wanted, people := r.wanted(d), make(map[string]access.Person)
	for id, p := range d.People {
		if wanted.holds(p) {
			people[id] = access.Person{ID: id, UnverifiedEmail: address(p)}
		}
	}
	return access.Reading{
		Policy: r.Policy.Digest(), Began: r.Now(), People: people,
		Open: last.Open, Known: last.Known, KnownAt: last.KnownAt,
	}
}

// ErrSlow says that Slack returns too few pages for a workspace of this size.
var ErrSlow = fmt.Errorf("read all people: not finished within %s", access.PeopleStaleAfter)

// readPages reads pages until everybody has been read, or until the tick's limit. It
// keeps what it read before an error. It begins again if the last reading was for
// another policy, or began so long ago that its first pages count as unknown.
func (r Roster) readPages(ctx context.Context, d access.Directory, last access.Reading) (access.Reading, error) {
	ctx, stop := context.WithTimeout(ctx, tickTimeout)
	defer stop()
	reading, slow := last, error(nil)
	if last.Cursor != "" && r.Now().Sub(last.Began) >= access.PeopleStaleAfter {
		slow = ErrSlow
	}
	if last.Cursor == "" || last.Policy != r.Policy.Digest() || slow != nil {
		reading = r.begin(d, last)
	}
	cursor, waited := reading.Cursor, time.Duration(0)
	var read []access.Person
	for range pagesPerTick {
		page, next, err := r.page(ctx, cursor, &waited)
		switch {
		case errors.Is(err, access.ErrCursor) && cursor != "":
			reading, read, cursor = r.begin(d, last), nil, ""
			continue
		case limited(err) && len(read) > 0: // the next tick continues
			return r.collect(d, reading, read, cursor), slow
		case err != nil:
			return r.collect(d, reading, read, cursor), errors.Join(slow, fmt.Errorf("read people: %w", err))
		}
		read, cursor = append(read, page...), next
		if cursor == "" {
			break
		}
	}
	return r.collect(d, reading, read, cursor), slow
}

// page reads one page. If Slack limits the rate of calls, it waits as long as Slack
// asks, if the tick has the time.
func (r Roster) page(ctx context.Context, cursor string, waited *time.Duration) ([]access.Person, string, error) {
	for {
		page, next, err := r.Slack.People(ctx, cursor)
		wait, ok := retryAfter(err)
		wait = max(wait, time.Second)
		if !ok || r.Pause == nil || *waited+wait > tickTimeout {
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

// collect adds users who were read to a reading, which continues at cursor. It keeps
// the policy's people, and everybody who has an address of theirs. If it learns of an
// address only after the first tick, somebody on an earlier page may have that address
// too, so the address proves nothing until the next reading.
func (r Roster) collect(
	d access.Directory, reading access.Reading, read []access.Person, cursor string,
) access.Reading {
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
		reading.Late = append(reading.Late, sharedAddresses(read)...)
	}
	reading.Cursor, reading.Size = cursor, reading.Size+len(read)
	return withOpen(reading, read)
}

// withOpen adds users who were read to what a reading says about the people with open grants.
func withOpen(reading access.Reading, read []access.Person) access.Reading {
	open := make(map[string]bool, len(reading.Open))
	for _, id := range reading.Open {
		open[id] = true
	}
	reading.Seen = maps.Clone(reading.Seen)
	if reading.Seen == nil {
		reading.Seen = make(map[string]access.Membership)
	}
	for _, p := range read {
		if open[p.ID] {
			reading.Seen[p.ID] = p.Membership
		}
	}
	if complete(reading) {
		reading.Known, reading.KnownAt, reading.Seen = reading.Seen, reading.Began, nil
	}
	return reading
}

// sharedAddresses returns the addresses that several members have, including those
// that the policy does not name: if everyone may ask, sessions carry such addresses
// too. It works only if everybody is read at once. In a larger workspace, only the
// addresses of the policy's people are compared with all others.
func sharedAddresses(read []access.Person) (found []string) {
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

// complete reports whether everybody has been read.
func complete(reading access.Reading) bool { return reading.Size > 0 && reading.Cursor == "" }

// withReading returns the directory with a reading of everybody, if that is complete
// and newer. From an incomplete reading it takes only the size.
func withReading(d access.Directory, reading access.Reading) access.Directory {
	if !complete(reading) || !reading.Began.After(d.PeopleAt) {
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
		if p.Membership == "" { // looked for, but not found
			continue
		}
		if slices.Contains(d.Shared, address(p)) {
			p = unproven(p)
		}
		d.People[id] = p
	}
	return d
}

// unproven returns the person with an address that proves nothing.
func unproven(p access.Person) access.Person {
	p.Email, p.UnverifiedEmail = "", cmp.Or(p.Email, p.UnverifiedEmail)
	return p
}

// knownFor is the age from which what is known of people with open grants is saved again although
// it has not changed. It leaves time for readings that fail.
const knownFor = access.PeopleStaleAfter / 3

// keep saves the progress of a reading. Of a complete one it saves only the policy, the time, and
// what it says about people with open grants. If another tick has saved meanwhile, keep saves nothing.
func (r Roster) keep(ctx context.Context, last, reading access.Reading) error {
	switch {
	case reading.Size == 0, reading.Cursor == last.Cursor && reading.Began.Equal(last.Began):
		return nil // nothing was read
	case complete(reading) && last.Cursor == "" && last.Policy == reading.Policy &&
		maps.Equal(last.Known, reading.Known) && reading.KnownAt.Sub(last.KnownAt) < knownFor:
		return nil // saved already, or lately enough
	case complete(reading):
		reading = access.Reading{
			Policy: reading.Policy, Began: reading.Began,
			Open: last.Open, Known: reading.Known, KnownAt: reading.KnownAt,
		}
	}
	reading.Version = last.Version + 1
	if err := r.Store.SaveReading(ctx, reading); err != nil && !errors.Is(err, access.ErrStale) {
		return err
	}
	return nil
}

// askMissing reads the profiles of people whom the policy or a group names and the
// directory lacks: they have just joined a group, or users.list does not include them.
// It is not known yet whether another user has their address.
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

// withPeople returns the directory with people whose profiles were read one by one.
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

// Unrecognised is an id or address in the policy that does not identify a full member
// of the workspace.
type Unrecognised struct {
	Name string // as the policy has it, folded
	ID   string // of a user who has that name, "" if nobody has
	Why  string // Unconfirmed, Shared, Nobody, or what the user is instead of a member
}

// Why a name in the policy does not identify a member.
const (
	Unconfirmed = "unconfirmed" // Slack has not confirmed the address
	Shared      = "shared"      // another user has the same address
	Nobody      = "nobody"      // nobody has this address or id
)

// Unproven lists the names in the policy that do not identify a member, as far as
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

// names returns the ids and addresses of everybody whom the policy or one of its
// groups names.
func (r Roster) names(d access.Directory) []string {
	names := r.Policy.Sources().People
	for _, g := range d.Groups {
		names = append(names, g.Members...)
	}
	return names
}

// address returns the folded address of a person, verified or not.
func address(p access.Person) string { return access.FoldEmail(cmp.Or(p.Email, p.UnverifiedEmail)) }
