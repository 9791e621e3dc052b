package access

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
	"time"
)

// This file holds every refusal of the product: one function for each code, or
// for each sentence where a code has several. No other package can word one.
//
// The codes are stable: logs, metrics and tests use them. The sentences may
// change. Each comment names the code, when people read it, the check that
// decides it, and the backstops that repeat that check.

// refuse makes a refusal; next may be empty.
func refuse(code, says, next string) error {
	return &Refusal{Code: code, Says: says, Next: next}
}

// The codes that other packages compare with.
const (
	CodeTooManyAsks     = "too_many_asks"
	CodeAlreadyAsked    = "already_asked"
	CodeAlreadyGranted  = "already_granted"
	CodeNothingToGive   = "nothing_to_give"
	CodeSlackUnreadable = "slack_unreadable" // Slack did not answer for too long
	CodeUnknownGroup    = "unknown_group"    // Slack no longer has the group
	CodeUnprovenAddress = "unproven_address" // the address does not prove who somebody is
	CodeNotApprover     = "not_approver"
	CodeSelfApproval    = "self_approval"
	CodeOrderRepeated   = "order_repeated"
	CodeUnknownOrder    = "unknown_order"
	CodeAWSRefused      = "aws_refused"
	CodeAWSUnavailable  = "aws_unavailable"
	CodeAWSInvalid      = "aws_invalid"
	CodeInexactExpiry   = "exact_expiry_unavailable"
	CodeNoReason        = "no_reason"
	CodeReasonTooLong   = "reason_too_long"
	CodeFrozen          = "frozen"
	CodeRevokedLately   = "revoked_lately"
	CodeUnknownRequest  = "unknown_request"
	CodeNotResponder    = "not_responder"
	CodeHeld            = "eligibility_held"
	CodeUnknownDevice   = "unknown_device"
	CodeDeviceRemoved   = "device_removed"
	CodeDeviceExpired   = "device_expired"
	CodeCodeUsed        = "code_used"
	CodeNotYours        = "not_yours"
	CodeDeactivated     = "deactivated"
	CodeStillPending    = "still_pending"
	CodeAlreadyDenied   = "already_denied"
	CodeCancelled       = "cancelled"
	CodeTimedOut        = "timed_out"
	CodeExpired         = "expired"
	CodeEnded           = "ended"
	CodeRevoked         = "revoked"
	CodeNotYourDevice   = "not_your_device"
)

// The next steps that several refusals name.
const (
	startAgain    = "Start again with /aws-access."
	askAgain      = "Ask again with /aws-access."
	lookAtList    = "Look at /aws-access list."
	pressAgain    = "Press the button again."
	tryLater      = "Try again in a few minutes."
	chooseInForm  = "Choose one in the form: /aws-access."
	tellOperators = "Tell the people who run AWS access."
	tellAuthors   = "Tell the people who maintain the policy."
	operatorsKnow = "The operators have been told. Ask them to fix it."
	// AskAuthors is for somebody who has lost a right. To ask again would be refused.
	AskAuthors = "If that is wrong, tell the people who maintain the policy: until it changes, asking again is refused."
	newCode    = "Type /aws-access login in Slack for another one."
	lengthForm = "Write it with its unit, like 30m, 2 hours, 1h30m or 2d"
)

// Who may take part. Person.Refused decides all of these; its comment lists the
// backstops.

// RefuseGuest is guest: a single- or multi-channel guest of the workspace.
func RefuseGuest() error {
	return refuse("guest", "Guests of this workspace cannot use AWS access.", "Ask the colleague who invited you.")
}

// RefuseBot is bot: an app or a workflow.
func RefuseBot() error {
	return refuse("bot", "Apps and bots cannot use AWS access.", "")
}

// RefuseDeactivated is deactivated: an account that was switched off.
func RefuseDeactivated() error {
	return refuse(CodeDeactivated, "This Slack account is deactivated.", "")
}

// RefuseOutsider is other_workspace: a user of another workspace or
// organisation, in a shared channel.
func RefuseOutsider() error {
	return refuse("other_workspace", "AWS access is only for members of this workspace.", "")
}

// RefuseMachine is machine: a machine does what only people may do, such as approving.
func RefuseMachine() error {
	return refuse("machine", "A machine cannot do this. Only people can.", "")
}

// RefuseUnknownMachine is unknown_machine: the identity of a machine is not whole.
// Person.RefusedToAsk decides it.
func RefuseUnknownMachine() error {
	return refuse("unknown_machine", "It is not known which machine this is.", tellOperators)
}

// The proof of a machine. pkg/machine decides all of these.

// RefuseBadProof is bad_proof: the proof is malformed, or STS does not know who signed it. It may be one
// for another installation or another key.
func RefuseBadProof() error {
	return refuse("bad_proof", "The proof of this machine is not valid here.",
		"Run the command again, with the URL of this installation and with credentials that have not expired.")
}

// RefuseOldProof is old_proof: the proof was signed more than five minutes ago, or will be in the future.
func RefuseOldProof() error {
	return refuse("old_proof", "The proof of this machine is too old, or the machine's clock is wrong.",
		"Set the clock, and run the command again.")
}

// RefuseNotARole is not_a_role: the credentials are those of a user, of the root user or of a federated user.
func RefuseNotARole() error {
	return refuse("not_a_role", "These credentials are not those of a role.",
		"A machine in AWS needs the credentials of a role that the policy names.")
}

// RefuseProofUnchecked is proof_unchecked: STS did not say who signed the proof.
func RefuseProofUnchecked() error {
	return refuse("proof_unchecked", "AWS did not say which role this machine has.", "Try again in a minute.")
}

// RefuseBadToken is bad_token: the token of a pipeline is malformed, not signed by its issuer, or for another
// audience. A fixed audience, as GitLab and EKS have it, is another one.
func RefuseBadToken() error {
	return refuse("bad_token", "The token of this pipeline is not one for this installation and this run of the command.",
		"If its audience cannot be chosen, use --as aws.")
}

