package docs

import (
	"cmp"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// textsOf returns the texts of this repository by their paths, without the Go tests.
func textsOf(t *testing.T) map[string]string {
	t.Helper()
	texts := allTexts(t)
	maps.DeleteFunc(texts, func(name, _ string) bool { return strings.HasSuffix(name, "_test.go") })
	return texts
}

// allTexts returns the texts of this repository by their paths.
func allTexts(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped(name):
			return fs.SkipDir
		case d.IsDir() || !isText(name):
			return nil
		}
		text, err := fs.ReadFile(root, name)
		texts[name] = string(text)
		return err
	})
	if err != nil || len(texts) < 200 {
		t.Fatalf("%d texts: %v", len(texts), err)
	}
	return texts
}

var (
	goTool      = regexp.MustCompile(`\b([a-z][\w-]*\.[a-z]+/[\w./-]+)@([\w.+-]+)`)
	fullVersion = regexp.MustCompile(`^v\d+\.\d+\.\d+$`)
	action      = regexp.MustCompile(`(?m)^\s*(?:- )?uses:.*$`)
	pinned      = regexp.MustCompile(`uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	unpinned    = regexp.MustCompile(`\b(?:npm (?:install|i|exec|update)|npx|pip3? install|pipx)\b`)
)

// The tools build or check the product, so their versions must not change by themselves.
func TestEveryGoToolHasAFullVersionAndALineOnThePage(t *testing.T) {
	texts, found := textsOf(t), 0
	page := texts["docs/dependencies.md"]
	for name, text := range texts {
		for _, tool := range goTool.FindAllStringSubmatch(text, -1) {
			found++
			if !fullVersion.MatchString(tool[2]) {
				t.Errorf("%s: the version of %s is not a full one: %s", name, tool[1], tool[2])
			}
			if !strings.Contains(page, "`"+path.Base(tool[1])+"`") {
				t.Errorf("%s runs %s, which docs/dependencies.md does not name", name, tool[1])
			}
		}
	}
	if found < 2 {
		t.Errorf("only %d Go tools found", found)
	}
}

// A tag of an action can be moved to another commit.
func TestEveryActionIsPinnedByCommit(t *testing.T) {
	found := 0
	for name, text := range textsOf(t) {
		if !strings.HasPrefix(name, ".github/workflows/") && name != "infra/pipeline/github-workflow.yaml" {
			continue
		}
		for _, line := range action.FindAllString(text, -1) {
			if found++; !pinned.MatchString(line) {
				t.Errorf("%s: not pinned by a commit, with its release as a comment: %s", name, strings.TrimSpace(line))
			}
		}
	}
	if found < 2 {
		t.Errorf("only %d actions found", found)
	}
}

// With hashes, the package index cannot replace a tool.
func TestEveryPythonPackageIsPinnedByHash(t *testing.T) {
	pin := regexp.MustCompile(`^[a-z0-9.-]+(\[[a-z0-9,]+\])?==[0-9][^ ]*( --hash=sha256:[0-9a-f]{64})+$`)
	files := 0
	for name, text := range textsOf(t) {
		if ok, err := path.Match(".ci/tools/*.txt", name); err != nil || !ok {
			continue
		}
		files++
		pins := 0
		for line := range strings.Lines(strings.ReplaceAll(text, " \\\n    ", " ")) {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			if pins++; !pin.MatchString(line) {
				t.Errorf("%s: not pinned by hash: %.80s", name, line)
			}
		}
		// The AWS CLI brings most of what it needs with it.
		few := map[string]int{".ci/tools/awscli.txt": 10, ".ci/tools/awscli2.txt": 1}[name]
		if pins < cmp.Or(few, 20) {
			t.Errorf("%s: only %d pins", name, pins)
		}
	}
	if files < 4 {
		t.Errorf("only %d lists of pins", files)
	}
}

// pip checks hashes of all packages only with --require-hashes, and only `npm ci` obeys the lock file exactly.
func TestScriptsInstallOnlyWhatIsPinned(t *testing.T) {
	locked := 0
	for name, text := range textsOf(t) {
		script := strings.HasSuffix(name, ".sh") || path.Ext(name) == "" || strings.HasPrefix(name, ".github/")
		for line := range strings.Lines(text) {
			if script && unpinned.MatchString(line) && !strings.HasPrefix(strings.TrimSpace(line), "#") {
				t.Errorf("%s installs what is not pinned: %s", name, strings.TrimSpace(line))
			}
			if strings.Contains(line, "pip\" ") && strings.Contains(line, " install ") {
				if locked++; !strings.Contains(line, " install --require-hashes ") {
					t.Errorf("%s runs pip without --require-hashes: %s", name, strings.TrimSpace(line))
				}
			}
			if script && strings.Contains(line, "npm ci ") {
				locked++
			}
		}
	}
	if locked < 3 {
		t.Errorf("only %d installations found", locked)
	}
}

func TestEveryNpmPackageIsPinnedByHash(t *testing.T) {
	for _, dir := range []string{"../infra/proof", "../pkg/fake/awsfake/simulate"} {
		var wanted struct{ DevDependencies, Dependencies map[string]string }
		var lock struct {
			Packages map[string]struct{ Version, Integrity string }
		}
		decode(t, dir+"/package.json", &wanted)
		decode(t, dir+"/package-lock.json", &lock)
		if len(wanted.DevDependencies) == 0 || len(wanted.Dependencies) > 0 {
			t.Errorf("%s: %v, want only devDependencies", dir, wanted)
		}
		for name, version := range wanted.DevDependencies {
			if version != lock.Packages["node_modules/"+name].Version {
				t.Errorf("%s: %s is wanted as %q, which is not the exact version of the lock file", dir, name, version)
			}
		}
		for name, p := range lock.Packages {
			if name != "" && !strings.HasPrefix(p.Integrity, "sha512-") {
				t.Errorf("%s: %s is not pinned by hash: %+v", dir, name, p)
			}
		}
	}
}

func decode(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
}

// dynamotest refuses a file whose hash is not in its list.
func TestDynamoDBLocalIsPinnedByHash(t *testing.T) {
	texts := textsOf(t)
	const dir = "pkg/store/dynamo/dynamotest/"
	version := regexp.MustCompile(`<artifactId>DynamoDBLocal</artifactId>\s*<version>([\d.]+)</version>`).
		FindStringSubmatch(texts[dir+"pom.xml"])
	if version == nil {
		t.Fatal("pom.xml has no version of DynamoDB Local")
	}
	names := regexp.MustCompile(`(?m)^[0-9a-f]{64}  (\S+)$`).FindAllStringSubmatch(texts[dir+"sha256.txt"], -1)
	if !slices.ContainsFunc(names, func(n []string) bool { return n[1] == "DynamoDBLocal-"+version[1]+".jar" }) {
		t.Errorf("sha256.txt has no hash of DynamoDB Local %s", version[1])
	}
	if !strings.Contains(texts[dir+"dynamotest.go"], `release = "`+version[1]+`"`) {
		t.Errorf("dynamotest.go has another release than pom.xml, %s", version[1])
	}
}
