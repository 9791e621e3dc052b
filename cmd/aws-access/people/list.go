package people

import (
	"context"
	"flag"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

func listCommand() Command {
	return Command{
		Name: "list", About: "list what you asked for, and what you hold",
		Details: `Lists your requests and grants, those that are not over first. A grant that was given back or revoked is
"ending" until AWS has stored the deny of its sessions; UNTIL says how long they can act at the latest.`,
		Examples: []Example{{"aws-access list --json", "for scripts; docs/wire.md names the members"}},
		new:      func() action { return &list{} },
	}
}

// list is "list".
type list struct{ json bool }

func (l *list) flags(f *flag.FlagSet) { jsonFlag(f, &l.json) }

func (l *list) run(ctx context.Context, e *Env, _ []string) error {
	c, err := e.Client(ctx, As{})
	if err != nil {
		return err
	}
	all, at, err := e.requests(ctx, c, wire.Payload{Op: wire.List}, As{})
	if err != nil {
		return err
	}
	return printGrants(e, all, l.json, at)
}

func statusCommand() Command {
	return Command{
		Name: "status", Args: "[ID]", About: "say how a request stands, or all that are not over", max: 1,
		Details: `Says how one request stands: who still has to approve it, when it ends, or why it ended. Without an ID,
it lists the requests and grants that are not over, and closed grants whose sessions can still act. The
beginning of an ID is enough.`,
		Examples: []Example{
			{"aws-access status 01KXYZ", "the request whose ID begins so"},
			{"aws-access status --as aws", "what this machine holds"},
		},
		new: func() action { return &status{} },
	}
}

// status is "status".
type status struct {
	as   As
	json bool
}

func (s *status) flags(f *flag.FlagSet) { jsonFlag(f, &s.json); s.as.flags(f) }

func (s *status) run(ctx context.Context, e *Env, words []string) error {
	c, err := e.Client(ctx, s.as)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		all, at, err := e.requests(ctx, c, wire.Payload{Op: wire.Status}, s.as)
		if err != nil {
			return err
		}
		return printGrants(e, all, s.json, at)
	}
	id, err := e.fullID(ctx, c, words[0], s.as)
	if err != nil {
		return err
	}
	answer, err := c.Do(ctx, wire.Payload{Op: wire.Status, ID: id})
	if wire.CodeOf(err) == wire.BadPayload {
		return wrongUse("%q is not the id of a request; aws-access list shows them", words[0])
	}
	if err != nil {
		return err
	}
	var g wire.Grant
	if err := answer.Decode(&g); err != nil {
		return err
	}
	if err := e.seeRevoked(ctx, []wire.Grant{g}, answer, s.as); err != nil {
		return err
	}
	return printGrant(e, g, s.json, clockOf(answer))
}

func doneCommand() Command {
	return Command{
		Name: "done", Args: "[ID]", About: "give access back", max: 1,
		Details: `Ends a grant: it gives no more sessions, and the keys on this computer are removed. Sessions that were
taken elsewhere are denied too, as soon as AWS enforces it: within seconds, sometimes minutes. aws-access status ID
says how far that is, and until when they can act at the latest. Without an ID, it ends the only grant that you
hold; if there are several, it lists them and ends none.`,
		Examples: []Example{{"aws-access done", "gives back what you hold"}},
		new:      func() action { return &done{} },
	}
}

// done is "done".
type done struct {
	as   As
	json bool
}

func (d *done) flags(f *flag.FlagSet) { jsonFlag(f, &d.json); d.as.flags(f) }

func (d *done) run(ctx context.Context, e *Env, words []string) error {
	c, err := e.Client(ctx, d.as)
	if err != nil {
		return err
	}
	var id string
	if len(words) == 0 {
		if id, err = d.only(ctx, e, c); err != nil {
			return err
		}
	}
	// Keys go first: a grant that was given back must not be used from here, even if its end is not known.
	if err := e.forgetKeys(ctx, d.as); err != nil {
		return err
	}
	if len(words) > 0 {
		if id, err = e.fullID(ctx, c, words[0], d.as); err != nil {
			return err
		}
	}
	return e.step(ctx, c, wire.Payload{Op: wire.End, ID: id}, d.json)
}

// only returns the id of the only grant.
func (d *done) only(ctx context.Context, e *Env, c *client.Client) (id string, err error) {
	all, at, err := e.requests(ctx, c, wire.Payload{Op: wire.Status}, d.as)
	if err != nil {
		return "", err
	}
	var held wire.Grants
	next := ""
	for _, g := range all.Requests {
		switch access.State(g.State) {
		case access.Active:
			held.Requests = append(held.Requests, g)
		case access.Pending:
			next += "The request " + g.ID + " for “" + g.Role + "” is pending; take it back: aws-access cancel " +
				d.as.words() + shellWord(g.ID) + ". "
		}
	}
	switch len(held.Requests) {
	case 1:
		return held.Requests[0].ID, nil
	case 0:
		return "", &home.Refused{Refusal: wire.Refusal{Code: noGrant,
			Text: "You hold no access that could be given back.", Next: strings.TrimSpace(next)}}
	}
	if err := printGrants(e, held, d.json, at); err != nil {
		return "", err
	}
	return "", wrongUse("you hold several grants; say which one to end: aws-access done ID")
}

// idLength is how long the id of a request is.
const idLength = 26

