package slackfake

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestOmittedFieldsKeepTheirValueOrGetThatOfAMember(t *testing.T) {
	b := newTestServer(t)
	var changes struct{ Users []UserChange }
	if err := json.Unmarshal(
		[]byte(`{"users":[{"id":"U0DEV1","email":"new@example.com"},{"id":"U0NEW"},{"id":"U0GONE","deleted":false}]}`),
		&changes,
	); err != nil {
		t.Fatal(err)
	}
	for _, c := range changes.Users {
		if err := b.SetUser(c); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]User{
		"U0DEV1": {ID: "U0DEV1", Name: "dev1", Email: "new@example.com", Team: "T0SANDBOX", EmailConfirmed: true},
		"U0NEW":  {ID: "U0NEW", Name: "u0new", Team: "T0SANDBOX", EmailConfirmed: true},
		"U0GONE": {ID: "U0GONE", Name: "gone", Email: "gone@example.com", Team: "T0SANDBOX", EmailConfirmed: true},
		"U0SEEN": {ID: "U0SEEN", Name: "u0seen", Team: "T0SANDBOX", EmailConfirmed: true},
	}
	if err := b.SetGroup("S0NEW", []string{"U0SEEN"}); err != nil {
		t.Fatal(err)
	}
	for _, u := range b.Users() {
		if w, ok := want[u.ID]; ok && u != w {
			t.Errorf("got %+v, want %+v", u, w)
		}
		delete(want, u.ID)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	for _, err := range []error{
		b.SetUser(UserChange{ID: "bob"}), b.SetGroup("devs", nil), b.SetGroup("S0X", []string{"bob"}),
	} {
		if err == nil || !strings.Contains(err.Error(), "is not a user") {
			t.Errorf("got %v, want that it is not an id", err)
		}
	}
	b.Reset()
	if len(b.Users()) != 9 || len(b.Groups()) != 3 {
		t.Errorf("after a reset: %d users, %d groups", len(b.Users()), len(b.Groups()))
	}
}

func TestLookupFindsTheFirstUserWithAnAddressAndTheListShowsBoth(t *testing.T) {
	b := newTestServer(t)
	address := "DEV1@example.com"
	if err := b.SetUser(UserChange{ID: "U0DUPLICATE", Email: &address}); err != nil {
		t.Fatal(err)
	}
	o := b.mustOK(b.form("users.lookupByEmail", "email", "dev1@example.com"))
	if got := o["user"].(object)["id"]; got != "U0DEV1" {
		t.Errorf("got %v, want U0DEV1", got)
	}
	seen, cursor, pages := 0, "", 0
	for {
		o := b.mustOK(b.form("users.list", "limit", "3", "cursor", cursor))
		seen += len(o["members"].([]any))
		pages++
		if cursor, _ = o["response_metadata"].(object)["next_cursor"].(string); cursor == "" {
			break
		}
	}
	if seen != 9 || pages != 3 { // the user of another workspace is not listed
		t.Errorf("%d users on %d pages, want 9 on 3", seen, pages)
	}
}
