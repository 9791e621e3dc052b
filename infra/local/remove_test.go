//go:build deployed

package local

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// logGroups are the stack's, by logical name.
var logGroups = []string{"SlackLog", "VendLog", "NotifyLog", "TickLog", "AccessLog"}

// minute waits for the rule that the template makes: so far, the test did what
// it does.
func (w *world) minute() {
	w.t.Helper()
	tick := w.physical("TickFunction")
	came := within(70*time.Second, func() bool {
		said, err := os.ReadFile(w.settings.logs)
		return err == nil && strings.Contains(string(said), "Lambda "+tick+": dispatched")
	})
	if !came {
		w.t.Fatal("the rule has not called tick within a minute")
	}
}

// logs reads all that the functions wrote.
func (w *world) logs() {
	for _, logical := range logGroups {
		var found struct{ Events []struct{ Message string } }
		w.cloudwatch("FilterLogEvents", map[string]any{"logGroupName": w.physical(logical)}, &found)
		var all strings.Builder
		for _, e := range found.Events {
			all.WriteString(e.Message + "\n")
		}
		for what, secret := range w.secrets() {
			if strings.Contains(all.String(), secret) {
				w.t.Errorf("%s holds the %s", logical, what)
			}
		}
		w.t.Logf("%s: %d lines", logical, len(found.Events))
	}
}

// secrets are all that there are, those of the sessions too.
func (w *world) secrets() map[string]string {
	all := map[string]string{"signing secret": w.signing.Reveal(), "bot token": botToken, "external id": w.external}
	for _, user := range []string{"U0DEV1", "U0DEV2"} {
		for _, m := range w.keyMessages(user) {
			k := exported(m)
			all["secret of "+k[0]], all["session token of "+k[0]] = k[1], k[2]
		}
	}
	return all
}

// freeze is the first step of taking it away, and what stops everything in an
// emergency. The emulator's CloudFormation makes nothing of reserved
// concurrency, and its API asks no permission of a function: what can be seen
// here is that the stack says so, that nothing else of it changed, and that the
// permission is gone. What docs/deploy.md has for at once, works.
func (w *world) freeze() {
	w.vend = w.credentials("VendFunction")
	w.deployWith(w.settings.second, "Frozen=true")
	if state := w.outputs["State"]; state != "frozen" {
		w.t.Errorf("the stack is %q, want frozen", state)
	}
	for _, p := range w.stackNow().Parameters {
		if want, kept := map[string]string{"SlackTeamId": team, "OperatorsEmail": operators}[*p.ParameterKey]; kept && *p.ParameterValue != want {
			w.t.Errorf("%s is %q, was %q", *p.ParameterKey, *p.ParameterValue, want)
		}
	}
	w.nobodyElseCalls(w.physical("SlackFunction"))

	root, vend := w.lambda(rootOf(bastion)), w.physical("VendFunction")
	_, err := root.PutFunctionConcurrency(w.t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: &vend, ReservedConcurrentExecutions: aws.Int32(0)})
	w.must(err)
	_, err = root.Invoke(w.t.Context(), &lambda.InvokeInput{FunctionName: &vend, Payload: []byte("{}")}, func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
	w.wants("vend is called", err, "TooManyRequestsException")
}

// remove deletes the stack. What only it holds outlives it: who asked for what,
// who agreed, what was done.
func (w *world) remove() {
	secrets := w.physical("SecretsKey")
	items, table, bucket := w.items(), w.outputs["Table"], w.outputs["UndeliveredBucketName"]
	var kept []string
	for _, logical := range logGroups {
		kept = append(kept, w.physical(logical))
	}
	w.sam("delete", "--no-prompts")

	if s := w.stackNow(); s != nil {
		w.t.Errorf("the stack is still there: %s", s.StackStatus)
	}
	root := rootOf(bastion)
	functions, err := w.lambda(root).ListFunctions(w.t.Context(), &lambda.ListFunctionsInput{})
	w.must(err)
	for _, f := range functions.Functions {
		w.t.Errorf("%s is still there", *f.FunctionName)
	}
	_, err = w.iam(root).GetRole(w.t.Context(), &iam.GetRoleInput{RoleName: aws.String("aws-access-vend")})
	w.wants("vend's role", err, "NoSuchEntity")
	err = w.assume("arn:aws:iam::"+production+":role/aws-access/ReadOnly", w.external)(w.vend)
	if got, err := verdict(err); got == "allowed" {
		w.t.Errorf("vend's credentials still assume target roles (%v)", err)
	}
	if got := w.calls(http.MethodPost, w.door("/slack/commands"), w.public()); got != http.StatusNotFound {
		w.t.Errorf("the door answers %d, want 404", got)
	}

	if now := w.items(); now != items {
		w.t.Errorf("%d items are in the table, %d before", now, items)
	}
	described, err := w.dynamodb(root).DescribeTable(w.t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	w.must(err)
	if !aws.ToBool(described.Table.DeletionProtectionEnabled) {
		w.t.Error("the table that stayed may be deleted")
	}
	_, err = w.s3(root).HeadBucket(w.t.Context(), &s3.HeadBucketInput{Bucket: &bucket})
	w.wants("the bucket of what was not delivered", err, "")
	w.logGroupsStay(kept)
	var key struct{ KeyMetadata struct{ KeyState string } }
	w.calling("kms", "TrentService.DescribeKey", map[string]any{"KeyId": secrets}, &key)
	if key.KeyMetadata.KeyState != "Enabled" {
		w.t.Errorf("the key of the secrets is %q, want Enabled", key.KeyMetadata.KeyState)
	}
	w.kept = kept
}

// again makes the stack that was removed once more: what stayed of it is not in
// the way, and stays.
func (w *world) again() {
	w.deploy(w.settings.first)
	w.putSecrets()
	w.tick()
	w.digest()
	if log := w.physical("AccessLog"); slices.Contains(w.kept, log) ||
		!strings.HasPrefix(log, "/aws/vendedlogs/"+stack+"/") {
		w.t.Errorf("the access log is %s, and %v stayed", log, w.kept)
	}
	w.logGroupsStay(w.kept)
	w.sam("delete", "--no-prompts")
}

func (w *world) logGroupsStay(names []string) {
	w.t.Helper()
	var there struct {
		LogGroups []struct{ LogGroupName string }
	}
	w.cloudwatch("DescribeLogGroups", map[string]any{}, &there)
	stands := make(map[string]bool)
	for _, g := range there.LogGroups {
		stands[g.LogGroupName] = true
	}
	for _, name := range names {
		if !stands[name] {
			w.t.Errorf("the log group %s is gone", name)
		}
	}
}

// cloudwatch calls CloudWatch Logs.
func (w *world) cloudwatch(operation string, in, out any) {
	w.t.Helper()
	w.calling("logs", "Logs_20140328."+operation, in, out)
}

// calling calls a service for which the module has no client.
func (w *world) calling(service, target string, in, out any) {
	w.t.Helper()
	body, err := json.Marshal(in)
	w.must(err)
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, *w.endpoint(), bytes.NewReader(body))
	w.must(err)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	sum := sha256.Sum256(body)
	by, err := rootOf(bastion).Retrieve(w.t.Context())
	w.must(err)
	w.must(v4.NewSigner().SignHTTP(w.t.Context(), by, r, hex.EncodeToString(sum[:]), service, region, time.Now()))
	answer, err := http.DefaultClient.Do(r)
	w.must(err)
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(answer.Body)
	w.must(err)
	if answer.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: answered %d %s", target, answer.StatusCode, said)
	}
	w.must(json.Unmarshal(said, out))
}
