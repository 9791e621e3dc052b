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

// sdk is the SDK's client for a server.
func sdk(t *testing.T, s *Server, key string) *lambda.Client {
	api := httptest.NewServer(s.API())
	t.Cleanup(api.Close)
	return lambda.New(lambda.Options{
		Region: "eu-west-1", BaseEndpoint: &api.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, "secret", "token"),
	})
}

func invoke(
	ctx context.Context, c *lambda.Client, function string, kind types.InvocationType, payload string,
) (*lambda.InvokeOutput, error) {
	return c.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, InvocationType: kind, Payload: []byte(payload)})
}

// withRelay is an option of serve: echo sends its events to relay.
func withRelay(relay *relayServer) func(*Function) {
	return func(f *Function) { f.Env = map[string]string{"RELAY": relay.URL} }
}

// oneInstance is like withRelay, for a function with a concurrency of 1.
func oneInstance(relay *relayServer) func(*Function) {
	return func(f *Function) { f.Env, f.Concurrency = map[string]string{"RELAY": relay.URL}, 1 }
}

func code(err error) string {
	if refused, ok := errors.AsType[smithy.APIError](err); ok {
		return refused.ErrorCode()
	}
	return ""
}

func TestSDKCanInvokeAndWait(t *testing.T) {
	s := serve(t, Options{}, nil)
	client := sdk(t, s, "AKIDSLACK")
	for _, name := range []string{
		"echo", "arn:aws:lambda:eu-west-1:999999999999:function:echo", "999999999999:function:echo", "echo:$LATEST",
	} {
		out, err := invoke(t.Context(), client, name, types.InvocationTypeRequestResponse, `{"do":"x"}`)
		if err != nil || out.StatusCode != 200 || out.FunctionError != nil || string(out.Payload) != `"x"` {
			t.Errorf("%s: got %+v, %v", name, out, err)
		}
	}
	out, err := invoke(t.Context(), client, "echo", "", `{"do":"fail","text":"no"}`)
	if err != nil || out.StatusCode != 200 || aws.ToString(out.FunctionError) != "Unhandled" ||
		string(out.Payload) != `{"errorMessage":"no","errorType":"errorString"}` {
		t.Errorf("an error of the function: got %+v, %v", out, err)
	}
	out, err = invoke(t.Context(), client, "echo", types.InvocationTypeDryRun, "")
	if err != nil || out.StatusCode != 204 {
		t.Errorf("a dry run: got %+v, %v", out, err)
	}
}

// invokeCases are calls of Invoke, and the error codes that Lambda's service model
// lists for them.
func invokeCases(allowed, other *lambda.Client) map[string]invokeCase {
	const event, sync = types.InvocationTypeEvent, types.InvocationTypeRequestResponse
	const notFound, otherAccount = "ResourceNotFoundException", "arn:aws:lambda:eu-west-1:111111111111:function:echo"
	large := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	return map[string]invokeCase{
		"an unknown function":   {allowed, "nothing", sync, "{}", notFound},
		"another account":       {allowed, otherAccount, sync, "{}", notFound},
		"another region":        {allowed, "arn:aws:lambda:us-east-1:999999999999:function:echo", sync, "{}", notFound},
		"another version":       {allowed, "echo:7", sync, "{}", notFound},
		"not allowed":           {allowed, "secret", event, "{}", "AccessDeniedException"},
		"another role":          {other, "echo", event, "{}", "AccessDeniedException"},
		"not JSON":              {allowed, "echo", event, "{", "InvalidRequestContentException"},
		"too large to queue":    {allowed, "echo", event, large(maxAsync + 1), "RequestTooLargeException"},
		"too large to wait for": {allowed, "echo", sync, large(maxSync + 1), "RequestTooLargeException"},
		"an unknown kind":       {allowed, "echo", "Later", "{}", "InvalidParameterValueException"},
	}
}

type invokeCase struct {
	client   *lambda.Client
	function string
	kind     types.InvocationType
	payload  string
	want     string
}

