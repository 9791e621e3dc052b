package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

type slack interface {
	Person(ctx context.Context, id string) (access.Person, error)
	Group(ctx context.Context, id string) (members []string, err error)
	// People returns a page of the workspace's users, and the cursor of the next
	// one, "" for none. Errors: access.ErrCursor, and what can RetryAfter.
	People(ctx context.Context, cursor string) (page []access.Person, next string, err error)
}

type directoryStore interface {
	Directory(ctx context.Context) (access.Directory, error)
	SaveDirectory(ctx context.Context, next access.Directory) error
	Reading(ctx context.Context) (access.Reading, error)
	SaveReading(ctx context.Context, next access.Reading) error
}

// Roster knows who belongs to which group, and who somebody is. The tick keeps
// the directory fresh; a step reads by itself what the tick left to get old.
type Roster struct {
	Slack  slack
	Store  directoryStore
	Policy *policy.Policy
	Now    func() time.Time
	// NoGroup says whether an error of Slack.Group means that the group is gone.
	NoGroup func(error) bool
	// Pause waits as long as Slack asks when it limits the calls. With nil there is
	// no wait, and the next tick goes on.
	Pause func(ctx context.Context, d time.Duration) error
	// Log gets what a step could not read, and decides without; nil for no log.
	Log *slog.Logger
}

// How many groups are read at once. Slack allows about 20 reads of groups a
// minute (tier 2): a tick takes most of them, a step leaves them alone.
const (
	groupsPerTick = 15
	groupsPerStep = 4
	// stepPatience is how long a step waits for Slack before it decides by
	// what it has: somebody's click has three seconds in all.
	stepPatience = 1200 * time.Millisecond
)

// Fresh brings a directory up to date for a step, as far as Slack answers in
// time. What stays old is old: the policy treats it as not known in the end.
func (r Roster) Fresh(ctx context.Context, d access.Directory) access.Directory {
	readPeople := r.fitsAStep(d)
	if r.Slack == nil || len(r.oldGroups(d, access.RefreshAfter)) == 0 && !readPeople {
		return d
	}
	patient, stop := context.WithTimeout(ctx, stepPatience)
	defer stop()
	groups, errs := r.readGroups(patient, d, access.RefreshAfter, groupsPerStep)
	failed, next := slices.Collect(maps.Values(errs)), r.withGroups(d, groups)
	if readPeople {
		reading := r.begin(next)
		page, more, err := r.Slack.People(patient, "")
		if err == nil && more == "" {
			next = withReading(next, r.sift(next, reading, page, ""))
		}
		failed = append(failed, err)
	}
	r.warn(ctx, "a step could not read groups or people", errors.Join(failed...))
	// Losing this write costs the next step the same read, nothing else.
	next.Version++
	_ = r.Store.SaveDirectory(ctx, next)
	return next
}

func (r Roster) warn(ctx context.Context, what string, err error) {
	if err != nil && r.Log != nil {
		r.Log.WarnContext(ctx, what, "error", err)
	}
}

// Refreshed is what a tick's reading came to.
type Refreshed struct {
	Directory access.Directory
	Unknown   []string         // ids of the policy's groups that are not known, sorted
	Groups    map[string]error // why a group could not be read, by its id
	People    error            // why everybody could not be read
	Profiles  error            // why somebody could not be asked for
}

// Refresh is the tick's reading: groups that are a minute old, and as many of
// the workspace's people as Slack gives in a minute. It saves what it read; its
// error is the store's.
func (r Roster) Refresh(ctx context.Context) (Refreshed, error) {
	d, err := r.Store.Directory(ctx)
	if err != nil {
		return Refreshed{}, fmt.Errorf("load the directory: %w", err)
	}
	before, readingErr := r.Store.Reading(ctx)
	groups, failed := r.readGroups(ctx, d, time.Minute, groupsPerTick)
	out := Refreshed{Groups: failed}
	var reading access.Reading
	switch {
	case readingErr != nil:
		readingErr = fmt.Errorf("load the reading of people: %w", readingErr)
	case r.due(d, before):
		reading, out.People = r.goOn(ctx, r.withGroups(d, groups), before)
	}
	found := func(d access.Directory) access.Directory { return withReading(r.withGroups(d, groups), reading) }
	missing, err := r.askMissing(ctx, found(d))
	out.Profiles = err
	out.Directory, err = r.save(ctx, d, func(d access.Directory) access.Directory { return withPeople(found(d), missing) })
	out.Unknown = r.unknown(out.Directory)
	if err != nil {
		return out, errors.Join(err, readingErr) // the reading stays, and is taken over later
	}
	return out, errors.Join(readingErr, r.keep(ctx, before, reading))
}

// saves is how often the directory is saved again because a step saved it.
const saves = 4

