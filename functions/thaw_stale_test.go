package functions

import (
	"context"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
)

// A form that shows one freeze does not thaw another one: it was left open or is sent again, and the
// person has never agreed to end what is frozen now.
func TestAFormOfAnEarlierFreezeThawsNothing(t *testing.T) {
	w := newRespondingWorld(t)
	freeze := func(f access.Freeze, change func(access.Freeze) (access.Freeze, bool)) access.Freeze {
		next, _ := change(f)
		if err := w.store.SaveFreeze(context.Background(), next); err != nil {
			t.Fatal(err)
		}
		return next
	}
	operator := access.Person{ID: "arn:aws:iam::999999999999:user/op", Name: "op"}
	on := func(f access.Freeze) (access.Freeze, bool) { return f.Start(operator, "an incident", w.clock()) }
	f := freeze(access.Freeze{}, on)
	var sent [][]byte
	for _, user := range []string{"U0SEC1", "U0LEAD2"} {
		channel, ts, _ := w.revokeList(user)
		w.press(user, channel, ts, "Thaw…")
		v, _ := w.open(user)
		p, err := w.slack.SubmitPayload(user, v.ID)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, p)
	}
	f = freeze(f, func(f access.Freeze) (access.Freeze, bool) { return f.End(w.clock()) })
	w.pass(1)
	freeze(f, on)
	for _, p := range sent {
		w.interact(p)
		if got := w.lastCode(); got != "unknown_form" {
			t.Errorf("an old form: %q", got)
		}
	}
	if f, err := w.store.Freeze(context.Background()); err != nil || !f.On || len(f.Thaw) != 0 {
		t.Errorf("after two forms of the freeze before: on %v, %d have agreed, %v", f.On, len(f.Thaw), err)
	}
}
