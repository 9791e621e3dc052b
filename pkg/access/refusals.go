package access

import (
	"slices"
	"strconv"
	"strings"
)

// This file has the refusals that people read: each has a code, a sentence, and what to try next.
// The functions below take names and numbers, and nothing that a person must not learn: the caller
// decides whether an account may be named.

const (
	tryInForm    = "Choose one in the form: /aws-access."
	tryLater     = "Try again in a few minutes."
	tryOperators = "The operators were told; ask them to put it right."
	tryOwners    = "Tell the people who maintain the policy."
)

// UnknownAccount is unknown_account: a message refers to an account that the policy does not have.
func UnknownAccount(account string) error {
	return Refuse("unknown_account", "There is no account "+quoted(account)+".", tryInForm)
}

// NoAccountToAsk is unknown_account, for an account that does not exist and for one in which this
// person may ask for nothing: the sentence must not tell them apart. similar are names of accounts
// that this person may ask for.
func NoAccountToAsk(typed string, similar []string) error {
	next := "Put a name with spaces in quotes, or write the account's 12 digits; the form shows what you " +
		"may ask for: /aws-access."
	if len(similar) > 0 {
		similar = slices.Clone(similar)
		for i := range similar {
			similar[i] = quoted(similar[i])
		}
		next = "Did you mean " + either(similar) + "? Put a name with spaces in quotes, or write the account's 12 digits."
	}
	return Refuse("unknown_account", "There is no account "+quoted(typed)+" that you may ask for.", next)
}

// UnknownRole is unknown_role. place is the name of the account, or "this account" for somebody who
// may not learn it; similar are roles that this person may ask for.
func UnknownRole(typed, place string, similar []string) error {
	next := tryInForm
	if len(similar) > 0 {
		next = "Did you mean " + either(similar) + "?"
	}
	return Refuse("unknown_role", "There is no role "+quoted(typed)+" in "+place+".", next)
}

// NeverAllowed is never. say are the words of the policy's author for it, "" if there are none.
func NeverAllowed(rule, say string) error {
	if say != "" {
		return Refuse("never", say, "")
	}
	return Refuse("never", "The policy never allows this: "+inQuotes(rule)+".", "")
}

// MaybeNeverAllowed is never, if it is unknown whether a never rule concerns this person.
func MaybeNeverAllowed(rule string, unknown error) error {
	return Refuse("never", inQuotes(rule)+" may concern you.", unknown.Error())
}

// NotAllowed is not_allowed. It does not say who could approve.
func NotAllowed(role, place string) error {
	return Refuse("not_allowed", "You may not ask for "+role+" in "+place+".",
		"The form shows what you may ask for: /aws-access.")
}

// NothingToGive is nothing_to_give: the rules have neither console nor keys in common.
func NothingToGive(role, account string) error {
	return Refuse("nothing_to_give", "The rules for "+role+" in "+account+
		" contradict each other: one allows only the console, another only keys.", tryOwners)
}

// NoReason is no_reason.
func NoReason() error {
	return Refuse("no_reason", "A reason is needed.", "Say in a few words what you are going to do.")
}

// NoTicket is no_ticket; example is a ticket as people know them.
func NoTicket(role, account, example string) error {
	return Refuse("no_ticket", "A ticket is needed for "+role+" in "+account+".", writeLike(example))
}

// TicketTooLong is bad_ticket: the ticket has several lines, or more characters than the limit.
func TicketTooLong(limit int, example string) error {
	return Refuse("bad_ticket", "A ticket is one line of at most "+strconv.Itoa(limit)+" characters.", writeLike(example))
}

// NotATicket is bad_ticket: the ticket does not match the policy's pattern.
func NotATicket(typed, example string) error {
	return Refuse("bad_ticket", quoted(typed)+" is not a ticket.", writeLike(example))
}

func writeLike(example string) string { return "Write it like " + example + "." }

// NoApprover is no_approver: other people than the requester could not fill a requirement of a rule.
// others is how many of them there are; why says what keeps people from being counted, "" if
// nothing does.
func NoApprover(rule string, required int, from []string, others int, why string) error {
	says := "Too few people could approve this: " + inQuotes(rule) + " needs " + strconv.Itoa(required) + " of " +
		strings.Join(from, ", ")
	switch {
	case others == 0 && why != "":
		says += "."
	case others == 0:
		says += ", and there is nobody but you."
	case others == 1:
		says += ", and there is 1 besides you."
	default:
		says += ", and there are " + strconv.Itoa(others) + " besides you."
	}
	if why != "" {
		return Refuse("no_approver", says+" "+why, tryOperators)
	}
	return Refuse("no_approver", says, tryOwners)
}

// GroupsGone is a sentence for NoApprover.
func GroupsGone(groups []string) string {
	return "Slack has no user group " + listed(groups) + " any more, or it is switched off."
}

// AddressesUnconfirmed is a sentence for NoApprover, about a number of people.
func AddressesUnconfirmed(people int) string {
	if people == 1 {
		return "Slack has not confirmed the address of one of them, or another user has the same."
	}
	return "Slack has not confirmed the addresses of " + strconv.Itoa(people) + " of them, or other users have the same."
}

