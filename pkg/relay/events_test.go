package relay

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
)

// The device of the test vectors has signed the call in the event.
func TestEveryEventFileIsPassedToVend(t *testing.T) {
	files, err := filepath.Glob("../../events/api-*.json")
	if err != nil || len(files) != 1 {
		t.Fatalf("events/ has %v: %v", files, err)
	}
	var vectors struct {
		Device json.RawMessage `json:"device_jwk"`
		ID     string          `json:"device_thumbprint"`
		Call   string          `json:"list_call"`
	}
	read(t, "../wire/testdata/vectors.json", &vectors)
	var e events.APIGatewayV2HTTPRequest
	read(t, files[0], &e)
	w := newWorld(t)
	w.devices[vectors.ID] = access.Device{
		Version: 1, ID: vectors.ID, Key: string(vectors.Device), Owner: "U0DEV1", Expires: noon.AddDate(0, 1, 0),
	}
	got := w.handle(e)
	if got.StatusCode != 200 || len(w.passed) != 1 || w.passed[0] != vectors.Call {
		t.Errorf("got %d %s, and vend got %q: %s", got.StatusCode, got.Body, w.passed, &w.logs)
	}
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}
