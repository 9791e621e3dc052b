package slackui

import (
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// PairingCode is the private answer with a pairing code. It reveals the code. The last sentence is a protection: the
// code goes from Slack to the command, so anyone who asks for it is a phisher.
func PairingCode(url string, code access.Secret, expires time.Time) Message {
	command := "```\naws-access login " + entities.Replace(url) + "\n```"
	fence := "```\n" + code.Reveal() + "\n```"
	const (
		run  = "*Pair a computer.* Run this on the computer:"
		asks = "It asks for this code:"
		safe = "*Nobody will ever ask you for this code.*"
	)
	about := "It works once, until " + formatTime(expires) + ". Only you can see this."
	return Message{
		Text: strings.Join([]string{run, command, asks, fence, safe, about}, "\n"),
		Blocks: []slack.Block{
			section(run), codeFence(command), section(asks), codeFence(fence), section(safe), smallPrint(about),
		},
	}
}

// OnItsWay is the answer to a command whose real answer comes from vend, in the person's direct channel.
func OnItsWay(do access.DeviceVerb) Message {
	what := "Your paired computers are listed"
	if do == access.PairDevice {
		what = "Your pairing code will be"
	}
	return markupMessage(what + " in your messages from this app, in a moment.")
}

// Devices is the private answer with somebody's paired computers, the newest first.
func Devices(devices []access.Device, terms access.DeviceTerms) Message {
	const pairOne = "`/aws-access login` pairs one."
	if len(devices) == 0 {
		return markupMessage("You have no paired computer. " + pairOne)
	}
	m := Message{Text: "Your paired computers", Blocks: []slack.Block{section("*Your paired computers*")}}
	for _, d := range devices {
		entry := slack.NewSectionBlock(markup(deviceName(d.Name, d.ID)+"\npaired "+formatTime(d.Paired)+
			", until "+formatTime(d.Until(terms))), nil, nil)
		entry.Accessory = slack.NewAccessory(removeButton(d.ID))
		m.Blocks = append(m.Blocks, entry)
	}
	m.Blocks = append(m.Blocks, smallPrint("Each of them can ask for access and use it in your name. "+
		"Remove one that you do not know or need: this ends the access that it has used. "+
		"`/aws-access login` pairs another one."))
	return m
}

// DeviceRemoved is the private answer to somebody who has removed a computer, above those that are left.
func DeviceRemoved(d access.Device, left []access.Device, terms access.DeviceTerms) Message {
	done := ":white_check_mark: " + deviceName(d.Name, d.ID) +
		" was removed. It can do nothing in your name any more, and the access that it had used was ended."
	m := Devices(left, terms)
	m.Blocks = append([]slack.Block{section(done)}, m.Blocks...)
	if len(left) == 0 {
		m.Blocks = []slack.Block{section(done)}
	}
	m.Text = done
	return m
}

// NoDevices is the private answer when an order about devices came to nothing.
func NoDevices(err error, reference string) Message { return plainMessage(explain(err, reference)) }

// PersonNotice is a message that stays: somebody's computers have changed, or sessions of theirs were ended. They read
// it even if somebody else did it.
func PersonNotice(n access.Notice) Message {
	name := deviceName(n.Name, n.Device)
	const tell = "If this was not you, tell your security team"
	switch n.Kind {
	case access.DevicePaired:
		if !n.Removed.IsZero() {
			return markupMessage(":computer: " + name + " was paired with you, " + formatTime(n.At) + ". It was removed, " +
				formatTime(n.Removed) + ", and can do nothing in your name any more.")
		}
		text := ":computer: " + name + " was paired with you, " + formatTime(n.At) + ". It can ask for AWS access and use " +
			"it in your name until " + formatTime(n.Expires) + ". " + tell + ", and remove it now."
		return Message{Text: text, Blocks: []slack.Block{section(text), actions(removeButton(n.Device))}}
	case access.DeviceRemoved:
		return markupMessage(name + " was removed from your paired computers, " + formatTime(n.At) +
			". The access that it had used was ended. " + tell + ".")
	case access.CodeReused:
		return markupMessage(":warning: The code that paired " + name + " came from another computer too, " +
			formatTime(n.At) + ". Nothing was paired by it, and " + name + " was removed. " +
			"Unless you typed the code on two computers yourself, somebody else has seen it: tell your security team.")
	case access.RoleCut:
		return markupMessage(":warning: Your sessions of *" + escape(n.Role) + "* in *" + escape(n.Account) +
			"* were ended, " + formatTime(n.At) + ", because so many sessions of that role had to be ended that all of " +
			"them were. Your access goes on until " + formatTime(n.Expires) + ": open the console or get keys again.")
	}
	return markupMessage("Your paired computers have changed, " + formatTime(n.At) + ". Look at `/aws-access devices`.")
}

// deviceName names a computer: by the name that it gives itself, which proves nothing, and by the beginning of its id.
func deviceName(name, id string) string {
	if name == "" {
		name = "a computer without a name"
	}
	return "*" + shortName(name) + "* (" + shortName(access.ShortDevice(id)) + ")"
}

func removeButton(id string) *slack.ButtonBlockElement {
	return button("Remove", ActionRemoveDevice, id, slack.StyleDanger)
}
