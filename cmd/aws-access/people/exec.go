package people

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"

	"github.com/aws-access/aws-access/pkg/awsconfig"
	"github.com/aws-access/aws-access/pkg/home"
)

func execCommand() Command {
	return Command{
		Name: "exec", Args: "ACCOUNT ROLE -- CMD…", About: "run a program with keys that renew", min: 2, max: 2, child: true,
		Details: `Runs a program with a configuration of its own: one profile, which renews by itself, an empty credentials
file, and none of the caller's own AWS credentials: every variable with keys, a profile, a role, a container's
or a pipeline's token is removed. AWS_REGION and AWS_DEFAULT_REGION are what one of them was, or else the
account's Region, and AWS_EC2_METADATA_DISABLED is true. Keys are got before the program starts: a refusal ends
with 1, and nothing was run.

Standard input, output and error, signals and the exit code are the program's own; 128 and the number of the
signal, if one ended it. 127 means that the program was not found, and 126 that it cannot be run.

As a machine (--as), the identity stays in this process. The program's profile asks it for keys, so they renew
as long as it runs.

This keeps a program from using other credentials by mistake. It does not confine a program that means harm: it runs
as your user, and can read your files and the environment of your other processes, such as the shell or the agent of
the pipeline. Run such a program as another user or in a container, with keys from aws-access serve.`,
		Examples: []Example{
			{"aws-access exec payments-prod Operator -- aws s3 ls", "runs the AWS CLI"},
			{"aws-access exec payments-prod Deploy --as aws -- terraform apply", "runs Terraform as a machine, for hours"},
			{`aws-access exec payments-prod Operator -- "$SHELL"`, "opens a shell"},
		},
		new: func() action { return &execute{program: thisProgram, environ: os.Environ} },
	}
}

// execute is "exec".
type execute struct {
	as      As
	program func() (string, error) // the path of this command
	environ func() []string
}

func (x *execute) flags(f *flag.FlagSet) { x.as.flags(f) }

// Exit codes of shells for a program that cannot be run.
const (
	exitCannotRun = 126
	exitNotFound  = 127
)

