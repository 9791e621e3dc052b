package functions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// maxListed is how many of a person's newest requests /aws-access list reads.
const maxListed = 100

// command answers /aws-access. Only the person who typed it sees the answer.
func (h *Slack) command(ctx context.Context, p payload) (any, error) {
	c, err := slackui.ParseCommand(p.body)
	if err != nil {
		return nil, errors.Join(errMalformed, err)
	}
	m, err := h.runCommand(ctx, c, p)
	if err != nil {
		m = h.refused(ctx, err)
	}
	if m.Text == "" {
		return nil, nil
	}
	return slackui.Ephemeral(m), nil
}

// runCommand does what was typed. A message without text means that there is nothing
// to answer.
func (h *Slack) runCommand(ctx context.Context, c slackui.Command, p payload) (slackui.Message, error) {
	if !h.fromWorkspace(c.Team, c.Enterprise) {
		return slackui.Message{}, outsiderRefusal()
	}
	line, err := slackui.ParseLine(c.Text, policy.ParseLength)
	if err != nil {
		return slackui.Message{}, err
	}
	if line.Verb == slackui.VerbHelp {
		return slackui.Help(h.Policy.Settings().TicketExample, h.devicesAllowed()), nil
	}
	if _, err := h.limitRate(ctx, c.User, p.receivedAt); err != nil {
		return slackui.Message{}, err
	}
	switch line.Verb {
	case slackui.VerbList:
		return h.list(ctx, c.User, p.receivedAt)
	case slackui.VerbRevoke:
		return h.revocable(ctx, c.User, 0, p.receivedAt)
	case slackui.VerbAsk:
		return h.ask(ctx, line, c, p)
	case slackui.VerbLogin:
		return h.orderDevice(ctx, access.DeviceOrder{Do: access.PairDevice, By: c.User}, c.TriggerID, p)
	case slackui.VerbDevices:
		return h.orderDevice(ctx, access.DeviceOrder{Do: access.ListDevices, By: c.User}, c.TriggerID, p)
	}
	return slackui.Message{}, h.openForm(ctx, c, p.receivedAt)
}

// list shows a person's requests: the newest, and older ones that are not over.
func (h *Slack) list(ctx context.Context, user string, now time.Time) (slackui.Message, error) {
	found, more, err := requestsOf(ctx, h.Store, access.Person{ID: user})
	if err != nil {
		return slackui.Message{}, err
	}
	return h.addNotAsked(ctx, slackui.List(found, more, now), found, now)
}

// requestsOf returns the newest requests of a person or a machine, and older ones that are not over.
// more says that there may be others, which are over. Of a person, only the id is needed.
func requestsOf(
	ctx context.Context, s requestStore, who access.Person,
) (found []access.Request, more bool, err error) {
	found, err = s.ByRequester(ctx, who.ID, maxListed)
	if err != nil {
		return nil, false, fmt.Errorf("list the requests of %s: %w", who.ID, err)
	}
	_, asker, err := s.LoadForSubmit(ctx, who.AskerID(), "")
	if err != nil {
		return nil, false, fmt.Errorf("load the requests of %s: %w", who.ID, err)
	}
	var older []string
	for _, id := range asker.Of(who) {
		if !slices.ContainsFunc(found, func(r access.Request) bool { return r.ID == id }) {
			older = append(older, id)
		}
	}
	more = len(found) == maxListed
	if len(older) > 0 {
		others, err := s.Requests(ctx, older)
		if err != nil {
			return nil, false, fmt.Errorf("load the open requests of %s: %w", who.ID, err)
		}
		found = append(found, slices.DeleteFunc(others, func(r access.Request) bool { return r.State.Final() })...)
	}
	return found, more, nil
}

// addNotAsked adds to a list which of its requests no approver could be asked about.
func (h *Slack) addNotAsked(
	ctx context.Context, m slackui.Message, requests []access.Request, now time.Time,
) (slackui.Message, error) {
	for _, r := range requests {
		if r.State != access.Pending {
			continue
		}
		_, posted, err := h.Store.Messages(ctx, r.ID)
		if err != nil {
			return slackui.Message{}, fmt.Errorf("load the messages of request %s: %w", r.ID, err)
		}
		if nobodyAsked(r, posted, now) {
			m.Blocks = append(m.Blocks, slackui.ApproversNotAsked(r).Blocks...)
		}
	}
	return m, nil
}

