// Package functions holds four of the five handlers: slack (slack.go, with command.go,
// interaction.go and click.go), notify, vend and tick. The fifth, that of api, is in
// pkg/relay. A handler reads its event, takes one step of pkg/lifecycle, and answers.
// new.go builds all of them.
//
// The package promises that a handler may receive the same event twice, late or in
// another order without harm, and that a requester or an approver reads a refusal or
// a reference to the log, never the text of an error. It holds no sentence for a
// person: those are in pkg/access/refusals.go and pkg/slackui.
//
// It never links the SDK of STS or IAM. The main of vend passes in the ways to a
// session, so the functions on the internet do not even contain the code.
package functions
