package policy

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws-access/aws-access/pkg/policy/internal/spelling"
)

// composed holds the small Latin letters that have a mark, and what each is without it (the canonical
// decompositions of Unicode in the blocks up to Latin Extended-B, and of Latin Extended Additional). A module for
// this would be larger than all else that the compiler's package links.
var composed = [...]struct {
	mark          rune
	letters, bare string
}{
	{'\u0300', "àèìòùǜǹḕṑẁầằềồờừỳ", "aeiouünēōwâăêôơưy"},
	{'\u0301', "áéíóúýćĺńŕśźǘǵǻǽǿḉḗḯḱḿṍṓṕṹẃấắếốớứ", "aeiouyclnrszügåæøçēïkmõōpũwâăêôơư"},
	{'\u0302', "âêîôûĉĝĥĵŝŵŷẑậệộ", "aeioucghjswyzạẹọ"},
	{'\u0303', "ãñõĩũṽẫẵẽễỗỡữỹ", "anoiuvâăeêôơưy"},
	{'\u0304', "āēīōūǖǟǡǣǭȫȭȱȳḡḹṝ", "aeiouüäȧæǫöõȯygḷṛ"},
	{'\u0306', "ăĕğĭŏŭḝặ", "aegiouȩạ"},
	{'\u0307', "ċėġżȧȯḃḋḟḣṁṅṗṙṡṥṧṩṫẇẋẏẛ", "cegzaobdfhmnprsśšṣtwxyſ"},
	{'\u0308', "äëïöüÿḧṏṻẅẍẗ", "aeiouyhõūwxt"},
	{'\u0309', "ảẩẳẻểỉỏổởủửỷ", "aâăeêioôơuưy"},
	{'\u030a', "åůẘẙ", "auwy"},
	{'\u030b', "őű", "ou"},
	{'\u030c', "čďěľňřšťžǎǐǒǔǚǧǩǯǰȟ", "cdelnrstzaiouügkʒjh"},
	{'\u030f', "ȁȅȉȍȑȕ", "aeioru"},
	{'\u0311', "ȃȇȋȏȓȗ", "aeioru"},
	{'\u031b', "ơư", "ou"},
	{'\u0323', "ḅḍḥḳḷṃṇṛṣṭṿẉẓạẹịọợụựỵ", "bdhklmnrstvwzaeioơuưy"},
	{'\u0324', "ṳ", "u"},
	{'\u0325', "ḁ", "a"},
	{'\u0326', "șț", "st"},
	{'\u0327', "çģķļņŗşţȩḑḩ", "cgklnrstedh"},
	{'\u0328', "ąęįųǫ", "aeiuo"},
	{'\u032d', "ḓḙḽṋṱṷ", "delntu"},
	{'\u032e', "ḫ", "h"},
	{'\u0330', "ḛḭṵ", "eiu"},
	{'\u0331', "ḇḏḵḻṉṟṯẕẖ", "bdklnrtzh"},
}

// spelled are letters that Unicode takes for letters of their own, as people type them on another keyboard.
var spelled = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "ł", "l", "þ", "th",
	"ı", "i")

// apart writes text in small letters, each mark behind its letter.
func apart(text string) string {
	text = strings.ToLower(text)
	if isASCII(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		writeApart(&b, r)
	}
	return b.String()
}

func writeApart(b *strings.Builder, r rune) {
	if r >= utf8.RuneSelf && !unicode.Is(unicode.Mn, r) {
		for _, one := range composed {
			bare := one.bare
			for _, letter := range one.letters {
				base, size := utf8.DecodeRuneInString(bare)
				if bare = bare[size:]; letter == r {
					writeApart(b, base) // which may have a mark of its own
					b.WriteRune(one.mark)
					return
				}
			}
		}
	}
	b.WriteRune(r)
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// searchForm is the form in which names are searched: zurich is found in Zürich.
func searchForm(text string) string {
	text = apart(text)
	if isASCII(text) {
		return text
	}
	return spelled.Replace(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, text))
}

// condensed is the form in which two names are the same but for case, spaces, quotes and dashes.
func condensed(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\n-\"'`", r) || r >= utf8.RuneSelf && isSpaceQuoteOrDash(r) {
			return -1
		}
		return r
	}, apart(text))
}

func isSpaceQuoteOrDash(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Pi, unicode.Pf) || strings.ContainsRune("´„‚−", r)
}

// maxSimilar is how many names are offered for one that is not known.
const maxSimilar = 3

// similar returns the names that text most likely stands for, the likeliest first: those that it begins, those that
// hold all its words, and those that differ in few letters. They are offered, and never taken.
func similar(text string, names []string) []string {
	folded, key := searchForm(strings.TrimSpace(text)), condensed(text)
	words, limit := strings.Fields(folded), max(1, len(folded)/3)+1
	var found [3][]string
	for _, name := range names {
		as := searchForm(name)
		switch {
		case len(words) == 0:
		case strings.HasPrefix(as, folded) || condensed(name) == key:
			found[0] = append(found[0], name)
		case len(folded) >= 3 && holdsAll(as, words):
			found[1] = append(found[1], name)
		case len(folded) >= 3 && spelling.Distance(folded, as, limit) < limit:
			found[2] = append(found[2], name)
		}
	}
	all := slices.Concat(found[:]...)
	return all[:min(len(all), maxSimilar)]
}

func holdsAll(name string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(name, word) {
			return false
		}
	}
	return true
}

// either lists names in a sentence.
func either(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}
