package compiler

import (
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// revokerPath is the IAM path of the roles that take access away. They can never be targets.
const revokerPath = "/aws-access-revoker/"

const maxPath = 512 // characters of an IAM path

func (r *reader) roles(n *yaml.Node, d *draft) {
	d.rolesNode = n
	seen := make(map[string]string)
	r.entries(n, "roles", func(name string, key, value *yaml.Node) {
		folded := strings.ToLower(name) // IAM does not tell roles apart by case
		switch first, twice := seen[folded]; {
		case !isRoleName(name):
			r.errorf(key, "a role cannot be called %s; write the name of an IAM role: at most 64 letters, digits "+
				"and _+=,.@-", quoted(name))
		case twice:
			r.errorf(key, "%s and %s are the same role in IAM; keep one of them", quoted(first), quoted(name))
		}
		seen[folded] = name
		role := policy.Role{Name: name, Path: access.DefaultPath}
		if !isNull(resolve(value)) {
			object(r, r.rejoinAbout(value), "the role "+quoted(name), roleKeys, &role)
		}
		d.roles = append(d.roles, roleDraft{node: key, role: role})
	})
}

func (r *reader) rolePath(n *yaml.Node, role *policy.Role) {
	role.Path = r.word(n, "path", isRolePath, "a path that begins and ends with a slash, like /aws-access/")
	if strings.HasPrefix(role.Path, revokerPath) || len(role.Path) > maxPath {
		r.errorf(resolve(n), "path cannot be %s; write a path of at most %d characters that does not begin with %s",
			quoted(role.Path), maxPath, revokerPath)
	}
}

func (r *reader) may(n *yaml.Node, role *policy.Role) {
	for _, entry := range r.texts(n, "may") {
		switch entry.Value {
		case "assume_roles":
			role.AssumeRoles = true
		case "make_identities":
			role.MakeIdentities = true
		default:
			r.errorf(entry, "may cannot contain %s; %s", quoted(entry.Value),
				instead(entry.Value, []string{"assume_roles", "make_identities"}))
		}
	}
}

// rejoinAbout repairs {about: look at it, change nothing}: the comma ends the text, and YAML makes a
// key without a value of the rest. Such a key with a space in it can mean nothing else.
func (r *reader) rejoinAbout(n *yaml.Node) *yaml.Node {
	n = resolve(n)
	whole := *n
	whole.Content = nil
	about := false // the pair before this one is about, or a part of its text
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		noValue := isNull(value) && value.Value == ""
		if about && noValue && key.Kind == yaml.ScalarNode && strings.Contains(key.Value, " ") {
			last := len(whole.Content) - 1
			text := *whole.Content[last]
			text.Value += ", " + key.Value
			whole.Content[last] = &text
			r.warnf(key, "the comma ends the text of about here; write the text in quotes: %q", text.Value)
			continue
		}
		about = key.Value == "about" && value.Kind == yaml.ScalarNode
		whole.Content = append(whole.Content, key, value)
	}
	return &whole
}

func (c *compiler) linkRoles() {
	p := &c.policy
	for _, d := range c.draft.roles {
		p.Roles = append(p.Roles, d.role)
	}
	if c.draft.rolesNode != nil && len(p.Roles) == 0 && len(c.problems) == 0 {
		c.errorf(c.draft.rolesNode, "there are no roles; write at least one: ReadOnly: {about: …}")
	}
}

// rolesOf looks up names and patterns of roles; in is the reader of their file.
func (c *compiler) rolesOf(nodes []*yaml.Node, in *reader) bitset.Set {
	all := bitset.New(len(c.policy.Roles))
	if len(c.policy.Roles) == 0 {
		return all
	}
	for _, n := range nodes {
		found := false
		for i, role := range c.policy.Roles {
			if matches(n.Value, role.Name) {
				all.Add(i)
				found = true
			}
		}
		if !found {
			in.errorf(n, "no role is called %s; %s", quoted(n.Value), instead(n.Value, c.roleNames()))
		}
	}
	return all
}

func (c *compiler) roleNames() []string {
	names := make([]string, len(c.policy.Roles))
	for i, role := range c.policy.Roles {
		names[i] = role.Name
	}
	return names
}
