package main

import "strings"

// rightsPolicy is what whoever runs doctor needs, and no more. There is no
// sts:AssumeRole in it, and no secret. The lists of mappings and
// of parameters, which hold no values, know no narrower resource.
//
// lambda:InvokeFunction on vend is also the right to send orders; vend answers
// those to the person in Slack whom the table names, and to nobody else.
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
      "Sid": "AskVend",
      "Effect": "Allow",
      "Action": "lambda:InvokeFunction",
      "Resource": "arn:*:lambda:*:*:function:{{STACK}}-VendFunction-*"
    }{{PING}}
  ]
}
`

// pingRight is what the signed ping needs beside. It is never given unasked:
// whoever reads the secret signs clicks as anybody, and so approves anything.
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
