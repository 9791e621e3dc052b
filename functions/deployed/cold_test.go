package deployed_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/fake/lambdafake"
)

// compared are the functions whose cold starts are measured.
var compared = []string{"bare", "slack", "api"}

// coldStarts is how often each function is started.
const coldStarts = 30

// BenchmarkColdStart starts both public functions and an empty one in turns, on a whole
// processor and on the share that Lambda gives to 256 MB. It reports the median
// milliseconds until each asks for work. The share needs permission to write cgroups.
func BenchmarkColdStart(b *testing.B) {
	dir, err := packages()
	if err != nil {
		b.Fatal(err)
	}
	bare := filepath.Join(b.TempDir(), "bootstrap")
	build := exec.Command("go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", bare,
		"./testdata/bare")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, said)
	}
	env := map[string]string{
		"BASTION_ACCOUNT": bastion, "TABLE": "aws-access", "POLICY": "policy.compiled", "SLACK_TEAM": "T0SANDBOX",
		"VEND_FUNCTION": "vend", "DEVICES_TABLE": "devices",
		"SLACK_BOT_TOKEN_PARAMETER": tokenAt, "SLACK_SIGNING_SECRET_PARAMETER": signingAt,
	}
	for _, cpu := range []float64{0, 0.145} {
		b.Run(fmt.Sprintf("cpu=%v", cpu), func(b *testing.B) {
			s := lambdafake.New(lambdafake.Options{})
			defer s.Close()
			for function, bootstrap := range map[string]string{
				"bare": bare, "slack": filepath.Join(dir, "slack", "bootstrap"), "api": filepath.Join(dir, "api", "bootstrap"),
			} {
				if err := s.Deploy(lambdafake.Function{
					Name: function, Bootstrap: bootstrap, Env: env, CPU: cpu, MemoryMB: 256,
				}); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				for range coldStarts {
					for _, function := range compared {
						if _, err := s.Invoke(b.Context(), function, []byte(`{"rawPath":"/","requestContext":{"http":{"method":"GET"}`+
							`}}`)); err != nil {
							b.Fatal(err)
						}
						s.Kill(function)
					}
				}
			}
			medians := make(map[string]float64)
			for _, function := range compared {
				medians[function] = median(s.Starts(function))
				b.ReportMetric(medians[function], function+"-ms")
			}
			b.ReportMetric(medians["slack"]/medians["bare"], "slack-times-bare")
			b.ReportMetric(medians["api"]/medians["bare"], "api-times-bare")
		})
	}
}

func median(starts []lambdafake.Start) float64 {
	var took []time.Duration
	for _, one := range starts {
		took = append(took, one.Init)
	}
	slices.Sort(took)
	return took[len(took)/2].Seconds() * 1000
}
