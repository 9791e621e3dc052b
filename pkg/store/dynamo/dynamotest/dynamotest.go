// Package dynamotest runs DynamoDB Local, Amazon's own engine for tests, on
// loopback. It needs java (17 or later) on the PATH and, the first time, mvn
// and a way to Maven Central; what is fetched is kept in the user's cache
// directory. If any of it is missing, tests fail and say so.
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

// release is the version that pom.xml names.
const release = "2.6.1"

//go:embed pom.xml
var pom []byte

// local is a running DynamoDB Local. Its process ends when life is closed, and
// so when this process ends, however that happens: a time-out, a panic, a kill.
type local struct {
	endpoint string
	life     io.Closer
}

// engine is the one DynamoDB Local of this test binary, started by the first
// test that needs it.
var engine = sync.OnceValues(start)

var tables atomic.Int64

// Table is a new table in DynamoDB Local.
type Table struct {
	Endpoint string // http://127.0.0.1:port
	Name     string
}

// NewTable makes an empty table. The test fails if DynamoDB Local cannot run.
func NewTable(t testing.TB) Table {
	t.Helper()
	running, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	table := Table{Endpoint: running.endpoint, Name: "test-" + strconv.FormatInt(tables.Add(1), 10)}
	if _, err := table.Client(nil).CreateTable(t.Context(), dynamo.TableInput(table.Name)); err != nil {
		t.Fatalf("create a table in DynamoDB Local: %v", err)
	}
	return table
}

// Client is a client that tries three times, as a function's does, with short
// pauses; through may be nil, or stand between it and DynamoDB Local.
func (t Table) Client(through http.RoundTripper) *dynamodb.Client {
	if through == nil {
		through = http.DefaultTransport
	}
	return dynamodb.New(dynamodb.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(t.Endpoint), HTTPClient: &http.Client{Transport: through},
		Retryer:     retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond }),
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
}

// start fetches DynamoDB Local if need be, runs it, and waits until it answers.
func start() (*local, error) {
	if _, err := exec.LookPath("java"); err != nil {
		return nil, errors.New(
			"tests of the DynamoDB store run on DynamoDB Local, which needs java: install a Java runtime, 17 or later (Debian: apt-get install openjdk-17-jre-headless)",
		)
	}
	dir, err := fetch()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	// The shell ends java when its own input ends.
	const script = `java "$@" </dev/null & read -r _; kill $!`
	//nolint:gosec,noctx // the arguments are this package's own; it lives as long as the process
	cmd := exec.Command("sh", "-c", script, "sh", "-Xmx512m", "-Dsqlite4java.library.path="+dir, "-cp", filepath.Join(
		dir, "*",
	),
		"com.amazonaws.services.dynamodbv2.local.main.ServerRunner", "-inMemory", "-sharedDb", "-disableTelemetry", "-port", port)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	life, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start DynamoDB Local: %w", err)
	}
	l := &local{endpoint: "http://127.0.0.1:" + port, life: life}
	if !answers(l.endpoint) {
		_ = life.Close()
		_ = cmd.Wait()
		return nil, fmt.Errorf("DynamoDB Local does not answer on port %s; it said:\n%s", port, said.String())
	}
	return l, nil
}

// fetch returns the directory with DynamoDB Local's files.
func fetch() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("nowhere to keep DynamoDB Local: %w", err)
	}
	dir := filepath.Join(cache, "aws-access", "dynamodb-local-"+release)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if _, err := exec.LookPath("mvn"); err != nil {
		return "", errors.New(
			"tests of the DynamoDB store run on DynamoDB Local, which is fetched by Maven: install mvn (Debian: apt-get install maven)",
		)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return "", err
	}
	// Another test binary may be fetching too: whoever is first is kept.
	work, err := os.MkdirTemp(filepath.Dir(dir), "fetching-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := maven(work); err != nil {
		return "", err
	}
	if err := os.Rename(filepath.Join(work, "lib"), dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return "", err
		}
	}
	return dir, nil
}

// maven puts DynamoDB Local into work/lib.
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
		return fmt.Errorf("fetch DynamoDB Local %s from Maven Central: %w; mvn said:\n%s", release, err, out)
	}
	return nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // nothing is waited for
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// answers waits up to 30 s for the server.
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
