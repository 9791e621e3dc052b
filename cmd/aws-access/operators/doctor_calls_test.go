package operators

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/wire"
)

// answers is an api that answers everything so.
func answers(status int, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		printf(w, "%s", body)
	})
}

// callBreakages are faults of the command line, and what doctor must report for each. It
// must report nothing else.
var callBreakages = map[string]struct {
	breaks func(c *testDeployment)
	want   []string
	words  []string
	exit   int
}{
	"no answer key": {func(c *testDeployment) { c.keyErr = errors.New("ParameterNotFound") },
		[]string{"answer key problem unreadable"},
		[]string{"the SSM parameter /jit-access/answer-key", "step 4"}, exitProblem},
	"another text as answer key": {func(c *testDeployment) { c.answerKey = "canary" },
		[]string{"answer key problem malformed"}, []string{"P-256", "PKCS #8"}, exitProblem},
	"an address that vend cannot read": {func(c *testDeployment) { c.addressErr = errors.New("AccessDenied") },
		[]string{"address of the command line problem unreadable"},
		[]string{"/jit-access/url", "aws ssm put-parameter", "/v1'"}, exitProblem},
	"an address that somebody changed": {func(c *testDeployment) { c.addresses = []string{"https://evil.example/v1"} },
		[]string{"address of the command line problem other_address"},
		[]string{"https://evil.example/v1", "/v1)", "CloudTrail: PutParameter"}, exitProblem},
	"one address too many": {func(c *testDeployment) { c.addresses = append(c.addresses, "https://old.example/v1") },
		[]string{"address of the command line problem other_address"}, []string{"https://old.example/v1"}, exitProblem},
	"a stack without an address": {func(c *testDeployment) { delete(c.api.outputs, "CommandUrl") },
		[]string{"address of the command line problem no_address"}, []string{"CommandUrl"}, exitProblem},
	"an address of another form": {func(c *testDeployment) {
		c.addresses = []string{"https://Access.example.com/v1"}
		c.api.outputs["CommandUrl"] = c.addresses[0]
	}, []string{"address of the command line problem no_address"}, []string{"https://HOST/v1"}, exitProblem},
	"no concurrency reserved": {func(c *testDeployment) { c.api.reserved = nil },
		[]string{"concurrency of api warning not_reserved"}, []string{"ApiConcurrency", "Service Quotas"}, exitOK},
	"api switched off by hand": {func(c *testDeployment) { c.api.reserved[c.api.names["ApiFunction"]] = 0 },
		[]string{"concurrency of api problem closed"}, []string{"PutFunctionConcurrency"}, exitProblem},
	"another timeout": {func(c *testDeployment) { c.api.set("ApiFunction", "Timeout", 3) },
		[]string{"function api problem changed"}, []string{"its timeout is not 29s"}, exitProblem},
	"a secret named to api": {func(c *testDeployment) {
		c.api.env("ApiFunction")["SLACK_BOT_TOKEN_PARAMETER"] = "/jit-access/slack/bot-token"
	},
		[]string{"function api problem changed"},
		[]string{"SLACK_BOT_TOKEN_PARAMETER, which the product does not set"}, exitProblem},
	"another function behind tick": {func(c *testDeployment) { c.api.env("TickFunction")["CUT_FUNCTION"] = "other" },
		[]string{"functions alike problem other_vend"}, []string{"called by tick"}, exitProblem},
	"another vend behind api": {func(c *testDeployment) { c.api.env("ApiFunction")["VEND_FUNCTION"] = "other" },
		[]string{"functions alike problem not_alike"}, []string{"VEND_FUNCTION"}, exitProblem},
	"another table in api": {func(c *testDeployment) { c.api.env("ApiFunction")["DEVICES_TABLE"] = "other" },
		[]string{"functions alike problem not_alike"}, []string{"DEVICES_TABLE"}, exitProblem},
	"a route that is missing": {func(c *testDeployment) { c.relay = answers(404, `{"message":"Not Found"}`) },
		[]string{"public endpoint of the command line problem no_route"}, nil, exitProblem},
	"api behind a proxy": {func(c *testDeployment) { c.relay = answers(400, `{"code":"wrong_url"}`) },
		[]string{"public endpoint of the command line problem other_address"}, []string{"CommandUrl"}, exitProblem},
	"api without the table": {func(c *testDeployment) { c.relay = answers(503, `{"code":"unavailable"}`) },
		[]string{"public endpoint of the command line problem no_table"}, []string{"api's role"}, exitProblem},
	"api that crashes": {func(c *testDeployment) { c.relay = answers(500, `canary`) },
		[]string{"public endpoint of the command line problem failing"}, []string{"another answer"}, exitProblem},
	"api under a flood": {func(c *testDeployment) { c.relay = answers(429, `{"code":"too_many"}`) },
		[]string{"public endpoint of the command line not checked too_many"}, nil, exitUnchecked},
	"somebody who accepts everything": {func(c *testDeployment) { c.relay = answers(200, `{"sealed":"canary"}`) },
		[]string{"public endpoint of the command line problem open"}, []string{"SECURITY", "Frozen=true"}, exitProblem},
	"an address that nobody answers": {func(c *testDeployment) {
		c.addresses = []string{"http://127.0.0.1:1/v1"}
		c.api.outputs["CommandUrl"] = c.addresses[0]
	}, []string{"public endpoint of the command line problem unreachable"},
		[]string{"its domain leads to the API"}, exitProblem},
}

