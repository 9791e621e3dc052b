// Package local deploys the product with the SAM CLI into an AWS that is played
// on this computer, and uses it as people do. README.md says what that proves
// and what it does not.
//
// Its tests have the build tag deployed: run.sh builds what they deploy, gives
// them the tools, and runs them where no real AWS can be reached.
package local
