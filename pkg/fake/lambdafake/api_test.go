package lambdafake

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

// sdk is the real client before a server.
func sdk(t *testing.T, s *Server, key string) *lambda.Client {
	api := httptest.NewServer(s.API())
	t.Cleanup(api.Close)
	return lambda.New(lambda.Options{
		Region: "eu-west-1", BaseEndpoint: &api.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, "secret", "token"),
	})
}

func invoke(ctx context.Context, c *lambda.Client, function string, kind types.InvocationType, payload string) (*lambda.InvokeOutput, error) {
	return c.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, InvocationType: kind, Payload: []byte(payload)})
}

func code(err error) string {
	if refused, ok := errors.AsType[smithy.APIError](err); ok {
		return refused.ErrorCode()
	}
	return ""
}

func TestTheSDKInvokesAndWaits(t *testing.T) {
	s := serve(t, Options{}, nil)
	client := sdk(t, s, "AKIDSLACK")
	for _, name := range []string{"echo", "arn:aws:lambda:eu-west-1:999999999999:function:echo", "999999999999:function:echo", "echo:$LATEST"} {
		out, err := invoke(t.Context(), client, name, types.InvocationTypeRequestResponse, `{"do":"x"}`)
		if err != nil || out.StatusCode != 200 || out.FunctionError != nil || string(out.Payload) != `"x"` {
			t.Errorf("%s: got %+v, %v", name, out, err)
		}
	}
	out, err := invoke(t.Context(), client, "echo", "", `{"do":"fail","text":"no"}`)
	if err != nil || out.StatusCode != 200 || aws.ToString(out.FunctionError) != "Unhandled" || string(out.Payload) != `{"errorMessage":"no","errorType":"errorString"}` {
		t.Errorf("an error of the function: got %+v, %v", out, err)
	}
	if out, err := invoke(t.Context(), client, "echo", types.InvocationTypeDryRun, ""); err != nil || out.StatusCode != 204 {
		t.Errorf("a dry run: got %+v, %v", out, err)
	}
}

// Each is what the service model of Invoke lists.
func TestInvokeIsRefused(t *testing.T) {
	d := newDesk(t)
	s := serve(t, Options{MayInvoke: func(key, function string) bool { return key == "AKIDSLACK" && function != "secret" }}, func(f *Function) {
		f.Env, f.Concurrency = map[string]string{"RELAY": d.URL}, 1
	})
	may, mayNot := sdk(t, s, "AKIDSLACK"), sdk(t, s, "AKIDOTHER")
	const event, sync = types.InvocationTypeEvent, types.InvocationTypeRequestResponse
	large := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	for name, c := range map[string]struct {
		client   *lambda.Client
		function string
		kind     types.InvocationType
		payload  string
		want     string
	}{
		"unknown":               {may, "nothing", sync, "{}", "ResourceNotFoundException"},
		"another account":       {may, "arn:aws:lambda:eu-west-1:111111111111:function:echo", sync, "{}", "ResourceNotFoundException"},
		"another region":        {may, "arn:aws:lambda:us-east-1:999999999999:function:echo", sync, "{}", "ResourceNotFoundException"},
		"another version":       {may, "echo:7", sync, "{}", "ResourceNotFoundException"},
		"not allowed":           {may, "secret", event, "{}", "AccessDeniedException"},
		"another role":          {mayNot, "echo", event, "{}", "AccessDeniedException"},
		"not JSON":              {may, "echo", event, "{", "InvalidRequestContentException"},
		"too large to queue":    {may, "echo", event, large(maxAsync + 1), "RequestTooLargeException"},
		"too large to wait for": {may, "echo", sync, large(maxSync + 1), "RequestTooLargeException"},
		"no such kind":          {may, "echo", "Later", "{}", "InvalidParameterValueException"},
	} {
		if _, err := invoke(t.Context(), c.client, c.function, c.kind, c.payload); code(err) != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	held := make(chan error, 1)
	go func() { _, err := invoke(t.Context(), may, "echo", sync, "{}"); held <- err }()
	call := d.next(t)
	if _, err := invoke(t.Context(), may, "echo", sync, "{}"); code(err) != "TooManyRequestsException" {
		t.Errorf("one too many: got %v", err)
	}
	call.answer("1")
	if err := <-held; err != nil {
		t.Error(err)
	}
	unsigned := httptest.NewRequest(http.MethodPost, "/2015-03-31/functions/echo/invocations", strings.NewReader("{}"))
	for _, authorization := range []string{"", "AWS4-HMAC-SHA256 Credential=AKIDSLACK/20261121/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature=" + strings.Repeat("0", 64)} {
		unsigned.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		if s.API().ServeHTTP(w, unsigned); w.Code != 403 || w.Header().Get("X-Amzn-Errortype") != "MissingAuthenticationTokenException" {
			t.Errorf("%q: got %d %s", authorization, w.Code, w.Body)
		}
	}
}

// destination takes records.
type destination struct {
	came    chan struct{} // nil, or for a test that waits for each
	mu      sync.Mutex
	records []map[string]any
}

func (d *destination) take(record []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var r map[string]any
	if err := json.Unmarshal(record, &r); err != nil {
		panic(err)
	}
	d.records = append(d.records, r)
	if d.came != nil {
		d.came <- struct{}{}
	}
}

func (d *destination) all() []map[string]any {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.records)
}

// clock is wound by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) wind(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

