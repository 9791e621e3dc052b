// Package slackui turns Slack's payloads into values, and values into Block
// Kit. It makes no call. What people typed is data: it is kept whole, shown
// escaped, and never read back out of a message.
package slackui

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aws-access/aws-access/pkg/access"
)

// Command is a slash command as it was typed.
type Command struct {
	Team, Enterprise, User, Channel string
	Text                            string // as typed, never unescaped
	TriggerID, ResponseURL          string
}

// ParseCommand reads a slash command's form. What is not UTF-8, no form, or
// names nobody is an error.
func ParseCommand(body []byte) (Command, error) {
	form, err := parseForm(body)
	if err != nil {
		return Command{}, err
	}
	c := Command{
		Team: form.Get("team_id"), Enterprise: form.Get("enterprise_id"), User: form.Get("user_id"), Channel: form.Get("channel_id"),
		Text: form.Get("text"), TriggerID: form.Get("trigger_id"), ResponseURL: form.Get("response_url"),
	}
	if c.User == "" {
		return Command{}, errors.New("the command names no person")
	}
	return c, nil
}

func parseForm(body []byte) (url.Values, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errors.New("the body is not a form")
	}
	for _, values := range form {
		for _, v := range values {
			if !utf8.ValidString(v) {
				return nil, errors.New("the form is not UTF-8")
			}
		}
	}
	return form, nil
}

// Types of interactions.
const (
	BlockActions    = "block_actions"
	ViewSubmission  = "view_submission"
	ViewClosed      = "view_closed"
	BlockSuggestion = "block_suggestion"
)

// Interaction is a click, a form that was sent, or a menu that wants options.
type Interaction struct {
	Type                   string
	Team, Enterprise       string // from where it was sent; on Enterprise Grid, any workspace of the organisation
	User, UserTeam         string // who, and of which workspace
	TriggerID, ResponseURL string
	Action                 Action
	Channel, TS            string // of the message that was clicked
	View                   View
	Typed                  string // into a searchable menu
	Ephemeral              bool   // the message that was clicked is seen by this person alone
}

// Action is what was clicked or chosen.
type Action struct {
	ID, BlockID string
	Value       string // of the button, or of the option that was chosen
	Label       string // what stood on it; for logs, it decides nothing
}

// View is the form that the interaction belongs to.
type View struct {
	ID, RootID, Hash   string
	Callback, Metadata string
	Installed          string            // id of the workspace, or organisation, whose installation opened it
	Values             map[string]string // by action id, without the suffix that makes a menu forget
	Blocks             map[string]string // action id to block id
}

// ParseInteraction reads the form field payload. Fields that are not known are
// passed over; one of a wrong type, a payload without a type, or one of nobody
// is an error.
//
// Refusal: unknown_payload, for a type that is not handled.
func ParseInteraction(body []byte) (Interaction, error) {
	form, err := parseForm(body)
	if err != nil {
		return Interaction{}, err
	}
	var p payload
	if err := json.Unmarshal([]byte(form.Get("payload")), &p); err != nil {
		return Interaction{}, errors.New("the payload is not JSON of the right shape") // the cause may quote it
	}
	switch {
	case p.Type == "" || p.User.ID == "":
		return Interaction{}, errors.New("the payload names no type or no person")
	case p.Type != BlockActions && p.Type != ViewSubmission && p.Type != ViewClosed && p.Type != BlockSuggestion:
		return Interaction{}, access.Refuse("unknown_payload", "AWS access does not know this kind of action.",
			"Start again with /aws-access.")
	}
	return p.interaction(), nil
}

// List reports whether the click came out of the list of /aws-access list. That is seen by one person alone: what is
// drawn in the place of any other message could show that person's requests to others.
func (in Interaction) List() bool {
	return in.Ephemeral && strings.HasPrefix(in.Action.BlockID, listBlock) && in.ResponseURL != ""
}

type named struct {
	ID string `json:"id"`
}

