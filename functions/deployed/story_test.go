package deployed_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake/scenarios"
)

// With the real binaries and DynamoDB Local, each story ends with the same messages as
// in the sandbox with its store in memory (cmd/sandbox records them).
func TestTheStoriesEndAsInTheSandbox(t *testing.T) {
	t.Parallel()
	all, err := scenarios.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			w := newWorld(t)
			ends, err := s.Run(w.told())
			if err != nil {
				t.Fatal(err)
			}
			if d := scenarios.Difference(s.Golden(), ends); d != "" {
				t.Errorf("it does not end as in the sandbox:\n%s", d)
			}
		})
	}
}

// told is this world as one of stories.
func (w *world) told() scenarios.Environment {
	return scenarios.Environment{
		Slack: w.slack, Do: w.do,
		Pass:     func(d time.Duration) error { w.pass(d); return nil },
		Requests: func() ([]access.Request, error) { return w.requests(), nil },
		Events:   func() ([]access.Event, error) { return w.events(), nil },
		Sessions: w.sessions,
	}
}

// sessions are the sessions that people were given, without those of the revoker.
func (w *world) sessions() []awsfake.Session {
	return slices.DeleteFunc(w.aws.Sessions(), func(s awsfake.Session) bool { return s.Role == "aws-access-revoker" })
}