func TestAnEventIsTriedAgainAsSetAndThenKept(t *testing.T) {
	for retries := range 3 {
		d, kept, c := newDesk(t), &destination{}, newClock()
		s := serve(t, Options{Now: c.now, RetryWait: soon}, func(f *Function) { f.Env = map[string]string{"RELAY": d.URL} })
		if err := s.Async("echo", Async{Retries: retries, OnFailure: kept.take}); err != nil {
			t.Fatal(err)
		}
		tries := 0
		d.attend(t, func([]byte) (string, bool) { tries++; return "busy", false })
		out, err := invoke(t.Context(), sdk(t, s, "AKIDSLACK"), "echo", types.InvocationTypeEvent, `{"order":7}`)
		if err != nil || out.StatusCode != 202 || len(out.Payload) != 0 {
			t.Fatalf("got %+v, %v", out, err)
		}
		quiet(t, s)
		got := kept.all()
		if tries != retries+1 || len(got) != 1 {
			t.Fatalf("%d retries: %d tries, kept %v", retries, tries, got)
		}
		id, _ := middleware.GetRequestIDMetadata(out.ResultMetadata) // every try has the id of the call
		want := map[string]any{
			"version": "1.0", "timestamp": "2026-11-21T12:00:00.000Z",
			"requestContext": map[string]any{
				"requestId": id, "functionArn": "arn:aws:lambda:eu-west-1:999999999999:function:echo:$LATEST",
				"condition": "RetriesExhausted", "approximateInvokeCount": retries + 1,
			},
			"requestPayload":  map[string]any{"order": 7},
			"responseContext": map[string]any{"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
			"responsePayload": map[string]any{"errorMessage": "busy", "errorType": "errorString"},
		}
		if string(mustJSON(got[0])) != string(mustJSON(want)) {
			t.Errorf("kept\n%s, want\n%s", mustJSON(got[0]), mustJSON(want))
		}
	}
}

func TestAnEventThatIsTooOldIsNotTriedAgain(t *testing.T) {
	d, kept, c := newDesk(t), &destination{came: make(chan struct{}, 10)}, newClock()
	waits := make(chan string, 100)
	past := func(why string) func(int) time.Duration {
		return func(int) time.Duration { c.wind(time.Minute + 1); waits <- why; return 0 }
	}
	s := serve(t, Options{Now: c.now, RetryWait: past("retry"), ThrottleWait: past("throttled")}, func(f *Function) {
		f.Env, f.Concurrency = map[string]string{"RELAY": d.URL}, 1
	})
	if err := s.Async("echo", Async{Retries: 2, MaxAge: time.Minute, OnFailure: kept.take}); err != nil {
		t.Fatal(err)
	}
	client := sdk(t, s, "AKIDSLACK")
	send := func() {
		if _, err := invoke(t.Context(), client, "echo", types.InvocationTypeEvent, `{}`); err != nil {
			t.Fatal(err)
		}
	}
	send()
	call := d.next(t)
	send() // which is throttled until it is too old
	<-kept.came
	call.fail("busy")
	quiet(t, s)
	got := kept.all()
	if first, second := <-waits, <-waits; len(got) != 2 || first != "throttled" || second != "retry" || len(waits) > 0 {
		t.Fatalf("kept %v after waits for %s, %s and %d more", got, first, second, len(waits))
	}
	for i, count := range []float64{0, 1} { // the throttled one was never run
		about := got[i]["requestContext"].(map[string]any)
		if _, answered := got[i]["responsePayload"]; about["condition"] != "EventAgeExceeded" || about["approximateInvokeCount"] != count || answered != (count > 0) {
			t.Errorf("%d: kept %s", i, mustJSON(got[i]))
		}
	}
}

// A throttle is no try: with no retries at all the event still arrives.
func TestAThrottledEventWaits(t *testing.T) {
	d, kept := newDesk(t), &destination{}
	throttled := make(chan int, 1000)
	s := serve(t, Options{ThrottleWait: func(n int) time.Duration { throttled <- n; return time.Millisecond }}, func(f *Function) {
		f.Env, f.Concurrency = map[string]string{"RELAY": d.URL}, 1
	})
	if err := s.Async("echo", Async{OnFailure: kept.take}); err != nil {
		t.Fatal(err)
	}
	client := sdk(t, s, "AKIDSLACK")
	for range 2 {
		if _, err := invoke(t.Context(), client, "echo", types.InvocationTypeEvent, `{}`); err != nil {
			t.Fatal(err)
		}
	}
	first := d.next(t)
	if n := <-throttled; n != 1 {
		t.Errorf("throttled %d times at first", n)
	}
	first.answer("1")
	d.next(t).answer("1")
	quiet(t, s)
	if len(kept.all()) != 0 {
		t.Errorf("kept %v", kept.all())
	}
}

// Lambda promises at least once.
func TestAnEventMayComeTwice(t *testing.T) {
	d := newDesk(t)
	s := serve(t, Options{Duplicate: func(name string) bool { return name == "echo" }}, func(f *Function) { f.Env = map[string]string{"RELAY": d.URL} })
	if _, err := invoke(t.Context(), sdk(t, s, "AKIDSLACK"), "echo", types.InvocationTypeEvent, `{"order":1}`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if c := d.next(t); string(c.event) != `{"order":1}` {
			t.Errorf("got %s", c.event)
		} else {
			c.answer("1")
		}
	}
	quiet(t, s)
}

func TestAsyncRefusesWhatLambdaWould(t *testing.T) {
	s := serve(t, Options{}, nil)
	for _, a := range []Async{{Retries: 3}, {Retries: -1}, {MaxAge: 59 * time.Second}, {MaxAge: 6*time.Hour + 1}} {
		if err := s.Async("echo", a); err == nil || !strings.Contains(err.Error(), "0 to 2 retries and an age of 60 s to 6 h") {
			t.Errorf("%+v: got %v", a, err)
		}
	}
	if err := s.Async("nothing", Async{}); !errors.Is(err, ErrNoFunction) {
		t.Errorf("got %v", err)
	}
}
