package operators

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
)

const aboutClose = `aws-access close ID --reason TEXT [--wait] [--yes] [--table NAME …]
aws-access close --person P | --account A | --all --reason TEXT [--wait] [--yes] [--table NAME …]
aws-access close --all --list

Ends access when Slack or the functions do not work: revokes active grants and denies
pending requests, each with its event, and orders the cut of their live sessions. The
function cut ends these within seconds, and IAM takes a moment to enforce it. --wait
waits until that is so, and says what fails and why. Given again, the command ends
nothing twice, and with --wait it waits for what was ended before too.

P is a Slack id (U…), a machine's id (M…) or an address. With --person, the person's
computers are unpaired too, and grants of machines that the person started are ended.
A is an account's id or its name. --list only shows what would be ended. A person or a name of
an account that is unknown is an error, so that a typo does not look as if nothing was open.

It asks before it acts, unless --yes is given. Freeze first (aws-access freeze) if nobody
may get access again meanwhile. The events show who you are at AWS. The operators' channel
is told within a minute, once, if the function tick runs and Slack works.

The shell needs dynamodb:Query on the table's index "state", dynamodb:BatchGetItem and
dynamodb:PutItem on the table, with --person also on the table of devices, and without
--table cloudformation:DescribeStacks.

`

const aboutCloseAll = `aws-access close-all --why TEXT [--by PERSON] [--table NAME …] [--yes]

The older name of aws-access close --all --reason TEXT. Without --yes it only lists the
requests. Use it after a table was restored from a backup, because requests that had
ended are active again then, and before you remove the product.

`

// closing is what the command line of close says.
type closing struct {
	place
	id, person, account string
	all, list, wait     bool
	why                 string
}

func closeMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c closing
	t := newTableCommand("aws-access close", &c.place, stdout, stderr)
	t.StringVar(&c.devices, "devices", "",
		"`name` of the table of devices, for --person with --table (output DevicesTable); none leaves computers paired")
	t.StringVar(&c.person, "person", "", "end everything of this `person`")
	t.StringVar(&c.account, "account", "", "end everything in this `account`")
	t.BoolVar(&c.all, "all", false, "end everything")
	t.BoolVar(&c.list, "list", false, "only show what would be ended")
	t.BoolVar(&c.wait, "wait", false, "wait until the live sessions are cut")
	t.StringVar(&c.why, "reason", "", "the `reason`, which people read")
	t.arguments = 1
	wrong := func() string {
		if t.NArg() > 0 {
			c.id = cmp.Or(t.Arg(0), " ") // an empty one is refused
		}
		return c.wrong(t.FlagSet)
	}
	return t.run(ctx, aboutClose, args, wrong, func(o *operation) (bool, error) { return c.on(o).run(ctx) })
}

// closeAll is the older name of close --all. It has its own flags and never asks.
func closeAll(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := closing{all: true}
	t := newTableCommand("aws-access close-all", &c.place, stdout, stderr)
	by := t.String("by", "", "the `name` that events show; what AWS says by default")
	t.StringVar(&c.why, "why", "", "the `reason`, which people read")
	wrong := func() string { return wrongReason("--why", c.why) }
	return t.run(ctx, aboutCloseAll, args, wrong, func(o *operation) (bool, error) {
		c.list = !c.yes
		if name := inOneLine(*by); name != "" {
			o.step.By.Name = name
		}
		return c.on(o).run(ctx)
	})
}

var (
	requestID   = regexp.MustCompile(`^[0-9A-Z]{2,64}$`)
	personID    = regexp.MustCompile(`^[UWM][A-Z0-9]{2,63}$`)
	addressForm = regexp.MustCompile(`^[^\s@]+@[^\s@]+$`)
)

// wrong says what is wrong with the command line; "" for nothing.
func (c *closing) wrong(f *flag.FlagSet) string {
	chosen := 0
	for _, set := range []bool{c.id != "", c.person != "", c.account != "", c.all} {
		if set {
			chosen++
		}
	}
	switch {
	case isEmpty(f, "person"), isEmpty(f, "account"):
		return "--person or --account is empty; nothing was ended"
	case chosen != 1:
		return "give one of ID, --person, --account and --all"
	case c.id != "" && !requestID.MatchString(c.id):
		return inOneLine(c.id) + " is not the id of a request, such as 01KB2T6XN3GQ7M0F4R8Y5D1C9E"
	case c.person != "" && !personID.MatchString(c.person) && !addressForm.MatchString(c.person):
		return "--person needs a Slack id (U…), a machine's id (M…) or an address"
	case c.list && (c.wait || c.yes):
		return "--list only shows, so it does not go with --wait or --yes"
	case c.person != "" && c.table != "" && c.devices == "" && !c.list:
		return "--person with --table needs --devices too, the table of devices (the stack's output DevicesTable), or " +
			"--devices none to leave the person's computers paired"
	case isEmpty(f, "devices"), c.devices != "" && c.person == "":
		return "--devices needs the name of a table, or none, and goes with --person"
	}
	if c.list {
		return ""
	}
	return wrongReason("--reason", c.why)
}

