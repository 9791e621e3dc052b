package people

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/client/clienttest"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

// canary stands in everything that may not be shown.
const canary = "CANARYcanary"

// desk is a computer with the command, and a server with one person's requests.
type desk struct {
	*testing.T
	*Env
	server *clienttest.Server
	dir    string // of the command
	env    map[string]string

	out, words bytes.Buffer // of the last command
	waits      int
	onWait     func(n int) // what happens while the command waits
	typed      string      // the secret that a person types

	// What the server knows.
	grants  []wire.Grant
	devices []wire.DeviceBody
	codes   map[string]string // the key that has used a code up
	choices wire.Choices
	answers map[wire.Op]func(wire.Call) clienttest.Reply // instead of the server's own
	vends   int
}

const (
	prodID, prodName = "111111111111", "payments-prod"
	operator         = "Operator"
)

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t, server: clienttest.New(t), dir: filepath.Join(t.TempDir(), "a home"), env: map[string]string{}}
	d.env[home.Variable] = d.dir
	d.codes = map[string]string{}
	d.answers = map[wire.Op]func(wire.Call) clienttest.Reply{}
	d.choices = choices(false)
	d.server.Answer = d.answer
	d.Env = NewEnv(strings.NewReader(""), &d.out, &d.words)
	d.Getenv = func(name string) string { return d.env[name] }
	d.Pause = func(ctx context.Context, _ time.Duration) error {
		d.waits++
		if d.waits > 500 {
			return errors.New("the command waits for ever")
		}
		if d.onWait != nil {
			d.onWait(d.waits)
		}
		return ctx.Err()
	}
	d.Secret = func(context.Context, string) (access.Secret, error) { return access.NewSecret(d.typed), nil }
	return d
}

// choices are those of one account and one role.
func choices(asks bool) wire.Choices {
	return wire.Choices{Accounts: []wire.AccountChoice{{ID: prodID, Name: prodName, Roles: []wire.RoleChoice{
		{Name: operator, Max: "4h", Asks: asks, Keys: true},
	}}}}
}

// answer is what a server of one person says.
func (d *desk) answer(call wire.Call) clienttest.Reply {
	if own := d.answers[call.Payload.Op]; own != nil {
		return own(call)
	}
	switch p := call.Payload; p.Op {
	case wire.Pair:
		return d.pair(call)
	case wire.Devices:
		return d.listDevices(call)
	case wire.Unpair:
		before := len(d.devices)
		d.devices = slices.DeleteFunc(d.devices, func(b wire.DeviceBody) bool { return b.ID == p.Device })
		if len(d.devices) == before {
			return clienttest.Refuse("unknown_device", "This is not a device of yours.", "")
		}
		return d.listDevices(call)
	case wire.Options:
		return clienttest.Reply{Body: d.choices}
	case wire.List, wire.Status:
		return d.look(p)
	case wire.Request:
		return d.submit(p)
	case wire.Cancel, wire.End:
		return d.finish(p)
	case wire.Keys:
		return d.vend(p)
	}
	return clienttest.Refuse("not_known", "No.", "")
}

// pair uses a code up. With the same key it can be repeated; with another one it removes the device.
func (d *desk) pair(call wire.Call) clienttest.Reply {
	id, ends := call.Key.Thumbprint(), d.server.Now().Add(30*24*time.Hour)
	switch by := d.codes[call.Payload.CodeKey]; by {
	case id:
	case "":
		d.codes[call.Payload.CodeKey] = id
		d.devices = append(d.devices, wire.DeviceBody{ID: id, Name: call.Payload.Name, Paired: d.server.Now(), Expires: ends})
	default:
		d.devices = slices.DeleteFunc(d.devices, func(b wire.DeviceBody) bool { return b.ID == by })
		return clienttest.Refuse("code_used", "Another computer has used this code.", "Tell your security team.")
	}
	return clienttest.Reply{Body: wire.Paired{Person: anna, Device: id, Expires: ends}}
}

var anna = wire.Owner{ID: "U0DEV1", Name: "Anna"}

func (d *desk) listDevices(call wire.Call) clienttest.Reply {
	all := slices.Clone(d.devices)
	for i := range all {
		all[i].This = all[i].ID == call.Key.Thumbprint()
	}
	return clienttest.Reply{Body: wire.DeviceList{Person: anna, Devices: all}}
}

func (d *desk) look(p wire.Payload) clienttest.Reply {
	var found wire.Grants
	for _, g := range d.grants {
		if g.ID == p.ID {
			return reply(g)
		}
		if p.Op == wire.List || !access.State(g.State).Final() || g.CanAct() {
			found.Requests = append(found.Requests, g)
		}
	}
	if p.ID != "" {
		return clienttest.Refuse("unknown_request", "There is no such request.", "")
	}
	return clienttest.Reply{Body: found}
}

func reply(g wire.Grant) clienttest.Reply {
	if g.State == string(access.Pending) {
		return clienttest.Reply{Status: http.StatusAccepted, Body: g}
	}
	return clienttest.Reply{Body: g}
}

