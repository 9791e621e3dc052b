package compiler

import (
	"time"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

// key is a key that a map in the policy file may have, and how its value is read into a T.
type key[T any] struct {
	name     string
	required bool
	read     func(r *reader, value *yaml.Node, into *T)
	refused  bool // known, but not supported: read says so, and nothing offers it
}

// The keys of every map in the policy file. docs/policy.md describes them in the same order.
var (
	policyKeys = []key[draft]{
		{name: "version", required: true, read: func(r *reader, n *yaml.Node, _ *draft) { r.version(n) }},
		{name: "settings", read: (*reader).settings},
		{name: "roles", required: true, read: (*reader).roles},
		{name: "accounts", read: func(r *reader, n *yaml.Node, d *draft) { d.accountsNode, d.accounts = n, r.accounts(n) }},
		{name: "accounts_from", read: func(_ *reader, n *yaml.Node, d *draft) { d.accountsFromNode = n }},
		{name: "groups", read: (*reader).groups},
		{name: "rules", required: true, read: (*reader).rules},
		{name: "never", read: (*reader).neverRules},
	}

	settingsKeys = []key[settingsDraft]{
		{name: "channel", read: (*reader).channel},
		{name: "operators", read: func(r *reader, n *yaml.Node, s *settingsDraft) {
			s.Operators = r.word(n, "operators", access.IsChannel, wantChannel)
		}},
		{name: "answer_within", read: func(r *reader, n *yaml.Node, s *settingsDraft) {
			s.AnswerWithin = r.length(n, "answer_within", time.Minute)
		}},
		{name: "remind_after", read: func(r *reader, n *yaml.Node, s *settingsDraft) {
			s.remindNode, s.RemindAfter = resolve(n), r.length(n, "remind_after", time.Minute)
		}},
		{name: "ticket", read: (*reader).ticket},
		{name: "pending_at_most", read: func(r *reader, n *yaml.Node, s *settingsDraft) {
			s.PendingAtMost = r.count(n, "pending_at_most", "requests", policy.MaxPending)
		}},
		{name: "asks_per_hour", read: func(r *reader, n *yaml.Node, s *settingsDraft) {
			s.AsksPerHour = r.count(n, "asks_per_hour", "requests", policy.MaxAsks)
		}},
		{name: "devices", read: (*reader).devices},
		{name: "responders", read: func(r *reader, n *yaml.Node, s *settingsDraft) {
			s.hasResponders, s.responders = true, r.texts(n, "responders")
		}},
		{name: "check_every", read: func(r *reader, n *yaml.Node, s *settingsDraft) {
			s.CheckEvery = r.lengthWithin(n, "check_every", policy.MinCheckEvery, policy.MaxCheckEvery)
		}},
	}

	devicesKeys = []key[policy.Devices]{
		{name: "for", read: func(r *reader, n *yaml.Node, d *policy.Devices) {
			d.For = r.length(n, "for", policy.MinDevices)
		}},
		{name: "most", read: func(r *reader, n *yaml.Node, d *policy.Devices) {
			d.Limit = r.count(n, "most", "devices", policy.MaxDevices)
		}},
	}

	ticketKeys = []key[ticketDraft]{
		{name: "pattern", read: func(r *reader, n *yaml.Node, t *ticketDraft) { t.pattern, t.format = r.ticketPattern(n) }},
		{name: "example", read: func(_ *reader, n *yaml.Node, t *ticketDraft) { t.example = n }},
		{name: "link", read: func(r *reader, n *yaml.Node, t *ticketDraft) { t.link = r.ticketLink(n) }},
	}

	roleKeys = []key[policy.Role]{
		{name: "about", read: func(r *reader, n *yaml.Node, role *policy.Role) { role.About = r.prose(n, "about") }},
		{name: "path", read: (*reader).rolePath},
		{name: "lands_on", read: func(r *reader, n *yaml.Node, role *policy.Role) {
			role.LandsOn = r.word(n, "lands_on", isLanding, "the path of a console page, like /iam/home")
		}},
		{name: "may", read: (*reader).may},
		{name: "session", read: func(r *reader, n *yaml.Node, role *policy.Role) { role.Session = r.session(n) }},
	}

	accountKeys = []key[accountDraft]{
		{name: "id", required: true, read: func(r *reader, n *yaml.Node, a *accountDraft) {
			a.idNode, a.id = resolve(n), r.accountID(n)
		}},
		{name: "name", required: true, read: (*reader).accountName},
		{name: "region", read: func(r *reader, n *yaml.Node, a *accountDraft) {
			a.region = r.word(n, "region", isRegion, "a region like eu-west-1")
		}},
		{name: "ou", read: func(r *reader, n *yaml.Node, a *accountDraft) { a.unit = r.unit(n) }},
		{name: "tags", read: func(r *reader, n *yaml.Node, a *accountDraft) { a.tags = r.tags(n) }},
		{name: "roles", read: func(r *reader, n *yaml.Node, a *accountDraft) {
			a.roles = r.texts(n, "the role list of an account")
		}},
	}

	// accountsFileKeys are those of the file that accounts_from names, if it is not a list.
	accountsFileKeys = []key[[]accountDraft]{
		{name: "accounts", required: true, read: func(r *reader, n *yaml.Node, all *[]accountDraft) { *all = r.accounts(n) }},
	}

	groupKeys = []key[groupDraft]{
		{name: "slack", read: (*reader).slackGroup},
		{name: "people", read: (*reader).peopleGroup},
		{name: "aws_roles", read: (*reader).awsRolesGroup},
		{name: "oidc", read: (*reader).oidcGroup},
		{name: "pagerduty", refused: true, read: (*reader).pagerdutyGroup},
	}

	awsRoleKeys = []key[awsRoleDraft]{
		{name: "arn", required: true, read: func(_ *reader, n *yaml.Node, d *awsRoleDraft) { d.arn = n }},
		{name: "id", required: true, read: func(r *reader, n *yaml.Node, d *awsRoleDraft) {
			d.id = r.word(n, "id", access.IsRoleID, "the unique id of the role, like AROAEXAMPLEBUILDROLE1")
		}},
	}

	oidcKeys = []key[oidcDraft]{
		{name: "issuer", required: true, read: (*reader).issuer},
		{name: "claims", required: true, read: (*reader).claims},
	}

	ruleKeys = []key[ruleDraft]{
		{name: "name", required: true, read: (*reader).ruleName},
		{name: "who", required: true, read: func(r *reader, n *yaml.Node, d *ruleDraft) { d.who = r.texts(n, "who") }},
		{name: "accounts", required: true, read: func(r *reader, n *yaml.Node, d *ruleDraft) {
			d.accounts = r.list(n, "accounts")
		}},
		{name: "roles", required: true, read: func(r *reader, n *yaml.Node, d *ruleDraft) { d.roles = r.texts(n, "roles") }},
		{name: "expires", read: func(r *reader, n *yaml.Node, d *ruleDraft) { d.rule.Expires = r.expiry(n) }},
		{name: "instead_of", read: func(r *reader, n *yaml.Node, d *ruleDraft) { d.insteadOf = r.texts(n, "instead_of") }},
		{name: "max", required: true, read: func(r *reader, n *yaml.Node, d *ruleDraft) {
			d.rule.Max = r.length(n, "max", policy.MinLength)
		}},
		{name: "session", read: func(r *reader, n *yaml.Node, d *ruleDraft) { d.rule.Session = r.session(n) }},
		{name: "approvals", required: true, read: (*reader).approvals},
		{name: "ask", read: (*reader).ask},
		{name: "give", read: (*reader).give},
		{name: "review", read: func(r *reader, n *yaml.Node, d *ruleDraft) { object(r, n, "review", reviewKeys, d) }},
		{name: "card", read: (*reader).card},
	}

	approvalKeys = []key[requirementDraft]{
		{name: "from", required: true, read: func(r *reader, n *yaml.Node, d *requirementDraft) {
			d.from = r.texts(n, "from")
		}},
		{name: "need", required: true, read: func(r *reader, n *yaml.Node, d *requirementDraft) {
			d.need = r.count(n, "need", "people", policy.MaxRequired)
		}},
	}

	reviewKeys = []key[ruleDraft]{
		{name: "by", required: true, read: func(r *reader, n *yaml.Node, d *ruleDraft) { d.reviewers = r.texts(n, "by") }},
		{name: "within", required: true, read: func(r *reader, n *yaml.Node, d *ruleDraft) {
			d.within = r.length(n, "within", policy.MinLength)
		}},
	}

	neverRuleKeys = append(ruleKeys[:5:5],
		key[ruleDraft]{name: "say", read: func(r *reader, n *yaml.Node, d *ruleDraft) { d.say = r.prose(n, "say") }},
	)
)
