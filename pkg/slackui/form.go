package slackui

import (
	"cmp"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// FormState is what the form needs besides the contents of its inputs, which Slack keeps.
type FormState struct {
	Account access.Account // zero until an account is chosen
	Roles   []access.Role  // that this person may ask for in the account
	Role    string         // the chosen one, "" for none
	Ticket  string         // an example of a ticket, "" for none
	Frozen  access.Freeze  // as it is now
}

// Form is the form that /aws-access opens. An input keeps what was typed as long as its ids stay the same. The ids of
// the role follow the account, so that a role of another account is never sent.
func Form(s FormState) slack.ModalViewRequest {
	account := slack.NewOptionsSelectBlockElement(slack.OptTypeExternal, plainText("Search by name or id"), ActionAccount)
	account.MinQueryLength = new(int)
	length := slack.NewPlainTextInputBlockElement(plainText("2h"), ActionLength)
	ticket := slack.NewPlainTextInputBlockElement(nil, ActionTicket)
	if s.Ticket != "" {
		ticket.Placeholder = plainText(truncate(oneLine(s.Ticket), maxName))
	}
	var blocks []slack.Block
	if s.Frozen.On {
		blocks = append(blocks, section(frozenBy(s.Frozen)+": nobody gets access until it is thawed. "+
			"A request that needs approval waits until then, and others are refused."))
	}
	blocks = append(blocks, redrawing(input("Account", ActionAccount, account, "")))
	blocks = append(blocks, s.roleBlocks()...)
	blocks = append(blocks,
		input("How long", ActionLength, length, "For example 30m, 4h or 1h30m."+s.maxLengthHint()),
		input("Reason", ActionReason, reasonInput("What are you going to do?"),
			"It is shown on the card and kept in the audit trail."),
		optional(input("Ticket", ActionTicket, ticket, ""), !s.chosenRole().Ticket),
	)
	return modal(CallbackAsk, "AWS access", "Ask", "Close", blocks)
}

// chosenRole is the role that was chosen, a role without a name if none was.
func (s FormState) chosenRole() access.Role {
	for _, role := range s.Roles {
		if role.Name == s.Role {
			return role
		}
	}
	return access.Role{}
}

// roleBlocks are the menu of roles with a warning about the chosen one, or the reason why there is no menu.
func (s FormState) roleBlocks() []slack.Block {
	if s.Account.ID == "" {
		return []slack.Block{smallPrint("Choose an account first. Then you can choose one of its roles.")}
	}
	if len(s.Roles) == 0 {
		return []slack.Block{smallPrint("There is no role in this account that you may ask for.")}
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
	menu := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plainText("Choose a role"), id, options...)
	blocks := []slack.Block{redrawing(input("Role", id, menu, hint))}
	chosen := s.chosenRole()
	if text := outlastWarning(chosen.AssumeRoles, chosen.MakeIdentities); text != "" {
		blocks = append(blocks, smallPrint(":warning: "+text))
	}
	return blocks
}

func roleOption(role access.Role) *slack.OptionBlockObject {
	var about *slack.TextBlockObject
	if text := oneLine(role.About); text != "" {
		about = plainText(truncate(text, maxOption))
	}
	return slack.NewOptionBlockObject(role.Name, plainText(truncate(oneLine(role.Name), maxOption)), about)
}

// maxLengthHint says how long a grant may be, "" before an account is chosen.
func (s FormState) maxLengthHint() string {
	if role := s.chosenRole(); role.Name != "" {
		return " At most " + access.FormatLength(role.Max) + " here."
	}
	var maxLength time.Duration
	for _, role := range s.Roles {
		maxLength = max(maxLength, role.Max)
	}
	if maxLength == 0 {
		return ""
	}
	return " At most " + access.FormatLength(maxLength) + " in this account."
}

// input is an input that must be filled in. hint is the small print below it, "" for none.
func input(label, id string, element slack.BlockElement, hint string) *slack.InputBlock {
	var below *slack.TextBlockObject
	if hint != "" {
		below = plainText(hint)
	}
	return slack.NewInputBlock(id, plainText(label), below, element)
}

// redrawing makes Slack report each change of an input, so that the form can be drawn again.
func redrawing(in *slack.InputBlock) *slack.InputBlock {
	in.DispatchAction = true
	return in
}

func optional(in *slack.InputBlock, is bool) *slack.InputBlock {
	in.Optional = is
	return in
}

// reasonInput is an input for a reason.
func reasonInput(placeholder string) *slack.PlainTextInputBlockElement {
	in := slack.NewPlainTextInputBlockElement(plainText(placeholder), ActionReason)
	in.Multiline, in.MaxLength = true, access.MaxReason
	return in
}

// modal is a form. Without a submit label it cannot be sent.
func modal(callback, title, submit, away string, blocks []slack.Block) slack.ModalViewRequest {
	v := slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: callback, Title: plainText(title), Close: plainText(away),
		Blocks: slack.Blocks{BlockSet: blocks},
	}
	if submit != "" {
		v.Submit = plainText(submit)
	}
	return v
}

