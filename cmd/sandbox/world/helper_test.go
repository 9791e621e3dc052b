package world

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// noon is where the clocks of tests start.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// newWorld starts a World with the policy of the repository.
func newWorld(t *testing.T) *World {
	t.Helper()
	policy, err := os.ReadFile("../../../policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	settings := Settings{PolicyDir: ".", Policy: policy, SigningSecret: access.NewSecret("secret"), Start: noon}
	w, err := New(t.Context(), settings, "http://127.0.0.1:1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}
