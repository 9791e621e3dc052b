package functions

import (
	"context"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// devicesAllowed reports whether the policy lets people pair computers.
func (h *Slack) devicesAllowed() bool { return h.Policy.Settings().Devices.For > 0 }

// orderDevice sends an order about devices to vend, and says where the answer will be. This
// function can neither read devices nor make a code.
//
// Refusals: devices_off.
func (h *Slack) orderDevice(
	ctx context.Context, o access.DeviceOrder, trigger string, p payload,
) (slackui.Message, error) {
	if !h.devicesAllowed() && o.Do != access.RemoveDevice {
		return slackui.Message{}, access.RefuseDevicesOff()
	}
	o.ID, o.At = p.uniqueKey(trigger), p.receivedAt
	if err := h.Orders.SendDevice(ctx, o); err != nil {
		return slackui.Message{}, err
	}
	return slackui.OnItsWay(o.Do), nil
}

// removeDevice handles a click on Remove. Anyone who has the bot token can post a message
// with this button. It removes a device only of the person who clicks, so at worst they have
// to pair it again.
func (h *Slack) removeDevice(ctx context.Context, in slackui.Interaction, p payload) error {
	if !access.IsDevice(in.Action.Value) {
		return access.RefuseUnknownAction()
	}
	o := access.DeviceOrder{Do: access.RemoveDevice, By: in.User, Device: in.Action.Value}
	_, err := h.orderDevice(ctx, o, in.TriggerID, p) // vend answers in the same conversation
	return err
}
