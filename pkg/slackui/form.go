package slackui

import (
	"cmp"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// Callbacks of the forms, and action ids of what stands in forms and messages.
// A button's value is the request's id and nothing else.
const (
	CallbackAsk     = "ask"
	CallbackDeny    = "deny"
	CallbackApprove = "confirm_approve"
	CallbackRevoke  = "confirm_revoke"
	callbackNone    = "none"

	ActionAccount = "account"
	ActionRole    = "role"
	ActionLength  = "length"
	ActionReason  = "reason"
	ActionTicket  = "ticket"

	ActionApprove = "approve"
	ActionDeny    = "deny"
	ActionCancel  = "cancel"
	ActionRevoke  = "revoke"
	ActionConsole = "console"
	ActionKeys    = "keys"
	ActionEnd     = "end"
)

// FormState is what the form knows besides what Slack keeps in its inputs.
type FormState struct {
	Account access.Account // zero until one was chosen
	Roles   []access.Role  // that this person may ask for there
	Role    string         // the one that was chosen
	Ticket  string         // an example, as people know them
}

// Form is the form behind /aws-access. Inputs keep what was typed while their
// ids stay; the role's ids follow the account, so that a role of another
// account is never sent.
func Form(s FormState) slack.ModalViewRequest {
	account := slack.NewOptionsSelectBlockElement(slack.OptTypeExternal, plain("Search by name or id"), ActionAccount)
	account.MinQueryLength = new(int)
	role := s.chosen()
	length := slack.NewPlainTextInputBlockElement(plain("2h"), ActionLength)
	ticket := slack.NewPlainTextInputBlockElement(nil, ActionTicket)
	if s.Ticket != "" {
		ticket.Placeholder = plain(cut(oneLine(s.Ticket), maxName))
	}
	blocks := []slack.Block{follows(input("Account", ActionAccount, account, ""))}
	blocks = append(blocks, s.roles()...)
	blocks = append(blocks,
		input("How long", ActionLength, length, "For example 30m, 4h or 1h30m."+s.most()),
		input("Reason", ActionReason, reason("What are you going to do?"), "It is shown on the card and kept in the audit trail."),
		optional(input("Ticket", ActionTicket, ticket, ""), !role.Ticket),
	)
	return modal(CallbackAsk, "AWS access", "Ask", "Close", blocks)
}

// chosen is the role that was chosen, a role without a name if none was.
func (s FormState) chosen() access.Role {
	for _, role := range s.Roles {
		if role.Name == s.Role {
			return role
		}
	}
	return access.Role{}
}

// roles are the menu of roles and what has to be known of the chosen one, or
// what stands in its place.
func (s FormState) roles() []slack.Block {
	if s.Account.ID == "" {
		return []slack.Block{small("Choose an account first. Then you can choose one of its roles.")}
	}
	if len(s.Roles) == 0 {
		return []slack.Block{small("There is no role in this account that you may ask for.")}
	}
	options := make([]*slack.OptionBlockObject, 0, min(len(s.Roles), MaxOptions))
	for _, role := range s.Roles[:min(len(s.Roles), MaxOptions)] {
		options = append(options, roleOption(role))
	}
	hint := ""
	if more := len(s.Roles) - len(options); more > 0 {
		hint = strconv.Itoa(more) + " more roles do not fit here: name them in the one-line form."
	}
	id := ActionRole + ":" + s.Account.ID
	menu := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plain("Choose a role"), id, options...)
	blocks := []slack.Block{follows(input("Role", id, menu, hint))}
	if text := outlasts(s.chosen().AssumeRoles, s.chosen().MakeIdentities); text != "" {
		blocks = append(blocks, small(":warning: "+text))
	}
	return blocks
}

func roleOption(role access.Role) *slack.OptionBlockObject {
	var about *slack.TextBlockObject
	if text := oneLine(role.About); text != "" {
		about = plain(cut(text, maxOption))
	}
	return slack.NewOptionBlockObject(role.Name, plain(cut(oneLine(role.Name), maxOption)), about)
}

// most says how long the longest grant is.
func (s FormState) most() string {
	if role := s.chosen(); role.Name != "" {
		return " At most " + access.Length(role.Max) + " here."
	}
	var longest time.Duration
	for _, role := range s.Roles {
		longest = max(longest, role.Max)
	}
	if longest == 0 {
		return ""
	}
	return " At most " + access.Length(longest) + " in this account."
}

// outlasts warns of roles whose sessions can make access that outlives them.
func outlasts(assumeRoles, makeIdentities bool) string {
	switch {
	case assumeRoles && makeIdentities:
		return "This role can assume other roles and create users and keys. Such access can outlast the grant."
	case assumeRoles:
		return "This role can assume other roles. Such access can outlast the grant."
	case makeIdentities:
		return "This role can create users and keys. Such access can outlast the grant."
	}
	return ""
}

// input is an input that has to be filled.
func input(label, id string, element slack.BlockElement, hint string) *slack.InputBlock {
	var below *slack.TextBlockObject
	if hint != "" {
		below = plain(hint)
	}
	return slack.NewInputBlock(id, plain(label), below, element)
}

// follows makes an input tell of each change.
func follows(in *slack.InputBlock) *slack.InputBlock {
	in.DispatchAction = true
	return in
}

func optional(in *slack.InputBlock, may bool) *slack.InputBlock {
	in.Optional = may
	return in
}

