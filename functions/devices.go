package functions

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/slackui"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Devices does what people order about their devices in Slack. Only vend has one. It
// answers only the person who made the order, in a conversation that it opens itself. A
// pairing code is in that answer, and nowhere else.
type Devices struct {
	Step lifecycle.Pair
	URL  func(ctx context.Context) (string, error) // for aws-access login, see Calls.URL
}

// errNoURL says that this installation cannot take calls.
var errNoURL = errors.New("the address for the command line is not configured")

// do carries out an order, and returns the answer to the person who made it.
//
// Refusals: those of lifecycle.Pair. Other errors: access.ErrBadOrder.
func (h Devices) do(ctx context.Context, o access.DeviceOrder) (slackui.Message, error) {
	if err := o.Check(); err != nil {
		return slackui.Message{}, err
	}
	switch now := h.Step.Now(); {
	case o.Do == access.PairDevice:
		return h.pair(ctx, o)
	case o.CheckAge(now) != nil:
		return slackui.Message{}, o.CheckAge(now)
	case o.Do == access.RemoveDevice:
		return h.remove(ctx, o)
	}
	devices, err := h.Step.List(ctx, o.By)
	return slackui.Devices(devices, h.Step.Terms()), err
}

// pair gives a code. The address is read first, so that no code is wasted.
func (h Devices) pair(ctx context.Context, o access.DeviceOrder) (slackui.Message, error) {
	url, err := h.URL(ctx)
	if err != nil {
		return slackui.Message{}, fmt.Errorf("read the address for the command line: %w", err)
	}
	code, err := wire.NewPairingCode()
	if err != nil {
		return slackui.Message{}, err
	}
	key, err := code.PublicKey()
	if err == nil {
		err = h.Step.NewCode(ctx, o, key)
	}
	if err != nil {
		return slackui.Message{}, err
	}
	return slackui.PairingCode(url, code.Text(), h.Step.Now().Add(access.PairingCodeLife)), nil
}

// remove removes a device. If the grants that it used cannot be ended now, the person reads
// that something went wrong, and can press the button again.
func (h Devices) remove(ctx context.Context, o access.DeviceOrder) (slackui.Message, error) {
	removed, err := h.Step.Remove(ctx, o.By, o.Device)
	if err != nil {
		return slackui.Message{}, err
	}
	left, err := h.Step.List(ctx, o.By)
	if err != nil && access.Code(err) == "" {
		return slackui.Message{}, err
	}
	return slackui.DeviceRemoved(removed, left, h.Step.Terms()), nil
}

// handleDevice answers one order about devices. Its error is nil when the person was
// answered, even with a refusal. An error goes to the failure destination.
func (h Vend) handleDevice(ctx context.Context, o access.DeviceOrder) error {
	answer, err := h.Devices.do(ctx, o)
	switch {
	case errors.Is(err, access.ErrBadOrder):
		// The fields of an invalid order may be of any length, so none is logged.
		h.Log.ErrorContext(ctx, "an invalid order about devices is not answered", "error", err)
		return err
	case access.Code(err) == access.CodeOrderRepeated:
		return nil // the first delivery of this order answers
	case err != nil:
		h.Log.WarnContext(ctx, "an order about devices was refused", "order", o.ID, "do", string(o.Do), "by", o.By,
			"code", access.Code(err), "error", err)
		answer = slackui.NoDevices(err, o.ID)
	}
	if _, err := h.postOne(ctx, o.By, "", answer); err != nil {
		return fmt.Errorf("answer order %s about devices: %w", o.ID, err)
	}
	return nil
}
