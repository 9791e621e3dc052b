package relay

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
)

// tableAt is a table behind an address.
func tableAt(url string) Table {
	return Table{Name: "devices", DynamoDB: awscall.Client{Service: "dynamodb", Config: aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(url), HTTPClient: http.DefaultClient,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
		}),
	}}}
}

func TestTableIsAskedForOneItemAndNothingElse(t *testing.T) {
	want := access.Device{
		Version: 1, ID: "abc", Key: `{"kty":"EC"}`, Owner: "U0DEV1", Code: "x", Paired: noon, Expires: noon.Add(time.Hour),
	}
	body, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	item := `{"Item":{"pk":{"S":"device#abc"},"sk":{"S":"device"},"format":{"N":"1"},"version":{"N":"1"},"body":{"S":` +
		quoted(t, string(body)) + `}}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var got any
		if err := json.Unmarshal(asked, &got); err != nil {
			t.Error(err)
		}
		text := func(s string) map[string]any { return map[string]any{"S": s} }
		wanted := map[string]any{
			"TableName": "devices", "ConsistentRead": true,
			"Key": map[string]any{"pk": text("device#abc"), "sk": text("device")},
		}
		if target := r.Header.Get("X-Amz-Target"); target != "DynamoDB_20120810.GetItem" || !reflect.DeepEqual(got, wanted) {
			t.Errorf("asked %s %s", target, asked)
		}
		_, _ = io.WriteString(w, item)
	}))
	defer server.Close()
	if got, err := tableAt(server.URL).Device(t.Context(), "abc"); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	out, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestItemThatCannotBeReadIsAnError(t *testing.T) {
	for answer, want := range map[string]string{
		`{}`:                         access.ErrNotFound.Error(),
		`{"Item":null}`:              access.ErrNotFound.Error(),
		`canary`:                     "the answer cannot be read",
		`{"Item":[]}`:                "the answer cannot be read",
		`{"Item":{}}`:                "read item: no text",
		`{"Item":"x"}`:               "the answer cannot be read",
		item("2", `"{}"`):            access.ErrNewer.Error(),
		item("1", `"{"`):             "not one JSON value",
		item("1", `"{\"Newer\":1}"`): access.ErrNewer.Error(),
		`{"__type":"x#ResourceNotFoundException"}!400`: "dynamodb:GetItem: answer 400 ResourceNotFoundException",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			text, refused := strings.CutSuffix(answer, "!400")
			if refused {
				w.WriteHeader(http.StatusBadRequest)
			}
			_, _ = io.WriteString(w, text)
		}))
		got, err := tableAt(server.URL).Device(t.Context(), "abc")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") || got.ID != "" {
			t.Errorf("%s: got %+v, %v, want %s", answer, got, err, want)
		}
		if want == access.ErrNotFound.Error() && !errors.Is(err, access.ErrNotFound) {
			t.Errorf("%s: got %v", answer, err)
		}
		server.Close()
	}
}

// item is an answer with an item of some format.
func item(format, body string) string {
	return `{"Item":{"pk":{"S":"device#abc"},"sk":{"S":"device"},"format":{"N":"` + format + `"},"body":{"S":` + body +
		`}}}`
}
