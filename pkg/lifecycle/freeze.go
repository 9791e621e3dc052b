package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws-access/aws-access/pkg/access"
)

type freezeStore interface {
	freezeReader
	// SaveFreeze writes on condition of the version before.
	SaveFreeze(ctx context.Context, next access.Freeze) error
}

// refuseFrozen is the refusal of what was not saved because everything is frozen. It says since when
// and by whom, if that can be read.
func refuseFrozen(ctx context.Context, s freezeReader) error {
	f, err := s.Freeze(ctx)
	if err != nil {
		f = access.Freeze{}
	}
	return access.RefuseFrozen(f)
}

// changeFreeze changes the freeze. After a lost race, or a write that may have been done, it reads
// the freeze again.
func changeFreeze(
	ctx context.Context, s freezeStore, turn func(access.Freeze) (access.Freeze, bool),
) (f access.Freeze, changed bool, err error) {
	var failed error
	var wrote access.Freeze
	for range tries {
		f, err := s.Freeze(ctx)
		if err != nil {
			return f, false, fmt.Errorf("load the freeze: %w", err)
		}
		next, changed := turn(f)
		if !changed {
			// The write of an earlier try may have been done, and its answer lost.
			return f, failed != nil && sameChange(f, wrote), nil
		}
		wrote = next
		err = s.SaveFreeze(ctx, next)
		switch {
		case err == nil:
			return next, true, nil
		case errors.Is(err, access.ErrStale):
		case failed != nil:
			return f, false, fmt.Errorf("save the freeze: %w", err)
		default:
			failed = err
		}
	}
	return f, false, access.RefuseBusyRequest()
}

// sameChange reports whether two versions of the freeze are by the same people.
func sameChange(a, b access.Freeze) bool {
	return a.Version == b.Version && a.By.ID == b.By.ID && slices.EqualFunc(a.Thaw, b.Thaw, access.Person.Same)
}