// RefuseUnknownIssuer is unknown_issuer: no group of the policy names the issuer of the token. It is decided
// before the issuer is asked for anything.
func RefuseUnknownIssuer() error {
	return refuse("unknown_issuer", "No group of the policy names the issuer of this token.",
		"Compare the claim iss of the token with the policy file.")
}

// RefuseExpiredToken is expired_token: the token has expired, or will be valid in the future only.
func RefuseExpiredToken() error {
	return refuse("expired_token", "The token of this pipeline has expired, or is not valid yet.",
		"Get a new token, and run the command again.")
}

// RefuseTokenUnchecked is token_unchecked: the issuer did not answer with the keys by which its tokens are
// checked, or the key of this token is newer than the last answer.
func RefuseTokenUnchecked() error {
	return refuse("token_unchecked", "The issuer of this token did not answer with its keys.", "Try again in a minute.")
}

// RefuseUnknownRun is unknown_run: the token does not name one run.
func RefuseUnknownRun() error {
	return refuse("unknown_run", "The token of this pipeline does not say which run it belongs to.",
		"AWS access knows the runs of GitHub Actions, Buildkite and GitLab.")
}

// The device of a call. Device.Check and Device.CheckUnder decide all of these.

const pairAgain = "Pair this computer: type /aws-access login in Slack."

// RefuseUnknownDevice is unknown_device: nobody has paired the key that signed a call.
func RefuseUnknownDevice() error {
	return refuse(CodeUnknownDevice, "This computer is not paired with anybody in Slack.", pairAgain)
}

// RefuseRemovedDevice is device_removed: somebody has removed the device.
func RefuseRemovedDevice() error {
	return refuse(CodeDeviceRemoved, "This computer was removed from the devices of its owner.", pairAgain)
}

// RefuseExpiredDevice is device_expired: the device has to be paired again since expires.
func RefuseExpiredDevice(expires time.Time) error {
	return refuse(CodeDeviceExpired, "The pairing of this computer ended at "+FormatTime(expires)+".", pairAgain)
}

// RefuseDevicesOff is devices_off: the policy has devices: none. Device.CheckUnder, DeviceList.Issue and
// DeviceList.Pair decide it; functions.Slack asks it first to save an order.
func RefuseDevicesOff() error {
	return refuse("devices_off", "The policy does not allow the command line for people.", "Use /aws-access in Slack.")
}

// Pairing a device. DeviceList.Issue, DeviceList.Pair and DeviceList.Remove decide these, and lifecycle.Pair
// those about a code or a key that it has read.

// RefuseUnknownCode is unknown_code: nobody was given this code, or newer ones have replaced it.
func RefuseUnknownCode() error {
	return refuse("unknown_code", "This pairing code is not known.", newCode)
}

// RefuseCodeExpired is code_expired: the code is older than PairingCodeLife.
func RefuseCodeExpired() error {
	return refuse("code_expired", "This pairing code is older than "+FormatLength(PairingCodeLife)+".", newCode)
}

// RefuseCodeUsed is code_used: another key has used the code up. Its device is removed.
func RefuseCodeUsed() error {
	return refuse(CodeCodeUsed, "This pairing code has been used by another computer, which was removed.",
		"If that was not you, tell your security team. "+newCode)
}

// RefuseKnownKey is known_key: the key is a device already, or has been one.
func RefuseKnownKey() error {
	return refuse("known_key", "This computer's key has been paired before.",
		"Run aws-access logout, and pair the computer again.")
}

// RefuseTooManyDevices is too_many_devices: the person has as many devices as the policy allows.
func RefuseTooManyDevices(limit int) error {
	return refuse("too_many_devices", "You have as many paired computers as the policy allows: "+itoa(limit)+".",
		"Remove one with /aws-access devices, and try again.")
}

// RefuseTooManyCodes is too_many_codes: the person was given MaxCodeOrders codes, and gets another one at free.
func RefuseTooManyCodes(free time.Time) error {
	return refuse("too_many_codes", "You have asked for "+itoa(MaxCodeOrders)+" pairing codes in a few minutes.",
		"Try again after "+FormatTime(free.Add(time.Minute-1).Truncate(time.Minute))+".")
}

// RefuseNotYourDevice is not_your_device: the person has no device with this id. It may never have been one
// of theirs, or it was removed or has expired.
func RefuseNotYourDevice() error {
	return refuse(CodeNotYourDevice, "You have no such device.", "Look at /aws-access devices.")
}

// RefuseBusyDevices is busy: the person's devices changed so often that the change could not be saved.
// lifecycle.Pair decides it.
func RefuseBusyDevices() error {
	return refuse("busy", "Your devices are being changed by other commands at the moment.", "Try again in a minute.")
}

// RefuseTargetRole is target_role: the machine is a session of a role that the policy
// gives out, or a session that vend has started. policy.Decide decides it.
func RefuseTargetRole(role, account string) error {
	return refuse("target_role", "The role "+role+" in "+account+" is one that AWS access gives out, so its sessions "+
		"cannot ask for more access.", "Ask with the role that the pipeline has by itself.")
}

// RefuseUnknownPerson is unknown_person: Slack has not said who this is.
func RefuseUnknownPerson() error {
	return refuse("unknown_person", "Slack cannot be read at the moment, so your profile is not known.",
		"Try again in a minute.")
}

// How much one person may do.

// RefuseTooFast is too_fast: somebody sends more commands, clicks and forms than
// one function instance accepts from one person. functions.Slack decides it before
// any call is made.
func RefuseTooFast() error {
	return refuse("too_fast", "You are sending commands and clicks too fast.",
		"Wait a minute and try again.")
}