// reason is an input for the longest reason that is kept.
func reason(placeholder string) *slack.PlainTextInputBlockElement {
	in := slack.NewPlainTextInputBlockElement(plain(placeholder), ActionReason)
	in.Multiline, in.MaxLength = true, access.MaxReason
	return in
}

// modal is a view; without a submit text there is nothing to send.
func modal(callback, title, submit, away string, blocks []slack.Block) slack.ModalViewRequest {
	v := slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: callback, Title: plain(title), Close: plain(away), Blocks: slack.Blocks{BlockSet: blocks},
	}
	if submit != "" {
		v.Submit = plain(submit)
	}
	return v
}

// DenyForm asks why a request is denied. Its metadata is the request's id.
func DenyForm(r access.Request) slack.ModalViewRequest {
	v := modal(CallbackDeny, "Deny a request", "Deny", "Back", []slack.Block{
		mrkdwn(person(r.Requester) + " asks for " + what(r) + " for " + access.Length(r.Asked) + "."),
		input("Reason", ActionReason, reason("The requester reads this"), ""),
	})
	v.PrivateMetadata = r.ID
	return v
}

// ConfirmForm shows what a request really is, to somebody who pressed a button on a message that nobody knows of, and
// asks for the decision again. Its metadata is the request's id.
func ConfirmForm(action string, r access.Request, ticketLink string) slack.ModalViewRequest {
	blocks := []slack.Block{
		small("The button that you pressed is on a message that may be out of date or forged. " +
			"This is the real request:"),
		mrkdwn(person(r.Requester) + asks(r) + what(r) + " for *" + access.Length(r.Asked) + "*."),
	}
	if r.Ticket != "" {
		blocks = append(blocks, ticket(r.Ticket, ticketLink))
	}
	if text := outlasts(r.AssumeRoles, r.MakeIdentities); text != "" {
		blocks = append(blocks, small(":warning: "+text))
	}
	blocks = append(blocks, typed("*Reason*, as it was typed:", r.Reason)...)
	blocks = append(blocks, small("Request "+called(r.ID)))
	var v slack.ModalViewRequest
	switch action {
	case ActionApprove:
		v = modal(CallbackApprove, "Approve this request?", "Approve", "Back", blocks)
	case ActionRevoke:
		v = modal(CallbackRevoke, "Revoke this access?", "Revoke", "Back", blocks)
	default:
		blocks = append(blocks, input("Reason", ActionReason, reason("The requester reads this"), ""))
		v = modal(CallbackDeny, "Deny this request?", "Deny", "Back", blocks)
	}
	v.PrivateMetadata = r.ID
	return v
}

// Held is the account that an open form holds by Slack's answer, "" if it names none.
func Held(v slack.View) string {
	if v.State == nil {
		return ""
	}
	for _, actions := range v.State.Values {
		if account, ok := actions[ActionAccount]; ok {
			return account.SelectedOption.Value
		}
	}
	return ""
}

// Sent is what the form turns into when it was sent.
func Sent(r access.Request, now time.Time) slack.ModalViewRequest {
	return modal(callbackNone, "AWS access", "", "Done", Asked(r, now).Blocks)
}

// Problem is what a form turns into when it cannot go on.
func Problem(m Message) slack.ModalViewRequest {
	return modal(callbackNone, "AWS access", "", "Close", m.Blocks)
}

// Replace is the answer that puts a view in the place of the form.
func Replace(v slack.ModalViewRequest) any {
	return slack.NewUpdateViewSubmissionResponse(&v)
}

// fields says below which input a refusal is shown.
var fields = map[string]string{
	"unknown_account": ActionAccount, "too_long": ActionLength, "too_short": ActionLength, "bad_length": ActionLength,
	"no_reason": ActionReason, "reason_too_long": ActionReason, "no_ticket": ActionTicket, "bad_ticket": ActionTicket,
}

// Errors is the answer that shows each refusal below the input that it is about, else below the role. A form without
// such an input gives way to the refusals.
func Errors(err error, v View) any {
	below := make(map[string]string)
	for _, refusal := range access.Refusals(err) {
		block := cmp.Or(v.Blocks[fields[refusal.Code]], v.Blocks[ActionRole], v.Blocks[ActionAccount])
		if block == "" {
			return Replace(Problem(Refused(err, "")))
		}
		if below[block] != "" {
			below[block] += " "
		}
		below[block] += visible(refusal.Error())
	}
	return slack.NewErrorsViewSubmissionResponse(below)
}

// menu is the answer to a searchable menu. Slack wants the list even when it
// is empty.
type menu struct {
	Options []*slack.OptionBlockObject      `json:"options,omitzero"`
	Groups  []*slack.OptionGroupBlockObject `json:"option_groups,omitempty"`
}

// Options answers a searchable menu. When there are more than fit, it says so.
func Options(found []access.Account, total int) any {
	list := make([]*slack.OptionBlockObject, 0, min(len(found), MaxOptions))
	for _, a := range found[:min(len(found), MaxOptions)] {
		id := " (" + a.ID + ")"
		list = append(list, slack.NewOptionBlockObject(a.ID, plain(cut(oneLine(a.Name), maxOption-len(id))+id), nil))
	}
	if len(list) == 0 || total <= len(list) {
		return menu{Options: list}
	}
	label := "Showing " + strconv.Itoa(len(list)) + " of " + strconv.Itoa(total) + ": type more letters"
	return menu{Groups: []*slack.OptionGroupBlockObject{slack.NewOptionGroupBlockElement(plain(label), list...)}}
}
