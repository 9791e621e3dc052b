package deployed_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/version"
)

// redeploy deploys the next version of every function.
func (w *world) redeploy() {
	w.t.Helper()
	dir, err := packages()
	w.must(err)
	for function := range functions {
		w.deploy(dir, function)
	}
}

// served returns the versions of a function that have been started.
func (w *world) served(function string) map[int]bool {
	versions := make(map[int]bool)
	for _, s := range w.lambda.Starts(name(function)) {
		versions[s.Version] = true
	}
	return versions
}

// A deploy happens while requests are not over. The old version finishes the invocations
// that run, and the new one continues with the same requests.
func TestTwoVersionsOverOpenRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.command("U0DEV1", line) // before
	w.wire.breaks(rule{op: "dynamodb:TransactWriteItems", limit: 1, then: w.redeploy})
	w.click("U0LEAD1", "Approve", "C0APPROVALS") // while
	w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
	w.click("U0DEV1", "I'm done", "@U0DEV1") // after
	if got, want := w.verbs(), "submit, approve, vend ordered, vend issued, end, cut"; got != want {
		t.Errorf("the events are %s, want %s", got, want)
	}
	for _, function := range []string{"slack", "notify"} {
		if v := w.served(function); !v[1] || !v[2] {
			t.Errorf("%s was served by versions %v, want both", function, v)
		}
	}
	if cards := w.messages(in("C0APPROVALS")); len(cards) != 1 || !strings.Contains(cards[0].Text, "given back") {
		t.Errorf("the cards are %+v", cards)
	}
}

// A deploy happens while a cut writes the deny, and the old version's instance ends before it hears
// whether that worked, or hears that it did not. The new version finishes the cut.
func TestACutGoesOnAfterADeploy(t *testing.T) {
	t.Parallel()
	for how, put := range map[string]rule{
		"the instance ends after the deny was written": {lost: true},
		"IAM answers with an error":                    {how: answers(http.StatusInternalServerError, "ServiceFailure")},
	} {
		t.Run(how, func(t *testing.T) {
			w := granted(t)
			w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
			put.op, put.limit = "sts:PutRolePolicy", 3 // the tries of one SDK call
			if put.lost {
				put.limit, put.then = 1, func() { w.redeploy(); w.lambda.Kill(name("cut")) }
			}
			w.wire.breaks(put)
			w.click("U0DEV1", "I'm done", "@U0DEV1")
			if !put.lost {
				if r := w.request(); r.State != access.Ended || r.Cut != access.CutEnding {
					t.Fatalf("before the deploy the request is %s, its cut is %q", r.State, r.Cut)
				}
				w.redeploy()
				w.pass(time.Minute)
			}
			if r := w.request(); r.Cut != access.CutDone {
				t.Errorf("after the deploy the cut is %q", r.Cut)
			}
			if got, want := w.verbs(), "submit, approve, vend ordered, vend issued, end, cut"; got != want {
				t.Errorf("the events are %s, want %s", got, want)
			}
			for _, s := range w.sessions() {
				if s.DeniedSince == nil {
					t.Errorf("the session %s is not denied", s.SessionName)
				}
			}
			if v := w.served("cut"); !v[1] || !v[2] {
				t.Errorf("cut was served by versions %v, want both", v)
			}
		})
	}
}

// Twelve people ask at the same time while everything is deployed twice. Each has one
// request and one card.
func TestADeployLosesNoCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.must(w.slack.SetGroup("S0DEVS", people(12))) })
	var all sync.WaitGroup
	for n, who := range people(12) {
		all.Go(func() {
			typed := line
			out, err := w.ui().Do(t.Context(), slackfake.UserAction{As: who, Command: &typed})
			if err != nil || !strings.Contains(out.Body, "Asked for") {
				t.Errorf("%s asks: %+v, %v", who, out, err)
			}
		})
		if n%5 == 4 {
			w.redeploy()
		}
	}
	all.Wait()
	w.must(w.quiet())
	if requests, cards := len(w.requests()), len(w.messages(in("C0APPROVALS"))); requests != 12 || cards != 12 {
		t.Errorf("%d requests and %d cards, want 12 each", requests, cards)
	}
}

// people returns the ids of full members of the workspace who have not been read yet.
func people(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("U0MANY%02d", i))
	}
	return ids
}

// newer holds ways in which a newer version may have written an item.
var newer = map[string]func(item){
	"a later format": func(i item) { i["format"] = number(fmt.Sprint(store.Format + 1)) },
	"a new field": func(i item) {
		i["body"] = text(strings.Replace(textOf(i, "body"), "{", `{"Invented":{"Later":true},`, 1))
	},
}

// rewrite changes the items of a request, or of the directory, as a newer version may
// have written them.
func (w *world) rewrite(sk string, change func(item)) {
	w.t.Helper()
	for _, i := range w.items(w.table.Name) {
		if textOf(i, "sk") == sk {
			change(i)
			w.put(i)
		}
	}
}

