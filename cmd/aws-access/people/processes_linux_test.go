package people

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/home"
)

// family reads the command lines and environments of all processes of a test as the system shows them, again
// and again. They have a mark in their environment, or are the command and hide their environment from all but
// root, as exec does.
type family struct {
	*testing.T
	mark, command string

	mu   sync.Mutex
	seen map[string]bool // a process in one line, and its arguments or environment
}

func watchFamily(t *testing.T, command string) *family {
	t.Helper()
	f := &family{T: t, mark: fmt.Sprintf("FAMILY=%d-%d", os.Getpid(), time.Now().UnixNano()), command: command,
		seen: map[string]bool{}}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			f.look()
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-ended })
	return f
}

// look reads what the system shows now. A process may end meanwhile. One that is just being started shows
// the environment of the command for a moment, so its arguments are read before and after that.
func (f *family) look() {
	all, err := os.ReadDir("/proc")
	if err != nil {
		f.Error(err)
	}
	for _, process := range all {
		read := func(name string) string {
			text, _ := os.ReadFile(filepath.Join("/proc", process.Name(), name)) // "" if it has ended
			return strings.ReplaceAll(string(text), "\x00", "\n")
		}
		arguments, environment := read("cmdline"), read("environ")
		ours := strings.Contains(environment, f.mark) || environment == "" && strings.HasPrefix(arguments, f.command+"\n")
		if !ours || arguments != read("cmdline") {
			continue
		}
		who := process.Name() + ": " + strings.ReplaceAll(arguments, "\n", " ") + "\n"
		f.mu.Lock()
		f.seen["arguments of "+who+arguments], f.seen["environment of "+who+environment] = true, true
		f.mu.Unlock()
	}
}

// all is everything that was seen.
func (f *family) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.seen))
}

// waitFor waits until a process with such arguments was seen.
func (f *family) waitFor(arguments string) {
	f.Helper()
	is := regexp.MustCompile(`^arguments of .*\n(.*\n)*` + strings.ReplaceAll(arguments, " ", `\n`) + `\n`)
	for began := time.Now(); !slices.ContainsFunc(f.all(), is.MatchString); time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			f.Fatalf("no process was seen with the arguments %q", arguments)
		}
	}
}

// free reports each secret that stands in arguments or an environment, but not the environments of the
// commands that are excepted.
func (f *family) free(secrets map[string]string, except ...string) {
	f.Helper()
	for what, secret := range secrets {
		if len(secret) < 16 {
			f.Errorf("%s is too short to be looked for: %q", what, secret)
			continue
		}
		for _, text := range f.all() {
			where, _, _ := strings.Cut(text, "\n")
			excepted := func(line string) bool {
				return strings.HasPrefix(where, "environment of ") && strings.Contains(where, ": "+line+" ")
			}
			if strings.Contains(text, secret) && !slices.ContainsFunc(except, excepted) {
				f.Errorf("%s stands in the %s", what, where)
			}
		}
	}
}

// hold starts a command and holds it until stop is called.
func (c *computer) hold(in *os.File, args ...string) (cmd *exec.Cmd, out *lockedBuffer) {
	c.Helper()
	out = &lockedBuffer{}
	cmd = c.start(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, out
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		c.Fatal(err)
	}
	return cmd, out
}

// browser is a program that opens addresses: it fetches one, and keeps where that leads. It stays until the
// file with the name go is there, so that it can be seen.
const browser = `#!/bin/sh
while [ ! -e "$BROWSER_DIR/go" ]; do sleep 0.02; done
exec curl -s -o /dev/null -D "$BROWSER_DIR/answer" "$1"
`

// signInToken is the secret of a console link.
var signInToken = regexp.MustCompile(`SigninToken=([^&\s]{16,})`)

