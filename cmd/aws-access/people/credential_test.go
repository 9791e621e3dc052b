package people

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client/clienttest"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

// printed are the keys of credential-process.
type printed struct {
	Version                                               int
	AccessKeyId, SecretAccessKey, SessionToken, AccountId string
	Expiration                                            time.Time
}

// keysOf runs credential-process, which must print keys and nothing else.
func (d *desk) keysOf(args ...string) (p printed) {
	d.Helper()
	d.want(d.run(append([]string{"credential-process", prodName, operator}, args...)...), ExitDone)
	decoder := json.NewDecoder(&d.out)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil || p.Version != 1 || p.SecretAccessKey != canary+"secret" ||
		p.SessionToken != canary+"token" || p.AccountId != prodID {
		d.Fatalf("printed %+v, %v", p, err)
	}
	return p
}

// granted is a desk with a grant.
func granted(t *testing.T) *desk {
	t.Helper()
	d := newDesk(t)
	d.login()
	d.want(d.run("request", prodName, operator, "1h", "looking"), ExitDone)
	return d
}

func TestKeysComeFromTheCacheUntilTheyAreNearlyOver(t *testing.T) {
	d := granted(t)
	now := time.Now()
	d.Now, d.server.Now = func() time.Time { return now }, func() time.Time { return now }
	first := d.keysOf()
	if life := first.Expiration.Sub(now); life > 59*time.Minute || life < 58*time.Minute {
		t.Errorf("the keys end in %v, want 59 minutes", life)
	}
	now = now.Add(40 * time.Minute)
	if again := d.keysOf(); again != first || d.vends != 1 {
		t.Errorf("after 40 minutes: other keys, %d vends", d.vends)
	}
	now = now.Add(4 * time.Minute)
	if again := d.keysOf(); again == first || d.vends != 2 {
		t.Errorf("after 44 minutes: the same keys, %d vends", d.vends)
	}
	if d.words.Len() > 0 {
		t.Errorf("it says %q", d.words.String())
	}
}

func TestLifetimeShortensWhatIsPrinted(t *testing.T) {
	d := granted(t)
	now := time.Now()
	d.Now, d.server.Now = func() time.Time { return now }, func() time.Time { return now }
	if life := d.keysOf("--lifetime", "20s").Expiration.Sub(now); life > 20*time.Second || life < 18*time.Second {
		t.Errorf("the keys end in %v", life)
	}
	now = now.Add(15 * time.Second)
	if d.keysOf("--lifetime=20s"); d.vends != 2 {
		t.Errorf("%d vends, want 2", d.vends)
	}
	for _, bad := range []string{"-1s", "x", ""} {
		d.want(d.run("credential-process", prodName, operator, "--lifetime", bad), ExitWrongUse, "lifetime")
	}
}

// The computer's clock is a day behind. What is printed must be right for SDKs on this computer.
func TestWrongClockGivesKeysThatSDKsUse(t *testing.T) {
	d := granted(t)
	d.Now = func() time.Time { return time.Now().Add(-24 * time.Hour) }
	life := d.keysOf().Expiration.Sub(d.Now())
	if life > 59*time.Minute || life < 58*time.Minute {
		t.Errorf("the keys end in %v by this computer's clock", life)
	}
	if want := "This computer's clock is wrong by 24h0m0s"; !strings.Contains(d.words.String(), want) {
		t.Errorf("it says %q", d.words.String())
	}
}

func TestWithoutAGrantTheLineNamesTheCommand(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.want(d.run("credential-process", prodName, operator), ExitRefused)
	want := "aws-access credential-process: You have no access to “Operator” in “payments-prod” now. " +
		"Ask for it: aws-access request payments-prod Operator 1h REASON\n"
	if d.words.String() != want {
		t.Errorf("it says %q, want %q", d.words.String(), want)
	}
	if d.want(d.run("credential-process", prodName, operator), ExitRefused); len(d.server.Ops()) != 2 {
		t.Errorf("a refusal was asked for twice within ten seconds: %v", d.server.Ops())
	}
}

