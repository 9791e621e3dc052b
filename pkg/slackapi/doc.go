// Package slackapi is the network side of Slack: the signature of what Slack
// sends, and a client for its Web API.
//
// It promises that no error of it holds a token, a response URL or the text of
// a message, and that no address that came in a payload is called unless it is
// Slack's.
package slackapi
