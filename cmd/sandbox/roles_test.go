package main

import (
	"testing"
)

// Every role of every account in the policy stands, as soon as it is asked
// for, and no other, unless the lever said so.
func TestOnlyRolesOfThePolicyStand(t *testing.T) {
	b := start(t, repository(t))
	st := b.world.stage.Load()
	b.do("roles", `{"account":"111111111111","role":"Operator","missing":true}`)
	b.do("roles", `{"account":"666666666666","role":"Guest","max_session":7200}`)
	for arn, want := range map[string]bool{
		"arn:aws:iam::111111111111:role/aws-access/ReadOnly": true,
		"arn:aws:iam::444444444444:role/aws-access/Admin":    true,
		"arn:aws:iam::666666666666:role/aws-access/Guest":    true,
		"arn:aws:iam::111111111111:role/aws-access/Operator": false,
		"arn:aws:iam::333333333333:role/aws-access/Admin":    false, // the account narrows the catalogue
		"arn:aws:iam::111111111111:role/aws-access/Root":     false,
		"arn:aws:iam::777777777777:role/aws-access/ReadOnly": false,
		"arn:aws:sts::111111111111:assumed-role/ReadOnly/x":  false,
		"nonsense": false,
	} {
		if err := st.roles.put(arn); err != nil {
			t.Errorf("%s: %v", arn, err)
		}
		account, _, name, _ := splitARN(arn)
		if _, stands := st.aws.Role(account, name); stands != want {
			t.Errorf("%s stands: %v, want %v", arn, stands, want)
		}
	}
}