// ask submits a request that was typed in one line. The same command sent twice makes
// one request.
func (h *Slack) ask(ctx context.Context, line slackui.Line, c slackui.Command, p payload) (slackui.Message, error) {
	frozen := h.readsFrozen(ctx)
	defer frozen() // nothing runs on after the answer
	r, err := h.Submit.Do(ctx, lifecycle.Asked{
		By: c.User, Account: line.Account, Role: line.Role, For: line.For, Reason: line.Reason, Ticket: line.Ticket,
		Once: "command:" + p.uniqueKey(c.TriggerID),
	})
	if m, found := h.alreadyAsked(ctx, r, err, frozen); found {
		return m, nil
	}
	if access.Code(err) == access.CodeTooManyAsks {
		h.reportAsks(ctx, c.User, p.receivedAt)
	}
	if err != nil {
		return slackui.Message{}, err
	}
	return slackui.Submitted(r, ifPending(r, frozen)), nil
}

// alreadyAsked returns the answer to a person who has asked again for access that is
// pending or active (already_asked, already_granted). found is false for every other
// outcome of a submit.
func (h *Slack) alreadyAsked(
	ctx context.Context, r access.Request, err error, frozen func() access.Freeze,
) (m slackui.Message, found bool) {
	code := access.Code(err)
	if code != access.CodeAlreadyAsked && code != access.CodeAlreadyGranted {
		return m, false
	}
	h.Log.InfoContext(ctx, "refused", "code", code, "request", r.ID)
	return slackui.AlreadyAsked(r, ifPending(r, frozen)), true
}

// openForm opens the form, unless the policy lets the person ask for nothing.
func (h *Slack) openForm(ctx context.Context, c slackui.Command, now time.Time) error {
	frozen := h.showsFrozen(ctx, now)
	who, d, err := h.lookUp(ctx, c.User, now)
	if err != nil {
		return err
	}
	if refusal := who.Refused(); refusal != nil {
		return refusal
	}
	if _, total := h.Policy.Accounts(who, d, now, "", 1); total == 0 {
		if doubt := h.Policy.CheckKnown(who, d, now); doubt != nil {
			return doubt
		}
		return access.RefuseNothingAllowed()
	}
	return openError(h.Slack.OpenView(ctx, c.TriggerID,
		slackui.Form(slackui.FormState{Ticket: h.Policy.Settings().TicketExample, Frozen: frozen()})))
}

// readsFrozen begins to read the freeze for the answer to a command, and returns what waits for it.
func (h *Slack) readsFrozen(ctx context.Context) func() access.Freeze {
	return h.beside(ctx, func() (access.Freeze, error) { return h.Store.Freeze(ctx) })
}

// ifPending returns the freeze for the answer to somebody whose request is pending, because it will
// not be granted before a thaw.
func ifPending(r access.Request, frozen func() access.Freeze) access.Freeze {
	if r.State != access.Pending {
		return access.Freeze{}
	}
	return frozen()
}

// showsFrozen is readsFrozen for the form, with an answer that may be a minute old.
func (h *Slack) showsFrozen(ctx context.Context, now time.Time) func() access.Freeze {
	return h.beside(ctx, func() (access.Freeze, error) {
		return h.freeze.get(now, func() (access.Freeze, error) { return h.Store.Freeze(ctx) })
	})
}

// beside reads the freeze while a step is taken. What it reads is for showing, and decides nothing.
func (h *Slack) beside(ctx context.Context, read func() (access.Freeze, error)) func() access.Freeze {
	found := make(chan access.Freeze, 1)
	go func() {
		f, err := read()
		if err != nil {
			h.Log.ErrorContext(ctx, "an answer cannot say whether everything is frozen", "error", err)
		}
		found <- f
	}()
	return sync.OnceValue(func() access.Freeze { return <-found })
}
