// Package functions holds the handlers, one file for each trigger: slack.go
// with commands and interactions, notify.go, vend.go and tick.go. A handler
// reads its event, takes one step of pkg/lifecycle, and answers.
//
// The package links neither the STS nor the IAM SDK: vend is handed what it
// needs by its main, and the functions on the internet cannot even call it.
package functions
