package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// kept are the variables that git and Go may see: they say where programs, caches, proxies and certificates
// are. git does not read the configuration in HOME (newCommands), and Go does not either (GOENV=off).
var kept = []string{
	"PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
}

// keptGo are the settings of Go that say where modules come from and where they are kept. Go compares
// downloaded modules with go.sum, and buildAll verifies those in the cache. buildAll replaces GOCACHE.
var keptGo = []string{
	"GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOAUTH", "GOVCS",
	"GOMODCACHE", "GOCACHE",
}

// commands runs git and Go with an environment that does not depend on the user's settings.
type commands struct {
	goCommand string
	env       []string
}

// newCommands also requires that this program was built by the pinned Go version, because compress/gzip may
// write different bytes in another version. git reads no configuration of the user or the computer, which could
// put another repository in place of this one. It reads gitConfig, which newCommands writes with the one setting
// that is needed in a container, where the work tree may belong to another user. Who runs a Makefile in a tree
// trusts it already.
func newCommands(ctx context.Context, pinned, gitConfig string) (*commands, error) {
	if runtime.Version() != pinned {
		return nil, fmt.Errorf("check the Go version: this program was built by %q, and releases are built by %q;"+
			" run `make release`, without GOTOOLCHAIN and GOEXPERIMENT", runtime.Version(), pinned)
	}
	c := &commands{goCommand: os.Getenv("GO")}
	if c.goCommand == "" {
		c.goCommand = "go"
	}
	if err := os.WriteFile(gitConfig, []byte("[safe]\n\tdirectory = *\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration of git: %w", err)
	}
	c.env = []string{"GOTOOLCHAIN=" + pinned, "GOWORK=off", "CGO_ENABLED=0", "LC_ALL=C", "TZ=UTC",
		"GIT_CONFIG_GLOBAL=" + gitConfig, "GIT_CONFIG_NOSYSTEM=1", "GIT_ATTR_NOSYSTEM=1", "GIT_NO_REPLACE_OBJECTS=1"}
	for _, name := range kept {
		if value, ok := os.LookupEnv(name); ok {
			c.env = append(c.env, name+"="+value)
		}
	}
	//nolint:gosec // the Makefile names the Go command
	settings, err := exec.CommandContext(ctx, c.goCommand, append([]string{"env", "-json"}, keptGo...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("read the settings of Go: %w", err)
	}
	values := make(map[string]string)
	if err := json.Unmarshal(settings, &values); err != nil {
		return nil, fmt.Errorf("read the settings of Go: %w", err)
	}
	for _, name := range keptGo {
		c.env = append(c.env, name+"="+values[name])
	}
	// Without GOENV=off an empty variable would mean the value of the user's file.
	c.env = append(c.env, "GOENV=off")
	return c, nil
}

// run returns the output of a program. Its error holds what the program wrote to stderr.
func (c *commands) run(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(append([]string{}, c.env...), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("run %s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return stdout.Bytes(), nil
}

func (c *commands) git(ctx context.Context, dir string, args ...string) (string, error) {
	out, err := c.run(ctx, dir, nil, "git", args...)
	return strings.TrimRight(string(out), "\n"), err
}

func (c *commands) golang(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	return c.run(ctx, dir, env, c.goCommand, args...)
}