func TestAccountCalledLikeAShellCommandIsQuoted(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil || runtime.GOOS == "windows" {
		t.Skip("there is no sh here, which would read the line")
	}
	for _, account := range []string{"$(touch pwned)", "`touch pwned`", "a; touch pwned", "a' touch pwned '", "-rf",
		"é", "a b",
		"!!", "~", "*", `\`, "a\"b"} {
		d := newDesk(t)
		d.login()
		d.want(d.run("credential-process", "--", account, operator), ExitRefused)
		_, line, _ := strings.Cut(d.words.String(), "Ask for it: ")
		dir := t.TempDir()
		script := strings.Replace(line, "aws-access request", `printf '%s\n' words`, 1)
		cmd := exec.Command(sh, "-c", script)
		cmd.Dir = dir
		out, err := cmd.Output()
		mark := ""
		if account[0] == '-' {
			mark = "--\n"
		}
		if want := "words\n" + mark + account + "\n" + operator + "\n1h\nREASON\n"; err != nil || string(out) != want {
			t.Errorf("%s: a shell reads %q as %q, %v", account, line, out, err)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("%s: a shell has run a part of %q", account, line)
		}
	}
}

// The server judges whether a program may ask by itself. The command asks it once, for no length, and never
// for its options.
func TestCredentialProcessLetsTheServerDecideWhetherItAsks(t *testing.T) {
	for name, c := range map[string]struct {
		refuse, next string // "" if it is granted
		words        string
	}{
		"granted": {},
		"somebody approves": {"no_grant", "x",
			"No: no_grant. Ask for it: aws-access request payments-prod Operator 1h REASON\n"},
		"given back":                  {"ended", "x", "No: ended. Ask for it: aws-access request"},
		"revoked":                     {"revoked", "x", "No: revoked. x The command is: aws-access request"},
		"revoked, by an older server": {"revoked", "", "No: revoked. Ask for it: aws-access request"},
		"a ticket":                    {"no_ticket", "x", "No: no_ticket. Ask for it: aws-access request"},
		"an unknown name": {"unknown_account", "Did you mean this?",
			"No: unknown_account. Did you mean this? Ask for it: aws-access request"},
	} {
		for _, machine := range []bool{false, true} {
			d := newDesk(t)
			args := []string{"credential-process", prodName, operator, "--reason", "terraform"}
			if machine {
				d.asMachine()
				args = append(args, "--as", "oidc")
				c.words = strings.Replace(c.words, "request ", "request --as oidc ", 1)
			} else {
				d.login()
			}
			var asked []wire.Payload
			d.answers[wire.Request] = func(call wire.Call) clienttest.Reply {
				asked = append(asked, call.Payload)
				if c.refuse != "" {
					return clienttest.Refuse(c.refuse, "No: "+c.refuse+".", c.next)
				}
				return d.submit(call.Payload)
			}
			want := ExitDone
			if c.refuse != "" {
				want = ExitRefused
			}
			d.want(d.run(args...), want, c.words)
			if len(asked) != 1 || !asked[0].Automatic || asked[0].Length != "" || asked[0].Reason != "terraform" {
				t.Errorf("%s: asked %+v", name, asked)
			}
			if ops := d.server.Ops(); slices.Contains(ops, string(wire.Options)) ||
				slices.Contains(ops, string(wire.List)) {
				t.Errorf("%s: made the calls %v", name, ops)
			}
		}
	}
}

func TestWithoutAReasonNobodyIsAskedForAnything(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.want(d.run("credential-process", prodName, operator), ExitRefused, "Ask for it: aws-access request")
	if slices.Contains(d.server.Ops(), string(wire.Request)) {
		t.Errorf("made the calls %v", d.server.Ops())
	}
}

// A program that exec starts asks by the account's id for the keys that exec got by its name.
func TestKeysOfANameServeItsID(t *testing.T) {
	d := granted(t)
	first := d.keysOf()
	d.want(d.run("credential-process", prodID, operator), ExitDone)
	var byID printed
	if err := json.Unmarshal(d.out.Bytes(), &byID); err != nil || byID != first || d.vends != 1 {
		t.Errorf("by id: other keys, %d vends, %v", d.vends, err)
	}
	d.want(d.run("request", prodName, operator, "1h", "looking"), ExitDone) // a new grant replaces both
	if d.want(d.run("credential-process", prodID, operator), ExitDone); d.vends != 2 {
		t.Errorf("after a new request: %d vends, want 2", d.vends)
	}
}

func TestEndedOrRevokedGrantIsNotRenewedWhateverTheReason(t *testing.T) {
	for code, ask := range map[string]string{"ended": "Ask for it: ", "revoked": "Not before 13:00. The command is: "} {
		d := newDesk(t)
		d.login()
		d.answers[wire.Keys] = func(wire.Call) clienttest.Reply {
			return clienttest.Refuse(code, "It is "+code+".", "Not before 13:00.")
		}
		d.want(d.run("credential-process", prodName, operator, "--reason", "terraform"), ExitRefused,
			"It is "+code+". "+ask+"aws-access request payments-prod Operator 1h REASON")
		if len(d.grants) != 0 {
			t.Errorf("%s: it asked", code)
		}
	}
}

func TestPendingRequestIsWaitedFor(t *testing.T) {
	for to, code := range map[access.State]int{access.Active: ExitDone, access.Denied: ExitRefused} {
		d := newDesk(t)
		d.login()
		d.choices = choices(true)
		d.want(d.run("request", "--no-wait", prodName, operator, "1h", "looking"), ExitDone)
		d.onWait = func(n int) {
			if n == 3 {
				d.move("REQ1", to)
			}
		}
		if got := d.run("credential-process", prodName, operator); got != code || d.waits != 3 {
			t.Errorf("%s: ended with %d after %d waits: %s", to, got, d.waits, d.words.String())
		}
	}
}

// SDKs kill the process after a minute, and then nobody reads why.
func TestPendingRequestIsNotWaitedForLongerThanSDKsWait(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.choices = choices(true)
	d.want(d.run("request", "--no-wait", prodName, operator, "1h", "looking"), ExitDone)
	var left time.Duration
	d.Pause = func(ctx context.Context, _ time.Duration) error {
		end, _ := ctx.Deadline()
		left = time.Until(end)
		return context.DeadlineExceeded
	}
	was := d.Keys
	d.Keys = func(ctx context.Context, target Target) (home.Keys, error) {
		over, cancel := context.WithTimeout(ctx, processTimeout)
		defer cancel()
		return was(over, target)
	}
	d.run("credential-process", prodName, operator)
	if left > pendingWait || left < pendingWait-5*time.Second {
		t.Errorf("it waits %v, want %v", left, pendingWait)
	}
	if err := stillPending(d.grants[0]); exitCode(err) != ExitRefused ||
		err.Error() != "The request is waiting for an answer. Look at it: aws-access status REQ1" {
		t.Errorf("it says %v", err)
	}
}

func TestMachineAsksByItselfAndKeepsNothing(t *testing.T) {
	d := newDesk(t)
	d.asMachine()
	for range 2 {
		d.want(d.run("credential-process", prodName, operator, "--as", "oidc", "--reason", "deploy"), ExitDone)
	}
	if d.vends != 2 || len(d.grants) != 1 || len(d.files()) != 0 {
		t.Errorf("%d vends, %d grants, files %v", d.vends, len(d.grants), d.files())
	}
	call := d.server.Calls()[0]
	if call.Payload.OIDC.Empty() {
		t.Error("no token was sent")
	}
	// Without a reason it does not ask.
	d.grants = nil
	d.want(d.run("credential-process", prodName, operator, "--as", "oidc"), ExitRefused,
		"Ask for it: aws-access request --as oidc payments-prod Operator 1h REASON")
}

// asMachine makes the next commands those of a pipeline.
func (d *desk) asMachine() {
	d.env[urlVariable] = d.server.URL.String()
	d.env[tokenCommand] = `printf 'e30.e30.%s' c2ln`
}

func TestCacheOfAMachineIsRemoved(t *testing.T) {
	d := newDesk(t)
	d.asMachine()
	t.Setenv("TMPDIR", t.TempDir())
	cache, remove, err := d.machineCache()
	if err != nil {
		t.Fatal(err)
	}
	target := Target{Account: prodName, Role: operator, Reason: "deploy", As: As{Machine: "oidc"}, Cache: cache}
	for range 3 {
		if _, err := d.Keys(t.Context(), target); err != nil {
			t.Fatal(err)
		}
	}
	if d.vends != 1 {
		t.Errorf("%d vends, want 1", d.vends)
	}
	remove()
	if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 || len(d.files()) > 0 {
		t.Errorf("left %v and %v", left, d.files())
	}
}

func TestTokenOfACommandIsForThisProcess(t *testing.T) {
	d := newDesk(t)
	d.env[urlVariable] = d.server.URL.String()
	for name, c := range map[string]struct{ command, words string }{
		"fails":  {"exit 3", "failed"},
		"prints": {"true", "printed no token"},
		"greets": {"echo hi", "is no token. A token is one line of three parts with dots between them"},
		"none":   {"", "needs AWS_ACCESS_OIDC_COMMAND"},
	} {
		d.env[tokenCommand] = c.command
		code := d.run("status", "--as", "oidc")
		if code == ExitDone || !strings.Contains(d.words.String(), c.words) {
			t.Errorf("%s: ended with %d: %s", name, code, d.words.String())
		}
	}
	d.env[tokenCommand] = `case $AWS_ACCESS_AUDIENCE in "` + d.server.URL.Address + `#"*) echo e30.e30.c2ln;; esac`
	d.want(d.run("status", "--as", "oidc"), ExitDone)
	d.env[tokenCommand] = "echo " + canary + " >&2; echo " + canary + "; exit 1"
	d.want(d.run("status", "--as", "oidc"), ExitNotAsked, "failed")
	if strings.Contains(d.words.String(), canary) {
		t.Errorf("it says %q", d.words.String())
	}
}

func TestEnvSetsTheKeysInEachShell(t *testing.T) {
	d := granted(t)
	d.want(d.run("env", prodName, operator), ExitDone, "These keys do not renew. They end at ")
	script := d.out.String() +
		`printf '%s %s %s %s' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN" "$AWS_REGION"`
	if sh, err := exec.LookPath("sh"); err == nil {
		out, err := exec.Command(sh, "-c", script).Output()
		if want := "ASIAEXAMPLE1 " + canary + "secret " + canary + "token eu-west-1"; err != nil || string(out) != want {
			t.Errorf("sh has %q, %v, want %q", out, err, want)
		}
	} else {
		t.Log("no sh here; the line was not run")
	}
	for shell, want := range map[string]string{
		"fish":       "set -gx AWS_ACCESS_KEY_ID 'ASIAEXAMPLE1'\n",
		"powershell": "$env:AWS_ACCESS_KEY_ID = 'ASIAEXAMPLE1'\n",
		"sh":         "export AWS_ACCESS_KEY_ID='ASIAEXAMPLE1'\n",
	} {
		if d.want(d.run("env", prodName, operator, "--shell", shell), ExitDone); !strings.HasPrefix(d.out.String(), want) {
			t.Errorf("%s: printed %s", shell, d.out.String())
		}
	}
	d.env["SHELL"] = "/usr/bin/fish"
	if d.run("env", prodName, operator); !strings.HasPrefix(d.out.String(), "set -gx ") && runtime.GOOS != "windows" {
		t.Errorf("in fish it printed %s", d.out.String())
	}
	d.want(d.run("env", prodName, operator, "--shell", "tcsh"), ExitWrongUse, "write sh, fish or powershell")
	d.env["SHELL"] = "/bin/tcsh" // which reads no export
	if runtime.GOOS != "windows" {
		d.want(d.run("env", prodName, operator), ExitWrongUse,
			`"/bin/tcsh", is not known; give --shell sh, fish or powershell`)
	}
}

