// Command sign signs the Slack events of this directory for a time that you
// choose, so that a function under test accepts them:
//
//	go run ./events/sign -at 2026-11-21T12:00:00Z -secret sandbox-signing-secret events/slack-command-ask.json
//
// It prints the signed event, or writes it back into its file with -w. With -show
// it prints the decoded body instead.
package main

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
)

func main() {
	at := flag.String("at", time.Now().UTC().Format(time.RFC3339), "the time to sign for, RFC 3339")
	secret := flag.String("secret", "sandbox-signing-secret",
		"the signing secret; do not write a real one on a command line")
	write := flag.Bool("w", false, "write the event back into its file")
	show := flag.Bool("show", false, "print the decoded body")
	flag.Parse()
	for _, file := range flag.Args() {
		if err := run(file, *at, access.NewSecret(*secret), *write, *show); err != nil {
			fmt.Fprintf(os.Stderr, "sign %s: %v\n", file, err)
			os.Exit(1)
		}
	}
}

func run(file, at string, secret access.Secret, write, show bool) error {
	signedAt, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return fmt.Errorf("read -at: %w", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(text, &e); err != nil {
		return err
	}
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return err
		}
	}
	if show {
		fmt.Println(string(body))
		return nil
	}
	e.Headers["x-slack-request-timestamp"], e.Headers["x-slack-signature"] = slackapi.Sign(secret, signedAt, body)
	e.RequestContext.TimeEpoch = signedAt.UnixMilli()
	out, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	if write {
		return os.WriteFile(file, append(out, '\n'), 0o600)
	}
	_, err = fmt.Println(string(out))
	return err
}
