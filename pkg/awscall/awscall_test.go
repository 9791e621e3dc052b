package awscall

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

func client(url, service string, keys access.Credentials) Client {
	return Client{Service: service, Config: aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(url), HTTPClient: http.DefaultClient,
		Credentials: Keys(keys.AccessKeyID, keys.SecretKey.Reveal(), keys.SessionToken.Reveal()),
	}}
}

var form = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}

// The fake STS checks signatures as AWS does.
func TestCallIsSignedAsAWSRequires(t *testing.T) {
	cloud := awsfake.New(awsfake.Options{})
	keys, err := cloud.FunctionCredentials("arn:aws:iam::999999999999:role/aws-access-slack")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(cloud.AWS())
	defer server.Close()
	who := []byte("Action=GetCallerIdentity&Version=2011-06-15")
	got, err := client(server.URL, "sts", keys).Post(t.Context(), "/", form, who)
	if err != nil || !strings.Contains(string(got), "assumed-role/aws-access-slack/") {
		t.Errorf("got %q, %v, want the identity of the slack function", got, err)
	}
	keys.SecretKey = access.NewSecret("another")
	_, err = client(server.URL, "sts", keys).Post(t.Context(), "/", form, who)
	var refused *Error
	if !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
		t.Errorf("signed with another secret: got %v, want 403", err)
	}
}

func TestOnlyTemporaryErrorsAreRetried(t *testing.T) {
	for _, c := range []struct {
		status       int
		header, body string
		want         string // the error; "" for a success
		calls        int
	}{
		{200, "", "fine", "", 1},
		{202, "", "", "", 1},
		{503, "ServiceException:", "canary", "answer 503 ServiceException", 3},
		{
			429, "", `{"__type":"com.amazonaws.x#TooManyRequestsException","message":"canary"}`,
			"answer 429 TooManyRequestsException", 3,
		},
		{400, "", `{"__type":"ThrottlingException"}`, "answer 400 ThrottlingException", 3},
		{400, "", `{"__type":"ParameterNotFound","message":"canary"}`, "answer 400 ParameterNotFound", 1},
		{403, "canary <html>", "canary", "answer 403", 1},
		{302, "", "canary", "answer 302", 1},
	} {
		calls := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls++
			w.Header().Set("X-Amzn-Errortype", c.header)
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		body, err := client(server.URL+"/", "ssm", access.Credentials{AccessKeyID: "AKIA"}).Post(t.Context(), "/", form, nil)
		got := ""
		if err != nil {
			got = err.Error()
		} else if string(body) != c.body {
			t.Errorf("%d: got the body %q, want %q", c.status, body, c.body)
		}
		if got != c.want || calls != c.calls {
			t.Errorf("%d: got %q after %d calls, want %q after %d", c.status, got, calls, c.want, c.calls)
		}
		server.Close()
	}
}

// A call of vend may have been carried out when its response is lost.
func TestOnceNeverCallsTwice(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		panic(http.ErrAbortHandler) // the connection breaks
	}))
	defer server.Close()
	c := client(server.URL, "lambda", access.Credentials{AccessKeyID: "AKIA"})
	for want := int64(1); want <= 2; want++ {
		if _, err := c.Once(t.Context(), "/", form, nil); err == nil || calls.Load() != want {
			t.Errorf("got %v after %d calls, want an error after %d", err, calls.Load(), want)
		}
	}
}

// A response that is cut would be read as something else.
func TestResponseIsReadWholeOrNotAtAll(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("X-Seen", "yes")
		_, _ = w.Write([]byte("0123456789"))
	}))
	defer server.Close()
	c := client(server.URL, "lambda", access.Credentials{AccessKeyID: "AKIA"})
	c.Limit = 10
	got, err := c.Once(t.Context(), "/", form, nil)
	if err != nil || string(got.Body) != "0123456789" || got.Header.Get("X-Seen") != "yes" {
		t.Errorf("got %q %v, %v", got.Body, got.Header, err)
	}
	c.Limit = 9
	if body, err := c.Post(t.Context(), "/", form, nil); err == nil || body != nil || calls != 2 {
		t.Errorf("one byte too many: got %q, %v after %d calls", body, err, calls)
	}
}

func TestUnreachableServiceIsAnErrorBeforeTheDeadline(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	_, err := client(server.URL, "ssm", access.Credentials{AccessKeyID: "AKIA"}).Post(t.Context(), "/", form, nil)
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want a refused connection", err)
	}
	ended, end := context.WithTimeout(t.Context(), -time.Second)
	defer end()
	_, err = client(server.URL, "ssm", access.Credentials{AccessKeyID: "AKIA"}).Post(ended, "/", form, nil)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the deadline: got %v, want context.DeadlineExceeded", err)
	}
}

// The list holds each Region that botocore knows, with the domain of its partition.
func TestEveryRegionHasTheEndpointOfItsPartition(t *testing.T) {
	text, err := os.ReadFile("../access/testdata/regions.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Fields(line)
		region, want := row[0], "https://ssm."+row[0]+"."+row[2]
		if got := (Client{Service: "ssm", Config: aws.Config{Region: region}}).endpoint(); got != want {
			t.Errorf("%s: got %s, want %s", region, got, want)
		}
	}
}