const (
	reasonIsRead    = "The requester reads this"
	reasonIsPrinted = "The machine gets this as the answer"
)

// reasonHint says who reads the reason of a denial.
func reasonHint(r access.Request) string {
	if r.Requester.Machine != nil {
		return reasonIsPrinted
	}
	return reasonIsRead
}

// DenyForm asks for the reason of a denial. Its metadata is the request's id.
func DenyForm(r access.Request) slack.ModalViewRequest {
	v := modal(CallbackDeny, "Deny a request", "Deny", "Back", []slack.Block{
		section(asker(r.Requester) + " asks for " + roleIn(r) + " for " + access.FormatLength(r.Asked) + "."),
		input("Reason", ActionReason, reasonInput(reasonHint(r)), ""),
	})
	v.PrivateMetadata = r.ID
	return v
}

// ConfirmForm shows a request as it is stored, and asks for the decision again. It answers a click on a message that is
// not known to belong to the request, because somebody who has the bot token can post buttons below any text. Its
// metadata is the request's id.
func ConfirmForm(action string, r access.Request, ticketLink string) slack.ModalViewRequest {
	blocks := append([]slack.Block{forgedWarning()}, requestBlocks(r, ticketLink)...)
	var v slack.ModalViewRequest
	switch action {
	case ActionApprove:
		v = modal(CallbackApprove, "Approve this request?", "Approve", "Back", blocks)
	default:
		blocks = append(blocks, input("Reason", ActionReason, reasonInput(reasonHint(r)), ""))
		v = modal(CallbackDeny, "Deny this request?", "Deny", "Back", blocks)
	}
	v.PrivateMetadata = r.ID
	return v
}

// RevokeForm shows a grant as it is stored, says how many live sessions it has, and asks why it is revoked. known says
// that the button was on a message that belongs to the request. Its metadata is the request's id.
func RevokeForm(r access.Request, ticketLink string, known bool, now time.Time) slack.ModalViewRequest {
	var blocks []slack.Block
	if !known {
		blocks = append(blocks, forgedWarning())
	}
	blocks = append(blocks, requestBlocks(r, ticketLink)...)
	blocks = append(blocks, section(liveCount(r.LiveSessions(now))),
		smallPrint("Asking for the same again is refused for "+access.FormatLength(access.RevokedFor)+
			" after that, unless a responder allows it earlier."),
		input("Reason", ActionReason, reasonInput(revokeHint(r)), ""))
	v := modal(CallbackRevoke, "Revoke this access?", "Revoke", "Back", blocks)
	v.PrivateMetadata = r.ID
	return v
}

// revokeHint says who reads the reason of a revocation.
func revokeHint(r access.Request) string {
	if r.Requester.Machine != nil {
		return "The card shows this"
	}
	return reasonIsRead
}

