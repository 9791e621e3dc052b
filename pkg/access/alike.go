package access

import (
	"strings"
	"sync"
	"unicode"
)

// PlainEmail reports whether an address is plain ASCII without spaces. One that
// is not proves nothing: it can look like somebody else's, or become it where
// another program folds its letters.
func PlainEmail(address string) bool {
	return address != "" && !strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// FoldEmail is the form in which addresses are compared. Only ASCII letters are
// folded: Unicode's rules would make the Kelvin sign a k, and join two people.
func FoldEmail(address string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, strings.Trim(address, " \t\r\n"))
}

// AlikeEmails reports whether two addresses may be one, or be taken for one. It
// is asked to exclude somebody, so a doubt counts. Plain addresses are alike
// only if they are equal.
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
	// A domain of other letters has a second form, in ASCII (RFC 3492).
	mailbox, domain, _ := strings.Cut(left, "@")
	mailbox2, domain2, _ := strings.Cut(right, "@")
	return mailbox == mailbox2 && (strings.Contains(domain, "xn--") || strings.Contains(domain2, "xn--"))
}

// Skeleton is text in lower case, with letters that look like those of ASCII
// turned into them, and without marks and characters that cannot be seen. It is
// a small table: Cyrillic, Greek, full-width and a few Latin letters. Whatever
// it does not know stays as it is.
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

// lookalikes are lower-case letters that look like others, by those.
var lookalikes = sync.OnceValue(func() map[rune]rune {
	table := make(map[rune]rune)
	for plain, others := range map[rune]string{
		'a': "аαàáâãäåāăą", 'b': "вβ", 'c': "сϲçćč", 'd': "ԁďđ", 'e': "еєεèéêëēęě", 'g': "ɡğ", 'h': "һհ", 'i': "іιìíîïīıі",
		'j': "јϳ", 'k': "кκ", 'l': "ӏłľ", 'm': "мμ", 'n': "пηńñňո", 'o': "оοσòóôõöøōőօ", 'p': "рρ", 'q': "ԛ", 'r': "гřŕ",
		's': "ѕſśšş", 't': "тτťţ", 'u': "υùúûüūůűս", 'v': "ѵν", 'w': "ԝωш", 'x': "хχ", 'y': "уγýÿ", 'z': "źżž",
	} {
		for _, other := range others {
			table[other] = plain
		}
	}
	return table
})