// RefuseTooManyAsks is too_many_asks: the requester has asked n times within an
// hour, and may ask again at free. Asker.TooMany decides it.
func RefuseTooManyAsks(n int, free time.Time) error {
	return refuse(CodeTooManyAsks,
		"You have asked "+itoa(n)+" times in the last hour, which is the limit for one person.",
		"Try again after "+FormatTime(free.Add(time.Minute-1).Truncate(time.Minute))+".")
}

// RefuseTooManyOpen is too_many_open: the requester holds n grants.
// Asker.TooMany decides it.
func RefuseTooManyOpen(n int) error {
	return refuse("too_many_open", "You have "+itoa(n)+" grants at once, which is the limit for one person.",
		"Give back access that you do not need: /aws-access list.")
}

// RefuseTooManyPending is too_many_pending: n requests of this requester wait
// for an answer. Asker.TooManyPending decides it.
func RefuseTooManyPending(n int) error {
	return refuse("too_many_pending",
		"You have "+itoa(n)+" requests that are waiting for an answer, which is the limit for one person.",
		"Cancel one in /aws-access list, or wait until one is decided.")
}

// RefuseTooManyClicks is too_many_clicks: MaxUsedOrders orders to vend came within
// UsedOrderLife. Request.Order decides it.
func RefuseTooManyClicks() error {
	return refuse("too_many_clicks", "You have clicked "+itoa(MaxUsedOrders)+" times in ten minutes.",
		"Wait a few minutes and press the button again.")
}

// RefuseTooManySessions is too_many_sessions: MaxLive sessions of the grant have
// not expired. Request.Order decides it.
func RefuseTooManySessions() error {
	return refuse("too_many_sessions",
		"You have "+itoa(MaxLive)+" sessions of this access that have not expired, which is the limit.",
		"Use one of them, or wait until one expires.")
}

// RefuseBusyRequester is busy: the requester sends so many requests at once that
// lifecycle.Submit lost every race to save this one. lifecycle.Submit decides it.
func RefuseBusyRequester() error {
	return refuse("busy", "You are sending requests faster than they can be saved.",
		"Wait a moment, then look at /aws-access list.")
}

// RefuseBusyRequest is busy: so many people move one request at once that a step
// lost every race to save. lifecycle.Step decides it.
func RefuseBusyRequest() error {
	return refuse("busy", "Too many people are deciding this request right now.",
		"Look at the card, and try again if nobody has decided it.")
}

// Payloads of Slack. These checks need neither the table nor the policy.

// RefuseUnknownPayload is unknown_payload: an interaction of a type that is not
// handled. slackui.ParseInteraction decides it.
func RefuseUnknownPayload() error {
	return refuse("unknown_payload", "AWS access does not know this kind of action.", startAgain)
}

// RefuseUnknownForm is unknown_form: a form that this version does not have.
// functions.Slack decides it.
func RefuseUnknownForm() error {
	return refuse("unknown_form", "This form no longer works.", startAgain)
}

// RefuseUnknownAction is unknown_action: a button that this version does not
// have. functions.Slack decides it.
func RefuseUnknownAction() error {
	return refuse("unknown_action", "This button no longer works.", startAgain)
}

// RefuseTooSlow is too_slow: Slack opens a form within three seconds of the
// click, or not at all. Slack decides it.
func RefuseTooSlow() error {
	return refuse("too_slow", "The answer took too long, so Slack did not open the form.", "Try again.")
}

// The one-line form of the command. slackui.ParseLine decides all of these.

// LineForm is the one-line form, as help and refusals show it.
const LineForm = `/aws-access ACCOUNT ROLE TIME "REASON" [ticket=TICKET]`

func badLine(says string) error {
	return refuse("bad_line", says, "Write it like "+LineForm+", or just /aws-access for a form.")
}

// RefuseLineWithout is bad_line: the line has no account or no role.
func RefuseLineWithout(what, line string) error {
	return badLine("The " + what + " is missing in " + quoted(line) + ".")
}

// RefuseLineWithoutTime is bad_line: the line has no time.
func RefuseLineWithoutTime(line string) error {
	return badLine("The time, such as 2h, is missing in " + quoted(line) + ".")
}

// RefuseLineWithoutReason is bad_line: no quoted text follows the time.
func RefuseLineWithoutReason() error {
	return badLine("The reason in quotes is missing after the time.")
}

// RefuseLineWords is bad_line: there are more than two words before the time, probably
// because a name with spaces has no quotes.
func RefuseLineWords(line string) error {
	return badLine("There are too many words before the time in " + quoted(line) +
		". Put a name with spaces in quotes, or write the account's 12 digits.")
}

// RefuseLineQuote is bad_line: the quote before an account, a role or the reason
// is not closed.
func RefuseLineQuote(what string) error {
	return badLine("The quote before the " + what + " is not closed.")
}

// RefuseLineRest is bad_line: the text after the reason is not a ticket.
func RefuseLineRest(rest string) error {
	return badLine("AWS access does not understand " + quoted(rest) + " after the reason.")
}

// RefuseLineLength is bad_length: the text between the role and the reason is not a
// length of time.
func RefuseLineLength(text string) error {
	return refuse("bad_length", quoted(text)+" is not a length of time.", lengthForm+": "+LineForm)
}

// The ask: account, role, time, reason and ticket.

// RefuseBadLength is bad_length: text is not a length of time. policy.ParseLength
// decides it. A text of more than 40 bytes is not repeated.
func RefuseBadLength(text string) error {
	const limit = 40
	says := "That is not a length of time."
	if text = strings.ToValidUTF8(text, "?"); text != "" && len(text) <= limit {
		says = quoted(text) + " is not a length of time."
	}
	return refuse("bad_length", says, lengthForm+".")
}

// RefuseTooShort is too_short: the requester asked for less than MinFor. lifecycle.Submit
// decides it; New repeats it.
func RefuseTooShort(asked time.Duration) error {
	return refuse("too_short", "The shortest access is "+FormatLength(MinFor)+". You asked for "+FormatLength(asked)+".",
		"Ask for "+FormatLength(MinFor)+" or more.")
}

