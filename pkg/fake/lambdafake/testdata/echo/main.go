// Command echo is the function of these tests. It does what each event orders, or
// what the variable START orders before it asks for its first event.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type order struct {
	Do    string
	Text  string
	Count int
	URL   string
}

func main() {
	switch os.Getenv("START") {
	case "exit":
		fmt.Println("starting")
		fmt.Fprintln(os.Stderr, "configuration: TABLE is missing")
		os.Exit(1)
	case "hang":
		fmt.Println("hanging")
		time.Sleep(time.Hour)
	case "report":
		reportInitError()
		os.Exit(1)
	}
	lambda.Start(handle)
}

// reportInitError reports to the Runtime API why the start fails.
func reportInitError() {
	resp, err := http.Post("http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/init/error",
		"application/json", strings.NewReader(`{"errorType":"Init.Broken","errorMessage":"no table"}`))
	if err == nil {
		_ = resp.Body.Close()
	}
}

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	var o order
	if err := json.Unmarshal(event, &o); err != nil {
		return nil, err
	}
	if o.Do == "" && os.Getenv("RELAY") != "" {
		return relay(os.Getenv("RELAY"), event)
	}
	switch o.Do {
	case "inspect":
		return inspect(ctx), nil
	case "print":
		for range o.Count {
			fmt.Println(o.Text)
		}
	case "fail":
		return nil, errors.New(o.Text)
	case "panic":
		panic(o.Text)
	case "exit":
		fmt.Fprintln(os.Stderr, o.Text)
		os.Exit(o.Count)
	case "hang":
		fmt.Println("hanging", os.Getpid())
		time.Sleep(time.Hour)
	case "tick":
		go func() {
			for {
				fmt.Println("tick")
				time.Sleep(50 * time.Microsecond)
			}
		}()
	case "large":
		return strings.Repeat("x", o.Count), nil
	case "raw":
		return json.RawMessage(o.Text), nil
	case "early":
		return early()
	case "burn":
		return burn(time.Duration(o.Count) * time.Millisecond), nil
	case "get":
		return relay(o.URL, event)
	}
	return o.Do, nil
}

// inspect returns what the function sees around it.
func inspect(ctx context.Context) map[string]any {
	dir, _ := os.Getwd()
	deadline, _ := ctx.Deadline()
	lc, _ := lambdacontext.FromContext(ctx)
	return map[string]any{
		"environment": os.Environ(), "dir": dir, "pid": os.Getpid(),
		"deadline": deadline.UnixMilli(), "now": time.Now().UnixMilli(),
		"request": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "trace": os.Getenv("_X_AMZN_TRACE_ID"),
	}
}

// relay lets a server decide what the function does. A response with status 200 is
// the function's answer, any other is its error.
func relay(url string, event []byte) (any, error) {
	resp, err := http.Post(url, "application/json", bytes.NewReader(event))
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode != http.StatusOK:
		return nil, errors.New(string(text))
	}
	return json.RawMessage(text), nil
}

// early asks for the next invocation before it has answered this one.
func early() (any, error) {
	resp, err := http.Get("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/next")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return map[string]any{"status": resp.StatusCode, "body": string(text)}, err
}

// burn uses CPU time, and returns how long that took in real time.
func burn(d time.Duration) time.Duration {
	runtime.LockOSThread()
	start := time.Now()
	for from := used(); used()-from < d; {
	}
	return time.Since(start)
}

func used() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
