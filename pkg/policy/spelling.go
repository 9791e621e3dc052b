package policy

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws-access/aws-access/pkg/spelling"
)

// This file compares names as people type them: in any case, with marks composed or decomposed, with
// or without spaces and dashes.

// composed lists the small Latin letters with a mark, and what each is without it: the canonical
// decompositions of Unicode in the blocks up to Latin Extended-B, and in Latin Extended Additional.
// A module for this would be larger than everything else that this package links.
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

// asciiSpellings are letters that Unicode does not decompose, as people type them on another keyboard.
var asciiSpellings = strings.NewReplacer(
	"ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "ł", "l", "þ", "th", "ı", "i",
)

// decompose returns text in lower case, with each mark behind its letter.
func decompose(text string) string {
	text = strings.ToLower(text)
	if isASCII(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		writeDecomposed(&b, r)
	}
	return b.String()
}

func writeDecomposed(b *strings.Builder, r rune) {
	if r >= utf8.RuneSelf && !unicode.Is(unicode.Mn, r) {
		for _, one := range composed {
			bare := one.bare
			for _, letter := range one.letters {
				base, size := utf8.DecodeRuneInString(bare)
				if bare = bare[size:]; letter == r {
					writeDecomposed(b, base) // it may have another mark
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

// searchForm returns text in the form in which names are searched: zurich finds Zürich.
func searchForm(text string) string {
	text = decompose(text)
	if isASCII(text) {
		return text
	}
	return asciiSpellings.Replace(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, text))
}

// spellingForm returns the same text for names that differ only in case, spaces, quotes and dashes.
func spellingForm(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\n-\"'`", r) || r >= utf8.RuneSelf && isSpaceQuoteOrDash(r) {
			return -1
		}
		return r
	}, decompose(text))
}

func isSpaceQuoteOrDash(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Pi, unicode.Pf) || strings.ContainsRune("´„‚−", r)
}

// maxSimilar is how many names are offered for an unknown one.
const maxSimilar = 3

// similar returns the names that a text most likely means, the likeliest first: names that begin
// with it, names with all its words, and names that differ in a few letters. They are offered, never
// used.
func similar(text string, names []string) []string {
	typed, key := searchForm(strings.TrimSpace(text)), spellingForm(text)
	words, limit := strings.Fields(typed), max(1, len(typed)/3)+1
	var found [3][]string
	for _, name := range names {
		searched := searchForm(name)
		switch {
		case len(words) == 0:
		case strings.HasPrefix(searched, typed) || spellingForm(name) == key:
			found[0] = append(found[0], name)
		case len(typed) >= 3 && containsAll(searched, words):
			found[1] = append(found[1], name)
		case len(typed) >= 3 && spelling.Distance(typed, searched, limit) < limit:
			found[2] = append(found[2], name)
		}
	}
	all := slices.Concat(found[:]...)
	return all[:min(len(all), maxSimilar)]
}

func containsAll(name string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(name, word) {
			return false
		}
	}
	return true
}
