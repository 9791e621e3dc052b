package lifecycle

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// BenchmarkSweep looks at 5,000 grants of 5,000 people whom the policy does not name, and reports
// how long that takes without the table.
func BenchmarkSweep(b *testing.B) {
	const grants = 5000
	w := newWorld(b)
	w.policy, w.page = compiled(b, forEveryone), 1000
	for i := range grants {
		id := fmt.Sprintf("U0MANY%04d", i)
		w.people[id] = access.Person{ID: id, Email: id + "@example.com", Name: id, Membership: access.Member}
	}
	for range 3 {
		if _, err := w.roster().Refresh(context.Background()); err != nil {
			b.Fatal(err)
		}
		w.advance(time.Minute)
	}
	for i := range grants {
		w.mustSubmit(fmt.Sprintf("U0MANY%04d", i), "Look")
	}
	before := w.listed
	for b.Loop() {
		w.advance(sweepEvery / 1000)
		s := Sweep{Step: w.step(), In: sweepsIn{w.store, w}, Every: 0}
		out, err := s.Do(context.Background())
		if err != nil || out.Record.Looked != grants || len(out.Lost) != 0 {
			b.Fatal(err, out.Record)
		}
	}
	b.ReportMetric(float64(w.listed-before), "listed")
}
