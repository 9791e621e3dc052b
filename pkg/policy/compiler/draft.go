package compiler

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// draft is a policy file as it was read: every value checked by itself, no
// name looked up yet. Nodes tell where each thing stands.
type draft struct {
	settings policy.Settings
	channel  bool // settings.channel is there, be it right or wrong
	roles    []roleDraft
	accounts []accountDraft
	groups   []groupDraft
	rules    []ruleDraft
	nevers   []ruleDraft

	accountsFrom       *yaml.Node
	rolesAt, groupsAt  *yaml.Node // nil where the file does not have them
	accountsAt, rootAt *yaml.Node
}

type roleDraft struct {
	at   *yaml.Node
	role policy.Role
}

type accountDraft struct {
	at     *yaml.Node
	in     *reader // the file that it stands in
	id     string
	name   string
	idAt   *yaml.Node
	nameAt *yaml.Node
	region string
	unit   string
	tags   map[string]string
	roles  []*yaml.Node // nil: all
	// roleSet holds roles as indexes into the catalogue, once they are looked up.
	roleSet bitset.Set
}

type groupDraft struct {
	at        *yaml.Node
	principal policy.Principal
}

type needDraft struct {
	at   *yaml.Node
	from []*yaml.Node
	need int
}

// ruleDraft is an entry of rules or of never.
type ruleDraft struct {
	at        *yaml.Node // its name, else the whole of it
	rule      policy.Rule
	holds     bitset.Set // accounts
	who       []*yaml.Node
	accounts  []*yaml.Node
	roles     []*yaml.Node
	needs     []needDraft
	insteadOf []*yaml.Node
	reviewers []*yaml.Node
	within    time.Duration
	say       string
}

// policy reads the top of a policy file.
func (r *reader) policy(root *yaml.Node) draft {
	d := draft{rootAt: root}
	r.object(root, "the policy",
		field{"version", true, r.version},
		field{"settings", false, func(n *yaml.Node) { d.settings = r.settings(n, &d) }},
		field{"roles", true, func(n *yaml.Node) { d.rolesAt, d.roles = n, r.roles(n) }},
		field{"accounts", false, func(n *yaml.Node) { d.accountsAt, d.accounts = n, r.accounts(n) }},
		field{"accounts_from", false, func(n *yaml.Node) { d.accountsFrom = n }},
		field{"groups", false, func(n *yaml.Node) { d.groupsAt, d.groups = n, r.groups(n) }},
		field{"rules", true, func(n *yaml.Node) { d.rules = r.rules(n, "rules", r.rule) }},
		field{"never", false, func(n *yaml.Node) { d.nevers = r.rules(n, "never", r.never) }},
	)
	return d
}

func (r *reader) version(n *yaml.Node) {
	if n = resolve(n); n.Kind != yaml.ScalarNode || n.Value != "1" {
		r.wrong(n, "this program reads version 1 of the policy file; write version: 1")
	}
}

// form compiles a pattern when it is first asked for: a program that only loads
// a policy never does.
func form(pattern string) func(text string) bool {
	compiled := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
	return func(text string) bool { return compiled().MatchString(text) }
}

var (
	accountID = form(`^[0-9]{12}$`)
	roleName  = form(`^[A-Za-z0-9_+=,.@-]{1,64}$`)
	rolePath  = form(`^/([A-Za-z0-9_+=,.@-]+/)*$`)
	landing   = form(`^/([!-.0-\[\]-~][!-\[\]-~]*)?$`)
	region    = form("^" + access.RegionPattern + "$")
	// address is one local part, one @ and one domain, plain ASCII: RFC 5321
	// allows more, of which * and ? would look like patterns.
	address = form(`^[A-Za-z0-9!#$%&'+/=^_{|}~-]+(\.[A-Za-z0-9!#$%&'+/=^_{|}~-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$`)
)

// word reads text of one form.
func (r *reader) word(n *yaml.Node, what string, fits func(string) bool, write string) string {
	text, ok := r.text(n, what)
	if !ok {
		return ""
	}
	if !fits(text) {
		r.wrong(resolve(n), "%s cannot be %s; write %s", what, quoted(text), write)
		return ""
	}
	return text
}

// name reads what people will read, and other places will name.
func (r *reader) name(n *yaml.Node, what string) string {
	text, ok := r.text(n, what)
	switch {
	case !ok:
		return ""
	case text != strings.TrimSpace(text) || strings.Contains(text, "\n"):
		r.wrong(resolve(n), "%s begins or ends with a space, or has more than one line; remove the spaces and the "+
			"line breaks", what)
		return ""
	}
	return text
}

