package operators

import "strings"

// rightsPolicy is the IAM policy that a person needs to run doctor, and no more. It
// does not allow sts:AssumeRole or reading a secret. IAM has no narrower resource
// for listing mappings and parameters; these lists hold no values.
//
// lambda:InvokeFunction on vend is also the right to send orders; vend answers
// those to the person in Slack whom the table names, and to nobody else. On cut it is the right to
// send orders too; cut does only what the table says.
const rightsPolicy = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "ReadTheStack",
      "Effect": "Allow",
      "Action": ["cloudformation:DescribeStacks", "cloudformation:ListStackResources"],
      "Resource": "arn:*:cloudformation:*:*:stack/{{STACK}}/*"
    },
    {
      "Sid": "ReadTheFunctions",
      "Effect": "Allow",
      "Action": [
        "lambda:GetFunction",
        "lambda:GetFunctionConfiguration",
        "lambda:GetFunctionEventInvokeConfig",
        "lambda:GetPolicy",
        "lambda:ListAliases",
        "lambda:ListFunctionUrlConfigs",
        "lambda:ListVersionsByFunction"
      ],
      "Resource": "arn:*:lambda:*:*:function:{{STACK}}-*"
    },
    {
      "Sid": "ListTriggers",
      "Effect": "Allow",
      "Action": "lambda:ListEventSourceMappings",
      "Resource": "*"
    },
    {
      "Sid": "SeeTheKeysOfParameters",
      "Effect": "Allow",
      "Action": "ssm:DescribeParameters",
      "Resource": "*"
    },
    {
      "Sid": "AskVendAndCut",
      "Effect": "Allow",
      "Action": "lambda:InvokeFunction",
      "Resource": [
        "arn:*:lambda:*:*:function:{{STACK}}-VendFunction-*",
        "arn:*:lambda:*:*:function:{{STACK}}-CutFunction-*"
      ]
    }{{PING}}
  ]
}
`

// pingRight is what the signed ping needs in addition. It is left out unless --ping
// asks for it: anyone who can read the secret can sign clicks in anybody's name, and
// so approve any request.
const pingRight = `,
    {
      "Sid": "SignAPing",
      "Effect": "Allow",
      "Action": "ssm:GetParameter",
      "Resource": "arn:*:ssm:*:*:parameter/jit-access/slack/signing-secret"
    }`

// rights is the policy for one stack.
func rights(stack string, ping bool) string {
	more := ""
	if ping {
		more = pingRight
	}
	return strings.NewReplacer("{{STACK}}", stack, "{{PING}}", more).Replace(rightsPolicy)
}
