// Command cut is the function that ends live sessions. It is private: the table's stream and the
// tick order it. It does not use functions/deployed, because it needs neither the policy nor
// Slack.
package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	smithytime "github.com/aws/smithy-go/time"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/cut"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
	"github.com/aws-access/aws-access/pkg/version"
)

func main() {
	c, err := config.Read(config.Cut, os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	b := version.Own()
	log.Info("the function starts", "function", string(config.Cut), "version", b.Version, "commit", b.Commit,
		"modified", b.Modified)
	signed := func(s config.Service) awscall.Client {
		return awscall.Client{Service: strings.ToLower(string(s)), Config: config.AWS(c, s, os.Getenv)}
	}
	table := dynamo.New(dynamodb.NewFromConfig(config.AWS(c, config.DynamoDB, os.Getenv)), c.Table, time.Now)
	external := &config.Parameter{SSM: signed(config.SSM), Name: c.ExternalID, Now: time.Now}
	lambda.Start(functions.Cut{
		Store: table, Now: time.Now, Wait: smithytime.SleepWithContext, Log: log,
		Step: lifecycle.Cut{Step: lifecycle.Step{Store: table, Roster: lifecycle.Roster{Now: time.Now}, Now: time.Now}},
		Cutter: cut.Cutter{
			STS: signed(config.STS), IAM: config.AWS(c, config.IAM, os.Getenv),
			ExternalID: external.Get, Now: time.Now,
		},
	}.Handle)
}
