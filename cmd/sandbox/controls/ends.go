package controls

import (
	"context"
	"strings"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

// Session is what the fake AWS knows of the credentials of a session, and what became
// of them.
type Session struct {
	awsfake.Session
	Request string `json:"request"` // "" if no grant is behind it
	State   string `json:"state"`   // one of the states below
}

// The states of a session: what AWS would answer to a call of it, except for Ending,
// which also says what was ordered.
const (
	SessionAlive   = "alive"
	SessionEnding  = "ending"  // works still: its grant was revoked or given back, and no deny is enforced
	SessionDenied  = "denied"  // a policy of the role denies everything
	SessionEnded   = "ended"   // its session policy denies everything
	SessionExpired = "expired" // STS knows it no longer
)

// Cut is a cut list, as it is stored.
type Cut struct {
	Account    string     `json:"account"`
	Role       string     `json:"role"`
	Names      []CutName  `json:"names"`
	Whole      *time.Time `json:"whole"` // sessions that were issued before are denied; null for names alone
	WholeUntil *time.Time `json:"whole_until"`
	Tries      int        `json:"tries"` // that failed since the last one that worked
	Failed     string     `json:"failed"`
	Checked    *time.Time `json:"checked"`
	NextTry    *time.Time `json:"next_try"`
}

// CutName is one grant on a cut list.
type CutName struct {
	Request string     `json:"request"`
	Until   time.Time  `json:"until"`
	Done    *time.Time `json:"done"` // null until the deny was read back
}

// Freeze is a freeze that is on.
type Freeze struct {
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Why  string    `json:"why"`
	Thaw []string  `json:"thaw"` // who wants to end it
}

// sessions says of each session what became of it. Those of the revoker are left out,
// because no person gets them.
func sessions(all []awsfake.Session, requests []Request, now time.Time) []Session {
	byName := map[string]Request{}
	for _, r := range requests {
		byName[r.ID] = r
	}
	out := []Session{}
	for _, s := range all {
		if s.Role == world.RevokerName {
			continue
		}
		r := byName[s.SessionName[strings.LastIndexByte(s.SessionName, '-')+1:]]
		one := Session{Session: s, Request: r.ID, State: SessionAlive}
		switch {
		case !now.Before(s.Expires):
			one.State = SessionExpired
		case s.DeniedSince != nil:
			one.State = SessionDenied
		case s.Ends != nil && !now.Before(*s.Ends):
			one.State = SessionEnded
		case r.CutSince != nil:
			one.State = SessionEnding
		}
		out = append(out, one)
	}
	return out
}

// everyCut is more cut lists than a sandbox has.
const everyCut = 1 << 20

// cuts are the cut lists with a name that is not over.
func cuts(ctx context.Context, w *world.World) []Cut {
	out := []Cut{}
	keys, err := w.Store.DueCuts(ctx, w.Clock.Now().Add(maxLength), everyCut)
	if err != nil {
		return out // the memory store does not fail
	}
	for _, key := range keys {
		l, err := w.Store.CutList(ctx, key)
		if err != nil {
			continue
		}
		c := Cut{
			Account: l.Account, Role: l.Role, Names: []CutName{}, Whole: optional(l.Whole),
			WholeUntil: optional(l.WholeUntil), Tries: l.Tries, Failed: l.Failed,
			Checked: optional(l.Checked), NextTry: optional(l.NextTry),
		}
		for _, n := range l.Names {
			c.Names = append(c.Names, CutName{Request: n.Grant, Until: n.Until.UTC(), Done: optional(n.Done)})
		}
		out = append(out, c)
	}
	return out
}

// freeze is the freeze, nil unless it is on.
func freeze(ctx context.Context, w *world.World) *Freeze {
	f, err := w.Store.Freeze(ctx)
	if err != nil || !f.On {
		return nil
	}
	out := Freeze{By: f.By.ID, At: f.At.UTC(), Why: f.Why, Thaw: []string{}}
	for _, p := range f.Thaw {
		out.Thaw = append(out.Thaw, p.ID)
	}
	return &out
}
