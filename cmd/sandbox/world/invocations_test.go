package world_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
)

const invokePath = "/lambda/2015-03-31/functions/"

// Only the public functions can invoke vend, each in its own way, only tick can invoke cut, and only from
// inside.
func TestOnlyThePublicFunctionsInvokeVend(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	slackKey, apiKey := b.World().Secrets.SlackKeys.AccessKeyID, b.World().Secrets.APIKeys.AccessKeyID
	tickKey := b.World().Secrets.TickKeys.AccessKeyID
	vend, tick, cut := world.FunctionARN("vend"), world.FunctionARN("tick"), world.FunctionARN("cut")
	for name, c := range map[string]struct {
		key, function, kind string
		want                int
	}{
		"the slack function":       {slackKey, vend, "Event", http.StatusAccepted},
		"the api function":         {apiKey, vend, "RequestResponse", http.StatusOK}, // vend refuses the payload
		"the tick function":        {tickKey, cut, "Event", http.StatusAccepted},
		"tick, to vend":            {tickKey, vend, "Event", http.StatusNotFound},
		"the slack function, cut":  {slackKey, cut, "Event", http.StatusNotFound},
		"tick, waiting":            {tickKey, cut, "RequestResponse", http.StatusBadRequest},
		"somebody else":            {"AKIASOMEBODY", vend, "Event", http.StatusForbidden},
		"another function":         {slackKey, tick, "Event", http.StatusNotFound},
		"another function, by api": {apiKey, tick, "RequestResponse", http.StatusNotFound},
		"slack, waiting":           {slackKey, vend, "RequestResponse", http.StatusBadRequest},
		"api, without waiting":     {apiKey, vend, "Event", http.StatusBadRequest},
	} {
		target := b.World().InternalURL() + invokePath + url.PathEscape(c.function) + "/invocations"
		r, err := http.NewRequest(http.MethodPost, target, strings.NewReader(`{}`))
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
		failed := answer.Header.Get("X-Amz-Function-Error") != ""
		if failed != (c.want == http.StatusOK) {
			t.Errorf("%s: the function has failed: %v", name, failed)
		}
	}
	status, _ := b.Send(http.MethodPost, invokePath+"x/invocations", "{}")
	if status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
		t.Errorf("from outside: got %d", status)
	}
}
