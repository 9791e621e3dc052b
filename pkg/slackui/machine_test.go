package slackui

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
)

func githubRun() access.Machine {
	claims := map[string]string{
		"sub": "repo:octo-org/octo-repo:environment:production", "repository": "octo-org/octo-repo",
		"repository_id": "456789", "repository_owner_id": "123456", "environment": "production",
		"ref": "refs/heads/main", "event_name": "push", "actor": "octocat", "run_id": "9001", "run_attempt": "2",
	}
	return access.Machine{Run: &access.Run{Issuer: "https://token.actions.githubusercontent.com", Claims: claims}}
}

func gitlabRun() access.Machine {
	return access.Machine{Run: &access.Run{Issuer: "https://gitlab.example.com", Claims: map[string]string{
		"sub": "project_path:a/b/c:ref_type:branch:ref:main", "project_path": "a/b/c", "project_id": "28",
		"pipeline_id": "455", "ref": "main", "user_login": "lead1", "user_email": "lead1@example.com",
	}}}
}

func buildSession() access.Machine {
	return access.Machine{Role: &access.RoleSession{
		Partition: "aws", Account: "332000000000", Name: "CodeBuildRole", ID: "AROAEXAMPLEBUILDROLE1",
		Session: "AWSCodeBuild-3f2a",
	}}
}

// byMachine is a pending request of a machine; starter is the Slack id of the person who may have started it.
func byMachine(m access.Machine, starter string) access.Request {
	m.Starter = starter
	ask := asked()
	ask.Requester = m.Person()
	return must(access.New(ask, terms, noon))
}

// machineMessages are the cards of machines.
func machineMessages() map[string]Message {
	met := terms
	met.Met, met.Requirements = true, nil
	ask := asked()
	ask.Requester = buildSession().Person()
	return map[string]Message{
		"card-machine-github":  Card(byMachine(githubRun(), ""), CardPolicy{}, noon),
		"card-machine-gitlab":  Card(byMachine(gitlabRun(), lead.ID), CardPolicy{}, noon),
		"card-machine-role":    Card(byMachine(buildSession(), ""), CardPolicy{}, noon),
		"card-machine-granted": Card(must(access.New(ask, met, noon)), CardPolicy{}, noon),
		"card-machine-ended": Card(must(must(access.New(ask, met, noon)).End(buildSession().Person(), later)), CardPolicy{},
			later),
	}
}

func with(m access.Machine, claims ...string) access.Run {
	r := access.Run{Issuer: m.Run.Issuer, Claims: maps.Clone(m.Run.Claims)}
	for i := 0; i < len(claims); i += 2 {
		r.Claims[claims[i]] = claims[i+1]
	}
	return r
}

func issuedBy(issuer string, r access.Run) access.Run {
	r.Issuer = issuer
	return r
}

// A link is made of the issuer and of claims of strict forms. Anything else is shown as text.
func TestALinkToARunIsMadeOfStrictClaimsOnly(t *testing.T) {
	github, gitlab := githubRun(), gitlabRun()
	buildkite := access.Machine{Run: &access.Run{Issuer: "https://agent.buildkite.com", Claims: map[string]string{
		"organization_slug": "acme", "pipeline_slug": "deploy-it", "build_number": "5",
	}}}
	const path = "/octo-org/octo-repo/actions/runs/9001/attempts/2"
	const page = "https://github.com" + path
	for what, c := range map[string]struct {
		run  access.Run
		want string
	}{
		"GitHub":                  {with(github), page},
		"GitHub of an enterprise": {issuedBy("https://token.actions.githubusercontent.com/octo", with(github)), page},
		"GHE.com": {
			issuedBy("https://token.actions.octo.ghe.com", with(github)), "https://octo.ghe.com" + path,
		},
		"GitHub Enterprise Server": {
			issuedBy("https://git.example.com/_services/token", with(github)), "https://git.example.com" + path,
		},
		"Buildkite": {with(buildkite), "https://buildkite.com/acme/deploy-it/builds/5"},
		"GitLab":    {with(gitlab), "https://gitlab.example.com/a/b/c/-/pipelines/455"},
		"an issuer that looks like it": {
			issuedBy("https://token.actions.githubusercontent.com.evil.example.com", with(github)), "",
		},
		"an issuer with a user":     {issuedBy("https://me@git.example.com/_services/token", with(github)), ""},
		"an issuer over http":       {issuedBy("http://git.example.com/_services/token", with(github)), ""},
		"a port":                    {issuedBy("https://git.example.com:8443/_services/token", with(github)), ""},
		"a path upwards":            {with(github, "repository", "octo-org/.."), ""},
		"three parts":               {with(github, "repository", "octo-org/octo-repo/evil"), ""},
		"no owner":                  {with(github, "repository", "/octo-repo"), ""},
		"markup":                    {with(github, "repository", "octo-org/a|b>"), ""},
		"a query":                   {with(github, "repository", "octo-org/a?b"), ""},
		"a run that is no number":   {with(github, "run_id", "9001/../../evil"), ""},
		"an attempt that is text":   {with(github, "run_attempt", "#x"), ""},
		"no attempt":                {with(github, "run_attempt", ""), ""},
		"a slug with a slash":       {with(buildkite, "pipeline_slug", "a/b"), ""},
		"a project upwards":         {with(gitlab, "project_path", "a/../../c"), ""},
		"a project without a group": {with(gitlab, "project_path", "a"), ""},
		"GitLab over http":          {issuedBy("http://gitlab.example.com", with(gitlab)), ""},
		"digits of another script":  {with(github, "run_id", "９００１"), ""},
	} {
		if got := runAddress(c.run); got != c.want {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
	}
}

// Whatever a claim contains, it has no effect as markup, and the card keeps to Slack's limits.
func TestClaimsHaveNoEffectAsMarkup(t *testing.T) {
	const evil = "<!channel> <https://evil.example.com|ok> *x* `y` :tada: & \u202e"
	for _, name := range []string{
		"repository", "environment", "ref", "actor", "run_id", "run_attempt", "event_name", "job_workflow_ref", "sub",
	} {
		m := githubRun()
		m.Run.Claims[name] = evil
		r := byMachine(githubRun(), "")
		r.Requester.Machine = &m
		text := wholeText(t, Card(r, CardPolicy{}, noon))
		for _, bad := range []string{"<!channel", "|ok>", "*x*", ":tada:", "\u202e"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s: the card contains %q: %s", name, bad, text)
			}
		}
	}
}

func wholeText(t *testing.T, m Message) string {
	t.Helper()
	var b strings.Builder
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	if err := out.Encode(m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestAMachineGetsNoDirectMessage(t *testing.T) {
	met := terms
	met.Met, met.Requirements = true, nil
	ask := asked()
	ask.Requester = buildSession().Person()
	active := must(access.New(ask, met, noon))
	revoked := must(active.Revoke(lead, "", later))
	event := access.Event{Verb: access.Revoke, From: access.Active, To: access.Revoked, Actor: lead}
	if n, ok := NoticeOf(event, revoked, later); ok {
		t.Errorf("a machine is told %q", n.Text)
	}
	reminder := access.Event{Verb: access.Tick, From: access.Pending, To: access.Pending}
	if _, ok := NoticeOf(reminder, byMachine(githubRun(), ""), later); !ok {
		t.Error("the approvers of a machine's request are not reminded")
	}
}
