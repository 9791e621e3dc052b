package slackfake

import (
	"errors"
	"fmt"
	"strings"
)

// ShowSubmitResponse does what the body of a 200 response to a submission asks
// for. It returns what the user then reads: the errors beside the inputs, or
// Slack's own message if Slack cannot use the response; err then says what is
// wrong with it.
func (s *Server) ShowSubmitResponse(viewID string, body []byte) (shown string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.w.view(viewID)
	if v == nil {
		return "", fmt.Errorf("there is no view %q", viewID)
	}
	if len(strings.TrimSpace(string(body))) == 0 {
		s.closeWithChildren(v)
		return "", nil
	}
	parsed, _ := decode(body)
	response, _ := parsed.(object)
	switch response["response_action"] {
	case "errors":
		shown, err = s.showErrors(v, response["errors"])
	case "update", "push":
		err = s.updateOrPush(v, response)
	case "clear":
		s.closeWithChildren(s.w.view(v.Root))
	default:
		err = fmt.Errorf("the response to a submission is neither empty nor a response_action: %.80q", body)
	}
	if err != nil {
		return connectionTrouble, err
	}
	return shown, nil
}

// connectionTrouble is what Slack shows when it cannot use a response.
const connectionTrouble = "We had some trouble connecting. Try again?"

// showErrors puts errors beside the inputs that they name. If a key is not the
// block_id of an input, the whole response is invalid.
func (s *Server) showErrors(v *modal, given any) (shown string, err error) {
	named, ok := given.(object)
	if !ok || len(named) == 0 {
		return "", errors.New("response_action errors without errors")
	}
	errs := make(map[string]string, len(named))
	var lines []string
	for _, f := range fields(v.parts) {
		if text, ok := named[f.BlockID].(string); ok && f.input {
			errs[f.BlockID] = text
			lines = append(lines, text)
		}
	}
	if len(errs) != len(named) {
		return "", errors.New("response_action errors names a block that is not an input")
	}
	v.Errors = errs
	return strings.Join(lines, "\n"), nil
}

// updateOrPush does the response_action update or push.
func (s *Server) updateOrPush(v *modal, response object) error {
	parts, wrong := s.checkView(response["view"])
	if wrong != nil {
		return fmt.Errorf("response_action %s: invalid view: %s", response["response_action"], strings.Join(wrong, "; "))
	}
	if v.Closed { // the user closed it meanwhile: there is nothing to update
		return nil
	}
	if response["response_action"] == "update" {
		s.setContents(v, parts)
		return nil
	}
	stack := s.w.stack(v.User)
	if len(stack) >= maxStackedViews {
		return errors.New("response_action push: push_limit_reached")
	}
	s.addView(v.User, parts, stack)
	return nil
}
