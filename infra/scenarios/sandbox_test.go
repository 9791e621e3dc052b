//go:build deployed

package scenarios

import (
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
)

// startSandbox starts a sandbox with the policy of the repository, whose clock is that of this computer.
func startSandbox(t *testing.T, change ...func(*world.Settings)) *sandboxtest.Sandbox {
	t.Helper()
	realTime := func(s *world.Settings) { s.Start = time.Time{} }
	b := sandboxtest.Start(t, sandboxtest.Policy(t), append([]func(*world.Settings){realTime}, change...)...)
	b.Do("clock", `{"set":"`+time.Now().UTC().Format(time.RFC3339Nano)+`","run":true}`)
	return b
}

// sessions is how many sessions STS has begun.
func sessions(b *sandboxtest.Sandbox) int { return len(b.State().Sessions) }
