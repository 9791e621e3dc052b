package slackfake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// verificationToken is Slack's deprecated proof of origin, which payloads still
// carry. The app must not trust it.
const verificationToken = "deprecated-verification-token"

const teamDomain = "sandbox"

// CommandPayload returns the form that Slack sends for a command.
func (s *Server) CommandPayload(user, command, text string) url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := url.Values{
		"token": {verificationToken}, "team_id": {s.actsFrom(user)}, "team_domain": {teamDomain},
		"channel_id": {CommandChannel}, "channel_name": {s.channelName(CommandChannel)},
		"user_id": {user}, "user_name": {s.person(user).Name},
		"command": {command}, "text": {text}, "api_app_id": {s.o.AppID}, "is_enterprise_install": {"false"},
		"response_url": {s.responseURL(user, CommandChannel, "")}, "trigger_id": {s.trigger(user, "")},
	}
	if s.o.Enterprise != "" {
		v.Set("enterprise_id", s.o.Enterprise)
		v.Set("enterprise_name", "Enterprise")
	}
	return v
}

// person returns a user for a payload; an unknown user is named by the id.
func (s *Server) person(id string) User {
	if u := s.w.user(id); u != nil {
		return *u
	}
	return User{ID: id, Name: id, Team: s.o.Team}
}

func (s *Server) channelName(id string) string {
	if c := s.w.channel(id); c != nil {
		return c.Name
	}
	return "privategroup"
}

// actsFrom returns the workspace id in a user's payloads: the workspace in which
// the app is installed, or another one of the organisation.
func (s *Server) actsFrom(user string) string { return cmp.Or(s.person(user).ActsFrom, s.o.Team) }

// payload returns the fields that every interaction has. The team is the
// workspace from which the user acts, in most cases the one in which the app is
// installed. The user's own team may be another.
func (s *Server) payload(kind, user string) object {
	u := s.person(user)
	team := object{"id": s.actsFrom(user), "domain": teamDomain}
	var enterprise any
	if s.o.Enterprise != "" {
		enterprise = object{"id": s.o.Enterprise, "name": "Enterprise"}
		team["enterprise_id"], team["enterprise_name"] = s.o.Enterprise, "Enterprise"
	}
	return object{
		"type": kind, "token": verificationToken, "api_app_id": s.o.AppID, "team": team, "enterprise": enterprise,
		"is_enterprise_install": false,
		"user": object{"id": u.ID, "username": u.Name, "name": u.Name,
			"team_id": cmp.Or(u.ActsFrom, u.Team)},
	}
}

// actionTS returns the time of a click.
func (s *Server) actionTS() string {
	now := s.o.Now()
	return strconv.FormatInt(now.Unix(), 10) + "." + fmt.Sprintf("%06d", now.Nanosecond()/1000)
}

// ActionPayload returns the payload of a click in a message. action is the result
// of Button, or a forged one. For an ephemeral message the payload has no
// message, only its channel and ts.
func (s *Server) ActionPayload(user, channel, ts string, action json.RawMessage) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.w.message(channel, ts)
	if m == nil {
		return nil, fmt.Errorf("there is no message %s in channel %s", ts, channel)
	}
	v, _ := decode(action)
	clicked, ok := v.(object)
	if !ok {
		return nil, fmt.Errorf("the action is not a JSON object")
	}
	clicked["action_ts"] = s.actionTS()
	container := object{"type": "message", "message_ts": ts, "channel_id": channel, "is_ephemeral": m.To != ""}
	p := s.payload("block_actions", user)
	p["container"], p["trigger_id"] = container, s.trigger(user, "")
	p["channel"] = object{"id": channel, "name": s.channelName(channel)}
	p["state"], p["response_url"] = object{"values": object{}}, s.responseURL(user, channel, ts)
	p["actions"] = []any{clicked}
	if m.To == "" {
		p["message"] = s.messageJSON(m)
	}
	if m.ThreadTS != "" {
		container["thread_ts"] = m.ThreadTS
	}
	return encode(p), nil
}

// ViewActionPayload returns the payload of a click or a choice in a view. value is
// as in SetInput and is put into the view first; nil means the present value, or
// a button.
func (s *Server) ViewActionPayload(user, viewID, blockID, actionID string, value json.RawMessage) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.w.view(viewID)
	if v == nil {
		return nil, fmt.Errorf("there is no view %q", viewID)
	}
	action, err := s.viewAction(v, blockID, actionID, value)
	if err != nil {
		return nil, err
	}
	p := s.payload("block_actions", user)
	p["container"] = object{"type": "view", "view_id": viewID}
	p["trigger_id"], p["view"] = s.trigger(user, viewID), s.viewJSON(v)
	p["actions"] = []any{action}
	return encode(p), nil
}

