package slackui

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
)

// This file holds every sentence for the people who run AWS access. The texts are plain: Operators shows them without
// reading any markup. None of them holds a secret.

// Operators is the message for the operators' channel. Markup in text is shown as it is, and has no effect.
func Operators(text string) Message { return plainMessage(text) }

// DirectMessages is the place of all direct messages, for the functions below that take a place. Every other place is
// the id of a channel.
const DirectMessages = "direct messages"

// messagesIn names the messages of a place, within a sentence.
func messagesIn(place string) string {
	if place == DirectMessages {
		return place
	}
	return "messages in " + place
}

// MessagesRefused says that Slack does not accept messages in a place until somebody changes something.
func MessagesRefused(place string, err error) string {
	return "Slack does not accept " + messagesIn(place) + " (" + slackapi.Code(err) + "). " + AdviceFor(err) +
		" The messages are kept, and are posted as soon as Slack accepts them."
}

// MessagesAccepted says that Slack accepts messages in a place again. code is the error that is over.
func MessagesAccepted(place, code string) string {
	return "Slack accepts " + messagesIn(place) + " again (" + code + " is over)."
}

// NoMessageWaits says that no message is left that Slack refused in a place with a code.
func NoMessageWaits(place, code string) string {
	return noMessageWaits(messagesIn(place) + " (" + code + ")")
}

// NoMessageWaitsForToken says that no message is left that waits for a new bot token.
func NoMessageWaitsForToken() string { return noMessageWaits("the bot token") }

func noMessageWaits(before string) string {
	return "No message waits for Slack any more. Before, Slack did not accept " + before + "."
}

// TokenRefused says that Slack does not accept the bot token, or that it cannot be read.
func TokenRefused(err error) string {
	return "Slack does not accept the bot token (" + causeOf(err) + "). " + AdviceFor(err) +
		" The messages are kept until then."
}

// TokenAccepted says that Slack accepts the bot token again.
func TokenAccepted() string { return "Slack accepts the bot token again." }

// UnknownAnswer says that Slack answered with an error that it does not document.
func UnknownAnswer(err error) string {
	return "Slack gave an unknown answer (" + causeOf(err) + "). " + AdviceFor(err) +
		" The messages are kept, and are tried again."
}

// MessageInvalid says that Slack refuses the form of a message, so that it is not posted. about names what it is
// about, such as "request 01K…".
func MessageInvalid(about, place string, err error) string {
	return "A message about " + about + ", one of the " + messagesIn(place) +
		", is not posted, because Slack refuses its form (" + causeOf(err) + "). " + AdviceFor(err)
}

// AnswerRefused says that Slack refused the private answer with keys or a link.
func AnswerRefused(err error) string {
	return "Keys or a link could not be posted to the person who asked (" + slackapi.Code(err) + "). " + AdviceFor(err)
}

// LinkTooLong says that a role's console link does not fit into one message. cause is the error of Link.
func LinkTooLong(t access.Target, cause error) string {
	says := cause.Error()
	if all := access.Refusals(cause); len(all) > 0 {
		says = all[0].Says // the advice of the refusal is for the requester
	}
	return "The console could not be opened as " + t.Role + " in " + t.AccountName + " (" + t.Account + "). " + says +
		" Its session policy and tags make the session token, and with it the link, too long." +
		" A shorter path of the role shortens the policy. Keys work at any length, where a rule gives them."
}

// causeOf is an error of Slack without the words that a sentence has anyway.
func causeOf(err error) string { return strings.TrimPrefix(err.Error(), "slack ") }

// GroupsUnknown says that the members of groups are not known. err is why Slack could not be read, nil if it could.
// gone says that Slack has no such group, or has disabled it.
func GroupsUnknown(groups string, gone bool, err error) string {
	text := "The members of these groups in the policy are not known at the moment: " + groups +
		". They allow nobody and approve nothing until they can be read again."
	switch {
	case err != nil:
		text += fmt.Sprintf(" The error is: %v. %s", err, AdviceFor(err))
	case gone:
		text += " Slack has no such group, or the group is disabled: " +
			"enable it again, or write another group into policy.yaml."
	}
	return text
}

// GroupsKnown says that the members of groups are known again.
func GroupsKnown(groups string) string {
	return "These groups of the policy are known again: " + groups + "."
}

// PeopleUnreadable says that the workspace's people cannot be read. readAt is the last time that they could, zero for
// never.
func PeopleUnreadable(err error, readAt time.Time) string {
	return fmt.Sprintf("People cannot be read from Slack: %v. %s %s", err, AdviceFor(err), lastRead(readAt))
}