// prose reads text of any number of lines.
func (r *reader) prose(n *yaml.Node, what string) string {
	text, _ := r.text(n, what)
	return strings.TrimSpace(text)
}

func (r *reader) length(n *yaml.Node, what string, least time.Duration) time.Duration {
	n = resolve(n)
	d, err := policy.ParseFileLength(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode || err != nil || d == 0:
		r.wrong(n, "%s is %s, which is not a length of time; write it like 30m, 4h, 1h30m or 2d", what, kind(n))
	case d < least:
		r.wrong(n, "%s is %s; write %s or more", what, access.Length(d), access.Length(least))
	case d > policy.MaxLength:
		r.wrong(n, "%s is %s; write %s or less", what, access.Length(d), access.Length(policy.MaxLength))
	default:
		return d
	}
	return 0
}

const wantChannel = "the id of a Slack channel, like C0APPROVALS, which Slack shows at the end of the channel details"

// What one person may ask for if the policy says nothing, and the most that it
// can say: the table keeps both lists in one item of each person.
const (
	usualPending = 5
	usualAsks    = 30
)

func (r *reader) settings(n *yaml.Node, d *draft) policy.Settings {
	s := policy.Settings{AnswerWithin: time.Hour, PendingAtMost: usualPending, AsksPerHour: usualAsks,
		TicketExample: defaultExample}
	var remind *yaml.Node
	ok := r.object(n, "settings",
		field{"channel", false, func(n *yaml.Node) {
			d.channel, s.Channel = true, r.word(n, "channel", access.IsChannel, wantChannel)
		}},
		field{"operators", false, func(n *yaml.Node) { s.Operators = r.word(n, "operators", access.IsChannel, wantChannel) }},
		field{"answer_within", false, func(n *yaml.Node) { s.AnswerWithin = r.length(n, "answer_within", time.Minute) }},
		field{"remind_after", false, func(n *yaml.Node) {
			remind, s.RemindAfter = resolve(n), r.length(n, "remind_after", time.Minute)
		}},
		field{"ticket", false, func(n *yaml.Node) { r.ticket(n, &s) }},
		field{"pending_at_most", false, func(n *yaml.Node) {
			s.PendingAtMost = r.count(n, "pending_at_most", "requests", policy.MaxPending)
		}},
		field{"asks_per_hour", false,
			func(n *yaml.Node) { s.AsksPerHour = r.count(n, "asks_per_hour", "requests", policy.MaxAsks) }},
	)
	d.channel = d.channel || !ok
	if s.AnswerWithin > 0 && s.RemindAfter >= s.AnswerWithin {
		r.warn(remind, "remind_after is not shorter than answer_within, so nobody is ever reminded; write less than %s",
			access.Length(s.AnswerWithin))
	}
	if s.Operators == "" {
		s.Operators = s.Channel
	}
	return s
}

// entries reads a map of names to what they are.
func (r *reader) entries(n *yaml.Node, what string, read func(name string, key, value *yaml.Node)) {
	n = resolve(n)
	switch {
	case n.Kind != yaml.MappingNode:
		r.wrong(n, "%s is %s; write a map: name: {…}", what, kind(n))
	default:
		r.pairs(n, what, func(key, value *yaml.Node) {
			if name := r.name(key, "a name in "+what); name != "" {
				read(name, key, value)
			}
		})
	}
}

// DefaultPath is the path of target roles that the policy says nothing about.
const DefaultPath = "/aws-access/"

// revokerPath holds the roles that take access away: never a target.
const revokerPath = "/aws-access-revoker/"

func (r *reader) roles(n *yaml.Node) (all []roleDraft) {
	seen := make(map[string]string)
	r.entries(n, "roles", func(name string, key, value *yaml.Node) {
		folded := strings.ToLower(name)
		switch first, twice := seen[folded]; {
		case !roleName(name):
			r.wrong(key, "a role cannot be called %s; write the name of an IAM role: at most 64 letters, digits and _+=,.@-",
				quoted(name))
		case twice:
			r.wrong(key, "%s and %s are the same role in IAM; keep one of them", quoted(first), quoted(name))
		}
		seen[folded] = name
		all = append(all, roleDraft{at: key, role: r.role(name, value)})
	})
	return all
}

