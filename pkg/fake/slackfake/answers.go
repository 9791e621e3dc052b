package slackfake

import (
	"errors"
	"fmt"
	"strings"
)

// ShowSubmitResponse does what the 200 body that answered a submission asks for, and
// returns what the person then reads: the errors by the inputs, or Slack's own
// words when the answer is no answer; err says what is wrong with it.
func (s *Server) ShowSubmitResponse(viewID string, body []byte) (shown string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.w.view(viewID)
	if v == nil {
		return "", fmt.Errorf("there is no view %q", viewID)
	}
	if len(strings.TrimSpace(string(body))) == 0 {
		s.drop(v)
		return "", nil
	}
	said, _ := decode(body)
	answer, _ := said.(object)
	switch answer["response_action"] {
	case "errors":
		shown, err = s.errors(v, answer["errors"])
	case "update", "push":
		err = s.replace(v, answer)
	case "clear":
		s.drop(s.w.view(v.Root))
	default:
		err = fmt.Errorf("the answer to a submission is neither empty nor a response_action: %.80q", body)
	}
	if err != nil {
		return trouble, err
	}
	return shown, nil
}

// trouble is what Slack shows when an answer makes no sense to it.
const trouble = "We had some trouble connecting. Try again?"

// errors shows errors by the inputs that they name. Keys that are no input's
// block_id make the whole answer fail.
func (s *Server) errors(v *modal, given any) (shown string, err error) {
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
		return "", errors.New("response_action errors names a block that is no input")
	}
	v.Errors = errs
	return strings.Join(lines, "\n"), nil
}

// replace does response_action update and push.
func (s *Server) replace(v *modal, answer object) error {
	parts, wrong := s.checkView(answer["view"])
	if wrong != nil {
		return fmt.Errorf("response_action %s: invalid view: %s", answer["response_action"], strings.Join(wrong, "; "))
	}
	if v.Closed { // closed meanwhile: there is nothing left to draw in
		return nil
	}
	if answer["response_action"] == "update" {
		s.become(v, parts)
		return nil
	}
	stack := s.w.stack(v.User)
	if len(stack) >= mostStacked {
		return errors.New("response_action push: push_limit_reached")
	}
	s.place(v.User, parts, stack)
	return nil
}
