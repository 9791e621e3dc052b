package people

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/wire"
)

func requestCommand() Command {
	return Command{
		Name: "request", Args: "ACCOUNT ROLE LENGTH REASON", About: "ask for access, and wait for the decision",
		min: 4, max: -1,
		Details: `Asks for a role in an account, for a length such as 30m, 2h or 1h 30m. ACCOUNT is a name or an id of
twelve digits. All words after LENGTH are the reason. The approvers decide in Slack, as always.

If you have asked for the role before, or hold it, that request or grant is shown, and standard error says that
length, reason and ticket of the new one were not used.

It waits for the decision: 0 means granted, 1 denied or timed out. Ctrl-C stops waiting and leaves the
request as it is. With --no-wait it exits with 0 once the request is made.`,
		Examples: []Example{
			{`aws-access request payments-prod Operator 2h "stuck payouts"`, "asks, and waits"},
			{`aws-access request payments-prod Admin 1h "stuck payouts" --ticket PAY-1 --no-wait`,
				"asks with a ticket, and does not wait"},
			{`aws-access request payments-prod Deploy 1h "release 42" --as github`, "asks as a pipeline of GitHub Actions"},
		},
		new: func() action { return &request{} },
	}
}

// request is "request".
type request struct {
	as     As
	ticket string
	noWait bool
	json   bool
}

func (r *request) flags(f *flag.FlagSet) {
	f.StringVar(&r.ticket, "ticket", "", "`ticket`, where the policy wants one")
	f.BoolVar(&r.noWait, "no-wait", false, "do not wait for the decision")
	jsonFlag(f, &r.json)
	r.as.flags(f)
}

func (r *request) run(ctx context.Context, e *Env, words []string) error {
	length, rest := cutLength(words[2:])
	reason := strings.TrimSpace(strings.Join(rest, " "))
	if err := checkReason(reason); err != nil {
		return err
	}
	c, err := e.Client(ctx, r.as)
	if err != nil {
		return err
	}
	answer, err := c.Do(ctx, wire.Payload{Op: wire.Request, Account: words[0], Role: words[1], Length: length,
		Reason: reason, Ticket: r.ticket})
	if wire.CodeOf(err) == wire.BadPayload {
		return wrongUse("%v", err)
	}
	if err != nil {
		return err
	}
	var g wire.Grant
	if err := answer.Decode(&g); err != nil {
		return err
	}
	if err := e.forgetKeys(ctx, r.as); err != nil {
		return err
	}
	if g.Earlier {
		e.say("%s", earlier(g))
	}
	if !r.noWait {
		if g.Frozen { // it may be long, and the line of progress does not say why
			e.say("%s", plain(g.Text))
		}
		if g, err = e.watch(ctx, c, g); err != nil {
			return err
		}
	}
	if err := printGrant(e, g, r.json, clockOf(answer)); err != nil {
		return err
	}
	if !r.noWait && g.State != string(access.Active) {
		return Exit(ExitRefused)
	}
	return nil
}

// earlier says that somebody has asked before, so that nobody relies on the new length or reason.
func earlier(g wire.Grant) string {
	what, change := "have this access already", "give it back first: aws-access done "
	if g.State == string(access.Pending) {
		what, change = "have asked for this already", "take it back first: aws-access cancel "
	}
	return "You " + what + ": " + g.ID + ", for " + g.Length + ", with the reason “" + g.Reason + "”. Length, reason " +
		"and ticket of this request were not used; to change them, " + change + shellWord(g.ID)
}

// cutLength takes the words of the length, which can be several, as in Slack: 2 hours, 1h 30m. The server decides
// what they mean. At least one word is left for the reason, which is one word if it was quoted.
func cutLength(words []string) (length string, rest []string) {
	const unit = `(d|h|m|days?|hrs?|hours?|mins?|minutes?)` // of policy.ParseLength
	wholeLength := regexp.MustCompile(`^(?i)([0-9.,]+` + unit + `)+$`)
	onlyNumber := regexp.MustCompile(`^[0-9.,]*[0-9]$`)
	onlyUnit := regexp.MustCompile(`^(?i)` + unit + `$`)
	n := 0
	for {
		switch left := words[n:]; {
		case len(left) > 1 && wholeLength.MatchString(left[0]):
			n++
			continue
		case len(left) > 2 && onlyNumber.MatchString(left[0]) && onlyUnit.MatchString(left[1]):
			n += 2
			continue
		}
		n = max(n, 1)
		return strings.Join(words[:n], " "), words[n:]
	}
}

