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

// ParseCommand reads the body of a slash command. It is an error if the body is not a form, is not UTF-8, or has no
// user. No error quotes the body.
func ParseCommand(body []byte) (Command, error) {
	form, err := parseForm(body)
	if err != nil {
		return Command{}, err
	}
	c := Command{
		Team: form.Get("team_id"), Enterprise: form.Get("enterprise_id"),
		User: form.Get("user_id"), Channel: form.Get("channel_id"),
		Text: form.Get("text"), TriggerID: form.Get("trigger_id"), ResponseURL: form.Get("response_url"),
	}
	if c.User == "" {
		return Command{}, errors.New("the command has no user")
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

// Interaction is a click, a form that was sent, or a menu that asks for options.
type Interaction struct {
	Type                   string
	Team, Enterprise       string // where it was sent; on Enterprise Grid, any workspace of the organisation
	User, UserTeam         string // who sent it, and the workspace of that person
	TriggerID, ResponseURL string
	Action                 Action
	Channel, TS            string // of the message that was clicked
	View                   View
	Typed                  string // into a searchable menu
	Ephemeral              bool   // only this person sees the message that was clicked
}

// Action is the button or the option that was clicked.
type Action struct {
	ID, BlockID string
	Value       string // of the button, or of the option that was chosen
	Label       string // the words on it; for logs only, nothing is decided by it
}

// View is the form that the interaction belongs to.
type View struct {
	ID, RootID, Hash   string
	Callback, Metadata string
	Installed          string            // id of the workspace, or organisation, whose installation opened it
	Values             map[string]string // by action id, without the suffix that empties a menu
	Blocks             map[string]string // block id by action id
}

// ParseInteraction reads the form field "payload". It ignores unknown fields. It is an error if a field has the wrong
// type, or if the payload has no type or no user. No error quotes the body.
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
		return Interaction{}, errors.New("the payload has no type or no user")
	case p.Type != BlockActions && p.Type != ViewSubmission && p.Type != ViewClosed && p.Type != BlockSuggestion:
		return Interaction{}, access.RefuseUnknownPayload()
	}
	return p.interaction(), nil
}

// IsFromList reports whether the click came from the list of /aws-access list, which only one person sees. If the list
// were drawn in the place of any other message, others could see that person's requests.
func (in Interaction) IsFromList() bool {
	return in.Ephemeral && strings.HasPrefix(in.Action.BlockID, listBlock) && in.ResponseURL != ""
}

// IsFromRevokeList reports whether the click came from the list of /aws-access revoke, which only one person sees.
func (in Interaction) IsFromRevokeList() bool {
	return in.Ephemeral && strings.HasPrefix(in.Action.BlockID, revokeBlock) && in.ResponseURL != ""
}

type idPayload struct {
	ID string `json:"id"`
}

// payload has the fields of Slack's JSON that are read. The type of slack-go refuses a whole payload for one element
// that it does not know.
type payload struct {
	Type string `json:"type"`
	Team struct {
		ID           string `json:"id"`
		EnterpriseID string `json:"enterprise_id"`
	} `json:"team"` // null for a whole organisation
	Enterprise idPayload `json:"enterprise"` // null in some forms, which name it in team
	User       struct {
		ID     string `json:"id"`
		TeamID string `json:"team_id"`
	} `json:"user"`
	TriggerID   string    `json:"trigger_id"`
	ResponseURL string    `json:"response_url"`
	Channel     idPayload `json:"channel"`
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
	// Of a menu that asks for options.
	ActionID string `json:"action_id"`
	BlockID  string `json:"block_id"`
	Value    string `json:"value"`
}

func (p payload) interaction() Interaction {
	in := Interaction{
		Type: p.Type, Team: p.Team.ID, Enterprise: p.Enterprise.ID, User: p.User.ID, UserTeam: p.User.TeamID,
		TriggerID: p.TriggerID, ResponseURL: p.ResponseURL, Channel: p.Channel.ID, TS: p.Message.TS, Typed: p.Value,
		Action: Action{ID: withoutSuffix(p.ActionID), BlockID: p.BlockID}, Ephemeral: p.Container.Ephemeral,
	}
	if in.Enterprise == "" {
		in.Enterprise = p.Team.EnterpriseID
	}
	if in.Channel == "" {
		in.Channel = p.Container.ChannelID
	}
	if in.TS == "" { // the payload has no message if only one person sees it
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
	a := Action{ID: withoutSuffix(p.ActionID), BlockID: p.BlockID, Value: p.Value, Label: p.Text.Text}
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
			SelectedUser   *string `json:"selected_user"`
		} `json:"values"`
	} `json:"state"`
}

func (p viewPayload) view() View {
	v := View{
		ID: p.ID, RootID: p.RootID, Hash: p.Hash,
		Callback: p.CallbackID, Metadata: p.PrivateMetadata, Installed: p.Installed,
		Values: make(map[string]string), Blocks: make(map[string]string),
	}
	for block, actions := range p.State.Values {
		for id, in := range actions {
			v.Blocks[withoutSuffix(id)] = block
			switch {
			case in.SelectedOption != nil:
				v.Values[withoutSuffix(id)] = in.SelectedOption.Value
			case in.SelectedUser != nil:
				v.Values[withoutSuffix(id)] = *in.SelectedUser
			case in.Value != nil:
				v.Values[withoutSuffix(id)] = *in.Value
			}
		}
	}
	return v
}

// withoutSuffix is an action id without its suffix, which begins with a colon: a menu gets another suffix when its
// choice has to be dropped.
func withoutSuffix(id string) string {
	id, _, _ = strings.Cut(id, ":")
	return id
}
