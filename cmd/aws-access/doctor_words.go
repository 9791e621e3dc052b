package main

import (
	"github.com/aws-access/aws-access/pkg/vend"
)

// redeploy is what puts most troubles of a role right.
const redeploy = "Deploy infra/member there again (StackSet, or the account's own stack), with the bastion's account id and the external id of SSM."

// trouble puts a code of a role's trials into words; all says that every role
// has it.
func (d *doctor) trouble(code string, all bool) finding {
	f := finding{Part: inAccounts, Check: "roles", Verdict: problem, Code: code, Do: redeploy}
	external := "the external id"
	if name := d.found.env("vend")["EXTERNAL_ID_PARAMETER"]; name != "" {
		external = "the SSM parameter " + name
	}
	switch code {
	case vend.Refused:
		f.Reason = "AWS refuses them, and gives the same answer for every cause."
		f.Do = "Look in this order:\n" +
			"1. Is the role there, under that very name and path? Letter case counts.\n" +
			"2. Is its trust that of infra/member, with this bastion's account id?\n" +
			"3. Is its external id the one in " + external + "?\n" +
			"4. Is the account in the organisation that the stack's OrganizationId names?\n" +
			"5. Does a service control policy, or the boundary of vend's role, deny sts:AssumeRole?\n" +
			"6. Was the role made or changed in the last minutes? Run doctor again."
		if all {
			f.Do = "All are refused: look first at what they have in common, which is the external id, vend's role aws-access-vend and the stack's OrganizationId.\n" + f.Do
		}
	case vend.RefusedTags:
		f.Reason = "AWS refuses sts:TagSession: the trust lacks that statement, or a condition in it does not hold."
	case vend.RefusedIdentity:
		f.Reason = "AWS refuses sts:SetSourceIdentity: the trust lacks that statement, or a condition in it does not hold."
	case vend.OpenExternalID:
		f.Reason = "SECURITY: they can be assumed without the external id. The trust lacks that condition."
	case vend.OpenTags:
		f.Reason = "SECURITY: they can be assumed without the tag GrantId, so for no grant. The trust lacks that condition."
	case vend.OpenIdentity:
		f.Reason = "SECURITY: they can be assumed without a source identity, so by nobody in particular. The trust lacks that condition."
	case vend.OpenName:
		f.Reason = "SECURITY: they can be assumed under any session name. Sessions are cut by their name, so the trust has to ask for aws-access-*."
	case vend.RegionDisabled:
		f.Reason = "STS of the region " + d.region + " is switched off in those accounts."
		f.Do = "Switch the region on there (Account, AWS Regions; for a region that is on by default: IAM, Account settings, STS), or deploy the stack in another region."
	case vend.NoExternalID:
		f.Reason = "Vend cannot read " + external + "."
		f.Do = "Is it there, a SecureString of 32 to 128 letters, digits or _+=,.@:/-, in this region, and under a key that vend's role may use?"
	case vend.Impossible:
		f.Reason = "AWS takes no such call: name, path or region of the role are not what AWS allows."
		f.Do = "Look at the account and the role in policy.yaml."
	case vend.Throttled:
		f.Verdict = notKnown
		f.Reason = "STS throttled the trials, slowed down as they were: this says nothing about the roles."
		f.Do = "Run doctor again when less is going on in the bastion account, or for fewer accounts at once: -accounts."
	case "vend_failed":
		f.Reason = "Vend failed on the check, or refused it because the policy was changed meanwhile."
		f.Do = "Run doctor again; then look at vend's log."
	default: // unavailable, unfinished, and what a newer vend may say
		f.Verdict = notKnown
		f.Reason = "AWS did not answer in time (" + code + "): this says nothing about the roles."
		f.Do = "Run doctor again; then look at vend's log."
	}
	return f
}
