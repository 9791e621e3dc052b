package functions

import (
	"context"

	"github.com/aws-access/aws-access/pkg/wire"
)

// CallsAnswer is what vend knows about the calls of the command line.
type CallsAnswer struct {
	Addresses []string `json:"addresses"` // which vend accepts, the present one first
	Address   string   `json:"address"`   // ok, none, or unreadable
	Devices   string   `json:"devices"`   // the table of devices: ok, or unreadable
	Key       string   `json:"key"`       // the answer key: ok, unreadable, or malformed
	// Thumbprint is of the current key, and Next of the one that comes next; both are public.
	Thumbprint string `json:"thumbprint,omitempty"`
	Next       string `json:"next,omitempty"`
}

// calls reads again what vend needs to answer calls. It is nil where there is no /v1.
func (h Checks) calls(ctx context.Context) *CallsAnswer {
	if h.Calls == nil || h.Calls.Address == nil || h.Calls.AnswerKeys == nil {
		return nil
	}
	out := &CallsAnswer{Address: CheckOK, Devices: CheckOK, Key: CheckOK}
	unreadable := func(code *string, what string, err error) {
		h.Log.WarnContext(ctx, "a check could not read "+what, "error", err)
		*code = "unreadable"
	}
	var err error
	if out.Addresses, err = h.Calls.Address(ctx); err != nil {
		unreadable(&out.Address, "the address of calls", err)
	} else if len(out.Addresses) == 0 {
		out.Address = "none"
	}
	if _, err := h.Store.Device(ctx, "doctor"); err != nil { // there is none of this name
		unreadable(&out.Devices, "the table of devices", err)
	}
	text, err := h.Calls.AnswerKeys(ctx, true)
	if err != nil {
		unreadable(&out.Key, "the answer key", err)
		return out
	}
	keys, err := wire.ParseAnswerKeys(text)
	if err != nil {
		h.Log.WarnContext(ctx, "a check found an answer key that cannot be used", "error", err)
		out.Key = "malformed"
		return out
	}
	out.Thumbprint, out.Next = keys.Thumbprint(), keys.NextThumbprint()
	return out
}