func (r *reader) role(name string, n *yaml.Node) policy.Role {
	one := policy.Role{Name: name, Path: DefaultPath}
	if null(resolve(n)) {
		return one
	}
	r.object(r.wholeAbout(n), "the role "+quoted(name),
		field{"about", false, func(n *yaml.Node) { one.About = r.prose(n, "about") }},
		field{"path", false, func(n *yaml.Node) {
			one.Path = r.word(n, "path", rolePath, "a path that begins and ends with a slash, like /aws-access/")
			if strings.HasPrefix(one.Path, revokerPath) || len(one.Path) > 512 {
				r.wrong(resolve(n), "path cannot be %s; write a path of at most 512 characters that does not begin with %s",
					quoted(one.Path), revokerPath)
			}
		}},
		field{"lands_on", false, func(n *yaml.Node) {
			one.LandsOn = r.word(n, "lands_on", landing, "the path of a console page, like /iam/home")
		}},
		field{"may", false, func(n *yaml.Node) {
			for _, entry := range r.texts(n, "may") {
				switch entry.Value {
				case "assume_roles":
					one.AssumeRoles = true
				case "make_identities":
					one.MakeIdentities = true
				default:
					r.wrong(entry, "may cannot contain %s; %s", quoted(entry.Value),
						instead(entry.Value, []string{"assume_roles", "make_identities"}))
				}
			}
		}},
	)
	return one
}

// wholeAbout puts the text of about together again where a comma in {about: look
// at it, change nothing} has cut it: YAML makes a key without a value of the
// rest. Such a key can have meant nothing else.
func (r *reader) wholeAbout(n *yaml.Node) *yaml.Node {
	n = resolve(n)
	whole := *n
	whole.Content = nil
	about := false
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if last := len(whole.Content) - 1; about && null(value) && value.Value == "" && key.Kind == yaml.ScalarNode && strings.Contains(key.Value, " ") {
			text := *whole.Content[last]
			text.Value += ", " + key.Value
			whole.Content[last] = &text
			r.warn(key, "the comma ends the text of about here; write the text in quotes: %q", text.Value)
			continue
		}
		about = key.Value == "about" && value.Kind == yaml.ScalarNode
		whole.Content = append(whole.Content, key, value)
	}
	return &whole
}

func (r *reader) accounts(n *yaml.Node) (all []accountDraft) {
	for _, entry := range r.list(n, "accounts") {
		all = append(all, r.account(entry))
	}
	return all
}

func (r *reader) account(n *yaml.Node) accountDraft {
	n = resolve(n)
	a := accountDraft{at: n, in: r, idAt: n, nameAt: n, region: "us-east-1"}
	r.object(n, "an account",
		field{"id", true, func(n *yaml.Node) { a.idAt, a.id = resolve(n), r.accountID(n) }},
		field{"name", true, func(n *yaml.Node) {
			a.nameAt, a.name = resolve(n), r.name(n, "the name of an account")
			if strings.Contains(a.name, "*") || accountID(a.name) {
				r.wrong(a.nameAt, "an account cannot be called %s; write a name that has no star and is not an account id",
					quoted(a.name))
			}
		}},
		field{"region", false, func(n *yaml.Node) { a.region = r.word(n, "region", region, "a region like eu-west-1") }},
		field{"ou", false, func(n *yaml.Node) { a.unit = r.unit(n) }},
		field{"tags", false, func(n *yaml.Node) { a.tags = r.tags(n) }},
		field{"roles", false, func(n *yaml.Node) { a.roles = r.texts(n, "the role list of an account") }},
	)
	return a
}

// accountID reads twelve digits. Without quotes they are a number to other
// readers of YAML, and one with a zero in front is not even the same number.
func (r *reader) accountID(n *yaml.Node) string {
	n = resolve(n)
	plain := n.Kind == yaml.ScalarNode && n.Style == 0
	switch {
	case plain && accountID(n.Value) && n.Value[0] == '0':
		r.wrong(n, "the account id %s has no quotes, and YAML drops zeros at the beginning of a number; write %q", n.Value,
			n.Value)
		return n.Value
	case plain && accountID(n.Value):
		r.warn(n, "YAML reads the account id %s as a number; write it in quotes: %q", n.Value, n.Value)
		return n.Value
	case plain && n.ShortTag() != "!!str" && !null(n):
		r.wrong(n, "an account id cannot be %s; write twelve digits in quotes", n.Value)
		return ""
	}
	return r.word(n, "an account id", accountID, "twelve digits in quotes")
}

