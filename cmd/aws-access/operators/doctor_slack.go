package operators

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/infra/slack"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// checkSlack asks vend what Slack says about the token, its scopes and the
// policy's channels.
func (d *doctor) checkSlack(ctx context.Context) {
	a, err := d.ask(ctx, functions.Check{Kind: functions.CheckSlack})
	if err != nil {
		d.reportUnanswered(inSlack, "bot token", err)
		return
	}
	s := a.Slack
	if !d.checkToken(s.Token) {
		return
	}
	if s.Workspace != functions.CheckOK {
		d.report.add(finding{inSlack, "workspace", problem, "other_workspace",
			"The bot token belongs to another workspace or organisation than the stack's SlackTeamId and SlackEnterpriseId.",
			"Put the token of the right workspace into SSM, or deploy with the right ids."})
	} else {
		d.report.ok(inSlack, "workspace", "the token belongs to the configured workspace")
	}
	d.checkScopes(s.Scopes)
	for _, c := range s.Channels {
		d.checkChannel(c, s.Scopes)
	}
}

// checkToken checks the bot token. It returns false when nothing else can be
// checked without a valid token.
func (d *doctor) checkToken(code string) bool {
	const check = "bot token"
	name := cmp.Or(d.found.env("vend")["SLACK_BOT_TOKEN_PARAMETER"], "the SSM parameter of the bot token")
	class := slackapi.ClassOf("auth.test", code)
	switch {
	case code == functions.CheckOK:
		d.report.ok(inSlack, check, "Slack accepts it")
		return true
	case code == "token_unreadable":
		d.report.add(finding{inSlack, check, problem, code, "Vend cannot read " + name + ".",
			"Check that it exists in this region, is a SecureString, and is encrypted with a key that vend's role may use " +
				"(docs/deploy.md)."})
	case code == "not_a_bot":
		d.report.add(finding{inSlack, check, problem, code, "The token belongs to a person, not to the bot.",
			"Put the Bot User OAuth Token (xoxb-…) into " + name + "."})
	case class == slackapi.Wait, code == "unreachable":
		d.report.add(finding{inSlack, check, notKnown, code, "Slack did not answer vend (" + code + ").",
			"Run doctor again in a minute. If it still fails, check that vend can reach " + cmp.Or(d.found.outputs["SlackHost"],
				"slack.com") + "."})
	case class == slackapi.Token:
		d.report.add(finding{inSlack, check, problem, code, "Slack refuses the bot token (" + code +
			"), so no messages are sent and nobody gets access.",
			"Install the app again (" + slack.Apps(d.found.outputs["SlackHost"]) +
				", Install App), and put the Bot User OAuth Token into " + name + "; the functions read it again by themselves."})
	default:
		d.report.add(finding{inSlack, check, problem, code, "Slack refuses the call (" + code + ").",
			slackui.Advice(class, code)})
	}
	return false
}

// checkScopes compares the token's scopes with those of the manifest.
func (d *doctor) checkScopes(scopes []string) {
	const check = "scopes"
	if scopes == nil {
		d.report.add(finding{inSlack, check, notKnown, "not_told", "Slack did not say which scopes the token has.",
			"Compare them with `aws-access manifest` by hand: " + slack.Apps(d.found.outputs["SlackHost"]) +
				", OAuth & Permissions."})
		return
	}
	var lacking, extra []string
	for _, s := range slackapi.RequiredScopes() {
		if !slices.Contains(scopes, s) {
			lacking = append(lacking, s)
		}
	}
	for _, s := range scopes {
		if !slices.Contains(slackapi.RequiredScopes(), s) && !slices.Contains(slackapi.OptionalScopes(), s) {
			extra = append(extra, s)
		}
	}
	switch {
	case len(lacking) > 0:
		d.report.add(finding{inSlack, check, problem, "missing_scope", "The token lacks " + names(lacking) + ".",
			"Paste what `aws-access manifest` prints into the app's manifest, and install the app again. A token gets new " +
				"scopes by a new installation only."})
	case len(extra) > 0:
		d.report.add(finding{inSlack, check, warning, "more_than_needed",
			"The token has scopes that the product does not need: " + names(extra) + ".",
			"Remove them from the app's manifest, and install the app again."})
	default:
		d.report.ok(inSlack, check, "the token has all scopes that are needed, and no others")
	}
}

// checkChannel checks one channel to which the policy posts.
func (d *doctor) checkChannel(c functions.ChannelAnswer, scopes []string) {
	check := "channel " + c.ID
	invite := "In Slack, invite the app to the channel: /invite @aws-access."
	switch {
	case c.Code == functions.CheckOK && c.Shared && c.Cards:
		d.report.add(finding{inSlack, check, warning, "shared", "The channel is shared with another company. Its people " +
			"can read the names, accounts and reasons on the cards, but cannot decide.",
			"Write a channel that is not shared into policy.yaml."})
	case c.Code == functions.CheckOK:
		d.report.ok(inSlack, check, "the bot is in it")
	case c.Code == "missing_scope":
		d.report.add(finding{inSlack, check, notKnown, c.Code,
			"The token lacks channels:read and groups:read, so doctor cannot tell whether the bot may post there.",
			"Check in Slack that the app is in the channel, or install the app again with the manifest that `aws-access " +
				"manifest` prints."})
	case c.Code == "not_member" && slices.Contains(scopes, "chat:write.public"):
		d.report.add(finding{inSlack, check, warning, c.Code,
			"The bot is not in the channel. It can post there only while the channel is public (chat:write.public).", invite})
	case c.Code == "not_member":
		d.report.add(finding{inSlack, check, problem, c.Code, "The bot is not in the channel, so it cannot post cards there.",
			invite})
	case c.Code == "channel_not_found":
		d.report.add(finding{inSlack, check, problem, c.Code, "Slack has no such channel, or the channel is private and " +
			"the bot is not in it.", invite + " Or write the right id into policy.yaml: Slack shows it at the end of the " +
			"channel details."})
	case c.Code == "archived":
		d.report.add(finding{inSlack, check, problem, c.Code, "The channel is archived, so nothing can be posted there.",
			"Write another channel into policy.yaml, or unarchive this one."})
	case c.Code == "not_asked":
		d.report.add(finding{inSlack, check, notKnown, c.Code, fmt.Sprintf("The policy has more than %d channels, and "+
			"this one was not checked.", functions.MaxChannels), "Check in Slack that the app is in the channel."})
	case slackapi.ClassOf("conversations.info", c.Code) == slackapi.Operator:
		d.report.add(finding{inSlack, check, problem, c.Code, "Slack refuses to show the channel (" + c.Code + ").",
			slackui.Advice(slackapi.Operator, c.Code)})
	default:
		d.report.add(finding{inSlack, check, notKnown, c.Code, "Slack did not answer for this channel (" + c.Code + ").",
			"Run doctor again in a minute."})
	}
}
