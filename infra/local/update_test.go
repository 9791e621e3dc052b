//go:build deployed

package local

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
	"github.com/aws-access/aws-access/pkg/wire"
)

// update deploys a changed version while one request is pending and one is active.
func (w *world) update() {
	w.command("U0DEV2", `/aws-access payments-dev Admin 2h "moving a bucket"`)
	w.told("C0APPROVALS", "moving a bucket")
	w.click("U0LEAD2", "Approve", "C0APPROVALS")
	before := w.takeKeys("U0DEV2")
	w.command("U0DEV1", `/aws-access payments-prod ReadOnly 2h "waits for the update"`)
	w.told("C0APPROVALS", "waits for the update")
	if help := w.command("U0DEV1", "/aws-access help").Body; strings.Contains(help, "Second version") {
		w.t.Fatalf("the second version runs before the update: %s", help)
	}
	digest, items, outputs := w.digest(), w.items(), w.outputs
	ending := w.cutList()
	if len(ending.Names) == 0 || ending.Tries == 0 {
		w.t.Fatalf("no cut is under way before the update: %+v", ending)
	}

	w.whileUsed(func() { w.deploy(w.settings.second) })
	for name, was := range outputs {
		if w.outputs[name] != was {
			w.t.Errorf("output %s is %s, was %s", name, w.outputs[name], was)
		}
	}
	if now := w.items(); now < items { // new messages can add items
		w.t.Errorf("%d items are in the table, %d before the update", now, items)
	}
	if now := w.digest(); now == digest {
		w.t.Errorf("the policy still has the digest %s", now)
	}
	if help := w.command("U0DEV1", "/aws-access help").Body; !strings.Contains(help, "Second version") {
		w.t.Errorf("the first version answered: %s", help)
	}
	long := w.command("U0LEAD1", `/aws-access payments-prod ReadOnly 4h "too long now"`)
	if !strings.Contains(long.Body, "At most 3h") {
		w.t.Errorf("the first policy answered: %s", long.Body)
	}
	w.requestsContinue(before)
	_, err := w.computer.Do(w.t.Context(), wire.Payload{Op: wire.List})
	w.must(err)
	w.tick()
	w.cutGoesOn(ending)
	for _, f := range functions {
		w.runsSecondVersion(f)
	}
}

// cutList returns the list of those whose sessions of ReadOnly in production are to end.
func (w *world) cutList() access.CutList {
	w.t.Helper()
	table := dynamo.New(w.dynamodb(rootOf(bastion)), w.outputs["Table"], time.Now)
	list, err := table.CutList(w.t.Context(), access.CutKey{Account: production, Role: "ReadOnly"})
	w.must(err)
	return list
}

// cutGoesOn checks that the second version tries what the first one did not finish, for everybody on
// the list.
func (w *world) cutGoesOn(before access.CutList) {
	w.t.Helper()
	w.invoke(rootOf(bastion), "CutFunction", `{"cut":[{"account":"`+production+`","role":"ReadOnly"}]}`)
	after := w.cutList()
	if after.Tries <= before.Tries || after.Failed != before.Failed {
		w.t.Errorf("after the update the cut was tried %d times (%s), before %d (%s)",
			after.Tries, after.Failed, before.Tries, before.Failed)
	}
	for _, name := range before.Names {
		if !slices.ContainsFunc(after.Names, func(n access.CutName) bool { return n.Grant == name.Grant }) {
			w.t.Errorf("the update lost %s, whose sessions are to end", name.Grant)
		}
	}
}

