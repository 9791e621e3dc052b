package slackfake

import (
	"fmt"
	"strings"
	"testing"
)

// usersOf lists all ids of users.list in pages of so many people.
func (b *bench) usersOf(limit string, between func(page int)) (ids []string) {
	b.t.Helper()
	cursor := ""
	for page := 1; ; page++ {
		o := b.good(b.form("users.list", "limit", limit, "cursor", cursor))
		for _, m := range o["members"].([]any) {
			ids = append(ids, m.(object)["id"].(string))
		}
		if cursor, _ = o["response_metadata"].(object)["next_cursor"].(string); cursor == "" {
			return ids
		}
		between(page)
	}
}

// users.list does not list people of other organisations in shared channels
// (docs.slack.dev/reference/methods/users.list: "lists all users in a Slack
// team"); users.info knows them (docs.slack.dev/apis/slack-connect).
func TestPeopleOfOtherWorkspacesAreNotListed(t *testing.T) {
	b := newBench(t)
	for _, limit := range []string{"1", "3", "1000"} {
		if ids := b.usersOf(limit, func(int) {}); len(ids) != 8 || strings.Contains(strings.Join(ids, " "), "U0OUTSIDE") {
			t.Errorf("pages of %s list %v, want the eight of the workspace", limit, ids)
		}
	}
	o := b.good(b.form("users.info", "user", "U0OUTSIDE"))
	if got := o["user"].(object)["team_id"]; got != "T0OTHER" {
		t.Errorf("users.info: got the team %v, want T0OTHER", got)
	}
}

// A cursor stays good and nobody is listed twice, whoever comes or leaves
// between two pages (docs.slack.dev/apis/web-api/pagination).
func TestPagesStayStableWhilePeopleComeAndLeave(t *testing.T) {
	b := newBench(t)
	other, gone := "T0OTHER", true
	ids := b.usersOf("2", func(page int) {
		_ = b.SetUser(UserChange{ID: fmt.Sprintf("U0NEW%d", min(page, 3))})
		_ = b.SetUser(UserChange{ID: "U0LEAD1", Team: &other}) // the next of the cursor leaves
		_ = b.SetUser(UserChange{ID: "U0GUEST", Deleted: &gone})
	})
	want := "U0DEV1 U0DEV2 U0LEAD2 U0SEC1 U0GUEST U0BOT U0GONE U0NEW1 U0NEW2 U0NEW3"
	if got := strings.Join(ids, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Twice as many people cost twice as many looks at people, not four times:
// adding them, putting them into a group, and reading them page by page.
func TestTheWorkOfALargeWorkspaceIsLinear(t *testing.T) {
	looks := func(people int) int {
		b := newBench(t)
		ids := make([]string, people)
		for i := range ids {
			ids[i] = fmt.Sprintf("U%07d", i)
			if err := b.SetUser(UserChange{ID: ids[i]}); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.SetGroup("S0ALL", append(ids, "U0LATE")); err != nil {
			t.Fatal(err)
		}
		if got := len(b.usersOf("100", func(int) {})); got != people+9 {
			t.Fatalf("listed %d, want %d", got, people+9)
		}
		for i := range b.w.users.list {
			if at := b.w.users.at[b.w.users.list[i].ID]; at != i {
				t.Fatalf("the index has place %d of %s, want %d", at, b.w.users.list[i].ID, i)
			}
		}
		return b.w.users.seen
	}
	one, two := looks(1000), looks(2000)
	if one < 1000 || two > 2*one {
		t.Errorf("1,000 people cost %d looks and 2,000 cost %d, want at least one each and at most twice as many", one, two)
	}
}
