package main

import (
	"crypto/sha256"
	"encoding/hex"
	"runtime/debug"
	"strings"
	"testing"
)

// described returns a binary that links two modules, one of them replaced.
func described() (data []byte, info *debug.BuildInfo) {
	return []byte("binary"), &debug.BuildInfo{
		Main: debug.Module{Path: "example.org/main", Version: "v1.2.3"},
		Deps: []*debug.Module{
			{Path: "example.org/a", Version: "v1.0.0"},
			{Path: "example.org/b", Version: "v2.0.0", Replace: &debug.Module{Path: "example.org/fork", Version: "v2.0.1"}},
		},
	}
}

// list returns an SBOM in the format of the tool, with the correct checksum of the binary.
func list(t *testing.T, components ...string) string {
	t.Helper()
	data, _ := described()
	sum := sha256.Sum256(data)
	for i, c := range components {
		name, version, _ := strings.Cut(c, "@")
		components[i] = `{"name": "` + name + `", "version": "` + version + `"}`
	}
	return `{"metadata": {
		"component": {"name": "example.org/main", "version": "v1.2.3"},
		"tools": [{"name": "cyclonedx-gomod", "version": "v1.10.0", "hashes": [{"alg": "MD5", "content": "1"}]}],
		"properties": [{"name": "cdx:gomod:binary:hash:SHA-256", "value": "` + hex.EncodeToString(sum[:]) + `"}]},
		"components": [` + strings.Join(components, ",") + `]}`
}

// A missing module would hide its vulnerabilities, and a superfluous one would cause false alarms.
func TestSBOMListsExactlyTheLinkedModules(t *testing.T) {
	data, info := described()
	right := list(t, "example.org/a@v1.0.0", "example.org/fork@v2.0.1")
	for _, c := range []struct{ name, sbom, want string }{
		{"the same modules", right, ""},
		{"one removed", list(t, "example.org/fork@v2.0.1"), "example.org/a@v1.0.0 is linked and not listed"},
		{"one added", list(t, "example.org/a@v1.0.0", "example.org/fork@v2.0.1", "example.org/c@v0.1.0"),
			"example.org/c@v0.1.0 is listed and not linked"},
		{"one twice", list(t, "example.org/a@v1.0.0", "example.org/a@v1.0.0", "example.org/fork@v2.0.1"),
			"example.org/a@v1.0.0 is listed and not linked"},
		{"another version", list(t, "example.org/a@v1.0.1", "example.org/fork@v2.0.1"),
			"example.org/a@v1.0.0 is linked and not listed; example.org/a@v1.0.1 is listed and not linked"},
		{"without the replacement", list(t, "example.org/a@v1.0.0", "example.org/b@v2.0.0"),
			"example.org/b@v2.0.0 is listed and not linked; example.org/fork@v2.0.1 is linked and not listed"},
		{"another version of the program", strings.Replace(right, "v1.2.3", "v1.2.4", 1),
			"it describes {example.org/main v1.2.4}, and the binary is {example.org/main v1.2.3}"},
		{"another binary", strings.Replace(right, "SHA-256", "SHA-1", 1), "it has no SHA-256 of this binary"},
	} {
		if got := text(checkSBOM([]byte(c.sbom), data, info)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSBOMDoesNotDependOnTheTool(t *testing.T) {
	one, err := normalise([]byte(list(t)))
	if err != nil {
		t.Fatal(err)
	}
	two, err := normalise([]byte(strings.Replace(list(t), `"content": "1"`, `"content": "2"`, 1)))
	if err != nil || string(one) != string(two) || !strings.Contains(string(one), "v1.10.0") {
		t.Errorf("%v; one computer writes\n%s\nand another one\n%s", err, one, two)
	}
	_, err = normalise([]byte(`{"metadata": {"tools": {"components": []}}}`))
	if want := "read the SBOM: it names no tool in metadata.tools"; text(err) != want {
		t.Errorf("an SBOM in another format: %q, want %q", text(err), want)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
