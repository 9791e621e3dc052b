// Package slackapi is the network side of Slack: it checks the signature of what Slack sends, and it is a client of
// Slack's Web API. table.go says what every error code of Slack means.
//
// The package promises that no error of it contains a token, a response URL or the text of a message, and that no call
// is lost because a connection died while a function was frozen. It never calls an address that came in a payload
// unless the address is Slack's, never follows a redirect, and never repeats a call that would post a message twice.
package slackapi
