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
	bastion = "999999999999" // must not be an account of policy.yaml
	stack   = "aws-access"
)

// keys are credentials: id, secret and token.
type keys [3]string

// Retrieve makes keys a provider of credentials for clients.
func (k keys) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: k[0], SecretAccessKey: k[1], SessionToken: k[2]}, nil
}

// rootOf returns keys that may do everything in an account. The emulator accepts the id
// of an account as the key id of its root user.
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

// code returns AWS's error code, "" for no error.
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

// currentStack returns the stack, nil if it does not exist.
func (w *world) currentStack() *types.Stack {
	w.t.Helper()
	in := &cloudformation.DescribeStacksInput{StackName: aws.String(stack)}
	out, err := w.cloudformation(rootOf(bastion)).DescribeStacks(w.t.Context(), in)
	if code(err) == "ValidationError" {
		return nil
	}
	w.must(err)
	return &out.Stacks[0]
}

// physical returns the physical id of a resource of the stack.
func (w *world) physical(logical string) string {
	w.t.Helper()
	in := &cloudformation.DescribeStackResourceInput{StackName: aws.String(stack), LogicalResourceId: &logical}
	out, err := w.cloudformation(rootOf(bastion)).DescribeStackResource(w.t.Context(), in)
	w.must(err)
	return *out.StackResourceDetail.PhysicalResourceId
}
