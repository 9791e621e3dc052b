package functions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/version"
)

type buildReader interface {
	Builds(ctx context.Context) (access.Builds, error)
}

type buildStore interface {
	buildReader
	SaveBuilds(ctx context.Context, next access.Builds) error
}

// Builds records in the table which build of the tick runs, so that operators see
// which upgrades there were. An instance records it once. Instances run one call at a
// time, and so does this.
type Builds struct {
	Store buildStore
	Build version.Build // the zero value is not recorded
	Now   func() time.Time
	Log   *slog.Logger

	done bool
}

// Record records the build, unless this instance has done so. Errors of the table are
// returned, and the next tick tries again. A record of a newer version of the software
// is left alone: the build that runs now is older, and must not report that each
// minute.
func (b *Builds) Record(ctx context.Context) error {
	if b == nil || b.done || b.Build.Version == "" {
		return nil
	}
	known, err := b.Store.Builds(ctx)
	if err == nil {
		if next, changed := known.Record(b.Build.Version, b.Build.Commit, b.Now()); changed {
			err = b.Store.SaveBuilds(ctx, next)
		}
	}
	switch {
	case errors.Is(err, access.ErrNewer):
		b.Log.WarnContext(ctx, "the record of builds is of a newer version and is left alone", "error", err)
	case err != nil:
		return fmt.Errorf("record the build: %w", err)
	}
	b.done = true
	return nil
}
