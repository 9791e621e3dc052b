package handoff

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/pkg/awscall"
)

// callsTo is vend behind an address.
func callsTo(url string) Calls {
	return Calls{Vend: "arn:aws:lambda:eu-west-1:999999999999:function:vend", Lambda: awscall.Client{
		Service: "lambda", Config: aws.Config{
			Region: "eu-west-1", BaseEndpoint: aws.String(url), HTTPClient: http.DefaultClient,
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"}, nil
			}),
		},
	}}
}

func TestVendIsInvokedOnceAndWaitedFor(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		const path = "/2015-03-31/functions/arn:aws:lambda:eu-west-1:999999999999:function:vend/invocations"
		if r.URL.Path != path || r.Header.Get("X-Amz-Invocation-Type") != "RequestResponse" ||
			string(body) != `{"call":{"text":"a.b.c"}}` {
			t.Errorf("got %s %v %s", r.URL.Path, r.Header, body)
		}
		_, _ = io.WriteString(w, `{"status":200}`)
	}))
	defer server.Close()
	got, err := callsTo(server.URL).Call(t.Context(), "a.b.c")
	if err != nil || string(got) != `{"status":200}` || calls.Load() != 1 {
		t.Errorf("got %s, %v after %d calls", got, err, calls.Load())
	}
}

func TestCallThatVendDoesNotAnswerIsNeverRepeated(t *testing.T) {
	var calls atomic.Int64
	for name, c := range map[string]struct {
		handle http.HandlerFunc
		is     func(error) bool
	}{
		"it failed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			_, _ = io.WriteString(w, `{"errorMessage":"canary"}`)
		}, func(err error) bool { return errors.Is(err, ErrVendFailed) }},
		"it is throttled": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, "canary")
		}, func(err error) bool {
			refused, ok := errors.AsType[*awscall.Error](err)
			return ok && refused.Status == http.StatusTooManyRequests
		}},
		"it is too slow": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
	} {
		calls.Store(0)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			_, _ = io.Copy(io.Discard, r.Body)
			c.handle(w, r)
		}))
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		got, err := callsTo(server.URL).Call(ctx, "a.b.c")
		if got != nil || !c.is(err) || strings.Contains(err.Error(), "canary") || calls.Load() != 1 {
			t.Errorf("%s: got %s, %v after %d calls", name, got, err, calls.Load())
		}
		stop()
		server.Close()
	}
}
