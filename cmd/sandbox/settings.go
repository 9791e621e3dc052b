package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/web"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/access"
)

// settings are what the environment says (docs/sandbox.md).
type settings struct {
	addr    string
	exposed bool
	world   world.Settings
}

// readSettings reads the environment. Its error has one line for each problem.
func readSettings(getenv func(string) string) (settings, error) {
	s := settings{
		addr:    cmp.Or(getenv("ADDR"), "127.0.0.1:8080"),
		exposed: getenv("SANDBOX_EXPOSE") == "1",
	}
	s.world.SigningSecret = access.NewSecret(cmp.Or(getenv("SLACK_SIGNING_SECRET"), "sandbox-signing-secret"))
	problems := []error{
		s.checkAddr(),
		s.readPolicy(cmp.Or(getenv("POLICY"), "policy.yaml")),
		s.readStart(getenv("SANDBOX_START")),
		s.readTokenBytes(getenv("SANDBOX_TOKEN_BYTES")),
	}
	if getenv("SANDBOX_DYNAMODB") != "" {
		problems = append(problems,
			errors.New("SANDBOX_DYNAMODB is not supported yet: leave it out to use the memory store"))
	}
	return s, oneLineEach(problems)
}

func (s *settings) checkAddr() error {
	host, _, err := net.SplitHostPort(s.addr)
	switch {
	case err != nil:
		return fmt.Errorf("ADDR is %q: write host:port, such as 127.0.0.1:8080", s.addr)
	case !s.exposed && !web.IsLoopback(host):
		return fmt.Errorf("ADDR is %q, which other computers can reach: use 127.0.0.1, "+
			"or set SANDBOX_EXPOSE=1 if everybody who can reach it may do everything here", s.addr)
	}
	return nil
}

func (s *settings) readPolicy(file string) (err error) {
	s.world.PolicyFile, s.world.PolicyDir = file, filepath.Dir(file)
	if s.world.Policy, err = os.ReadFile(file); err != nil {
		return fmt.Errorf("read POLICY: %w", err)
	}
	return nil
}

func (s *settings) readStart(text string) (err error) {
	if text == "" {
		return nil
	}
	if s.world.Start, err = time.Parse(time.RFC3339, text); err != nil {
		return fmt.Errorf("SANDBOX_START is %q: write a time such as 2026-12-31T23:30:00Z", text)
	}
	return nil
}

func (s *settings) readTokenBytes(text string) (err error) {
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > world.MaxTokenBytes {
		return fmt.Errorf("SANDBOX_TOKEN_BYTES is %q: write a number from 1 to %d", text, world.MaxTokenBytes)
	}
	s.world.TokenBytes = n
	return nil
}

// oneLineEach joins errors, one a line. It is nil if all of them are.
func oneLineEach(problems []error) error {
	var lines []string
	for _, err := range problems {
		if err != nil {
			lines = append(lines, err.Error())
		}
	}
	if lines == nil {
		return nil
	}
	return errors.New(strings.Join(lines, "\n"))
}
