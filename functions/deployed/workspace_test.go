package deployed_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/store/dynamo"
)

// users is the number of users in the workspace. A tick reads at most 18,000, so its
// memory hardly depends on the number, and two ticks are enough for a test.
var users = flag.Int("users", 36_000, "users of the large workspace")

const (
	pagesOfATick   = 18
	workspaceGroup = 2000      // members of one group of the policy
	lambdaMemory   = 128 << 10 // KB
)

// usersList answers users.list for a large workspace, with profiles as large as
// Slack's: about 2 KB each, most of it addresses of pictures.
func usersList(w http.ResponseWriter, sent []byte) {
	form, _ := url.ParseQuery(string(sent))
	first, _ := strconv.Atoi(form.Get("cursor"))
	limit, _ := strconv.Atoi(form.Get("limit"))
	end, next := min(first+limit, *users), ""
	if end < *users {
		next = strconv.Itoa(end)
	}
	members := make([]map[string]any, 0, limit)
	for i := first; i < end; i++ {
		profile := map[string]any{
			"display_name": fmt.Sprintf("person %d", i), "real_name": fmt.Sprintf("Person Number %d", i),
			"email": fmt.Sprintf("person.%d@example.com", i),
			"title": "Engineer of Things That Matter", "phone": "+44 20 7946 0000", "status_text": "", "status_emoji": "",
			"avatar_hash": "0123456789ab", "team": "T0SANDBOX",
		}
		for _, size := range []int{24, 32, 48, 72, 192, 512, 1024} {
			profile[fmt.Sprintf("image_%d", size)] = fmt.Sprintf("https://avatars.slack-edge.com/2026-11-26/%032d_%d.jpg?%0140d",
				i, size, i)
		}
		members = append(members, map[string]any{
			"id": workspaceID(i), "team_id": "T0SANDBOX", "name": fmt.Sprintf("person.%d", i), "is_email_confirmed": true,
			//nolint:misspell // Slack's name of the field
			"tz": "Europe/London", "tz_label": "Greenwich Mean Time", "color": "9f69e7",
			"updated": 1700000000,
			"profile": profile,
		})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "members": members,
		"response_metadata": map[string]string{"next_cursor": next}})
}

func workspaceID(i int) string { return fmt.Sprintf("U1%06d", i) }

// The tick reads a large workspace within 128 MB, and keeps 2,000 of its people. Run it
// with more: go test -run LargeWorkspace ./functions/deployed -users 100000
func TestTheTickReadsALargeWorkspaceWithin128MB(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("needs /proc, which shows the memory of a process")
	}
	w := newWorld(t)
	w.wire.breaks(rule{op: "slack:users.list", how: usersList})
	var members []string
	for i := range workspaceGroup {
		members = append(members, workspaceID(i**users/workspaceGroup))
	}
	w.must(w.slack.SetGroup("S0DEVS", members))
	store := dynamo.New(w.table.Client(http.DefaultTransport), w.table.Name, time.Now)
	d, err := store.Directory(t.Context())
	w.must(err)
	d.PeopleAt, d.Version = time.Time{}, d.Version+1
	for id, g := range d.Groups {
		g.ReadAt = time.Time{}
		d.Groups[id] = g
	}
	w.must(store.SaveDirectory(t.Context(), d))
	ticks := 0
	for ; ticks < 12 && d.PeopleAt.IsZero(); ticks++ {
		w.tick()
		d, err = store.Directory(t.Context())
		w.must(err)
	}
	peak := w.peak("tick")
	reading, err := store.Reading(t.Context())
	w.must(err)
	t.Logf("%d ticks, %d MB at most, %d people kept of %d", ticks, peak>>10, len(d.People), d.Size)
	if ticks != (*users/1000+pagesOfATick-1)/pagesOfATick || d.Size != *users || len(d.People) < workspaceGroup ||
		reading.Cursor != "" {
		t.Errorf("%d ticks, %d users, %d of them kept, going on at %q", ticks, d.Size, len(d.People), reading.Cursor)
	}
	if peak == 0 || peak >= lambdaMemory {
		t.Errorf("the tick took %d KB, want less than %d", peak, lambdaMemory)
	}
}

// peak is the most memory that a function's processes ever took, in KB.
func (w *world) peak(function string) (highest int) {
	w.t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/environ")
	w.must(err)
	for _, at := range processes {
		environ, err := os.ReadFile(at)
		if err != nil || !strings.Contains(string(environ), "AWS_LAMBDA_FUNCTION_NAME="+name(function)+"\x00") ||
			!strings.Contains(string(environ), "TABLE="+w.table.Name+"\x00") {
			continue // another process, or one that has ended
		}
		status, _ := os.ReadFile(filepath.Join(filepath.Dir(at), "status"))
		_, high, _ := strings.Cut(string(status), "VmHWM:")
		fields := strings.Fields(high)
		if len(fields) > 0 {
			kb, _ := strconv.Atoi(fields[0])
			highest = max(highest, kb)
		}
	}
	return highest
}
