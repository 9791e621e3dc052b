//go:build deployed

package local

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

const (
	region  = "eu-west-1"
	bastion = "999999999999" // not an account of policy.yaml, which the compiler would refuse
	stack   = "aws-access"
)

// keys are somebody's credentials: id, secret and token.
type keys [3]string

// Retrieve makes them what clients take.
func (k keys) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: k[0], SecretAccessKey: k[1], SessionToken: k[2]}, nil
}

// rootOf may do everything in an account: the emulator takes an account's id for
// a key.
func rootOf(account string) keys { return keys{account, "test", ""} }

func (w *world) endpoint() *string { return aws.String("http://" + w.aws) }

func (w *world) config(k keys) aws.Config {
	return aws.Config{Region: region, BaseEndpoint: w.endpoint(), Credentials: k}
}

func (w *world) cloudformation(k keys) *cloudformation.Client {
	return cloudformation.NewFromConfig(w.config(k))
}
func (w *world) dynamodb(k keys) *dynamodb.Client { return dynamodb.NewFromConfig(w.config(k)) }
func (w *world) iam(k keys) *iam.Client           { return iam.NewFromConfig(w.config(k)) }
func (w *world) lambda(k keys) *lambda.Client     { return lambda.NewFromConfig(w.config(k)) }
func (w *world) ssm(k keys) *ssm.Client           { return ssm.NewFromConfig(w.config(k)) }
func (w *world) sts(k keys) *sts.Client           { return sts.NewFromConfig(w.config(k)) }
func (w *world) s3(k keys) *s3.Client {
	return s3.NewFromConfig(w.config(k), func(o *s3.Options) { o.UsePathStyle = true })
}

// code is AWS's word for what went wrong, "" for nothing.
func code(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &api):
		return api.ErrorCode()
	}
	return err.Error()
}

// stackNow is the stack as it stands, nil for none.
func (w *world) stackNow() *types.Stack {
	w.t.Helper()
	out, err := w.cloudformation(rootOf(bastion)).DescribeStacks(w.t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
	if code(err) == "ValidationError" {
		return nil
	}
	w.must(err)
	return &out.Stacks[0]
}

// physical is what a resource of the stack is called in AWS.
func (w *world) physical(logical string) string {
	w.t.Helper()
	out, err := w.cloudformation(rootOf(bastion)).DescribeStackResource(w.t.Context(), &cloudformation.DescribeStackResourceInput{
		StackName: aws.String(stack), LogicalResourceId: &logical,
	})
	w.must(err)
	return *out.StackResourceDetail.PhysicalResourceId
}