// closer ends requests.
type closer struct {
	*operation
	closing
	pair lifecycle.Pair

	open     []access.Request          // pending and active, of everybody
	meant    []access.Request          // that were found first
	ending   []access.Request          // closed grants that are meant, whose sessions are still ending
	handled  map[string]bool           // ids that were ended, or failed
	revoked  map[string]access.Request // grants with sessions that are being cut
	ended    int                       // grants that were revoked here
	denied   int
	expired  int // whose time was up
	failed   []error
	sessions int // live ones of the revoked grants
	unpaired int // computers
}

func (c closing) on(o *operation) *closer {
	return &closer{
		operation: o, closing: c, handled: make(map[string]bool), revoked: make(map[string]access.Request),
		pair: lifecycle.Pair{Step: o.step.Step, Devices: o.store, Asks: o.store},
	}
}

// passes is how often the table is listed again: somebody may ask while others are revoked, and
// the index is eventually consistent.
const passes = 10

// run returns whether everything was done.
func (c *closer) run(ctx context.Context) (bool, error) {
	found, err := c.find(ctx)
	if err != nil {
		return false, err
	}
	if c.id != "" && len(found) == 0 {
		return c.overAlready(ctx)
	}
	if len(found)+len(c.ending) == 0 {
		if err := c.checkKnown(ctx); err != nil {
			return false, err
		}
	}
	c.meant = found
	c.show(found)
	if c.list {
		printf(c.out, "This is only a list: nothing was ended by it.\n")
		return true, nil
	}
	removes := c.person != "" && c.devices != noDevices
	if len(found) == 0 && !removes {
		return c.cutBefore(ctx)
	}
	if !c.agreed(c.question(found, removes)) {
		return false, nil
	}
	for range passes {
		c.endAll(ctx, found)
		if removes {
			c.unpair(ctx)
			removes = false
		}
		if found, err = c.find(ctx); err != nil || len(found) == 0 {
			break
		}
	}
	c.report(len(found))
	c.tellClosing(ctx)
	if err != nil {
		return false, err
	}
	whole := len(c.failed) == 0 && len(found) == 0
	cut, err := c.cutBefore(ctx)
	return whole && cut, err
}

// noDevices is the value of --devices that leaves devices alone.
const noDevices = "none"

// everything is more requests than a table has open.
const everything = 1_000_000

