//go:build deployed

package scenarios

import (
	"os"
	"testing"
)

const (
	region  = "eu-west-1"
	bastion = "640710528431" // of the sandbox

	// Accounts of policy.yaml.
	production  = "111111111111" // payments-prod
	development = "222222222222" // payments-dev
	builds      = "332000000000" // where the role Build stands
)

// program returns the path of a program, which run.sh passes in a variable of the environment. The test
// fails if it is missing; it is never skipped.
func program(t *testing.T, name string) string {
	t.Helper()
	path := os.Getenv(name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s: %v. Run these tests with infra/scenarios/run.sh", name, err)
	}
	return path
}

func command(t *testing.T) string { return program(t, "SCENARIOS_COMMAND") }
func aws2(t *testing.T) string    { return program(t, "SCENARIOS_AWS2") }
func aws1(t *testing.T) string    { return program(t, "SCENARIOS_AWS1") }
