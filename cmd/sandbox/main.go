// Command sandbox runs the whole product in one process on this computer: to
// try it, to show it, to write a policy with it, and to test it from outside.
// docs/sandbox.md is its contract. Everything that decides is the code that runs in
// Lambda, called with the events that Lambda gets; Slack and AWS are played on
// loopback.
//
// It must never be deployed: its levers let whoever reaches it be anybody.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if err := untilInterrupted(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func untilInterrupted() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, os.Getenv)
}

// goodbye is how long what is being answered may still take.
const goodbye = 5 * time.Second

// run serves the sandbox until ctx ends.
func run(ctx context.Context, getenv func(string) string) error {
	s, err := readSettings(getenv)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("listen at ADDR: %w", err)
	}
	_, log := newLogs(os.Stderr)
	w, err := newWorld(s, publicURL(listener.Addr()), log)
	if err != nil {
		return err
	}
	defer w.Close()
	server := &http.Server{Handler: w, ReadHeaderTimeout: readHeaders}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-ctx.Done()
		late, cancel := context.WithTimeout(context.Background(), goodbye)
		defer cancel()
		if server.Shutdown(late) != nil {
			_ = server.Close() // what was not answered by then is cut off
		}
	}()
	fmt.Printf("The sandbox is at %s\nOpen it in a browser, choose who you are, and type /aws-access. Ctrl-C ends it.\n", w.places.public)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	<-ended
	return nil
}

// publicURL is how people on this computer reach what listens at an address.
func publicURL(at net.Addr) string {
	host, port, err := net.SplitHostPort(at.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
