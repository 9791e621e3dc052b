package access

import "testing"

func TestAddressThatIsNotPlainExcludesAndProvesNothing(t *testing.T) {
	plain := Person{ID: "U1", Email: "kate.smith@example.com", Membership: Member}
	for name, address := range map[string]string{
		"the Kelvin sign":    "\u212aate.smith@example.com",
		"a long s":           "kate.\u017fmith@example.com",
		"full-width letters": "ｋate.smith@example.com",
		"a Cyrillic letter":  "k\u0430te.smith@example.com",
		"a Cyrillic capital": "K\u0410TE.SMITH@example.com",
		"a composed accent":  "k\u00e0te.smith@example.com",
		"a combining accent": "ka\u0300te.smith@example.com",
		"a zero-width space": "kate\u200b.smith@example.com",
		"a soft hyphen":      "kate\u00ad.smith@example.com",
		"a wide space":       "\u3000kate.smith@example.com",
		"in the domain":      "kate.smith@ex\u0430mple.com",
	} {
		duplicate := Person{ID: "U2", UnverifiedEmail: address, Membership: Member}
		if FoldEmail(address) == FoldEmail(plain.Email) || PlainEmail(address) {
			t.Errorf("%s: %q is taken for %q", name, FoldEmail(address), plain.Email)
		}
		if !plain.Same(duplicate) || !duplicate.Same(plain) {
			t.Errorf("%s: the two are not the same person, want both excluded", name)
		}
	}
	for name, address := range map[string]string{
		"somebody else":        "kate.smythe@example.com",
		"a digit for a letter": "kate.5mith@example.com",
		"another language":     "\u738b@example.com",
	} {
		if plain.Same(Person{ID: "U2", Email: address}) {
			t.Errorf("%s: got the same person, want different ones", name)
		}
	}
	a := Person{ID: "U1", UnverifiedEmail: "kate@b\u00fccher.example"}
	b := Person{ID: "U2", Email: "kate@xn--bcher-kva.example"}
	if !a.Same(b) || !b.Same(a) {
		t.Error("the two forms of one domain name are different people, want the same")
	}
}
