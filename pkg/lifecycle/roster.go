package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

type slack interface {
	Person(ctx context.Context, id string) (access.Person, error)
	Group(ctx context.Context, id string) (members []string, err error)
	People(ctx context.Context) (people []access.Person, shared []string, err error)
}

type onCall interface {
	// OnCall returns the addresses, or Slack ids, of who is on call now.
	OnCall(ctx context.Context, schedule string) ([]string, error)
}

type directoryStore interface {
	Directory(ctx context.Context) (access.Directory, error)
	SaveDirectory(ctx context.Context, next access.Directory) error
}

// Roster knows who belongs to which group, and who somebody is. The tick keeps
// the directory fresh; a step reads by itself what the tick left to get old.
type Roster struct {
	Slack  slack
	OnCall onCall // nil: no on-call service, such groups are not known
	Store  directoryStore
	Policy *policy.Policy
	Now    func() time.Time
	// NoGroup says whether an error of Slack.Group means that the group is gone.
	NoGroup func(error) bool
}

// How many groups are read at once. Slack allows about 20 reads of groups a
// minute (tier 2): a tick takes most of them, a step leaves them alone.
const (
	groupsPerTick = 15
	groupsPerStep = 4
	// pageOfUsers is how many users one read of the workspace brings, and
	// userPagesPerMinute the share of Slack's tier 2 that the tick takes.
	pageOfUsers        = 1000
	userPagesPerMinute = 10
	// stepPatience is how long a step waits for Slack before it decides by
	// what it has: somebody's click has three seconds in all.
	stepPatience = 1200 * time.Millisecond
)

// Fresh brings a directory up to date for a step, as far as Slack answers in
// time. What stays old is old: the policy treats it as not known in the end.
func (r Roster) Fresh(ctx context.Context, d access.Directory) access.Directory {
	if !r.old(d, access.RefreshAfter) {
		return d
	}
	patient, stop := context.WithTimeout(ctx, stepPatience)
	defer stop()
	next := r.read(patient, d, access.RefreshAfter, groupsPerStep)
	// Losing this write costs the next step the same read, nothing else.
	_ = r.Store.SaveDirectory(ctx, next)
	return next
}

// Refresh is the tick's reading: groups and people that are a minute old. It
// saves what it read, and returns the names of the groups that are not known.
func (r Roster) Refresh(ctx context.Context) (access.Directory, []string, error) {
	d, err := r.Store.Directory(ctx)
	if err != nil {
		return d, nil, err
	}
	next := r.read(ctx, d, time.Minute, groupsPerTick)
	err = r.Store.SaveDirectory(ctx, next)
	if errors.Is(err, access.ErrStale) { // a step has just read the same
		err = nil
	}
	return next, r.unknown(next), err
}

// old reports whether anything that the policy names is older than age.
func (r Roster) old(d access.Directory, age time.Duration) bool {
	return r.peopleOld(d, age) || len(r.oldGroups(d, age)) > 0
}

// peopleOld reports whether the workspace's people should be read again. A
// large workspace takes several calls, so it is read less often.
func (r Roster) peopleOld(d access.Directory, age time.Duration) bool {
	pages := d.Size/pageOfUsers + 1
	slow := max(1, float64(pages)/userPagesPerMinute)
	return r.Now().Sub(d.PeopleAt) >= time.Duration(slow*float64(age))
}

// oldGroups are the sources of groups older than age, the oldest first.
func (r Roster) oldGroups(d access.Directory, age time.Duration) []string {
	sources := r.Policy.Sources()
	ids := slices.DeleteFunc(slices.Concat(sources.Groups, sources.OnCall), func(id string) bool {
		return r.Now().Sub(d.Groups[id].ReadAt) < age
	})
	slices.SortStableFunc(ids, func(a, b string) int {
		return cmp.Compare(d.Groups[a].ReadAt.UnixNano(), d.Groups[b].ReadAt.UnixNano())
	})
	return ids
}

