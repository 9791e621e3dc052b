package config

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/awscall"
)

// A call that finds its connection dead, because the function was frozen for a while, is
// made again on a new connection.
func TestConnectionThatDiedDuringAFreezeFailsNoCall(t *testing.T) {
	getenv := func(name string) string {
		return map[string]string{"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}[name]
	}
	for name, c := range map[string]struct {
		service Service
		call    func(*testing.T, aws.Config) error
		answer  string
	}{
		"DynamoDB": {DynamoDB, func(t *testing.T, c aws.Config) error {
			_, err := dynamodb.NewFromConfig(c).ListTables(t.Context(), &dynamodb.ListTablesInput{})
			return err
		}, `{}`},
		"STS": {STS, func(t *testing.T, c aws.Config) error {
			_, err := sts.NewFromConfig(c).AssumeRole(t.Context(),
				&sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111111111111:role/x"), RoleSessionName: aws.String("s")})
			return err
		}, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">` +
			`<AssumeRoleResult></AssumeRoleResult></AssumeRoleResponse>`},
		"SSM": {SSM, func(t *testing.T, c aws.Config) error {
			_, err := awscall.Client{Service: "ssm", Config: c}.Post(t.Context(), "/", http.Header{}, []byte("{}"))
			return err
		}, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			calls := map[string]int{}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if calls[r.RemoteAddr]++; calls[r.RemoteAddr] > 1 {
					panic(http.ErrAbortHandler) // without an answer
				}
				_, _ = io.Copy(w, bytes.NewReader([]byte(c.answer)))
			}))
			defer server.Close()
			config := AWS(Config{Region: "eu-west-1", overrides: map[string]string{"AWS_ENDPOINT_URL": server.URL}}, c.service,
				getenv)
			for call := range 2 {
				if err := c.call(t, config); err != nil {
					t.Errorf("call %d: %v", call+1, err)
				}
			}
			died := false
			for _, n := range calls {
				died = died || n == 2
			}
			if !died {
				t.Errorf("calls by connection: %v; none was kept, so this proves nothing", calls)
			}
		})
	}
}
