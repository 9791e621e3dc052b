package people

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

func loginCommand() Command {
	return Command{
		Name: "login", Args: "[URL]", About: "pair this computer with yourself in Slack", max: 2,
		Details: `Type /aws-access login in Slack. The answer, which only you see, shows this command with the URL of
your company's server, and a code. The code is asked for without showing it; if standard input
is no terminal, its first line is the code. Nobody else ever asks you for the code.

Without a URL, the one in AWS_ACCESS_URL is taken, or the one of the last login. The part after the #
names the key of the server: answers by any other key are refused.

If no answer came, or one that cannot be trusted, run it again with the same code: it works again on the same
computer for ten minutes. On another computer it removes the device, because somebody else has seen the code.

The device's key stays in AWS_ACCESS_HOME, which is the directory aws-access in your configuration
directory unless you set it (on Windows, in %LocalAppData%). Only you can read it.`,
		Examples: []Example{
			{"aws-access login 'https://access.example.com/v1#THUMBPRINT'", "asks for the code, and pairs this computer"},
		},
		new: func() action { return &login{} },
	}
}

// login is "login".
type login struct{ noFlags }

func (login) run(ctx context.Context, e *Env, words []string) error {
	h, err := e.Home() // it must be usable before a code is used up
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	before, _ := h.Config() // damaged or missing
	server, err := e.loginURL(words, before)
	if err != nil {
		return err
	}
	code, err := e.code(ctx, words, server)
	if err != nil {
		return err
	}
	codeKey, err := code.PublicKey()
	if err != nil {
		return err
	}
	old, _ := h.Key() // damaged or missing
	key, again, err := h.NewKey(ctx, codeKey)
	if err != nil {
		return err
	}
	c := e.bareClient(server, key)
	paired, err := e.pair(ctx, h, c, code, again)
	if err != nil {
		return err
	}
	// What follows must not be stopped half way.
	ctx = context.WithoutCancel(ctx)
	kept := home.Config{Server: c.Server, NextKey: c.NextKey, Person: paired.Person.Name, CodeKey: codeKey}
	switch err := h.Pair(ctx, key, kept); {
	case again: // the same device with the same key, which stays whatever became of the file
		return err
	case err != nil:
		return e.unkept(ctx, h, c, err)
	}
	if thumbprint := old.Public().Thumbprint(); thumbprint != "" && thumbprint != key.Public().Thumbprint() &&
		before.Server.Address == server.Address {
		e.removeOld(ctx, c, thumbprint)
	}
	return e.forgetKeys(ctx, As{})
}

// busy is the code of the refusal after which the same call may be carried out.
const busy = "busy"

// pair makes the call, and says whose device this computer becomes, or already is. If the server has
// refused the pairing, its key is of no use any more; after any other failure, the same code works again.
func (e *Env) pair(ctx context.Context, h *home.Home, c *client.Client, code wire.PairingCode, again bool) (
	paired wire.Paired, err error,
) {
	answer, err := c.Pair(ctx, code, deviceName(os.Hostname))
	if refused, ok := errors.AsType[*home.Refused](err); ok && refused.Code != busy {
		return paired, errors.Join(err, h.DropNewKey(context.WithoutCancel(ctx)))
	}
	if err == nil {
		err = answer.Decode(&paired)
	}
	if err != nil {
		return paired, fmt.Errorf("%w. The code may have been used; the same code works again on this computer", err)
	}
	is := "This computer becomes a device of"
	if again {
		is = "This computer is paired by this code already. It is a device of"
	}
	e.say("%s %s (%s), until %s.", is, paired.Person.Name, paired.Person.ID, clockOf(answer).at(&paired.Expires))
	return paired, nil
}

// loginURL returns the URL of the server.
func (e *Env) loginURL(words []string, before home.Config) (wire.URL, error) {
	text := e.Getenv(urlVariable)
	switch {
	case len(words) > 0:
		text = words[0]
	case text == "" && before.Server.Address != "":
		return before.Server, nil
	case text == "":
		return wire.URL{}, wrongUse("give the URL that /aws-access login shows in Slack")
	}
	server, err := wire.ParseURL(text)
	if err != nil {
		return wire.URL{}, wrongUse("%v", err)
	}
	return server, nil
}

