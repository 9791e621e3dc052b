package world_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
)

// Only the slack function can order a vend.
func TestOrdersTakeTheFunctionsKey(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	st := b.World()
	for name, c := range map[string]struct {
		key, function, kind string
		want                int
	}{
		"the function":       {st.Secrets.SlackKeys.AccessKeyID, world.FunctionARN("vend"), "Event", http.StatusAccepted},
		"somebody":           {"AKIASOMEBODY", world.FunctionARN("vend"), "Event", http.StatusForbidden},
		"another function":   {st.Secrets.SlackKeys.AccessKeyID, world.FunctionARN("tick"), "Event", http.StatusNotFound},
		"waiting for answer": {st.Secrets.SlackKeys.AccessKeyID, world.FunctionARN("vend"), "RequestResponse", http.StatusBadRequest},
	} {
		r, err := http.NewRequest(http.MethodPost, st.InternalURL()+"/lambda/2015-03-31/functions/"+url.PathEscape(c.function)+"/invocations", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+c.key+"/20261121/eu-west-1/lambda/aws4_request, x")
		r.Header.Set("X-Amz-Invocation-Type", c.kind)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != c.want {
			t.Errorf("%s: got %d, want %d", name, answer.StatusCode, c.want)
		}
	}
	if status, _ := b.Send(http.MethodPost, "/lambda/2015-03-31/functions/x/invocations", "{}"); status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
		t.Errorf("from outside: got %d", status)
	}
}
