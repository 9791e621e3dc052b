package functions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

type directorySaver interface {
	SaveDirectory(ctx context.Context, next access.Directory) error
}

// Tick is what happens every minute: groups and people are read again, then
// everything moves that time moves.
type Tick struct {
	Step      lifecycle.Tick
	Store     directorySaver
	Operators Operators
}

// Handle takes the schedule's event. It may come twice or late.
func (h Tick) Handle(ctx context.Context, _ events.EventBridgeEvent) error {
	directory, unknown, err := h.Step.Roster.Refresh(ctx)
	if err == nil && !slices.Equal(unknown, directory.Told) {
		err = h.tellOperators(ctx, directory, unknown)
	}
	// What Slack cannot say does not keep time from moving requests.
	return errors.Join(err, h.Step.Do(ctx), h.Operators.Deliver(ctx))
}

// tellOperators says once which groups are not known, and once that they are
// known again.
func (h Tick) tellOperators(ctx context.Context, d access.Directory, unknown []string) error {
	text := "All groups of the policy are known again."
	if len(unknown) > 0 {
		text = "These groups of the policy are not known right now: " + strings.Join(unknown, ", ") +
			". They allow nobody and approve nothing until they can be read again."
	}
	m := slackui.Operators(text)
	if _, _, err := h.Operators.Slack.Post(ctx, h.Operators.Channel, slackapi.Message{Text: m.Text, Blocks: m.Blocks}); err != nil {
		return fmt.Errorf("tell the operators about groups: %w", err)
	}
	d.Told, d.Version = unknown, d.Version+1
	if err := h.Store.SaveDirectory(ctx, d); err != nil && !errors.Is(err, access.ErrStale) {
		return fmt.Errorf("remember what the operators were told: %w", err)
	}
	return nil
}
