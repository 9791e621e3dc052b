package people

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

// The variables of a pipeline whose token a program gets.
const (
	tokenCommand  = "AWS_ACCESS_OIDC_COMMAND" //nolint:gosec // the name of a variable
	tokenAudience = "AWS_ACCESS_AUDIENCE"
)

// machines are the values of --as.
var machines = []string{"aws", "github", "oidc"}

// machineClient makes the client of a machine, with a key for this process alone. Its server's keys are
// not kept: the URL is in the configuration of the pipeline.
func (e *Env) machineClient(ctx context.Context, as As) (*client.Client, error) {
	if !slices.Contains(machines, as.Machine) {
		return nil, wrongUse("--as %q is not known; write aws, github or oidc", as.Machine)
	}
	text := as.URL
	if text == "" {
		text = e.Getenv(urlVariable)
	}
	if text == "" {
		return nil, wrongUse("a machine needs the URL of the server: give --url, or set %s", urlVariable)
	}
	server, err := wire.ParseURL(text)
	if err != nil {
		return nil, wrongUse("%v", err)
	}
	key, err := wire.NewPrivateKey()
	if err != nil {
		return nil, err
	}
	c := e.bareClient(server, key)
	switch as.Machine {
	case "aws":
		c.Identity, err = client.FindAWS(ctx, e.Getenv)
	case "github":
		c.Identity, err = client.GitHub(e.Getenv, c.HTTP)
	case "oidc":
		c.Identity, err = e.tokenOfCommand()
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// tokenOfCommand returns the identity of a pipeline whose token a program prints. The audience has the
// thumbprint of this process's key, so a token in a variable or a file could not have it.
func (e *Env) tokenOfCommand() (client.Identity, error) {
	line := e.Getenv(tokenCommand)
	if line == "" {
		return nil, wrongUse("--as oidc needs %s: a command that prints a token for the audience in the variable %s",
			tokenCommand, tokenAudience)
	}
	return &client.Token{Fetch: func(ctx context.Context, audience string) (access.Secret, error) {
		return runTokenCommand(ctx, line, audience)
	}}, nil
}

// Limits of the program that prints a token.
const (
	tokenTimeout = 30 * time.Second
	maxTokenText = 16 << 10
)

// runTokenCommand runs a program by the shell, as the SDKs run a credential_process. What it prints goes
// nowhere but into a call.
func runTokenCommand(ctx context.Context, line, audience string) (access.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	shell := []string{"sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd.exe", "/C"}
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, shell[0], shell[1], line)
	cmd.Env = append(os.Environ(), tokenAudience+"="+audience)
	cmd.Stdout = &out
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	token := strings.TrimSpace(out.String())
	switch {
	case err != nil:
		return access.Secret{}, &client.Failure{Code: client.NoProof,
			Text: "this machine cannot prove who it is: the command in " + tokenCommand + " failed"}
	case token == "" || len(token) > maxTokenText:
		return access.Secret{}, &client.Failure{Code: client.NoProof,
			Text: "this machine cannot prove who it is: the command in " + tokenCommand + " printed no token"}
	}
	if parts := strings.Split(token, "."); len(parts) != 3 || strings.ContainsAny(token, " \t\r\n") {
		return access.Secret{}, &client.Failure{Code: client.NoProof,
			Text: "this machine cannot prove who it is: what the command in " + tokenCommand + " printed is no token. A token " +
				"is one line of three parts with dots between them; print nothing else"}
	}
	return access.NewSecret(token), nil
}

// machineCache makes a cache for the keys of a machine, in a directory of its own. The caller removes it
// by close.
func (e *Env) machineCache() (cache *home.Cache, closeCache func(), err error) {
	dir, err := os.MkdirTemp("", "aws-access-")
	if err != nil {
		return nil, nil, err
	}
	remove := func() { _ = os.RemoveAll(dir) }
	h, err := home.Open(dir)
	if err != nil {
		remove()
		return nil, nil, err
	}
	if cache, err = e.cacheOf(h); err != nil {
		_ = h.Close()
		remove()
		return nil, nil, err
	}
	return cache, func() { _, _ = cache.Close(), h.Close(); remove() }, nil
}
