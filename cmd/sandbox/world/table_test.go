package world_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
)

// tableOf is the sandbox's table for somebody who has the keys of a role.
func tableOf(b *sandboxtest.Sandbox, role string) *dynamo.Store {
	b.T.Helper()
	var keys struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	if err := json.Unmarshal([]byte(b.Do("machines", `{"arn":"`+role+`"}`)), &keys); err != nil {
		b.T.Fatal(err)
	}
	client := dynamodb.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(b.URL + "/aws"),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID: keys.AccessKeyId, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken,
			}, nil
		}),
	})
	return dynamo.New(client, "aws-access", b.World().Clock.Now)
}

// Operators end grants and freeze through the table, as on AWS: what they write is what the functions
// read, and each write has its condition.
func TestOperatorsEndGrantsThroughTheTable(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	sandboxtest.Granted(b)
	table, ctx, now := tableOf(b, "arn:aws:iam::640710528431:role/Operators"), t.Context(), b.World().Clock.Now()
	all, err := table.InState(ctx, access.Active, 10)
	if err != nil || len(all) != 1 {
		t.Fatalf("active grants: %v, %v", all, err)
	}
	next, event, err := all[0].RevokeByOperator(access.Person{ID: "operator", Name: "Op"}, "a stolen laptop", now)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []error{nil, access.ErrStale} { // the second write finds the version of the first
		if err := table.Save(ctx, next, event, ""); !errors.Is(err, want) {
			t.Errorf("save the revocation: got %v, want %v", err, want)
		}
	}
	if got := b.State().Requests[0]; got.State != string(access.Revoked) || got.ClosedWhy != "a stolen laptop" {
		t.Errorf("the grant is %s: %q", got.State, got.ClosedWhy)
	}
	if due, err := table.DueCuts(ctx, now.Add(24*time.Hour), 10); err != nil || len(due) != 0 { // no session was live
		t.Errorf("cuts: %v, %v", due, err)
	}
	freeze, err := table.Freeze(ctx)
	if err != nil || freeze.On {
		t.Fatalf("freeze: %+v, %v", freeze, err)
	}
	freeze, _ = freeze.Start(access.Person{ID: "operator"}, "an intrusion", now)
	if err := table.SaveFreeze(ctx, freeze); err != nil {
		t.Fatal(err)
	}
	if f := b.State().Freeze; f == nil || f.Why != "an intrusion" {
		t.Errorf("the state shows the freeze %+v", f)
	}
	other := freeze
	other.Why = "of another operator" // the same version
	if err := table.SaveFreeze(ctx, other); !errors.Is(err, access.ErrStale) {
		t.Errorf("a second freeze: got %v, want %v", err, access.ErrStale)
	}
}

// Nobody else reaches the table, and nothing else of DynamoDB is there.
func TestOnlyOperatorsReachTheTable(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	refused := func(err error) string {
		var answer smithy.APIError
		if !errors.As(err, &answer) {
			t.Fatalf("got %v, want an answer of DynamoDB", err)
		}
		return answer.ErrorCode()
	}
	_, err := tableOf(b, "arn:aws:iam::332000000000:role/Build").Freeze(t.Context())
	if code := refused(err); code != "AccessDeniedException" {
		t.Errorf("another role: got %s", code)
	}
	table := tableOf(b, "arn:aws:iam::640710528431:role/Operators")
	_, err = table.WithDevices("aws-access-devices").Device(t.Context(), "x")
	if refused(err) != "AccessDeniedException" {
		t.Errorf("a device: got %v", err)
	}
	if _, _, err := table.LoadForSubmit(t.Context(), "U0DEV1", ""); refused(err) != "ValidationException" {
		t.Errorf("what somebody has asked for: got %v", err)
	}
}
