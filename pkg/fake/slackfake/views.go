package slackfake

import (
	"fmt"
	"slices"
	"time"
)

// triggerLife is how long a trigger id is valid (docs/facts.md#e1).
const triggerLife = 3 * time.Second

// trigger allows the app to open a view.
type trigger struct {
	user string
	view string // the view in which the user clicked, or ""
	at   time.Time
	used bool
}

// NewTrigger returns a new trigger id, valid for three seconds and one use.
func (s *Server) NewTrigger(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trigger(user, "")
}

func (s *Server) trigger(user, view string) string {
	id := fmt.Sprintf("%d.%d.%016x", 1000000000+s.number(), 738474920, s.number())
	s.w.triggers[id] = &trigger{user: user, view: view, at: s.o.Now()}
	return id
}

// checkTrigger returns a trigger, or why it cannot be used.
func (s *Server) checkTrigger(id string) (*trigger, *refusal) {
	t := s.w.triggers[id]
	switch {
	case t == nil:
		return nil, refuse("invalid_trigger_id")
	case s.o.Now().Sub(t.at) >= triggerLife:
		return nil, refuse("expired_trigger_id")
	case t.used:
		return nil, refuse("exchanged_trigger_id")
	}
	return t, nil
}

// modal is a view together with what the app gave for it.
type modal struct {
	View
	parts object // the view as the app gave it, with Slack's defaults filled in
}

func (w *workspace) view(id string) *modal {
	for _, v := range w.views {
		if v.ID == id {
			return v
		}
	}
	return nil
}

// stack returns the open views of a user, the root first.
func (w *workspace) stack(user string) []*modal {
	return slices.DeleteFunc(slices.Clone(w.views), func(v *modal) bool { return v.Closed || v.User != user })
}

// Limits of views: views in a stack, and bytes of one view (docs/facts.md#e4).
const (
	maxStackedViews = 3
	maxViewBytes    = 250 * 1024
)

// openView opens a root view. It closes all other views of the user.
func (s *Server) openView(a args) (object, *refusal) {
	t, refused := s.checkTrigger(a.get("trigger_id"))
	if refused != nil {
		return nil, refused
	}
	parts, refused := s.parseView(a, "")
	if refused != nil {
		return nil, refused
	}
	t.used = true
	for _, open := range s.w.stack(t.user) {
		open.Closed = true
	}
	return object{"view": s.viewJSON(s.addView(t.user, parts, nil))}, nil
}

// pushView opens a view on top of the one in which the user clicked.
func (s *Server) pushView(a args) (object, *refusal) {
	t, refused := s.checkTrigger(a.get("trigger_id"))
	if refused != nil {
		return nil, refused
	}
	stack := s.w.stack(t.user)
	switch {
	case t.view == "" || len(stack) == 0:
		return nil, refuse("invalid_trigger_id") // a trigger of a message can open a view, not push one
	case len(stack) >= maxStackedViews:
		return nil, refuse("push_limit_reached")
	}
	parts, refused := s.parseView(a, "")
	if refused != nil {
		return nil, refused
	}
	t.used = true
	return object{"view": s.viewJSON(s.addView(t.user, parts, stack))}, nil
}

// updateView replaces the contents of a view.
func (s *Server) updateView(a args) (object, *refusal) {
	v := s.w.view(a.get("view_id"))
	if id := a.get("external_id"); a.get("view_id") == "" && id != "" {
		for _, other := range s.w.views {
			if other.ExternalID == id && !other.Closed {
				v = other
			}
		}
	}
	switch {
	case v == nil || v.Closed:
		return nil, refuse("not_found")
	case a.get("hash") != "" && a.get("hash") != v.Hash:
		return nil, refuse("hash_conflict")
	}
	parts, refused := s.parseView(a, v.ID)
	if refused != nil {
		return nil, refused
	}
	s.setContents(v, parts)
	return object{"view": s.viewJSON(v)}, nil
}

// parseView parses the argument view; of is the id of the view that it replaces.
func (s *Server) parseView(a args, of string) (object, *refusal) {
	text := a.get("view")
	if text == "" {
		return nil, refuse("invalid_arguments", "missing required field: view [json-pointer:]")
	}
	if len(text) > maxViewBytes {
		return nil, refuse("view_too_large")
	}
	v, ok := a.json("view")
	if !ok {
		return nil, refuse("invalid_arguments", "must provide an object [json-pointer:/view]")
	}
	parts, wrong := s.checkView(v)
	if wrong != nil {
		return nil, refuse("invalid_arguments", wrong...)
	}
	if id := parts["external_id"]; id != nil && id != "" {
		for _, other := range s.w.views {
			if other.ExternalID == id && other.ID != of && !other.Closed {
				return nil, refuse("duplicate_external_id")
			}
		}
	}
	return parts, nil
}

