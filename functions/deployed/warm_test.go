package deployed_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// warmCommands is how many commands a percentile is computed from.
const warmCommands = 2000

// BenchmarkWarmCommand sends signed commands, one after the other, through the
// HTTP layer and the real binary, and reports percentiles of the time until the
// answer. help reads nothing; list reads DynamoDB Local twice.
func BenchmarkWarmCommand(b *testing.B) {
	for _, line := range []string{"/aws-access help", "/aws-access list"} {
		b.Run(line, func(b *testing.B) {
			w := newWorld(b)
			ui, post := w.ui(), slackfake.PostOverHTTP(http.DefaultClient, w.url)
			var took []time.Duration
			ui.Post = func(ctx context.Context, path string, header http.Header, body []byte) (int, []byte, error) {
				sent := time.Now()
				status, answer, err := post(ctx, path, header, body)
				took = append(took, time.Since(sent))
				return status, answer, err
			}
			for b.Loop() {
				for range warmCommands + 1 {
					if out, err := ui.Do(b.Context(), slackfake.UserAction{As: "U0DEV1", Command: &line}); err != nil ||
						out.Status != http.StatusOK {
						b.Fatal(out, err)
					}
				}
			}
			took = took[1:] // the first one started an instance
			slices.Sort(took)
			for name, at := range map[string]int{
				"p50-ms": len(took) / 2, "p99-ms": len(took) * 99 / 100, "max-ms": len(took) - 1,
			} {
				b.ReportMetric(took[at].Seconds()*1000, name)
			}
		})
	}
}