func TestInvokeRefusesWhatLambdaRefuses(t *testing.T) {
	mayInvoke := func(key, function string) bool { return key == "AKIDSLACK" && function != "secret" }
	s := serve(t, Options{MayInvoke: mayInvoke}, nil)
	for name, c := range invokeCases(sdk(t, s, "AKIDSLACK"), sdk(t, s, "AKIDOTHER")) {
		if _, err := invoke(t.Context(), c.client, c.function, c.kind, c.payload); code(err) != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestInvokeIsThrottledAtTheConcurrencyLimit(t *testing.T) {
	relay := newRelay(t)
	s := serve(t, Options{}, oneInstance(relay))
	client := sdk(t, s, "AKIDSLACK")
	first := make(chan error, 1)
	go func() {
		_, err := invoke(t.Context(), client, "echo", types.InvocationTypeRequestResponse, "{}")
		first <- err
	}()
	call := relay.next(t)
	_, err := invoke(t.Context(), client, "echo", types.InvocationTypeRequestResponse, "{}")
	if code(err) != "TooManyRequestsException" {
		t.Errorf("above the limit: got %v", err)
	}
	call.answer("1")
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestInvokeMustBeSignedForLambda(t *testing.T) {
	s := serve(t, Options{}, nil)
	r := httptest.NewRequest(http.MethodPost, "/2015-03-31/functions/echo/invocations", strings.NewReader("{}"))
	forSTS := "AWS4-HMAC-SHA256 Credential=AKIDSLACK/20261121/eu-west-1/sts/aws4_request, " +
		"SignedHeaders=host, Signature=" + strings.Repeat("0", 64)
	for _, authorization := range []string{"", forSTS} {
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		s.API().ServeHTTP(w, r)
		if w.Code != 403 || w.Header().Get("X-Amzn-Errortype") != "MissingAuthenticationTokenException" {
			t.Errorf("%q: got %d %s", authorization, w.Code, w.Body)
		}
	}
}

// destination is a failure destination: it keeps failure records.
type destination struct {
	arrived chan struct{} // receives a value with each record; nil for none
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
	if d.arrived != nil {
		d.arrived <- struct{}{}
	}
}

func (d *destination) all() []map[string]any {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.records)
}

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

func TestFailedEventIsRetriedAndThenSentToTheDestination(t *testing.T) {
	for retries := range 3 {
		relay, failures, c := newRelay(t), &destination{}, newClock()
		s := serve(t, Options{Now: c.now, RetryWait: soon}, withRelay(relay))
		if err := s.Async("echo", Async{Retries: retries, OnFailure: failures.take}); err != nil {
			t.Fatal(err)
		}
		tries := 0
		relay.answerAll(t, func([]byte) (string, bool) { tries++; return "busy", false })
		out, err := invoke(t.Context(), sdk(t, s, "AKIDSLACK"), "echo", types.InvocationTypeEvent, `{"order":7}`)
		if err != nil || out.StatusCode != 202 || len(out.Payload) != 0 {
			t.Fatalf("got %+v, %v", out, err)
		}
		waitIdle(t, s)
		got := failures.all()
		if tries != retries+1 || len(got) != 1 {
			t.Fatalf("%d retries: %d tries, failure records %v", retries, tries, got)
		}
		id, _ := middleware.GetRequestIDMetadata(out.ResultMetadata) // each try has the id of the call
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
			t.Errorf("got failure record\n%s, want\n%s", mustJSON(got[0]), mustJSON(want))
		}
	}
}

func TestEventOlderThanMaxAgeIsNotRetried(t *testing.T) {
	relay, failures, c := newRelay(t), &destination{arrived: make(chan struct{}, 10)}, newClock()
	waits := make(chan string, 100)
	past := func(why string) func(int) time.Duration {
		return func(int) time.Duration { c.advance(time.Minute + 1); waits <- why; return 0 }
	}
	o := Options{Now: c.now, RetryWait: past("retry"), ThrottleWait: past("throttled")}
	s := serve(t, o, oneInstance(relay))
	if err := s.Async("echo", Async{Retries: 2, MaxAge: time.Minute, OnFailure: failures.take}); err != nil {
		t.Fatal(err)
	}
	client := sdk(t, s, "AKIDSLACK")
	send := func() {
		if _, err := invoke(t.Context(), client, "echo", types.InvocationTypeEvent, `{}`); err != nil {
			t.Fatal(err)
		}
	}
	send()
	call := relay.next(t)
	send() // this one is throttled until it is too old
	<-failures.arrived
	call.fail("busy")
	waitIdle(t, s)
	got := failures.all()
	first, second := <-waits, <-waits
	if len(got) != 2 || first != "throttled" || second != "retry" || len(waits) > 0 {
		t.Fatalf("got failure records %v after waits for %s, %s and %d more", got, first, second, len(waits))
	}
	for i, count := range []float64{0, 1} { // the throttled event never ran
		about := got[i]["requestContext"].(map[string]any)
		_, answered := got[i]["responsePayload"]
		if about["condition"] != "EventAgeExceeded" || about["approximateInvokeCount"] != count ||
			answered != (count > 0) {
			t.Errorf("%d: got failure record %s", i, mustJSON(got[i]))
		}
	}
}

// The event arrives although no retries are configured.
func TestThrottlingDoesNotCountAsATryOfAnEvent(t *testing.T) {
	relay, failures := newRelay(t), &destination{}
	throttled := make(chan int, 1000)
	o := Options{ThrottleWait: func(n int) time.Duration { throttled <- n; return time.Millisecond }}
	s := serve(t, o, oneInstance(relay))
	if err := s.Async("echo", Async{OnFailure: failures.take}); err != nil {
		t.Fatal(err)
	}
	client := sdk(t, s, "AKIDSLACK")
	for range 2 {
		if _, err := invoke(t.Context(), client, "echo", types.InvocationTypeEvent, `{}`); err != nil {
			t.Fatal(err)
		}
	}
	first := relay.next(t)
	if n := <-throttled; n != 1 {
		t.Errorf("the first wait was for %d throttles", n)
	}
	first.answer("1")
	relay.next(t).answer("1")
	waitIdle(t, s)
	if len(failures.all()) != 0 {
		t.Errorf("got failure records %v", failures.all())
	}
}

func TestDuplicateDeliversAnEventTwice(t *testing.T) {
	relay := newRelay(t)
	s := serve(t, Options{Duplicate: func(name string) bool { return name == "echo" }}, withRelay(relay))
	_, err := invoke(t.Context(), sdk(t, s, "AKIDSLACK"), "echo", types.InvocationTypeEvent, `{"order":1}`)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if c := relay.next(t); string(c.event) != `{"order":1}` {
			t.Errorf("got %s", c.event)
		} else {
			c.answer("1")
		}
	}
	waitIdle(t, s)
}

func TestAsyncRefusesWhatLambdaRefuses(t *testing.T) {
	s := serve(t, Options{}, nil)
	for _, a := range []Async{{Retries: 3}, {Retries: -1}, {MaxAge: 59 * time.Second}, {MaxAge: 6*time.Hour + 1}} {
		if err := s.Async("echo", a); err == nil || !strings.Contains(err.Error(), "retries must be 0 to 2") {
			t.Errorf("%+v: got %v", a, err)
		}
	}
	if err := s.Async("nothing", Async{}); !errors.Is(err, ErrNoFunction) {
		t.Errorf("got %v", err)
	}
}
