package operators

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/slackapi"
)

// appManifest is what of the manifest is looked at here.
type appManifest struct {
	Features struct {
		SlashCommands []struct{ Command, URL string } `yaml:"slash_commands"`
	}
	OAuth struct {
		Scopes struct{ Bot, User []string }
	} `yaml:"oauth_config"`
	Settings struct {
		Interactivity struct {
			Request string `yaml:"request_url"`
			Options string `yaml:"message_menu_options_url"`
		}
	}
}

func manifestOf(t *testing.T, args ...string) (m appManifest, text, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"manifest"}, args...), &out, &errs)
	if err := yaml.Unmarshal(out.Bytes(), &m); err != nil {
		t.Errorf("%v: no YAML: %v\n%s", args, err, out.String())
	}
	return m, out.String(), errs.String(), code
}

func TestTheManifestHasTheAddresses(t *testing.T) {
	for _, base := range []string{
		"https://abc123.execute-api.eu-west-1.amazonaws.com", "https://access.example.com/slack-api",
		"http://127.0.0.1:8080", "http://localhost:4566",
	} {
		m, text, stderr, code := manifestOf(t, "--url", base)
		if code != exitOK || strings.Contains(text, "{{") || stderr != "" {
			t.Fatalf("%s: ended with %d, %s%s", base, code, stderr, text)
		}
		got := []string{m.Features.SlashCommands[0].URL, m.Settings.Interactivity.Request, m.Settings.Interactivity.Options}
		if want := []string{
			base + "/slack/commands",
			base + "/slack/interactions",
			base + "/slack/options",
		}; !slices.Equal(
			got,
			want,
		) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	m, _, _, _ := manifestOf(t, "--url", "https://x.example")
	want := append(slackapi.RequiredScopes(), slackapi.OptionalScopes()...)
	slices.Sort(want)
	if slices.Sort(m.OAuth.Scopes.Bot); !slices.Equal(m.OAuth.Scopes.Bot, want) || len(m.OAuth.Scopes.User) > 0 {
		t.Errorf("scopes %v, doctor wants %v", m.OAuth.Scopes, want)
	}
}

// The words say where the app is made: GovSlack has a place of its own.
func TestTheManifestSaysWhereAppsAreMade(t *testing.T) {
	c := newClinic(t, thePolicy(t))
	for host, want := range map[string]string{"": "Paste the output at api.slack.com/apps:",
		"slack-gov.com": "Paste the output at api.slack-gov.com/apps:"} {
		args := []string{"--url", "https://x.example"}
		if c.api.outputs["SlackHost"] = host; host != "" {
			args = append(args, "--slack-host", host)
		}
		for _, args := range [][]string{args, nil} {
			m := strings.Join(strings.Fields(strings.ReplaceAll(textOf(t, args...), "#", "")), " ")
			if !strings.Contains(strings.ReplaceAll(m, "in; ", ""), want) {
				t.Errorf("%q %v: %.300s", host, args, m)
			}
		}
	}
	for _, args := range [][]string{{"--slack-host", "slack-gov.com"},
		{"--url", "https://x.example", "--slack-host", "evil.example"}} {
		if _, text, stderr, code := manifestOf(t, args...); code != exitUsage || text != "" ||
			!strings.Contains(stderr, "--slack-host needs slack.com or slack-gov.com") {
			t.Errorf("%v: ended with %d, %q", args, code, stderr)
		}
	}
	c.api.outputs["SlackHost"] = "evil.example"
	if _, text, stderr, code := manifestOf(t); code != exitUsage || text != "" ||
		!strings.Contains(stderr, "neither slack.com nor slack-gov.com") {
		t.Errorf("ended with %d, %q", code, stderr)
	}
}

func textOf(t *testing.T, args ...string) string {
	t.Helper()
	_, text, _, _ := manifestOf(t, args...)
	return text
}

func TestTheManifestTakesNoOtherAddress(t *testing.T) {
	for _, base := range []string{
		"http://access.example.com", "ftp://127.0.0.1", "https://", "access.example.com", "https://a b",
		"https://x\n  evil: y", `https://x"`, "https://x?y=", "https://x#y",
		"https://user@x", "https://x/{{OPTIONS_URL}}", "http://127.0.0.1.example.com",
	} {
		if _, text, stderr, code := manifestOf(
			t,
			"--url",
			base,
		); code != exitUsage || text != "" ||
			!strings.Contains(stderr,
				"Slack cannot call the address") {
			t.Errorf("%q: ended with %d, %q %q", base, code, text, stderr)
		}
	}
}

func TestTheManifestIsFilledInFromTheStack(t *testing.T) {
	c := newClinic(t, thePolicy(t))
	m, _, stderr, code := manifestOf(t)
	if code != exitOK || m.Settings.Interactivity.Options != c.api.outputs["OptionsUrl"] {
		t.Errorf("ended with %d, %+v %s", code, m, stderr)
	}
	delete(c.api.outputs, "OptionsUrl")
	for line, want := range map[string]string{"": "has no output OptionsUrl", "--stack other": "there is no stack other"} {
		if _, text, stderr, code := manifestOf(
			t,
			strings.Fields(line)...); code != exitUsage || text != "" ||
			!strings.Contains(stderr, want) {
			t.Errorf("%s: ended with %d, %q, want %q", line, code, stderr, want)
		}
	}
	t.Setenv("AWS_REGION", "")
	if _, _, stderr, code := manifestOf(t); code != exitUsage || !strings.Contains(stderr, "no AWS region is set") {
		t.Errorf("without a region: ended with %d, %q", code, stderr)
	}
	if _, _, _, code := manifestOf(t, "more"); code != exitUsage {
		t.Errorf("called wrongly: ended with %d", code)
	}
}

func TestAnAddressMayEndInASlashOrItsRoute(t *testing.T) {
	for _, base := range []string{
		"https://x.example.com", "https://x.example.com/", "https://x.example.com/slack/commands",
	} {
		var out, said strings.Builder
		if code := manifestMain(
			t.Context(),
			[]string{"--url", base},
			&out,
			&said,
		); code != exitOK ||
			!strings.Contains(out.String(), `request_url: "https://x.example.com/slack/interactions"`) {
			t.Errorf("%s: ends with %d and says %q", base, code, said.String())
		}
	}
}