// RefuseShortening is too_short: an approver shortens the grant to less than
// MinFor. Request.Approve decides it.
func RefuseShortening() error {
	return refuse("too_short", "The shortest access is "+FormatLength(MinFor)+".", "")
}

// RefuseTooLong is too_long: the requester asked for more than the policy allows.
// policy.Decide decides it; New repeats it.
func RefuseTooLong(limit, asked time.Duration) error {
	return refuse("too_long", "You asked for "+FormatLength(asked)+". At most "+FormatLength(limit)+" is allowed here.",
		"Ask for "+FormatLength(limit)+" or less.")
}

// RefuseNoReason is no_reason: the reason is empty. policy.Decide decides it;
// New repeats it.
func RefuseNoReason() error {
	return refuse(CodeNoReason, "A reason is needed.", "Say in a few words what you are going to do.")
}

// RefuseNoWhy is no_reason: nothing is revoked or frozen without a reason. CheckWhy decides it.
func RefuseNoWhy() error {
	return refuse(CodeNoReason, "A reason is needed.", "Say in a few words why you do this.")
}

// RefuseReasonTooLong is reason_too_long: the reason has n characters, more than
// MaxReason. slackui decides it when it reads the one-line form; in the form, Slack limits the
// length; New repeats it.
func RefuseReasonTooLong(n int) error {
	return refuse(CodeReasonTooLong,
		"Your reason has "+itoa(n)+" characters. At most "+itoa(MaxReason)+" are allowed.", "Shorten it.")
}

// RefuseNoTicket is no_ticket: the rules ask for a ticket, such as example.
// policy.Decide decides it.
func RefuseNoTicket(role, account, example string) error {
	return refuse("no_ticket", "A ticket is needed for "+role+" in "+account+".", ticketForm(example))
}

// RefuseTicketNowMandatory is no_ticket: a ticket has become mandatory since the
// request was made without one. lifecycle.Step decides it.
func RefuseTicketNowMandatory() error {
	return refuse("no_ticket", "The policy now requires a ticket, and this request has none.", "Ask again with a ticket.")
}

// RefuseTicketText is bad_ticket: the ticket has several lines, or more than
// limit characters. policy.Decide decides it.
func RefuseTicketText(limit int, example string) error {
	return refuse("bad_ticket", "A ticket is one line of at most "+itoa(limit)+" characters.", ticketForm(example))
}

// RefuseBadTicket is bad_ticket: the ticket does not match the policy's pattern.
// policy.Decide decides it.
func RefuseBadTicket(ticket, example string) error {
	return refuse("bad_ticket", quoted(ticket)+" is not a ticket.", ticketForm(example))
}

func ticketForm(example string) string { return "Write it like " + example + "." }

// RefuseUnknownAccountID is unknown_account: the policy has no account with this
// id. policy.Decide decides it.
func RefuseUnknownAccountID(id string) error {
	return refuse("unknown_account", "There is no account "+quoted(id)+".", chooseInForm)
}

// RefuseUnknownAccount is unknown_account: there is no such account, or this
// person may ask for nothing in it. The answer must not reveal which. similar are
// names that this person may ask for. policy.Find decides it.
func RefuseUnknownAccount(text string, similar []string) error {
	next := "Put a name with spaces in quotes, or write the account's 12 digits; the form shows what you " +
		"may ask for: /aws-access."
	if len(similar) > 0 {
		quotedNames := make([]string, len(similar))
		for i, name := range similar {
			quotedNames[i] = quoted(name)
		}
		next = "Did you mean " + joined(quotedNames, "or") +
			"? Put a name with spaces in quotes, or write the account's 12 digits."
	}
	return refuse("unknown_account", "There is no account "+quoted(text)+" that you may ask for.", next)
}

// RefuseUnknownRole is unknown_role: the account has no such role. similar are
// roles that this person may ask for. policy.Decide decides it.
func RefuseUnknownRole(text, account string, similar []string) error {
	next := chooseInForm
	if len(similar) > 0 {
		next = "Did you mean " + joined(similar, "or") + "?"
	}
	return refuse("unknown_role", "There is no role "+quoted(text)+" in "+account+".", next)
}

// RefuseNothingAllowed is not_allowed: no rule names this person.
// functions.Slack decides it before it opens the form.
func RefuseNothingAllowed() error {
	return refuse("not_allowed", "The policy does not let you ask for anything.",
		"Ask the people who maintain the policy for access.")
}

// RefuseNotAllowed is not_allowed: no rule lets this person ask for this role. It does
// not reveal who could ask for it. policy.Decide decides it.
func RefuseNotAllowed(role, account string) error {
	return refuse("not_allowed", "You may not ask for "+role+" in "+account+".",
		"The form shows what you may ask for: /aws-access.")
}

// RefuseNever is never: a never rule of the policy forbids it. says is the sentence
// that the policy has for this rule, and may be empty.
// policy.Decide decides it.
func RefuseNever(name, says string) error {
	if says == "" {
		says = "The policy never allows this: “" + name + "”."
	}
	return refuse("never", says, "")
}

// RefusePerhapsNever is never: a never rule of the policy may name this person, and
// doubt says why that is not known. policy.Decide decides it.
func RefusePerhapsNever(name string, doubt error) error {
	return refuse("never", "The policy may forbid this: “"+name+"” may apply to you.", doubt.Error())
}

// RefuseNothingToGive is nothing_to_give: of the rules that apply, one gives only
// the console and another only keys. policy.Decide decides it.
func RefuseNothingToGive(role, account string) error {
	return refuse(CodeNothingToGive, "The rules for "+role+" in "+account+
		" contradict each other: one allows only the console, another only keys.", tellAuthors)
}

// RefuseConsoleForMachine is nothing_to_give: the rules that apply give only the
// console, and a machine has no browser. policy.Decide decides it.
func RefuseConsoleForMachine(role, account string) error {
	return refuse(CodeNothingToGive, "The rules for "+role+" in "+account+
		" give only the console, and machines get only keys.", tellAuthors)
}

