package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake/scenarios"
)

var rewriteTranscripts = flag.Bool("scenarios", false, "write the transcripts anew; review reads the diff")

// The sandbox gives the expected transcript of every scenario. functions/deployed
// holds the real binaries, on DynamoDB Local, to the same files.
func TestScenariosGiveTheirTranscripts(t *testing.T) {
	all, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			got, err := s.Run(scenarioEnvironment(sandboxtest.Start(t, sandboxtest.Policy(t)).World()))
			if err != nil {
				t.Fatal(err)
			}
			if *rewriteTranscripts {
				file := filepath.Join("../../pkg/fake/slackfake/scenarios", s.File())
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := scenarios.Difference(s.Golden(), got); diff != "" {
				t.Errorf("another transcript than expected (-scenarios rewrites the file):\n%s", diff)
			}
		})
	}
}

// sessionsOfGrants are the sessions that people were given, without those of the revoker.
func sessionsOfGrants(w *world.World) []awsfake.Session {
	return slices.DeleteFunc(w.AWS.Sessions(), func(s awsfake.Session) bool { return s.Role == world.RevokerName })
}

// scenarioEnvironment is what scenarios need of a World.
func scenarioEnvironment(w *world.World) scenarios.Environment {
	ctx := context.Background()
	return scenarios.Environment{
		Slack:    w.Slack,
		Do:       func(a slackfake.UserAction) (slackfake.Outcome, error) { return w.Act(ctx, a) },
		Pass:     func(d time.Duration) error { return w.Advance(ctx, w.Clock.Now().Add(d)) },
		Requests: func() ([]access.Request, error) { return w.Store.All(ctx), nil },
		Events:   func() ([]access.Event, error) { return w.Store.Events(), nil },
		Sessions: func() []awsfake.Session { return sessionsOfGrants(w) },
	}
}
