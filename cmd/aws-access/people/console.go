package people

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os/exec"
	"regexp"
	"runtime"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/wire"
)

func consoleCommand() Command {
	return Command{
		Name: "console", Args: "ACCOUNT ROLE", About: "open the AWS console", min: 2, max: 2,
		Details: `Opens the AWS console in the browser, with a grant that is active. The browser gets an address of this
computer, which leads to AWS once, so the link stands in no list of processes. On Linux only a browser of the
same user gets it, and the command waits for 3 seconds more. Other systems do not tell whose browser it is, so
there it waits for 30. If the address is fetched a second time meanwhile, somebody else may have the link: the
access is ended, and the exit code is 1, or 3 if it could not be ended. Reloading the address is such a fetch.

With --print it prints the link instead. Anyone who has the link is signed in as you, for 15 minutes after it was
made. Only links to AWS's own sign-in pages are accepted.`,
		Examples: []Example{
			{"aws-access console payments-prod Operator", "opens the browser"},
			{"aws-access console payments-prod Operator --print", "prints the link, such as for a browser elsewhere"},
		},
		new: func() action {
			return &console{link: consoleLink, open: openBrowser, end: endAccess, sameUser: sameUser,
				wait: 2 * time.Minute, stay: 3 * time.Second, stayUnchecked: 30 * time.Second}
		},
	}
}

// console is "console".
type console struct {
	print bool

	link     func(ctx context.Context, e *Env, account, role string) (link wire.Link, sandbox bool, err error)
	open     func(ctx context.Context, address string) error
	end      func(ctx context.Context, e *Env, link wire.Link) error
	sameUser func(peer, local netip.AddrPort) (bool, error)

	wait          time.Duration // for the browser
	stay          time.Duration // after that, to notice a second fetch
	stayUnchecked time.Duration // the same, where the system does not tell who fetched
}

func (c *console) flags(f *flag.FlagSet) {
	f.BoolVar(&c.print, "print", false, "print the link and open nothing")
}

// consoleLink gets a link. The server may be a sandbox, on this computer.
func consoleLink(ctx context.Context, e *Env, account, role string) (wire.Link, bool, error) {
	c, err := e.Client(ctx, As{})
	if err != nil {
		return wire.Link{}, false, err
	}
	answer, err := c.Do(ctx, wire.Payload{Op: wire.Console, Account: account, Role: role})
	if err != nil {
		return wire.Link{}, false, keysError(err)
	}
	if answer.Status == http.StatusAccepted {
		var pending wire.Grant
		if err := answer.Decode(&pending); err != nil {
			return wire.Link{}, false, err
		}
		return wire.Link{}, false, stillPending(pending)
	}
	link, err := answer.Link()
	return link, c.Server.Loopback(), err
}

func (c *console) run(ctx context.Context, e *Env, words []string) error {
	link, sandbox, err := c.link(ctx, e, words[0], words[1])
	if err != nil {
		return err
	}
	if err := checkLink(link.Address, sandbox); err != nil {
		return err
	}
	if c.print {
		if _, err := fmt.Fprintln(e.Stdout, link.Address.Reveal()); err != nil {
			return fmt.Errorf("write the link: %w", err)
		}
		return nil
	}
	return c.inBrowser(ctx, e, link)
}

// endAccess ends the grant by which a link was made. The keys on this computer are removed too.
func endAccess(ctx context.Context, e *Env, link wire.Link) error {
	c, err := e.Client(ctx, As{})
	if err != nil {
		return err
	}
	all, _, err := e.requests(ctx, c, wire.Payload{Op: wire.Status}, As{})
	if err != nil {
		return err
	}
	for _, g := range all.Requests {
		if g.State == string(access.Active) && g.Account == link.Account && g.Role == link.Role {
			if _, err := c.Do(ctx, wire.Payload{Op: wire.End, ID: g.ID}); err != nil {
				return err
			}
		}
	}
	return e.forgetKeys(ctx, As{})
}

// signInHosts are those of AWS's federation endpoints (docs/facts.md#b2). Only they make such links.
var signInHosts = regexp.MustCompile(`^(?:(?:[a-z0-9-]+\.)?signin\.aws\.amazon\.com|signin\.amazonaws-us-gov\.com|` +
	`(?:[a-z0-9-]+\.)?signin\.amazonaws\.cn|signin\.amazonaws-eusc\.eu)$`)

// checkLink refuses a link that leads anywhere but to AWS's sign-in, or to a sandbox on this computer if that
// is the server. The error quotes nothing of it.
func checkLink(link access.Secret, sandbox bool) error {
	text := link.Reveal()
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Fragment != "" || u.Path != "/federation" || u.Query().Get("Action") != "login" ||
		plain(text) != text {
		return errors.New("the link of the server is not one to AWS's sign-in; it was not opened")
	}
	if u.Scheme == "https" && signInHosts.MatchString(u.Host) {
		return nil
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if sandbox && (u.Scheme == "http" || u.Scheme == "https") && (u.Hostname() == "localhost" || err == nil &&
		ip.IsLoopback()) {
		return nil
	}
	return errors.New("the link of the server leads to another host than AWS's sign-in; it was not opened")
}

// browserCommand is the program that opens an address in the browser.
func browserCommand(goos string, find func(string) (string, error)) ([]string, error) {
	programs := map[string][][]string{
		"darwin": {{"open"}}, "windows": {{"rundll32", "url.dll,FileProtocolHandler"}},
	}[goos]
	if programs == nil {
		programs = [][]string{{"wslview"}, {"xdg-open"}} // the first exists in the Linux of Windows only
	}
	for _, p := range programs {
		if path, err := find(p[0]); err == nil {
			return append([]string{path}, p[1:]...), nil
		}
	}
	return nil, errors.New("no program was found that opens a browser; use --print, and open the link yourself")
}

// openBrowser opens an address, and waits for the program that does it: it ends when the browser has the
// address, or goes on as long as the browser.
func openBrowser(ctx context.Context, address string) error {
	line, err := browserCommand(runtime.GOOS, exec.LookPath)
	if err != nil {
		return err
	}
	cmd := exec.Command(line[0], append(line[1:], address)...) //nolint:gosec,noctx // the browser may outlive this command
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("open the browser: %w; use --print", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("open the browser: %s: %w; use --print", line[0], err)
		}
	case <-ctx.Done():
	}
	return nil
}