// PeopleLate says that the last reading of the workspace's people is out of date.
func PeopleLate(readAt time.Time) string {
	return "People could not be read from Slack in time. " + lastRead(readAt)
}

// PeopleReadable says that the workspace's people can be read again.
func PeopleReadable() string { return "People can be read from Slack again." }

// lastRead says how long the last reading of people is still used.
func lastRead(at time.Time) string {
	const after = "neither approvers nor addresses are known, and people are told that Slack cannot be read."
	if at.IsZero() {
		return "Until then " + after
	}
	until := at.Add(access.PeopleStaleAfter)
	return "What was read at " + at.UTC().Format("15:04") + " UTC holds until " + until.UTC().Format("15:04") +
		" UTC; after that " + after
}

// AddressesUnconfirmed says that Slack has not confirmed addresses that the policy names.
func AddressesUnconfirmed(people string) string {
	return "Slack has not confirmed these addresses, which the policy names: " + people + "." + useSlackIDs
}

// AddressesShared says that several users have the same address, which the policy names.
func AddressesShared(people string) string {
	return "More than one user in Slack has these addresses, which the policy names: " + people + "." + useSlackIDs
}

const useSlackIDs = " The policy does not recognise these people by these addresses, so with them they can " +
	"neither ask nor approve. Write their Slack ids into policy.yaml instead, or have the addresses corrected in Slack."

// AddressesRecognised says that the policy recognises people by their addresses again.
func AddressesRecognised(people string) string {
	return "The policy recognises these people again, or no longer names them: " + people + "."
}

// maxNamed is how many things one message names; it counts the rest. aws-access doctor lists all of them.
const maxNamed = 20

