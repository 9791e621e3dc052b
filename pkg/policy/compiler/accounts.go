package compiler

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// defaultRegion is the Region of an account that names none.
const defaultRegion = "us-east-1"

func (r *reader) accounts(n *yaml.Node) (all []accountDraft) {
	for _, entry := range r.list(n, "accounts") {
		entry = resolve(entry)
		a := accountDraft{in: r, idNode: entry, nameNode: entry, region: defaultRegion}
		object(r, entry, "an account", accountKeys, &a)
		all = append(all, a)
	}
	return all
}

func (r *reader) accountName(n *yaml.Node, a *accountDraft) {
	a.nameNode, a.name = resolve(n), r.name(n, "the name of an account")
	if hasStar(a.name) || isAccountID(a.name) {
		r.errorf(a.nameNode, "an account cannot be called %s; write a name that has no star and is not an account id",
			quoted(a.name))
	}
}

// accountID reads twelve digits. Without quotes they are a number to other readers of YAML, and a
// number that begins with a zero is even another number.
func (r *reader) accountID(n *yaml.Node) string {
	n = resolve(n)
	plain := n.Kind == yaml.ScalarNode && n.Style == 0
	switch {
	case plain && isAccountID(n.Value) && n.Value[0] == '0':
		r.errorf(n, "the account id %s has no quotes, and YAML drops zeros at the beginning of a number; write %q",
			n.Value, n.Value)
		return n.Value
	case plain && isAccountID(n.Value):
		r.warnf(n, "YAML reads the account id %s as a number; write it in quotes: %q", n.Value, n.Value)
		return n.Value
	case plain && n.ShortTag() != "!!str" && !isNull(n):
		r.errorf(n, "an account id cannot be %s; write twelve digits in quotes", n.Value)
		return ""
	}
	return r.word(n, "an account id", isAccountID, "twelve digits in quotes")
}

func (r *reader) unit(n *yaml.Node) string {
	text := strings.Trim(r.name(n, "ou"), "/")
	if text == "" || strings.Contains(text, "//") || hasStar(text) {
		r.errorf(resolve(n), "ou is not the path of an organisational unit; write a path like /workloads/prod")
		return ""
	}
	return text
}

// reservedKeys are the keys of an account in a rule that are not tags.
var reservedKeys = []string{"id", "name", "ou"}

func (r *reader) tags(n *yaml.Node) map[string]string {
	tags := make(map[string]string)
	r.entries(n, "tags", func(name string, key, value *yaml.Node) {
		if slices.Contains(reservedKeys, name) {
			r.errorf(key, "a tag cannot be called %s, because that word has another meaning in rules; choose another "+
				"name", quoted(name))
		}
		text, ok := r.text(value, "the tag "+quoted(name))
		if ok && hasStar(text) {
			r.errorf(resolve(value), "the tag %s contains a star, and stars are allowed in rules only; write the full "+
				"value", quoted(name))
		}
		tags[name] = text
	})
	return tags
}

// linkAccounts makes accounts of their drafts, ascending by name.
func (c *compiler) linkAccounts() {
	switch d := &c.draft; {
	case d.accountsFromNode != nil && d.accountsNode != nil:
		c.errorf(d.accountsFromNode, "the policy has both accounts and accounts_from; keep one of them")
	case d.accountsFromNode != nil:
		c.readAccountsFrom(d.accountsFromNode)
	case d.accountsNode == nil:
		c.errorf(d.root, "the policy has no accounts; write accounts: […] or accounts_from: accounts.yaml")
	}
	c.checkAccounts()
	drafts := c.draft.accounts
	slices.SortStableFunc(drafts, func(a, b accountDraft) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.name), strings.ToLower(b.name)), cmp.Compare(a.name, b.name))
	})
	p := &c.policy
	p.Accounts = make([]policy.Account, 0, len(drafts))
	for i, d := range drafts {
		p.Accounts = append(p.Accounts, policy.Account{Account: access.Account{ID: d.id, Name: d.name}})
		drafts[i].roleSet = c.rolesIn(d)
	}
	c.accounts = drafts
	c.conditions = newConditionIndex(drafts)
}

// readAccountsFrom reads the accounts of another file, next to the policy.
func (c *compiler) readAccountsFrom(n *yaml.Node) {
	name, ok := c.text(n, "accounts_from")
	n = resolve(n)
	switch {
	case !ok:
		return
	case !filepath.IsLocal(name):
		c.errorf(n, "accounts_from cannot be %s; write the path of a file next to the policy", quoted(name))
		return
	case c.options.Read == nil:
		c.errorf(n, "accounts_from cannot be used here, because no other file can be read; write accounts: […] in the "+
			"policy")
		return
	}
	path := filepath.Join(filepath.Dir(c.file), name)
	src, err := c.options.Read(path)
	if err != nil {
		c.errorf(n, "the file in accounts_from cannot be read (%v); write the path of a file next to the policy", err)
		return
	}
	c.accountsFrom = &reader{file: path}
	c.draft.accounts = c.accountsFrom.accountsFile(src)
}

// accountsFile reads a file that is a list of accounts, or a map with the one key accounts.
func (r *reader) accountsFile(src []byte) (all []accountDraft) {
	root := r.open(src)
	if root == nil {
		return nil
	}
	if resolve(root).Kind == yaml.SequenceNode {
		return r.accounts(root)
	}
	object(r, root, "the file of accounts", accountsFileKeys, &all)
	return all
}

// checkAccounts refuses the bastion, and ids and names that are used twice, in the order of the
// file.
func (c *compiler) checkAccounts() {
	ids, names := make(map[string]int), make(map[string]int) // their lines
	for _, d := range c.draft.accounts {
		folded := strings.ToLower(d.name)
		if line, twice := ids[d.id]; twice && d.id != "" {
			d.in.errorf(d.idNode, "the account %s is already in line %d; keep one of them", d.id, line)
		}
		if line, twice := names[folded]; twice && folded != "" {
			d.in.errorf(d.nameNode, "the account name %s is already used in line %d; choose another name",
				quoted(d.name), line)
		}
		if d.id != "" && d.id == c.options.Bastion {
			d.in.errorf(d.idNode, "the account %s is the bastion, which cannot be a target; remove it", d.id)
		}
		ids[d.id], names[folded] = d.idNode.Line, d.nameNode.Line
	}
}

// rolesIn returns the roles of the catalogue that an account has.
func (c *compiler) rolesIn(d accountDraft) bitset.Set {
	if d.roles != nil {
		return c.rolesOf(d.roles, d.in)
	}
	all := bitset.New(len(c.policy.Roles))
	for i := range c.policy.Roles {
		all.Add(i)
	}
	return all
}
