package world

import "testing"

// Every role that the policy names exists as soon as it is asked for, and no
// other role does, unless the control said so.
func TestOnlyRolesOfThePolicyExist(t *testing.T) {
	w := newWorld(t)
	missing, twoHours := true, 7200
	for _, change := range []RoleChange{
		{Account: "111111111111", Role: "Operator", Missing: &missing},
		{Account: "666666666666", Role: "Guest", MaxSession: &twoHours},
	} {
		if err := w.Roles.Change(change); err != nil {
			t.Fatal(err)
		}
	}
	for arn, want := range map[string]bool{
		"arn:aws:iam::111111111111:role/aws-access/ReadOnly": true,
		"arn:aws:iam::444444444444:role/aws-access/Admin":    true,
		"arn:aws:iam::666666666666:role/aws-access/Guest":    true,
		"arn:aws:iam::111111111111:role/aws-access/Operator": false,
		"arn:aws:iam::333333333333:role/aws-access/Admin":    false, // not among the roles of this account
		"arn:aws:iam::111111111111:role/aws-access/Root":     false,
		"arn:aws:iam::777777777777:role/aws-access/ReadOnly": false,
		"arn:aws:sts::111111111111:assumed-role/ReadOnly/x":  false,
		"nonsense": false,
	} {
		if err := w.Roles.create(arn); err != nil {
			t.Errorf("%s: %v", arn, err)
		}
		account, _, name, _ := splitARN(arn)
		if _, exists := w.AWS.Role(account, name); exists != want {
			t.Errorf("%s exists: %v, want %v", arn, exists, want)
		}
	}
}
