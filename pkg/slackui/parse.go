// Package slackui turns Slack's payloads into values, and values into Block
// Kit. It makes no call. What people typed is data: it is kept whole, shown
// escaped, and never read back out of a message.
package slackui

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"unicode/utf8"
)

// Command is a slash command as it was typed.
type Command struct {
	Team, Enterprise, User, Channel string
	Text                            string // as typed, never unescaped
	TriggerID, ResponseURL          string
	SSLCheck                        bool // Slack probes the certificate; there is nothing to do
}

// ParseCommand reads a slash command's form.
func ParseCommand(body []byte) (Command, error) {
	form, err := parseForm(body)
	if err != nil {
		return Command{}, err
	}
	return Command{
		Team: form.Get("team_id"), Enterprise: form.Get("enterprise_id"), User: form.Get("user_id"), Channel: form.Get("channel_id"),
		Text: form.Get("text"), TriggerID: form.Get("trigger_id"), ResponseURL: form.Get("response_url"), SSLCheck: form.Get("ssl_check") == "1",
	}, nil
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
	Team, Enterprise, User string
	TriggerID, ResponseURL string
	Action                 Action
	Channel, TS            string // of the message that was clicked
	View                   View
	Typed                  string // into a searchable menu
}

// Action is what was clicked or chosen.
type Action struct {
	ID, BlockID string
	Value       string // of the button, or of the option that was chosen
}

// View is the form that the interaction belongs to.
type View struct {
	ID, Hash, Callback, Metadata string
	Values                       map[string]string // by action id, without the suffix that makes a menu forget
	Blocks                       map[string]string // action id to block id
}

type named struct {
	ID string `json:"id"`
}

// ParseInteraction reads the form field payload. Fields that are not known are
// passed over, a payload without type, team or person is refused.
func ParseInteraction(body []byte) (Interaction, error) {
	form, err := parseForm(body)
	if err != nil {
		return Interaction{}, err
	}
	var p struct {
		Type        string `json:"type"`
		Team        *named `json:"team"`
		Enterprise  *named `json:"enterprise"`
		User        named  `json:"user"`
		TriggerID   string `json:"trigger_id"`
		ResponseURL string `json:"response_url"`
		ActionID    string `json:"action_id"`
		BlockID     string `json:"block_id"`
		Value       string `json:"value"`
		Channel     *named `json:"channel"`
		Container   struct{ MessageTS, ChannelID string }
		Message     *struct{ TS string }
		View        *viewPayload    `json:"view"`
		Actions     []actionPayload `json:"actions"`
	}
	if err := json.Unmarshal([]byte(form.Get("payload")), &p); err != nil {
		return Interaction{}, fmt.Errorf("the payload is not JSON of the right shape")
	}
	in := Interaction{Type: p.Type, User: p.User.ID, TriggerID: p.TriggerID, ResponseURL: p.ResponseURL, Typed: p.Value}
	if in.User == "" || in.Type == "" {
		return Interaction{}, errors.New("the payload names no type or no person")
	}
	if p.Team != nil {
		in.Team = p.Team.ID
	}
	if p.Enterprise != nil {
		in.Enterprise = p.Enterprise.ID
	}
	if p.Channel != nil {
		in.Channel = p.Channel.ID
	}
	if p.Message != nil {
		in.TS = p.Message.TS
	}
	if p.View != nil {
		in.View = p.View.view()
	}
	in.Action = Action{ID: bare(p.ActionID), BlockID: p.BlockID}
	if len(p.Actions) > 0 {
		a := p.Actions[0]
		in.Action = Action{ID: bare(a.ActionID), BlockID: a.BlockID, Value: a.Value}
		if a.SelectedOption != nil {
			in.Action.Value = a.SelectedOption.Value
		}
	}
	return in, nil
}

type actionPayload struct {
	ActionID       string `json:"action_id"`
	BlockID        string `json:"block_id"`
	Value          string `json:"value"`
	SelectedOption *struct{ Value string }
}

type viewPayload struct {
	ID              string `json:"id"`
	Hash            string `json:"hash"`
	CallbackID      string `json:"callback_id"`
	PrivateMetadata string `json:"private_metadata"`
	State           struct {
		Values map[string]map[string]struct {
			Value          *string `json:"value"`
			SelectedOption *struct {
				Value string `json:"value"`
			} `json:"selected_option"`
		} `json:"values"`
	} `json:"state"`
}

func (p viewPayload) view() View {
	v := View{
		ID: p.ID, Hash: p.Hash, Callback: p.CallbackID, Metadata: p.PrivateMetadata,
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
