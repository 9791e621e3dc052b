// Package slackfake is a fake of Slack for tests and for the sandbox. It has
// three parts: the Web API over HTTP (Server), the contents of a workspace
// (users, groups, channels, messages, views), and what users do in Slack's
// client (UI: commands, clicks, forms), with the signed payloads that Slack
// would send to the app.
//
// It refuses what Slack refuses, with Slack's error codes. The source of each
// limit stands beside it, as a page of docs.slack.dev, an issue of one of
// Slack's SDKs, or an entry of docs/facts.md; the test of each refusal names
// its source too.
//
// It never contacts Slack, and it must never be linked into a function
// (functions/imports_test.go checks this).
//
// Rate limits apply only while Options.Quota sets them, and follow Options.Now.
// Options.Fault makes every other kind of answer: outages, any error code, a
// closed connection. SetTokenError sets what the bot token is refused with;
// SetChannel and ChangeChannel set what a channel refuses.
package slackfake

import (
	"encoding/json"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Options configure a Server.
type Options struct {
	Team       string           // id of the workspace in which the app is installed, T…
	Enterprise string           // id of its organisation, E…, or "" outside Enterprise Grid
	Token      access.Secret    // the only valid bot token
	AppID      string           // A…
	Now        func() time.Time // the clock of message times, triggers and response URLs
	// Fault returns what goes wrong with the current call; nil means nothing.
	// op is "slack:" and the method, or "slack:response" for a response URL.
	Fault func(op string) Fault
	// Quota returns how often the called method may be called. A nil function
	// or a nil result means no limit. op is as in Fault.
	Quota func(op string) *Quota
	// Count is called once for each call, with the same op. It may be nil.
	Count func(op string)
	// BaseURL is the prefix of response URLs, such as
	// http://127.0.0.1:8080/slack-api. SetBaseURL can set it later.
	BaseURL string
}

// Fault is how a call goes wrong.
type Fault struct {
	// How is one of:
	//
	//	""       the call works
	//	error    Slack answers 503 and does nothing
	//	429      Slack answers 429 with Retry-After and does nothing
	//	slow     the answer takes SlowFor
	//	lost     Slack does the work, but answers 503
	//	dead     Slack does nothing and closes the connection without an answer
	//	code:X   Slack refuses with the error code X, such as code:account_inactive
	How string
}

// User is a user of the workspace, or a user of another workspace that shares a
// channel with it.
//
// ActsFrom is the id of a second workspace of the same organisation (Enterprise
// Grid) from which the user sends commands and forms. Payloads then carry that
// id, and only view.app_installed_team_id names the workspace of the
// installation (slackapi/bolt-python, extract_team_id).
type User struct {
	ID              string `json:"id"`
	Name            string `json:"name"`
	Email           string `json:"email"`
	Team            string `json:"team"`
	Enterprise      string `json:"enterprise,omitempty"`
	ActsFrom        string `json:"acts_from,omitempty"`
	Restricted      bool   `json:"restricted"`       // guest
	UltraRestricted bool   `json:"ultra_restricted"` // guest of one channel
	Bot             bool   `json:"bot"`
	Deleted         bool   `json:"deleted"`
	EmailConfirmed  bool   `json:"email_confirmed"`
}

// UserChange changes or adds a user. A nil field keeps its value. A new user is
// a full member with a confirmed address unless fields say otherwise.
type UserChange struct {
	ID              string  `json:"id"`
	Name            *string `json:"name"`
	Email           *string `json:"email"`
	Team            *string `json:"team"`
	Enterprise      *string `json:"enterprise"`
	ActsFrom        *string `json:"acts_from"`
	Restricted      *bool   `json:"restricted"`
	UltraRestricted *bool   `json:"ultra_restricted"`
	Bot             *bool   `json:"bot"`
	Deleted         *bool   `json:"deleted"`
	EmailConfirmed  *bool   `json:"email_confirmed"`
}

// Group is a user group.
type Group struct {
	ID       string   `json:"id"`
	Handle   string   `json:"handle"`
	Members  []string `json:"members"`
	Disabled bool     `json:"disabled,omitempty"`
}

// Channel is a channel, or a direct message channel between the bot and a user.
type Channel struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	DMWith   string   `json:"dm_with,omitempty"` // the user, in a direct message channel
	Private  bool     `json:"private,omitempty"` // the bot sees it only as a member
	Archived bool     `json:"archived,omitempty"`
	Shared   bool     `json:"shared,omitempty"`  // with another workspace
	BotOut   bool     `json:"bot_out,omitempty"` // the bot is not a member
	Members  []string `json:"members,omitempty"` // nil means everybody

	ReadOnly   bool `json:"read_only,omitempty"`   // the bot may not post
	ThreadOnly bool `json:"thread_only,omitempty"` // the bot may post in threads only
	NoThreads  bool `json:"no_threads,omitempty"`  // nobody may post in threads
	Migrating  bool `json:"migrating,omitempty"`   // it is becoming a shared channel: no message can change
}

