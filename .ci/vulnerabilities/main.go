// Command vulnerabilities asks govulncheck whether the packages call code with a known
// vulnerability. It promises that an unchecked run never looks like a checked one:
//
//	vulnerabilities: none known in ./... (database https://vuln.go.dev of 2026-11-20)    exit 0
//	vulnerabilities: not checked: the database https://… cannot be reached: …            exit 0
//	vulnerabilities: found, see above                                                    exit 1
//	vulnerabilities: check failed: …                                                     exit 2
//
// GOVULNDB names another database, by http, https or file. With VULNERABILITIES=required,
// as in CI, a database that cannot be reached is a failure (exit 2).
package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// tool is installed and then run, because `go run` exits with 1 whatever the program's exit status is.
const tool = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"

// foundStatus is govulncheck's exit status if it has found vulnerabilities.
// See https://pkg.go.dev/golang.org/x/vuln/cmd/govulncheck, read on 2026-11-26.
const foundStatus = 3

var (
	errUnreachable = errors.New("cannot be reached")
	errFound       = errors.New("found, see above")
)

func main() {
	c := check{
		database: os.Getenv("GOVULNDB"), required: os.Getenv("VULNERABILITIES") == "required",
		wait: 5 * time.Second, output: os.Stdout,
	}
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./.ci/vulnerabilities PACKAGE...")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	status := c.run(ctx, os.Args[1:])
	cancel()
	os.Exit(status)
}

// check is one run.
type check struct {
	database string        // its address; empty for Go's
	required bool          // an unreachable database is a failure
	wait     time.Duration // for the database's first answer
	output   io.Writer
}

// run checks the packages and returns the exit status of this program.
func (c check) run(ctx context.Context, packages []string) int {
	if c.database == "" {
		c.database = "https://vuln.go.dev"
	}
	modified, err := c.reach(ctx)
	if err == nil {
		err = c.govulncheck(ctx, packages)
	}
	var status int
	var verdict string
	switch {
	case err == nil:
		verdict = fmt.Sprintf("none known in %s (database %s%s)", strings.Join(packages, " "), c.database, modified)
	case errors.Is(err, errUnreachable) && !c.required:
		verdict = "not checked: " + err.Error()
	case errors.Is(err, errFound):
		status, verdict = 1, err.Error()
	default:
		status, verdict = 2, "check failed: "+err.Error()
	}
	_, _ = fmt.Fprintln(c.output, "vulnerabilities:", verdict)
	return status
}

// reach asks the database when it was last changed, and returns " of 2026-11-20". It returns
// errUnreachable if there is no answer or a status other than 200. Any other invalid answer, such as
// the page of a proxy, is a different error. govulncheck itself checks a database in a directory.
func (c check) reach(ctx context.Context) (modified string, err error) {
	if !strings.HasPrefix(c.database, "http") {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.wait)
	defer cancel()
	address := strings.TrimRight(c.database, "/") + "/index/db.json.gz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("the database %s %w: %w", c.database, errUnreachable, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the database %s %w: %s answered %s", c.database, errUnreachable, address, answer.Status)
	}
	var db struct{ Modified time.Time }
	plain, err := gzip.NewReader(answer.Body)
	if err == nil {
		err = json.NewDecoder(plain).Decode(&db)
	}
	if err != nil {
		return "", fmt.Errorf("%s is not a vulnerability database: %w", c.database, err)
	}
	return db.Modified.Format(" of 2006-01-02"), nil
}

// govulncheck runs the tool, which it installs into a directory of this run.
func (c check) govulncheck(ctx context.Context, packages []string) error {
	dir, err := os.MkdirTemp("", "vulnerabilities-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := install(ctx, dir); err != nil {
		return err
	}
	arguments := append([]string{"-test", "-db", c.database}, packages...)
	run := exec.CommandContext(ctx, filepath.Join(dir, "govulncheck"), arguments...) // #nosec G204 G702 -- pinned above
	run.Stdout, run.Stderr = c.output, c.output
	err = run.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == foundStatus {
		return errFound
	}
	if err != nil {
		return fmt.Errorf("run govulncheck: %w", err)
	}
	return nil
}

// install builds the tool for this computer, whatever the packages are built for.
func install(ctx context.Context, dir string) error {
	install := exec.CommandContext(ctx, "go", "install", tool)
	install.Env = append(os.Environ(), "GOBIN="+dir, "GOOS=", "GOARCH=")
	if text, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("install %s: %w\n%s", tool, err, text)
	}
	return nil
}
