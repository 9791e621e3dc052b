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
	// one, "" for none. Errors: access.ErrCursor, and an error with a method RetryAfter
	// if Slack limits the rate of calls.
	People(ctx context.Context, cursor string) (page []access.Person, next string, err error)
}

type directoryStore interface {
	Directory(ctx context.Context) (access.Directory, error)
	SaveDirectory(ctx context.Context, next access.Directory) error
	Reading(ctx context.Context) (access.Reading, error)
	SaveReading(ctx context.Context, next access.Reading) error
}

// Roster reads from Slack who a person is, and who belongs to which group. The tick
// keeps the stored directory fresh. A step reads groups and people by itself only if
// the stored ones are too old.
type Roster struct {
	Slack  slack
	Store  directoryStore
	Policy *policy.Policy
	Now    func() time.Time
	// NoGroup says whether an error of Slack.Group means that the group is gone.
	NoGroup func(error) bool
	// Pause waits for d when Slack limits the rate of calls. If it is nil, the tick
	// stops reading, and the next one continues.
	Pause func(ctx context.Context, d time.Duration) error
	// Log records what a step could not read; nil for no log.
	Log *slog.Logger
}

// How many groups are read at once. Slack allows about 20 reads of groups a minute
// (tier 2), and a tick uses most of them.
const (
	groupsPerTick = 15
	groupsPerStep = 4
	// stepTimeout is how long a step waits for Slack before it decides by the
	// directory that it has. A click must be answered within three seconds.
	stepTimeout = 1200 * time.Millisecond
)

// Fresh updates a directory for a step, as far as Slack answers in time. A group that
// it cannot read keeps its old members and its age, and counts as unknown once it is
// too old (access.GroupsStaleAfter). The same holds for people (access.PeopleStaleAfter).
// What is unknown allows nothing: policy.Decide then refuses with slack_unreadable
// (pkg/policy/unknown.go says why), no request is saved, and the requester can ask again.
func (r Roster) Fresh(ctx context.Context, d access.Directory) access.Directory {
	readPeople := r.fitsAStep(d)
	if r.Slack == nil || len(r.oldGroups(d, access.RefreshAfter)) == 0 && !readPeople {
		return d
	}
	limited, stop := context.WithTimeout(ctx, stepTimeout)
	defer stop()
	groups, errs := r.readGroups(limited, d, access.RefreshAfter, groupsPerStep)
	failed, next := slices.Collect(maps.Values(errs)), r.withGroups(d, groups)
	if readPeople {
		reading := r.begin(next, access.Reading{})
		page, more, err := r.Slack.People(limited, "")
		if err == nil && more == "" {
			next = withReading(next, r.collect(next, reading, page, ""))
		}
		failed = append(failed, err)
	}
	r.warn(ctx, "a step could not read groups or people", errors.Join(failed...))
	// If this write fails, the next step reads the same again.
	next.Version++
	_ = r.Store.SaveDirectory(ctx, next)
	return next
}

func (r Roster) warn(ctx context.Context, what string, err error) {
	if err != nil && r.Log != nil {
		r.Log.WarnContext(ctx, what, "error", err)
	}
}

// Refreshed is the result of Refresh.
type Refreshed struct {
	Directory access.Directory
	Unknown   []string         // ids of the policy's groups that are not known, sorted
	Groups    map[string]error // why a group could not be read, by its id
	People    error            // why everybody could not be read
	Profiles  error            // why single profiles could not be read
}

// Refresh reads for the tick: groups that are a minute old, and as many people as Slack
// allows in a minute. It saves them. It returns errors of the store; errors of Slack
// are in Refreshed.
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
		reading, out.People = r.readPages(ctx, r.withGroups(d, groups), before)
	}
	found := func(d access.Directory) access.Directory { return withReading(r.withGroups(d, groups), reading) }
	missing, err := r.askMissing(ctx, found(d))
	out.Profiles = err
	out.Directory, err = r.save(ctx, d, func(d access.Directory) access.Directory { return withPeople(found(d), missing) })
	out.Unknown = r.unknown(out.Directory)
	if err != nil {
		return out, errors.Join(err, readingErr) // the stored reading stays, and is used later
	}
	return out, errors.Join(readingErr, r.keep(ctx, before, reading))
}

// saves is how often the directory is saved if steps have saved it meanwhile.
const saves = 4

// save saves the changed directory. If a step has saved it meanwhile, save loads it and
// applies change again, so that a lost race does not waste minutes of reading.
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
	return change(d), nil // the steps that won the races keep it fresh
}

// oldGroups returns the ids of the policy's groups that were read longer ago than age,
// the oldest first.
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

// readGroups reads the oldest of the groups that are older than age. It leaves out
// those that fail, so their old members and their age stay.
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

// withGroups returns the directory with the groups that were read, unless it has newer
// ones, and without groups that the policy does not name.
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

// unknown returns the ids of the policy's groups that are unknown now.
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

// Person returns a person from the directory if that is fresh, and otherwise asks
// Slack.
func (r Roster) Person(ctx context.Context, d access.Directory, id string) access.Person {
	if p, ok := d.Person(id, r.Now()); ok && r.Now().Sub(d.PeopleAt) < access.RefreshAfter {
		return p
	}
	limited, stop := context.WithTimeout(ctx, stepTimeout)
	defer stop()
	return r.Ask(limited, d, id)
}

// people returns the people with these ids. It asks Slack for all at once, because a
// click must be answered within three seconds.
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

// Ask reads a person from Slack now. If that fails, the person has no membership, so
// Person.Refused refuses them.
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

// proves reports whether the confirmed address of a profile proves who the person is.
// A single profile does not show whether another user has the same address. The last
// reading of everybody does, for the addresses in the policy and of its people.
func (r Roster) proves(d access.Directory, p access.Person) bool {
	folded := access.FoldEmail(p.Email)
	if !d.KnowsPeople(r.Now()) || slices.Contains(d.Shared, folded) {
		return false
	}
	// Somebody who got an address after that reading may share it with others.
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
