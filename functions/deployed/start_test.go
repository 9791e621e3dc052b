package deployed_test

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/config"
)

// wrongValues holds an invalid value for each variable. The canary in it must not be
// shown. docs/configuration.md says what the variables mean.
var wrongValues = map[string]string{
	"AWS_REGION": "canary", "BASTION_ACCOUNT": "canary-12345678901", "TABLE": "ca:nary", "POLICY": "nowhere/canary",
	"SLACK_TEAM": "canary", "SLACK_ENTERPRISE": "canary", "SLACK_BOT_TOKEN_PARAMETER": "xoxb-canary",
	"SLACK_SIGNING_SECRET_PARAMETER": "canary",
	"VEND_FUNCTION":                  "no such/canary", "CUT_FUNCTION": "no such/canary",
	"EXTERNAL_ID_PARAMETER": "/other/canary",
	"CONSOLE_ISSUER":        "http://canary", "EXACT_EXPIRY": "canary", "DEVICES_TABLE": "ca:nary",
	"URL_PARAMETER":        "https://canary",
	"ANSWER_KEY_PARAMETER": "canary",
	"AWS_ENDPOINT_URL":     "https://canary.example.com", "AWS_ENDPOINT_URL_DYNAMODB": "http://10.0.0.1/canary",
	"AWS_ENDPOINT_URL_SSM":    "http://127.0.0.1.canary.example.com",
	"AWS_ENDPOINT_URL_LAMBDA": "http://localhost@canary.example.com",
	"AWS_ENDPOINT_URL_STS":    "http://169.254.169.254/canary",
	"SLACK_API_URL":           "https://slack.com.canary.example/api", "SIGNIN_URL": "http://0.0.0.0/canary",
}

// mayBeMissing reports whether a variable may be missing or empty.
func mayBeMissing(name string) bool {
	return name == "SLACK_ENTERPRISE" || name == "SLACK_API_URL" || name == "SIGNIN_URL" ||
		strings.HasPrefix(name, "AWS_ENDPOINT_URL")
}

// readBy reports whether a function reads a variable.
func readBy(function, name string) bool {
	listed := false // with some function; the others are for all
	for _, f := range config.Functions {
		if slices.Contains(f.Variables, name) {
			if string(f.Name) == function {
				return true
			}
			listed = true
		}
	}
	return !listed
}

// Each function names in one line the variables that are missing or invalid, without
// their values, and does not start.
func TestAnInvalidConfigurationStopsEachFunction(t *testing.T) {
	t.Parallel()
	for function := range functions {
		t.Run(function, func(t *testing.T) {
			t.Parallel()
			good := complete(function)
			if said, asked := start(t, function, good); !asked {
				t.Fatalf("it does not start with everything right: %s", said)
			}
			for name, wrong := range wrongValues {
				for how, value := range map[string]*string{"missing": nil, "empty": new(string), "wrong": &wrong} {
					env := maps.Clone(good)
					delete(env, name)
					if value != nil {
						env[name] = *value
					}
					refused := readBy(function, name) && (how == "wrong" || !mayBeMissing(name))
					said, asked := start(t, function, env)
					if refused {
						oneLine(t, function+" with "+name+" "+how, said, name)
					}
					if asked == refused {
						t.Errorf("%s with %s %s: started %v, want %v; it said %s", function, name, how, asked, !refused, said)
					}
				}
			}
		})
	}
}

// All problems are named together.
func TestEveryProblemIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	for function := range functions {
		said, asked := start(t, function, map[string]string{"SLACK_API_URL": wrongValues["SLACK_API_URL"]})
		if asked {
			t.Errorf("%s starts with nothing at all", function)
		}
		var names []string
		for name := range wrongValues {
			if readBy(function, name) && (!mayBeMissing(name) || name == "SLACK_API_URL") {
				names = append(names, name)
			}
		}
		oneLine(t, function, said, names...)
	}
}

// oneLine checks the output of a function that did not start.
func oneLine(t *testing.T, what, said string, names ...string) {
	t.Helper()
	if strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "configuration: ") || strings.Contains(said, "canary") {
		t.Errorf("%s: it said %q, want one line about the configuration, without a value", what, said)
	}
	for _, name := range names {
		if !strings.Contains(said, name+" ") {
			t.Errorf("%s: it does not name %s: %s", what, name, said)
		}
	}
}

// complete returns an environment with which a function starts.
func complete(function string) map[string]string {
	env := map[string]string{"AWS_REGION": region, "BASTION_ACCOUNT": bastion}
	for name, value := range map[string]string{
		"TABLE": "aws-access", "POLICY": "policy.compiled", "SLACK_TEAM": "T0SANDBOX", "SLACK_BOT_TOKEN_PARAMETER": tokenAt,
		"SLACK_SIGNING_SECRET_PARAMETER": signingAt, "VEND_FUNCTION": "aws-access-vend",
		"CUT_FUNCTION": "aws-access-cut", "EXTERNAL_ID_PARAMETER": externAt,
		"CONSOLE_ISSUER": "https://access.example.com/", "EXACT_EXPIRY": "off",
		"DEVICES_TABLE": "devices", "URL_PARAMETER": urlAt,
		"ANSWER_KEY_PARAMETER": answerAt,
	} {
		if readBy(function, name) {
			env[name] = value
		}
	}
	return env
}

// start runs the binary of a function until it ends or asks the Runtime API for work.
// said is its output on stderr.
func start(t *testing.T, function string, env map[string]string) (said string, asked bool) {
	t.Helper()
	dir, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	asks, gone := make(chan bool, 8), make(chan struct{})
	var ended error
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		asks <- true
		<-req.Context().Done() // there is no work
	}))
	defer api.Close()
	run := exec.Command(filepath.Join(dir, function, "bootstrap"))
	run.Dir = filepath.Join(dir, function)
	run.Env = []string{"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(api.URL, "http://")}
	for name, value := range env {
		run.Env = append(run.Env, name+"="+value)
	}
	var stderr, stdout bytes.Buffer
	run.Stderr, run.Stdout = &stderr, &stdout
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		ended = run.Wait()
		close(gone)
	}()
	patience := time.NewTimer(20 * time.Second)
	defer patience.Stop()
	select {
	case <-asks:
		asked = true
		_ = run.Process.Kill()
		<-gone
	case <-gone:
		var exit *exec.ExitError
		if !errors.As(ended, &exit) || exit.ExitCode() == 0 {
			t.Errorf("%s ended with %v, want a code other than 0", function, ended)
		}
	case <-patience.C:
		_ = run.Process.Kill()
		<-gone
		t.Errorf("%s neither starts nor ends", function)
	}
	if stdout.Len() > 0 && !asked {
		t.Errorf("%s wrote to stdout: %s", function, stdout.String())
	}
	return stderr.String(), asked
}