// A person sees why nothing happens. An SDK shows all that a credential_process says as the cause of its failure.
func TestAWaitForAnApprovalIsSaidOnceToAPerson(t *testing.T) {
	for command, want := range map[string]int{"env": 1, "credential-process": 0} {
		d := newDesk(t)
		d.login()
		d.choices = choices(true)
		d.run("request", "--no-wait", prodName, operator, "1h", "looking")
		d.onWait = func(n int) {
			if n == 3 {
				d.move("REQ1", access.Active)
			}
		}
		d.want(d.run(command, prodName, operator), ExitDone)
		line := "Waiting for an answer to REQ1: 0 of 1 from leads. This waits at most 45 seconds.\n"
		if got := strings.Count(d.words.String(), line); got != want || d.waits != 3 {
			t.Errorf("%s says it %d times after %d waits:\n%s", command, got, d.waits, d.words.String())
		}
	}
}

func TestACommandThatWasInterruptedSaysSo(t *testing.T) {
	d := newDesk(t)
	code := d.report(listCommand(), fmt.Errorf("read: %w", context.Canceled))
	d.want(code, exitInterrupted, "aws-access list: read: interrupted\n")
}

func TestWordsAreQuotedForEachShell(t *testing.T) {
	for text, want := range map[string][3]string{
		`a'b\c`:    {`'a'\''b\c'`, `'a\'b\\c'`, `'a''b\c'`},
		"$(x) ’ “": {"'$(x) ’ “'", "'$(x) ’ “'", "'$(x) ’’ “'"},
	} {
		if got := [3]string{unixWord(text), fishWord(text), powershellWord(text)}; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestKeysThatCannotBeWrittenAreAFailure(t *testing.T) {
	d := granted(t)
	d.Stdout = broken{}
	if code := d.run("credential-process", prodName, operator); code != ExitNotAsked {
		t.Errorf("ended with %d", code)
	}
	if code := d.run("env", prodName, operator); code != ExitNotAsked || strings.Contains(d.words.String(), canary) {
		t.Errorf("ended with %d: %s", code, d.words.String())
	}
}

func TestUnsafeFilesAreRefusedWithTheCommandThatHelps(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows the access list of the directory decides")
	}
	for name, c := range map[string]struct {
		harm  func(d *desk) error
		words string
	}{
		"key":    {func(d *desk) error { return os.Chmod(d.path("device.pem"), 0o644) }, "run: chmod 600 '"},
		"config": {func(d *desk) error { return os.Chmod(d.path("config.json"), 0o660) }, "run: chmod 600 '"},
		"home":   {func(d *desk) error { return os.Chmod(d.dir, 0o750) }, "run: chmod 700 '"},
		"cache":  {func(d *desk) error { return os.Chmod(d.path("cache"), 0o755) }, "run: chmod 700 '"},
		"a link in place of the cache": {func(d *desk) error {
			return errors.Join(os.RemoveAll(d.path("cache")), os.Symlink(d.TempDir(), d.path("cache")))
		}, "it is a link or a file; replace it with a directory"},
		"a link in place of the key": {func(d *desk) error {
			return errors.Join(os.Rename(d.path("device.pem"), d.path("other")), os.Symlink(d.path("other"),
				d.path("device.pem")))
		}, "it is a link or no plain file; remove it"},
		"a link in place of the home": {func(d *desk) error {
			return errors.Join(os.Rename(d.dir, d.dir+"2"), os.Symlink(d.dir+"2", d.dir))
		}, "it is a link or a file"},
	} {
		d := granted(t)
		d.keysOf()
		if err := c.harm(d); err != nil {
			t.Fatal(err)
		}
		d.want(d.run("credential-process", prodName, operator), ExitNotAsked, c.words)
		if n := strings.Count(d.words.String(), "\n"); n != 1 {
			t.Errorf("%s: %d lines:\n%s", name, n, d.words.String())
		}
	}
}

func (d *desk) path(name string) string { return filepath.Join(d.dir, name) }

// On a full disk the work goes on, only slower.
func TestKeysAreGivenOutEvenIfTheyCannotBeKept(t *testing.T) {
	d := granted(t)
	if err := os.WriteFile(d.path("cache"), nil, 0o600); err == nil {
		t.Fatal("the cache is a file")
	}
	d.keysOf()
	entries, err := os.ReadDir(d.path("cache"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries { // a directory that is not empty cannot be replaced by a file
		if strings.HasSuffix(entry.Name(), ".lock") {
			continue
		}
		if err := errors.Join(os.Remove(d.path("cache/"+entry.Name())),
			os.MkdirAll(d.path("cache/"+entry.Name()+".new/x"), 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if d.want(d.run("credential-process", prodName, operator), ExitDone, "The keys could not be kept"); d.out.Len() == 0 {
			t.Error("no keys")
		}
	}
	if d.vends != 3 {
		t.Errorf("%d vends", d.vends)
	}
}

func TestHomeThatCannotBeMadeIsSaid(t *testing.T) {
	d := newDesk(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.env[home.Variable] = filepath.Join(file, "home")
	d.want(d.run("credential-process", prodName, operator), ExitNotAsked, "make "+file)
	d.env[home.Variable] = "relative"
	d.want(d.run("credential-process", prodName, operator), ExitNotAsked, `"relative" is not an absolute path`)
}

// A person reads one line for each thing that can go wrong, on standard error alone.
func TestEveryFailureIsOneLineAndNoData(t *testing.T) {
	d := granted(t)
	d.offline()
	for _, line := range []string{"whoami", "devices", "list", "status", "cancel REQ1", "request a b 1h c",
		"credential-process a b", "env a b"} {
		code := d.run(strings.Fields(line)...)
		if code != ExitNotAsked || d.out.Len() > 0 || strings.Count(d.words.String(), "\n") != 1 ||
			!strings.HasPrefix(d.words.String(), "aws-access "+strings.Fields(line)[0]+": the server cannot be reached") {
			t.Errorf("%s: ended with %d, %q, %q", line, code, d.out.String(), d.words.String())
		}
	}
}

func TestCompletionKnowsTheTable(t *testing.T) {
	d := newDesk(t)
	d.want(d.run("completion", "fish"), ExitWrongUse, "write bash or zsh")
	d.want(d.run("completion", "bash"), ExitDone)
	script := d.out.String()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here, which would read the script")
	}
	for line, want := range map[string]string{
		"aws-access cred":                       "credential-process",
		"aws-access completion ":                "bash zsh",
		"aws-access request --no":               "--no-wait",
		"aws-access status --as ":               "aws github oidc",
		"aws-access env a b --shell po":         "powershell",
		"aws-access devices re":                 "remove",
		"aws-access help who":                   "whoami",
		"aws-access whoami --":                  "--json",
		"aws-access credential-process a b --l": "--lifetime",
	} {
		words := strings.Split(line, " ")
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = unixWord(w)
		}
		run := script + "\nCOMP_WORDS=(" + strings.Join(quoted, " ") + ")\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n" +
			"_aws_access\necho \"${COMPREPLY[*]}\"\n"
		out, err := exec.Command(bash, "-c", run).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s: completed by %q, %v, want %q", line, got, err, want)
		}
	}
	d.want(d.run("completion", "zsh"), ExitDone)
	if !strings.HasPrefix(d.out.String(), "autoload -Uz bashcompinit") ||
		!slices.Contains(strings.Split(d.out.String(), "\n"), "complete -F _aws_access aws-access") {
		t.Errorf("zsh:\n%s", d.out.String())
	}
}