// TooFewApprovers says why a requirement of a rule cannot be met.
type TooFewApprovers struct {
	Rule     string
	Required int      // how many people must approve
	From     []string // who may approve, as the policy names them
	Others   int      // how many of them there are besides the requester

	GoneGroups        []string // groups that Slack no longer has
	UnprovenAddresses int      // how many of them have an address that proves nothing
}

// RefuseNoApprover is no_approver: too few people could approve, so the request
// would time out. policy.Decide decides it.
func RefuseNoApprover(t TooFewApprovers) error {
	because := ""
	switch {
	case len(t.GoneGroups) > 0:
		because = goneGroups(t.GoneGroups)
	case t.UnprovenAddresses == 1:
		because = "Slack has not confirmed the address of one of them, or another user has the same one."
	case t.UnprovenAddresses > 1:
		because = "Slack has not confirmed the addresses of " + itoa(t.UnprovenAddresses) +
			" of them, or other users have the same ones."
	}
	says := "Too few people could approve this: “" + t.Rule + "” needs " + approvals(t.Required) +
		" from " + joined(t.From, "or")
	switch {
	case t.Others == 0 && because != "":
		says += "."
	case t.Others == 0:
		says += ", and there is nobody besides you."
	case t.Others == 1:
		says += ", and there is only 1 person besides you."
	default:
		says += ", and there are only " + itoa(t.Others) + " people besides you."
	}
	if because != "" {
		return refuse("no_approver", says+" "+because, operatorsKnow)
	}
	return refuse("no_approver", says, tellAuthors)
}

func approvals(n int) string {
	if n == 1 {
		return "1 approval"
	}
	return itoa(n) + " approvals"
}

// RefuseNoGrant is no_grant: somebody wants keys or a link for a role that they have not
// been granted. It is the same for an account that does not exist. functions.Calls decides
// it.
func RefuseNoGrant(role, account string) error {
	return refuseNoGrant(role, account, "")
}

// RefuseNotByItself is no_grant: a program asks without a person, and the policy wants an approval.
// lifecycle.Submit decides it.
func RefuseNotByItself(role, account string) error {
	return refuseNoGrant(role, account, ", and somebody must approve it")
}

func refuseNoGrant(role, account, more string) error {
	return refuse("no_grant", "You have no access to "+quoted(role)+" in "+quoted(account)+" now"+more+".",
		"Ask for it: aws-access request "+shellWord(account)+" "+shellWord(role)+` 1h "REASON"`)
}

// RefuseAlreadyAsked is already_asked: a request of this person for the same role in
// the same account is pending, until answerBy.
// lifecycle.Submit decides it.
func RefuseAlreadyAsked(answerBy time.Time) error {
	return refuse(CodeAlreadyAsked,
		"You have already asked for this. It is waiting for an answer until "+FormatTime(answerBy)+".",
		"Cancel it on its card or in /aws-access list if you want to ask for something else.")
}

// RefuseAlreadyGranted is already_granted: this person has the same role in the same
// account, until ends.
// lifecycle.Submit decides it.
func RefuseAlreadyGranted(ends time.Time) error {
	return refuse(CodeAlreadyGranted, "You already have this access until "+FormatTime(ends)+".",
		"The buttons are in your messages from this app. To ask for another length, give it back first.")
}

// Groups or people are unknown. Each refusal names the true cause: if Slack cannot be
// read, people can only wait, but somebody has to fix the other causes. pkg/policy
// decides all of these.

func unreadable(consequence string) error {
	return refuse(CodeSlackUnreadable, "Slack cannot be read at the moment, so "+consequence+".", tryLater)
}

// RefuseGroupsUnreadable is slack_unreadable: the answer for this person depends on
// who is in groups.
func RefuseGroupsUnreadable(groups []string) error {
	return unreadable("it is not known who is in " + listed(groups))
}

// RefusePeopleUnreadable is slack_unreadable: principals of the policy may name
// this person.
func RefusePeopleUnreadable(principals []string) error {
	return unreadable("it is not known whether " + listed(principals) + " includes you")
}

// RefuseApprovalsUnreadable is slack_unreadable: the approvals that were given may no
// longer count.
func RefuseApprovalsUnreadable() error {
	return unreadable("it is not known whether the people who approved may still approve")
}

// RefuseApproversUnreadable is slack_unreadable: it is not known whether anybody
// could approve.
func RefuseApproversUnreadable(from []string) error {
	return unreadable("it is not known who in " + listed(from) + " could approve this")
}

// RefuseRequesterUnreadable is slack_unreadable, for an approver: the policy may
// no longer allow the request. lifecycle.Decide decides it.
func RefuseRequesterUnreadable() error {
	return unreadable("it is not known whether the policy still allows this request")
}

// RefuseUnknownGroup is unknown_group: the policy names groups that Slack no
// longer has.
func RefuseUnknownGroup(groups []string) error {
	return refuse(CodeUnknownGroup, goneGroups(groups), operatorsKnow)
}

func goneGroups(groups []string) string {
	return "Slack no longer has the user group " + listed(groups) + ", or it is disabled."
}

// AddressProblem is the reason why an address does not prove who its holder is.
type AddressProblem int

// The problems of an address.
const (
	NoAddress          AddressProblem = iota // Slack shows none
	NotPlainAddress                          // it is not plain ASCII, so it may look like somebody else's
	SharedAddress                            // another user has it too
	UnconfirmedAddress                       // the person never confirmed it to Slack
	AddressNotLookedUp                       // the workspace has not been read since the person got it
)

