//go:build unix

package people

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/home"
)

// runExec runs exec within this process, with the built command in the profile of the program.
func runExec(t *testing.T, e *localEnv, as As, program string, line ...string) int {
	t.Helper()
	c := execCommand()
	c.new = func() action {
		return &execute{environ: os.Environ, program: func() (string, error) { return program, nil }}
	}
	t.Setenv("TMPDIR", t.TempDir())
	args := []string{"payments-prod", "Operator"}
	if as.Machine != "" {
		args = append(args, "--as", as.Machine)
	}
	code := c.Run(t.Context(), e.Env, append(append(args, "--"), line...))
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("left in the directory for temporary files: %v", left)
	}
	return code
}

var foreign = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION",
	"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "AWS_BEARER_TOKEN_BEDROCK", "AWS_VAULT",
	"AWS_ACCESS_OIDC_COMMAND", "AWS_ACCESS_AUDIENCE", "AWS_SSO_SESSION", "BUILDKITE_AGENT_ACCESS_TOKEN",
}

func TestAProgramSeesNoOtherCredentials(t *testing.T) {
	onlyMine(t)
	for _, name := range append([]string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE",
		"AWS_SHARED_CREDENTIALS_FILE",
		"AWS_EC2_METADATA_DISABLED"}, foreign...) {
		t.Setenv(name, "foreign")
	}
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
	t.Setenv("AWS_MAX_ATTEMPTS", "7")
	e := localDesk(counted(time.Hour))
	if code := runExec(t, e, As{}, "/opt/aws access", "env"); code != 0 {
		t.Fatalf("%d: %s", code, e.words.String())
	}
	got := make(map[string]string)
	for line := range strings.Lines(e.out.String()) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if other, twice := got[name]; twice {
			t.Errorf("%s is set twice: %s, %s", name, other, value)
		}
		got[name] = value
	}
	for name, value := range got {
		if value == "foreign" || slices.Contains(foreign, name) {
			t.Errorf("the program sees %s=%s", name, value)
		}
	}
	dir := filepath.Dir(got["AWS_CONFIG_FILE"])
	for name, want := range map[string]string{
		"AWS_PROFILE": "default", "AWS_DEFAULT_PROFILE": "default", "AWS_REGION": "eu-central-1",
		"AWS_DEFAULT_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "7",
		"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials"),
		"HOME": os.Getenv("HOME"), "PATH": os.Getenv("PATH"),
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

func TestTheConfigurationOfAProgramHoldsNoSecret(t *testing.T) {
	onlyMine(t)
	t.Setenv("AWS_DEFAULT_REGION", "eu-west-1") // the caller's choice
	for as, command := range map[As]string{
		{}:               `"/opt/aws access" credential-process 111111111111 Operator`,
		{Machine: "aws"}: `"/opt/aws access" exec-keys DIR/parent`,
	} {
		e := localDesk(counted(time.Hour))
		code := runExec(t, e, as, "/opt/aws access", "sh", "-c", `d=$(dirname "$AWS_CONFIG_FILE"); echo "$d"; ls -A "$d"
			stat -c %a "$d" "$d"/*; wc -c < "$AWS_SHARED_CREDENTIALS_FILE"; cat "$AWS_CONFIG_FILE"`)
		out := e.out.String()
		dir, rest, _ := strings.Cut(out, "\n")
		want := "config\ncredentials\n700\n600\n600\n0\n"
		if as.Machine != "" {
			want = "config\ncredentials\nparent\n700\n600\n600\n600\n0\n"
		}
		want += "[default]\ncredential_process = " + strings.Replace(command, "DIR", dir, 1) + "\nregion = eu-west-1\n"
		if code != 0 || rest != want || strings.Contains(out, "hush") {
			t.Errorf("%+v: %d %q, want %q", as, code, rest, want)
		}
	}
}