// console opens the console, and returns the secret of the link that the browser got.
func (c *computer) console(f *family) string {
	c.Helper()
	dir := c.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "wslview"), []byte(browser), 0o700); err != nil {
		c.Fatal(err)
	}
	own := &computer{T: c.T, command: c.command}
	own.env = append(slices.Clone(c.env), "BROWSER_DIR="+dir, "PATH="+dir+":"+os.Getenv("PATH"))
	cmd, out := own.hold(nil, "console", "payments-prod", "Operator")
	f.waitFor("console payments-prod Operator")
	f.waitFor(`.*/wslview http://127.0.0.1:\d+/.*`)
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		c.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		c.Fatalf("console: %v, %s", err, out.String())
	}
	answer, err := os.ReadFile(filepath.Join(dir, "answer"))
	found := signInToken.FindSubmatch(answer)
	if err != nil || found == nil {
		c.Fatalf("the browser got %q, %v", answer, err)
	}
	return string(found[1])
}

// ofExec are all variables of AWS that a program of exec has.
var ofExec = []string{"AWS_CONFIG_FILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION", "AWS_EC2_METADATA_DISABLED",
	"AWS_PROFILE", "AWS_REGION", "AWS_SDK_LOAD_CONFIG", "AWS_SHARED_CREDENTIALS_FILE"}

// ran is an exec that was seen.
type ran struct {
	variables []string // of AWS, that its program had
	keys      []byte   // what the program got
	parent    parent   // how the program of a machine asks for keys
}

// exec runs a program that gets keys again and again until it was seen to do so.
func (c *computer) exec(f *family, asks string, args ...string) (r ran) {
	c.Helper()
	file := filepath.Join(c.TempDir(), "seen")
	program := `env | sed -n 's/^\(AWS_[A-Z0-9_]*\)=.*/\1/p' | sort > "$0.variables"
		cp "$(dirname "$AWS_CONFIG_FILE")/parent" "$0.parent"
		while [ ! -e "$0" ]; do sh -c "$(sed -n 's/^credential_process = //p' "$AWS_CONFIG_FILE")" > "$0.keys"; done`
	cmd, out := c.hold(nil, append(append([]string{"exec"}, args...), "--", "sh", "-c", program, file)...)
	f.waitFor("exec " + strings.Join(args, " ") + " -- sh .*")
	f.waitFor(asks)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		c.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		c.Errorf("exec: %v, %s", err, out.String())
	}
	variables, err := os.ReadFile(file + ".variables")
	if err != nil {
		c.Fatal(err)
	}
	r.variables = strings.Fields(string(variables))
	r.keys, _ = os.ReadFile(file + ".keys")
	text, _ := os.ReadFile(file + ".parent") // a person's exec has none
	_ = json.Unmarshal(text, &r.parent)
	return r
}