// OwnRequest is self_approval.
func OwnRequest() error {
	return Refuse("self_approval", "You cannot decide your own request.",
		"Somebody else has to decide it. Cancel it if you no longer need it.")
}

// RequestersAddress is self_approval, for another Slack user with the requester's address.
func RequestersAddress() error {
	return Refuse("self_approval", "You have the same address as the requester, so you count as one person.",
		"Somebody else has to decide this.")
}

// NotApprover is not_approver, for somebody who clicks Approve or Deny.
func NotApprover() error {
	return Refuse("not_approver", "You are not among those who are asked to decide this.", "The card says who is.")
}

// NotRevoker is not_approver, for somebody who clicks Revoke.
func NotRevoker() error {
	return Refuse("not_approver", "You are not among those who may take this access away.", "The card says who may.")
}

// OwnAccess is not_approver, for an owner who clicks Revoke.
func OwnAccess() error {
	return Refuse("not_approver", "This access is your own.", "Press I'm done to give it back.")
}

// GroupsUnreadable is slack_unreadable: the members of groups are unknown.
func GroupsUnreadable(groups []string) error {
	return slackUnreadable("it is not known who is in " + listed(groups))
}

// ApproversUnreadable is slack_unreadable: the members of groups that are asked are unknown.
func ApproversUnreadable(groups []string) error {
	return slackUnreadable("it is not known who in " + listed(groups) + " could approve this")
}

// ApprovalsUnreadable is slack_unreadable: the people who approved are unknown.
func ApprovalsUnreadable() error {
	return slackUnreadable("it is not known whether the people who approved may still approve")
}

// PeopleUnreadable is slack_unreadable: nobody's address is known. names are those of groups and
// people in the policy.
func PeopleUnreadable(names []string) error {
	return slackUnreadable("it is not known whether " + listed(names) + " includes you")
}

func slackUnreadable(so string) error {
	return Refuse("slack_unreadable", "Slack cannot be read at the moment, so "+so+".", tryLater)
}

// UnknownGroup is unknown_group: Slack no longer has the groups.
func UnknownGroup(groups []string) error {
	return Refuse("unknown_group", GroupsGone(groups), tryOperators)
}

// AddressProblem says why an address does not prove who a person is.
type AddressProblem int

// The problems of an address.
const (
	NoAddress          AddressProblem = iota // Slack shows none
	NotPlainAddress                          // it is not plain ASCII
	SharedAddress                            // another user has it too
	UnconfirmedAddress                       // Slack has not confirmed it
	AddressNotLookedUp                       // nobody has asked Slack yet
)

// UnprovenAddress is unproven_address. names are those of the groups and people in the policy to
// which the person might belong.
func UnprovenAddress(problem AddressProblem, id, address string, names []string) error {
	so := "so the policy cannot tell whether you are in " + listed(names) + "."
	if len(names) == 1 && strings.Contains(names[0], "@") {
		so = "so the policy cannot take you for " + names[0] + "."
	}
	if problem == AddressNotLookedUp {
		return Refuse("unproven_address", "Whether your address "+address+" is yours alone has not been looked up in "+
			"Slack yet, "+so, tryLater)
	}
	says := map[AddressProblem]string{
		NoAddress:          "Slack shows no address of yours, ",
		NotPlainAddress:    "Your address " + address + " has letters that look like others, ",
		SharedAddress:      "More than one user in Slack has your address " + address + ", ",
		UnconfirmedAddress: "Slack has not confirmed your address " + address + ", ",
	}[problem]
	return Refuse("unproven_address", says+so, "Ask the operators to name your Slack id, "+id+", in the policy.")
}

// UnprovenApprover is unproven_address, for the requester: the address of somebody who approved no
// longer proves who that is.
func UnprovenApprover(name string) error {
	return Refuse("unproven_address", "The address of "+name+", who approved, no longer proves who that is.",
		"Ask again with /aws-access.")
}

// BadLength is bad_length: what somebody typed is not a length of time.
func BadLength(typed string) error {
	says := "That is not a length of time."
	if typed = strings.ToValidUTF8(typed, "?"); typed != "" && len(typed) <= 40 {
		says = inQuotes(typed) + " is not a length of time."
	}
	return Refuse("bad_length", says, "Write it with its unit, like 30m, 2 hours, 1h30m or 2d.")
}

// quoted returns what somebody typed in quotes, shortened if it is long.
func quoted(typed string) string {
	const limit = 80
	if runes := []rune(strings.ToValidUTF8(typed, "?")); len(runes) > limit {
		typed = string(runes[:limit]) + "…"
	}
	return inQuotes(typed)
}

func inQuotes(text string) string { return "“" + text + "”" }

// either lists names to choose from: a, b or c.
func either(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// listed lists names: a, b and c. A long list is shortened.
func listed(names []string) string {
	if len(names) > 5 {
		names = append(slices.Clone(names[:5]), "others")
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}
