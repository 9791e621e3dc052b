package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	checked = "github.com/aws-access/aws-access/pkg/slackapi"
	changed = `{"modified":"2026-11-20T10:00:00Z"}`
)

// affected is an entry about every version of slack-go. pkg/slackapi calls slack.New.
const affected = `{
	"schema_version": "1.3.1", "id": "GO-2026-99999", "modified": "2026-11-20T10:00:00Z",
	"published": "2026-11-20T10:00:00Z", "summary": "An entry made up by a test", "details": "Not real.",
	"database_specific": {"url": "https://example.com/GO-2026-99999"},
	"affected": [{
		"package": {"name": "github.com/slack-go/slack", "ecosystem": "Go"},
		"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
		"ecosystem_specific": {"imports": [{"path": "github.com/slack-go/slack", "symbols": [%q]}]}
	}]}`

// database serves files as vuln.go.dev does: https://go.dev/security/vuln/database, read on 2026-11-26.
func database(t *testing.T, files map[string]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := files[strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), ".gz")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		z := gzip.NewWriter(w)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// entries are the files of a database that knows one vulnerability of slack-go, in this function.
func entries(function string) map[string]string {
	return map[string]string{
		"index/db.json": changed,
		"index/modules.json": `[{"path":"github.com/slack-go/slack","vulns":[` +
			`{"id":"GO-2026-99999","modified":"2026-11-20T10:00:00Z"}]}]`,
		"ID/GO-2026-99999.json": fmt.Sprintf(affected, function),
	}
}

func runCheck(t *testing.T, c check) (status int, output string) {
	t.Helper()
	var b bytes.Buffer
	c.output = &b
	if c.wait == 0 {
		c.wait = 5 * time.Second
	}
	status = c.run(context.Background(), []string{checked})
	return status, b.String()
}

func expect(t *testing.T, c check, wantStatus int, want ...string) {
	t.Helper()
	status, output := runCheck(t, c)
	if status != wantStatus {
		t.Errorf("exit status %d, want %d:\n%s", status, wantStatus, output)
	}
	for _, part := range want {
		if !strings.Contains(output, part) {
			t.Errorf("%q is missing in:\n%s", part, output)
		}
	}
}

func TestCalledVulnerabilityFailsTheCheck(t *testing.T) {
	needTool(t)
	c := check{database: database(t, entries("New"))}
	expect(t, c, 1, "GO-2026-99999", "slackapi", "calls slack.New", "vulnerabilities: found")
}

func TestVulnerabilityThatIsNotCalledPasses(t *testing.T) {
	needTool(t)
	c := check{database: database(t, entries("NewMadeUp")), required: true}
	expect(t, c, 0, "vulnerabilities: none known in "+checked, "of 2026-11-20)")
}

func TestEmptyDatabasePasses(t *testing.T) {
	needTool(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"index/db.json": changed, "index/modules.json": "[]"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, check{database: "file://" + dir}, 0, "vulnerabilities: none known in "+checked)
}

func TestFailureOfTheToolFailsTheCheck(t *testing.T) {
	needTool(t)
	half := map[string]string{"index/db.json": changed} // answers, and then does not list its modules
	expect(t, check{database: database(t, half)}, 2, "vulnerabilities: check failed: run govulncheck: exit status")
	expect(t, check{database: "file:///none"}, 2, "vulnerabilities: check failed: run govulncheck: exit status")
}

func TestToolThatCannotBeInstalledFailsTheCheck(t *testing.T) {
	address := database(t, entries("New"))
	t.Setenv("PATH", t.TempDir()) // without go
	expect(t, check{database: address}, 2, "vulnerabilities: check failed: install golang.org/x/vuln/cmd/govulncheck@v")
}

func needTool(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("installs and runs govulncheck")
	}
}

// unreachable are databases that give no answer.
func unreachable(t *testing.T) map[string]check {
	t.Helper()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "forbidden by the proxy", http.StatusForbidden)
	}))
	silent := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-silent }))
	t.Cleanup(func() { close(silent); refuses.Close(); hangs.Close() })
	return map[string]check{
		"connection refused":        {database: closed.URL},
		"answered 403 Forbidden":    {database: refuses.URL},
		"context deadline exceeded": {database: hangs.URL, wait: 20 * time.Millisecond},
	}
}

func TestUnreachableDatabaseIsReportedAsNotChecked(t *testing.T) {
	for cause, c := range unreachable(t) {
		expect(t, c, 0, "vulnerabilities: not checked: the database "+c.database+" cannot be reached: ", cause)
	}
}

func TestUnreachableDatabaseFailsARequiredCheck(t *testing.T) {
	for cause, c := range unreachable(t) {
		c.required = true
		expect(t, c, 2, "vulnerabilities: check failed: the database "+c.database+" cannot be reached: ", cause)
	}
}

func TestInvalidAnswerFailsTheCheck(t *testing.T) {
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<html>Please sign in to the network.</html>"))
	}))
	defer portal.Close()
	want := "vulnerabilities: check failed: " + portal.URL + " is not a vulnerability database"
	expect(t, check{database: portal.URL}, 2, want)
	files := map[string]string{"index/db.json": "[]"}
	expect(t, check{database: database(t, files)}, 2, "is not a vulnerability database")
}