func (x *execute) run(ctx context.Context, e *Env, words []string) error {
	account, role, line := words[0], words[1], words[2:]
	if len(line) < 2 || line[1] == "" {
		return wrongUse("write the program to run after --, as in aws-access exec ACCOUNT ROLE -- aws s3 ls")
	}
	line = line[1:]
	hideProcess()
	path, err := e.findProgram(line[0])
	if err != nil {
		return err
	}
	target := Target{Account: account, Role: role, As: x.as, Waits: true}
	if x.as.Machine != "" {
		cache, closeCache, err := e.machineCache()
		if err != nil {
			return fmt.Errorf("make a cache for this run: %w", err)
		}
		defer closeCache()
		target.Cache = cache
	}
	keys, err := e.Keys(ctx, target)
	if err != nil {
		return keysError(err)
	}
	dir, err := os.MkdirTemp("", "aws-access-exec-") // mode 0700
	if err != nil {
		return fmt.Errorf("make a directory for this run: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	command, stop, err := x.source(ctx, e, target, keys, dir)
	if err != nil {
		return err
	}
	defer stop()
	environ := x.environ()
	region := regionOf(environ, keys.Region)
	if err := writeConfig(dir, command, region); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	cmd := &exec.Cmd{Path: path, Args: line, Env: childEnv(environ, dir, region),
		Stdin: e.Stdin, Stdout: e.Stdout, Stderr: e.Stderr}
	return e.runChild(cmd)
}

// findProgram finds the program before anything else is done, so that no session is made for nothing.
func (e *Env) findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		if path, err = filepath.Abs(path); err == nil {
			return path, nil
		}
		return "", fmt.Errorf("find %s: %w", name, err)
	case errors.Is(err, exec.ErrDot):
		e.say("aws-access exec: %s is in this directory and not in PATH; write ./%s", name, name)
		return "", Exit(exitNotFound)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EISDIR):
		e.say("aws-access exec: %s cannot be run: it is a directory, or not executable", name)
		return "", Exit(exitCannotRun)
	}
	where := "in PATH"
	if strings.ContainsAny(name, `/\`) {
		where = "there"
	}
	e.say("aws-access exec: %s was not found %s", name, where)
	return "", Exit(exitNotFound)
}

// source returns the command that the profile runs for keys. A person's profile runs credential-process,
// which finds the device itself. That of a machine asks this process.
func (x *execute) source(ctx context.Context, e *Env, t Target, keys home.Keys, dir string) (string, func(), error) {
	program, err := x.program()
	if err != nil {
		return "", nil, err
	}
	if x.as.Machine == "" {
		command, err := awsconfig.Command(program, runtime.GOOS, "credential-process", keys.Account, t.Role)
		return command, func() {}, err
	}
	file, stop, err := e.serveChild(ctx, t, dir)
	if err != nil {
		return "", nil, err
	}
	command, err := awsconfig.Command(program, runtime.GOOS, "exec-keys", file)
	if err != nil {
		stop()
		return "", nil, err
	}
	return command, stop, nil
}

// writeConfig makes the configuration of the program. It holds no secret. The profile is the default one, so
// that a program that forgets its variables still finds it.
func writeConfig(dir, command, region string) error {
	text := "[default]\ncredential_process = " + command + "\n"
	if region != "" {
		text += "region = " + region + "\n"
	}
	for name, text := range map[string]string{"config": text, "credentials": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write the configuration of this run: %w", err)
		}
	}
	return nil
}

var regionForm = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// regionOf is the Region that the caller's variables name, as SDKs read them, or else that of the account.
func regionOf(environ []string, account string) string {
	values := make(map[string]string)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	for _, region := range []string{values["AWS_REGION"], values["AWS_DEFAULT_REGION"], account} {
		if regionForm.MatchString(region) {
			return region
		}
	}
	return ""
}

// removed are the variables that give an SDK other credentials, or by which a program could get this
// machine's identity. A name that ends in _ or * stands for all that begin so.
var removed = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_ACCESS_KEY",
	"AWS_SECRET_KEY", "AWS_CREDENTIAL_EXPIRATION", "AWS_SESSION_EXPIRATION", "AWS_ACCOUNT_ID", "AWS_CREDENTIAL_FILE",
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_SDK_LOAD_CONFIG",
	"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_*", "AWS_BEARER_TOKEN_*",
	"AWS_SSO_*", "AWS_LOGIN_*", "AWS_VAULT", "BOTO_CONFIG", "AWS_EC2_METADATA_DISABLED", "AWS_REGION",
	"AWS_DEFAULT_REGION", "ACTIONS_ID_TOKEN_REQUEST_*", "BUILDKITE_AGENT_ACCESS_TOKEN", tokenCommand, tokenAudience,
}

// childEnv is the environment of the program.
func childEnv(environ []string, dir, region string) []string {
	var kept []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !isRemoved(name) {
			kept = append(kept, entry)
		}
	}
	kept = append(kept, "AWS_CONFIG_FILE="+filepath.Join(dir, "config"),
		"AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(dir, "credentials"), "AWS_PROFILE=default",
		"AWS_DEFAULT_PROFILE=default",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_SDK_LOAD_CONFIG=1") // the last one for the Go SDK v1
	if region != "" {
		kept = append(kept, "AWS_REGION="+region, "AWS_DEFAULT_REGION="+region)
	}
	return kept
}

func isRemoved(name string) bool {
	if runtime.GOOS == "windows" { // where names have no case
		name = strings.ToUpper(name)
	}
	for _, r := range removed {
		prefix, all := strings.CutSuffix(r, "*")
		if name == r || all && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// runChild runs the program and ends with its exit code.
func (e *Env) runChild(cmd *exec.Cmd) error {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedSignals()...)
	defer signal.Stop(signals)
	runtime.LockOSThread() // on Linux the program ends with the thread that started it
	defer runtime.UnlockOSThread()
	prepareChild(cmd)
	if err := cmd.Start(); err != nil {
		e.say("aws-access exec: run %s: %v", cmd.Path, err)
		return Exit(exitCannotRun)
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case s := <-signals:
				passSignal(cmd.Process, s)
			case <-ended:
				return
			}
		}
	}()
	_ = cmd.Wait() // its error is the exit code, or that a copy to a buffer of a test failed
	if code := childCode(cmd.ProcessState); code != ExitDone {
		return Exit(code)
	}
	return nil
}

// thisProgram is the path of this program: as the caller's PATH names it, if that is the same file, because it
// stays when a package manager installs another version beside.
func thisProgram() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the path of this program: %w", err)
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return path, nil //nolint:nilerr // then it was called in another way
	}
	called, err = filepath.Abs(called)
	is, errIs := os.Stat(path)
	other, errOther := os.Stat(called) //nolint:gosec // the path of this program
	if errors.Join(err, errIs, errOther) == nil && os.SameFile(is, other) {
		return called, nil
	}
	return path, nil
}
