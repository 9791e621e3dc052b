package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

type loader interface {
	// Load reads a request, the directory and the messages about the request, in one
	// consistent read.
	Load(ctx context.Context, id string) (access.Request, access.Directory, access.Messages, error)
}

type saver interface {
	// Save writes the request and its event in one transaction, on condition that the
	// stored request still has the version before next's.
	Save(ctx context.Context, next access.Request, event access.Event, once string) error
}

type cutSaver interface {
	// CutList reads the cut list of a role consistently.
	CutList(ctx context.Context, k access.CutKey) (access.CutList, error)
	// SaveCut writes the request, its event and the cut list in one transaction, on condition of
	// the versions before.
	SaveCut(ctx context.Context, next access.Request, event access.Event, l access.CutList) error
}

type freezeReader interface {
	// Freeze reads consistently whether everything is frozen.
	Freeze(ctx context.Context) (access.Freeze, error)
}

type loadSaver interface {
	loader
	saver
	cutSaver
	freezeReader
}

// tries is how often a step tries after it lost a race. Each loss means that somebody
// else moved the request, so this many people can move it at once.
const tries = 32

// cutTries is how often a move that orders a cut is tried. Everybody who ends a grant of one role
// at once writes the same cut list.
const cutTries = 256

// Step is the part that all steps have in common.
type Step struct {
	Store  loadSaver
	Roster Roster
	Policy *policy.Policy
	Now    func() time.Time

	channel, ts string         // of the clicked message; ts is empty if any message will do
	device      string         // through which somebody acts; "" for none
	machine     *access.Person // that acts; nil for a person
}

// ErrUnknownMessage says that a click came from a message that is not known to belong
// to the request.
var ErrUnknownMessage = errors.New("the message is not one of this request")

// fromUnknownMessage reports whether the step is for a click on a message that is not
// known to belong to the request.
func (s Step) fromUnknownMessage(m access.Messages) bool {
	return s.ts != "" && !m.Holds(s.channel, s.ts)
}

// Moved is a request as it is after a step, with the messages about it as the step
// loaded them.
type Moved struct {
	access.Request
	Messages access.Messages
}

// snapshot is a request as a step has loaded it, with everything that the step needs to
// decide.
type snapshot struct {
	request   access.Request
	directory access.Directory
	messages  access.Messages
	now       time.Time
}

// moved returns the result of a step that left the request as r.
func (m snapshot) moved(r access.Request) Moved { return Moved{Request: r, Messages: m.messages} }

// move loads a request, calls turn to make the next one, and saves that. It returns
// the request as it is afterwards, also with a refusal. If turn returns errNoChange,
// nothing is saved and move succeeds.
//
// Refusals: unknown_request, busy, frozen, and those of turn.
func (s Step) move(
	ctx context.Context, id string, turn func(snapshot) (access.Request, access.Event, error),
) (Moved, error) {
	var failed error
	for try := range cutTries {
		m, err := s.load(ctx, id)
		if err != nil {
			return Moved{}, err
		}
		next, event, err := turn(m)
		if errors.Is(err, errNoChange) {
			return m.moved(m.request), nil
		}
		if err != nil {
			return m.moved(m.request), err
		}
		err = s.save(ctx, next, event, m.now)
		switch {
		case err == nil:
			return m.moved(next), nil
		case errors.Is(err, access.ErrFrozen):
			return m.moved(m.request), refuseFrozen(ctx, s.Store)
		case !errors.Is(err, access.ErrStale):
			// The write may have succeeded and its answer may be lost: try once more.
			if failed != nil {
				return m.moved(m.request), fmt.Errorf("save request %s: %w", id, err)
			}
			failed = err
		case event.Cut != access.CutEnding && try >= tries-1:
			return Moved{}, access.RefuseBusyRequest()
		case event.Cut == access.CutEnding:
			if err := giveWay(ctx, try); err != nil {
				return m.moved(m.request), err
			}
		}
	}
	return Moved{}, access.RefuseBusyRequest()
}

// giveWay waits for a random time after a move lost a race for a cut list, the longer the more
// tries were made.
func giveWay(ctx context.Context, try int) error {
	longest := min(20*time.Millisecond<<min(try, 5), 400*time.Millisecond)
	timer := time.NewTimer(rand.N(longest)) //nolint:gosec // spreads tries, protects nothing
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// save saves a move. If it orders a cut, the grant is put on the cut list of its role in the same
// transaction, so that no closed grant is ever without the order to deny its sessions.
func (s Step) save(ctx context.Context, next access.Request, event access.Event, now time.Time) error {
	if event.Cut != access.CutEnding {
		return s.Store.Save(ctx, next, event, "")
	}
	l, err := s.Store.CutList(ctx, next.CutKey())
	if err != nil {
		return fmt.Errorf("load the cut list of %s: %w", next.CutKey(), err)
	}
	return s.Store.SaveCut(ctx, next, event, l.Add(next, next.MayActUntil(now), now))
}

// errNoChange says that a step has nothing to change: the same person has done this
// already, or nothing is due.
var errNoChange = errors.New("nothing to change")

func (s Step) load(ctx context.Context, id string) (snapshot, error) {
	r, d, messages, err := s.Store.Load(ctx, id)
	if errors.Is(err, access.ErrNotFound) {
		return snapshot{}, access.RefuseUnknownRequest()
	}
	if err != nil {
		return snapshot{}, fmt.Errorf("load request %s: %w", id, err)
	}
	return snapshot{request: r, directory: s.Roster.Fresh(ctx, d), messages: messages, now: s.Now()}, nil
}

// people are the people whom a step concerns, by Slack id.
type people map[string]access.Person

// meet reads the person who acts on a request, the requester, and everybody who has
// approved. Slack knows nothing of a machine: it is as it proved to be when it asked.
func (s Step) meet(ctx context.Context, m snapshot, by string) people {
	ids := append(approvers(m.request), by)
	if m.request.Requester.Machine == nil {
		ids = append(ids, m.request.Requester.ID)
	}
	met := s.Roster.people(ctx, m.directory, ids)
	if m.request.Requester.Machine != nil {
		met[m.request.Requester.ID] = m.request.Requester
	}
	return met
}

// withStarter returns a machine with the person whom its claims name, if the directory
// has that person.
func withStarter(who access.Person, d access.Directory) access.Person {
	if who.Machine == nil {
		return who
	}
	m := *who.Machine
	m.Starter = d.Starter(m)
	who.Machine = &m
	return who
}

func approvers(r access.Request) (ids []string) {
	for _, a := range r.Approvals {
		ids = append(ids, a.By.ID)
	}
	return ids
}

// question returns the question to the policy about a request that exists, with
// everybody as they are known now.
func (m snapshot) question(met people) policy.Question {
	q := policy.Question{
		Who:     met[m.request.Requester.ID],
		Account: m.request.Account, Role: m.request.Role,
		Reason: m.request.Reason, Ticket: m.request.Ticket,
		Directory: m.directory, At: m.now,
	}
	for _, id := range approvers(m.request) {
		q.Approvals = append(q.Approvals, met[id])
	}
	return q
}

// decide asks the policy about a request that exists. It refuses a request without a
// ticket if a ticket has become mandatory since.
func (s Step) decide(q policy.Question) policy.Answer {
	answer := s.Policy.Decide(q)
	if answer.Refusal == nil && answer.Ticket && strings.TrimSpace(q.Ticket) == "" {
		answer.Refusal = access.RefuseTicketNowMandatory()
	}
	return answer
}
