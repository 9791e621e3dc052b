package awsconfig

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func testBlock(t testing.TB, names ...string) []byte {
	t.Helper()
	profiles := make([]Profile, 0, len(names))
	for _, name := range names {
		profiles = append(profiles, Profile{Target{"111111111111", "x", "Operator", "eu-central-1"}, name})
	}
	block, err := Block(profiles, "/usr/local/bin/aws-access", "linux")
	if err != nil {
		t.Fatal(err)
	}
	return block
}

// pieces are what files of configuration are made of, and what could confuse a reader of them.
var pieces = []string{
	"\n", "\r\n", "\r", "\n\n", " ", "\t", "\xef\xbb\xbf", "\x00", "\xfd\xff\xfe", "\xc3", "é", "\u2028", "#", ";", "[",
	"]",
	"[default]", "[profile dev]", "[ profile \"x y\" ]", "[profile prod-Operator", "[sso-session corp]", "[services s]",
	"region = eu-west-1", "  s3 =\n    addressing_style = path\n", "aws_access_key_id=AKIAEXAMPLE",
	"sso_start_url: https://x",
	"# a comment", "credential_process = \"/opt/x y\" z", strings.Repeat("long ", 30), "#BEGIN aws-access profiles",
	"# BEGIN aws-access profilesX", "key = [profile no]", " continued", "%(interpolation)s", "$HOME", "\\",
}

func randomText(r *rand.Rand) []byte {
	var b bytes.Buffer
	for range r.IntN(30) {
		if r.IntN(10) == 0 {
			noise := make([]byte, r.IntN(20))
			for i := range noise {
				noise[i] = byte(r.Uint32())
			}
			b.Write(noise)
			continue
		}
		b.WriteString(pieces[r.IntN(len(pieces))])
		if r.IntN(2) == 0 {
			b.WriteString([]string{"\n", "\r\n"}[r.IntN(2)])
		}
	}
	return b.Bytes()
}

// The first writing adds nothing but the block, with a line end before it where the file had none. Later
// ones change nothing but the block, and without profiles it disappears.
func TestBytesOutsideTheBlockStayInTenThousandFiles(t *testing.T) {
	one, other := testBlock(t, "prod-A", "prod-B"), testBlock(t, "prod-C")
	r, files, written := rand.New(rand.NewPCG(1, 2)), 10_000, 0
	if testing.Short() {
		files = 1_000
	}
	for i := range files {
		text := randomText(r)
		first, err := Replace(bytes.Clone(text), one)
		if err != nil {
			continue // UTF-16 by chance
		}
		written++
		rest, ok := bytes.CutPrefix(first, text)
		if !ok || !slices.Contains([]string{string(one), "\n" + string(one), asCRLF(one), "\r\n" + asCRLF(one)},
			string(rest)) {
			t.Fatalf("file %d: %q became %q", i, text, first)
		}
		tail := randomTail(r)
		first = append(first, tail...)
		second, err := Replace(bytes.Clone(first), other)
		if err != nil {
			t.Fatalf("file %d: %v in %q", i, err, first)
		}
		middle, ok := bytes.CutPrefix(second, text)
		middle, ok2 := bytes.CutSuffix(middle, tail)
		if !ok || !ok2 || !strings.Contains(string(middle), "prod-C") || strings.Contains(string(middle), "prod-A") {
			t.Fatalf("file %d: %q became %q", i, first, second)
		}
		again, err := Replace(bytes.Clone(second), other)
		if err != nil || !bytes.Equal(again, second) {
			t.Fatalf("file %d: writing twice differs: %q, %q, %v", i, second, again, err)
		}
		none, err := Replace(bytes.Clone(second), nil)
		if err != nil || !bytes.HasPrefix(none, text) || !bytes.HasSuffix(none, tail) || len(none) > len(text)+len(tail)+2 {
			t.Fatalf("file %d: without profiles %q became %q, %v", i, second, none, err)
		}
	}
	if written < files-files/100 {
		t.Fatalf("only %d files were written", written)
	}
}

