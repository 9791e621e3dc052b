// Package slackfake plays Slack: its Web API over HTTP, what a workspace holds,
// and the people's side of it (commands, clicks, forms) with the payloads that
// Slack would send.
//
// It promises to refuse what Slack refuses, with Slack's error codes; every
// refusal has a test that names its source. It is for tests and the sandbox,
// and must never be linked into a function.
//
// Limits on how often a method is called hold only while Options.Quota sets
// them, and are judged by Options.Now: a clock that stands still holds nobody
// up. Any other answer of Slack, an unknown code and a closed connection among
// them, is made by Options.Fault. Token errors are set by SetTokenError, and
// what channels refuse by SetChannel and ChangeChannel.
package slackfake

import (
	"encoding/json"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Options say which workspace is played.
type Options struct {
	Team       string           // the workspace that the app is installed in, T…
	Enterprise string           // its organisation, E…, or "" outside Enterprise Grid
	Token      access.Secret    // the bot token that is good
	AppID      string           // A…
	Now        func() time.Time // the clock of message times, triggers and response URLs
	// Fault says what goes wrong with the call that is made now; nil: nothing.
	// op is "slack:" and the method, or "slack:response" for a response URL.
	Fault func(op string) Fault
	// Quota says how often the method that is called now may be called; nil, or
	// a nil answer: as often as one likes. op is as in Fault.
	Quota func(op string) *Quota
	// Count is told each call, with the same op; may be nil.
	Count func(op string)
	// BaseURL is where response URLs point, such as
	// http://127.0.0.1:8080/slack-api. It may be set later by SetBaseURL.
	BaseURL string
}

// Fault is how a call goes wrong.
type Fault struct {
	// How is "" for not at all, "error" (503, nothing was done), "429" (with
	// Retry-After), "slow" (the answer takes SlowFor), "lost" (the work is
	// done, the answer is an error), "dead" (nothing was done, the connection
	// closes without an answer), or "code:" and the error code with which Slack
	// refuses, such as code:account_inactive.
	How string
}

// User is somebody in the workspace, or of another one that shares a channel.
// ActsFrom is another workspace of the same organisation (Enterprise Grid) that
// the person is a member of too, and from which commands and forms are sent:
// payloads then carry its id, and only view.app_installed_team_id names the
// workspace of the installation (slackapi/bolt-python, extract_team_id).
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

// UserChange changes a user or adds one. What is nil keeps its value; of a new
// user it is that of a full member with a confirmed address.
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

// Channel is a channel, or a direct one between the bot and a person.
type Channel struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	DMWith   string   `json:"dm_with,omitempty"` // the person, in a direct channel
	Private  bool     `json:"private,omitempty"` // seen by the bot only when it is in
	Archived bool     `json:"archived,omitempty"`
	Shared   bool     `json:"shared,omitempty"`  // with another workspace
	BotOut   bool     `json:"bot_out,omitempty"` // the bot is not a member
	Members  []string `json:"members,omitempty"` // nil: everybody

	ReadOnly   bool `json:"read_only,omitempty"`   // the bot may post nothing
	ThreadOnly bool `json:"thread_only,omitempty"` // the bot may post in threads only
	NoThreads  bool `json:"no_threads,omitempty"`  // nobody may post in threads
	Migrating  bool `json:"migrating,omitempty"`   // it becomes a shared channel, and nothing in it can change
}

// ChannelChange changes a channel or adds one. What is nil keeps its value.
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

// Message is a message as it stands now.
type Message struct {
	Channel         string          `json:"channel"`
	TS              string          `json:"ts"`
	ThreadTS        string          `json:"thread_ts,omitempty"`
	To              string          `json:"to,omitempty"`      // only this person sees it
	DMWith          string          `json:"dm_with,omitempty"` // in a direct channel: the person
	By              string          `json:"by,omitempty"`      // who wrote it; "" for the app
	Text            string          `json:"text"`
	Blocks          json.RawMessage `json:"blocks"` // a list, [] for none
	FromResponseURL bool            `json:"from_response_url"`
	Edited          bool            `json:"edited,omitempty"`
	Deleted         bool            `json:"-"` // Messages leaves those out, Message does not
	// History is the block lists it had before, oldest first.
	History []json.RawMessage `json:"-"`
}

// State is what was put into a view: block id, action id, and the value as
// Slack writes it into view.state.values.
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
	Errors          map[string]string `json:"errors,omitempty"` // by block id, of the last submit
	Root            string            `json:"root"`             // id of the lowest view of the stack
	Previous        string            `json:"previous,omitempty"`
	NotifyOnClose   bool              `json:"notify_on_close,omitempty"`
	Closed          bool              `json:"-"` // Views leaves those out, View does not
}

// Field is an input of a view, or a menu in one.
type Field struct {
	Label    string          `json:"label"`
	Kind     string          `json:"kind"` // plain_text_input, static_select, external_select…
	BlockID  string          `json:"block_id"`
	ActionID string          `json:"action_id"`
	Optional bool            `json:"optional"`
	Dispatch bool            `json:"dispatch"`  // a change of it is told to the app at once (block_actions)
	MinQuery int             `json:"min_query"` // external_select: typed characters before the app is asked
	Options  json.RawMessage `json:"options,omitempty"`
}

// ClientError is an error that Slack's own client shows; nothing is sent to the app.
type ClientError struct{ Text string }

// Error is what the person reads.
func (s *ClientError) Error() string { return s.Text }
