//go:build deployed

package local

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// settings are what run.sh passes, each in a variable of the environment.
type settings struct {
	ministack string // path of the emulator
	sam       string // path of the SAM CLI
	operate   string // path of the command aws-access
	before    string // the present program with the template of a stack without a key
	first     string // output of `sam build`
	second    string // output of `sam build` for a changed version
	scratch   string // directory for temporary files
	logs      string // file for the output of the emulator
}

// readSettings reads the settings. The test fails if one is missing; it is never
// skipped.
func readSettings(t *testing.T) settings {
	t.Helper()
	path := func(name string) string {
		value := os.Getenv(name)
		if _, err := os.Stat(value); err != nil {
			t.Fatalf("%s: %v. Run these tests with infra/local/run.sh", name, err)
		}
		return value
	}
	s := settings{
		ministack: path("LOCAL_MINISTACK"), sam: path("LOCAL_SAM"), operate: path("LOCAL_OPERATE"),
		before: path("LOCAL_BEFORE"), first: path("LOCAL_FIRST"), second: path("LOCAL_SECOND"),
		scratch: path("LOCAL_SCRATCH"),
	}
	s.logs = filepath.Join(s.scratch, "ministack.log")
	return s
}

// architecture returns this computer's processor as the template names it.
func architecture(t *testing.T) string {
	t.Helper()
	name, ok := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if !ok {
		t.Fatalf("Lambda does not support the processor %s", runtime.GOARCH)
	}
	return name
}

// environment returns the environment of a program that the tests start. It has
// nothing with which AWS tools find accounts, credentials or proxies.
func (s settings) environment(added ...string) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.scratch, "TMPDIR=" + s.scratch, "LANG=C.UTF-8",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_DEFAULT_REGION=" + region, "NO_PROXY=*",
	}
	return append(env, added...)
}
