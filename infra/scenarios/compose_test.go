package scenarios

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// composeFile is what the example uses of the Compose specification; another key is an error.
type composeFile struct {
	Services map[string]struct {
		Image       string
		User        string
		Command     string
		Environment map[string]string
		DependsOn   []string `yaml:"depends_on"`
		Volumes     []string
		Networks    any
	}
	Volumes  map[string]any
	Networks map[string]struct {
		IPAM struct{ Config []struct{ Subnet string } }
	}
}

// SDKs take keys by plain http from 169.254.170.2 only (docs/facts.md#k10).
func TestComposeFileIsValid(t *testing.T) {
	const file, address = "testdata/compose.yaml", "169.254.170.2"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var c composeFile
	if err := yaml.Load(text, &c, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	serve := c.Services["access"].Command
	fixed := strings.Contains(string(text), "{ipv4_address: "+address+"}")
	if !strings.Contains(serve, "--address "+address+":80") || !fixed {
		t.Errorf("serve does not listen on %s: %s", address, serve)
	}
	for name, s := range c.Services {
		uri := s.Environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
		if name == "access" || uri == "" {
			continue
		}
		if uri != "http://"+address+"/"+name || !strings.Contains(serve, "--map "+name+"=") {
			t.Errorf("%s asks %s, and serve has %s", name, uri, serve)
		}
		if s.Environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] != "/tokens/"+name ||
			!slices.Contains(s.Volumes, "tokens:/tokens:ro") {
			t.Errorf("%s cannot read its token", name)
		}
	}
	if exec.Command("docker", "compose", "version").Run() != nil {
		t.Log("NOT RUN: docker compose config, because Docker Compose is not installed")
		return
	}
	check := exec.Command("docker", "compose", "-f", file, "config", "--quiet")
	check.Env = append(os.Environ(), "AWS_ACCESS_HOME=/tmp")
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("docker compose config: %v\n%s", err, out)
	}
}
