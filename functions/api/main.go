// Command api is the function that programs call: public, and with hardly any rights.
// It passes signed calls to vend, and vend's answers back (pkg/relay). It does not use
// functions/deployed, which links the policy, Slack's client and the SDK of DynamoDB.
package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/handoff"
	"github.com/aws-access/aws-access/pkg/relay"
	"github.com/aws-access/aws-access/pkg/version"
	"github.com/aws-access/aws-access/pkg/wire"
)

func main() {
	c, err := config.Read(config.API, os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	b := version.Own()
	log.Info("the function starts", "function", string(config.API), "version", b.Version, "commit", b.Commit,
		"modified", b.Modified)
	devices := relay.Table{
		Name:     c.Devices,
		DynamoDB: awscall.Client{Service: "dynamodb", Config: config.AWS(c, config.DynamoDB, os.Getenv)},
	}
	vend := handoff.Calls{Vend: c.VendFunction, Lambda: lambdaClient(config.AWSWithin(c, config.Lambda, 0, os.Getenv))}
	lambda.Start(relay.NewAPI(devices, vend, time.Now, log).Handle)
}

// lambdaClient reads answers of any size that vend may give.
func lambdaClient(c aws.Config) awscall.Client {
	return awscall.Client{Service: "lambda", Config: c, Limit: wire.MaxAnswer}
}