// RefuseUnprovenAddress is unproven_address. principals are the groups and people
// of the policy that may mean this person, by this address.
func RefuseUnprovenAddress(problem AddressProblem, id, address string, principals []string) error {
	consequence := "so the policy cannot tell whether you are in " + listed(principals) + "."
	if len(principals) == 1 && strings.Contains(principals[0], "@") {
		consequence = "so the policy cannot be sure that you are " + principals[0] + "."
	}
	var says string
	next := "Ask the operators to add your Slack id, " + id + ", to the policy."
	switch problem {
	case NoAddress:
		says = "Slack shows no email address for you, "
	case NotPlainAddress:
		says = "Your address " + address + " has letters that can be mistaken for others, "
	case SharedAddress:
		says = "More than one user in Slack has your address " + address + ", "
	case UnconfirmedAddress:
		says = "Slack has not confirmed your address " + address + ", "
	default:
		says, next = "Slack has not been asked yet whether the address "+address+" is yours alone, ", tryLater
	}
	return refuse(CodeUnprovenAddress, says+consequence, next)
}

// RefuseUnprovenApprover is unproven_address: the address of an approver no
// longer proves who that is.
func RefuseUnprovenApprover(name string) error {
	return refuse(CodeUnprovenAddress, "The address of "+name+", who approved, no longer proves who that is.", askAgain)
}

// Deciding.

// RefuseUnknownRequest is unknown_request: the table holds no such request.
// lifecycle.Step decides it; functions.Slack asks before it sends an order.
func RefuseUnknownRequest() error {
	return refuse(CodeUnknownRequest, "There is no such request.", lookAtList)
}

// RefuseUnknownMessage is unknown_message: the clicked message is not known to
// belong to the request, and the person may not decide it. functions.Slack
// decides it.
func RefuseUnknownMessage() error {
	return refuse("unknown_message", "This message does not belong to a request that you can decide.",
		"If a colleague is waiting for you, ask them for the message with the request.")
}

// RefuseNotApprover is not_approver: no rule asks this person to decide.
// policy.CheckApprover decides it.
func RefuseNotApprover() error {
	return refuse(CodeNotApprover, "You are not one of the people who are asked to decide this.", "The card names them.")
}

// RefuseNotRevoker is not_approver: this person may not revoke.
// policy.CheckRevoker decides it.
func RefuseNotRevoker() error {
	return refuse(CodeNotApprover, "You are not one of the people who can revoke this access.",
		"Those who may approve or review it can, and the responders of the policy.")
}

// RefuseOwnRevocation is not_approver: requesters cannot revoke their own access,
// they give it back instead. policy.CheckRevoker decides it.
func RefuseOwnRevocation() error {
	return refuse(CodeNotApprover, "This access is your own.", "Press I'm done to give it back.")
}

// RefuseOwnDecision is self_approval: requesters cannot decide their own request.
// policy.CheckApprover decides it; Request.Approve repeats it (RefuseSelfApproval).
func RefuseOwnDecision() error {
	return refuse(CodeSelfApproval, "You cannot decide your own request.",
		"Somebody else has to decide it. Cancel it if you no longer need it.")
}

// RefuseSameAddress is self_approval: the approver has another Slack id than the
// requester, and the same address. policy.CheckApprover decides it; Request.Approve
// repeats it (RefuseSelfApproval).
func RefuseSameAddress() error {
	return refuse(CodeSelfApproval, "You have the same address as the requester, so you count as the same person.",
		"Somebody else has to decide this.")
}

// RefuseSelfApproval is self_approval: the backstop in Request.Approve.
func RefuseSelfApproval() error {
	return refuse(CodeSelfApproval, "You cannot approve your own request.", "Somebody else has to approve it.")
}

// RefuseSelfDenial is self_denial: the backstop in Request.Deny.
func RefuseSelfDenial() error {
	return refuse("self_denial", "You cannot deny your own request.", "Cancel it instead.")
}

// RefuseApprovedBefore is approved_before: the same person approves twice.
// Request.Approve decides it.
func RefuseApprovedBefore() error {
	return refuse("approved_before", "You have already approved this.", "Somebody else has to approve it too.")
}

// RefuseNoLongerAllowed has the code of the policy's refusal. It tells an
// approver that the policy no longer allows the request; the words of that
// refusal are for the requester alone. lifecycle.Decide decides it.
func RefuseNoLongerAllowed(refusal error) error {
	return refuse(Code(refusal), "The policy no longer allows this request.",
		"The requester can cancel it, or it will time out.")
}

// RefuseUnprovenRequester has the code of the policy's doubt, unproven_address
// or unknown_group. It tells an approver that the policy can no longer tell who
// the requester is. lifecycle.Decide decides it.
func RefuseUnprovenRequester(doubt error) error {
	return refuse(Code(doubt), "The policy can no longer tell who the requester is.",
		"The requester can ask again with /aws-access, and will read why.")
}

// RefuseNotYourRequest is not_yours: somebody else cancels. Request.Cancel
// decides it.
func RefuseNotYourRequest(requester string) error {
	return refuse(CodeNotYours, "Only "+requester+" can cancel this request.", "If you may decide it, deny it instead.")
}

// RefuseNotYourGrant is not_yours: somebody else gives access back. Request.End
// decides it.
func RefuseNotYourGrant(requester string) error {
	return refuse(CodeNotYours, "Only "+requester+" can end this access.",
		"If you can revoke it, press Revoke on its card.")
}

// The state of the request. Request.StateRefusal decides all of these. They say who
// was first, and when.

// RefuseStillPending is still_pending.
func RefuseStillPending() error {
	return refuse(CodeStillPending, "This request has not been decided yet.", "")
}

// RefuseAlreadyApproved is already_approved.
func RefuseAlreadyApproved(last Approval) error {
	return refuse("already_approved", "Already approved by "+last.By.Name+" at "+FormatTime(last.At)+".", "")
}

// RefuseAlreadyActive is already_active: the grant needed no approval.
func RefuseAlreadyActive(starts time.Time) error {
	return refuse("already_active", "This needed no approval. It has been active since "+FormatTime(starts)+".", "")
}

