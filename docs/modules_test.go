package docs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/licensecheck"
)

// module is a module of go.mod, as the build sees it.
type module struct {
	Path     string
	Indirect bool
	in       []string          // the functions that link it, "command", or "tests"
	licences []string          // by their SPDX names, sorted
	files    map[string]string // the licence files above its linked packages: path in the module -> text
	unknown  []string          // licence files that could not be classified
}

// linked reports whether a function or the command contains code of the module.
func (m *module) linked() bool { return !slices.Equal(m.in, []string{"tests"}) && len(m.in) > 0 }

// place returns m.in as the page writes it.
func (m *module) place(functions int) string {
	named := slices.DeleteFunc(slices.Clone(m.in), func(in string) bool { return in == "command" || in == "tests" })
	if len(named) < functions {
		return strings.Join(m.in, ", ")
	}
	return strings.Join(append([]string{"every function"}, m.in[len(named):]...), ", ")
}

// listed is a package as `go list` describes it.
type listed struct {
	ImportPath, Dir string
	Deps, GoFiles   []string
	Module          *struct {
		Path, Dir string
		Main      bool
	}
}

// goList lists packages and their dependencies, by import path.
func goList(goos string, arguments ...string) (map[string]listed, error) {
	arguments = append([]string{"list", "-deps", "-json=ImportPath,Dir,Deps,GoFiles,Module"}, arguments...)
	cmd := exec.Command("go", arguments...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, err, problems.String())
	}
	all := make(map[string]listed)
	for in := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := in.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all[p.ImportPath] = p
	}
}

// modules returns the modules of go.mod and the number of functions. They are read once.
func modules(t *testing.T) (all map[string]*module, functions int) {
	t.Helper()
	if testing.Short() {
		t.Skip("lists the packages of every program")
	}
	all, err := readModules()
	if err != nil {
		t.Fatal(err)
	}
	mains, err := filepath.Glob(mains)
	if err != nil || len(mains) < 4 || len(all) < 30 {
		t.Fatalf("only %d functions and %d modules: %v", len(mains), len(all), err)
	}
	return all, len(mains)
}

const (
	ours  = "github.com/aws-access/aws-access/"
	mains = "../functions/*/main.go"
)

