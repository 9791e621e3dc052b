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

// Builds records in the table which build of the tick runs, as a history for operators.
// Each instance of the function records its build once. Record is not safe for concurrent
// use: Lambda gives an instance one call at a time.
type Builds struct {
	Store buildStore
	Build version.Build // the zero value is not recorded
	Now   func() time.Time
	Log   *slog.Logger

	done bool
}

// Record records the build, unless this instance has done so. After an error of the
// table, the next tick tries again. A record that newer software wrote is not changed,
// and is not an error, which would be reported each minute.
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
		b.Log.WarnContext(ctx, "newer software wrote the record of builds, so it is not changed", "error", err)
	case err != nil:
		return fmt.Errorf("record the build: %w", err)
	}
	b.done = true
	return nil
}