// requestsContinue checks that the pending request can be decided, and the active one
// used.
func (w *world) requestsContinue(before keys) {
	w.t.Helper()
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	want := "arn:aws:sts::" + production + ":assumed-role/ReadOnly/"
	if got := w.whoIs(w.takeKeys("U0DEV1")); !strings.HasPrefix(got, want) {
		w.t.Errorf("the pending request gave keys of %s, want %s…", got, want)
	}
	after := w.takeKeys("U0DEV2")
	if was, is := w.whoIs(before), w.whoIs(after); was != is || before == after {
		w.t.Errorf("the active request gave keys of %s, before %s; want new keys of the same session", is, was)
	}
	_, err := w.s3(after).CreateBucket(w.t.Context(), &s3.CreateBucketInput{
		Bucket:                    aws.String("moved-by-an-administrator"),
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region},
	})
	w.wants("an administrator makes a bucket", err, "")
	_, err = w.iam(after).CreateUser(w.t.Context(), &iam.CreateUserInput{UserName: aws.String("stays")})
	w.wants("an administrator makes a user, who would outlive the grant", err, "AccessDenied")
	err = w.assume("arn:aws:iam::"+development+":role/aws-access/ReadOnly", w.external)(after)
	w.wants("an administrator assumes another role", err, "AccessDenied")
}

// whileUsed repeats a command until do has ended. The emulator stops an instance in the
// middle of a call when its code changes, which AWS does not do. So one command may
// fail, but the next one must succeed. A command that takes longer than Slack waits is
// counted separately, because it depends on the speed of this computer.
func (w *world) whileUsed(do func()) {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	ui, good, late, failed, maxInARow := w.ui(), 0, 0, 0, 0
	var commands sync.WaitGroup
	commands.Go(func() {
		pace := time.NewTicker(200 * time.Millisecond)
		defer pace.Stop()
		inARow := 0
		for line := "/aws-access list"; ctx.Err() == nil; <-pace.C {
			out, err := ui.Do(ctx, slackfake.UserAction{As: "U0DEV1", Command: &line})
			switch {
			case strings.Contains(out.Shown, "operation_timeout"):
				late++
			case err == nil && out.Status == http.StatusOK:
				good, inARow = good+1, 0
			default:
				failed, inARow = failed+1, inARow+1
				maxInARow = max(maxInARow, inARow)
			}
		}
	})
	do()
	stop()
	commands.Wait()
	w.t.Logf("during the update %d commands were answered in time, %d too late, %d failed", good, late, failed)
	if maxInARow > 1 || good == 0 {
		w.t.Errorf("during the update %d commands failed in a row, %d were answered in time", maxInARow, good)
	}
}

// digest returns the digest of the deployed policy, from the answer to a signed ping.
func (w *world) digest() string {
	w.t.Helper()
	var answer struct {
		OK     bool
		Policy string
	}
	w.must(json.Unmarshal(w.ping(), &answer))
	if !answer.OK || answer.Policy == "" {
		w.t.Fatalf("ping: got %+v", answer)
	}
	return answer.Policy
}

// items returns the number of items in the table.
func (w *world) items() int {
	w.t.Helper()
	in := &dynamodb.ScanInput{TableName: aws.String(w.outputs["Table"]), ConsistentRead: aws.Bool(true)}
	out, err := w.dynamodb(rootOf(bastion)).Scan(w.t.Context(), in)
	w.must(err)
	return int(out.Count)
}

// runsSecondVersion checks that an instance of a function has the program and the policy
// of the second version. Only api and cut have no policy.
func (w *world) runsSecondVersion(function string) {
	w.t.Helper()
	files := []string{"bootstrap", "policy.compiled"}
	if function == "ApiFunction" || function == "CutFunction" {
		files = files[:1]
	}
	for _, file := range files {
		want, found := w.sum(filepath.Join(w.settings.second, function, file)), false
		for _, running := range w.instances(function) {
			found = found || w.sum(filepath.Join(running["LAMBDA_TASK_ROOT"], file)) == want
		}
		if !found {
			w.t.Errorf("%s does not run with the second version's %s", function, file)
		}
	}
}

func (w *world) sum(path string) [sha256.Size]byte {
	w.t.Helper()
	content, err := os.ReadFile(path)
	w.must(err)
	return sha256.Sum256(content)
}
