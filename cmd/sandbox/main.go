// Command sandbox runs the whole product in one process on this computer: to
// try it, to show it, to write a policy with it, and to test it from outside.
// docs/sandbox.md is its contract. The code that decides is the code that runs in
// Lambda, called with the same events; Slack and AWS are fakes on loopback.
//
// It must never be deployed: anyone who reaches its controls can act as anybody.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/controls"
	"github.com/aws-access/aws-access/cmd/sandbox/web"
)

func main() {
	if err := run(os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves the sandbox until the process is interrupted.
func run(getenv func(string) string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := readSettings(getenv)
	if err != nil {
		return err
	}
	listener, err := listen(s.addr)
	if err != nil {
		return err
	}
	url := publicURL(listener.Addr())
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	sandbox, err := controls.New(ctx, controls.Options{World: s.world, PublicURL: url, Exposed: s.exposed, Log: log})
	if err != nil {
		return err
	}
	defer sandbox.Close()
	fmt.Printf("The sandbox is at %s\n"+
		"Open it in a browser, choose who you are, and type /aws-access. Press Ctrl-C to stop it.\n"+
		"For the command line, type /aws-access login there, and here:\n  aws-access login '%s'\n",
		url, sandbox.World().URL)
	return serve(ctx, listener, sandbox)
}

// listen listens at an address. If another program does, the error names another port.
func listen(addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if host, port, bad := net.SplitHostPort(addr); errors.Is(err, syscall.EADDRINUSE) && bad == nil {
		n, _ := strconv.Atoi(port) // a name of a port, such as http, counts as 0, which is any free port
		if n > 0 {
			n = n%65535 + 1
		}
		return nil, fmt.Errorf("listen at ADDR: %w; set ADDR=%s to use another port", err,
			net.JoinHostPort(host, strconv.Itoa(n)))
	}
	if err != nil {
		return nil, fmt.Errorf("listen at ADDR: %w", err)
	}
	return listener, nil
}

// shutdownTimeout is how long requests that are being answered may still take.
const shutdownTimeout = 5 * time.Second

// serve serves a handler until ctx ends and the last request is answered.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: web.ReadHeaderTimeout}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-ctx.Done()
		limited, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if server.Shutdown(limited) != nil {
			_ = server.Close() // requests that are still running are cut off
		}
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	<-ended
	return nil
}

// publicURL is the address under which people on this computer reach a listener.
func publicURL(at net.Addr) string {
	host, port, err := net.SplitHostPort(at.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
