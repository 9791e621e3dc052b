package gateway

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// echo returns the body of the request, and a header that names what arrived.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("X-Seen", r.Method+" "+r.URL.Path+"?"+r.URL.RawQuery+" "+r.Header.Get("X-Slack-Signature"))
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(body)
})

func TestBodyArrivesByteForByte(t *testing.T) {
	for name, body := range map[string]string{
		"form":      "text=a+b%20c&payload=%7B%7D",
		"not UTF-8": "text=\xff\xfe\x00",
		"empty":     "",
		"umlauts":   "grüße „Anführung“ 🙂",
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/slack/commands?x=1", strings.NewReader(body))
			r.Header.Set("X-Slack-Signature", "v0=abc")
			e, err := Event(r, time.Unix(0, 0))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := Handler(echo)(context.Background(), e)
			if err != nil {
				t.Fatal(err)
			}
			got := answer.Body
			if answer.IsBase64Encoded {
				raw, err := base64.StdEncoding.DecodeString(got)
				if err != nil {
					t.Fatal(err)
				}
				got = string(raw)
			}
			if got != body {
				t.Errorf("body: got %q, want %q", got, body)
			}
			if want := "POST /slack/commands?x=1 v0=abc"; answer.Headers["x-seen"] != want {
				t.Errorf("seen: got %q, want %q", answer.Headers["x-seen"], want)
			}
			if answer.StatusCode != http.StatusAccepted {
				t.Errorf("status: got %d, want 202", answer.StatusCode)
			}
		})
	}
}

func TestUnreadableEventIsAnsweredWith400(t *testing.T) {
	for name, e := range map[string]events.APIGatewayV2HTTPRequest{
		"not base64": {RawPath: "/", Body: "%%%", IsBase64Encoded: true},
		"no method": {RawPath: "/", RequestContext: events.APIGatewayV2HTTPRequestContext{
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: "NO SUCH"},
		}},
	} {
		answer, err := Handler(echo)(context.Background(), e)
		if err != nil || answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: got %d, %v; want 400 and no error", name, answer.StatusCode, err)
		}
	}
}

func FuzzHandler(f *testing.F) {
	f.Add("POST", "/slack/commands", "dGV4dD1h", true)
	f.Add("GET", "//evil\x00?#", "", false)
	f.Fuzz(func(t *testing.T, method, path, body string, coded bool) {
		e := events.APIGatewayV2HTTPRequest{RawPath: path, Body: body, IsBase64Encoded: coded}
		e.RequestContext.HTTP.Method = method
		answer, err := Handler(echo)(context.Background(), e)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != http.StatusAccepted && answer.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d", answer.StatusCode)
		}
	})
}
