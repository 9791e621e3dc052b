package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheEnvironmentIsCheckedWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte("version: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	from := func(env map[string]string) func(string) string { return func(name string) string { return env[name] } }
	s, err := readSettings(from(map[string]string{"POLICY": file}))
	if err != nil || s.addr != "127.0.0.1:8080" || s.world.SigningSecret.Reveal() != "sandbox-signing-secret" || !s.world.Start.IsZero() {
		t.Errorf("nothing set: got %+v, %v", s, err)
	}
	_, err = readSettings(from(map[string]string{"ADDR": "0.0.0.0:80", "POLICY": file + "x", "SANDBOX_START": "noon",
		"SANDBOX_TOKEN_BYTES": "4097", "SANDBOX_DYNAMODB": "http://127.0.0.1:8000"}))
	for _, name := range []string{"ADDR", "SANDBOX_EXPOSE=1", "POLICY", "SANDBOX_START", "SANDBOX_TOKEN_BYTES",
		"SANDBOX_DYNAMODB"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("all wrong: %v does not name %s", err, name)
		}
	}
	for addr, ok := range map[string]bool{"127.0.0.1:0": true, "localhost:80": true, "[::1]:80": true, ":8080": false, "0.0.0.0:1": false, "192.168.1.2:1": false, "nonsense": false} {
		if _, err := readSettings(from(map[string]string{"POLICY": file, "ADDR": addr})); (err == nil) != ok {
			t.Errorf("ADDR %s: got %v, want accepted: %v", addr, err, ok)
		}
	}
	if s, err := readSettings(from(map[string]string{"POLICY": file, "ADDR": "0.0.0.0:80", "SANDBOX_EXPOSE": "1"})); err != nil || !s.exposed {
		t.Errorf("exposed: got %v", err)
	}
}
