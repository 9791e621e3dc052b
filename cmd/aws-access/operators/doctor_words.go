package operators

import (
	"github.com/aws-access/aws-access/pkg/vend"
)

// redeploy is the advice that fixes most findings about a role.
const redeploy = "Deploy infra/member to those accounts again (by StackSet or by each account's own stack), with " +
	"the bastion's account id and the external id from SSM."

// roleFinding is the finding for a code of a role's trials. all says that every role
// has it.
func (d *doctor) roleFinding(code string, all bool) finding {
	f := finding{Part: inAccounts, Check: "roles", Verdict: problem, Code: code, Do: redeploy}
	external := "the external id"
	if name := d.found.env("vend")["EXTERNAL_ID_PARAMETER"]; name != "" {
		external = "the SSM parameter " + name
	}
	switch code {
	case vend.Refused:
		f.Reason = "AWS refuses to let vend assume these roles. It does not say why."
		f.Do = refusedAdvice(external, all)
	case vend.RefusedTags:
		f.Reason = "AWS refuses sts:TagSession. The trust policy does not allow it, or one of its conditions is not met."
	case vend.RefusedIdentity:
		f.Reason = "AWS refuses sts:SetSourceIdentity. The trust policy does not allow it, or one of its conditions " +
			"is not met."
	case vend.ExternalIDNotRequired:
		f.Reason = "SECURITY: these roles can be assumed without the external id. That condition is missing from the " +
			"trust policy."
	case vend.TagsNotRequired:
		f.Reason = "SECURITY: these roles can be assumed without the tag GrantId, so without a grant. That condition is " +
			"missing from the trust policy."
	case vend.IdentityNotRequired:
		f.Reason = "SECURITY: these roles can be assumed without a source identity, so CloudTrail does not show who used " +
			"them. That condition is missing from the trust policy."
	case vend.NameNotRequired:
		f.Reason = "SECURITY: these roles can be assumed with any session name. Sessions are ended by name, so the trust " +
			"policy must require aws-access-*."
	case vend.RegionDisabled:
		f.Reason = "STS in the region " + d.region + " is disabled in these accounts."
		f.Do = "Enable the region in these accounts (Account, AWS Regions; for a region that is enabled by default: IAM, " +
			"Account settings, STS), or deploy the stack in another region."
	case vend.ExternalIDUnreadable:
		f.Reason = "Vend cannot read " + external + "."
		f.Do = "Check that it exists in this region, is a SecureString of 32 to 128 letters, digits or _+=,.@:/-, and is " +
			"encrypted with a key that vend's role may use."
	case vend.Invalid:
		f.Reason = "AWS does not accept the name, the path or the region of these roles."
		f.Do = "Correct the account or the role in policy.yaml."
	case vend.Throttled:
		f.Verdict = notKnown
		f.Reason = "STS throttled the tests although doctor slowed down, so nothing is known about these roles."
		f.Do = "Run doctor again when the bastion account is less busy, or for fewer accounts at a time with --accounts."
	case "vend_failed":
		f.Reason = "Vend failed during the check, or the policy changed during it."
		f.Do = "Run doctor again. If the problem stays, read vend's log."
	default: // unavailable, unfinished, and what a newer vend may say
		f.Verdict = notKnown
		f.Reason = "AWS did not answer in time, so nothing is known about these roles (" + code + ")."
		f.Do = "Run doctor again. If the problem stays, read vend's log."
	}
	return f
}

// refusedAdvice is what to check when STS refuses roles without saying why. all says
// that it refuses every role.
func refusedAdvice(external string, all bool) string {
	advice := "Check in this order:\n" +
		"1. Does the role exist with exactly this name and path? Upper and lower case differ.\n" +
		"2. Is its trust policy the one from infra/member, with this bastion's account id?\n" +
		"3. Is its external id the one in " + external + "?\n" +
		"4. Is the account in the organisation that the stack's OrganizationId names?\n" +
		"5. Does a service control policy, or the permissions boundary of vend's role, deny sts:AssumeRole?\n" +
		"6. Was the role created or changed a few minutes ago? Then run doctor again."
	if all {
		advice = "AWS refuses all roles, so first check what they share: the external id, vend's role aws-access-vend " +
			"and the stack's OrganizationId.\n" + advice
	}
	return advice
}
