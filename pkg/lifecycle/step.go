package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

type loader interface {
	// Load is one consistent read of a request and of what is known about it.
	Load(ctx context.Context, id string) (access.Request, access.Directory, access.Messages, error)
}

type saver interface {
	// Save writes the request and its event as one, on the version before.
	Save(ctx context.Context, next access.Request, event access.Event, once string) error
}

type loadSaver interface {
	loader
	saver
}

// tries bounds how often a step is tried again after a lost race. Each loss
// means that somebody else moved the request, so this is how many people may
// move one request within one click.
const tries = 32

// Step is what every step is made of.
type Step struct {
	Store  loadSaver
	Roster Roster
	Policy *policy.Policy
	Now    func() time.Time

	channel, ts string // of the message that was clicked, if only a known one counts
}

// ErrUnknownMessage says that a click came from a message that is not known to belong to the request.
var ErrUnknownMessage = errors.New("the message is not one of this request")

// elsewhere reports whether the step is for a click on a message that is not one of the request's own.
func (s Step) elsewhere(m access.Messages) bool {
	return s.ts != "" && !m.Holds(s.channel, s.ts)
}

// Moved is a request as it stands after a step, with what was posted about it
// as the step found it.
type Moved struct {
	access.Request
	Messages access.Messages
}

// moment is a request as a step finds it.
type moment struct {
	request   access.Request
	directory access.Directory
	messages  access.Messages
	now       time.Time
}

// moved is the answer of a step that left the request as r.
func (m moment) moved(r access.Request) Moved { return Moved{Request: r, Messages: m.messages} }

// move loads a request, lets turn make the next one, and saves it. The request
// is returned as it stands afterwards, also beside a refusal. A turn that
// returns errSettled changes nothing and is a success: it was done before.
func (s Step) move(ctx context.Context, id string, turn func(moment) (access.Request, access.Event, error)) (Moved, error) {
	var failed error
	for range tries {
		m, err := s.load(ctx, id)
		if err != nil {
			return Moved{}, err
		}
		next, event, err := turn(m)
		if errors.Is(err, errSettled) {
			return m.moved(m.request), nil
		}
		if err != nil {
			return m.moved(m.request), err
		}
		err = s.Store.Save(ctx, next, event, "")
		if err == nil {
			return m.moved(next), nil
		}
		if !errors.Is(err, access.ErrStale) {
			// The write may have been done and its answer lost: look once.
			if failed != nil {
				return m.moved(m.request), fmt.Errorf("save request %s: %w", id, err)
			}
			failed = err
		}
	}
	return Moved{}, access.RefuseBusyRequest()
}

// errSettled says that what was asked for is so already, by the same person.
var errSettled = errors.New("settled before")

func (s Step) load(ctx context.Context, id string) (moment, error) {
	r, d, messages, err := s.Store.Load(ctx, id)
	if errors.Is(err, access.ErrNotFound) {
		return moment{}, access.RefuseUnknownRequest()
	}
	if err != nil {
		return moment{}, fmt.Errorf("load request %s: %w", id, err)
	}
	return moment{request: r, directory: s.Roster.Fresh(ctx, d), messages: messages, now: s.Now()}, nil
}

// people are those whom a step is about, by their ids.
type people map[string]access.Person

// meet finds out who somebody is who acts on a request, and with them the
// requester and those who approved.
func (s Step) meet(ctx context.Context, m moment, by string) people {
	return s.Roster.people(ctx, m.directory, append(approvers(m.request), m.request.Requester.ID, by))
}

func approvers(r access.Request) (ids []string) {
	for _, a := range r.Approvals {
		ids = append(ids, a.By.ID)
	}
	return ids
}

// question is what the policy is asked about a request that exists, with
// everybody as they are known at this moment.
func (m moment) question(met people) policy.Question {
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

// decide asks the policy about a request that exists. A ticket that became
// mandatory since is missing, whoever was not asked for it.
func (s Step) decide(q policy.Question) policy.Answer {
	answer := s.Policy.Decide(q)
	if answer.Refusal == nil && answer.Ticket && strings.TrimSpace(q.Ticket) == "" {
		answer.Refusal = access.RefuseTicketNowMandatory()
	}
	return answer
}