// checkReason says what is wrong with a reason, before it is sent.
func checkReason(reason string) error {
	n := utf8.RuneCountInString(reason)
	switch {
	case n == 0:
		return wrongUse("REASON is empty; write why you need the access, which the approvers read")
	case n > access.MaxReason:
		return wrongUse("REASON has %d characters, and at most %d are allowed; shorten it", n, access.MaxReason)
	}
	return nil
}

// watch waits for a decision with one line of progress. Ctrl-C leaves the request as it is.
func (e *Env) watch(ctx context.Context, c *client.Client, g wire.Grant) (wire.Grant, error) {
	progress := progressOn(e.Stderr)
	decided, err := e.await(ctx, c, g, func(now wire.Grant) {
		if now.State == string(access.Pending) {
			progress.show(waitingFor(now))
		}
	})
	progress.end()
	if err != nil {
		goOn := "The request " + g.ID + " stays as it is. Look at it: aws-access status " + shellWord(g.ID) +
			"; take it back: aws-access cancel " + shellWord(g.ID)
		if errors.Is(err, context.Canceled) {
			e.say("%s", goOn)
			return decided, err
		}
		return decided, fmt.Errorf("%w. %s", err, goOn)
	}
	return decided, nil
}

// waitingFor is the line of progress.
func waitingFor(g wire.Grant) string {
	var missing []string
	for _, m := range g.Missing {
		missing = append(missing, fmt.Sprintf("%d of %d from %s", m.Approved, m.Required, strings.Join(m.From, ", ")))
	}
	line := "Waiting for an answer to " + g.ID
	if len(missing) > 0 {
		line += ": " + strings.Join(missing, "; ")
	}
	return plain(line)
}

// progress is one line that changes in place on a terminal. Elsewhere each text is printed once.
type progress struct {
	w     io.Writer
	width int // of the terminal; 0 elsewhere
	last  string
}

func progressOn(w io.Writer) *progress {
	p := &progress{w: w}
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		if p.width, _, _ = term.GetSize(int(file.Fd())); p.width < 20 {
			p.width = 80
		}
	}
	return p
}

func (p *progress) show(text string) {
	if text == p.last {
		return
	}
	p.last = text
	if p.width == 0 {
		printf(p.w, "%s\n", text)
		return
	}
	line := []rune(text)
	line = line[:min(len(line), p.width-1)]
	printf(p.w, "\r%-*s", p.width-1, string(line))
}

func (p *progress) end() {
	if p.width > 0 && p.last != "" {
		printf(p.w, "\r%-*s\r", p.width-1, "")
	}
}

func cancelCommand() Command {
	return Command{
		Name: "cancel", Args: "ID", About: "take back a request that is pending", min: 1, max: 1,
		Details: `Takes back a request that nobody has decided yet. aws-access list shows the ids; the beginning of
one is enough.`,
		Examples: []Example{{"aws-access cancel 01KXYZ", "the card in Slack says that you cancelled it"}},
		new:      func() action { return &cancel{} },
	}
}

// cancel is "cancel".
type cancel struct {
	as   As
	json bool
}

func (c *cancel) flags(f *flag.FlagSet) { jsonFlag(f, &c.json); c.as.flags(f) }

func (c *cancel) run(ctx context.Context, e *Env, words []string) error {
	caller, err := e.Client(ctx, c.as)
	if err != nil {
		return err
	}
	id, err := e.fullID(ctx, caller, words[0], c.as)
	if err != nil {
		return err
	}
	return e.step(ctx, caller, wire.Payload{Op: wire.Cancel, ID: id}, c.json)
}

// step makes a call whose answer is a request, and prints that.
func (e *Env) step(ctx context.Context, c *client.Client, p wire.Payload, asJSON bool) error {
	answer, err := c.Do(ctx, p)
	if wire.CodeOf(err) == wire.BadPayload {
		return wrongUse("%q is not the id of a request; aws-access list shows them", p.ID)
	}
	if err != nil {
		return err
	}
	var g wire.Grant
	if err := answer.Decode(&g); err != nil {
		return err
	}
	return printGrant(e, g, asJSON, clockOf(answer))
}
