// Package scenarios uses the command aws-access as people and machines do, with the programs that they
// use: the AWS CLI, Terraform, CloudFormation. README.md says what the tests prove and what they do not
// prove.
//
// The tests have the build tag deployed. run.sh installs the programs, builds the command and the test
// provider of Terraform, and runs the tests where they cannot reach the real AWS. They never use an AWS
// account.
package scenarios
