package lifecycle

import (
	"context"

	"github.com/aws-access/aws-access/pkg/access"
)

// Cut is the step that records what became of the sessions of closed grants. Only the cut
// function takes it, after it has read a role's policy.
type Cut struct{ Step }

// IsDone records that the sessions of a grant are denied, or have all expired. It changes nothing
// if that is recorded already.
func (s Cut) IsDone(ctx context.Context, id string) error {
	return s.record(ctx, id, func(m snapshot) (access.Request, access.Event, error) {
		if m.request.Cut != access.CutEnding {
			return m.request, access.Event{}, errNoChange
		}
		return m.request.CutIsDone(m.now)
	})
}

// WasMissing records that the deny of a grant's sessions had gone from their role, although it
// had been there. IsDone follows when it is there again.
func (s Cut) WasMissing(ctx context.Context, id string) error {
	return s.record(ctx, id, func(m snapshot) (access.Request, access.Event, error) {
		if m.request.Cut != access.CutDone || m.request.MayActUntil(m.now).IsZero() {
			return m.request, access.Event{}, errNoChange
		}
		return m.request.CutAgain("The deny had gone from the role, and was written again.", m.now)
	})
}

func (s Cut) record(
	ctx context.Context, id string, turn func(snapshot) (access.Request, access.Event, error),
) error {
	s.Roster.Slack = nil // this needs no person
	_, err := s.move(ctx, id, turn)
	return err
}
