package config

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/awscall"
)

var good = map[string]string{
	"AWS_REGION": "eu-west-1", "BASTION_ACCOUNT": "999999999999", "TABLE": "aws-access", "POLICY": "policy.yaml",
	"SLACK_TEAM":                     "T01234567",
	"SLACK_BOT_TOKEN_PARAMETER":      "/jit-access/slack/bot-token",
	"SLACK_SIGNING_SECRET_PARAMETER": "/jit-access/slack/signing-secret",
	"EXTERNAL_ID_PARAMETER":          "/jit-access/external-id",
	"VEND_FUNCTION":                  "arn:aws:lambda:eu-west-1:999999999999:function:vend",
	"CUT_FUNCTION":                   "arn:aws:lambda:eu-west-1:999999999999:function:cut",
	"CONSOLE_ISSUER":                 "https://example.com/aws-access",
	"EXACT_EXPIRY":                   "preferred",
	"DEVICES_TABLE":                  "aws-access-devices",
	"URL_PARAMETER":                  "/jit-access/url",
	"ANSWER_KEY_PARAMETER":           "/jit-access/answer-key",
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	for _, f := range []Function{Slack, API, Notify, Vend, Cut, Tick} {
		if _, err := Read(f, func(name string) string { return good[name] }); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		_, err := Read(f, func(string) string { return "" })
		for _, v := range variables {
			needed := v.name != "SLACK_ENTERPRISE" && v.name != "SLACK_HOST" && SpecOf(f).reads(v.name)
			problem := " " + v.name + " is missing: it must be " + v.form
			if named := err != nil && strings.Contains(err.Error(), problem); named != needed {
				t.Errorf("%s without anything: names %s: %v, want %v (%v)", f, v.name, named, needed, err)
			}
		}
	}
}

func TestSlackHasTwoHostsAndNoOther(t *testing.T) {
	for host, want := range map[string]string{
		"": "slack.com", "slack.com": "slack.com", "slack-gov.com": "slack-gov.com", "slack-xcom": "", "hooks.slack.com": "",
		"slack.com.evil.example": "",
		"evil.example":           "", "slack.com/": "", "Slack.com": "", "slack.com:443": "", "user@slack.com": "",
		"slack-gov.co": "",
	} {
		c, err := Read(Slack, func(name string) string {
			if name == "SLACK_HOST" {
				return host
			}
			return good[name]
		})
		if c.SlackHost != want || (err == nil) != (want != "") || err != nil &&
			!strings.Contains(err.Error(), "SLACK_HOST is wrong: it must be slack.com or slack-gov.com") {
			t.Errorf("%q: got %q, %v, want %q", host, c.SlackHost, err, want)
		}
	}
}

func TestAFunctionStartsInEveryRegion(t *testing.T) {
	text, err := os.ReadFile("../access/testdata/regions.txt")
	if err != nil {
		t.Fatal(err)
	}
	regions := map[string]bool{"eu-west": false, "EU-WEST-1": false, "eu-west-1.evil.example": false, "eu-west-1a": false}
	for line := range strings.Lines(string(text)) {
		if name, _, _ := strings.Cut(line, " "); name != "#" {
			regions[name] = true
		}
	}
	for region, want := range regions {
		_, err := Read(Vend, func(name string) string {
			if name == "AWS_REGION" {
				return region
			}
			return good[name]
		})
		if got := err == nil; got != want || err != nil && !strings.Contains(err.Error(), "AWS_REGION is wrong") {
			t.Errorf("%s: %v, want it taken: %v", region, err, want)
		}
	}
}

func TestAnInvalidVariableIsNamedWithoutItsValue(t *testing.T) {
	for name := range good {
		if name == "POLICY" { // any path will do
			continue
		}
		for _, f := range []Function{Slack, API, Vend, Tick} {
			_, err := Read(f, func(n string) string {
				if n == name {
					return "xoxb-canary\nevil"
				}
				return good[n]
			})
			if err == nil {
				continue // not read by this function
			}
			if !strings.Contains(err.Error(), name+" is wrong") || strings.Contains(err.Error(), "canary") ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: got %q", name, err)
			}
		}
	}
}

func TestASecretIsKeptForFiveMinutesAndReadAgainWhenRefused(t *testing.T) {
	value, reads := "first", 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reads++
		_, _ = w.Write([]byte(`{"Parameter":{"Value":"` + value + `"}}`))
	}))
	defer server.Close()
	c := Config{Region: "eu-west-1", overrides: map[string]string{"AWS_ENDPOINT_URL_SSM": server.URL}}
	client := awscall.Client{Service: "ssm", Config: AWS(c, SSM, func(string) string { return "x" })}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	p := &Parameter{SSM: client, Name: "/jit-access/x", Now: func() time.Time { return now }}
	for _, step := range []struct {
		is    string
		pass  time.Duration
		fresh bool
		want  string
		reads int
	}{
		{"first", 0, false, "first", 1}, {"second", 4 * time.Minute, false, "first", 1}, {"second", 0, true, "second", 2},
		{"third", time.Minute - 1, true, "second", 2}, {"third", 1, true, "third", 3},
		// Nobody says that it is wrong: it is old in the end all the same.
		{"fourth", maxAge - 1, false, "third", 3}, {"fourth", 1, false, "fourth", 4},
	} {
		value, now = step.is, now.Add(step.pass)
		got, err := p.Get(context.Background(), step.fresh)
		if err != nil || got.Reveal() != step.want || reads != step.reads {
			t.Errorf("got %q after %d reads (%v), want %q after %d", got.Reveal(), reads, err, step.want, step.reads)
		}
	}
	value, now = "", now.Add(time.Hour)
	if _, err := p.Get(context.Background(), true); err == nil || !strings.Contains(err.Error(),
		"read the secret /jit-access/x: it is empty") {
		t.Errorf("an empty secret: got %v", err)
	}
}

// Credentials and tokens go where these point.
func TestEndpointOverridesAcceptOnlyLoopbackAddresses(t *testing.T) {
	for _, name := range endpointOverrides {
		for value, want := range map[string]bool{
			"": true, "http://127.0.0.1:4566": true, "http://[::1]:1/slack-api": true, "https://localhost/x": true,
			"https://evil.example": false, "http://127.0.0.1.evil.example": false, "http://localhost@evil.example": false,
			"http://0.0.0.0:1": false,
			"//127.0.0.1":      false, "127.0.0.1:4566": false, "file:///etc/passwd": false, "http://169.254.169.254": false,
			"http://127.0.0.1/?x=1": false,
		} {
			_, err := Read(Vend, func(n string) string {
				if n == name {
					return value
				}
				return good[n]
			})
			if got := err == nil; got != want {
				t.Errorf("%s=%q: %v", name, value, err)
			}
			if err != nil && (!strings.Contains(err.Error(),
				name+" is wrong: it must be "+overrideForm) || strings.Contains(err.Error(), value)) {
				t.Errorf("%s=%q: the error is %q", name, value, err)
			}
		}
	}
}

func TestTheOverrideOfAServiceBeatsTheGeneralOne(t *testing.T) {
	c := Config{
		overrides: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:2"},
	}
	for service, want := range map[Service]string{STS: "http://127.0.0.1:2", DynamoDB: "http://127.0.0.1:1"} {
		if got := AWS(c, service, func(string) string { return "" }).BaseEndpoint; got == nil || *got != want {
			t.Errorf("%s: got %v, want %s", service, got, want)
		}
	}
	if got := AWS(Config{}, STS, func(string) string { return "" }).BaseEndpoint; got != nil {
		t.Errorf("without any: got %s, want AWS itself", *got)
	}
}