// save saves what change makes of the directory, over what a step may have
// saved meanwhile: what took a tick minutes to read is not lost to a race.
func (r Roster) save(
	ctx context.Context, d access.Directory, change func(access.Directory) access.Directory,
) (access.Directory, error) {
	for range saves {
		next := change(d)
		next.Version++
		err := r.Store.SaveDirectory(ctx, next)
		if err == nil || !errors.Is(err, access.ErrStale) {
			return next, err
		}
		if d, err = r.Store.Directory(ctx); err != nil {
			return next, fmt.Errorf("load the directory again: %w", err)
		}
	}
	return change(d), nil // others keep it fresh
}

// oldGroups are the sources of groups older than age, the oldest first.
func (r Roster) oldGroups(d access.Directory, age time.Duration) []string {
	sources := r.Policy.Sources()
	ids := slices.DeleteFunc(sources.Groups, func(id string) bool {
		return r.Now().Sub(d.Groups[id].ReadAt) < age
	})
	slices.SortStableFunc(ids, func(a, b string) int {
		return cmp.Compare(d.Groups[a].ReadAt.UnixNano(), d.Groups[b].ReadAt.UnixNano())
	})
	return ids
}

// readGroups reads the oldest of the groups that are older than age. Those that
// fail are left out: the old reading stays, and its age with it.
func (r Roster) readGroups(
	ctx context.Context, d access.Directory, age time.Duration, limit int,
) (read map[string]access.Group, failed map[string]error) {
	ids := r.oldGroups(d, age)
	ids = ids[:min(limit, len(ids))]
	groups, errs := make([]access.Group, len(ids)), make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { groups[i], errs[i] = r.group(ctx, id) })
	}
	all.Wait()
	read, failed = make(map[string]access.Group, len(ids)), make(map[string]error)
	for i, id := range ids {
		if errs[i] == nil {
			read[id] = groups[i]
			continue
		}
		failed[id] = fmt.Errorf("read group %s: %w", id, errs[i])
	}
	return read, failed
}

func (r Roster) group(ctx context.Context, id string) (access.Group, error) {
	members, err := r.Slack.Group(ctx, id)
	switch {
	case err == nil:
		return access.Group{Members: members, ReadAt: r.Now()}, nil
	case r.NoGroup(err):
		return access.Group{ReadAt: r.Now(), Gone: true}, nil
	}
	return access.Group{}, err
}

// withGroups is a directory with groups that were read, unless it has a newer
// reading, and without those that the policy does not name.
func (r Roster) withGroups(d access.Directory, read map[string]access.Group) access.Directory {
	sources := r.Policy.Sources()
	groups := make(map[string]access.Group, len(d.Groups))
	for _, id := range sources.Groups {
		g, known := d.Groups[id]
		if newer, found := read[id]; found && !newer.ReadAt.Before(g.ReadAt) {
			g, known = newer, true
		}
		if known {
			groups[id] = g
		}
	}
	d.Groups = groups
	return d
}

// unknown are the ids of the policy's groups that are not known now.
func (r Roster) unknown(d access.Directory) []string {
	var ids []string
	sources := r.Policy.Sources()
	for _, id := range sources.Groups {
		if _, ok := d.Group(id, r.Now()); !ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Person is somebody as known at this moment: from the directory while the
// reading of everybody is fresh, else as Slack says now.
func (r Roster) Person(ctx context.Context, d access.Directory, id string) access.Person {
	if p, ok := d.Person(id, r.Now()); ok && r.Now().Sub(d.PeopleAt) < access.RefreshAfter {
		return p
	}
	patient, stop := context.WithTimeout(ctx, stepPatience)
	defer stop()
	return r.Ask(patient, d, id)
}

// people are those of several ids, all asked for at once: a click has three
// seconds.
func (r Roster) people(ctx context.Context, d access.Directory, ids []string) people {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	found := make([]access.Person, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { found[i] = r.Person(ctx, d, id) })
	}
	all.Wait()
	met := make(people, len(ids))
	for i, id := range ids {
		met[id] = found[i]
	}
	return met
}

// Ask reads somebody from Slack at this moment. Somebody who cannot be read has
// no standing.
func (r Roster) Ask(ctx context.Context, d access.Directory, id string) access.Person {
	p, err := r.Slack.Person(ctx, id)
	if err != nil {
		r.warn(ctx, "a profile cannot be read", fmt.Errorf("read user %s: %w", id, err))
		return access.Person{ID: id, Name: id}
	}
	if p.Email != "" && !r.proves(d, p) {
		p.Email, p.UnverifiedEmail = "", p.Email
	}
	return p
}

// proves reports whether the confirmed address of a profile proves who this is.
// One profile does not tell whether another user holds the same address: the
// last reading of everybody does, of the addresses that the policy names and of
// those of its people.
func (r Roster) proves(d access.Directory, p access.Person) bool {
	folded := access.FoldEmail(p.Email)
	if !d.KnowsPeople(r.Now()) || slices.Contains(d.Shared, folded) {
		return false
	}
	// Who has taken an address since that reading may share it with somebody.
	if one, known := d.People[p.ID]; known {
		return address(one) == folded
	}
	for _, other := range d.People {
		if address(other) == folded {
			return false
		}
	}
	return !slices.Contains(r.Policy.Sources().People, folded)
}
