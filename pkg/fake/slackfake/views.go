package slackfake

import (
	"fmt"
	"slices"
	"time"
)

// triggerLife is how long a trigger id is good (docs/facts.md#e1).
const triggerLife = 3 * time.Second

// trigger is what lets the app open a view.
type trigger struct {
	user string
	view string // the view that was clicked in, "" for elsewhere
	at   time.Time
	used bool
}

// NewTrigger is a new trigger id: good for three seconds and one use.
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

// pull looks a trigger up, and says why it is no good.
func (s *Server) pull(id string) (*trigger, *refusal) {
	t := s.w.triggers[id]
	switch {
	case t == nil:
		return nil, no("invalid_trigger_id")
	case s.o.Now().Sub(t.at) >= triggerLife:
		return nil, no("expired_trigger_id")
	case t.used:
		return nil, no("exchanged_trigger_id")
	}
	return t, nil
}

// modal is a view with the parts that only Slack sees.
type modal struct {
	View
	parts object // the view as the app gave it, filled in
}

func (w *world) view(id string) *modal {
	for _, v := range w.views {
		if v.ID == id {
			return v
		}
	}
	return nil
}

// stack is the open views of somebody, the root first.
func (w *world) stack(user string) []*modal {
	return slices.DeleteFunc(slices.Clone(w.views), func(v *modal) bool { return v.Closed || v.User != user })
}

// The limits of views: the stack, and the bytes of one (docs/facts.md#e4).
const (
	mostStacked = 3
	mostBytes   = 250 * 1024
)

// openView opens a root view. What the person had open is gone.
func (s *Server) openView(a args) (object, *refusal) {
	t, refused := s.pull(a.get("trigger_id"))
	if refused != nil {
		return nil, refused
	}
	parts, refused := s.parts(a, "")
	if refused != nil {
		return nil, refused
	}
	t.used = true
	for _, open := range s.w.stack(t.user) {
		open.Closed = true
	}
	return object{"view": s.wireView(s.place(t.user, parts, nil))}, nil
}

// pushView opens a view above the one that was clicked in.
func (s *Server) pushView(a args) (object, *refusal) {
	t, refused := s.pull(a.get("trigger_id"))
	if refused != nil {
		return nil, refused
	}
	stack := s.w.stack(t.user)
	switch {
	case t.view == "" || len(stack) == 0:
		return nil, no("invalid_trigger_id") // a trigger from a message opens, it does not push
	case len(stack) >= mostStacked:
		return nil, no("push_limit_reached")
	}
	parts, refused := s.parts(a, "")
	if refused != nil {
		return nil, refused
	}
	t.used = true
	return object{"view": s.wireView(s.place(t.user, parts, stack))}, nil
}

// updateView replaces a view in its place.
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
		return nil, no("not_found")
	case a.get("hash") != "" && a.get("hash") != v.Hash:
		return nil, no("hash_conflict")
	}
	parts, refused := s.parts(a, v.ID)
	if refused != nil {
		return nil, refused
	}
	s.become(v, parts)
	return object{"view": s.wireView(v)}, nil
}

// parts reads the argument view; of is the view that it replaces.
func (s *Server) parts(a args, of string) (object, *refusal) {
	text := a.get("view")
	if text == "" {
		return nil, no("invalid_arguments", "missing required field: view [json-pointer:]")
	}
	if len(text) > mostBytes {
		return nil, no("view_too_large")
	}
	v, ok := a.json("view")
	if !ok {
		return nil, no("invalid_arguments", "must provide an object [json-pointer:/view]")
	}
	parts, wrong := s.checkView(v)
	if wrong != nil {
		return nil, no("invalid_arguments", wrong...)
	}
	if id := parts["external_id"]; id != nil && id != "" {
		for _, other := range s.w.views {
			if other.ExternalID == id && other.ID != of && !other.Closed {
				return nil, no("duplicate_external_id")
			}
		}
	}
	return parts, nil
}

// checkView judges a modal; wrong says what Slack refuses.
func (s *Server) checkView(v any) (parts object, wrong []string) {
	c := &checker{id: s.id}
	structure(shape{[]string{"type", "title", "blocks"}, map[string]check{
		"type": word("modal"), "title": plain(24), "submit": plain(24), "close": plain(24),
		"blocks": list(0, mostInModal, block), "private_metadata": str(0, 3000), "callback_id": str(0, 255), "external_id": str(0, 255),
		"clear_on_close": flag, "notify_on_close": flag, "submit_disabled": flag,
	}})(c, "/view", v)
	parts, _ = v.(object)
	blocks, _ := parts["blocks"].([]any)
	c.unique("/view/blocks", blocks)
	for i, b := range blocks {
		if o, _ := b.(object); o["type"] == "input" && parts["submit"] == nil {
			c.no(fmt.Sprintf("/view/blocks/%d/input", i), "must define `submit` to use an `input` block in modals")
		}
	}
	return parts, c.wrong
}

// place puts a new view on top of a stack.
func (s *Server) place(user string, parts object, stack []*modal) *modal {
	v := &modal{View: View{ID: fmt.Sprintf("V%09d", s.number()), User: user}}
	v.Root = v.ID
	if len(stack) > 0 {
		v.Root, v.Previous = stack[0].ID, stack[len(stack)-1].ID
	}
	s.w.views = append(s.w.views, v)
	s.become(v, parts)
	return v
}

// become gives a view its contents. What was put into an input stays when
// block_id and action_id do, and is lost otherwise (docs/facts.md#e4).
func (s *Server) become(v *modal, parts object) {
	blocks, _ := parts["blocks"].([]any)
	v.parts = parts
	v.Title, v.Submit, v.Close = label(parts["title"]), label(parts["submit"]), label(parts["close"])
	v.CallbackID, v.PrivateMetadata, v.ExternalID = textOf(parts, "callback_id"), textOf(parts, "private_metadata"), textOf(parts, "external_id")
	v.NotifyOnClose = parts["notify_on_close"] == true
	v.Blocks = encode(blocks)
	v.Hash = fmt.Sprintf("%d.%08x", s.o.Now().Unix(), s.number())
	v.State = inputs(blocks, v.State)
	v.Errors = nil
}

// label is the text of a text object.
func label(v any) string {
	o, _ := v.(object)
	return textOf(o, "text")
}

func textOf(o object, name string) string {
	text, _ := o[name].(string)
	return text
}

// wireView is a view as Slack writes one.
func (s *Server) wireView(v *modal) object {
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

// CloseView closes a view by its person's hand; notify says whether the app
// wants to hear of it (ClosePayload).
func (s *Server) CloseView(viewID string) (notify bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.w.view(viewID)
	if v == nil || v.Closed {
		return false
	}
	s.drop(v)
	return v.NotifyOnClose
}

// drop closes a view and those above it.
func (s *Server) drop(v *modal) {
	v.Closed = true
	for _, above := range s.w.views {
		if above.Previous == v.ID && !above.Closed {
			s.drop(above)
		}
	}
}
