package people

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

// localEnv is an Env whose keys come from a function, with what it prints.
type localEnv struct {
	*Env
	out, words lockedBuffer
}

// lockedBuffer is a buffer into which a program and a command may write at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func localDesk(keys func(context.Context, Target) (home.Keys, error)) *localEnv {
	l := &localEnv{}
	l.Env = &Env{Stdin: strings.NewReader(""), Stdout: &l.out, Stderr: &l.words, Getenv: os.Getenv, Now: time.Now,
		Keys:   keys,
		Client: func(context.Context, As) (*client.Client, error) { return &client.Client{}, nil }}
	return l
}

// localKeys are keys that tell for which call they were made.
func localKeys(n int, end time.Time) home.Keys {
	return home.Keys{From: end.Add(-time.Hour), End: end, SessionKeys: wire.SessionKeys{
		Account: "111111111111", Role: "Operator", Region: "eu-central-1", Credentials: access.Credentials{
			AccessKeyID: fmt.Sprintf("ASIALOCALKEY%04d", n), SecretKey: access.NewSecret("hush-secret"),
			SessionToken: access.NewSecret("hush-token"), Expires: end,
		}}}
}

// counted returns keys with another id at each call.
func counted(life time.Duration) func(context.Context, Target) (home.Keys, error) {
	n := 0
	var mu sync.Mutex
	return func(context.Context, Target) (home.Keys, error) {
		mu.Lock()
		defer mu.Unlock()
		n++
		return localKeys(n, time.Now().Add(life)), nil
	}
}

func noAccess(context.Context, Target) (home.Keys, error) {
	return home.Keys{}, &home.Refused{Refusal: wire.Refusal{Code: "no_grant", Text: "You have no access.",
		Next: "Ask for it."}}
}

// onlyMine removes the caller's own AWS variables.
func onlyMine(t *testing.T) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("HOME", t.TempDir())
}

// builtCommand is this command, built once.
var builtCommand = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "aws-access test ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "aws-access")
	out, err := exec.Command("go", "build", "-tags", "people", "-o", path,
		"github.com/aws-access/aws-access/cmd/aws-access").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	if os.Getenv("LOCAL_TEST_SDK") != "" {
		sdkChild()
		return
	}
	code := m.Run()
	if path, err := builtCommand(); os.Getenv("LOCAL_TEST_BUILT") != "" && err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// built returns the path of the built command. Its directory has a space in its name.
func built(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT RUN with -short: it builds the command")
	}
	path, err := builtCommand()
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Setenv("LOCAL_TEST_BUILT", "1")
	return path
}

// sdkChild is a program that finds credentials by the Go SDK, twice.
func sdkChild() {
	for range 2 {
		c, err := config.LoadDefaultConfig(context.Background())
		if err != nil {
			fmt.Println("config:", err)
			return
		}
		k, err := c.Credentials.Retrieve(context.Background())
		if err != nil {
			fmt.Println("credentials:", err)
			return
		}
		fmt.Println(k.AccessKeyID, k.SecretAccessKey, k.SessionToken, c.Region, k.AccountID)
	}
}

// sdkProgram is the command line of a program that uses the Go SDK.
func sdkProgram(t *testing.T) []string {
	t.Helper()
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("LOCAL_TEST_SDK", "1")
	return []string{me}
}

const botocoreSource = `
import botocore.session
for _ in range(2):
    s = botocore.session.get_session()
    k = s.get_credentials().get_frozen_credentials()
    print(k.access_key, k.secret_key, k.token, s.get_config_variable("region"))
`

// botocoreProgram is the command line of a program that uses botocore.
func botocoreProgram(t *testing.T) []string {
	t.Helper()
	if err := exec.Command("python3", "-c", "import botocore").Run(); err != nil {
		t.Skip("NOT RUN: python3 has no botocore")
	}
	return []string{"python3", "-c", botocoreSource}
}

func TestThisProgramIsAnAbsolutePath(t *testing.T) {
	path, err := thisProgram()
	if err != nil || !filepath.IsAbs(path) || runtime.GOOS == "windows" && filepath.Ext(path) != ".exe" {
		t.Errorf("%s, %v", path, err)
	}
}
