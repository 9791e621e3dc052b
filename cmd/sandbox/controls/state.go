package controls

import (
	"cmp"
	"context"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// State is the answer of GET /sandbox/state. Lists begin with the oldest entry
// and are never null. It holds no secret that was not posted to somebody.
type State struct {
	Now      time.Time              `json:"now"`
	Running  bool                   `json:"running"`
	Users    []slackfake.User       `json:"users"`
	Groups   []Group                `json:"groups"`
	Channels []slackfake.Channel    `json:"channels"`
	Messages []slackfake.Message    `json:"messages"`
	Views    []slackfake.View       `json:"views"`
	Requests []Request              `json:"requests"`
	Sessions []Session              `json:"sessions"`
	Denies   []awsfake.InlinePolicy `json:"denies"`
	Cuts     []Cut                  `json:"cuts"`
	Freeze   *Freeze                `json:"freeze"` // null unless it is on
	Audit    []AuditEntry           `json:"audit"`
	Calls    map[string]int         `json:"calls"`
	Faults   []world.Fault          `json:"faults"`
	Parked   []world.ParkedRecord   `json:"parked"` // stream records that were given up
	URL      string                 `json:"url"`    // for the command: address and answer key
	Devices  []Device               `json:"devices"`
	V1       []world.ProgramCall    `json:"v1"` // calls to /v1
}

// Device is a paired computer. Its key is not part of it.
type Device struct {
	ID      string     `json:"id"` // thumbprint of its key
	Name    string     `json:"name"`
	Owner   string     `json:"owner"`
	Paired  time.Time  `json:"paired"`
	Expires time.Time  `json:"expires"`
	Removed *time.Time `json:"removed"` // null while it is a device
}

// Group is a user group.
type Group struct {
	ID      string   `json:"id"`
	Handle  string   `json:"handle,omitempty"`
	Members []string `json:"members"`
}

// Request is a request as it is stored. Times are null until they are known.
type Request struct {
	ID          string        `json:"id"`
	State       string        `json:"state"`
	Requester   string        `json:"requester"`
	Name        string        `json:"requester_name"`
	Account     string        `json:"account"`
	AccountName string        `json:"account_name"`
	Role        string        `json:"role"`
	Reason      string        `json:"reason"`
	Ticket      string        `json:"ticket"`
	Asked       string        `json:"asked"` // length that was asked for, such as 2h
	Max         string        `json:"max"`   // length that is granted at most
	Submitted   time.Time     `json:"submitted"`
	AnswerBy    time.Time     `json:"answer_by"`
	Starts      *time.Time    `json:"starts"`
	Ends        *time.Time    `json:"ends"`
	Give        []access.Kind `json:"give"`
	Approvals   []Approval    `json:"approvals"`
	Channels    []string      `json:"channels"` // where its card is posted
	ClosedBy    string        `json:"closed_by,omitempty"`
	ClosedWhy   string        `json:"closed_why,omitempty"`
	Cut         string        `json:"cut"` // none, ending or done
	CutSince    *time.Time    `json:"cut_since"`
	Events      int           `json:"events"`
}

// Approval is one person's approval of a request.
type Approval struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// AuditEntry is one event of the audit trail.
type AuditEntry struct {
	Request     string     `json:"request"`
	Seq         int        `json:"seq"`
	At          time.Time  `json:"at"`
	Actor       string     `json:"actor"`
	ActorName   string     `json:"actor_name"`
	Device      string     `json:"device,omitempty"` // that ordered a session
	Verb        string     `json:"verb"`
	From        string     `json:"from"`
	To          string     `json:"to"`
	Account     string     `json:"account"`
	Role        string     `json:"role"`
	Why         string     `json:"why,omitempty"`
	Outcome     string     `json:"outcome,omitempty"`
	Kind        string     `json:"kind,omitempty"`
	Cut         string     `json:"cut,omitempty"`
	AccessKeyID string     `json:"access_key_id,omitempty"`
	Expires     *time.Time `json:"expires,omitempty"`
}

// ReadState reads the state of a World.
func ReadState(ctx context.Context, w *world.World) State {
	s := State{
		Now: w.Clock.Now(), Running: w.Clock.Running(),
		Users: w.Slack.Users(), Groups: groups(w.Slack), Channels: w.Slack.Channels(), Messages: w.Slack.Messages(),
		Views: list(w.Slack.Views()), Requests: []Request{},
		Denies: targetDenies(w.AWS), Cuts: cuts(ctx, w), Freeze: freeze(ctx, w), Audit: []AuditEntry{},
		Calls: w.Calls.All(), Faults: w.Faults.Active(), Parked: w.Engine.Parked(),
		URL: w.URL.String(), Devices: []Device{}, V1: w.Programs.All(),
	}
	for _, d := range w.Devices() {
		s.Devices = append(s.Devices, Device{
			ID: d.ID, Name: d.Name, Owner: d.Owner, Paired: d.Paired.UTC(), Expires: d.Expires.UTC(),
			Removed: optional(d.Removed),
		})
	}
	for _, r := range w.Store.All(ctx) {
		s.Requests = append(s.Requests, request(r))
	}
	s.Sessions = sessions(w.AWS.Sessions(), s.Requests, s.Now)
	for _, e := range w.Store.Events() {
		s.Audit = append(s.Audit, auditEntry(e))
	}
	return s
}

func groups(slack *slackfake.Server) []Group {
	out := []Group{}
	for _, g := range slack.Groups() {
		out = append(out, Group{ID: g.ID, Handle: g.Handle, Members: list(g.Members)})
	}
	return out
}

// targetDenies are the inline policies of roles in member accounts.
func targetDenies(aws *awsfake.Server) []awsfake.InlinePolicy {
	out := []awsfake.InlinePolicy{}
	for _, d := range aws.InlinePolicies() {
		if d.Account != world.Bastion {
			out = append(out, d)
		}
	}
	return out
}

func request(r access.Request) Request {
	out := Request{
		ID: r.ID, State: string(r.State), Requester: r.Requester.ID, Name: r.Requester.Name,
		Account: r.Account, AccountName: r.AccountName, Role: r.Role, Reason: r.Reason, Ticket: r.Ticket,
		Asked: access.FormatLength(r.Asked), Max: access.FormatLength(r.For),
		Submitted: r.Submitted, AnswerBy: r.AnswerBy, Starts: optional(r.Starts), Ends: optional(r.Ends),
		Give: list(r.Give), Approvals: []Approval{}, Channels: list(r.Channels),
		ClosedBy: r.Closed.By.ID, ClosedWhy: r.Closed.Why, Events: r.Version,
		Cut: cmp.Or(string(r.Cut), "none"), CutSince: optional(r.CutSince),
	}
	for _, a := range r.Approvals {
		out.Approvals = append(out.Approvals, Approval{By: a.By.ID, At: a.At})
	}
	return out
}

func auditEntry(e access.Event) AuditEntry {
	return AuditEntry{
		Request: e.Request, Seq: e.Seq, At: e.At, Actor: e.Actor.ID, ActorName: e.Actor.Name, Device: e.Device,
		Verb: string(e.Verb),
		From: string(e.From), To: string(e.To), Account: e.Account, Role: e.Role, Why: e.Why,
		Outcome: string(e.Outcome), Kind: string(e.Kind), Cut: string(e.Cut),
		AccessKeyID: e.AccessKeyID, Expires: optional(e.Expires),
	}
}

// list is a copy that JSON never writes as null.
func list[T any](of []T) []T { return append([]T{}, of...) }

// optional is a time in UTC, or nil for the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
