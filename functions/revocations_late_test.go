package functions

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// An order that comes late, or of a responder who has just left, removes no computers either.
func TestARevocationThatIsRefusedRemovesNoComputer(t *testing.T) {
	left := true
	for code, o := range map[string]access.Revocation{
		"order_late":  {ID: "V1", By: "U0SEC1", At: noon.Add(-2 * time.Minute)},
		"deactivated": {ID: "V2", By: "U0LEAD2", At: noon},
	} {
		w := newRespondingWorld(t)
		if _, err := w.pairsBy(w.login("U0DEV1"), 1); err != nil {
			t.Fatal(err)
		}
		o.At = w.clock().Add(o.At.Sub(noon))
		o.Of, o.Why = access.Scope{Kind: access.OfPerson, ID: "U0DEV1"}, "an old order"
		if code == "deactivated" {
			if err := w.slack.SetUser(slackfake.UserChange{ID: o.By, Deleted: &left}); err != nil {
				t.Fatal(err)
			}
		}
		text, err := json.Marshal(map[string]access.Revocation{"revoke": o})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Vend.Handle(t.Context(), text) // nobody may be left to answer
		if got := w.lastCode(); got != code {
			t.Errorf("%s: %q", code, got)
		}
		l, err := w.store.DeviceList(context.Background(), "U0DEV1")
		if err != nil || len(l.Devices) != 1 {
			t.Errorf("%s: %d computers are left, %v", code, len(l.Devices), err)
		}
	}
}