// read returns the directory with what is older than age read again.
func (r Roster) read(ctx context.Context, d access.Directory, age time.Duration, most int) access.Directory {
	ids := r.oldGroups(d, age)
	groups := make([]access.Group, min(most, len(ids)))
	var people []access.Person
	var shared []string
	var peopleErr error
	var all sync.WaitGroup
	for i := range groups {
		all.Go(func() { groups[i] = r.group(ctx, ids[i], d.Groups[ids[i]]) })
	}
	readPeople := r.peopleOld(d, age)
	if readPeople {
		all.Go(func() { people, shared, peopleErr = r.Slack.People(ctx) })
	}
	all.Wait()

	next := d
	next.Version++
	next.Groups = make(map[string]access.Group, len(d.Groups))
	sources := r.Policy.Sources()
	for _, id := range slices.Concat(sources.Groups, sources.OnCall) {
		if g, ok := d.Groups[id]; ok {
			next.Groups[id] = g
		}
	}
	for i, g := range groups {
		next.Groups[ids[i]] = g
	}
	if readPeople && peopleErr == nil {
		next.People = relevant(people, next.Groups, sources.People)
		next.Shared, next.Size, next.PeopleAt = shared, len(people), r.Now()
	}
	return next
}

// group reads one group; if that fails, the old reading stays, and its age
// with it.
func (r Roster) group(ctx context.Context, id string, before access.Group) access.Group {
	members, err := r.members(ctx, id)
	switch {
	case err == nil:
		return access.Group{Members: members, ReadAt: r.Now()}
	case r.NoGroup(err):
		return access.Group{ReadAt: r.Now(), Gone: true}
	}
	return before
}

var errNoOnCall = errors.New("no on-call service is configured")

func (r Roster) members(ctx context.Context, id string) ([]string, error) {
	if slices.Contains(r.Policy.Sources().Groups, id) {
		return r.Slack.Group(ctx, id)
	}
	if r.OnCall == nil {
		return nil, errNoOnCall
	}
	return r.OnCall.OnCall(ctx, id)
}

// relevant are the people whom the policy names, or one of its groups holds.
func relevant(people []access.Person, groups map[string]access.Group, named []string) map[string]access.Person {
	wanted := make(map[string]bool)
	for _, name := range named {
		wanted[access.FoldEmail(name)] = true
	}
	for _, g := range groups {
		for _, member := range g.Members {
			wanted[access.FoldEmail(member)] = true
		}
	}
	found := make(map[string]access.Person)
	for _, p := range people {
		if wanted[access.FoldEmail(p.ID)] || wanted[access.FoldEmail(p.Email)] || wanted[access.FoldEmail(p.Claims)] {
			found[p.ID] = p
		}
	}
	return found
}

// unknown are the names of the policy's groups that are not known now.
func (r Roster) unknown(d access.Directory) []string {
	var names []string
	sources := r.Policy.Sources()
	for _, id := range slices.Concat(sources.Groups, sources.OnCall) {
		if _, ok := d.Group(id, r.Now()); !ok {
			names = append(names, sources.Names[id]+" ("+id+")")
		}
	}
	slices.Sort(names)
	return names
}

// Person is somebody as known at this moment: from the directory while that is
// fresh, else as Slack says now. Somebody who cannot be read has no standing.
func (r Roster) Person(ctx context.Context, d access.Directory, id string) access.Person {
	if p, ok := d.Person(id, r.Now()); ok && !r.peopleOld(d, access.RefreshAfter) {
		return p
	}
	return r.Ask(ctx, d, id)
}

// Ask reads somebody from Slack at this moment.
func (r Roster) Ask(ctx context.Context, d access.Directory, id string) access.Person {
	p, err := r.Slack.Person(ctx, id)
	if err != nil {
		return access.Person{ID: id, Name: id}
	}
	// One profile does not tell whether another user holds the same address:
	// the last reading of all people does, while it is known.
	fresh := r.Now().Sub(d.PeopleAt) < access.StaleAfter
	if p.Email != "" && (!fresh || slices.Contains(d.Shared, access.FoldEmail(p.Email))) {
		p.Email, p.Claims = "", p.Email
	}
	return p
}
