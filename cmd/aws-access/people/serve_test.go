package people

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/home"
)

// served is a serve that runs.
type served struct {
	*localEnv
	stop func() int
}

// startServe starts serve and waits until it has printed the variables of n names.
func startServe(t *testing.T, keys func(context.Context, Target) (home.Keys, error), n int, args ...string) *served {
	t.Helper()
	s := &served{localEnv: localDesk(keys)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- serveCommand().Run(ctx, s.Env, args) }()
	s.stop = func() int { cancel(); return <-ended }
	for strings.Count(s.out.String(), "\n") < 3*n {
		select {
		case code := <-ended:
			t.Fatalf("serve ended with %d: %s", code, s.words.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
	return s
}

var servedLines = regexp.MustCompile(`^# one\nAWS_CONTAINER_CREDENTIALS_FULL_URI=(http://127\.0\.0\.1:\d+/one)\n` +
	`AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=(/.*/one)\n# two\nAWS_CONTAINER_CREDENTIALS_FULL_URI=` +
	`(http://127\.0\.0\.1:\d+/two)\nAWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=(/.*/two)\n$`)

// byRole returns keys whose id is that of the role.
func byRole(_ context.Context, t Target) (home.Keys, error) {
	k := localKeys(1, time.Now().Add(time.Hour))
	k.Account, k.Credentials.AccessKeyID = "222222222222", "ASIA"+strings.ToUpper(t.Account)+t.Role
	return k, nil
}

// Real SDKs find the keys by the two variables that are printed, each those of its own role.
func TestProgramsGetTheRoleOfTheirVariables(t *testing.T) {
	onlyMine(t)
	t.Setenv("AWS_REGION", "eu-north-1")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	s := startServe(t, byRole, 2, "--map", "one=a=/b/Operator", "--map", "two=prod/Deploy")
	m := servedLines.FindStringSubmatch(s.out.String())
	if m == nil {
		t.Fatalf("printed %q", s.out.String())
	}
	for i, want := range []string{"ASIAA=/BOperator", "ASIAPRODDeploy"} {
		t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", m[1+2*i])
		t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", m[2+2*i])
		out, err := exec.Command(sdkProgram(t)[0]).CombinedOutput()
		if err != nil || string(out) != strings.Repeat(want+" hush-secret hush-token eu-north-1 222222222222\n", 2) {
			t.Errorf("Go SDK: %s, %v", out, err)
		}
	}
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", m[1])
	out, err := exec.Command(sdkProgram(t)[0]).CombinedOutput() // with the token of the other
	if err != nil || !strings.Contains(string(out), "WrongToken") || strings.Contains(string(out), "hush") {
		t.Errorf("Go SDK with another token: %s, %v", out, err)
	}
	if code := s.stop(); code != 0 {
		t.Errorf("serve ended with %d: %s", code, s.words.String())
	}
	if left, _ := os.ReadDir(tmp); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestBotocoreGetsKeysFromServe(t *testing.T) {
	line := botocoreProgram(t)
	onlyMine(t)
	s := startServe(t, byRole, 1, "--map", "one=prod/Deploy", "--tokens", t.TempDir())
	for line := range strings.Lines(s.out.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			t.Setenv(name, value)
		}
	}
	out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
	if want := strings.Repeat("ASIAPRODDeploy hush-secret hush-token None\n", 2); err != nil || string(out) != want {
		t.Errorf("%s, %v", out, err)
	}
	if code := s.stop(); code != 0 {
		t.Error(code)
	}
}

func TestASecondProgramReadsWhyItGetsNoKeys(t *testing.T) {
	onlyMine(t)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	s := startServe(t, noAccess, 1, "--map", "one=prod/Deploy")
	for line := range strings.Lines(s.out.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			t.Setenv(name, value)
		}
	}
	out, err := exec.Command(sdkProgram(t)[0]).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "no_grant: You have no access. Ask for it.") {
		t.Errorf("%s, %v", out, err)
	}
	s.stop()
	if !strings.Contains(s.words.String(), "aws-access serve: keys for one: You have no access. Ask for it.\n") {
		t.Errorf("said %q", s.words.String())
	}
}

func TestAWrongServeIsRefused(t *testing.T) {
	ok := []string{"--map", "one=prod/Deploy"}
	for want, args := range map[string][]string{
		"it needs --map":                        nil,
		"write NAME=ACCOUNT/ROLE":               {"--map", "one"},
		"write NAME=ACCOUNT/ROLE;":              {"--map", "one=prod/"},
		"a name has 1 to 64":                    {"--map", "../x=prod/Deploy"},
		"the name stands twice":                 append([]string{"--map", "ONE=prod/Read"}, ok...),
		"only loopback addresses":               append([]string{"--address", "0.0.0.0"}, ok...),
		"listen on ::: only loopback addresses": append([]string{"--address", "[::]:80"}, ok...),
		"10.0.0.1: only loopback":               append([]string{"--address", "10.0.0.1:80"}, ok...),
		`"localhost" is no address`:             append([]string{"--address", "localhost"}, ok...),
	} {
		e := localDesk(byRole)
		if code := serveCommand().Run(t.Context(), e.Env, args); code != 2 || !strings.Contains(e.words.String(), want) {
			t.Errorf("%v: %d %q, want %q", args, code, e.words.String(), want)
		}
	}
	e := localDesk(byRole)
	missing := filepath.Join(t.TempDir(), "missing")
	if code := serveCommand().Run(t.Context(), e.Env, append(ok, "--tokens", missing)); code != 3 ||
		!strings.Contains(e.words.String(), "open the directory for tokens") {
		t.Errorf("%d %q", code, e.words.String())
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Error("the directory was made")
	}
}