// liveCount says how many live sessions a revocation ends.
func liveCount(n int) string {
	switch n {
	case 0:
		return "No session of it is alive."
	case 1:
		return "*1 session* of it is alive, and will be ended."
	}
	return "*" + strconv.Itoa(n) + " sessions* of it are alive, and will be ended."
}

func forgedWarning() slack.Block {
	return smallPrint("The button that you pressed is on a message that may be out of date or forged. " +
		"This is the real request:")
}

// requestBlocks show a request as it is stored.
func requestBlocks(r access.Request, ticketLink string) []slack.Block {
	blocks := append([]slack.Block{section(question(r))}, machineBlocks(r)...)
	if r.Ticket != "" {
		blocks = append(blocks, ticketLine(r.Ticket, ticketLink))
	}
	if text := outlastWarning(r.AssumeRoles, r.MakeIdentities); text != "" {
		blocks = append(blocks, smallPrint(":warning: "+text))
	}
	blocks = append(blocks, typedText(reasonLabel, r.Reason)...)
	return append(blocks, smallPrint(requestID(r)))
}

// ChosenAccount is the id of the account that is chosen in an open form as Slack returns it, "" for none.
func ChosenAccount(v slack.View) string {
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

// SubmittedView takes the place of the form when it was sent.
func SubmittedView(r access.Request, f access.Freeze) slack.ModalViewRequest {
	return modal(callbackNone, "AWS access", "", "Done", Submitted(r, f).Blocks)
}

// ErrorView takes the place of a form that cannot go on.
func ErrorView(m Message) slack.ModalViewRequest {
	return modal(callbackNone, "AWS access", "", "Close", m.Blocks)
}

// Replace is the answer to a form that puts another view in its place.
func Replace(v slack.ModalViewRequest) any {
	return slack.NewUpdateViewSubmissionResponse(&v)
}

// inputOf says below which input a refusal is shown, by its code.
var inputOf = map[string]string{
	"unknown_account": ActionAccount, "too_long": ActionLength, "too_short": ActionLength, "bad_length": ActionLength,
	"no_reason": ActionReason, "reason_too_long": ActionReason, "no_ticket": ActionTicket, "bad_ticket": ActionTicket,
}

// Errors is the answer to a form that shows each refusal below the input that it is about, or below the role. If the
// form has none of these inputs, the refusals take its place.
func Errors(err error, v View) any {
	below := make(map[string]string)
	for _, refusal := range access.Refusals(err) {
		block := cmp.Or(v.Blocks[inputOf[refusal.Code]], v.Blocks[ActionRole], v.Blocks[ActionAccount])
		if block == "" {
			return Replace(ErrorView(ErrorAnswer(err, "")))
		}
		if below[block] != "" {
			below[block] += " "
		}
		below[block] += visible(refusal.Error())
	}
	return slack.NewErrorsViewSubmissionResponse(below)
}

// menu is the answer to a searchable menu. Slack requires the list even when it is empty.
type menu struct {
	Options []*slack.OptionBlockObject      `json:"options,omitzero"`
	Groups  []*slack.OptionGroupBlockObject `json:"option_groups,omitempty"`
}

// Options is the answer to the account menu. total is how many accounts match; if not all of them are shown, the menu
// says so.
func Options(found []access.Account, total int) any {
	list := make([]*slack.OptionBlockObject, 0, min(len(found), MaxOptions))
	for _, a := range found[:min(len(found), MaxOptions)] {
		id := " (" + a.ID + ")"
		name := truncate(oneLine(a.Name), maxOption-len(id)) + id
		list = append(list, slack.NewOptionBlockObject(a.ID, plainText(name), nil))
	}
	if len(list) == 0 || total <= len(list) {
		return menu{Options: list}
	}
	label := "Showing " + strconv.Itoa(len(list)) + " of " + strconv.Itoa(total) + ": type more letters"
	group := slack.NewOptionGroupBlockElement(plainText(label), list...)
	return menu{Groups: []*slack.OptionGroupBlockObject{group}}
}
