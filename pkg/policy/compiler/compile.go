// Package compiler reads the policy file (policy.yaml) and makes a policy of it.
//
// It promises to find everything that can be wrong with a file in one run, and to report each
// problem with its line, its column and what to write instead. A file with a problem makes no
// policy. It reads no clock and no network; the only other file that it reads is that of
// accounts_from.
//
// docs/policy.md describes the file. A test compares it with the tables of keys in keys.go.
package compiler

import (
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/packed"
)

// Options is what compiling needs besides the file.
type Options struct {
	Bastion string    // id of the account that can never be a target; "" is not checked
	Now     time.Time // for warnings about rules that have expired
	Sandbox bool      // issuers on loopback are accepted, which only the sandbox has

	// Read reads the file of accounts_from, by its path next to the policy. If it is nil, then a
	// policy with accounts_from is refused.
	Read func(name string) ([]byte, error)
}

// Compile compiles a policy file; file is its name in messages. If anything is wrong, then there is
// no policy, and the error is Problems: everything that is wrong. Warnings deserve a second look,
// but are no reason not to start.
func Compile(file string, src []byte, o Options) (*policy.Policy, []Problem, error) {
	c := compiler{reader: reader{file: file, sandbox: o.Sandbox}, options: o}
	c.compile(src)
	sortProblems(c.problems)
	sortProblems(c.warnings)
	if len(c.problems) > 0 {
		return nil, c.warnings, Problems(c.problems)
	}
	c.policy.Packed = string(packed.Encode(&c.policy))
	p, err := policy.New(c.policy)
	if err != nil {
		return nil, c.warnings, fmt.Errorf("compile %s, which is a bug in this program: %w", file, err)
	}
	return p, c.warnings, nil
}

// compiler reads a file into a draft, looks up the names in it, and makes a policy of it.
type compiler struct {
	reader
	options Options
	draft   draft
	policy  policy.Definition

	accounts     []accountDraft   // in the order of policy.Accounts
	accountsFrom *reader          // of the file of accounts_from; nil if there is none
	conditions   conditionIndex   // to look up accounts
	groups       map[string]int32 // principals by the name of a group
	people       map[string]int32 // principals by an address or a Slack user id that is written by itself
	rules        map[string]int32 // by name
}

func (c *compiler) compile(src []byte) {
	root := c.open(src)
	if root == nil {
		return
	}
	c.draft.root, c.draft.settings = root, defaultSettings() // of a file without settings
	object(&c.reader, root, "the policy", policyKeys, &c.draft)
	c.policy.Settings = c.draft.settings
	c.linkRoles()
	c.linkAccounts()
	c.linkGroups()
	c.warnLookalikes()
	c.linkRules()
	c.linkNeverRules()
	c.linkInsteadOf()
	c.linkResponders()
	c.warnExpiry()
	if c.accountsFrom != nil {
		c.problems = append(c.problems, c.accountsFrom.problems...)
		c.warnings = append(c.warnings, c.accountsFrom.warnings...)
	}
	if len(c.problems) > 0 {
		return
	}
	c.classify()
	c.sortIndexes()
}