// RefuseAlreadyDenied is already_denied.
func RefuseAlreadyDenied(c Closing) error {
	return refuse(CodeAlreadyDenied, "Already denied by "+c.byAndAt()+".", "")
}

// RefuseCancelled is cancelled.
func RefuseCancelled(c Closing) error {
	return refuse(CodeCancelled, "This request was cancelled by "+c.byAndAt()+".", "")
}

// RefuseTimedOut is timed_out.
func RefuseTimedOut(answerBy time.Time) error {
	return refuse(CodeTimedOut, "Nobody decided this request by "+FormatTime(answerBy)+", so it timed out.",
		"Its requester can ask again with /aws-access.")
}

// RefuseExpired is expired: the grant ended at ends. Request.StateRefusal decides
// it; vend.Assume repeats it before it calls STS.
func RefuseExpired(ends time.Time) error {
	return refuse(CodeExpired, "This access ended at "+FormatTime(ends)+".", askAgain)
}

// RefuseEnded is ended: the requester gave the access back, or a device that had used it was removed.
func RefuseEnded(c Closing) error {
	if c.Why != "" {
		return refuse(CodeEnded, "This access ended at "+FormatTime(c.At)+". "+c.Why, askAgain)
	}
	return refuse(CodeEnded, "This access was given back by "+c.byAndAt()+".", askAgain)
}

// RefuseRevoked is revoked. Nobody did it if the right to the access was lost. Approvers read it too.
func RefuseRevoked(r Request) error {
	if r.RightLost() {
		return refuse(CodeRevoked, "This access ended at "+FormatTime(r.Closed.At)+", because the right to it was lost.",
			AskAuthors)
	}
	next := "It can be asked for again."
	if r.Lifted.IsZero() {
		next = "It can be asked for again from " + FormatTime(r.AskableFrom()) +
			" on, and earlier if one of the people who answer incidents allows it."
	}
	return refuse(CodeRevoked, "This access was revoked by "+r.Closed.byAndAt()+".", next)
}

// RefuseUnknownState is unknown_state: a newer version wrote the state.
func RefuseUnknownState() error {
	return refuse("unknown_state", "This request is in a state that this version does not know.", tellOperators)
}

func (c Closing) byAndAt() string { return c.By.Name + " at " + FormatTime(c.At) }

// Vending.

// RefuseNotYours is not_yours: somebody else uses the grant. Request.Order
// decides it; functions.Slack and lifecycle.Vend refuse before.
func RefuseNotYours(requester string) error {
	return refuse(CodeNotYours, "Only "+requester+" can use this access.", "Ask for your own with /aws-access.")
}

// RefuseOrderRepeated is order_repeated: the same click came twice.
// Request.CheckRepeated decides it.
func RefuseOrderRepeated() error {
	return refuse(CodeOrderRepeated, "This click has already been answered.",
		"Press the button again for another session.")
}

// RefuseOrderLate is order_late: the order is older than OrderLife.
// Request.Order decides it.
func RefuseOrderLate() error {
	return refuse("order_late", "That click arrived too late to be answered.", pressAgain)
}

// RefuseUnknownOrder is unknown_order: the request has no such order, or the order was
// answered. Request.Issue and Request.Fail decide it.
func RefuseUnknownOrder() error {
	return refuse(CodeUnknownOrder, "This click is no longer being processed.", pressAgain)
}

// RefuseUnknownKeysForm is unknown_keys_form: a newer version drew the button.
// lifecycle.Vend decides it.
func RefuseUnknownKeysForm() error {
	return refuse("unknown_keys_form", "This version of AWS access cannot write keys in that form.",
		"Press Get temporary keys instead.")
}

// RefuseNotYet is not_yet: the grant begins later. Request.CheckUsable decides
// it.
func RefuseNotYet(starts time.Time) error {
	return refuse("not_yet", "This access begins at "+FormatTime(starts)+".", "")
}

// RefuseNotGiven is not_given: the grant does not hand out this kind.
// Request.Order decides it.
func RefuseNotGiven(kind Kind) error {
	if kind == Keys {
		return refuse("not_given", "This access gives the console only, and no keys.",
			"Open the AWS console instead.")
	}
	return refuse("not_given", "This access gives keys only, and no console link.", "Get temporary keys instead.")
}

// RefuseChanged is changed: others moved the request so often that the intent to
// vend could not be recorded. lifecycle.Vend decides it.
func RefuseChanged() error {
	return refuse("changed", "Somebody else changed this access at the moment of your click.",
		"Look at its state, and press the button again.")
}

// RefuseNoLongerApproved is no_longer_approved: policy or groups changed, and
// the approvals no longer fill what is required. lifecycle.Vend decides it.
func RefuseNoLongerApproved() error {
	return refuse("no_longer_approved", "Under today's policy and groups, the approvals are no longer enough.", askAgain)
}

// RefuseAWSRefused is aws_refused: STS refuses the role. STS does not tell a role
// that is missing from one that does not trust the bastion account
// (docs/facts.md#a5), so neither does this. vend.Assume decides it.
func RefuseAWSRefused(roleInAccount string) error {
	return refuse(CodeAWSRefused,
		"AWS refused "+roleInAccount+": the role does not exist there, or does not trust AWS access.", tellOperators)
}

// RefuseAWSUnavailable is aws_unavailable: AWS did not answer. vend.Assume
// decides it.
func RefuseAWSUnavailable(roleInAccount string) error {
	return refuse(CodeAWSUnavailable, "AWS did not answer for "+roleInAccount+".", "Press the button again in a minute.")
}

// RefuseAWSInvalid is aws_invalid: AWS says that the request or the installation
// is wrong. vend.Assume decides it.
func RefuseAWSInvalid(roleInAccount string) error {
	return refuse(CodeAWSInvalid,
		"AWS cannot give "+roleInAccount+", because the role or AWS access is set up wrongly.", tellOperators)
}