// find lists what is to be ended and was not handled before.
func (c *closer) find(ctx context.Context) ([]access.Request, error) {
	var all []access.Request
	if c.id != "" {
		one, err := c.store.Requests(ctx, []string{c.id})
		if err != nil {
			return nil, err
		}
		if len(one) == 0 {
			return nil, fmt.Errorf("there is no request %s in the table %s", c.id, c.table)
		}
		all = slices.DeleteFunc(one, func(r access.Request) bool {
			return r.State != access.Pending && r.State != access.Active
		})
	} else if err := c.findEnding(ctx); err != nil {
		return nil, err
	} else {
		for _, state := range []access.State{access.Active, access.Pending} {
			some, err := c.store.InState(ctx, state, everything)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		c.open = slices.Clone(all)
	}
	seen := make(map[string]bool)
	all = slices.DeleteFunc(all, func(r access.Request) bool {
		again := seen[r.ID] // a lagging index may list one twice
		seen[r.ID] = true
		return again || c.handled[r.ID]
	})
	found, err := c.narrow(ctx, all, c.ending)
	if err == nil {
		c.ending, err = c.narrow(ctx, c.ending, all)
	}
	return found, err
}

// findEnding lists the closed grants whose sessions are still ending. Nothing is left to revoke of
// them, and an operator who finds nothing else must not take that for the end of all access.
func (c *closer) findEnding(ctx context.Context) error {
	ids, err := c.store.Ending(ctx, c.step.Now().Add(time.Second), everything)
	if err != nil {
		return err
	}
	ending, err := c.store.Requests(ctx, ids)
	c.ending = slices.DeleteFunc(ending, func(r access.Request) bool { return r.Cut != access.CutEnding })
	return err
}

// narrow leaves the requests that --person or --account mean. An address or a name that means several,
// in these requests or others, is refused.
func (c *closer) narrow(ctx context.Context, these, others []access.Request) ([]access.Request, error) {
	all := slices.Concat(these, others)
	if c.person != "" && strings.Contains(c.person, "@") {
		id, err := c.personOf(ctx, all)
		if err != nil {
			return nil, err
		}
		c.person = id
	}
	if c.account != "" && !accountID.MatchString(c.account) {
		ids := make(map[string]bool)
		for _, r := range all {
			if strings.EqualFold(r.AccountName, c.account) {
				ids[r.Account] = true
			}
		}
		if len(ids) > 1 {
			return nil, fmt.Errorf("several accounts are called %s (%s); give the id", inOneLine(c.account),
				strings.Join(slices.Sorted(maps.Keys(ids)), ", "))
		}
	}
	return slices.DeleteFunc(these, func(r access.Request) bool {
		switch {
		case c.id != "":
			return r.ID != c.id
		case c.person != "":
			return r.Requester.ID != c.person && (r.Requester.Machine == nil || r.Requester.Machine.Starter != c.person)
		case c.account != "":
			return r.Account != c.account && !strings.EqualFold(r.AccountName, c.account)
		}
		return false
	}), nil
}

var accountID = regexp.MustCompile(`^\d{12}$`)

// personOf is the id of the one person with an address. It looks at those who asked and those whom
// the policy names.
func (c *closer) personOf(ctx context.Context, all []access.Request) (string, error) {
	d, err := c.store.Directory(ctx)
	if err != nil {
		return "", err
	}
	ids := make(map[string]bool)
	see := func(p access.Person) {
		for _, address := range []string{p.Email, p.UnverifiedEmail} {
			if p.ID != "" && p.Machine == nil && address != "" && access.AlikeEmails(address, c.person) {
				ids[p.ID] = true
			}
		}
	}
	for _, r := range all {
		see(r.Requester)
	}
	for _, p := range d.People {
		see(p)
	}
	switch found := slices.Sorted(maps.Keys(ids)); len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("nobody with the address %s has open access or is named by the policy; give the Slack id, "+
			"which is in the person's profile in Slack", inOneLine(c.person))
	default:
		return "", fmt.Errorf("several people have the address %s (%s); give the Slack id", inOneLine(c.person),
			strings.Join(found, ", "))
	}
}

// maxShown is how many requests are shown before a question. --list shows all.
const maxShown = 20

func (c *closer) show(found []access.Request) {
	for i, r := range found {
		if i == maxShown && !c.list {
			printf(c.out, "and %d more; --list shows all\n", len(found)-maxShown)
			break
		}
		until := ""
		if r.State == access.Active {
			until = " until " + r.Ends.UTC().Format(time.RFC3339) + ", " +
				number(r.LiveSessions(c.step.Now()), "live session")
		}
		printf(c.out, "%s %s %s in %s (%s) for %s (%s)%s\n", r.State, r.ID, inOneLine(r.Role), inOneLine(r.AccountName),
			r.Account, inOneLine(r.Requester.Name), inOneLine(r.Requester.ID), until)
	}
	if len(found) == 0 {
		printf(c.out, "No grant can be revoked, and no request can be denied.\n")
	} else {
		grants, requests, sessions := c.count(found)
		var parts []string
		if grants > 0 {
			parts = append(parts, number(grants, "active grant")+" with "+numberOrNo(sessions, "live session"))
		}
		if requests > 0 {
			parts = append(parts, number(requests, "request")+" that nobody has answered")
		}
		printf(c.out, "%s.\n", strings.Join(parts, ", and "))
	}
	c.showEnding()
}

// showEnding names the closed grants whose sessions are still ending.
func (c *closer) showEnding() {
	if len(c.ending) == 0 {
		return
	}
	printf(c.out, "The sessions of %s are still ending:\n", number(len(c.ending), "closed grant"))
	for i, r := range c.ending {
		if i == maxShown && !c.list {
			printf(c.out, "and %d more; --list shows all\n", len(c.ending)-maxShown)
			break
		}
		printf(c.out, "%s %s %s in %s (%s) for %s (%s), ending since %s\n", r.State, r.ID, inOneLine(r.Role),
			inOneLine(r.AccountName), r.Account, inOneLine(r.Requester.Name), inOneLine(r.Requester.ID),
			r.CutSince.UTC().Format(time.RFC3339))
	}
	if !c.wait {
		printf(c.out, "That goes on by itself. With --wait and --reason, close waits for it, and says what fails.\n")
	}
}

func (c *closer) count(found []access.Request) (grants, requests, sessions int) {
	for _, r := range found {
		if r.State == access.Pending {
			requests++
			continue
		}
		grants++
		sessions += r.LiveSessions(c.step.Now())
	}
	return grants, requests, sessions
}