func (r *reader) unit(n *yaml.Node) string {
	text := strings.Trim(r.name(n, "ou"), "/")
	if text == "" || strings.Contains(text, "//") || strings.Contains(text, "*") {
		r.wrong(resolve(n), "ou is not the path of an organisational unit; write a path like /workloads/prod")
		return ""
	}
	return text
}

// reserved are the keys of an account in a rule that are not tags.
var reserved = []string{"id", "name", "ou"}

func (r *reader) tags(n *yaml.Node) map[string]string {
	tags := make(map[string]string)
	r.entries(n, "tags", func(name string, key, value *yaml.Node) {
		for _, word := range reserved {
			if name == word {
				r.wrong(key, "a tag cannot be called %s, because that word has another meaning in rules; choose another name",
					quoted(name))
			}
		}
		text, ok := r.text(value, "the tag "+quoted(name))
		if ok && strings.Contains(text, "*") {
			r.wrong(resolve(value), "the tag %s contains a star, and stars are allowed in rules only; write the full value",
				quoted(name))
		}
		tags[name] = text
	})
	return tags
}

func (r *reader) groups(n *yaml.Node) (all []groupDraft) {
	r.entries(n, "groups", func(name string, key, value *yaml.Node) {
		if name == everybody || strings.Contains(name, "@") || access.IsPerson(name) {
			r.wrong(key, "a group cannot be called %s, because rules read that as the people themselves; choose another name",
				quoted(name))
		}
		all = append(all, groupDraft{at: key, principal: r.group(name, key, value)})
	})
	return all
}

func (r *reader) group(name string, key, n *yaml.Node) policy.Principal {
	g := policy.Principal{Name: name, Kind: policy.Named}
	sources := 0
	ok := r.object(n, "the group "+quoted(name),
		field{"slack", false, func(n *yaml.Node) {
			sources++
			g.Kind, g.Group = policy.SlackGroup, r.word(n, "slack", access.IsUserGroup,
				"the id of a Slack user group, like S0PAYMENTS")
		}},
		field{"pagerduty", false, func(n *yaml.Node) {
			sources++
			r.wrong(resolve(n), "groups of an on-call service are not supported yet; use a Slack user group, or people")
		}},
		field{"people", false, func(n *yaml.Node) {
			sources++
			r.people(n, &g)
		}},
	)
	if ok && sources != 1 {
		r.wrong(key, "the group %s has %d sources; write exactly one, slack or people", quoted(name), sources)
	}
	return g
}

// people reads the members of a group that are written out.
func (r *reader) people(n *yaml.Node, g *policy.Principal) {
	seen := make(map[string]bool)
	for _, entry := range r.list(n, "people") {
		text, ok := r.text(entry, "somebody in people")
		entry = resolve(entry)
		switch folded := access.FoldEmail(text); {
		case !ok:
		case seen[folded]:
			r.wrong(entry, "%s is in the group %s twice; remove one of them", quoted(text), quoted(g.Name))
		case address(text):
			g.Addresses = append(g.Addresses, folded)
		case access.IsPerson(text):
			g.IDs = append(g.IDs, text)
		default:
			r.wrong(entry, "%s does not name a person; %s", quoted(text), whoInstead(text))
		}
		seen[access.FoldEmail(text)] = true
	}
}

func (r *reader) rules(n *yaml.Node, what string, read func(*yaml.Node) ruleDraft) (all []ruleDraft) {
	if n = resolve(n); n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		return nil // said aloud: no rules
	}
	for _, entry := range r.list(n, what) {
		all = append(all, read(entry))
	}
	return all
}

// scope are the fields that rules and nevers have in common.
func (r *reader) scope(d *ruleDraft) []field {
	return []field{
		{"name", true, func(n *yaml.Node) {
			if d.rule.Name = r.name(n, "the name of a rule"); d.rule.Name != "" {
				d.at = resolve(n)
			}
		}},
		{"who", true, func(n *yaml.Node) { d.who = r.texts(n, "who") }},
		{"accounts", true, func(n *yaml.Node) { d.accounts = r.list(n, "accounts") }},
		{"roles", true, func(n *yaml.Node) { d.roles = r.texts(n, "roles") }},
		{"expires", false, func(n *yaml.Node) { d.rule.Expires = r.expiry(n) }},
	}
}