func (s *Server) viewAction(v *modal, blockID, actionID string, value json.RawMessage) (object, error) {
	for _, b := range buttons(v.Blocks) {
		if b["block_id"] == blockID && b["action_id"] == actionID {
			b["action_ts"] = s.actionTS()
			return b, nil
		}
	}
	for _, f := range fields(v.parts) {
		if f.BlockID != blockID || f.ActionID != actionID {
			continue
		}
		if value != nil {
			if err := v.setInput(f, value); err != nil {
				return nil, err
			}
		}
		held, _ := decode(v.State[blockID][actionID])
		action, _ := held.(object)
		action["block_id"], action["action_id"], action["action_ts"] = blockID, actionID, s.actionTS()
		return action, nil
	}
	return nil, fmt.Errorf("the view has no element %s in block %s", actionID, blockID)
}

// SubmitPayload returns the payload of a view's submit button. A *ClientError
// means that Slack's client does not submit: a required input is empty, or a text
// is too long. A view that was closed meanwhile can still be submitted, because
// the click may have been on its way.
func (s *Server) SubmitPayload(user, viewID string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.w.view(viewID)
	switch {
	case v == nil:
		return nil, fmt.Errorf("there is no view %q", viewID)
	case v.Submit == "":
		return nil, fmt.Errorf("the view has no submit button")
	}
	if shown := v.clientError(); shown != nil {
		return nil, shown
	}
	p := s.payload("view_submission", user)
	p["trigger_id"], p["view"], p["response_urls"] = s.trigger(user, viewID), s.viewJSON(v), []any{}
	return encode(p), nil
}

// SuggestPayload returns the payload of typing into a searchable menu of a view.
// Like Slack's, it has no trigger_id.
func (s *Server) SuggestPayload(user, viewID, blockID, actionID, typed string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.w.view(viewID)
	if v == nil {
		return nil, fmt.Errorf("there is no view %q", viewID)
	}
	p := s.payload("block_suggestion", user)
	p["container"] = object{"type": "view", "view_id": viewID}
	p["view"], p["block_id"], p["action_id"], p["value"] = s.viewJSON(v), blockID, actionID, typed
	return encode(p), nil
}

// ClosePayload returns the payload of a view that its user closed.
func (s *Server) ClosePayload(user, viewID string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.w.view(viewID)
	if v == nil {
		return nil, fmt.Errorf("there is no view %q", viewID)
	}
	p := s.payload("view_closed", user)
	p["view"], p["is_cleared"] = s.viewJSON(v), false
	return encode(p), nil
}

// NewestWithButton finds the newest message that has, or had, a button with this
// label. on is a channel, or @ and a user for that user's direct messages.
// Ephemeral messages are left out.
func (s *Server) NewestWithButton(on, label string, nth int) (found Message, ok bool) {
	user, direct := strings.CutPrefix(on, "@")
	for _, m := range slices.Backward(s.Messages()) {
		if m.To != "" || direct && m.DMWith != user || !direct && m.Channel != on {
			continue
		}
		if _, has := s.Button(m.Channel, m.TS, label, nth); has {
			return m, true
		}
	}
	return Message{}, false
}

// Button finds the button with this label in a message: in its current blocks, or
// else in its earlier blocks, the newest first. nth counts from 1; 0 means 1. The
// result is an action for ActionPayload.
func (s *Server) Button(channel, ts, label string, nth int) (action json.RawMessage, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.w.message(channel, ts)
	if m == nil {
		return nil, false
	}
	for i := len(m.History); i >= 0; i-- {
		blocks := m.Blocks
		if i < len(m.History) {
			blocks = m.History[i]
		}
		if action, found = button(blocks, label, nth); found {
			return action, true
		}
	}
	return nil, false
}

// ViewButton finds the button with this label in a view. nth is as in Button.
func (s *Server) ViewButton(viewID, label string, nth int) (action json.RawMessage, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.w.view(viewID)
	if v == nil {
		return nil, false
	}
	return button(v.Blocks, label, nth)
}

func button(blocks json.RawMessage, name string, nth int) (action json.RawMessage, found bool) {
	nth = max(nth, 1)
	for _, b := range buttons(blocks) {
		if label(b["text"]) != name {
			continue
		}
		if nth--; nth == 0 {
			return encode(b), true
		}
	}
	return nil, false
}

// buttons returns the buttons in blocks, each as the action of a click on it.
func buttons(blocks json.RawMessage) []object {
	v, _ := decode(blocks)
	list, _ := v.([]any)
	var found []object
	for _, b := range list {
		block, _ := b.(object)
		walk(block, func(o object) {
			if o["type"] != "button" {
				return
			}
			action := object{"type": "button", "block_id": block["block_id"]}
			for _, name := range []string{"action_id", "text", "value", "style"} {
				if part, ok := o[name]; ok {
					action[name] = part
				}
			}
			found = append(found, action)
		})
	}
	return found
}
