package operators

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/version"
)

// checkCode downloads the program of each function, and checks which build it is and,
// with --build, that it is the given build.
func (d *doctor) checkCode(ctx context.Context) {
	var all []program
	for _, f := range config.Functions {
		if d.found.functions[f.LogicalID] == "" || codeOf(d.found.unread[string(f.Name)]) == "ResourceNotFoundException" {
			continue // reported by checkFunctions
		}
		found, err := d.programs(ctx, f)
		all = append(all, found...)
		if err != nil {
			d.reportCode("code of "+string(f.Name), err)
		}
		if denied(err) {
			break // of the others too
		}
	}
	d.report.Programs = all
	for _, p := range all {
		if f := foreignProgram(p); f != nil {
			d.report.add(*f)
		}
	}
	if len(all) > 0 {
		d.report.add(judgeVersions(all, d.own))
		d.report.add(judgeTemplate(all, d.found.outputs["Version"]))
		d.report.add(judgePolicies(all, d.given))
	}
	if d.build != "" {
		d.checkBuild(all)
	}
}

// reportCode adds the finding about code that could not be read.
func (d *doctor) reportCode(check string, err error) {
	if !errors.Is(err, errPackage) {
		d.reportUnreadable(inStack, check, err)
		return
	}
	d.report.add(finding{inStack, check, problem, "package", "SECURITY: " + plainError(err) + ".",
		"Find out who deployed it (CloudTrail: UpdateFunctionCode), and deploy the product again: sam build && sam deploy."})
}

// foreignProgram is the finding about a program that is not the function's own; nil
// if it is.
func foreignProgram(p program) *finding {
	want := version.Module + "/functions/" + string(p.Function)
	if p.Build.Program == want {
		return nil
	}
	what := "the Go program " + p.Build.Program
	if p.Build.Program == "" {
		what = "a file that is not a Go program"
	}
	return &finding{inStack, "code of " + p.String(), problem, "other_program",
		"SECURITY: the function runs " + what + ", and should run " + want + ".",
		"Find out who deployed it (CloudTrail: UpdateFunctionCode), and deploy the product again."}
}

// judgeVersions is the finding about the builds of all functions, compared with each
// other and with that of this command.
func judgeVersions(all []program, own version.Build) finding {
	const check = "versions"
	first := all[0].Build
	others := slices.ContainsFunc(all, func(p program) bool { return !p.Build.Same(first) })
	modified := slices.ContainsFunc(all, func(p program) bool { return p.Build.Modified })
	switch {
	case others:
		return finding{inStack, check, problem, "differ",
			"The functions have different versions:\n" + byBuild(all) + "\nThis command is " + own.String() + ".",
			"Deploy all of them from one commit: sam build && sam deploy. During a deploy this is normal for some seconds. " +
				"Otherwise find out who changed a function (CloudTrail: UpdateFunctionCode)."}
	case !first.Known():
		return finding{inStack, check, warning, "unknown",
			"The functions were built without git, so nobody can tell which version they are.",
			"Build them in a clone of the repository, with build_in_source = true as in samconfig.example.toml. " +
				"--build DIR compares them with a build."}
	case own.Known() && !first.Same(own):
		return finding{inStack, check, warning, "other_command",
			"The functions are " + first.String() + ", and this command is " + own.String() + ".",
			"Use the command of the version that is deployed, or deploy the version of this command: " +
				"sam build && sam deploy."}
	case modified:
		return finding{inStack, check, warning, "modified",
			"The functions are " + first.String() + ": they were built from files with uncommitted changes, so " +
				"nobody can read what they do.",
			"Commit the changes, and deploy again: sam build && sam deploy."}
	}
	reason := fmt.Sprintf("%d deployed programs are %s", len(all), first)
	if own.Known() {
		reason += ", as this command is"
	} else {
		reason += "; this command was built without git and is not compared"
	}
	return nothingWrong(inStack, check, reason)
}

