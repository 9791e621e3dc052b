package people

import (
	"context"
	"flag"
	"io"
	"os"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/home"
)

// Env is what a command has. Tests give it other parts.
type Env struct {
	Stdin  io.Reader
	Stdout io.Writer // for data
	Stderr io.Writer // for words
	Getenv func(string) string
	Now    func() time.Time

	// Home opens the directory of the command. The caller closes it.
	Home func() (*home.Home, error)
	// Client returns a client that calls for this computer's device, or for a machine. Within a process
	// it is the same one for the same caller.
	//
	// Errors: home.ErrNotPaired.
	Client func(ctx context.Context, as As) (*client.Client, error)
	// Keys returns keys of a session, from the cache or by one call. Where the policy asks nobody and the
	// target has a reason, it asks for access first.
	//
	// Errors: *home.Refused.
	Keys func(ctx context.Context, t Target) (home.Keys, error)
	// Secret asks for a text that is not shown while it is typed.
	Secret func(ctx context.Context, prompt string) (access.Secret, error)
	// Pause waits while a request is pending.
	Pause func(ctx context.Context, d time.Duration) error

	callers   callers
	cacheWait time.Duration // for another process that vends; 0 for the cache's own limit
}

// NewEnv returns what the program itself has.
func NewEnv(stdin io.Reader, stdout, stderr io.Writer) *Env {
	e := &Env{Stdin: stdin, Stdout: stdout, Stderr: stderr, Getenv: os.Getenv, Now: time.Now}
	e.Home = e.openHome
	e.Client = e.newClient
	e.Keys = e.keys
	e.Secret = e.readSecret
	e.Pause = client.Sleep
	return e
}

func (e *Env) openHome() (*home.Home, error) {
	dir, err := home.Dir(e.Getenv)
	if err != nil {
		return nil, err
	}
	return home.Open(dir)
}

// As says as which caller a command calls: the zero value as this computer's device.
type As struct {
	Machine string // aws, github or oidc; "" for a person
	URL     string // of the server, with the thumbprint; only for machines
}

// flags declares the flags of commands that a machine may use.
func (a *As) flags(f *flag.FlagSet) {
	f.StringVar(&a.Machine, "as", "", "be a machine: `aws|github|oidc`")
	f.StringVar(&a.URL, "url", "", "`URL` of the server, for a machine; else AWS_ACCESS_URL")
}

// words are the flags with which a command line is that of the same caller.
func (a As) words() string {
	if a.Machine == "" {
		return ""
	}
	return "--as " + shellWord(a.Machine) + " "
}

// Target says which keys are wanted.
type Target struct {
	Account  string // id or name
	Role     string
	Reason   string        // to ask with, where the policy asks nobody; may be empty
	Lifetime time.Duration // shortens what is printed and kept; 0 does not
	As       As
	Waits    bool // say on standard error that a request is waited for
	// Cache keeps the keys instead of the person's own cache. A machine has none but that which its exec
	// or serve has made (machineCache).
	Cache *home.Cache
}
