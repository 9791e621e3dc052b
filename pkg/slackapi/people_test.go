package slackapi

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

func TestAProfileGivesMembershipAndVerifiedAddress(t *testing.T) {
	yes, no := true, false
	other, unconfirmed, notASCII := "T0OTHER", "new@example.com", "\u212aate@example.com"
	f := newFixture(t)
	for _, change := range []slackfake.UserChange{
		{ID: "U0SINGLE", UltraRestricted: &yes},
		{ID: "U0OTHERGUEST", Team: &other, Restricted: &yes, Email: &unconfirmed},
		{ID: "U0OTHERBOT", Team: &other, Bot: &yes},
		{ID: "U0GONEBOT", Bot: &yes, Deleted: &yes},
		{ID: "USLACKBOT"},
		{ID: "U0UNPROVEN", Email: &unconfirmed, EmailConfirmed: &no},
		{ID: "U0KELVIN", Email: &notASCII},
	} {
		if err := f.SetUser(change); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []access.Person{
		{ID: "U0DEV1", Name: "dev1", Email: "dev1@example.com", Membership: access.Member},
		{ID: "U0UNPROVEN", Name: "u0unproven", UnverifiedEmail: unconfirmed, Membership: access.Member},
		{ID: "U0KELVIN", Name: "u0kelvin", UnverifiedEmail: notASCII, Membership: access.Member},
		{ID: "U0GUEST", Name: "guest", UnverifiedEmail: "guest@example.com", Membership: access.Guest},
		{ID: "U0SINGLE", Name: "u0single", Membership: access.Guest},
		{ID: "U0BOT", Name: "bot", Membership: access.Bot},
		{ID: "USLACKBOT", Name: "uslackbot", Membership: access.Bot},
		{ID: "U0GONE", Name: "gone", UnverifiedEmail: "gone@example.com", Membership: access.Deactivated},
		{ID: "U0GONEBOT", Name: "u0gonebot", Membership: access.Deactivated},
		{ID: "U0OUTSIDE", Name: "outside", Membership: access.Outsider},
		{ID: "U0OTHERGUEST", Name: "u0otherguest", UnverifiedEmail: unconfirmed, Membership: access.Outsider},
		{ID: "U0OTHERBOT", Name: "u0otherbot", Membership: access.Outsider},
	} {
		got, err := f.client.Person(ctx, want.ID)
		if err != nil || got != want {
			t.Errorf("got %+v (%v), want %+v", got, err, want)
		}
	}
}

func TestOnlyUsersOfTheWorkspaceAreMembers(t *testing.T) {
	user := func(team, enterprise string, teams ...string) slack.User {
		return slack.User{
			ID: "U0X", TeamID: team, Enterprise: slack.EnterpriseUser{EnterpriseID: enterprise, Teams: teams},
		}
	}
	stranger := user("T1", "")
	stranger.IsStranger = true
	appUser := user("T1", "")
	appUser.IsAppUser, appUser.IsInvitedUser = true, true
	workflow := user("T1", "")
	workflow.IsWorkflowBot = true
	guest, singleChannel, gone := user("T1", ""), user("T1", ""), user("T1", "")
	guest.IsRestricted, singleChannel.IsUltraRestricted, gone.Deleted = true, true, true
	for _, c := range []struct {
		team, enterprise string
		user             slack.User
		want             access.Membership
	}{
		{"T1", "", user("T1", ""), access.Member},
		{"T1", "", user("T2", ""), access.Outsider},
		{"T1", "", user("", ""), access.Outsider},
		{"", "", user("", ""), access.Outsider},
		{"T1", "", user("T2", "E1", "T1"), access.Outsider},
		{"T1", "E1", user("T1", "E1", "T1"), access.Member},
		{"T1", "E1", user("T2", "E1", "T2", "T1"), access.Member},
		{"T1", "E1", user("T2", "E1", "T2"), access.Outsider},
		{"T1", "E1", user("T1", "E2", "T1"), access.Outsider},
		{"T1", "E1", user("T1", ""), access.Outsider},
		{"", "E1", user("T2", "E1", "T2"), access.Member},
		{"", "E1", user("T2", "E2", "T2"), access.Outsider},
		{"T1", "", stranger, access.Outsider},
		{"T1", "", workflow, access.Bot},
		{"T1", "", guest, access.Guest},
		{"T1", "", singleChannel, access.Guest},
		{"T1", "", gone, access.Deactivated},
		{"T1", "", appUser, access.Member},
		{"T1", "", slack.User{TeamID: "T1"}, ""},
	} {
		if got := New(Options{Team: c.team, Enterprise: c.enterprise}).membership(c.user); got != c.want {
			t.Errorf("team %q, enterprise %q, user %+v: got %q, want %q",
				c.team, c.enterprise, c.user.Enterprise, got, c.want)
		}
	}
}

func TestAllUsersAreReadInPages(t *testing.T) {
	f := newFixture(t)
	for i := range 2500 {
		address := fmt.Sprintf("p%d@example.com", i)
		if err := f.SetUser(slackfake.UserChange{ID: fmt.Sprintf("U1%04d", i), Email: &address}); err != nil {
			t.Fatal(err)
		}
	}
	var people []access.Person
	var cursors []string
	for cursor := ""; ; {
		page, next, err := f.client.People(ctx, cursor)
		if err != nil {
			t.Fatal(err)
		}
		people = append(people, page...)
		if cursor = next; cursor == "" {
			break
		}
		cursors = append(cursors, cursor)
	}
	if len(people) != 2508 || f.calls["slack:users.list"] != 3 || len(cursors) != 2 {
		t.Fatalf("%d people in %d calls, want 2508 in 3", len(people), f.calls["slack:users.list"])
	}
	want := access.Person{ID: "U0LEAD1", Name: "lead1", Email: "lead1@example.com", Membership: access.Member}
	i := slices.IndexFunc(people, func(p access.Person) bool { return p.ID == want.ID })
	if i < 0 || people[i] != want {
		t.Errorf("got %+v, want %+v", people[max(i, 0)], want)
	}
	if _, _, err := f.client.People(ctx, "made-up"); !errors.Is(err, access.ErrCursor) {
		t.Errorf("a cursor that Slack does not accept: got %v, want %v", err, access.ErrCursor)
	}
}

func TestARateLimitSaysHowLongToWait(t *testing.T) {
	f := newFixture(t)
	f.fault = "429"
	page, _, err := f.client.People(ctx, "")
	var limited *Error
	if !errors.As(err, &limited) || page != nil {
		t.Fatalf("got %d people, %v; want nobody and an error of Slack", len(page), err)
	}
	if wait, ok := limited.RetryAfter(); !ok || wait <= 0 {
		t.Errorf("got %v to wait (%v), want what Slack said", wait, ok)
	}
}

// A user whom Slack does not show is no member; a profile that cannot be read now is an error.
func TestAUserWhomSlackDoesNotShowIsAnOutsider(t *testing.T) {
	f := newFixture(t)
	if p, err := f.client.Person(ctx, "U0NOBODY"); err != nil || p.Membership != access.Outsider {
		t.Errorf("got %+v (%v), want an outsider", p, err)
	}
	f.fault = "error"
	if p, err := f.client.Person(ctx, "U0DEV1"); err == nil || p.Membership != "" {
		t.Errorf("Slack is down: got %+v (%v), want an error and no membership", p, err)
	}
}

func TestAMissingGroupIsDistinguishedFromAnError(t *testing.T) {
	f := newFixture(t)
	members, err := f.client.Group(ctx, "S0DEVS")
	if err != nil || !slices.Equal(members, []string{"U0DEV1", "U0DEV2"}) {
		t.Errorf("got %v (%v)", members, err)
	}
	if _, err := f.client.Group(ctx, "S0NONE"); !errors.Is(err, ErrNoGroup) {
		t.Errorf("got %v, want %v", err, ErrNoGroup)
	}
	f.fault = "error"
	if _, err := f.client.Group(ctx, "S0DEVS"); err == nil || errors.Is(err, ErrNoGroup) {
		t.Errorf("Slack is down: got %v, want an error that is not %v", err, ErrNoGroup)
	}
}
