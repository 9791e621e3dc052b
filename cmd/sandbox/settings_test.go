package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// policyFile writes a policy file for readSettings, which only reads it.
func policyFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte("version: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func environment(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

func TestSettingsHaveDefaults(t *testing.T) {
	s, err := readSettings(environment(map[string]string{"POLICY": policyFile(t)}))
	if err != nil || s.addr != "127.0.0.1:8080" || s.exposed || !s.world.Start.IsZero() ||
		s.world.SigningSecret.Reveal() != "sandbox-signing-secret" {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestAllProblemsOfTheEnvironmentAreReported(t *testing.T) {
	_, err := readSettings(environment(map[string]string{
		"ADDR": "0.0.0.0:80", "POLICY": policyFile(t) + "x", "SANDBOX_START": "noon",
		"SANDBOX_TOKEN_BYTES": "4097", "SANDBOX_DYNAMODB": "http://127.0.0.1:8000",
	}))
	for _, name := range []string{
		"ADDR", "SANDBOX_EXPOSE=1", "POLICY", "SANDBOX_START", "SANDBOX_TOKEN_BYTES", "SANDBOX_DYNAMODB",
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}

func TestAnotherPortIsSuggestedIfThePortIsInUse(t *testing.T) {
	first, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close() }()
	port := first.Addr().(*net.TCPAddr).Port
	_, err = listen(first.Addr().String())
	want := fmt.Sprintf("set ADDR=127.0.0.1:%d to use another port", port%65535+1)
	if err == nil || !strings.HasPrefix(err.Error(), "listen at ADDR: ") || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

// People look for the file that they named.
func TestErrorsNameTheFileOfThePolicy(t *testing.T) {
	dir := t.TempDir()
	file, accounts := filepath.Join(dir, "bad.yaml"), filepath.Join(dir, "accounts.yaml")
	for name, text := range map[string]string{
		file:     "version: 1\naccounts_from: accounts.yaml\nunknown: x\n",
		accounts: "- {id: \"111111111111\", name: prod, reggion: x}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := run(environment(map[string]string{"POLICY": file, "ADDR": "127.0.0.1:0"}))
	for _, want := range []string{file + ":3:1: ", accounts + ":1:36: "} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "policy.yaml") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Without SANDBOX_EXPOSE=1 the sandbox listens on loopback only.
func TestOnlyLoopbackAddressesAreAccepted(t *testing.T) {
	file := policyFile(t)
	for addr, accepted := range map[string]bool{
		"127.0.0.1:0": true, "localhost:80": true, "[::1]:80": true,
		":8080": false, "0.0.0.0:1": false, "192.168.1.2:1": false, "nonsense": false,
	} {
		_, err := readSettings(environment(map[string]string{"POLICY": file, "ADDR": addr}))
		if (err == nil) != accepted {
			t.Errorf("ADDR %s: got %v, want accepted: %v", addr, err, accepted)
		}
	}
	s, err := readSettings(environment(map[string]string{
		"POLICY": file, "ADDR": "0.0.0.0:80", "SANDBOX_EXPOSE": "1",
	}))
	if err != nil || !s.exposed {
		t.Errorf("exposed: got %v", err)
	}
}