func TestTheExitCodeIsThatOfTheProgram(t *testing.T) {
	onlyMine(t)
	notExecutable := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(notExecutable, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte("no program"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		line  []string
		code  int
		words string
	}{
		"success":          {[]string{"true"}, 0, ""},
		"a code":           {[]string{"sh", "-c", "exit 7"}, 7, ""},
		"the largest code": {[]string{"sh", "-c", "exit 255"}, 255, ""},
		"SIGTERM":          {[]string{"sh", "-c", "kill -TERM $$"}, 143, ""},
		"SIGKILL":          {[]string{"sh", "-c", "kill -KILL $$"}, 137, ""},
		"not in PATH": {[]string{"no-such-program-here"}, 127,
			"aws-access exec: no-such-program-here was not found in PATH\n"},
		"not there": {[]string{"/no/such"}, 127, "aws-access exec: /no/such was not found there\n"},
		"a directory": {[]string{"/tmp"}, 126,
			"aws-access exec: /tmp cannot be run: it is a directory, or not executable\n"},
		"not executable": {[]string{notExecutable}, 126,
			"aws-access exec: " + notExecutable + " cannot be run: it is a directory, or not executable\n"},
		"no program": {[]string{broken}, 126, "aws-access exec: run " + broken + ": fork/exec " + broken +
			": exec format error\n"},
		"none": {nil, 2,
			"aws-access exec: write the program to run after --, as in aws-access exec ACCOUNT ROLE -- aws s3 ls\n"},
		"an empty name": {[]string{""}, 2,
			"aws-access exec: write the program to run after --, as in aws-access exec ACCOUNT ROLE -- aws s3 ls\n"},
	} {
		e := localDesk(counted(time.Hour))
		if code := runExec(t, e, As{}, "/opt/x", c.line...); code != c.code || e.words.String() != c.words {
			t.Errorf("%s: %d %q", name, code, e.words.String())
		}
	}
}

func TestARefusalStartsNothing(t *testing.T) {
	onlyMine(t)
	for _, as := range []As{{}, {Machine: "aws"}} {
		mark := filepath.Join(t.TempDir(), "mark")
		e := localDesk(noAccess)
		code := runExec(t, e, as, "/opt/x", "touch", mark)
		if _, err := os.Stat(mark); code != 1 || !errors.Is(err, os.ErrNotExist) ||
			e.words.String() != "aws-access exec: You have no access. Ask for it.\n" {
			t.Errorf("%+v: %d %q, %v", as, code, e.words.String(), err)
		}
	}
	e := localDesk(func(ctx context.Context, to Target) (home.Keys, error) {
		t.Error("keys were got for nothing")
		return noAccess(ctx, to)
	})
	if code := runExec(t, e, As{}, "/opt/x", "no-such-program-here"); code != 127 {
		t.Error(code)
	}
}

// The program's SDK asks the process that holds the machine's identity, and renews.
func TestAMachinesProgramGetsKeysThatRenew(t *testing.T) {
	onlyMine(t)
	command := built(t)
	for name, line := range map[string][]string{"Go SDK": sdkProgram(t), "botocore": botocoreProgram(t)} {
		e := localDesk(counted(2 * time.Hour))
		if code := runExec(t, e, As{Machine: "aws"}, command, line...); code != 0 {
			t.Fatalf("%s: %d %s", name, code, e.words.String())
		}
		want := regexp.MustCompile(`^ASIALOCALKEY0002 hush-secret hush-token eu-central-1( 111111111111)?\n` +
			`ASIALOCALKEY0003 hush-secret hush-token eu-central-1( 111111111111)?\n$`)
		if !want.MatchString(e.out.String()) {
			t.Errorf("%s: %q, %s", name, e.out.String(), e.words.String())
		}
	}
}

func TestAMachinesProgramReadsWhyItGetsNoKeys(t *testing.T) {
	onlyMine(t)
	command, first := built(t), true
	e := localDesk(func(ctx context.Context, to Target) (home.Keys, error) {
		if first {
			first = false
			return localKeys(1, time.Now().Add(time.Hour)), nil
		}
		return noAccess(ctx, to)
	})
	code := runExec(t, e, As{Machine: "aws"}, command, "sh", "-c",
		`sh -c "$(sed -n 's/^credential_process = //p' "$AWS_CONFIG_FILE")"`)
	if code != 1 || e.out.String() != "" || e.words.String() != "aws-access exec-keys: You have no access. Ask for it.\n" {
		t.Errorf("%d %q %q", code, e.out.String(), e.words.String())
	}
}

// The AWS CLI signs with the keys of the profile, although other keys are in the caller's environment.
func TestTheAWSCommandLineUsesTheKeysOfExec(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("NOT RUN: aws is not in PATH")
	}
	onlyMine(t)
	command := built(t)
	seen := make(chan string, 9)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("Authorization")
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	t.Setenv("HOME", os.Getenv("HOME"))
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAFOREIGN")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "foreign")
	e := localDesk(counted(time.Hour))
	runExec(t, e, As{Machine: "aws"}, command, "aws", "sts", "get-caller-identity", "--endpoint-url", server.URL)
	select {
	case header := <-seen:
		if !strings.Contains(header, "Credential=ASIALOCALKEY000") {
			t.Errorf("signed with %s", header)
		}
	default:
		t.Errorf("aws did not call: %s", e.words.String())
	}
}

