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

	"github.com/aws-access/aws-access/pkg/access"
)

// Who the sandbox is in the AWS that it plays. The number is nobody's usual
// example, so that no policy names it as a target.
const (
	bastion = "640710528431"
	region  = "eu-west-1"
	orgID   = "o-sandbox0001"
)

// settings are what the environment says.
type settings struct {
	Addr          string
	Exposed       bool
	PolicyDir     string // where accounts_from is read
	Policy        []byte
	SigningSecret access.Secret
	Start         time.Time // the zero time for now
	TokenBytes    int       // the least length of a session token; 0 for what awsfake gives
}

// readSettings reads the environment, and reports all of its problems at once.
func readSettings(getenv func(string) string) (settings, error) {
	s := settings{
		Addr:          cmp.Or(getenv("ADDR"), "127.0.0.1:8080"),
		Exposed:       getenv("SANDBOX_EXPOSE") == "1",
		SigningSecret: access.NewSecret(cmp.Or(getenv("SLACK_SIGNING_SECRET"), "sandbox-signing-secret")),
	}
	var wrong []error
	host, _, err := net.SplitHostPort(s.Addr)
	switch {
	case err != nil:
		wrong = append(wrong, fmt.Errorf("ADDR is %q: write host:port, such as 127.0.0.1:8080", s.Addr))
	case !s.Exposed && !loopbackHost(host):
		wrong = append(wrong, fmt.Errorf("ADDR is %q, which others can reach: use 127.0.0.1, or set SANDBOX_EXPOSE=1 if they may do everything here", s.Addr))
	}
	file := cmp.Or(getenv("POLICY"), "policy.yaml")
	s.PolicyDir = filepath.Dir(file)
	if s.Policy, err = os.ReadFile(file); err != nil {
		wrong = append(wrong, fmt.Errorf("POLICY cannot be read: %w", err))
	}
	if text := getenv("SANDBOX_START"); text != "" {
		if s.Start, err = time.Parse(time.RFC3339, text); err != nil {
			wrong = append(wrong, fmt.Errorf("SANDBOX_START is %q: write a time such as 2026-12-31T23:30:00Z", text))
		}
	}
	if text := getenv("SANDBOX_TOKEN_BYTES"); text != "" {
		if s.TokenBytes, err = strconv.Atoi(text); err != nil || s.TokenBytes < 1 || s.TokenBytes > longestToken {
			wrong = append(wrong, fmt.Errorf("SANDBOX_TOKEN_BYTES is %q: write a number from 1 to %d", text, longestToken))
		}
	}
	if getenv("SANDBOX_DYNAMODB") != "" {
		wrong = append(wrong, errors.New("SANDBOX_DYNAMODB is not supported yet: leave it out to use the memory store"))
	}
	return s, joined(wrong)
}

// longestToken is the longest session token that STS gives, in bytes (sts:AssumeRole,
// since September 2026).
const longestToken = 4096

// joined is all problems as one error, one a line; nil if there are none.
func joined(wrong []error) error {
	if len(wrong) == 0 {
		return nil
	}
	lines := make([]string, len(wrong))
	for i, err := range wrong {
		lines[i] = err.Error()
	}
	return errors.New(strings.Join(lines, "\n"))
}