// RefuseInexactExpiry is exact_expiry_unavailable: the stack demands credentials that
// expire with the grant, and AWS gave none for the role in the account. vend.Assume
// decides it.
func RefuseInexactExpiry(roleInAccount string) error {
	return refuse(CodeInexactExpiry, "AWS gave no credentials for "+roleInAccount+
		" that end with the grant, and AWS access is set to hand out no others.", tellOperators)
}

// RefuseLinkTooLong is link_too_long: Slack would split the console link, which
// has length characters of limit. slackui.Link decides it. keys says whether the
// grant gives keys too.
func RefuseLinkTooLong(length, limit int, keys bool) error {
	next := "Tell the people who run AWS access: this access gives no keys that you could use instead."
	if keys {
		next = "Press Get temporary keys instead."
	}
	return refuse("link_too_long", "The console link has "+itoa(length)+" characters, more than the "+itoa(limit)+
		" that fit into one Slack message.", next)
}

// onCommandLine has other words for the refusals whose usual words tell people to press
// something in Slack.
var onCommandLine = map[string]struct{ says, next string }{
	CodeOrderRepeated: {"This call has already been answered.", "Run the command again."},
	"order_late":      {"The call arrived too late to be answered.", "Run the command again."},
	"changed":         {"Somebody else changed this access at the same moment.", "Run the command again."},
	"too_many_clicks": {
		"You have asked " + itoa(MaxUsedOrders) + " times in ten minutes.", "Wait a few minutes and try again.",
	},
	CodeAWSUnavailable:   {"", "Try again in a minute."},
	CodeEnded:            {"", "Ask again: aws-access request"},
	"unknown_request":    {"", "Look at aws-access list."},
	"too_many_open":      {"", "Give back access that you do not need: aws-access list"},
	"too_many_pending":   {"", "Cancel one (aws-access list), or wait until one is decided."},
	CodeNotYourDevice:    {"", "Look at aws-access devices."},
	"not_allowed":        {"", "The form in Slack shows what you may ask for: /aws-access."},
	"no_longer_approved": {"", "Ask again: aws-access request"},
}

// OnCommandLine returns the refusal as the command line and machines read it: with the
// same code. A machine is not sent to a form in Slack.
func (r *Refusal) OnCommandLine(machine bool) error {
	if machine && r.Code == "not_allowed" {
		return refuse(r.Code, r.Says, "No rule of the policy allows it to this machine. "+tellAuthors)
	}
	words, found := onCommandLine[r.Code]
	if !found {
		return r
	}
	return refuse(r.Code, cmp.Or(words.says, r.Says), words.next)
}

// ToOthers returns a refusal for somebody who is not the requester: without the advice to ask again.
func ToOthers(err error) error {
	if r := (*Refusal)(nil); errors.As(err, &r) && r.Next == askAgain {
		return refuse(r.Code, r.Says, "")
	}
	return err
}

// quoted puts what somebody typed into a sentence, at most 80 characters of it.
func quoted(text string) string {
	const limit = 80
	if runes := []rune(strings.ToValidUTF8(text, "?")); len(runes) > limit {
		text = string(runes[:limit]) + "…"
	}
	return "“" + text + "”"
}

// shellWord writes a word of a command so that a shell reads it as one word and does
// nothing else.
func shellWord(word string) string {
	plain := strings.Trim(word, capitals+letters+"._-@+=:/") == ""
	if word != "" && plain && word[0] != '-' {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// listed names at most five things in a sentence.
func listed(names []string) string {
	const limit = 5
	if len(names) > limit {
		names = append(names[:limit:limit], "others")
	}
	return joined(names, "and")
}

// joined is names as they stand in a sentence: a, b and c.
func joined(names []string, word string) string {
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " " + word + " " + names[last]
	}
	return strings.Join(names, "")
}

func itoa(n int) string { return strconv.Itoa(n) }

// RefuseFrozen is frozen: responders or operators have stopped everything that gives access. The
// stores decide it in the transaction of each move that gives access.
// If it is not known any more who did it, f is zero.
func RefuseFrozen(f Freeze) error {
	says := "AWS access is frozen: nobody gets access until it is thawed."
	if f.On {
		says += " " + f.By.Name + " froze it at " + FormatTime(f.At) + "."
	}
	return refuse(CodeFrozen, says,
		"Responders thaw it with /aws-access revoke. Try again after that.")
}

// RefuseRevokedLately is revoked_lately: somebody revoked this requester's access to the same
// target within the last hour. lifecycle.Submit decides it.
func RefuseRevokedLately(r Request, until, now time.Time) error {
	wait := until.Sub(now).Round(time.Minute)
	return refuse(CodeRevokedLately, r.Closed.By.Name+" has revoked your access to "+r.Role+" in "+r.AccountName+
		", so you cannot ask for it before "+FormatTime(until)+", in "+FormatLength(max(wait, time.Minute))+
		". The reason: "+quoted(strings.Join(strings.Fields(r.Closed.Why), " "))+".",
		"A responder can allow it earlier, on the card of that request.")
}

// RefuseOwnLift is not_responder: nobody allows themselves to ask again after a revocation.
// lifecycle.Close.Lift decides it.
func RefuseOwnLift() error {
	return refuse(CodeNotResponder, "You cannot allow this for yourself.",
		"Another responder can.")
}

// RefuseNotResponder is not_responder: only the responders of the policy may do this.
// policy.CheckResponder decides it.
func RefuseNotResponder() error {
	return refuse(CodeNotResponder, "Only responders may do this.",
		"The policy names them under settings: responders.")
}

// RefuseHeld is eligibility_held: a sweep has found that unusually many people have lost the right to
// their access, and nobody has said yet whether that is so. The stores decide it in the transaction of
// each intent to vend.
func RefuseHeld() error {
	return refuse(CodeHeld, "Nobody gets keys or the console just now: very many people seem to have lost their "+
		"access at once, and somebody has to check that first.",
		"Your access has not ended. The people who run AWS access have been asked: try again in some minutes.")
}