func (r *reader) rule(n *yaml.Node) ruleDraft {
	d := ruleDraft{at: resolve(n)}
	d.rule.GiveConsole, d.rule.GiveKeys = true, true
	r.object(n, "a rule", append(r.scope(&d),
		field{"instead_of", false, func(n *yaml.Node) { d.insteadOf = r.texts(n, "instead_of") }},
		field{"max", true, func(n *yaml.Node) { d.rule.Max = r.length(n, "max", policy.MinLength) }},
		field{"approvals", true, func(n *yaml.Node) { d.needs = r.approvals(n) }},
		field{"ask", false, func(n *yaml.Node) { d.rule.Ticket = r.ask(n) }},
		field{"give", false, func(n *yaml.Node) { d.rule.GiveConsole, d.rule.GiveKeys = r.give(n) }},
		field{"review", false, func(n *yaml.Node) { r.review(n, &d) }},
		field{"card", false, func(n *yaml.Node) { d.rule.Channels = r.card(n) }},
	)...)
	return d
}

func (r *reader) never(n *yaml.Node) ruleDraft {
	d := ruleDraft{at: resolve(n)}
	r.object(n, "a never rule", append(r.scope(&d),
		field{"say", false, func(n *yaml.Node) { d.say = r.prose(n, "say") }},
	)...)
	return d
}

// expiry returns the moment from which on a rule is no more: the end of the
// day that is written, UTC.
func (r *reader) expiry(n *yaml.Node) time.Time {
	n = resolve(n)
	date, err := time.Parse(time.DateOnly, n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || date.Year() < 2000 {
		r.wrong(n, "expires is not a date; write the last day on which the rule applies, like 2027-03-31")
		return time.Time{}
	}
	return date.Add(24 * time.Hour)
}

// approvals reads "none", or what a rule requires.
func (r *reader) approvals(n *yaml.Node) (needs []needDraft) {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode && n.Value == "none" {
		return nil
	}
	if n.Kind == yaml.ScalarNode && !null(n) {
		r.wrong(n, "approvals cannot be %s; write none, or a list: [{from: [leads], need: 1}]", quoted(n.Value))
		return nil
	}
	for _, entry := range r.list(n, "approvals") {
		d := needDraft{at: resolve(entry)}
		r.object(entry, "an approval",
			field{"from", true, func(n *yaml.Node) { d.from = r.texts(n, "from") }},
			field{"need", true, func(n *yaml.Node) { d.need = r.count(n, "need", "people", policy.MaxRequired) }},
		)
		needs = append(needs, d)
	}
	return needs
}

// count reads how many there may be of something, 0 if it is no such number.
func (r *reader) count(n *yaml.Node, what, of string, most int) int {
	n = resolve(n)
	count, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || count < 1 || count > most {
		r.wrong(n, "%s is not a number of %s; write a whole number from 1 to %d", what, of, most)
		return 0
	}
	return count
}

// ask reports whether a ticket is asked for. A reason always is.
func (r *reader) ask(n *yaml.Node) (ticket bool) {
	for _, entry := range r.texts(n, "ask") {
		switch entry.Value {
		case "ticket":
			ticket = true
		case "reason":
		default:
			r.wrong(entry, "ask cannot contain %s; %s", quoted(entry.Value), instead(entry.Value, []string{"reason", "ticket"}))
		}
	}
	return ticket
}

func (r *reader) give(n *yaml.Node) (console, keys bool) {
	for _, entry := range r.texts(n, "give") {
		switch access.Kind(entry.Value) {
		case access.Console:
			console = true
		case access.Keys:
			keys = true
		default:
			r.wrong(entry, "give cannot contain %s; %s", quoted(entry.Value), instead(entry.Value, []string{"console", "keys"}))
		}
	}
	return console, keys
}

func (r *reader) review(n *yaml.Node, d *ruleDraft) {
	r.object(n, "review",
		field{"by", true, func(n *yaml.Node) { d.reviewers = r.texts(n, "by") }},
		field{"within", true, func(n *yaml.Node) { d.within = r.length(n, "within", policy.MinLength) }},
	)
}

func (r *reader) card(n *yaml.Node) (channels []string) {
	for _, entry := range r.texts(n, "card") {
		if id := r.word(entry, "card", access.IsChannel, wantChannel); id != "" {
			channels = append(channels, id)
		}
	}
	return channels
}