func (c *closer) question(found []access.Request, removes bool) string {
	grants, requests, sessions := c.count(found)
	var parts []string
	for _, part := range []struct {
		verb, noun string
		n          int
	}{{"revoke", "grant", grants}, {"cut", "live session", sessions}, {"deny", "request", requests}} {
		if part.n > 0 {
			parts = append(parts, part.verb+" "+number(part.n, part.noun))
		}
	}
	text := ""
	if len(parts) > 0 {
		text = inASentence(parts)
		text = strings.ToUpper(text[:1]) + text[1:] + "?"
	}
	if removes {
		text = strings.TrimSpace(text + " Unpair all computers of " + c.person + "?")
	}
	return text
}

// endAll ends requests.
func (c *closer) endAll(ctx context.Context, found []access.Request) {
	var mu sync.Mutex
	lifecycle.EachRole(found, access.Request.CutKey, func(r access.Request) {
		ended, changed, err := c.step.Close(ctx, r.ID, c.why)
		mu.Lock()
		defer mu.Unlock()
		c.note(r, ended, changed, err)
	})
}

// note records what became of a request.
func (c *closer) note(before, r access.Request, changed bool, err error) {
	c.handled[before.ID] = true
	if err != nil {
		c.failed = append(c.failed, fmt.Errorf("%s: %s", before.ID, c.explain(err)))
		return
	}
	if r.Cut != "" { // also if somebody else has just revoked it
		c.revoked[r.ID] = r
	}
	switch {
	case !changed:
	case r.State == access.Denied:
		c.denied++
	case r.State == access.Revoked:
		c.ended++
		c.sessions += r.LiveSessions(c.step.Now())
	default:
		c.expired++
	}
}

// unpair removes the computers of a person.
func (c *closer) unpair(ctx context.Context) {
	if !access.IsPerson(c.person) {
		printf(c.out, "A machine has no paired computers.\n")
		return
	}
	l, err := c.store.DeviceList(ctx, c.person)
	if err == nil {
		err = c.pair.Forget(ctx, c.person)
	}
	if err != nil {
		c.failed = append(c.failed, fmt.Errorf("unpair the computers of %s: %s", c.person, c.explain(err)))
		return
	}
	c.unpaired = len(l.Devices)
	if c.unpaired == 0 {
		printf(c.out, "%s has no paired computer.\n", c.person)
		return
	}
	printf(c.out, "%s of %s unpaired.\n", number(c.unpaired, "computer"), c.person)
}

// done says what was done, without what was not.
func (c *closer) done() string {
	var did []string
	if c.ended > 0 {
		did = append(did, "revoked "+number(c.ended, "grant"))
	}
	if c.denied > 0 {
		did = append(did, "denied "+number(c.denied, "request"))
	}
	text := "Nothing was revoked or denied."
	if len(did) > 0 {
		text = strings.Join(did, " and ") + "."
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	switch c.expired {
	case 0:
		return text
	case 1:
		return text + " 1 had reached its end by itself, and is recorded so."
	}
	return text + fmt.Sprintf(" %d had reached their end by themselves, and are recorded so.", c.expired)
}

// report says what was done. left is how many requests are still open.
func (c *closer) report(left int) {
	printf(c.out, "%s\n", c.done())
	for i, err := range c.failed {
		if i == maxShown {
			printf(c.words, "and %d more\n", len(c.failed)-maxShown)
			break
		}
		printf(c.words, "not ended: %v\n", err)
	}
	if left > 0 {
		printf(c.words, "%s came meanwhile and are still open. Freeze (aws-access freeze), and close again.\n",
			number(left, "request"))
	}
	if c.sessions > 0 && !c.wait {
		printf(c.out, "%s will be cut within seconds. The same command with --wait waits until that is so.\n",
			number(c.sessions, "live session"))
	}
}

// overAlready says how a request ended that is over, and waits for its cut if that is wanted.
func (c *closer) overAlready(ctx context.Context) (bool, error) {
	all, err := c.store.Requests(ctx, []string{c.id})
	if err != nil || len(all) == 0 {
		return false, errors.Join(err, fmt.Errorf("request %s is gone", c.id))
	}
	r := all[0]
	printf(c.out, "%s is over already: %s by %s at %s. %s\n", r.ID, r.State, inOneLine(r.Closed.By.Name),
		r.Closed.At.UTC().Format(time.RFC3339), cutInWords(r))
	if c.list || !c.wait || r.Cut != access.CutEnding {
		return true, nil
	}
	c.revoked[r.ID] = r
	return c.waitForCuts(ctx)
}

func cutInWords(r access.Request) string {
	switch r.Cut {
	case access.CutEnding:
		return "Its sessions are being ended since " + r.CutSince.UTC().Format(time.RFC3339) + "."
	case access.CutDone:
		return "The deny of its sessions is written."
	}
	return "None of its sessions was live."
}