// trapping is a program that counts signals and ends when it has waited long enough for a second one.
const trapping = `n=0; trap 'n=$((n+1)); echo got' TERM INT HUP; echo ready; i=0
while [ $n -eq 0 ]; do sleep 0.05; done; sleep 0.5; echo "$n times"; exit 42`

func TestASignalReachesTheProgramOnceAndFilesAreRemoved(t *testing.T) {
	command := built(t)
	// A signal that these tests were started with as ignored, such as HUP by nohup, must not be ignored in the program.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP, syscall.SIGINT)
	defer signal.Stop(caught)
	homeDir := cachedKeys(t, "111111111111", "Operator")
	for _, toGroup := range []bool{false, true} {
		for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
			tmp := t.TempDir()
			cmd := exec.Command(command, "exec", "111111111111", "Operator", "--", "sh", "-c", trapping)
			cmd.Env = append(os.Environ(), "TMPDIR="+tmp, home.Variable+"="+homeDir)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal, as a pipeline
			var out lockedBuffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for !strings.Contains(out.String(), "ready") && cmd.ProcessState == nil {
				time.Sleep(10 * time.Millisecond)
			}
			pid := cmd.Process.Pid
			if toGroup {
				pid = -pid
			}
			if err := syscall.Kill(pid, s); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			name := fmt.Sprintf("%v, group %v", s, toGroup)
			if code := cmd.ProcessState.ExitCode(); code != 42 || out.String() != "ready\ngot\n1 times\n" {
				t.Errorf("%s: %d %q", name, code, out.String())
			}
			if left, _ := os.ReadDir(tmp); len(left) > 0 {
				t.Errorf("%s: left %v", name, left)
			}
		}
	}
}

// A signal that the caller ignores, as nohup and the background of a shell do, is ignored by the program too,
// and neither ends nor reaches anything. Go keeps only these two ignored.
func TestASignalThatIsIgnoredStaysIgnoredInTheProgram(t *testing.T) {
	command := built(t)
	homeDir := cachedKeys(t, "111111111111", "Operator")
	for name, s := range map[string]syscall.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT} {
		cmd := exec.Command("sh", "-c", `trap "" `+name+`; exec "$0" exec 111111111111 Operator -- sh -c "$1"`, command,
			`echo ready; read line; kill -`+name+` $$; echo survived; exit 42`)
		cmd.Env = append(os.Environ(), home.Variable+"="+homeDir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		var out lockedBuffer
		cmd.Stdout, cmd.Stderr = &out, &out
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		for !strings.Contains(out.String(), "ready") {
			time.Sleep(5 * time.Millisecond)
		}
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		_, _ = in.Write([]byte("go\n"))
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 42 || out.String() != "ready\nsurvived\n" {
			t.Errorf("%s: %d %q", name, code, out.String())
		}
	}
}