func asCRLF(block []byte) string { return strings.ReplaceAll(string(block), "\n", "\r\n") }

// randomTail is what may stand after a block: nothing that would belong to its last profile.
func randomTail(r *rand.Rand) []byte {
	tail := []string{"", "\n", "\r\n", "# end", "[profile z]\r\nregion = x", "\n\n[default]\nkey = v\n"}
	text := []byte(tail[r.IntN(len(tail))])
	if bytes.Contains(text, []byte("[")) {
		text = append(text, '\n')
		text = append(text, randomText(r)...)
	}
	return text
}

func TestAHugeFileKeepsItsBytes(t *testing.T) {
	huge := bytes.Repeat([]byte("# a line that somebody wrote\r\n[profile x]\r\nregion = eu-west-1\r\n"), 100_000)
	next, err := Replace(huge, testBlock(t, "prod-A"))
	if rest, ok := bytes.CutPrefix(next, huge); err != nil || !ok || string(rest) != asCRLF(testBlock(t, "prod-A")) {
		t.Fatalf("%d bytes became %d, %v", len(huge), len(next), err)
	}
}

func TestABlockWithAByteOrderMarkIsFoundAgain(t *testing.T) {
	block := testBlock(t, "prod-A")
	once, err := Replace([]byte("\xef\xbb\xbf"), block)
	if err != nil || string(once) != "\xef\xbb\xbf"+string(block) {
		t.Fatalf("%q, %v", once, err)
	}
	if twice, err := Replace(bytes.Clone(once), block); err != nil || !bytes.Equal(once, twice) {
		t.Fatalf("%q, %v", twice, err)
	}
}

