package functions

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/wire"
)

// pair makes the key of a call a device of the person who was given the code.
func (h *Calls) pair(ctx context.Context, c caller) (callAnswer, error) {
	jwk, err := json.Marshal(c.Key)
	if err != nil {
		return callAnswer{}, fmt.Errorf("write the key of a device: %w", err)
	}
	d, owner, err := h.Pair.Pair(ctx, lifecycle.Pairing{
		Device: c.Key.Thumbprint(), Key: string(jwk), Code: c.Payload.CodeKey, Name: c.Payload.Name,
	})
	if err != nil {
		return callAnswer{}, err
	}
	return callAnswer{status: http.StatusOK, body: wire.Paired{
		Person: wire.Owner{ID: owner.ID, Name: owner.Name}, Device: d.ID, Expires: d.Until(h.Pair.Terms()).UTC(),
	}}, nil
}

// devices answers with the devices of the caller's owner.
func (h *Calls) devices(ctx context.Context, c caller) (callAnswer, error) {
	if err := h.checkOwner(ctx, c); err != nil {
		return callAnswer{}, err
	}
	list, err := h.Pair.List(ctx, c.device.Owner)
	if err != nil {
		return callAnswer{}, err
	}
	who, _, err := h.cache.lookUp(ctx, h.Store, h.Submit.Roster, c.device.Owner, h.Now())
	if err != nil {
		return callAnswer{}, err
	}
	body := wire.DeviceList{Person: wire.Owner{ID: who.ID, Name: who.Name}, Devices: []wire.DeviceBody{}}
	for _, d := range list {
		body.Devices = append(body.Devices, wire.DeviceBody{
			ID: d.ID, Name: d.Name, Paired: d.Paired.UTC(), Expires: d.Until(h.Pair.Terms()).UTC(), This: d.ID == c.device.ID,
		})
	}
	return callAnswer{status: http.StatusOK, body: body}, nil
}

// unpair removes a device of the caller's owner, and answers with those that are left.
func (h *Calls) unpair(ctx context.Context, c caller) (callAnswer, error) {
	if _, err := h.Pair.Remove(ctx, c.device.Owner, c.Payload.Device); err != nil {
		return callAnswer{}, err
	}
	return h.devices(ctx, c)
}

// forget removes everything of the owner of a device who turned out to have left. A pairing
// does so by itself.
func (h *Calls) forget(ctx context.Context, c caller, err error) {
	if access.Code(err) != access.CodeDeactivated || c.device.Owner == "" {
		return
	}
	if err := h.Pair.Forget(ctx, c.device.Owner); err != nil {
		h.Log.ErrorContext(ctx, "the devices of somebody who has left could not be removed", "owner", c.device.Owner,
			"error", err)
	}
}

// URL returns what people give to aws-access login: the first address of this installation,
// and the thumbprint of the key that signs its answers. It reads the key again, because a
// command that pins a key which was replaced would have to pair once more.
func (h *Calls) URL(ctx context.Context) (string, error) {
	if h.Address == nil || h.AnswerKeys == nil {
		return "", errNoURL
	}
	addresses, err := h.Address(ctx)
	if err != nil {
		return "", err
	}
	text, err := h.AnswerKeys(ctx, true)
	if err != nil {
		return "", err
	}
	keys, err := h.parsed.parse(text)
	switch {
	case err != nil:
		return "", err
	case len(addresses) == 0:
		return "", errNoURL
	}
	return wire.URL{Address: addresses[0], AnswerKey: keys.Thumbprint()}.String(), nil
}
