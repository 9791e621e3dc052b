package compiler

import "testing"

func TestClosestNameIsSuggested(t *testing.T) {
	names := []string{"accounts", "approvals", "instead_of", "max", "ou"}
	for text, want := range map[string]string{
		"acounts": "accounts", "aprovals": "approvals", "insteadof": "instead_of", "ACCOUNTS": "accounts",
		"maxx": "max", "mxa": "max", "OU": "ou", "oo": "", "colour": "", "": "", "instead_of_something": "",
		"accuonts": "accounts", "stnuocca": "",
	} {
		if got := closest(text, names); got != want {
			t.Errorf("closest %q: got %q, want %q", text, got, want)
		}
	}
}