// judgePolicies is the finding about the compiled policies in the packages of all
// functions but api, which has none, compared with the policy of --policy. Each has its own copy: slack
// shows and approves by it, and vend gives access by it.
func judgePolicies(all []program, given *policy.Policy) finding {
	const check = "policies"
	var lines []string
	same := true
	all = slices.DeleteFunc(slices.Clone(all), func(p program) bool { return !config.SpecOf(p.Function).HasPolicy() })
	if len(all) == 0 {
		return finding{inStack, check, notKnown, "unreadable", "No package with a policy could be read.",
			"Correct what the checks above say."}
	}
	for _, p := range all {
		same = same && p.Policy == all[0].Policy
		lines = append(lines, p.String()+": sha256 "+p.Policy)
	}
	if !same {
		return finding{inStack, check, problem, "differ",
			"SECURITY: the packages of the functions have different policies:\n" + strings.Join(lines, "\n"),
			"Deploy all of them from one commit and one policy: sam build && sam deploy. During a deploy this is " +
				"normal for some seconds. Otherwise find out who changed a function (CloudTrail: UpdateFunctionCode)."}
	}
	if given != nil {
		if text := sumOf(given.Packed()); text != all[0].Policy {
			return finding{inStack, check, problem, "other_policy",
				"The packages have the policy with the SHA-256 " + all[0].Policy + ", and that of --policy has " + text + ".",
				"Deploy the policy that you gave (sam build && sam deploy), or compare with the one that is deployed."}
		}
	}
	return nothingWrong(inStack, check, fmt.Sprintf("%d packages have one policy, sha256 %s", len(all), all[0].Policy))
}

// checkHistory shows which builds have run, as the tick recorded them in the table, and
// compares those of the running tick and vend with the deployed code. A build that was
// deployed a moment ago may not have run yet.
func (d *doctor) checkHistory(a *functions.CheckAnswer) {
	const check = "version history"
	if len(a.Stack.Builds) == 0 {
		d.report.add(finding{inStack, check, warning, "none", "The tick has not recorded which version runs.",
			"Run doctor again in two minutes. If nothing has changed, read tick's log, or deploy the version of this command."})
		return
	}
	now := buildOf(a.Stack.Builds[len(a.Stack.Builds)-1])
	vend := version.Stated(a.Version, a.Commit)
	var other []string
	for _, p := range d.report.Programs {
		switch {
		case p.Published != "":
		case p.Function == config.Tick && !p.Build.Same(now):
			other = append(other, "the tick that ran last is "+now.String()+", and "+p.Build.String()+" is deployed")
		case p.Function == config.Vend && !p.Build.Same(vend):
			other = append(other, "the vend function that answers is "+vend.String()+", and "+p.Build.String()+" is deployed")
		case p.Function == config.Vend && !strings.HasPrefix(p.Policy, a.Policy):
			other = append(other, "the vend function that answers has the policy "+a.Policy+", and sha256 "+p.Policy+
				" is deployed")
		}
	}
	if len(other) > 0 {
		d.report.add(finding{inStack, check, warning, "not_deployed", strings.Join(other, "; ") + ".",
			"Run doctor again in two minutes. If nothing has changed, somebody may have changed the code: look for " +
				"UpdateFunctionCode in CloudTrail."})
		return
	}
	var history []string
	for _, b := range slices.Backward(a.Stack.Builds) {
		history = append(history, buildOf(b).String()+" since "+b.Since.UTC().Format("2006-01-02 15:04 UTC"))
	}
	d.report.ok(inStack, check, strings.Join(history, "; before: "))
}

func buildOf(b functions.BuildAnswer) version.Build { return version.Stated(b.Version, b.Commit) }

// byBuild lists the builds, one in a line, each after the names of its functions.
func byBuild(all []program) string {
	var builds []string
	of := map[string][]string{}
	for _, p := range all {
		b := p.Build.String()
		if of[b] == nil {
			builds = append(builds, b)
		}
		of[b] = append(of[b], p.String())
	}
	var lines []string
	for _, b := range builds {
		lines = append(lines, strings.Join(of[b], ", ")+": "+b)
	}
	return strings.Join(lines, "\n")
}

// development is the suffix of a template's version between two releases: v1.3.0-dev
// comes before v1.3.0.
const development = "-dev"

// judgeTemplate is the finding about the version that the template states, compared
// with the builds of the functions. CloudFormation does not know the commit of a
// template, so only the release is compared.
func judgeTemplate(all []program, stated string) finding {
	const check = "version of the template"
	base := version.Base(all[0].Build.Version)
	next, unreleased := strings.CutSuffix(stated, development)
	deploy := "Deploy template and functions from one commit: sam build && sam deploy."
	switch {
	case !version.IsRelease(next):
		return finding{inStack, check, warning, "none",
			"The stack has no output Version, so its template is older than this command.", deploy}
	case base == "":
		return nothingWrong(inStack, check, stated+"; the functions have no release to compare with")
	case unreleased && version.Before(base, next), !unreleased && base == next:
		return nothingWrong(inStack, check, stated)
	}
	return finding{inStack, check, warning, "differs",
		"The template is of " + stated + ", and the functions are " + all[0].Build.String() + ".", deploy}
}
