package slackui

import (
	"regexp"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// asker is who asks, at the beginning of a sentence.
func asker(p access.Person) string {
	if p.Machine != nil {
		return "A machine"
	}
	return mention(p)
}

// machineBlocks say which machine asks: the session of a role, or the run of a pipeline. Everything in them was signed
// by AWS or by the issuer, and so was everything of which a link is made. There are none for a person.
func machineBlocks(r access.Request) []slack.Block {
	var lines []string
	m := r.Requester.Machine
	switch {
	case m == nil:
		return nil
	case m.Role != nil:
		lines = append(lines, "It is the session “"+shortName(m.Role.Session)+"” of the role *"+shortName(m.Role.Name)+
			"* in the account "+shortName(m.Role.Account)+".")
	case m.Run != nil:
		lines = append(lines, "It is "+runName(*m.Run)+".", "Its token says: "+strings.Join(shownClaims(*m.Run), ", ")+".",
			"Issuer: "+shortName(m.Run.Issuer))
	}
	lines = append(lines, starter(m.Starter, r.State))
	return sections(fitLines(lines, maxMachine)...)
}

// maxMachine is how many characters a card uses to describe a machine.
const maxMachine = 1500

// starter says whether it is known who started the machine: that person's approval does not count.
func starter(id string, state access.State) string {
	switch {
	case access.IsPerson(id):
		return "<@" + id + "> may have started it, so that person's approval does not count."
	case state == access.Pending:
		return ":warning: Slack does not know who started this. Do not approve it if you did."
	}
	return "Slack does not know who started this."
}

// runName names a run, with a link if its address is known.
func runName(r access.Run) string {
	c := r.Claims
	name := "a run"
	if number := firstOf(c, "run_id", "build_number", "pipeline_id"); number != "" {
		text := shortName(number)
		if address := runAddress(r); address != "" {
			text = "<" + linkAddress(address) + "|" + text + ">"
		}
		name = "the run " + text
	}
	if attempt := c["run_attempt"]; attempt != "" && attempt != "1" {
		name += ", attempt " + shortName(attempt) + ","
	}
	if where := firstOf(c, "repository", "project_path", "pipeline_slug"); where != "" {
		name += " of *" + shortName(where) + "*"
	}
	return name
}

func firstOf(claims map[string]string, names ...string) string {
	for _, name := range names {
		if claims[name] != "" {
			return claims[name]
		}
	}
	return ""
}

// shownClaims are the claims by which a reader tells one run from another, in this order.
func shownClaims(r access.Run) (all []string) {
	for _, name := range [...]string{
		"environment", "ref", "build_branch", "job_workflow_ref", "event_name", "pipeline_source", "actor", "user_login",
		"repository_id", "repository_owner_id", "organization_id", "pipeline_id", "project_id",
	} {
		if value := r.Claims[name]; value != "" {
			all = append(all, name+" “"+shortName(value)+"”")
		}
	}
	if len(all) == 0 {
		all = append(all, "sub “"+shortName(r.Claims["sub"])+"”")
	}
	return all
}

// The strict forms of what goes into an address (docs/facts.md#i). A claim in any other form makes no link.
var (
	serverOfGHE   = regexp.MustCompile(`^https://token\.actions\.([a-z0-9-]{1,63}\.ghe\.com)(/[\w-]+)?$`)
	serverOfGHES  = regexp.MustCompile(`^https://([a-z0-9-]+(?:\.[a-z0-9-]+)*)/_services/token$`)
	plainIssuer   = regexp.MustCompile(`^https://[a-z0-9-]+(\.[a-z0-9-]+)*$`)
	pathPart      = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$`)
	onlyDigits    = regexp.MustCompile(`^[0-9]{1,20}$`)
	githubIssuers = regexp.MustCompile(`^https://token\.actions\.githubusercontent\.com(/[\w-]+)?$`)
)

// runAddress is the page of a run, "" if it is not known. The server comes from the issuer, which the policy names, and
// the rest from claims that the issuer signed: nothing that the caller wrote becomes a link.
func runAddress(r access.Run) string {
	c := r.Claims
	if server := githubServer(r.Issuer); server != "" {
		owner, repository, _ := strings.Cut(c["repository"], "/")
		if arePathParts(owner, repository) && areDigits(c["run_id"], c["run_attempt"]) {
			return server + "/" + owner + "/" + repository + "/actions/runs/" + c["run_id"] + "/attempts/" + c["run_attempt"]
		}
		return ""
	}
	switch organization, pipeline := c["organization_slug"], c["pipeline_slug"]; {
	case r.Issuer == "https://agent.buildkite.com":
		if arePathParts(organization, pipeline) && areDigits(c["build_number"]) {
			return "https://buildkite.com/" + organization + "/" + pipeline + "/builds/" + c["build_number"]
		}
	case plainIssuer.MatchString(r.Issuer):
		path := strings.Split(c["project_path"], "/")
		if len(path) > 1 && arePathParts(path...) && areDigits(c["pipeline_id"]) {
			return r.Issuer + "/" + c["project_path"] + "/-/pipelines/" + c["pipeline_id"]
		}
	}
	return ""
}

// githubServer is the address of the GitHub server whose issuer this is, "" if it is none.
func githubServer(issuer string) string {
	if githubIssuers.MatchString(issuer) {
		return "https://github.com"
	}
	for _, form := range []*regexp.Regexp{serverOfGHE, serverOfGHES} {
		if found := form.FindStringSubmatch(issuer); found != nil {
			return "https://" + found[1]
		}
	}
	return ""
}

// arePathParts reports whether texts can stand between slashes. A part that begins with a dot could lead elsewhere.
func arePathParts(parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !pathPart.MatchString(part) })
}

func areDigits(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return !onlyDigits.MatchString(text) })
}
