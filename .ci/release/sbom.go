package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// sbomTool makes the lists of components. It reads the build information of a binary.
const sbomTool = "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0"

// installSBOM builds the tool into dir.
func (c *commands) installSBOM(ctx context.Context, dir string) (string, error) {
	if _, err := c.golang(ctx, dir, []string{"GOBIN=" + dir}, "install", sbomTool); err != nil {
		return "", err
	}
	return filepath.Join(dir, "cyclonedx-gomod"), nil
}

// sbom returns the list of components of a binary as CycloneDX, after comparing it with the binary.
func (c *commands) sbom(ctx context.Context, tool string, b binary) ([]byte, error) {
	out, err := c.run(ctx, filepath.Dir(tool), nil, tool, "bin", "-json", "-noserial", "-notimestamp", b.path)
	if err != nil {
		return nil, err
	}
	sbom, err := normalise(out)
	if err == nil {
		err = checkSBOM(sbom, b.data, b.info)
	}
	if err != nil {
		return nil, fmt.Errorf("check the SBOM of %s: %w", b.path, err)
	}
	return sbom, nil
}

// normalise removes the checksums of the tool itself, which depend on the operating system, and sorts the keys.
func normalise(sbom []byte) ([]byte, error) {
	var all map[string]any
	in := json.NewDecoder(bytes.NewReader(sbom))
	in.UseNumber()
	if err := in.Decode(&all); err != nil {
		return nil, fmt.Errorf("read the SBOM: %w", err)
	}
	metadata, _ := all["metadata"].(map[string]any)
	tools, _ := metadata["tools"].([]any)
	if len(tools) == 0 {
		return nil, errors.New("read the SBOM: it names no tool in metadata.tools")
	}
	for _, tool := range tools {
		if fields, ok := tool.(map[string]any); ok {
			delete(fields, "hashes")
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(all)
	return out.Bytes(), err
}

// checkSBOM compares the list with the binary that it describes: its checksum, its main module, and each module
// in a line `dep` of `go version -m`, or in the line `=>` below it, which replaces the module.
func checkSBOM(sbom, data []byte, info *debug.BuildInfo) error {
	type component struct{ Name, Version string }
	var read struct {
		Metadata struct {
			Component  component
			Properties []struct{ Name, Value string }
		}
		Components []component
	}
	if err := json.Unmarshal(sbom, &read); err != nil {
		return fmt.Errorf("read the SBOM: %w", err)
	}
	var problems []string
	if got, want := read.Metadata.Component, (component{info.Main.Path, info.Main.Version}); got != want {
		problems = append(problems, fmt.Sprintf("it describes %v, and the binary is %v", got, want))
	}
	sum := sha256.Sum256(data)
	hash := struct{ Name, Value string }{"cdx:gomod:binary:hash:SHA-256", hex.EncodeToString(sum[:])}
	if !slices.Contains(read.Metadata.Properties, hash) {
		problems = append(problems, "it has no SHA-256 of this binary")
	}
	count := make(map[string]int)
	for _, c := range read.Components {
		count[c.Name+"@"+c.Version]++
	}
	for _, name := range linkedModules(info) {
		count[name]--
	}
	for name, n := range count {
		switch {
		case n < 0:
			problems = append(problems, name+" is linked and not listed")
		case n > 0:
			problems = append(problems, name+" is listed and not linked")
		}
	}
	slices.Sort(problems)
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "; "))
	}
	return nil
}

// linkedModules returns the modules that a binary links, as path@version, after replacement.
func linkedModules(info *debug.BuildInfo) []string {
	var all []string
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		all = append(all, m.Path+"@"+m.Version)
	}
	return all
}
