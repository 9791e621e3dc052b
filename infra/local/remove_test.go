//go:build deployed

package local

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
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

// logGroups are the logical ids of the stack's log groups.
var logGroups = []string{"SlackLog", "ApiLog", "VendLog", "CutLog", "NotifyLog", "TickLog", "AccessLog"}

// minute waits until the schedule of the template calls tick. The earlier steps invoked
// tick themselves.
func (w *world) minute() {
	w.t.Helper()
	tick := w.physical("TickFunction")
	came := within(70*time.Second, func() bool {
		output, err := os.ReadFile(w.settings.logs)
		return err == nil && strings.Contains(string(output), "Lambda "+tick+": dispatched")
	})
	if !came {
		w.t.Fatal("the schedule did not call tick within 70 seconds")
	}
}

// noSecrets checks that no log group and no table contains a secret.
func (w *world) noSecrets() {
	secrets := w.secrets()
	if len(w.canaries) < 8 {
		w.t.Errorf("only %d secrets of the command line were collected", len(w.canaries))
	}
	for _, logical := range logGroups {
		var found struct{ Events []struct{ Message string } }
		w.cloudwatch("FilterLogEvents", map[string]any{"logGroupName": w.physical(logical)}, &found)
		var all strings.Builder
		for _, e := range found.Events {
			all.WriteString(e.Message + "\n")
		}
		w.t.Logf("%s: %d lines", logical, len(found.Events))
		w.search(logical, all.String(), secrets)
	}
	devices := w.table("DevicesTable")
	if own := w.computer.Key.Public().Thumbprint(); !strings.Contains(devices, own) {
		w.t.Error("the table of devices does not contain the computer, so the search proves nothing")
	}
	requests := w.table("Table")
	if !strings.Contains(requests, "asked by a command line") {
		w.t.Error("the table does not contain the request of the command line, so the search proves nothing")
	}
	w.search("the table of devices", devices, secrets)
	w.search("the table", requests, secrets)
}

// search reports each secret that is in a text. The middle of a long one is enough.
func (w *world) search(place, text string, secrets map[string]string) {
	for what, secret := range secrets {
		if len(secret) < 16 {
			w.t.Errorf("the %s is too short to be looked for", what)
		}
		if cut := len(secret) / 4; len(secret) >= 40 {
			secret = secret[cut : len(secret)-cut]
		}
		if strings.Contains(text, secret) {
			w.t.Errorf("%s contains the %s", place, what)
		}
	}
}

// table returns all items of a table as JSON, in which no character is escaped.
func (w *world) table(output string) string {
	w.t.Helper()
	name := w.outputs[output]
	pages := dynamodb.NewScanPaginator(w.dynamodb(rootOf(bastion)), &dynamodb.ScanInput{TableName: &name})
	var all bytes.Buffer
	e := json.NewEncoder(&all)
	e.SetEscapeHTML(false)
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		w.must(err)
		w.must(e.Encode(page.Items))
	}
	return all.String()
}

// secrets returns all secrets by their description, including those of sessions.
func (w *world) secrets() map[string]string {
	all := map[string]string{
		"signing secret": w.signing.Reveal(), "bot token": botToken, "external id": w.external,
		"answer key": strings.Split(w.answers, "\n")[1],
	}
	maps.Copy(all, w.canaries)
	for _, user := range []string{"U0DEV1", "U0DEV2"} {
		for _, m := range w.keyMessages(user) {
			k := exported(m)
			all["secret of "+k[0]], all["session token of "+k[0]] = k[1], k[2]
		}
	}
	return all
}

// freeze is the first step of removing the product, and stops everything in an
// emergency. The emulator's CloudFormation ignores reserved concurrency, and its API
// Gateway does not check the permission of a function. So the test checks that the
// stack's state is frozen, that its other parameters are unchanged, and that the
// permission is gone. It also checks the immediate way of docs/deploy.md.
func (w *world) freeze() {
	w.vend = w.credentials("VendFunction")
	w.deployWith(w.settings.second, "Frozen=true")
	if state := w.outputs["State"]; state != "frozen" {
		w.t.Errorf("the stack is %q, want frozen", state)
	}
	unchanged := map[string]string{"SlackTeamId": team, "OperatorsEmail": operators}
	for _, p := range w.currentStack().Parameters {
		if want, ok := unchanged[*p.ParameterKey]; ok && *p.ParameterValue != want {
			w.t.Errorf("%s is %q, was %q", *p.ParameterKey, *p.ParameterValue, want)
		}
	}
	w.checkNoResourcePolicy(w.physical("SlackFunction"))

	root, vend := w.lambda(rootOf(bastion)), w.physical("VendFunction")
	_, err := root.PutFunctionConcurrency(w.t.Context(),
		&lambda.PutFunctionConcurrencyInput{FunctionName: &vend, ReservedConcurrentExecutions: aws.Int32(0)})
	w.must(err)
	_, err = root.Invoke(w.t.Context(), &lambda.InvokeInput{FunctionName: &vend, Payload: []byte("{}")},
		func(o *lambda.Options) { o.RetryMaxAttempts = 1 })
	w.wants("invoke vend", err, "TooManyRequestsException")
}

