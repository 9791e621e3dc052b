package slackui

import "github.com/aws-access/aws-access/pkg/access"

// Callback ids of the forms.
const (
	CallbackAsk     = "ask"
	CallbackDeny    = "deny"
	CallbackApprove = "confirm_approve"
	CallbackRevoke  = "confirm_revoke"
	callbackNone    = "none"
)

// Action ids of the inputs of the form.
const (
	ActionAccount = "account"
	ActionRole    = "role"
	ActionLength  = "length"
	ActionReason  = "reason"
	ActionTicket  = "ticket"
)

// Action ids of buttons. A button's value is the request's or the device's id and nothing else.
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
