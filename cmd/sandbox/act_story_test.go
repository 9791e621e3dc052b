package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake/scenarios"
)

var rewrite = flag.Bool("stories", false, "write down how the stories end; review reads the difference")

// The sandbox ends every story as it is written down; the real binaries, on
// DynamoDB Local, are held to the same words in functions/deployed.
func TestTheStoriesEndAsWrittenDown(t *testing.T) {
	all, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			st := sandboxtest.Start(t, sandboxtest.Policy(t)).World()
			ends, err := s.Run(asStoryWorld(st))
			if err != nil {
				t.Fatal(err)
			}
			if *rewrite {
				if err := os.WriteFile(filepath.Join("../../pkg/fake/slackfake/scenarios", s.File()), []byte(ends), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := scenarios.Difference(s.Golden(), ends); d != "" {
				t.Errorf("it ends otherwise (-stories writes it down anew):\n%s", d)
			}
		})
	}
}

// asStoryWorld is a sandbox as the stories see it.
func asStoryWorld(w *world.World) scenarios.Environment {
	ctx := context.Background()
	return scenarios.Environment{
		Slack:    w.Slack,
		Do:       func(a slackfake.UserAction) (slackfake.Outcome, error) { return w.Act(ctx, a) },
		Pass:     func(d time.Duration) error { return w.Advance(ctx, w.Clock.Now().Add(d)) },
		Requests: func() ([]access.Request, error) { return w.Store.All(ctx), nil },
		Events:   func() ([]access.Event, error) { return w.Store.Events(), nil },
		Sessions: func() []awsfake.Session { return w.AWS.Sessions() },
	}
}
