package awsfake

import "time"

// inlineChange is a change of an inline policy that is stored, and enforced from a time
// on (docs/facts.md#c).
type inlineChange struct {
	name   string
	policy *Document // nil if the policy was deleted
	at     time.Time
}

// inlineTimes are when an inline policy was stored, and from when on it is enforced.
type inlineTimes struct{ written, enforced time.Time }

// changeInline notes a change of an inline policy that was stored just now. Changes are
// enforced in the order in which they were stored. The caller holds the lock.
func (s *Server) changeInline(r *role, name string, policy *Document) {
	now := s.options.Now()
	s.enforce(r)
	at := now.Add(s.late)
	if s.options.Propagation != nil {
		at = at.Add(s.options.Propagation())
	}
	if n := len(r.changes); n > 0 && at.Before(r.changes[n-1].at) {
		at = r.changes[n-1].at
	}
	r.changes = append(r.changes, inlineChange{name: name, policy: policy, at: at})
	if r.stored == nil {
		r.stored = map[string]inlineTimes{}
	}
	r.stored[name] = inlineTimes{written: now.UTC(), enforced: at.UTC()}
	s.enforce(r)
}

// enforce lets the changes of a role's inline policies take effect whose time has come.
// The caller holds the lock.
func (s *Server) enforce(r *role) {
	for len(r.changes) > 0 && !s.options.Now().Before(r.changes[0].at) {
		change := r.changes[0]
		r.changes = r.changes[1:]
		if change.policy == nil {
			delete(r.inline, change.name)
		} else {
			r.inline[change.name] = *change.policy
		}
		s.noteDenials(r, change.at)
	}
}

// noteDenials notes for the sessions of a role whether its inline policies deny them
// everything as they are enforced from a time on. The caller holds the lock.
func (s *Server) noteDenials(r *role, from time.Time) {
	for _, c := range s.sessions {
		if c.role.id != r.id {
			continue
		}
		switch denied := s.deniedBy(r, c); {
		case !denied:
			c.deniedSince = time.Time{}
		case c.deniedSince.IsZero():
			c.deniedSince = from.UTC()
		}
	}
}

// deniedBy reports whether an inline policy of a role denies a session everything. Two
// actions that have nothing in common stand for everything.
func (s *Server) deniedBy(r *role, c *caller) bool {
	for _, action := range []string{"s3:ListAllMyBuckets", "iam:GetRole"} {
		call, denied := Call{Action: action, Resource: "*", Context: s.context(c, nil)}, false
		for _, d := range r.inline {
			denied = denied || d.Evaluate(call) == Denied
		}
		if !denied {
			return false
		}
	}
	return true
}

// optional is a time, or nil for the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
