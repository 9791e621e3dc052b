package slackfake

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// Server is a workspace and its Web API. All of it is safe for concurrent use.
type Server struct{ o Options }

// New plays an empty workspace.
func New(o Options) *Server { return &Server{o: o} }

// Sandbox plays the workspace of the sandbox: its people, groups and channels.
func Sandbox(o Options) *Server { return New(o) }

// Reset brings back the people, groups and channels that the server began
// with; messages, views, triggers and response URLs are gone.
func (s *Server) Reset() {}

// SetBaseURL says where new response URLs point from now on.
func (s *Server) SetBaseURL(base string) {}

// ServeHTTP answers /<method> and /response/<id>.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

// SetUser adds or changes somebody.
func (s *Server) SetUser(change UserChange) error { return nil }

// SetGroup gives a user group these members, and makes it if need be. Members
// who were never seen become full members of the workspace.
func (s *Server) SetGroup(id string, members []string) error { return nil }

// RemoveGroup removes a user group.
func (s *Server) RemoveGroup(id string) {}

// SetChannel adds or replaces a channel.
func (s *Server) SetChannel(c Channel) {}

// Users are all users, in the order in which they came.
func (s *Server) Users() []User { return nil }

// Groups are the user groups, in the order in which they came.
func (s *Server) Groups() []Group { return nil }

// Channels are the channels, in the order in which they came.
func (s *Server) Channels() []Channel { return nil }

// Messages are the messages as they stand now, oldest first.
func (s *Server) Messages() []Message { return nil }

// Views are the open views, oldest first.
func (s *Server) Views() []View { return nil }

// Message returns one message; ok is false if there never was one.
func (s *Server) Message(channel, ts string) (m Message, ok bool) { return Message{}, false }

// View returns one view, open or closed; ok is false if there never was one.
func (s *Server) View(id string) (v View, ok bool) { return View{}, false }

// Say lets somebody write a message, and returns its ts.
func (s *Server) Say(user, channel, text string) (ts string) { return "" }

// Trigger is a new trigger id: good for three seconds and one use.
func (s *Server) Trigger(user string) string { return "" }

// ResponseURL is a new response URL: good for 30 minutes and five uses. ts is
// the message that was clicked, "" for a command.
func (s *Server) ResponseURL(user, channel, ts string) string { return "" }

// Button finds the button with this label in a message: in its blocks as they
// stand now, then in the ones it had before, the newest first. nth counts from
// 1; 0 is 1. The action is what ActionPayload takes.
func (s *Server) Button(channel, ts, label string, nth int) (action json.RawMessage, found bool) {
	return nil, false
}

// ViewButton finds the button with this label in a view.
func (s *Server) ViewButton(viewID, label string, nth int) (action json.RawMessage, found bool) {
	return nil, false
}

// Field finds an input of a view by its label.
func (s *Server) Field(viewID, label string) (Field, bool) { return Field{}, false }

// Fields are the inputs of a view in the order in which they stand.
func (s *Server) Fields(viewID string) []Field { return nil }

// Pick puts a value into a view's input. The value is a JSON string (what is
// typed, or the label of an option that the view itself holds), an option
// object (of a searchable menu), a list of labels (checkboxes), or null.
func (s *Server) Pick(viewID, label string, value json.RawMessage) error { return nil }

// CommandAnswer draws the 200 body that answered a command, and returns the
// text that the person sees of it.
func (s *Server) CommandAnswer(user, channel string, body []byte) (shown string) { return "" }

// SubmitAnswer does what the 200 body that answered a submission asks for, and
// returns the errors that the person sees.
func (s *Server) SubmitAnswer(viewID string, body []byte) (shown string, err error) { return "", nil }

// CloseView closes a view by its person's hand; notify says whether the app
// wants to hear of it (ClosePayload).
func (s *Server) CloseView(viewID string) (notify bool) { return false }

// Home is the channel in which commands are typed.
const Home = "C0PAYMENTS"

// CommandPayload is the form that a command sends.
func (s *Server) CommandPayload(user, command, text string) url.Values { return nil }

// ActionPayload is the payload of a click in a message; action is what Button
// returned, or made up.
func (s *Server) ActionPayload(user, channel, ts string, action json.RawMessage) ([]byte, error) {
	return nil, nil
}

// ViewActionPayload is the payload of a click or choice in a view: value is
// what Pick took, nil for the value that the view holds.
func (s *Server) ViewActionPayload(user, viewID, blockID, actionID string, value json.RawMessage) ([]byte, error) {
	return nil, nil
}

// SubmitPayload is the payload of a view's submit button. A *Shown error is
// what Slack's client itself refuses: a missing required input, a text that is
// too long.
func (s *Server) SubmitPayload(user, viewID string) ([]byte, error) { return nil, nil }

// SuggestPayload is the payload of typing in a searchable menu of a view.
func (s *Server) SuggestPayload(user, viewID, blockID, actionID, typed string) ([]byte, error) {
	return nil, nil
}

// ClosePayload is the payload of a view that its person closed.
func (s *Server) ClosePayload(user, viewID string) ([]byte, error) { return nil, nil }