// payload is what is read of Slack's JSON. slack-go's own type refuses a whole
// payload for one element that it does not know.
type payload struct {
	Type string `json:"type"`
	Team struct {
		ID           string `json:"id"`
		EnterpriseID string `json:"enterprise_id"`
	} `json:"team"` // null for a whole organisation
	Enterprise named `json:"enterprise"` // null in some forms, which name it in team
	User       struct {
		ID     string `json:"id"`
		TeamID string `json:"team_id"`
	} `json:"user"`
	TriggerID   string `json:"trigger_id"`
	ResponseURL string `json:"response_url"`
	Channel     named  `json:"channel"`
	Container   struct {
		MessageTS string `json:"message_ts"`
		ChannelID string `json:"channel_id"`
		Ephemeral bool   `json:"is_ephemeral"`
	} `json:"container"`
	Message struct {
		TS string `json:"ts"`
	} `json:"message"`
	View    viewPayload     `json:"view"`
	Actions []actionPayload `json:"actions"`
	// Of a menu that wants options.
	ActionID string `json:"action_id"`
	BlockID  string `json:"block_id"`
	Value    string `json:"value"`
}

func (p payload) interaction() Interaction {
	in := Interaction{
		Type: p.Type, Team: p.Team.ID, Enterprise: p.Enterprise.ID, User: p.User.ID, UserTeam: p.User.TeamID,
		TriggerID: p.TriggerID, ResponseURL: p.ResponseURL, Channel: p.Channel.ID, TS: p.Message.TS, Typed: p.Value,
		Action: Action{ID: bare(p.ActionID), BlockID: p.BlockID}, Ephemeral: p.Container.Ephemeral,
	}
	if in.Enterprise == "" {
		in.Enterprise = p.Team.EnterpriseID
	}
	if in.Channel == "" {
		in.Channel = p.Container.ChannelID
	}
	if in.TS == "" { // a message that only one person sees comes without itself
		in.TS = p.Container.MessageTS
	}
	if p.View.ID != "" {
		in.View = p.View.view()
	}
	if len(p.Actions) > 0 {
		in.Action = p.Actions[0].action()
	}
	return in
}

type option struct {
	Text  textPayload `json:"text"`
	Value string      `json:"value"`
}

type textPayload struct {
	Text string `json:"text"`
}

type actionPayload struct {
	ActionID       string      `json:"action_id"`
	BlockID        string      `json:"block_id"`
	Value          string      `json:"value"`
	Text           textPayload `json:"text"`
	SelectedOption *option     `json:"selected_option"`
}

func (p actionPayload) action() Action {
	a := Action{ID: bare(p.ActionID), BlockID: p.BlockID, Value: p.Value, Label: p.Text.Text}
	if p.SelectedOption != nil {
		a.Value, a.Label = p.SelectedOption.Value, p.SelectedOption.Text.Text
	}
	return a
}

type viewPayload struct {
	ID              string `json:"id"`
	RootID          string `json:"root_view_id"`
	Hash            string `json:"hash"`
	CallbackID      string `json:"callback_id"`
	PrivateMetadata string `json:"private_metadata"`
	Installed       string `json:"app_installed_team_id"`
	State           struct {
		Values map[string]map[string]struct {
			Value          *string `json:"value"`
			SelectedOption *option `json:"selected_option"`
		} `json:"values"`
	} `json:"state"`
}

func (p viewPayload) view() View {
	v := View{
		ID: p.ID, RootID: p.RootID, Hash: p.Hash, Callback: p.CallbackID, Metadata: p.PrivateMetadata, Installed: p.Installed,
		Values: make(map[string]string), Blocks: make(map[string]string),
	}
	for block, actions := range p.State.Values {
		for id, in := range actions {
			v.Blocks[bare(id)] = block
			switch {
			case in.SelectedOption != nil:
				v.Values[bare(id)] = in.SelectedOption.Value
			case in.Value != nil:
				v.Values[bare(id)] = *in.Value
			}
		}
	}
	return v
}

// bare is an action id without what follows the colon: a menu that has to
// forget its choice gets another suffix.
func bare(id string) string {
	id, _, _ = strings.Cut(id, ":")
	return id
}
