package compiler

import (
	"time"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// draft is a policy file after reading: each value was checked by itself, and no name was looked up
// yet. Nodes tell where a value is in the file.
type draft struct {
	settings   policy.Settings
	hasChannel bool // settings.channel is written, right or wrong
	responders []*yaml.Node
	// hasResponders: settings.responders is written, right or wrong.
	hasResponders bool
	roles         []roleDraft
	accounts      []accountDraft
	groups        []groupDraft
	rules         []ruleDraft
	neverRules    []ruleDraft

	root *yaml.Node
	// The following are nil if the file does not have them.
	settingsNode, rolesNode, accountsNode, accountsFromNode *yaml.Node
}

type settingsDraft struct {
	policy.Settings
	hasChannel    bool
	remindNode    *yaml.Node
	responders    []*yaml.Node
	hasResponders bool
}

type ticketDraft struct {
	pattern, link string
	format        policy.TicketFormat // of pattern
	example       *yaml.Node
}

type roleDraft struct {
	node *yaml.Node
	role policy.Role
}

type accountDraft struct {
	in       *reader // of the file that has the account
	id       string
	name     string
	idNode   *yaml.Node
	nameNode *yaml.Node
	region   string
	unit     string // without slashes at the ends
	tags     map[string]string
	roles    []*yaml.Node // nil: every role
	roleSet  bitset.Set   // roles as indexes into the catalogue, after they were looked up
}

type groupDraft struct {
	node      *yaml.Node
	principal policy.Principal
	sources   int // keys that say who is in the group

	roleNodes []*yaml.Node // of principal.Roles, in the same order
}

// ruleDraft is an entry of rules or of never.
type ruleDraft struct {
	node         *yaml.Node // its name, or the whole entry if it has none
	rule         policy.Rule
	who          []*yaml.Node
	accounts     []*yaml.Node
	roles        []*yaml.Node
	requirements []requirementDraft
	insteadOf    []*yaml.Node
	reviewers    []*yaml.Node
	within       time.Duration
	say          string

	accountSet bitset.Set // accounts as indexes, after they were looked up
}

type requirementDraft struct {
	node *yaml.Node
	from []*yaml.Node
	need int
}

// values returns the text of each node.
func values(nodes []*yaml.Node) []string {
	all := make([]string, len(nodes))
	for i, n := range nodes {
		all[i] = n.Value
	}
	return all
}