// An item of a newer version is neither interpreted nor overwritten. People read that
// something went wrong, the log names the item and the reason, and everything else
// continues.
func TestAnItemOfANewerVersionIsLeftAlone(t *testing.T) {
	t.Parallel()
	for how, change := range newer {
		t.Run(how, func(t *testing.T) {
			w := granted(t)
			id := w.request().ID
			w.rewrite(store.RequestSort, change)
			before := w.items(w.table.Name)
			for _, label := range []string{"I'm done", "Open AWS console", "Get temporary keys"} {
				w.click("U0DEV1", label, "@U0DEV1")
				if told := w.last(onlyTo("U0DEV1")); !strings.Contains(told, "Something went wrong") {
					t.Errorf("%s: told %q", label, told)
				}
			}
			if out := w.command("U0DEV1", "/aws-access list"); !strings.Contains(out.Body, "Something went wrong") {
				t.Errorf("the list: %s", out.Body)
			}
			if !reflect.DeepEqual(before, w.items(w.table.Name)) || len(w.aws.Sessions()) != 0 {
				t.Error("something was written, or vended")
			}
			if log := w.logs("slack"); !strings.Contains(log, access.ErrNewer.Error()) || !strings.Contains(log, id) {
				t.Errorf("the log does not say which item is newer: %.2000s", log)
			}
			w.othersGoOn(id)
		})
	}
}

// othersGoOn has the tick move somebody else's request beside one that it
// cannot read, and say so.
func (w *world) othersGoOn(id string) {
	w.t.Helper()
	w.age(3 * time.Hour) // the one that cannot be read is due first
	w.command("U0DEV2", line)
	w.age(time.Hour)
	event, _ := json.Marshal(scheduled())
	_, err := w.lambda.Invoke(w.t.Context(), name("tick"), event)
	if err == nil || !strings.Contains(err.Error(), id) || !strings.Contains(err.Error(), access.ErrNewer.Error()) {
		w.t.Errorf("the tick says %v", err)
	}
	w.must(w.quiet())
	if told := w.last(with("U0DEV2")); !strings.Contains(told, "timed out") {
		w.t.Errorf("the other person was told %q", told)
	}
}

// A directory of a newer version stops what is decided by it.
func TestADirectoryOfANewerVersionDecidesNothing(t *testing.T) {
	t.Parallel()
	for how, change := range newer {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			w.rewrite(store.DirectoryKey, change)
			if out := w.command("U0DEV1", line); !strings.Contains(out.Body, "Something went wrong") || len(w.requests()) != 0 {
				t.Errorf("asked: %s, %d requests", out.Body, len(w.requests()))
			}
			if log := w.logs("slack"); !strings.Contains(log, access.ErrNewer.Error()) ||
				!strings.Contains(log, store.DirectoryKey) {
				t.Errorf("the log does not say which item is newer: %s", log)
			}
		})
	}
}

// An event of a newer version is kept, for when the newer version runs again.
func TestAnEventOfANewerVersionIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(item{
		"pk": text(store.RequestKey("01NEWER")), "sk": text(store.EventPrefix + "000001"),
		"format": number(fmt.Sprint(store.Format + 1)), "body": &types.AttributeValueMemberS{Value: `{"Invented":true}`},
	})
	w.command("U0DEV1", line)
	if n := len(w.messages(in("C0APPROVALS"))); n != 1 {
		t.Errorf("%d cards were posted, want one", n)
	}
	if kept := string(join(w.given(&w.parked))); !strings.Contains(kept, "01NEWER") ||
		!strings.Contains(kept, "Invented") {
		t.Errorf("kept: %s", kept)
	}
	if log := w.logs("notify"); !strings.Contains(log, access.ErrNewer.Error()) {
		t.Errorf("the log: %s", log)
	}
}

// readBuild is the build of a function's binary.
func (w *world) readBuild(function string) version.Build {
	w.t.Helper()
	dir, err := packages()
	w.must(err)
	f, err := os.Open(filepath.Join(dir, function, "bootstrap"))
	w.must(err)
	defer func() { _ = f.Close() }()
	b, err := version.Read(f)
	w.must(err)
	return b
}

// The log says which build did what follows.
func TestEachFunctionLogsItsBuildWhenItStarts(t *testing.T) {
	t.Parallel()
	w := granted(t)
	w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
	w.click("U0DEV1", "I'm done", "@U0DEV1")
	answer, err := http.Post(w.url+"/v1", "application/jose", strings.NewReader("no call"))
	w.must(err)
	w.must(answer.Body.Close())
	for function := range functions {
		b, starts, told := w.readBuild(function), len(w.lambda.Starts(name(function))), 0
		for line := range strings.SplitSeq(w.logs(function), "\n") {
			var said struct{ Msg, Function, Version, Commit string }
			if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "the function starts" {
				told++
				if said.Function != function || said.Version != b.Version || said.Commit != b.Commit {
					t.Errorf("%s logs %s, its binary is %s", function, line, b)
				}
			}
		}
		if told != starts || starts == 0 {
			t.Errorf("%s started %d times and logged it %d times", function, starts, told)
		}
	}
}