var readModules = sync.OnceValues(func() (map[string]*module, error) {
	out, err := exec.Command("go", "mod", "edit", "-json", "../go.mod").Output()
	if err != nil {
		return nil, fmt.Errorf("read go.mod: %w", err)
	}
	var file struct{ Require []*module }
	if err := json.Unmarshal(out, &file); err != nil {
		return nil, err
	}
	all := make(map[string]*module)
	for _, m := range file.Require {
		m.files = make(map[string]string)
		all[m.Path] = m
	}
	if err := useInPrograms(all); err != nil {
		return nil, err
	}
	tools, err := ciPackages()
	if err != nil {
		return nil, err
	}
	inTests, err := goList("linux", append([]string{"-test", "-tags", "deployed", "./..."}, tools...)...)
	if err != nil {
		return nil, err
	}
	for path, p := range inTests {
		if p.Module != nil && all[p.Module.Path] != nil && !all[p.Module.Path].linked() {
			if err := use(all, "tests", inTests, []string{path}); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
})

// ciPackages are the Go programs of .ci, which ./... leaves out.
func ciPackages() (packages []string, err error) {
	err = filepath.WalkDir("../.ci", func(file string, d fs.DirEntry, err error) error {
		if dir := "./" + filepath.ToSlash(filepath.Dir(strings.TrimPrefix(file, "../"))); err == nil &&
			filepath.Ext(file) == ".go" && !slices.Contains(packages, dir) {
			packages = append(packages, dir)
		}
		return err
	})
	return packages, err
}

// useInPrograms records what the functions and the command link, as they are built for release.
func useInPrograms(all map[string]*module) error {
	const functions, command = ours + "functions/", ours + "cmd/aws-access"
	found, err := filepath.Glob(mains)
	if err != nil {
		return err
	}
	packages, err := goList("linux", "-tags", "lambda.norpc", "./functions/...")
	if err != nil {
		return err
	}
	for _, main := range found {
		name := filepath.Base(filepath.Dir(main))
		if err := use(all, name, packages, packages[functions+name].Deps); err != nil {
			return err
		}
	}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		packages, err := goList(goos, "./cmd/aws-access")
		if err != nil {
			return err
		}
		if err := use(all, "command", packages, packages[command].Deps); err != nil {
			return err
		}
	}
	return nil
}

// use records that a program links these packages.
func use(all map[string]*module, program string, packages map[string]listed, paths []string) error {
	if len(paths) == 0 {
		return fmt.Errorf("%s has no dependencies", program)
	}
	for _, path := range paths {
		p := packages[path]
		if p.Module == nil || p.Module.Main {
			continue // the standard library, or this module
		}
		m := all[p.Module.Path]
		if m == nil {
			return fmt.Errorf("%s needs %s, which go.mod does not require: run go mod tidy", program, p.Module.Path)
		}
		if !slices.Contains(m.in, program) {
			m.in = append(m.in, program)
		}
		if err := m.licence(p); err != nil {
			return fmt.Errorf("read the licence of %s: %w", p.ImportPath, err)
		}
	}
	return nil
}

var (
	licenceFile = regexp.MustCompile(`(?i)^(?:licen[cs]e|copying|unlicense)(?:\.txt|\.md)?$`)
	spdx        = regexp.MustCompile(`(?m)^(?://|\*)\s*SPDX-License-Identifier:\s*(.+)$`)
)

// licence adds the licences of one package: those of the licence files in its directory and above, up
// to the root of the module, and those that its sources name in an SPDX line.
func (m *module) licence(p listed) error {
	for dir := p.Dir; ; dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if !entry.IsDir() && licenceFile.MatchString(entry.Name()) {
				if err := m.licenceFile(p.Module.Dir, filepath.Join(dir, entry.Name())); err != nil {
					return err
				}
			}
		}
		if dir == p.Module.Dir {
			break
		}
		if !strings.HasPrefix(dir, p.Module.Dir) {
			return fmt.Errorf("%s is not below %s", p.Dir, p.Module.Dir)
		}
	}
	for _, name := range p.GoFiles {
		head, err := readHead(filepath.Join(p.Dir, name))
		if err != nil {
			return err
		}
		if found := spdx.FindStringSubmatch(head); found != nil {
			m.add(strings.Split(strings.Trim(found[1], "() \r"), " AND ")...)
		}
	}
	return nil
}

func (m *module) licenceFile(root, file string) error {
	name, err := filepath.Rel(root, file)
	if err != nil || m.files[name] != "" {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	m.files[filepath.ToSlash(name)] = string(text)
	names := classify(text)
	if len(names) == 0 {
		m.unknown = append(m.unknown, file)
	}
	m.add(names...)
	return nil
}

func (m *module) add(names ...string) {
	m.licences = append(m.licences, names...)
	slices.Sort(m.licences)
	m.licences = slices.Compact(m.licences)
}

// classify returns the licences of a text, or none if less than three quarters of it are known licences.
// pkg.go.dev has the same limit.
func classify(text []byte) (names []string) {
	if licensecheck.Scan(text).Percent < 75 {
		return nil
	}
	return classifyAll(string(text))
}

// classifyAll returns the licences that a text contains.
func classifyAll(text string) (names []string) {
	for _, match := range licensecheck.Scan([]byte(text)).Match {
		if !match.IsURL {
			names = append(names, match.ID)
		}
	}
	return names
}

// readHead reads the beginning of a file, which may contain an SPDX line.
func readHead(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	head, err := io.ReadAll(io.LimitReader(f, 2048))
	return string(head), err
}

// fileOfModule reads a file at the root of a module, and returns "" if there is none.
func fileOfModule(t *testing.T, path string, names ...string) string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	if err != nil || len(strings.TrimSpace(string(dir))) == 0 {
		t.Fatalf("find the directory of %s: %q, %v: run go mod download", path, dir, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), name))
		if err == nil {
			return string(text)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return ""
}