// NameList lists ids with their names, for the functions above. An id that has no name stands alone.
func NameList(ids []string, names map[string]string) string {
	var listed []string
	for _, id := range ids[:min(len(ids), maxNamed)] {
		switch name := names[id]; {
		case name == "":
			listed = append(listed, id)
		case strings.Contains(name, id):
			listed = append(listed, name)
		default:
			listed = append(listed, name+" ("+id+")")
		}
	}
	if more := len(ids) - len(listed); more > 0 {
		return strings.Join(listed, ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(listed, ", ")
}

// TooManyClicks says that somebody sent more than limit commands and clicks within a short time. name may be "".
func TooManyClicks(id, name string, limit int) string {
	return flood(id, name, fmt.Sprintf("sent more than %d commands and clicks within a few moments", limit))
}

// TooManyRequests says that somebody asked more than limit times within an hour. name may be "".
func TooManyRequests(id, name string, limit int) string {
	return flood(id, name, fmt.Sprintf("asked more than %d times within an hour", limit))
}

// TooManyOfPipeline says that the runs of a pipeline asked more than limit times within an hour. name is that of one of
// them.
func TooManyOfPipeline(name string, limit int) string {
	return fmt.Sprintf("The pipeline of the machine “%s” asked more than %d times within an hour. The rest is refused, "+
		"and others are not affected.", name, limit)
}

// AnswerKeyUnusable says that no call can be answered. cause never contains a part of the key.
func AnswerKeyUnusable(cause error) string {
	return "The answer key cannot be used (" + cause.Error() + "), so the command line and machines get no answers. " +
		"Make a new one as docs/deploy.md says."
}

// Frozen says that a responder or operator has frozen everything.
func Frozen(f access.Freeze) string {
	return "Everything is frozen by " + personInPlain(f.By) + " since " + access.FormatTime(f.At) +
		": nothing is granted, handed out or paired. Why: “" + truncate(oneLine(f.Why), maxWhy) + "”. " +
		"Two responders can thaw it (/aws-access revoke), or aws-access thaw."
}

// ThawWanted says who wants to thaw.
func ThawWanted(f access.Freeze) string {
	return personInPlain(f.Thaw[len(f.Thaw)-1]) + " wants to thaw. Another responder has to agree (/aws-access revoke)."
}

// Thawed says that nothing is frozen any more.
func Thawed(f access.Freeze) string {
	by := "somebody with rights on the table, whom the record does not name,"
	if len(f.Thaw) > 0 {
		var names []string
		for _, p := range f.Thaw {
			names = append(names, personInPlain(p))
		}
		by = strings.Join(names, " and ")
	}
	text := "Nothing is frozen any more: it was thawed by " + by + " at " + access.FormatTime(f.ThawAt) + "."
	if f.By.ID != "" {
		text += " " + personInPlain(f.By) + " had frozen it at " + access.FormatTime(f.At) + ", " +
			"because: “" + truncate(oneLine(f.Why), maxWhy) + "”."
	}
	return text
}

// Closing is what somebody has ended by aws-access close. If Request, Person and Account are "", it was to end
// everything.
type Closing struct {
	By                       access.Person
	Request, Person, Account string
	Why                      string

	Grants, Sessions, Requests, Devices int
	Failed                              int // that could not be ended
}

// ClosedByOperator says what somebody with rights on the table has ended from the command line.
func ClosedByOperator(c Closing) string {
	what := "everything"
	switch {
	case c.Request != "":
		what = "the request " + oneLine(c.Request)
	case c.Person != "":
		what = "everything of " + oneLine(c.Person)
	case c.Account != "":
		what = "everything in " + oneLine(c.Account)
	}
	var did []string
	if c.Grants > 0 {
		did = append(did, grantCount(c.Grants)+" with "+liveSessionCount(c.Sessions)+" revoked")
	}
	if c.Requests > 0 {
		did = append(did, counted(c.Requests, "request")+" denied")
	}
	if c.Devices > 0 {
		did = append(did, counted(c.Devices, "paired computer")+" removed")
	}
	if len(did) == 0 {
		did = []string{"nothing could be ended"}
	}
	text := personInPlain(c.By) + " has closed " + what + " by aws-access close: " + strings.Join(did, ", ") + ". Why: “" +
		truncate(oneLine(c.Why), maxWhy) + "”."
	if c.Failed > 0 {
		text += " " + counted(c.Failed, "step") + " failed, so the command has to be given again."
	}
	return text
}

// ManyWereRevoked says that a responder has revoked several grants together. account is the name of the account that
// the scope means, "" if it is not known.
func ManyWereRevoked(o access.Revocation, by access.Person, account string, grants, sessions int) string {
	what := "everything"
	switch {
	case o.Of.Kind == access.OfPerson:
		what = "everything of " + o.Of.ID
	case o.Of.Kind == access.InAccount && account != "":
		what = "everything in " + oneLine(account) + " (" + o.Of.ID + ")"
	case o.Of.Kind == access.InAccount:
		what = "everything in " + o.Of.ID
	}
	return personInPlain(by) + " has ordered to revoke " + what + ". Revoked: " + grantCount(grants) + " with " +
		liveSessionCount(sessions) + ". Why: “" + truncate(oneLine(o.Why), maxWhy) + "”."
}

// maxWhy is how much of a reason the operators read. The log and the cards have the whole.
const maxWhy = 500

// CutFails says that the sessions of closed grants cannot be ended. They can act until then.
func CutFails(l access.CutList) string {
	return fmt.Sprintf("The sessions of %s of the role %s in %s cannot be ended: %d tries since %s UTC have "+
		"failed (%s). They can act until that works or they expire. It is tried again every few minutes; run "+
		"aws-access doctor for that account.", counted(len(l.Names), "closed grant"), oneLine(l.Role), l.Account, l.Tries,
		l.Since.UTC().Format("15:04"), oneLine(l.Failed))
}

// WholeRoleCut says that all sessions of a role were ended, because the names of those that had to be did not fit into
// the role's policies.
func WholeRoleCut(l access.CutList) string {
	return fmt.Sprintf("All sessions of the role %s in %s that were issued before %s UTC were ended, because the names "+
		"of those that had to be ended did not fit into the role's inline policies. The people whose access goes on "+
		"are told to get new sessions.", oneLine(l.Role), l.Account, l.Whole.UTC().Format("15:04:05"))
}

// CutWorks says that no session of closed grants of a role is left without a deny.
func CutWorks(k access.CutKey) string {
	return "The sessions of closed grants of the role " + oneLine(k.Role) + " in " + k.Account +
		" can be ended again: a deny was written, or they have expired. AWS takes seconds, sometimes minutes, until a " +
		"deny holds everywhere."
}

// personInPlain names a person without markup.
func personInPlain(p access.Person) string {
	if p.Name == "" || p.Name == p.ID {
		return p.ID
	}
	return "“" + truncate(oneLine(p.Name), maxName) + "” (" + p.ID + ")" // quoted, because people choose their own names
}

// flood says that the rest of what somebody sends is refused. did is what that person did.
func flood(id, name, did string) string {
	who := id
	if name != "" && name != id {
		who = "“" + name + "” (" + id + ")" // quoted, because people choose their own names
	}
	return who + " " + did + ". The rest is refused, and other people are not affected. If it was not this person, " +
		"deactivate the account in Slack."
}

// advice says what an operator can do about an error code of Slack.
var advice = map[string]string{
	"channel_not_found": "Invite the app to the channel (/invite @aws-access), " +
		"or write the right channel into policy.yaml.",
	"not_in_channel": "Invite the app to the channel: /invite @aws-access.",
	"is_archived":    "Unarchive the channel, or write another channel into policy.yaml.",
	"is_inactive":    "Unarchive the channel, or write another channel into policy.yaml.",
	"missing_scope":  "Install the app again with the manifest that the command aws-access manifest prints.",
	"messages_tab_disabled": "Turn on the Messages Tab of the app (App Home), " +
		"or install it again with the manifest that the command aws-access manifest prints.",

	"restricted_action":                        "Let the app post in the channel: its posting permissions exclude it.",
	"restricted_action_read_only_channel":      "Let the app post in the channel: it is read-only.",
	"restricted_action_thread_only_channel":    "Let the app post in the channel: it takes answers in threads only.",
	"restricted_action_non_threadable_channel": "Let the app answer in threads of the channel.",
	"restricted_action_thread_locked":          "Unlock the thread.",

	"team_access_not_granted":    "Grant the app access to this workspace in the organisation's settings.",
	"ekm_access_denied":          "An administrator has suspended messages in the channel: ask for them to be allowed.",
	"external_channel_migrating": "The channel is being moved to another workspace: wait until that is done.",
	"no_such_subteam":            "Write the right user group into policy.yaml.",
	"edit_window_closed":         "Let members change their messages without a time limit (workspace settings).",
}

// AdviceFor says what an operator can do about an error of pkg/slackapi, in whole sentences.
func AdviceFor(err error) string { return Advice(slackapi.Classify(err), slackapi.Code(err)) }

// Advice is AdviceFor for the class and the code of an error; code may be "".
func Advice(class slackapi.Class, code string) string {
	switch {
	case advice[code] != "":
		return advice[code]
	case class == slackapi.Token:
		return "Put the Bot User OAuth Token of the installed app into SSM; the functions read it again by themselves."
	case class == slackapi.Operator:
		return "Look at the app's permissions and at the channel's settings in Slack."
	case class == slackapi.Invalid:
		return "Report this as a fault of aws-access."
	case class == slackapi.Wait:
		return "Slack itself may have trouble: look at status.slack.com."
	}
	return "Look up the code in Slack's documentation, and check status.slack.com."
}

// shownLost is how many grants a report of a held sweep names.
const shownLost = 10

// LostGrant names a grant in a report of a held sweep.
func LostGrant(who access.Person, role, account string) string {
	return cmp.Or(who.Name, who.ID) + " (" + who.ID + "): " + role + " in " + account
}

// SweepHeld asks whether what a sweep has found is right. grants are those that it would revoke, and
// counts how many of them for each of the reasons.
func SweepHeld(s access.Sweep, grants []string, counts map[string]int, reasons []string) string {
	text := fmt.Sprintf("Of %d open grants, %d would be revoked now. That is unusually many at once, so nothing is "+
		"revoked, and nobody gets keys or the console, until somebody answers.\n", s.Looked, s.Lost)
	for _, why := range reasons {
		text += fmt.Sprintf("• %d of them: %s\n", counts[why], why)
	}
	shown := grants[:min(shownLost, len(grants))]
	text += "Among them: " + strings.Join(shown, "; ")
	if len(grants) > len(shown) {
		text += fmt.Sprintf("; and %d more", len(grants)-len(shown))
	}
	return text + ".\nLook first at what has changed: the policy, the members of its groups in Slack, and who is " +
		"deactivated. If it is right, run aws-access sweep confirm, and they are revoked within a minute. If it is " +
		"wrong, run aws-access sweep dismiss: vending goes on, and none of them is revoked for this for an hour. " +
		"If what is wrong is put right, this ends by itself."
}

// SweepNotHeld says that a sweep is no longer held.
func SweepNotHeld(s access.Sweep) string {
	switch {
	case s.Answered.IsZero() || s.Lost == 0 && s.KeptUntil.IsZero():
		return "No unusual number of grants would be revoked any more. Keys and the console are given again."
	case !s.KeptUntil.IsZero():
		return s.By.Name + " has dismissed what the sweep found. Keys and the console are given again, and none of " +
			"those grants is revoked for it before " + access.FormatTime(s.KeptUntil) + "."
	}
	return s.By.Name + " has confirmed what the sweep found, so those grants are revoked now. Keys and the console " +
		"are given again."
}
