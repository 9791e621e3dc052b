package people

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

func logoutCommand() Command {
	return Command{
		Name: "logout", About: "remove this computer from your devices",
		Details: `Removes this computer from your devices, and the device's key and all cached keys from this computer.
Grants from which this computer took keys end.

If the server cannot be asked, everything is removed from this computer all the same, and the exit
code is 3: remove the device in Slack then, with /aws-access devices.`,
		Examples: []Example{{"aws-access logout", "this computer can do nothing in your name any more"}},
		new:      func() action { return &logout{} },
	}
}

// logout is "logout".
type logout struct{ noFlags }

func (logout) run(ctx context.Context, e *Env, _ []string) error {
	c, err := e.Client(ctx, As{})
	_, unsafe := errors.AsType[*home.Unsafe](err)
	switch {
	case errors.Is(err, home.ErrNotPaired):
		e.say("This computer is not paired.")
		return e.forgetDevice(ctx)
	case unsafe:
		return err
	case err != nil: // what is stored is damaged, so nobody can be asked
		return errors.Join(err, e.forgetDevice(ctx))
	}
	_, asked := c.Do(ctx, wire.Payload{Op: wire.Unpair, Device: c.Key.Public().Thumbprint()})
	if err := e.forgetDevice(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if _, refused := errors.AsType[*home.Refused](asked); refused {
		asked = nil // it is no device any more
	}
	if failure, ok := errors.AsType[*client.Failure](asked); ok && failure.Code == client.UnknownDevice {
		asked = &client.Failure{Code: client.Unsigned, // nothing proves it
			Text: "the server says, without a proof, that it does not know this device; it may have been removed before"}
	}
	if asked != nil {
		return fmt.Errorf("the key was removed from this computer, but %w. Remove the device in Slack too, with "+
			"/aws-access devices", asked)
	}
	e.say("This computer is no longer one of your devices.")
	return nil
}

// forgetDevice removes the device's key and all keys from this computer. The device's key goes first.
func (e *Env) forgetDevice(ctx context.Context) error {
	h, err := e.Home()
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	return errors.Join(h.Forget(ctx), e.forgetKeys(ctx, As{}))
}

func devicesCommand() Command {
	return Command{
		Name: "devices", Args: "[remove ID]", About: "list your devices, or remove one", max: 2,
		Details: `Lists the computers that can ask for access and use it in your name. With remove and an ID, or the
beginning of one, it removes that device; the grants from which it took keys end.`,
		Examples: []Example{
			{"aws-access devices", "lists your devices; the star marks this computer"},
			{"aws-access devices remove 4Xq1", "removes the device whose ID begins so"},
		},
		new: func() action { return &devices{} },
	}
}

// devices is "devices".
type devices struct{ json bool }

func (d *devices) flags(f *flag.FlagSet) { jsonFlag(f, &d.json) }

func jsonFlag(f *flag.FlagSet, into *bool) {
	f.BoolVar(into, "json", false, "print JSON instead of words for people")
}

func (d *devices) run(ctx context.Context, e *Env, words []string) error {
	if len(words) == 1 || len(words) == 2 && words[0] != "remove" {
		return wrongUse("write aws-access devices, or aws-access devices remove ID")
	}
	c, err := e.Client(ctx, As{})
	if err != nil {
		return err
	}
	list, answer, err := devicesOf(ctx, c)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		return d.print(e, list, clockOf(answer))
	}
	id, err := oneDevice(list, words[1])
	if err != nil {
		return err
	}
	if id == c.Key.Public().Thumbprint() {
		return logout{}.run(ctx, e, nil)
	}
	if answer, err = c.Do(ctx, wire.Payload{Op: wire.Unpair, Device: id}); err != nil {
		return err
	}
	e.say("The device %s was removed.", id)
	if !d.json {
		return nil
	}
	if err := answer.Decode(&list); err != nil {
		return err
	}
	return d.print(e, list, clockOf(answer))
}

func devicesOf(ctx context.Context, c *client.Client) (list wire.DeviceList, answer client.Answer, err error) {
	if answer, err = c.Do(ctx, wire.Payload{Op: wire.Devices}); err != nil {
		return list, answer, err
	}
	return list, answer, answer.Decode(&list)
}

// oneDevice finds the device whose ID begins with a text.
func oneDevice(list wire.DeviceList, text string) (id string, err error) {
	for _, d := range list.Devices {
		if !strings.HasPrefix(d.ID, text) || text == "" {
			continue
		}
		if id != "" {
			return "", wrongUse("more than one device begins with %q; give more of its ID", text)
		}
		id = d.ID
	}
	if id == "" {
		return "", wrongUse("none of your devices begins with %q; aws-access devices lists them", text)
	}
	return id, nil
}

func (d *devices) print(e *Env, list wire.DeviceList, at clock) error {
	if d.json {
		return printJSON(e.Stdout, list)
	}
	rows := [][]string{{"ID", "NAME", "PAIRED", "EXPIRES", ""}}
	for _, device := range list.Devices {
		mark := ""
		if device.This {
			mark = "* this computer"
		}
		rows = append(rows, []string{device.ID, device.Name, at.at(&device.Paired), at.at(&device.Expires), mark})
	}
	table(e.Stdout, rows)
	return nil
}

func whoamiCommand() Command {
	return Command{
		Name: "whoami", About: "say whose device this computer is",
		Details:  `Asks the server whose device this computer is, and until when.`,
		Examples: []Example{{"aws-access whoami", "your name, this device, and the server"}},
		new:      func() action { return &whoami{} },
	}
}

// whoami is "whoami".
type whoami struct{ json bool }

func (w *whoami) flags(f *flag.FlagSet) { jsonFlag(f, &w.json) }

// identity is what whoami prints as JSON.
type identity struct {
	Person wire.Owner       `json:"person"`
	Device *wire.DeviceBody `json:"device,omitempty"`
	URL    string           `json:"url"`
}

func (w *whoami) run(ctx context.Context, e *Env, _ []string) error {
	c, err := e.Client(ctx, As{})
	if err != nil {
		return err
	}
	list, answer, err := devicesOf(ctx, c)
	if err != nil {
		return err
	}
	who := identity{Person: list.Person, URL: c.Server.String()}
	for _, d := range list.Devices {
		if d.ID == c.Key.Public().Thumbprint() {
			who.Device = &d
		}
	}
	if w.json {
		return printJSON(e.Stdout, who)
	}
	rows := [][]string{{"person", who.Person.Name + " (" + who.Person.ID + ")"}, {"server", who.URL}}
	if d := who.Device; d != nil {
		rows = append(rows, []string{"device", strings.TrimSpace(d.ID + " " + d.Name)},
			[]string{"paired until", clockOf(answer).at(&d.Expires)})
	}
	table(e.Stdout, rows)
	return nil
}