// A reader takes the header of a section in one of several ways; each of them is the same profile.
func TestAProfileOutsideIsAnErrorThatNamesBothLines(t *testing.T) {
	for _, header := range []string{
		"[profile prod-A]", "[ profile prod-A ]", "[profile\tprod-A]", `[profile "prod-A"]`, `[profile 'prod-A'] # mine`,
		"  [profile prod-A]", "[prod-A]", `[profile "prod"-A]`, `[profile"prod-A"]`, `[profile prod\-A]`, "[profile prod-A",
	} {
		text := "[default]\n\n" + header + "\nsso_session = corp\n"
		for name, text := range map[string]string{"before": text, "with a mark": "\xef\xbb\xbf" + header + "\nsso_x=1\n\n\n",
			"after": "# comment\n\n" + string(testBlock(t, "prod-Z")) + "[profile other]\n" + header + "\n"} {
			_, err := Replace([]byte(text), testBlock(t, "prod-B", "prod-A"))
			exists, ok := errors.AsType[*Exists](err)
			if name == "after" && header[0] != '[' {
				continue
			}
			if !ok || len(exists.Profiles) != 1 || exists.Profiles[0].Profile != "prod-A" {
				t.Errorf("%s, %s: %v", name, header, err)
				continue
			}
			found := exists.Profiles[0]
			outside := lineOf(text, header)
			if name == "after" {
				outside += 4 // the new block has one more profile
			}
			if found.Outside != outside || !strings.Contains(err.Error(), fmt.Sprintf("line %d and ", outside)) {
				t.Errorf("%s, %s: outside is %d, want %d: %v", name, header, found.Outside, outside, err)
			}
			if (name != "after") != strings.Contains(err.Error(), "sso_ key in line") {
				t.Errorf("%s, %s: %v", name, header, err)
			}
		}
	}
	text := "[default]\n[profile prod-A]\n"
	_, err := Replace([]byte(text), testBlock(t, "prod-B", "prod-A"))
	want := "write profiles: profile prod-A exists in line 2 and would be line 8 of the block; " +
		"rename the one outside, or use --prefix"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func lineOf(text, part string) int {
	before, _, _ := strings.Cut(text, part)
	return strings.Count(before, "\n") + 1
}

func TestOtherSectionsAreNoProfiles(t *testing.T) {
	for _, text := range []string{"[sso-session prod-A]\n", "[services prod-A]\n", "# [profile prod-A]\n",
		"[profile prod-a]\n",
		"[profile prod-A-2]\n", "x = [profile prod-A]\n", "; [profile prod-A]\n", "[profileprod-A]\n"} {
		if _, err := Replace([]byte(text), testBlock(t, "prod-A")); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestDamagedMarksAreRefusedWithTheirLine(t *testing.T) {
	block := string(testBlock(t, "prod-A"))
	half := "[default]\n" + begin + "\n[profile mine]\n"
	for name, c := range map[string]struct{ text, want string }{
		"no end":            {half, "it begins in line 2 and ends nowhere"},
		"no beginning":      {"\n" + end + "\n", "it ends in line 2 and begins nowhere before"},
		"end before begin":  {end + "\n" + begin + "\n", "it ends in line 1 and begins nowhere before"},
		"two blocks":        {block + block, "it begins in line 1 and again in line 7"},
		"two ends":          {block + end, "it ends in line 6 and again in line 7"},
		"a nested block":    {begin + "\n" + block, "it begins in line 1 and again in line 2"},
		"keys after it":     {block + "\n# x\nregion = x\n", "line 9 would belong to its last profile"},
		"a continued value": {block + "  more\n", "line 7 would belong to its last profile"},
		"a moved header":    {block + " [profile x]\n", "line 7 would belong to its last profile"},
		"UTF-16":            {"\xff\xfe[\x00", "it is UTF-16"},
		"UTF-16, other end": {"\xfe\xff\x00[", "it is UTF-16"},
	} {
		next, err := Replace([]byte(c.text), testBlock(t, "prod-A"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, wrote %q", name, err, next)
		}
	}
}

func TestKeysOfACredentialsFileThatWinAreNamed(t *testing.T) {
	text := "[default]\naws_access_key_id = AKIAOTHER\n[prod-A]\n# aws_access_key_id = no\n" +
		"AWS_Access_Key_ID = AKIASECRETVALUE\naws_secret_access_key: hush\nsso_session = x\nregion = y\n\n" +
		"[ \"prod-B\" ]\ncredential_process = z\n[prod-C]\noutput = json\n"
	profiles := []Profile{{Profile: "prod-A"}, {Profile: "prod-B"}, {Profile: "prod-C"}}
	var got []string
	for _, s := range Shadows([]byte(text), profiles) {
		got = append(got, s.String("/h/.aws/credentials"))
	}
	want := []string{
		"profile prod-A: aws_access_key_id in line 5 of /h/.aws/credentials is used instead; remove it",
		"profile prod-A: aws_secret_access_key in line 6 of /h/.aws/credentials is used instead; remove it",
		"profile prod-A: sso_session in line 7 of /h/.aws/credentials is used instead; remove it",
		"profile prod-B: credential_process in line 11 of /h/.aws/credentials is used instead; remove it",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// Whatever the file is, it is refused or its bytes stay, and the block is found again.
func FuzzReplace(f *testing.F) {
	block := testBlock(f, "prod-A")
	for _, piece := range pieces {
		f.Add([]byte(piece))
	}
	f.Add(slices.Concat([]byte("[default]\r\n"), block, []byte("[profile x]\n")))
	f.Add([]byte(begin + "\r" + end + "\r\r\n[x]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		next, err := Replace(bytes.Clone(text), block)
		if err != nil {
			return
		}
		before, after, err := cut(next)
		if err != nil || !bytes.HasPrefix(next, before) || !bytes.HasSuffix(next, after) {
			t.Fatalf("%q became %q, which is refused: %v", text, next, err)
		}
		oldBefore, oldAfter, err := cut(text)
		if err != nil || !bytes.HasPrefix(before, oldBefore) || len(before) > len(oldBefore)+2 || !bytes.Equal(after,
			oldAfter) {
			t.Fatalf("%q became %q", text, next)
		}
		if again, err := Replace(bytes.Clone(next), block); err != nil || !bytes.Equal(again, next) {
			t.Fatalf("%q became %q, and then %q, %v", text, next, again, err)
		}
		Shadows(text, []Profile{{Profile: "prod-A"}})
	})
}
