package main

import (
	"context"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// state is what GET /sandbox/state answers. Lists are the oldest first. It
// holds no secret that was not posted to somebody.
type state struct {
	Now      time.Time              `json:"now"`
	Running  bool                   `json:"running"`
	Users    []slackfake.User       `json:"users"`
	Groups   []groupState           `json:"groups"`
	Channels []slackfake.Channel    `json:"channels"`
	Messages []slackfake.Message    `json:"messages"`
	Views    []slackfake.View       `json:"views"`
	Requests []requestState         `json:"requests"`
	Sessions []awsfake.Session      `json:"sessions"`
	Denies   []awsfake.InlinePolicy `json:"denies"`
	Audit    []auditState           `json:"audit"`
	Calls    map[string]int         `json:"calls"`
	Faults   []fault                `json:"faults"`
	Parked   []parked               `json:"parked"` // stream records that were given up
}

type groupState struct {
	ID      string   `json:"id"`
	Handle  string   `json:"handle,omitempty"`
	Members []string `json:"members"`
}

type requestState struct {
	ID          string          `json:"id"`
	State       string          `json:"state"`
	Requester   string          `json:"requester"`
	Account     string          `json:"account"`
	AccountName string          `json:"account_name"`
	Role        string          `json:"role"`
	Reason      string          `json:"reason"`
	Ticket      string          `json:"ticket"`
	Asked       string          `json:"asked"`
	Max         string          `json:"max"` // what is granted at the most
	Submitted   time.Time       `json:"submitted"`
	AnswerBy    time.Time       `json:"answer_by"`
	Starts      *time.Time      `json:"starts"` // null until it is granted
	Ends        *time.Time      `json:"ends"`
	Give        []access.Kind   `json:"give"`
	Approvals   []approvalState `json:"approvals"`
	Channels    []string        `json:"channels"` // where its card stands
	ClosedBy    string          `json:"closed_by,omitempty"`
	ClosedWhy   string          `json:"closed_why,omitempty"`
	Events      int             `json:"events"`
}

type approvalState struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

type auditState struct {
	Request     string     `json:"request"`
	Seq         int        `json:"seq"`
	At          time.Time  `json:"at"`
	Actor       string     `json:"actor"`
	Verb        string     `json:"verb"`
	From        string     `json:"from"`
	To          string     `json:"to"`
	Account     string     `json:"account"`
	Role        string     `json:"role"`
	Why         string     `json:"why,omitempty"`
	Outcome     string     `json:"outcome,omitempty"`
	Kind        string     `json:"kind,omitempty"`
	AccessKeyID string     `json:"access_key_id,omitempty"`
	Expires     *time.Time `json:"expires,omitempty"`
}

// state reads everything as it stands now.
func (s *stage) state(ctx context.Context) state {
	now := state{
		Now: s.clock.Now(), Running: s.clock.Running(), Users: s.slack.Users(), Groups: s.groups(), Channels: s.slack.Channels(),
		Messages: s.slack.Messages(), Views: s.slack.Views(), Requests: []requestState{}, Sessions: s.aws.Sessions(), Denies: s.denies(),
		Audit: []auditState{}, Calls: s.calls.all(), Faults: s.faults.inForce(), Parked: s.engine.givenUp(),
	}
	if now.Views == nil {
		now.Views = []slackfake.View{}
	}
	for _, r := range s.store.All(ctx) {
		now.Requests = append(now.Requests, requestOf(r))
	}
	for _, e := range s.store.Events() {
		now.Audit = append(now.Audit, auditOf(e))
	}
	return now
}

func (s *stage) groups() []groupState {
	out := []groupState{}
	for _, g := range s.slack.Groups() {
		out = append(out, groupState{ID: g.ID, Handle: g.Handle, Members: list(g.Members)})
	}
	return out
}

// denies are the inline policies of target roles.
func (s *stage) denies() []awsfake.InlinePolicy {
	out := []awsfake.InlinePolicy{}
	for _, d := range s.aws.InlinePolicies() {
		if d.Account != bastion {
			out = append(out, d)
		}
	}
	return out
}

// list is never null in JSON.
func list[T any](of []T) []T { return append([]T{}, of...) }

// moment is a time, or null for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func requestOf(r access.Request) requestState {
	out := requestState{
		ID: r.ID, State: string(r.State), Requester: r.Requester.ID, Account: r.Account, AccountName: r.AccountName, Role: r.Role,
		Reason: r.Reason, Ticket: r.Ticket, Asked: access.Length(r.Asked), Max: access.Length(r.For),
		Submitted: r.Submitted, AnswerBy: r.AnswerBy, Starts: moment(r.Starts), Ends: moment(r.Ends),
		Give: list(r.Give), Approvals: []approvalState{}, Channels: list(r.Channels),
		ClosedBy: r.Closed.By.ID, ClosedWhy: r.Closed.Why, Events: r.Version,
	}
	for _, a := range r.Approvals {
		out.Approvals = append(out.Approvals, approvalState{By: a.By.ID, At: a.At})
	}
	return out
}

func auditOf(e access.Event) auditState {
	return auditState{
		Request: e.Request, Seq: e.Seq, At: e.At, Actor: e.Actor.ID, Verb: string(e.Verb), From: string(e.From), To: string(e.To),
		Account: e.Account, Role: e.Role, Why: e.Why, Outcome: string(e.Outcome), Kind: string(e.Kind),
		AccessKeyID: e.AccessKeyID, Expires: moment(e.Expires),
	}
}