// submit grants at once, or waits for an approval if the role asks somebody.
func (d *desk) submit(p wire.Payload) clienttest.Reply {
	now := d.server.Now().UTC()
	g := wire.Grant{ID: fmt.Sprintf("REQ%d", len(d.grants)+1), State: string(access.Pending), Account: prodID,
		AccountName: prodName, Role: p.Role, Length: p.Length, Reason: p.Reason, Ticket: p.Ticket, Submitted: now,
		Missing: []wire.Missing{{From: []string{"leads"}, Required: 1}}, Text: "Waiting."}
	d.grants = append(d.grants, g)
	if !d.choices.Accounts[0].Roles[0].Asks {
		d.move(g.ID, access.Active)
	}
	return reply(d.grants[len(d.grants)-1])
}

// move brings a request to a state.
func (d *desk) move(id string, to access.State) {
	now := d.server.Now().UTC()
	for i := range d.grants {
		g := &d.grants[i]
		if g.ID != id {
			continue
		}
		g.State, g.Text, g.Missing = string(to), "It is "+string(to)+".", nil
		switch {
		case to == access.Active:
			end := now.Add(time.Hour)
			g.Starts, g.Ends, g.Gives = &now, &end, []string{"keys"}
		case to.Final():
			g.Closed = &wire.Closed{By: "Lea", At: now, Why: "because"}
		}
	}
}

func (d *desk) finish(p wire.Payload) clienttest.Reply {
	for _, g := range d.grants {
		if g.ID == p.ID && !access.State(g.State).Final() {
			to := access.Ended
			if p.Op == wire.Cancel {
				to = access.Cancelled
			}
			d.move(p.ID, to)
			return d.look(wire.Payload{ID: p.ID})
		}
	}
	return clienttest.Refuse("unknown_request", "There is no such request.", "")
}

func (d *desk) vend(p wire.Payload) clienttest.Reply {
	for _, g := range d.grants {
		switch access.State(g.State) {
		case access.Pending:
			return reply(g)
		case access.Active:
			d.vends++
			return clienttest.Reply{Keys: &wire.SessionKeys{Account: prodID, Role: p.Role, Region: "eu-west-1",
				Credentials: access.Credentials{AccessKeyID: fmt.Sprintf("ASIAEXAMPLE%d", d.vends),
					SecretKey: access.NewSecret(canary + "secret"), SessionToken: access.NewSecret(canary + "token"),
					Expires: d.server.Now().Add(time.Hour)}}}
		}
	}
	return clienttest.Refuse("no_grant", "You have no access to “"+p.Role+"” in “"+p.Account+"” now.", "Ask for it.")
}

// run runs a command line and returns its exit code.
func (d *desk) run(args ...string) int {
	d.Helper()
	return d.runUntil(d.Context(), args...)
}

func (d *desk) runUntil(ctx context.Context, args ...string) int {
	d.Helper()
	d.out.Reset()
	d.words.Reset()
	d.waits, d.callers.made = 0, nil
	for _, c := range Commands() {
		if c.Name == args[0] {
			return c.Run(ctx, d.Env, args[1:])
		}
	}
	d.Fatalf("there is no command %s", args[0])
	return 0
}

// want checks how the last command ended: its exit code, and what words contain.
func (d *desk) want(got, code int, words ...string) {
	d.Helper()
	if got != code {
		d.Errorf("ended with %d, want %d\n%s%s", got, code, d.out.String(), d.words.String())
	}
	for _, w := range words {
		if !strings.Contains(d.words.String(), w) {
			d.Errorf("it does not say %q:\n%s", w, d.words.String())
		}
	}
	if code != ExitDone && d.out.Len() > 0 {
		d.Errorf("it printed data: %s", d.out.String())
	}
}

// login pairs the computer.
func (d *desk) login() {
	d.Helper()
	d.typed = newCode(d.T)
	if code := d.run("login", d.server.URL.String()); code != ExitDone {
		d.Fatalf("login ended with %d: %s", code, d.words.String())
	}
}

func newCode(t *testing.T) string {
	t.Helper()
	code, err := wire.NewPairingCode()
	if err != nil {
		t.Fatal(err)
	}
	return code.Text().Reveal()
}

// files are the files of the command, without locks, with the directories that hold them.
func (d *desk) files() (names []string) {
	d.Helper()
	err := filepath.WalkDir(d.dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(path, "lock") {
			name, _ := filepath.Rel(d.dir, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		d.Fatal(err)
	}
	return names
}

// offline makes the server unreachable.
func (d *desk) offline() {
	d.server.Before = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
		return true
	}
	was := d.Client
	d.Client = func(ctx context.Context, as As) (*client.Client, error) {
		c, err := was(ctx, as)
		if c != nil {
			c.Pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
		}
		return c, err
	}
}

// discard is a writer that fails, as a pipe that nobody reads.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