// ChannelChange changes or adds a channel. A nil field keeps its value.
type ChannelChange struct {
	ID         string  `json:"id"`
	Name       *string `json:"name"`
	Private    *bool   `json:"private"`
	Archived   *bool   `json:"archived"`
	BotOut     *bool   `json:"bot_out"`
	ReadOnly   *bool   `json:"read_only"`
	ThreadOnly *bool   `json:"thread_only"`
	NoThreads  *bool   `json:"no_threads"`
	Migrating  *bool   `json:"migrating"`
}

// Message is the current state of a message.
type Message struct {
	Channel         string          `json:"channel"`
	TS              string          `json:"ts"`
	ThreadTS        string          `json:"thread_ts,omitempty"`
	To              string          `json:"to,omitempty"`      // the only user who sees it (ephemeral)
	DMWith          string          `json:"dm_with,omitempty"` // the user, in a direct message channel
	By              string          `json:"by,omitempty"`      // the author; "" for the app
	Text            string          `json:"text"`
	Blocks          json.RawMessage `json:"blocks"` // a list, [] for none
	FromResponseURL bool            `json:"from_response_url"`
	Edited          bool            `json:"edited,omitempty"`
	Deleted         bool            `json:"-"` // Messages leaves deleted ones out, Message does not
	// History holds the earlier block lists, oldest first.
	History []json.RawMessage `json:"-"`
}

// State holds the values of a view's inputs by block id and action id, in the
// form of Slack's view.state.values.
type State map[string]map[string]json.RawMessage

// View is a modal.
type View struct {
	ID              string            `json:"id"`
	User            string            `json:"user"`
	Title           string            `json:"title"`
	Submit          string            `json:"submit,omitempty"` // label, "" for none
	Close           string            `json:"close,omitempty"`  // label, "" for Slack's own
	Blocks          json.RawMessage   `json:"blocks"`
	CallbackID      string            `json:"callback_id"`
	PrivateMetadata string            `json:"private_metadata"`
	ExternalID      string            `json:"external_id,omitempty"`
	Hash            string            `json:"hash"`
	State           State             `json:"state"`
	Errors          map[string]string `json:"errors,omitempty"` // of the last submission, by block id
	Root            string            `json:"root"`             // id of the bottom view of the stack
	Previous        string            `json:"previous,omitempty"`
	NotifyOnClose   bool              `json:"notify_on_close,omitempty"`
	Closed          bool              `json:"-"` // Views leaves closed ones out, View does not
}

// Field is an input or a menu of a view.
type Field struct {
	Label    string          `json:"label"`
	Kind     string          `json:"kind"` // plain_text_input, static_select, external_select…
	BlockID  string          `json:"block_id"`
	ActionID string          `json:"action_id"`
	Optional bool            `json:"optional"`
	Dispatch bool            `json:"dispatch"`  // Slack sends each change to the app at once (block_actions)
	MinQuery int             `json:"min_query"` // external_select: typed characters before Slack asks the app
	Options  json.RawMessage `json:"options,omitempty"`
}

// ClientError is an error that Slack's own client shows. Slack then sends
// nothing to the app.
type ClientError struct{ Text string }

// Error returns what the user reads.
func (s *ClientError) Error() string { return s.Text }
