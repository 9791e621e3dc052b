// Package dynamotest runs DynamoDB Local, Amazon's own engine for tests, on a loopback
// address. It needs java (17 or later) on the PATH and, for the first run, mvn and
// access to Maven Central. It keeps the downloaded files in the user's cache
// directory, and runs them only if their hashes are those of sha256.txt.
//
// If something is missing, tests fail and say what to install; they are never skipped,
// except by go test -short. The package never contacts AWS, and must never be linked
// into a function.
package dynamotest

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/aws-access/aws-access/pkg/store/dynamo"
)

// release is the version of DynamoDB Local in pom.xml.
const release = "2.6.1"

//go:embed pom.xml
var pom []byte

// local is a running DynamoDB Local. Its process ends when stdin is closed, and so
// when this process ends in any way: by a timeout, a panic or a kill.
type local struct {
	endpoint string
	stdin    io.Closer
}

// engine returns the only DynamoDB Local of this test binary. The first test that
// needs it starts it.
var engine = sync.OnceValues(start)

var tables atomic.Int64

// Table is a new table in DynamoDB Local, with one for devices beside it.
type Table struct {
	Endpoint string // http://127.0.0.1:port
	Name     string
	Devices  string
}

// NewTable creates an empty table and one for devices. The test fails if DynamoDB Local cannot run, and is
// skipped with -short.
func NewTable(t testing.TB) Table {
	t.Helper()
	if testing.Short() {
		t.Skip("needs DynamoDB Local, which needs java")
	}
	running, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	name := "test-" + strconv.FormatInt(tables.Add(1), 10)
	table := Table{Endpoint: running.endpoint, Name: name, Devices: name + "-devices"}
	for _, in := range []*dynamodb.CreateTableInput{dynamo.TableInput(table.Name), dynamo.DevicesInput(table.Devices)} {
		if _, err := table.Client(nil).CreateTable(t.Context(), in); err != nil {
			t.Fatalf("create a table in DynamoDB Local: %v", err)
		}
	}
	return table
}

// Client returns a client that makes three attempts, as the client of a function does,
// but with short pauses. A transport that is not nil stands between the client and
// DynamoDB Local.
func (t Table) Client(transport http.RoundTripper) *dynamodb.Client {
	if transport == nil {
		transport = http.DefaultTransport
	}
	return dynamodb.New(dynamodb.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(t.Endpoint), HTTPClient: &http.Client{Transport: transport},
		Retryer:     retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond }),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
}

// start downloads DynamoDB Local if necessary, runs it, and waits until it answers.
func start() (*local, error) {
	if _, err := exec.LookPath("java"); err != nil {
		return nil, errors.New("tests of the DynamoDB store run on DynamoDB Local, which needs java: " +
			"install a Java runtime, 17 or later (Debian: apt-get install openjdk-17-jre-headless)")
	}
	dir, err := fetch()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	// The shell ends java when its standard input is closed.
	const script = `java "$@" </dev/null & read -r _; kill $!`
	args := []string{
		"-c", script, "sh", "-Xmx512m", "-Dsqlite4java.library.path=" + dir, "-cp", filepath.Join(dir, "*"),
		"com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
		"-inMemory", "-sharedDb", "-disableTelemetry", "-port", port,
	}
	cmd := exec.Command("sh", args...) //nolint:noctx // fixed arguments; it runs as long as this process
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start DynamoDB Local: %w", err)
	}
	l := &local{endpoint: "http://127.0.0.1:" + port, stdin: stdin}
	if !answers(l.endpoint) {
		_ = stdin.Close()
		_ = cmd.Wait()
		return nil, fmt.Errorf("DynamoDB Local does not answer on port %s; its output:\n%s", port, output.String())
	}
	return l, nil
}

// fetch returns the directory with DynamoDB Local's files, and downloads them on first
// use.
func fetch() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a cache directory for DynamoDB Local: %w", err)
	}
	dir := filepath.Join(cache, "aws-access", "dynamodb-local-"+release)
	if _, err := os.Stat(dir); err == nil {
		return dir, verify(dir, hashes)
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return "", errors.New("tests of the DynamoDB store run on DynamoDB Local, which is fetched by Maven: " +
			"install mvn (Debian: apt-get install maven)")
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return "", err
	}
	// Another test binary may download at the same time: the first one to finish wins.
	work, err := os.MkdirTemp(filepath.Dir(dir), "fetching-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := maven(work); err != nil {
		return "", err
	}
	if err := verify(filepath.Join(work, "lib"), hashes); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(work, "lib"), dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return "", err
		}
	}
	return dir, nil
}

// maven downloads DynamoDB Local into work/lib.
func maven(work string) error {
	file := filepath.Join(work, "pom.xml")
	if err := os.WriteFile(file, pom, 0o600); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	defer stop()
	out, err := exec.CommandContext(ctx, "mvn", "-B", "-q", "-f", file, "dependency:copy-dependencies",
		"-DoutputDirectory="+filepath.Join(work, "lib"), "-DincludeScope=runtime").CombinedOutput()
	if err != nil {
		return fmt.Errorf("fetch DynamoDB Local %s from Maven Central: %w; output of mvn:\n%s", release, err, out)
	}
	return nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // does not wait
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// answers waits up to 30 s for the server and reports whether it answers.
func answers(endpoint string) bool {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		r, err := http.Get(endpoint) //nolint:gosec,noctx // a local server that is starting
		if err == nil {
			_ = r.Body.Close()
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}
