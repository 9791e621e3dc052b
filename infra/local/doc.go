// Package local deploys the product with the SAM CLI into an emulator of AWS on this
// computer, and uses it like people do. README.md says what the tests prove and what
// they do not prove.
//
// The tests have the build tag deployed. run.sh builds what they deploy, gives them the
// tools, and runs them where they cannot reach the real AWS. They never use an AWS
// account.
package local
