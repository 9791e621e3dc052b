// Command cut is the function that takes live sessions away. It does not use
// functions/deployed, which links the policy and Slack's client.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-access/aws-access/pkg/config"
)

func main() {
	if _, err := config.Read(config.Cut, os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.Start(func(context.Context) error { return errors.New("cut sessions: this version cannot") })
}