// serve serves a role until it was seen, and returns the token.
func (c *computer) serve(f *family) string {
	c.Helper()
	cmd, out := c.hold(nil, "serve", "--map", "app=payments-prod/Operator")
	f.waitFor("serve --map app=payments-prod/Operator")
	for strings.Count(out.String(), "\n") < 3 {
		time.Sleep(time.Millisecond)
	}
	_, file, _ := strings.Cut(strings.TrimSpace(out.String()), "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=")
	token, err := os.ReadFile(file)
	if err != nil {
		c.Fatal(err)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	return strings.TrimSpace(string(token))
}

// collectPEM adds the lines of a private key.
func collectPEM(secrets map[string]string, name string, text []byte) {
	for i, line := range strings.Split(string(text), "\n") {
		if len(line) >= 40 && !strings.HasPrefix(line, "-") {
			secrets[fmt.Sprintf("%s, line %d", name, i)] = line
		}
	}
}

// login pairs the computer, by a code that is typed when the command was seen.
func (c *computer) login(f *family, url, code string) {
	c.Helper()
	in, typing, err := os.Pipe()
	if err != nil {
		c.Fatal(err)
	}
	login, said := c.hold(in, "login", url)
	f.waitFor("login http://127.0.0.1:.*")
	if _, err := typing.WriteString(code + "\n"); err != nil {
		c.Fatal(err)
	}
	if err := login.Wait(); err != nil {
		c.Fatalf("login: %v, %s", err, said.String())
	}
	_, _ = in.Close(), typing.Close()
}

// Other users of a computer can see the arguments of all processes. Neither they nor the environment of a
// program that is started hold a code, a device's key, keys of a session, a link or a token.
func TestNoSecretStandsInTheListOfProcesses(t *testing.T) {
	command := built(t)
	f := watchFamily(t, command)
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	dir := filepath.Join(t.TempDir(), "a home")
	c := &computer{T: t, command: command, env: []string{home.Variable + "=" + dir, "PATH=" + os.Getenv("PATH"), f.mark}}
	code := b.Code("U0DEV1").Text().Reveal()
	secrets := map[string]string{"the code": code, "the code, without hyphens": strings.ReplaceAll(code, "-", "")}

	c.login(f, b.State().URL, code)
	key, err := os.ReadFile(filepath.Join(dir, "device.pem"))
	if err != nil {
		t.Fatal(err)
	}
	collectPEM(secrets, "the device's key", key)
	asked, _ := c.hold(nil, "request", "payments-prod", "Operator", "1h", "stuck payouts")
	b.Click("U0LEAD1", "Approve", waitForCard(b, "C0PAYMENTS"))
	if err := asked.Wait(); err != nil {
		t.Fatal(err)
	}
	out, _ := c.run(ExitDone, "", "credential-process", "payments-prod", "Operator")
	var session printed
	if err := json.Unmarshal([]byte(out), &session); err != nil {
		t.Fatal(err)
	}
	secrets["the secret key"], secrets["the session token"] = session.SecretAccessKey, session.SessionToken
	secrets["the link"] = c.console(f)
	secrets["the token of serve"] = c.serve(f)
	got := c.exec(f, "credential-process 111111111111 Operator", "payments-prod", "Operator")
	if want := slices.Sorted(slices.Values(append([]string{home.Variable}, ofExec...))); !slices.Equal(got.variables,
		want) {
		t.Errorf("a program of exec has the variables %v, want %v", got.variables, want)
	}
	c.run(ExitDone, "", "env", "payments-prod", "Operator", "--shell", "sh")
	f.free(secrets)
}

// The identity of a machine stands in the environment of the command, where its owner has put it, and in
// that of no program that the command runs. The program's profile names a file, and no token.
func TestAMachinesSecretsStandInTheListOfNoOtherProcess(t *testing.T) {
	command := built(t)
	f := watchFamily(t, command)
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	var role struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	made := b.Do("machines", `{"arn":"arn:aws:iam::332000000000:role/Build"}`)
	if err := json.Unmarshal([]byte(made), &role); err != nil {
		t.Fatal(err)
	}
	c := &computer{T: t, command: command, env: []string{"PATH=" + os.Getenv("PATH"), f.mark,
		"AWS_ACCESS_KEY_ID=" + role.AccessKeyId, "AWS_SECRET_ACCESS_KEY=" + role.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + role.SessionToken, "AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL=" + b.URL + "/aws",
		urlVariable + "=" + b.State().URL, home.Variable + "=" + filepath.Join(t.TempDir(), "home")}}
	request, said := c.hold(nil, "request", "payments-dev", "Deploy", "1h", "release", "--as", "aws")
	if err := request.Wait(); err != nil {
		t.Fatal(err, said.String())
	}
	got := c.exec(f, "exec-keys /.*/parent", "payments-dev", "Deploy", "--as", "aws")
	want := slices.Sorted(slices.Values(append([]string{home.Variable, urlVariable, "AWS_ENDPOINT_URL"}, ofExec...)))
	if !slices.Equal(got.variables, want) {
		t.Errorf("a program of exec has the variables %v, want %v", got.variables, want)
	}
	var session printed
	if err := json.Unmarshal(got.keys, &session); err != nil {
		t.Fatal(err)
	}
	f.free(map[string]string{"the token of the program": got.parent.Token, "the secret key": session.SecretAccessKey,
		"the session token": session.SessionToken})
	f.free(map[string]string{"the machine's key": role.SecretAccessKey, "the machine's token": role.SessionToken},
		command+" request payments-dev", command+" exec payments-dev")
}
