package deployed_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/config"
)

// A function starts only with a policy that was compiled for its bastion account.
func TestAnInvalidPolicyStopsEachFunction(t *testing.T) {
	t.Parallel()
	for function := range functions {
		if !config.SpecOf(config.Function(function)).HasPolicy() {
			continue
		}
		for what, c := range map[string]struct{ name, value, says string }{
			"not a policy":                 {"POLICY", "bootstrap", "compiled policy"},
			"a directory":                  {"POLICY", ".", "POLICY cannot be read"},
			"grants in the bastion itself": {"BASTION_ACCOUNT", "111111111111", "bastion"},
		} {
			env := maps.Clone(complete(function))
			env[c.name] = c.value
			said, asked := start(t, function, env)
			if oneLine(t, function+" with "+what, said); asked || !strings.Contains(said, c.says) {
				t.Errorf("%s with %s: started %v, and said %s", function, what, asked, said)
			}
		}
	}
}