// remove deletes the stack. The records about requests, approvals and actions must stay:
// the table, the logs, and the key that encrypts the secrets.
func (w *world) remove() {
	secrets := w.physical("SecretsKey")
	items, table, bucket := w.items(), w.outputs["Table"], w.outputs["UndeliveredBucketName"]
	var kept []string
	for _, logical := range logGroups {
		kept = append(kept, w.physical(logical))
	}
	w.sam("delete", "--no-prompts")

	if s := w.currentStack(); s != nil {
		w.t.Errorf("the stack still exists: %s", s.StackStatus)
	}
	root := rootOf(bastion)
	functions, err := w.lambda(root).ListFunctions(w.t.Context(), &lambda.ListFunctionsInput{})
	w.must(err)
	for _, f := range functions.Functions {
		w.t.Errorf("%s still exists", *f.FunctionName)
	}
	_, err = w.iam(root).GetRole(w.t.Context(), &iam.GetRoleInput{RoleName: aws.String("aws-access-vend")})
	w.wants("vend's role", err, "NoSuchEntity")
	err = w.assume("arn:aws:iam::"+production+":role/aws-access/ReadOnly", w.external)(w.vend)
	if got, err := verdict(err); got == "allowed" {
		w.t.Errorf("vend's credentials can still assume target roles (%v)", err)
	}
	if got := w.calls(http.MethodPost, w.address("/slack/commands"), w.public()); got != http.StatusNotFound {
		w.t.Errorf("the endpoint answers %d, want 404", got)
	}

	if now := w.items(); now != items {
		w.t.Errorf("%d items are in the table, %d before", now, items)
	}
	described, err := w.dynamodb(root).DescribeTable(w.t.Context(), &dynamodb.DescribeTableInput{TableName: &table})
	w.must(err)
	if !aws.ToBool(described.Table.DeletionProtectionEnabled) {
		w.t.Error("the table has no deletion protection")
	}
	_, err = w.s3(root).HeadBucket(w.t.Context(), &s3.HeadBucketInput{Bucket: &bucket})
	w.wants("the bucket for undelivered records", err, "")
	w.checkLogGroups(kept)
	var key struct{ KeyMetadata struct{ KeyState string } }
	w.signedCall("kms", "TrentService.DescribeKey", map[string]any{"KeyId": secrets}, &key)
	if key.KeyMetadata.KeyState != "Enabled" {
		w.t.Errorf("the key of the secrets is %q, want Enabled", key.KeyMetadata.KeyState)
	}
	w.kept = kept
}

// again deploys the deleted stack once more, beside the resources that it left behind.
func (w *world) again() {
	w.deploy(w.settings.first)
	w.putSecrets()
	w.tick()
	w.digest()
	if log := w.physical("AccessLog"); slices.Contains(w.kept, log) ||
		!strings.HasPrefix(log, "/aws/vendedlogs/"+stack+"/") {
		w.t.Errorf("the access log is %s, want a new one beside %v", log, w.kept)
	}
	w.checkLogGroups(w.kept)
	w.sam("delete", "--no-prompts")
}

// checkLogGroups checks that log groups exist.
func (w *world) checkLogGroups(names []string) {
	w.t.Helper()
	var described struct {
		LogGroups []struct{ LogGroupName string }
	}
	w.cloudwatch("DescribeLogGroups", map[string]any{}, &described)
	exists := make(map[string]bool)
	for _, g := range described.LogGroups {
		exists[g.LogGroupName] = true
	}
	for _, name := range names {
		if !exists[name] {
			w.t.Errorf("the log group %s does not exist", name)
		}
	}
}

// cloudwatch calls CloudWatch Logs.
func (w *world) cloudwatch(operation string, in, out any) {
	w.t.Helper()
	w.signedCall("logs", "Logs_20140328."+operation, in, out)
}

// signedCall calls a service of AWS for which go.mod has no client.
func (w *world) signedCall(service, target string, in, out any) {
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
	text, err := io.ReadAll(answer.Body)
	w.must(err)
	if answer.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: got %d %s", target, answer.StatusCode, text)
	}
	w.must(json.Unmarshal(text, out))
}
