//go:build deployed

package local

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// update deploys a changed version while one request waits and one is in use.
func (w *world) update() {
	w.command("U0DEV2", `/aws-access payments-dev Admin 2h "moving a bucket"`)
	w.told("C0APPROVALS", "moving a bucket")
	w.click("U0LEAD2", "Approve", "C0APPROVALS")
	before := w.takeKeys("U0DEV2")
	w.command("U0DEV1", `/aws-access payments-prod ReadOnly 2h "waits for the update"`)
	w.told("C0APPROVALS", "waits for the update")
	if help := w.command("U0DEV1", "/aws-access help").Body; strings.Contains(help, "Second version") {
		w.t.Fatalf("the second version runs already: %s", help)
	}
	digest, items, outputs := w.digest(), w.items(), w.outputs

	w.whileAsking(func() { w.deploy(w.settings.second) })
	for name, was := range outputs {
		if w.outputs[name] != was {
			w.t.Errorf("output %s is %s, was %s", name, w.outputs[name], was)
		}
	}
	if now := w.items(); now < items { // what was posted may be noted meanwhile
		w.t.Errorf("%d items are in the table, %d before the update", now, items)
	}
	if now := w.digest(); now == digest {
		w.t.Errorf("the policy is %s, as before", now)
	}
	if help := w.command("U0DEV1", "/aws-access help").Body; !strings.Contains(help, "Second version") {
		w.t.Errorf("the first version answers: %s", help)
	}
	if out := w.command("U0LEAD1", `/aws-access payments-prod ReadOnly 4h "too long now"`); !strings.Contains(out.Body,
		"At most 3h") {
		w.t.Errorf("the first policy answers: %s", out.Body)
	}
	w.goesOn(before)
	w.tick()
	for _, f := range []string{"SlackFunction", "VendFunction", "NotifyFunction", "TickFunction"} {
		w.runsTheSecond(f)
	}
}

// goesOn is that the request that waited is decided, and the one that was in
// use is used on.
func (w *world) goesOn(before keys) {
	w.t.Helper()
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	if got, want := w.whoIs(w.takeKeys("U0DEV1")), "arn:aws:sts::"+production+":assumed-role/ReadOnly/"; !strings.HasPrefix(got, want) {
		w.t.Errorf("the keys of the one that waited are %s, want %s…", got, want)
	}
	after := w.takeKeys("U0DEV2")
	if was, is := w.whoIs(before), w.whoIs(after); was != is || before == after {
		w.t.Errorf("the keys of the one in use are %s, were %s; want the same name, and others", is, was)
	}
	_, err := w.s3(after).CreateBucket(w.t.Context(), &s3.CreateBucketInput{
		Bucket: aws.String("moved-by-an-administrator"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	})
	w.wants("an administrator makes a bucket", err, "")
	_, err = w.iam(after).CreateUser(w.t.Context(), &iam.CreateUserInput{UserName: aws.String("stays")})
	w.wants("an administrator makes a user, who would stay", err, "AccessDenied")
	err = w.assume("arn:aws:iam::"+development+":role/aws-access/ReadOnly", w.external)(after)
	w.wants("an administrator assumes another role", err, "AccessDenied")
}

// whileAsking uses the command all the time while something is done. The
// emulator stops an instance in the middle of a call when its code changes,
// which AWS does not: so one command may fail, and whoever types it again is
// answered. What takes longer than Slack waits says something about this
// computer, and is counted apart.
func (w *world) whileAsking(do func()) {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	hands, good, late, failed, again := w.hands(), 0, 0, 0, 0
	var asking sync.WaitGroup
	asking.Go(func() {
		pace := time.NewTicker(200 * time.Millisecond)
		defer pace.Stop()
		inARow := 0
		for line := "/aws-access list"; ctx.Err() == nil; <-pace.C {
			out, err := hands.Do(ctx, slackfake.Act{As: "U0DEV1", Command: &line})
			switch {
			case strings.Contains(out.Shown, "operation_timeout"):
				late++
			case err == nil && out.Status == http.StatusOK:
				good, inARow = good+1, 0
			default:
				failed, inARow = failed+1, inARow+1
				again = max(again, inARow)
			}
		}
	})
	do()
	stop()
	asking.Wait()
	w.t.Logf("while it was updated, %d commands were answered, %d too late, %d failed", good, late, failed)
	if again > 1 || good == 0 {
		w.t.Errorf("while it was updated, %d commands failed in a row, and %d were answered", again, good)
	}
}

// digest is that of the policy that the deployed function has, by a signed ping.
func (w *world) digest() string {
	w.t.Helper()
	var said struct {
		OK     bool
		Policy string
	}
	w.must(json.Unmarshal(w.ping(), &said))
	if !said.OK || said.Policy == "" {
		w.t.Fatalf("the ping is answered %+v", said)
	}
	return said.Policy
}

// items is how many the table holds.
func (w *world) items() int {
	w.t.Helper()
	out, err := w.dynamodb(rootOf(bastion)).Scan(w.t.Context(), &dynamodb.ScanInput{TableName: aws.String(w.outputs["Table"]), ConsistentRead: aws.Bool(true)})
	w.must(err)
	return int(out.Count)
}

// runsTheSecond is that the newest instance of a function has the program and
// the policy of the second version.
func (w *world) runsTheSecond(function string) {
	w.t.Helper()
	for _, file := range []string{"bootstrap", "policy.compiled"} {
		want, found := w.sum(filepath.Join(w.settings.second, function, file)), false
		for _, running := range w.instances(function) {
			found = found || w.sum(filepath.Join(running["LAMBDA_TASK_ROOT"], file)) == want
		}
		if !found {
			w.t.Errorf("%s runs without the second version's %s", function, file)
		}
	}
}

func (w *world) sum(path string) [sha256.Size]byte {
	w.t.Helper()
	content, err := os.ReadFile(path)
	w.must(err)
	return sha256.Sum256(content)
}
