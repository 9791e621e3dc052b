package functions

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/config"
)

const module = "github.com/aws-access/aws-access/"

// mayImport says which packages of this module a package may import. It is the
// architecture: docs/architecture.md explains it.
var mayImport = map[string][]string{
	"pkg/access": {},
	"pkg/policy": {
		"pkg/access", "pkg/policy/internal/bitset", "pkg/policy/internal/matching", "pkg/spelling",
	},
	"pkg/policy/packed": {"pkg/access", "pkg/policy", "pkg/policy/internal/bitset"},
	"pkg/policy/compiler": {
		"pkg/access", "pkg/policy", "pkg/policy/packed", "pkg/policy/internal/bitset", "pkg/policy/internal/matching",
		"pkg/spelling",
	},
	"pkg/policy/internal/bitset":   {},
	"pkg/policy/internal/matching": {},
	"pkg/spelling":                 {},
	"pkg/slackui":                  {"pkg/access", "pkg/slackapi"},
	"pkg/lifecycle":                {"pkg/access", "pkg/policy"},
	"pkg/store":                    {"pkg/access"},
	"pkg/store/memory":             {"pkg/access", "pkg/store"},
	"pkg/store/dynamo":             {"pkg/access", "pkg/store"},
	"pkg/vend":                     {"pkg/access", "pkg/awscall"},
	"pkg/cut":                      {"pkg/access", "pkg/awscall"},
	"pkg/slackapi":                 {"pkg/access"},
	"pkg/wire":                     {"pkg/access"},
	"pkg/home":                     {"pkg/access", "pkg/wire"},
	"pkg/machine":                  {"pkg/access", "pkg/wire"},
	"pkg/awsconfig":                {},
	"pkg/credserver":               {"pkg/access", "pkg/home"},
	"pkg/client":                   {"pkg/access", "pkg/wire", "pkg/home", "pkg/machine"},
	"pkg/awscall":                  {},
	"pkg/handoff":                  {"pkg/access", "pkg/awscall"},
	"pkg/config":                   {"pkg/access", "pkg/awscall"},
	"pkg/gateway":                  {},
	"pkg/relay":                    {"pkg/access", "pkg/awscall", "pkg/gateway", "pkg/store", "pkg/wire"},
	"pkg/version":                  {},
	"functions": {
		"pkg/access", "pkg/policy", "pkg/lifecycle", "pkg/store", "pkg/slackui", "pkg/slackapi", "pkg/gateway",
		"pkg/version", "pkg/wire",
	},
}

// anything may be imported by programs, and by what tests and the sandbox use.
func anything(pkg string) bool {
	return strings.HasPrefix(pkg, "cmd/") || strings.HasPrefix(pkg, "functions/") || strings.HasPrefix(pkg, "events/") ||
		strings.HasPrefix(pkg, ".ci/") || forTests(pkg)
}

// forTests are packages that no function may link.
func forTests(pkg string) bool {
	return slices.ContainsFunc(strings.Split(pkg, "/"), func(part string) bool {
		return strings.HasSuffix(part, "fake") ||
			strings.HasSuffix(part, "test")
	})
}

func TestPackagesImportOnlyWhatTheTableAllows(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		rel, err := filepath.Rel("..", file)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(rel))
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			seen++
			checkImport(t, rel, pkg, strings.Trim(spec.Path.Value, `"`))
		}
		return nil
	})
	if err != nil || seen < 100 {
		t.Fatalf("read %d imports: %v", seen, err)
	}
}

func checkImport(t *testing.T, file, pkg, imported string) {
	for sdk, only := range map[string]string{
		"github.com/aws/aws-sdk-go-v2/service/sts": "pkg/vend",
		"github.com/aws/aws-sdk-go-v2/service/iam": "pkg/vend",
	} {
		main := pkg == "functions/vend" || strings.HasPrefix(pkg, "cmd/")
		if imported == sdk && !strings.HasPrefix(pkg, only) && !main {
			t.Errorf("%s imports %s: only %s and its main may", file, sdk, only)
		}
	}
	ours, ok := strings.CutPrefix(imported, module)
	if !ok || anything(pkg) {
		return
	}
	allowed, known := mayImport[pkg]
	switch {
	case !known:
		t.Errorf("%s: package %s is not in the table of imports", file, pkg)
	case !slices.Contains(allowed, ours):
		t.Errorf("%s imports %s: %s may import %v", file, ours, pkg, allowed)
	}
}

// apiLinks are the packages of this module that the public function api may link. None of
// them can assume a role, read a secret, call Slack, or write a table.
var apiLinks = []string{
	"functions/api", "pkg/access", "pkg/awscall", "pkg/config", "pkg/gateway", "pkg/handoff", "pkg/relay", "pkg/store",
	"pkg/version", "pkg/wire",
}

func TestAPILinksNoPolicyNoSlackAndNoSDKOfAService(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./api").CombinedOutput()
	if err != nil {
		t.Fatalf("go list -deps ./api: %v\n%s", err, out)
	}
	seen := 0
	for dep := range strings.FieldsSeq(string(out)) {
		if ours, ok := strings.CutPrefix(dep, module); ok {
			seen++
			if !slices.Contains(apiLinks, ours) {
				t.Errorf("functions/api links %s", ours)
			}
		}
		if strings.Contains(dep, "/aws-sdk-go-v2/service/") || strings.Contains(dep, "/slack-go/") {
			t.Errorf("functions/api links %s", dep)
		}
	}
	if seen != len(apiLinks) {
		t.Errorf("functions/api links %d packages of this module, and the list has %d", seen, len(apiLinks))
	}
}

// What a function links is what an attacker who broke into it can call. YAML is for the compiler,
// which runs when the functions are built.
func TestFunctionsLinkNoFakeNoYAMLAndOnlyVendLinksSTS(t *testing.T) {
	for _, spec := range config.Functions {
		f := spec.Name
		out, err := exec.Command("go", "list", "-deps", "./"+string(f)).CombinedOutput()
		if err != nil {
			t.Fatalf("go list -deps ./%s: %v\n%s", f, err, out)
		}
		deps := strings.Fields(string(out))
		sts := slices.Contains(deps, "github.com/aws/aws-sdk-go-v2/service/sts")
		if sts != (f == config.Vend) {
			t.Errorf("functions/%s links the STS SDK: %v", f, sts)
		}
		// It sends what strangers have signed to STS, and tokens to nobody.
		if judges := slices.Contains(deps, module+"pkg/machine"); judges && f != config.Vend {
			t.Errorf("functions/%s links pkg/machine", f)
		}
		for _, dep := range deps {
			if strings.Contains(dep, "yaml") {
				t.Errorf("functions/%s links %s", f, dep)
			}
			if ours, ok := strings.CutPrefix(dep, module); ok && forTests(ours) {
				t.Errorf("functions/%s links %s", f, ours)
			}
		}
	}
}
