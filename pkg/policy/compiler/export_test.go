package compiler

// Keys returns the keys of every map that the compiler reads, for the test of docs/policy.md.
func Keys() map[string][]string {
	return map[string][]string{
		"policy":        keyNames(policyKeys),
		"settings":      keyNames(settingsKeys),
		"ticket":        keyNames(ticketKeys),
		"role":          keyNames(roleKeys),
		"account":       keyNames(accountKeys),
		"accounts file": keyNames(accountsFileKeys),
		"devices":       keyNames(devicesKeys),
		"group":         keyNames(groupKeys),
		"aws role":      keyNames(awsRoleKeys),
		"oidc":          keyNames(oidcKeys),
		"rule":          keyNames(ruleKeys),
		"condition":     reservedKeys,
		"approval":      keyNames(approvalKeys),
		"review":        keyNames(reviewKeys),
		"never":         keyNames(neverRuleKeys),
	}
}
