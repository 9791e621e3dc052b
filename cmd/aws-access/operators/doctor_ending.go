package operators

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/vend"
)

// checkFreeze says whether the table says that everything is frozen. The parameter Frozen of the
// stack is another freeze.
func (d *doctor) checkFreeze(a *functions.CheckAnswer) {
	const check = "freeze"
	switch a.Stack.Freeze {
	case functions.CheckOK:
		d.report.ok(inStack, check, "nothing is frozen")
	case "on":
		d.report.add(finding{inStack, check, warning, "on", "Everything is frozen since " +
			a.Stack.FrozenAt.Format(time.RFC3339) + ": nothing is granted, vended or paired.",
			"When the incident is over, two responders thaw it in Slack (/aws-access revoke), or aws-access thaw does."})
	default:
		d.report.add(finding{inStack, check, problem, "unreadable",
			"Vend cannot read whether everything is frozen, so it vends nothing.",
			"Read vend's log. Check that the table exists and that vend's role may use its key."})
	}
}

// checkResponders warns of a policy with which nobody in Slack can answer an incident.
func (d *doctor) checkResponders(a *functions.CheckAnswer) {
	const check = "responders"
	if a.Stack.Responders {
		d.report.ok(inStack, check, "the policy names people who may revoke any grant and freeze")
		return
	}
	d.report.add(finding{inStack, check, warning, "none",
		"The policy has no responders. So nobody in Slack can freeze, end everything of a person, or revoke a grant that " +
			"has neither approvers nor reviewers.",
		"Name a group of people who are awake: settings: {responders: [GROUP]} in policy.yaml (docs/policy.md). Until then " +
			"aws-access close and freeze do it, for somebody with rights on the table."})
}

// nameOf names a role in a finding.
func nameOf(r functions.CheckRole) string {
	return r.Role + " in " + cmp.Or(r.Name, r.Account) + " (" + r.Account + ")"
}

// reportExactness says in which accounts sessions end at AWS exactly when their grant ends. Roles
// without a session say nothing about it.
func (d *doctor) reportExactness(chosen []functions.CheckRole, told map[functions.CheckRole]result) {
	const check = "exact expiry"
	setting := access.ExactExpiry(d.found.env("vend")["EXACT_EXPIRY"])
	if setting == access.ExactOff {
		d.report.ok(inAccounts, check, "it is off (parameter ExactExpiry): sts:GetCallerIdentity works up to 15 minutes "+
			"after a grant")
		return
	}
	roles, accounts, all := []string(nil), map[string]bool{}, map[string]bool{}
	tried := 0
	for _, r := range chosen {
		if !hadSession(told[r].Codes) {
			continue
		}
		tried++
		all[r.Account] = true
		if told[r].NotExact {
			roles = append(roles, nameOf(r))
			accounts[r.Account] = true
		}
	}
	switch {
	case tried == 0:
		return // the finding about the roles says why
	case len(roles) == 0:
		d.report.ok(inAccounts, check, fmt.Sprintf("STS narrows the sessions of %d roles in %d accounts, so they expire "+
			"with their grant", tried, len(all)))
		return
	}
	f := finding{
		Part: inAccounts, Check: check, Verdict: healthy, Code: vend.NotExact,
		Reason: fmt.Sprintf("in %d of %d accounts STS refuses to narrow sessions (sts:GetScopedCredentials) of %s.\nEvery "+
			"action is denied from the end of a grant on, but sts:GetCallerIdentity works up to 15 minutes longer, and so do "+
			"logins to EKS and Vault. Messages say until when", len(accounts), len(all), names(roles)),
	}
	if setting == access.ExactRequired {
		f.Verdict = problem
		f.Reason += ". ExactExpiry is required, so vend refuses sessions of these roles that would outlive their grant."
		f.Do = "Check in this order:\n1. Do the policies and the permissions boundary of these roles allow " +
			"sts:GetScopedCredentials? AWS's ReadOnlyAccess, the boundary of ReadOnly in infra/member, does not: give the " +
			"role another one.\n2. Does a service control policy deny it? Those of infra/organization do not.\n" +
			"3. Does AWS offer it in this partition and Region?\nOtherwise deploy with ExactExpiry=preferred."
	}
	d.report.add(f)
}

// hadSession reports whether a trial started a session, so that it is known whether STS narrows it.
func hadSession(codes []string) bool {
	return len(codes) > 0 && slices.Contains([]string{
		vend.OK, vend.ExternalIDNotRequired, vend.TagsNotRequired, vend.IdentityNotRequired, vend.NameNotRequired,
	}, codes[0])
}

// reportCuts says for which roles sessions are to be cut, and are not. A deny that is written in
// the next seconds is no problem.
func (d *doctor) reportCuts(chosen []functions.CheckRole, told map[functions.CheckRole]result) {
	const check = "cuts"
	by := map[string][]string{}
	for _, r := range chosen {
		c := told[r].cut
		if c == nil {
			continue
		}
		text := nameOf(r) + ", " + number(c.Grants, "grant")
		if c.Tries > 0 {
			text += fmt.Sprintf(", %d tries since %s", c.Tries, c.Since.Format(time.RFC3339))
		}
		by[c.Code] = append(by[c.Code], text)
	}
	if len(by) == 0 {
		if len(told) > 0 {
			d.report.ok(inAccounts, check, "no session waits for its cut")
		}
		return
	}
	for _, code := range slices.Sorted(maps.Keys(by)) {
		f := cutFinding(code)
		f.Reason = names(by[code]) + ".\n" + f.Reason
		d.report.add(f)
	}
}

// cutFinding is the finding for a code of a cut list that is not done.
func cutFinding(code string) finding {
	f := finding{Part: inAccounts, Check: "cuts", Verdict: problem, Code: code}
	switch code {
	case functions.CutRunning:
		f.Verdict, f.Reason = warning, "Sessions of these roles are being cut at this moment."
		f.Do = "Run doctor again in a minute."
	case functions.CutWholeRole:
		f.Verdict = warning
		f.Reason = "The names of the cut sessions had no room in the policies of these roles, so every session from before " +
			"that is denied, those of other people too. They were told."
		f.Do = "Remove inline policies from the roles that take up room. The deny goes when the sessions have expired."
	case functions.CutLate:
		f.Reason = "SECURITY: sessions of these roles are to be cut, and nobody has tried for more than five minutes."
		f.Do = "Read the logs of cut and tick. Until it works, put the deny that the console calls Revoke active sessions " +
			"on the role."
	case functions.CutUnreadable:
		f.Verdict, f.Reason = notKnown, "Vend cannot read the cut lists of these roles."
		f.Do = "Read vend's log. Run doctor again."
	default:
		f.Reason, f.Do = cutFailure(code)
		f.Reason = "SECURITY: sessions that were to be cut may still work. " + f.Reason
	}
	return f
}
