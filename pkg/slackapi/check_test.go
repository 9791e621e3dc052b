package slackapi

import (
	"context"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

func TestDoctorSeesTokenScopesAndChannels(t *testing.T) {
	scopes := append(RequiredScopes(), OptionalScopes()...)
	token := access.NewSecret("xoxb-canary")
	fake := slackfake.NewSandbox(slackfake.Options{Now: time.Now, Token: token, Enterprise: "E0CORP"})
	server := httptest.NewServer(slackfake.Scoped(fake, func() []string { return scopes }))
	defer server.Close()
	c := New(Options{
		BaseURL: server.URL, Team: "T0SANDBOX",
		Token: func(context.Context, bool) (access.Secret, error) { return token, nil },
	})

	bot, err := c.Bot(t.Context())
	want := slices.Sorted(slices.Values(scopes))
	if err != nil || bot.Team != "T0SANDBOX" || bot.Enterprise != "E0CORP" || !bot.IsBot ||
		!slices.Equal(bot.Scopes, want) {
		t.Errorf("got %+v, %v", bot, err)
	}
	for id, want := range map[string]Channel{"C0APPROVALS": {Member: true}, "C0PAYMENTS": {Member: true, Shared: true}} {
		if got, err := c.Channel(t.Context(), id); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", id, got, err, want)
		}
	}
	fake.SetChannel(slackfake.Channel{ID: "C0SECRET", Private: true, BotOut: true})
	for _, id := range []string{"C0NONE", "C0SECRET"} {
		if _, err := c.Channel(t.Context(), id); Code(err) != "channel_not_found" {
			t.Errorf("%s: %v, want channel_not_found", id, err)
		}
	}
	scopes = RequiredScopes()
	if _, err := c.Channel(t.Context(), "C0APPROVALS"); Code(err) != "missing_scope" {
		t.Errorf("without the scope: %v, want missing_scope", err)
	}
	scopes = nil
	if bot, err := c.Bot(t.Context()); err != nil || bot.Scopes != nil {
		t.Errorf("without any scope: %+v, %v", bot, err)
	}
	fake.SetToken(access.NewSecret("xoxb-another"))
	if _, err := c.Bot(t.Context()); Code(err) != "invalid_auth" {
		t.Errorf("revoked: %v, want invalid_auth", err)
	}
}