// fullID finds the only request whose id begins with a text. What is as long as an id is not looked up, and the
// server says that there is no request of a text that begins none.
func (e *Env) fullID(ctx context.Context, c *client.Client, text string, as As) (string, error) {
	if len(text) >= idLength || strings.Trim(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz") != "" {
		return text, nil
	}
	op := wire.List
	if as.Machine != "" {
		op = wire.Status // machines have no list
	}
	all, _, err := e.requests(ctx, c, wire.Payload{Op: op}, as)
	if err != nil {
		return "", err
	}
	found := text
	for _, g := range all.Requests {
		switch {
		case !strings.HasPrefix(g.ID, strings.ToUpper(text)):
		case found != text:
			return "", wrongUse("more than one of your requests begins with %q; give more of its id", text)
		default:
			found = g.ID
		}
	}
	return found, nil
}

// requests makes a call whose answer lists requests.
func (e *Env) requests(ctx context.Context, c *client.Client, p wire.Payload, as As) (
	all wire.Grants, at clock, err error,
) {
	answer, err := c.Do(ctx, p)
	if err != nil {
		return all, at, err
	}
	if err := answer.Decode(&all); err != nil {
		return all, at, err
	}
	return all, clockOf(answer), e.seeRevoked(ctx, all.Requests, answer, as)
}

// longestSession is longer than any session of a role that was assumed by another one, which have an hour
// at most (docs/facts.md#a3).
const longestSession = 2 * time.Hour

// seeRevoked empties the cache if a grant was revoked whose keys could still be in it.
func (e *Env) seeRevoked(ctx context.Context, all []wire.Grant, answer client.Answer, as As) error {
	for _, g := range all {
		if g.State == string(access.Revoked) && (g.Closed == nil || answer.Time.Sub(g.Closed.At) < longestSession) {
			return e.forgetKeys(ctx, as)
		}
	}
	return nil
}

// printGrants prints a table of requests.
func printGrants(e *Env, all wire.Grants, asJSON bool, at clock) error {
	if asJSON {
		return printJSON(e.Stdout, all)
	}
	if len(all.Requests) == 0 {
		e.say("There is nothing to list.")
		return nil
	}
	rows := [][]string{{"ID", "STATE", "ACCOUNT", "ROLE", "LENGTH", "UNTIL", "REASON"}}
	var canAct []wire.Grant
	for _, g := range all.Requests {
		state, until := g.State, at.at(g.Ends)
		switch {
		case g.State == string(access.Pending):
			until = at.at(g.AnswerBy)
		case g.CanAct():
			canAct = append(canAct, g)
			state += ", " + words(g.Sessions.State)
			until = at.at(g.Sessions.ActUntil)
		case g.Closed != nil:
			until = at.at(&g.Closed.At)
		}
		rows = append(rows, []string{g.ID, state, accountOf(g), g.Role, g.Length, until, shorten(g.Reason)})
	}
	table(e.Stdout, rows)
	for _, g := range canAct {
		e.say("%s", plain(g.ID+" is over, and "+canStillAct(*g.Sessions, at)))
	}
	if all.More {
		e.say("Older ones are left out.")
	}
	return nil
}

// canStillAct says that sessions of a closed grant can act, and until when.
func canStillAct(s wire.Sessions, at clock) string {
	text, latest := "its sessions can act", ""
	if s.State == wire.SessionsEnding {
		text, latest = "its sessions are still ending. Until that is done they can act", ", at the latest"
	}
	if s.ActUntil != nil {
		text += latest + " until " + at.at(s.ActUntil)
	}
	return text + "."
}

func accountOf(g wire.Grant) string {
	if g.AccountName == "" || g.AccountName == g.Account {
		return g.Account
	}
	return g.AccountName + " (" + g.Account + ")"
}

// shorten cuts a reason for a table.
func shorten(text string) string {
	const limit = 40
	if line := []rune(plain(text)); len(line) > limit {
		return string(line[:limit-1]) + "…"
	}
	return text
}

// words are those of a state.
func words(s wire.SessionsState) string { return strings.ReplaceAll(string(s), "_", " ") }

// printGrant prints one request: the sentence about it as words, and the rest as data.
func printGrant(e *Env, g wire.Grant, asJSON bool, at clock) error {
	if asJSON {
		return printJSON(e.Stdout, g)
	}
	rows := [][]string{{"id", g.ID}, {"state", g.State}, {"account", accountOf(g)}, {"role", g.Role}, {"length", g.Length},
		{"reason", g.Reason}}
	for _, more := range [][]string{
		{"ticket", g.Ticket}, {"answer by", at.at(g.AnswerBy)}, {"starts", at.at(g.Starts)}, {"ends", at.at(g.Ends)},
		{"gives", strings.Join(g.Gives, ", ")},
	} {
		if more[1] != "" {
			rows = append(rows, more)
		}
	}
	if c := g.Closed; c != nil {
		rows = append(rows, []string{"closed", at.at(&c.At)})
		for _, more := range [][]string{{"closed by", c.By}, {"because", c.Why}} {
			if more[1] != "" {
				rows = append(rows, more)
			}
		}
	}
	if s := g.Sessions; s != nil {
		rows = append(rows, []string{"sessions", words(s.State)})
		for _, more := range [][]string{
			{"since", at.at(s.Since)}, {"can act until", at.at(s.ActUntil)}, {"identity until", at.at(s.IdentityUntil)},
		} {
			if more[1] != "" {
				rows = append(rows, more)
			}
		}
	}
	table(e.Stdout, rows)
	e.say("%s", strings.TrimSpace(g.Text+" "+g.Next))
	return nil
}
