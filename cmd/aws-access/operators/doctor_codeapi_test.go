package operators

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/version"
)

// deployedCode is a package that Lambda gives out.
type deployedCode struct {
	pack   []byte
	stated string // its SHA-256 in base64, as Lambda states it
}

func packageOf(pack []byte) deployedCode {
	sum := sha256.Sum256(pack)
	return deployedCode{pack, base64.StdEncoding.EncodeToString(sum[:])}
}

// zipped makes a package of a program and the repository's own policy.
func zipped(t testing.TB, program []byte) deployedCode {
	t.Helper()
	return zippedWith(t, program, compiledPolicy(t))
}

// zippedFor makes the package of a function: with the policy, if the function has it.
func zippedFor(t testing.TB, f config.Spec, program, compiled []byte) deployedCode {
	t.Helper()
	if !f.HasPolicy() {
		return packedBy(t, zip.Store, entry{"bootstrap", program})
	}
	return zippedWith(t, program, compiled)
}

func zippedWith(t testing.TB, program, compiled []byte) deployedCode {
	t.Helper()
	return packedBy(t, zip.Store, entry{"bootstrap", program}, entry{"policy.compiled", compiled})
}

type entry struct {
	name string
	text []byte
}

// packedBy makes a package of files. Packed by Store, their sizes stand before them, as in
// the packages of sam.
func packedBy(t testing.TB, method uint16, files ...entry) deployedCode {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: method}
		create := z.CreateHeader
		if method == zip.Store {
			h.CRC32, h.UncompressedSize64 = crc32.ChecksumIEEE(f.text), uint64(len(f.text))
			h.CompressedSize64 = h.UncompressedSize64
			create = z.CreateRaw
		}
		w, err := create(h)
		if err == nil {
			_, err = w.Write(f.text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return packageOf(out.Bytes())
}

// compiledPolicy is the repository's own policy, as make build compiles it.
func compiledPolicy(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := compiler.Compile("policy.yaml", text, compiler.Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return p.Packed()
}

// theRelease is the version of the programs that are deployed in tests.
const theRelease = "v1.2.0"

// builtRelease builds empty programs in a repository of their own whose commit has the
// tag theRelease. They have the import paths of the functions.
var builtRelease = sync.OnceValues(func() (map[config.Function][]byte, error) {
	dir, err := os.MkdirTemp("", "aws-access-release-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	files := map[string]string{"go.mod": "module " + version.Module + "\n\ngo 1.26\n", ".gitignore": "/bin/\n"}
	for _, f := range config.Functions {
		files["functions/"+string(f.Name)+"/main.go"] = "package main\n\nfunc main() {}\n"
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600))
	}
	for _, args := range [][]string{
		{"git", "init", "-q"}, {"git", "add", "."},
		{"git", "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "a release"},
		{"git", "tag", theRelease},
		{"go", "build", "-trimpath", "-buildvcs=true", "-ldflags", "-s -w", "-o", "bin/", "./functions/..."},
	} {
		if err == nil {
			run := exec.Command(args[0], args[1:]...)
			run.Dir, run.Env = dir, append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
			var out []byte
			if out, err = run.CombinedOutput(); err != nil {
				err = fmt.Errorf("%v: %w\n%s", args, err, out)
			}
		}
	}
	programs := make(map[config.Function][]byte)
	for _, f := range config.Functions {
		if err == nil {
			programs[f.Name], err = os.ReadFile(filepath.Join(dir, "bin", string(f.Name)))
		}
	}
	return programs, err
})

// releasedProgram is the program of a function in theRelease.
func releasedProgram(t testing.TB, f config.Function) []byte {
	t.Helper()
	programs, err := builtRelease()
	if err != nil {
		t.Fatal(err)
	}
	return programs[f]
}

// releaseOf is the package of a function in theRelease.
func releaseOf(t testing.TB, f config.Function) deployedCode {
	t.Helper()
	return zippedFor(t, config.SpecOf(f), releasedProgram(t, f), compiledPolicy(t))
}

// changed returns bytes in which every occurrence of a text is replaced by another of
// the same length.
func changed(t testing.TB, text []byte, from, to string) []byte {
	t.Helper()
	if len(from) != len(to) || !bytes.Contains(text, []byte(from)) {
		t.Fatalf("%q cannot be replaced by %q", from, to)
	}
	return bytes.ReplaceAll(text, []byte(from), []byte(to))
}

// canaryLink is a part of each link to code. It must never be shown.
const canaryLink = "X-Amz-Signature=canary-link"

// function answers lambda:GetFunction (docs/facts.md#f1).
func (a *stackAPI) function(w http.ResponseWriter, r *http.Request) {
	name, of := r.PathValue("name"), r.PathValue("name")
	if q := r.URL.Query().Get("Qualifier"); q != "" {
		of += ":" + q
	}
	code, found := a.code[of]
	switch {
	case a.refused(w, "GetFunction"):
	case !found || a.config[name] == nil:
		no(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+functionARN(of))
	default:
		settings := maps.Clone(a.config[name])
		maps.Copy(settings, a.config[of]) // of a published version
		settings["CodeSha256"], settings["CodeSize"] = code.stated, len(code.pack)
		answer := map[string]any{
			"Configuration": settings,
			"Code":          map[string]any{"RepositoryType": "S3", "Location": a.url + "/code/" + of + "?" + canaryLink},
		}
		if n, ok := a.reserved[name]; ok {
			answer["Concurrency"] = map[string]any{"ReservedConcurrentExecutions": n}
		}
		yes(w, answer)
	}
}

// download answers the link, which is all that S3 asks for.
func (a *stackAPI) download(w http.ResponseWriter, r *http.Request) {
	code, found := a.code[r.PathValue("name")]
	if !found || r.URL.RawQuery != canaryLink || r.Header.Get("Authorization") != "" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	_, _ = w.Write(code.pack)
}
