package slackui

import "github.com/aws-access/aws-access/pkg/access"

// Callback ids of the forms.
const (
	CallbackAsk     = "ask"
	CallbackDeny    = "deny"
	CallbackApprove = "confirm_approve"
	CallbackRevoke  = "confirm_revoke"

	CallbackRevokePerson  = "revoke_person"
	CallbackRevokeAccount = "revoke_account"
	CallbackRevokeMany    = "revoke_many"
	CallbackFreeze        = "freeze"
	CallbackThaw          = "thaw"

	callbackNone = "none"
)

// Action ids of the inputs of the form.
const (
	ActionAccount = "account"
	ActionRole    = "role"
	ActionLength  = "length"
	ActionReason  = "reason"
	ActionTicket  = "ticket"

	ActionPerson   = "person"
	ActionRevokeIn = "revoke_in"
)

// Action ids of buttons. A button's value is the request's or the device's id and nothing else, except below.
const (
	ActionApprove = "approve"
	ActionDeny    = "deny"
	ActionCancel  = "cancel"
	ActionRevoke  = "revoke"
	ActionLift    = "lift"
	ActionConsole = "console"
	ActionKeys    = "keys"
	ActionEnd     = "end"

	// The buttons below keys, for other forms of keys.
	ActionPowerShell = "keys_powershell"
	ActionProfile    = "keys_file"
	ActionJSON       = "keys_json"

	ActionRemoveDevice = "remove_device"

	// The buttons of /aws-access revoke. The value of one that turns the page is the number of that page; the others
	// need no value.
	ActionRevokePage    = "revoke_page"
	ActionRevokePerson  = "revoke_person"
	ActionRevokeAccount = "revoke_account"
	ActionRevokeAll     = "revoke_all"
	ActionFreeze        = "freeze"
	ActionThaw          = "thaw"
)

// KeyForm is the form of keys that a button asks for.
func KeyForm(action string) access.Form {
	switch action {
	case ActionPowerShell:
		return access.PowerShell
	case ActionProfile:
		return access.Profile
	case ActionJSON:
		return access.JSON
	}
	return access.Shell
}
