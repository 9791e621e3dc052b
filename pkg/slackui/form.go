package slackui

import (
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// Callbacks of the forms, and action ids of what stands in forms and messages.
const (
	CallbackAsk  = "ask"
	CallbackDeny = "deny"
	callbackNone = "none"

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

// Direct reports whether the action belongs to the requester's direct message.
func (a Action) Direct() bool {
	return a.ID == ActionConsole || a.ID == ActionKeys || a.ID == ActionEnd
}

// bare is an action id without what follows the colon: a menu that has to
// forget its choice gets another suffix.
func bare(id string) string {
	id, _, _ = strings.Cut(id, ":")
	return id
}

// FormState is what the form knows besides what Slack keeps in its inputs.
type FormState struct {
	Account access.Account // zero until one was chosen
	Roles   []access.Role  // that this person may ask for there
	Role    string         // the one that was chosen
}

// Form is the form behind /aws-access. Inputs keep what was typed while their
// ids stay; the role's id follows the account.
func Form(s FormState) slack.ModalViewRequest {
	account := slack.NewOptionsSelectBlockElement(slack.OptTypeExternal, plain("Search by name or id"), ActionAccount)
	none := 0
	account.MinQueryLength = &none
	blocks := []slack.Block{input("Account", "account", account, "", false, true)}
	role, chosen := roleBlock(s)
	blocks = append(blocks, role)
	if chosen != nil {
		blocks = append(blocks, outlasting(*chosen)...)
	}
	length := slack.NewPlainTextInputBlockElement(plain("2h"), ActionLength)
	reason := slack.NewPlainTextInputBlockElement(plain("What are you going to do?"), ActionReason)
	reason.Multiline, reason.MaxLength = true, access.MaxReason
	ticket := slack.NewPlainTextInputBlockElement(plain("INC-42"), ActionTicket)
	blocks = append(blocks,
		input("How long", "length", length, "For example 30m, 4h or 1h30m."+most(s, chosen), false, false),
		input("Reason", "reason", reason, "It stands on the card and in the audit trail.", false, false),
		input("Ticket", "ticket", ticket, "", chosen == nil || !chosen.Ticket, false),
	)
	return modal(CallbackAsk, "AWS access", "Ask", "Close", "", blocks)
}

// roleBlock is the menu of roles, or what stands in its place.
func roleBlock(s FormState) (slack.Block, *access.Role) {
	if s.Account.ID == "" {
		return small("Choose an account: its roles follow."), nil
	}
	if len(s.Roles) == 0 {
		return small("There is no role in this account that you may ask for."), nil
	}
	var options []*slack.OptionBlockObject
	var chosen *access.Role
	for i, role := range s.Roles[:min(len(s.Roles), MaxOptions)] {
		var about *slack.TextBlockObject
		if role.About != "" {
			about = plain(cut(role.About, maxOption))
		}
		options = append(options, slack.NewOptionBlockObject(role.Name, plain(cut(role.Name, maxOption)), about))
		if role.Name == s.Role {
			chosen = &s.Roles[i]
		}
	}
	id := ":" + s.Account.ID
	menu := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plain("Choose a role"), ActionRole+id, options...)
	return input("Role", "role"+id, menu, "", false, true), chosen
}

// most says how long the longest grant is.
func most(s FormState, chosen *access.Role) string {
	if chosen != nil {
		return " At most " + access.Length(chosen.Max) + " here."
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

// outlasting warns of roles whose sessions can make access that outlives them.
func outlasting(role access.Role) []slack.Block {
	if text := outlasts(role.AssumeRoles, role.MakeIdentities); text != "" {
		return []slack.Block{small(":warning: " + text)}
	}
	return nil
}

func outlasts(assume, make bool) string {
	switch {
	case assume && make:
		return "This role may assume further roles and make users and keys: that access can outlast the grant."
	case assume:
		return "This role may assume further roles: that access can outlast the grant."
	case make:
		return "This role may make users and keys: that access can outlast the grant."
	}
	return ""
}

func input(label, id string, element slack.BlockElement, hint string, optional, dispatch bool) slack.Block {
	var under *slack.TextBlockObject
	if hint != "" {
		under = plain(hint)
	}
	block := slack.NewInputBlock(id, plain(label), under, element)
	block.Optional, block.DispatchAction = optional, dispatch
	return block
}

func modal(callback, title, submit, close, metadata string, blocks []slack.Block) slack.ModalViewRequest {
	v := slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: callback, Title: plain(title), Close: plain(close), PrivateMetadata: metadata,
		Blocks: slack.Blocks{BlockSet: blocks},
	}
	if submit != "" {
		v.Submit = plain(submit)
	}
	return v
}

// DenyForm asks why a request is denied.
func DenyForm(r access.Request) slack.ModalViewRequest {
	reason := slack.NewPlainTextInputBlockElement(plain("The requester reads this"), ActionReason)
	reason.Multiline, reason.MaxLength = true, access.MaxReason
	return modal(CallbackDeny, "Deny a request", "Deny", "Back", r.ID, []slack.Block{
		mrkdwn(person(r.Requester) + " asks for " + what(r) + " for " + access.Length(r.For) + "."),
		input("Reason", "reason", reason, "", false, false),
	})
}

// Sent is what the form turns into when it was sent.
func Sent(r access.Request, now time.Time) slack.ModalViewRequest {
	m := Asked(r, now)
	return modal(callbackNone, "AWS access", "", "Done", "", m.Blocks)
}

// Problem is what a form turns into when it cannot go on.
func Problem(m Message) slack.ModalViewRequest {
	return modal(callbackNone, "AWS access", "", "Close", "", m.Blocks)
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

// Errors is the answer that shows a refusal below the input that it is about,
// else below the role.
func Errors(refusal *access.Refusal, v View) any {
	for _, action := range []string{fields[refusal.Code], ActionRole, ActionAccount} {
		if block := v.Blocks[action]; block != "" {
			return slack.NewErrorsViewSubmissionResponse(map[string]string{block: refusal.Error()})
		}
	}
	return Replace(Problem(Refused(refusal, "")))
}

// options is the answer to a searchable menu.
type options struct {
	Options []*slack.OptionBlockObject      `json:"options,omitempty"`
	Groups  []*slack.OptionGroupBlockObject `json:"option_groups,omitempty"`
}

// Options answers a searchable menu. When there are more than fit, it says so.
func Options(found []access.Account, total int) any {
	list := make([]*slack.OptionBlockObject, 0, len(found))
	for _, a := range found[:min(len(found), MaxOptions)] {
		list = append(list, slack.NewOptionBlockObject(a.ID, plain(cut(a.Name, maxOption-len(a.ID)-3)+" ("+a.ID+")"), nil))
	}
	if total > len(list) {
		label := "Showing " + strconv.Itoa(len(list)) + " of " + strconv.Itoa(total) + ": type more letters"
		return options{Groups: []*slack.OptionGroupBlockObject{slack.NewOptionGroupBlockElement(plain(label), list...)}}
	}
	if len(list) == 0 {
		return map[string]any{"options": []any{}}
	}
	return options{Options: list}
}