// checkView checks a modal; wrong lists Slack's complaints.
func (s *Server) checkView(v any) (parts object, wrong []string) {
	c := &checker{id: s.id}
	structure(shape{[]string{"type", "title", "blocks"}, map[string]check{
		"type": enum("modal"), "title": plainText(24), "submit": plainText(24), "close": plainText(24),
		"blocks":           list(0, maxModalBlocks, block),
		"private_metadata": str(0, 3000), "callback_id": str(0, 255), "external_id": str(0, 255),
		"clear_on_close": boolean, "notify_on_close": boolean, "submit_disabled": boolean,
	}})(c, "/view", v)
	parts, _ = v.(object)
	blocks, _ := parts["blocks"].([]any)
	c.unique("/view/blocks", blocks)
	for i, b := range blocks {
		if o, _ := b.(object); o["type"] == "input" && parts["submit"] == nil {
			c.fail(fmt.Sprintf("/view/blocks/%d/input", i), "must define `submit` to use an `input` block in modals")
		}
	}
	return parts, c.wrong
}

// addView puts a new view on top of a stack.
func (s *Server) addView(user string, parts object, stack []*modal) *modal {
	v := &modal{View: View{ID: fmt.Sprintf("V%09d", s.number()), User: user}}
	v.Root = v.ID
	if len(stack) > 0 {
		v.Root, v.Previous = stack[0].ID, stack[len(stack)-1].ID
	}
	s.w.views = append(s.w.views, v)
	s.setContents(v, parts)
	return v
}

// setContents sets the contents of a view. The value of an input is kept if its
// block_id and action_id are unchanged, and lost otherwise (docs/facts.md#e4).
func (s *Server) setContents(v *modal, parts object) {
	blocks, _ := parts["blocks"].([]any)
	v.parts = parts
	v.Title, v.Submit, v.Close = label(parts["title"]), label(parts["submit"]), label(parts["close"])
	v.CallbackID, v.PrivateMetadata = textOf(parts, "callback_id"), textOf(parts, "private_metadata")
	v.ExternalID = textOf(parts, "external_id")
	v.NotifyOnClose = parts["notify_on_close"] == true
	v.Blocks = encode(blocks)
	v.Hash = fmt.Sprintf("%d.%08x", s.o.Now().Unix(), s.number())
	v.State = viewState(blocks, v.State)
	v.Errors = nil
}

// label returns the text of a text object.
func label(v any) string {
	o, _ := v.(object)
	return textOf(o, "text")
}

func textOf(o object, name string) string {
	text, _ := o[name].(string)
	return text
}

// viewJSON is the JSON form of a view.
func (s *Server) viewJSON(v *modal) object {
	o := object{
		"id": v.ID, "team_id": s.actsFrom(v.User), "type": "modal", "blocks": v.Blocks, "private_metadata": v.PrivateMetadata,
		"callback_id": v.CallbackID, "state": object{"values": v.State}, "hash": v.Hash, "title": v.parts["title"],
		"clear_on_close": v.parts["clear_on_close"] == true, "notify_on_close": v.NotifyOnClose, "close": v.parts["close"],
		"submit": v.parts["submit"], "previous_view_id": nil, "root_view_id": v.Root, "app_id": s.o.AppID,
		"external_id": v.ExternalID, "app_installed_team_id": s.o.Team, "bot_id": botID,
	}
	if v.Previous != "" {
		o["previous_view_id"] = v.Previous
	}
	return o
}

// CloseView closes a view as its user does; notify reports whether the app asked
// to be told (ClosePayload).
func (s *Server) CloseView(viewID string) (notify bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.w.view(viewID)
	if v == nil || v.Closed {
		return false
	}
	s.closeWithChildren(v)
	return v.NotifyOnClose
}

// closeWithChildren closes a view and all views above it.
func (s *Server) closeWithChildren(v *modal) {
	v.Closed = true
	for _, above := range s.w.views {
		if above.Previous == v.ID && !above.Closed {
			s.closeWithChildren(above)
		}
	}
}