func TestDoctorNamesEachFaultOfTheCommandLine(t *testing.T) {
	for name, b := range callBreakages {
		t.Run(name, func(t *testing.T) {
			c := newClinic(t, thePolicy(t))
			b.breaks(c)
			r, code := c.doctor("-only", "stack")
			found, told := unhealthy(r)
			if diff := cmp.Diff(b.want, found); diff != "" || code != b.exit {
				t.Errorf("ended with %d, want %d (-want +got)\n%s%s", code, b.exit, diff, told)
			}
			for _, words := range b.words {
				if !strings.Contains(told, words) {
					t.Errorf("%q is not said: %s", words, told)
				}
			}
			told = fmt.Sprint(r.Checks)
			works := !slices.ContainsFunc(b.want, func(w string) bool {
				return strings.HasPrefix(w, "answer key") || strings.HasPrefix(w, "address") || strings.HasPrefix(w, "public")
			})
			if strings.Contains(told, "people and machines use") != works {
				t.Errorf("doctor tells people an address: %v, want %v: %s", !works, works, told)
			}
		})
	}
}

// What doctor prints is what people paste: the address, #, and the thumbprint.
func TestDoctorPrintsTheURLThatPeopleUse(t *testing.T) {
	c := newClinic(t, thePolicy(t))
	thumbprint := func() string {
		keys, err := wire.ParsePrivateKeys(access.NewSecret(c.answerKey))
		c.must(err)
		return keys[0].Public().Thumbprint()
	}
	first := thumbprint()
	text, code := c.read("-only", "stack")
	for _, want := range []string{
		"ok           command line: people and machines use " + c.addresses[0] + "#" + first + "\n",
		"ok           answer key: its thumbprint is " + first + "\n",
		"ok           concurrency of api: at most 20 calls run at once\n",
		"ok           public endpoint of the command line: it refuses a key that is no device\n",
		"ok           table of devices: vend reads it\n",
	} {
		if code != exitOK || !strings.Contains(text, want) {
			t.Errorf("ended with %d, and %q is missing:\n%s", code, want, text)
		}
	}
	next, err := newAnswerKey()
	c.must(err)
	c.answerKey += next
	keys, err := wire.ParsePrivateKeys(access.NewSecret(next))
	c.must(err)
	text, code = c.read("-only", "stack")
	if want := "a rotation to " + keys[0].Public().Thumbprint() + " has begun"; code != exitOK ||
		!strings.Contains(text, want) || !strings.Contains(text, c.addresses[0]+"#"+first) {
		t.Errorf("during a rotation: ended with %d, want %q:\n%s", code, want, text)
	}
}
