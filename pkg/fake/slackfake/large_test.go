package slackfake

import (
	"fmt"
	"strings"
	"testing"
)

// userIDs reads all pages of users.list and returns the ids. It calls between
// after each page but the last.
func (b *testServer) userIDs(limit string, between func(page int)) (ids []string) {
	b.t.Helper()
	cursor := ""
	for page := 1; ; page++ {
		o := b.mustOK(b.form("users.list", "limit", limit, "cursor", cursor))
		for _, m := range o["members"].([]any) {
			ids = append(ids, m.(object)["id"].(string))
		}
		if cursor, _ = o["response_metadata"].(object)["next_cursor"].(string); cursor == "" {
			return ids
		}
		between(page)
	}
}

// users.list leaves out people of other organisations in shared channels
// (docs.slack.dev/reference/methods/users.list: "lists all users in a Slack
// team"); users.info finds them (docs.slack.dev/apis/slack-connect).
func TestUsersOfOtherWorkspacesAreNotListed(t *testing.T) {
	b := newTestServer(t)
	for _, limit := range []string{"1", "3", "1000"} {
		if ids := b.userIDs(limit, func(int) {}); len(ids) != 8 || strings.Contains(strings.Join(ids, " "), "U0OUTSIDE") {
			t.Errorf("pages of %s list %v, want the eight users of the workspace", limit, ids)
		}
	}
	o := b.mustOK(b.form("users.info", "user", "U0OUTSIDE"))
	if got := o["user"].(object)["team_id"]; got != "T0OTHER" {
		t.Errorf("users.info: got the team %v, want T0OTHER", got)
	}
}

// A cursor stays valid and nobody is listed twice, even if users are added or
// removed between two pages (docs.slack.dev/apis/web-api/pagination).
func TestPagesStayStableWhileUsersAreAddedAndRemoved(t *testing.T) {
	b := newTestServer(t)
	other, gone := "T0OTHER", true
	ids := b.userIDs("2", func(page int) {
		_ = b.SetUser(UserChange{ID: fmt.Sprintf("U0NEW%d", min(page, 3))})
		_ = b.SetUser(UserChange{ID: "U0LEAD1", Team: &other}) // the next user of the cursor leaves
		_ = b.SetUser(UserChange{ID: "U0GUEST", Deleted: &gone})
	})
	want := "U0DEV1 U0DEV2 U0LEAD2 U0SEC1 U0GUEST U0BOT U0GONE U0NEW1 U0NEW2 U0NEW3"
	if got := strings.Join(ids, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// With twice as many users, adding them, putting them into a group and reading
// them page by page visits twice as many users, not four times as many.
func TestWorkInALargeWorkspaceIsLinear(t *testing.T) {
	visits := func(users int) int {
		b := newTestServer(t)
		ids := make([]string, users)
		for i := range ids {
			ids[i] = fmt.Sprintf("U%07d", i)
			if err := b.SetUser(UserChange{ID: ids[i]}); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.SetGroup("S0ALL", append(ids, "U0LATE")); err != nil {
			t.Fatal(err)
		}
		if got := len(b.userIDs("100", func(int) {})); got != users+9 {
			t.Fatalf("listed %d, want %d", got, users+9)
		}
		for i := range b.w.users.list {
			if at := b.w.users.index[b.w.users.list[i].ID]; at != i {
				t.Fatalf("the index has position %d for %s, want %d", at, b.w.users.list[i].ID, i)
			}
		}
		return b.w.users.visited
	}
	one, two := visits(1000), visits(2000)
	if one < 1000 || two > 2*one {
		t.Errorf("1,000 users cost %d visits and 2,000 cost %d, want at least one each and at most twice as many", one, two)
	}
}
