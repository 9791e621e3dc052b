package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

// Submit is the step that begins a request.
type Submit struct {
	Store  saver
	Roster Roster
	Policy *policy.Policy
	Now    func() time.Time
	NewID  func() string // a new ULID
}

// Asked is what somebody typed or chose.
type Asked struct {
	By      string // Slack id
	Account string // id or name
	Role    string
	For     time.Duration
	Reason  string
	Ticket  string
	Once    string // unique key of the form or the command: a second one makes nothing
}

// Do submits. Sent twice, it answers the request that the first one made: its
// id is then all that is filled in.
func (s Submit) Do(ctx context.Context, in Asked) (access.Request, error) {
	d, err := s.Roster.Store.Directory(ctx)
	if err != nil {
		return access.Request{}, fmt.Errorf("load the directory: %w", err)
	}
	d = s.Roster.Fresh(ctx, d)
	who := s.Roster.Person(ctx, d, in.By)
	if refusal := who.Refused(); refusal != nil {
		return access.Request{}, refusal
	}
	account, refusal := s.Policy.Find(in.Account)
	if refusal != nil {
		return access.Request{}, refusal
	}
	now := s.Now()
	answer := s.Policy.Decide(policy.Question{
		Who: who, Account: account.ID, Role: in.Role, For: in.For, Reason: in.Reason, Ticket: in.Ticket,
		Asking: true, Directory: d, At: now,
	})
	if answer.Refusal != nil {
		return access.Request{}, answer.Refusal
	}
	r, event, err := access.New(access.Ask{
		ID: s.NewID(), Requester: who, Account: account.ID, AccountName: account.Name, Role: in.Role,
		For: in.For, Reason: in.Reason, Ticket: in.Ticket,
		AssumeRoles: answer.Target.AssumeRoles, MakeIdentities: answer.Target.MakeIdentities,
	}, answer.Terms, now)
	if err != nil {
		return access.Request{}, err
	}
	return s.save(ctx, r, event, in.Once)
}

// save writes the request. After an error that is not an answer it is tried
// once more: the unique key tells whether the first try was done after all.
func (s Submit) save(ctx context.Context, r access.Request, event access.Event, once string) (access.Request, error) {
	err := s.Store.Save(ctx, r, event, once)
	var taken *access.Taken
	if err != nil && !errors.As(err, &taken) {
		err = s.Store.Save(ctx, r, event, once)
	}
	switch {
	case err == nil:
		return r, nil
	case errors.As(err, &taken) && taken.Request == r.ID:
		return r, nil
	case errors.As(err, &taken):
		return access.Request{ID: taken.Request}, nil
	}
	return access.Request{}, fmt.Errorf("save request %s: %w", r.ID, err)
}
