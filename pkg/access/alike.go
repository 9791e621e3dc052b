package access

import (
	"strings"
	"sync"
	"unicode"
)

// PlainEmail reports whether an address is plain ASCII without spaces. Any other
// address proves nothing: it can look like somebody else's address, or another program
// can turn it into that address when it folds case.
func PlainEmail(address string) bool {
	return address != "" && !strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// FoldEmail returns the form in which addresses are compared. It folds only ASCII
// letters: Unicode's rules turn the Kelvin sign into a k, which would make two people
// one.
func FoldEmail(address string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, strings.Trim(address, " \t\r\n"))
}

// AlikeEmails reports whether two addresses may be the same, or may be mistaken for
// each other. Callers use it to exclude people, so it returns true if in doubt. Two
// plain addresses are alike only if they are equal.
func AlikeEmails(a, b string) bool {
	if FoldEmail(a) == FoldEmail(b) {
		return true
	}
	if PlainEmail(a) && PlainEmail(b) {
		return false
	}
	left, right := Skeleton(a), Skeleton(b)
	if left == right {
		return true
	}
	// An international domain name has a second form in ASCII (RFC 3492). It is not
	// decoded here: any such domain may be the same as the other one.
	mailbox, domain, _ := strings.Cut(left, "@")
	mailbox2, domain2, _ := strings.Cut(right, "@")
	return mailbox == mailbox2 && (strings.Contains(domain, "xn--") || strings.Contains(domain2, "xn--"))
}

// Skeleton returns text in lower case, without accents and invisible characters, and
// with letters that look like ASCII letters replaced by these. Its table is small:
// Cyrillic, Greek, full-width and a few Latin letters. It leaves all other letters
// unchanged.
func Skeleton(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) || r == '\u2800' || r == '\u3164':
			continue
		case 0xff01 <= r && r <= 0xff5e: // full-width
			r -= 0xff01 - '!'
		case unicode.Is(unicode.Zs, r):
			r = ' '
		case unicode.Is(unicode.Pd, r):
			r = '-'
		}
		r = unicode.ToLower(r)
		if plain, found := lookalikes()[r]; found {
			r = plain
		}
		b.WriteRune(r)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// lookalikes maps lower-case letters to the ASCII letters that they look like.
var lookalikes = sync.OnceValue(func() map[rune]rune {
	table := make(map[rune]rune)
	for plain, others := range map[rune]string{
		'a': "аαàáâãäåāăą",
		'b': "вβ",
		'c': "сϲçćč",
		'd': "ԁďđ",
		'e': "еєεèéêëēęě",
		'g': "ɡğ",
		'h': "һհ",
		'i': "іιìíîïīıі",
		'j': "јϳ",
		'k': "кκ",
		'l': "ӏłľ",
		'm': "мμ",
		'n': "пηńñňո",
		'o': "оοσòóôõöøōőօ",
		'p': "рρ",
		'q': "ԛ",
		'r': "гřŕ",
		's': "ѕſśšş",
		't': "тτťţ",
		'u': "υùúûüūůűս",
		'v': "ѵν",
		'w': "ԝωш",
		'x': "хχ",
		'y': "уγýÿ",
		'z': "źżž",
	} {
		for _, other := range others {
			table[other] = plain
		}
	}
	return table
})
