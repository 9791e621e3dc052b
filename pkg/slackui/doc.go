// Package slackui turns what Slack sends into values, and values into what Slack shows. Every sentence that a person
// reads in Slack is in this package, except refusals: pkg/access/refusals.go words those.
//
//	parse.go      commands, clicks and forms as Slack sends them
//	line.go       the one-line form, /aws-access ACCOUNT ROLE TIME "REASON"
//	card.go       the card in the approvers' channels, and the sentences about a request's state
//	machine.go    which machine asks: a session of a role, or a run, with its link
//	list.go       the list of /aws-access list
//	form.go       the form, the forms of approvers, and the account menu
//	answers.go    answers to a command or a form, help, and errors in words
//	notices.go    direct messages, and reminders below a card
//	keys.go       private answers with keys or a console link
//	calls.go      answers to calls, which the command prints
//	operators.go  messages to the people who run AWS access
//	actions.go    the ids of forms, buttons and inputs
//	text.go       how times, names and typed text are written
//	blocks.go     Block Kit, and Slack's limits
//
// The package promises that a message is never longer than Slack accepts, that text from people is shown as they typed
// it and has no effect as markup, and that everything which is left out is mentioned. It never makes a call, never
// decides anything, and never reads a value out of a text that was shown: a button's value is the id of its request.
package slackui