// code returns the pairing code. It is an argument only for a server on this computer: other people
// can see arguments, and shells keep them.
func (e *Env) code(ctx context.Context, words []string, server wire.URL) (wire.PairingCode, error) {
	var typed access.Secret
	var err error
	switch {
	case len(words) < 2:
		typed, err = e.Secret(ctx, "The code from Slack (it is not shown): ")
	case server.Loopback():
		typed = access.NewSecret(words[1])
	default:
		err = wrongUse("the code must not stand on the command line, where others can see it. Type /aws-access login in " +
			"Slack for a new one, and give it when you are asked")
	}
	if err != nil {
		return wire.PairingCode{}, err
	}
	code, err := wire.ParsePairingCode(typed)
	if err != nil {
		return code, wrongUse("%v", err)
	}
	return code, nil
}

// unkept takes back a pairing whose key could not be stored.
func (e *Env) unkept(ctx context.Context, h *home.Home, c *client.Client, cause error) error {
	_ = h.DropNewKey(ctx) // without the device it is of no use
	_, err := c.Do(ctx, wire.Payload{Op: wire.Unpair, Device: c.Key.Public().Thumbprint()})
	if err != nil {
		return fmt.Errorf("%w. The device could not be removed again; remove it in Slack, with /aws-access devices", cause)
	}
	return fmt.Errorf("%w. The device was removed again; log in with a new code", cause)
}

// removeOld removes the device that this computer was before.
func (e *Env) removeOld(ctx context.Context, c *client.Client, thumbprint string) {
	_, err := c.Do(ctx, wire.Payload{Op: wire.Unpair, Device: thumbprint})
	_, refused := errors.AsType[*home.Refused](err) // it is not a device of this person
	if err != nil && !refused {
		e.say("The earlier pairing of this computer could not be removed; remove it in Slack, with /aws-access devices.")
	}
}

// readSecret is Env.Secret.
func (e *Env) readSecret(ctx context.Context, prompt string) (access.Secret, error) {
	file, isFile := e.Stdin.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(e.Stdin, 4<<10)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return access.Secret{}, fmt.Errorf("read the code from standard input: %w", err)
		}
		return access.NewSecret(strings.TrimSpace(line)), nil
	}
	fd := int(file.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return access.Secret{}, fmt.Errorf("read the code: %w", err)
	}
	type read struct {
		text []byte
		err  error
	}
	done := make(chan read, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		done <- read{text, err}
	}()
	waitForChange(fd, before, func() bool { return len(done) > 0 }) // or a code that is pasted at once would be shown
	printf(e.Stderr, "%s", prompt)
	select {
	case r := <-done:
		printf(e.Stderr, "\n")
		if r.err != nil {
			return access.Secret{}, fmt.Errorf("read the code: %w", r.err)
		}
		return access.NewSecret(string(r.text)), nil
	case <-ctx.Done(): // Ctrl-C: the terminal must show again what is typed
		_ = term.Restore(fd, before)
		printf(e.Stderr, "\n")
		return access.Secret{}, ctx.Err()
	}
}

// waitForChange waits until the terminal has left a state, which takes microseconds, or a line was typed
// ahead. It does not wait for ever, because the terminal may have hidden before what is typed.
func waitForChange(fd int, before *term.State, read func() bool) {
	for began := time.Now(); !read() && time.Since(began) < time.Second; time.Sleep(time.Millisecond) {
		now, err := term.GetState(fd)
		if err != nil || !reflect.DeepEqual(now, before) {
			return
		}
	}
}

// deviceName is what the computer is called, in the form of the wire; "" if it has no such name.
func deviceName(hostname func() (string, error)) string {
	name, err := hostname()
	if err != nil {
		return ""
	}
	name = strings.TrimSuffix(name, ".local")
	name = strings.Map(func(c rune) rune {
		if isASCIIWord(c) || strings.ContainsRune("._- ", c) {
			return c
		}
		return -1
	}, name)
	return strings.Trim(name[:min(len(name), 64)], "._- ")
}
