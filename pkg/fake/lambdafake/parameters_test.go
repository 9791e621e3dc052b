package lambdafake

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

func parameters(t *testing.T) (*Parameters, *ssm.Client) {
	p := &Parameters{}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return p, ssm.New(ssm.Options{
		Region: "eu-west-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDSLACK", "secret", ""),
	})
}

func TestParametersCanBeSetReadRefusedAndDeleted(t *testing.T) {
	p, client := parameters(t)
	get := func(decrypt bool) (string, error) {
		out, err := client.GetParameter(t.Context(),
			&ssm.GetParameterInput{Name: aws.String("/jit-access/x"), WithDecryption: &decrypt})
		if err != nil {
			return "", err
		}
		return *out.Parameter.Value + " " + string(out.Parameter.Type), nil
	}
	if _, err := get(true); code(err) != "ParameterNotFound" {
		t.Errorf("got %v", err)
	}
	for reads, value := range []string{"one", "two"} {
		if err := p.Put("/jit-access/x", value); err != nil {
			t.Fatal(err)
		}
		if got, err := get(true); err != nil || got != value+" SecureString" || p.Reads("/jit-access/x") != reads+1 {
			t.Errorf("got %q, %v after %d reads", got, err, p.Reads("/jit-access/x"))
		}
	}
	if got, err := get(false); err != nil || strings.Contains(got, "two") {
		t.Errorf("without decryption: got %q, %v", got, err)
	}
	p.Refuse("/jit-access/x", true)
	if _, err := get(true); code(err) != "AccessDeniedException" {
		t.Errorf("got %v", err)
	}
	p.Refuse("/jit-access/x", false)
	p.Delete("/jit-access/x")
	if _, err := get(true); code(err) != "ParameterNotFound" {
		t.Errorf("got %v", err)
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader("{}")))
	if w.Code != 400 || !strings.Contains(w.Body.String(), "MissingAuthenticationToken") {
		t.Errorf("unsigned: got %d %s", w.Code, w.Body)
	}
}

// The rules are from the user guide of Systems Manager (naming rules, quotas).
func TestPutRefusesWhatSSMRefuses(t *testing.T) {
	p := &Parameters{}
	for name, c := range map[string]struct{ name, value, want string }{
		"aws":            {"/aws-access/x", "v", "cannot be prefixed with aws or ssm"},
		"AWS":            {"AWSx", "v", "cannot be prefixed with aws or ssm"},
		"ssm":            {"/ssm/x", "v", "cannot be prefixed with aws or ssm"},
		"space":          {"/a b", "v", "letters, digits"},
		"no first slash": {"a/b", "v", "letters, digits"},
		"empty":          {"/a", "", "1 to 4,096 bytes"},
		"large":          {"/a", strings.Repeat("x", 4097), "1 to 4,096 bytes"},
	} {
		if err := p.Put(c.name, c.value); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
