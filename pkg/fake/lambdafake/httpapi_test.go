package lambdafake

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

func apiURL(t *testing.T, s *Server) string {
	server := httptest.NewServer(s.HTTPAPI("echo", "POST /slack/commands", "POST /slack/options"))
	t.Cleanup(server.Close)
	return server.URL
}

// response is an HTTP response with its body.
type response struct {
	status int
	header http.Header
	text   string
}

func post(t *testing.T, url string, body io.Reader, change func(*http.Request)) response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{resp.StatusCode, resp.Header, string(text)}
}

func TestHTTPRequestArrivesAsAnEvent(t *testing.T) {
	relay := newRelay(t)
	s := serve(t, Options{}, withRelay(relay))
	got := make(chan []byte, 1)
	relay.answerAll(t, func(event []byte) (string, bool) {
		got <- event
		return `{"statusCode":201,"headers":{"x-mine":"1","content-type":"text/html"},
			"cookies":["a=b"],"body":"aGk=","isBase64Encoded":true}`, true
	})
	const form = "text=a%20b&x=\xff" // not UTF-8
	resp := post(t, apiURL(t, s)+"/slack/commands?q=1&q=2", strings.NewReader(form), func(r *http.Request) {
		r.Header.Add("X-Slack-Twice", "a")
		r.Header.Add("X-Slack-Twice", "b")
		r.Header.Set("Cookie", "c=d; e=f")
	})
	if resp.status != 201 || resp.text != "hi" || resp.header.Get("X-Mine") != "1" ||
		resp.header.Get("Content-Type") != "text/html" || resp.header.Get("Set-Cookie") != "a=b" {
		t.Errorf("got %+v", resp)
	}
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(<-got, &e); err != nil {
		t.Fatal(err)
	}
	if body, err := base64.StdEncoding.DecodeString(e.Body); !e.IsBase64Encoded || err != nil || string(body) != form {
		t.Errorf("got body %q", e.Body)
	}
	for name := range e.Headers {
		if name != strings.ToLower(name) || name == "cookie" {
			t.Errorf("got header %s", name)
		}
	}
	if e.Version != "2.0" || e.RouteKey != "POST /slack/commands" || e.RawPath != "/slack/commands" ||
		e.RawQueryString != "q=1&q=2" || e.QueryStringParameters["q"] != "1,2" ||
		e.Headers["x-slack-twice"] != "a,b" || strings.Join(e.Cookies, " ") != "c=d e=f" ||
		e.RequestContext.HTTP.Method != "POST" || e.RequestContext.AccountID != "999999999999" ||
		e.RequestContext.HTTP.SourceIP != "127.0.0.1" {
		t.Errorf("got %+v", e)
	}
}

func TestHTTPAPIAnswersLikeAPIGateway(t *testing.T) {
	relay := newRelay(t)
	s := serve(t, Options{HTTPLimit: 20 * time.Second}, withRelay(relay))
	relay.answerAll(t, func(event []byte) (string, bool) {
		var e events.APIGatewayV2HTTPRequest
		_ = json.Unmarshal(event, &e)
		body, _ := base64.StdEncoding.DecodeString(e.Body)
		text, failed := strings.CutPrefix(string(body), "fail ")
		return text, !failed
	})
	url := apiURL(t, s)
	const (
		notFound = `{"message":"Not Found"}`
		broken   = `{"message":"Internal Server Error"}`
		large    = `{"message":"Request Entity Too Large"}`
	)
	for name, c := range map[string]struct {
		path, body string
		status     int
		text       string
	}{
		"an unknown path":   {"/", "", 404, notFound},
		"below a route":     {"/slack/commands/x", "", 404, notFound},
		"in upper case":     {"/slack/COMMANDS", "", 404, notFound},
		"an answer":         {"/slack/options", `{"statusCode":200,"body":"ok"}`, 200, "ok"},
		"no status":         {"/slack/options", `{"ok":true}`, 200, `{"ok":true}`},
		"an error":          {"/slack/commands", "fail x", 500, broken},
		"an invalid status": {"/slack/commands", `{"statusCode":7}`, 500, broken},
		"not base64":        {"/slack/commands", `{"statusCode":200,"body":"%","isBase64Encoded":true}`, 500, broken},
		"above 10 MB":       {"/slack/commands", strings.Repeat("x", 10<<20+1), 413, large},
		"event above 6 MB":  {"/slack/commands", strings.Repeat("x", 5<<20), 413, large},
	} {
		got := post(t, url+c.path, strings.NewReader(c.body), nil)
		if got.status != c.status || got.text != c.text {
			t.Errorf("%s: got %d %s, want %d %s", name, got.status, got.text, c.status, c.text)
		}
	}
	got := post(t, url+"/slack/commands", nil, func(r *http.Request) { r.Method = http.MethodGet })
	if got.status != 404 || got.text != notFound {
		t.Errorf("GET: got %d %s", got.status, got.text)
	}
}

func TestHTTPAPITimesOut(t *testing.T) {
	relay := newRelay(t)
	s := serve(t, Options{HTTPLimit: 50 * time.Millisecond}, withRelay(relay))
	url := apiURL(t, s)
	got := post(t, url+"/slack/commands", nil, nil)
	if got.status != 503 || got.text != `{"message":"Service Unavailable"}` {
		t.Errorf("got %d %s", got.status, got.text)
	}
	relay.next(t).answer("1") // the function continued to run
	waitIdle(t, s)
	if n := len(s.Starts("echo")); n != 1 {
		t.Errorf("%d starts", n)
	}
}
