package awsconfig

import (
	"slices"
	"strings"
	"testing"
)

func TestProfilesAreNamedForAccountAndRole(t *testing.T) {
	const a, b, c = "111111111111", "222222222222", "333333333333"
	for name, test := range map[string]struct {
		prefix  string
		targets []Target
		want    []string
	}{
		"plain":  {"", []Target{{a, "payments-prod", "Operator", ""}}, []string{"payments-prod-Operator"}},
		"prefix": {"corp.", []Target{{a, "dev", "Read", ""}}, []string{"corp.dev-Read"}},
		"spaces and brackets": {"", []Target{{a, "Zahlung (Köln)]\n[x", "R+w=,@", ""}},
			[]string{"Zahlung--K-ln----x-R-w---"}},
		"a shell command": {"", []Target{{a, "$(rm -rf ~)`;|&", "R", ""}}, []string{"--rm--rf--------R"}},
		"same name": {"", []Target{{a, "x", "R", ""}, {b, "x", "R", ""}, {a, "x", "S", ""}},
			[]string{"x-111111111111-R", "x-222222222222-R", "x-S"}},
		"same after replacing": {"", []Target{{a, "x y", "R", ""}, {b, "x+y", "R", ""}},
			[]string{"x-y-111111111111-R", "x-y-222222222222-R"}},
		"roles of one account": {"", []Target{{a, "x", "R+", ""}, {a, "x", "R=", ""}},
			[]string{"x-111111111111-R--25fd536c", "x-111111111111-R--cca33cc2"}},
		"a name like an id": {"", []Target{{a, "x", "R", ""}, {b, "x", "R", ""}, {c, "x-111111111111", "R", ""}},
			[]string{"x-111111111111-R-796e2adb", "x-222222222222-R", "x-111111111111-333333333333-R-44e70aba"}},
	} {
		for range 2 { // the order changes no name
			profiles, err := Profiles(test.prefix, test.targets)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			seen := make(map[string]bool)
			for i, p := range profiles {
				at := slices.Index(test.targets, p.Target)
				if test.want != nil && p.Profile != test.want[at] {
					t.Errorf("%s: %d is %s, want %s", name, i, p.Profile, test.want[at])
				}
				if seen[p.Profile] || !nameForm.MatchString(p.Profile) {
					t.Errorf("%s: %q", name, p.Profile)
				}
				seen[p.Profile] = true
			}
			test.targets, test.want = slices.Clone(test.targets), slices.Clone(test.want)
			slices.Reverse(test.targets)
			slices.Reverse(test.want)
		}
	}
}

func TestTargetsThatAreNoDataAreRefused(t *testing.T) {
	good := Target{"111111111111", "x", "R", "eu-central-1"}
	for want, change := range map[string]func(*Target){
		"is not an id of twelve digits": func(p *Target) { p.Account = "payments-prod" },
		"is not the name of a role":     func(p *Target) { p.Role = "R;id" },
		"is not the name":               func(p *Target) { p.Role = "R\nregion" },
		"is not a Region":               func(p *Target) { p.Region = "x\n[profile y]" },
	} {
		target := good
		change(&target)
		if _, err := Profiles("", []Target{target}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", target, err)
		}
		if _, err := Block([]Profile{{target, "p"}}, "/bin/x", "linux"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", target, err)
		}
	}
	if _, err := Block([]Profile{{good, "p]\n[q"}}, "/bin/x", "linux"); err == nil {
		t.Error("a name with a line end was written")
	}
	if _, err := Profiles("a b", []Target{good}); err == nil || !strings.Contains(err.Error(), "prefix") {
		t.Error(err)
	}
	if _, err := Profiles("", []Target{good, good}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Error(err)
	}
}

func TestACommandIsWrittenAsAllReadersTakeIt(t *testing.T) {
	for _, c := range []struct{ program, goos, want string }{
		{"/usr/bin/aws-access", "linux", `"/usr/bin/aws-access" credential-process 111111111111 R+=,@`},
		{"/Users/J Doe/b/aws-access", "darwin", `"/Users/J Doe/b/aws-access" credential-process 111111111111 R+=,@`},
		{"/home/jürg/aws-access", "linux", `"/home/jürg/aws-access" credential-process 111111111111 R+=,@`},
		{`C:\tools\aws-access.exe`, "windows", `C:\tools\aws-access.exe credential-process 111111111111 R+=,@`},
		{`C:\Program Files (x86)\a.exe`, "windows", `"C:\Program Files (x86)\a.exe" credential-process 111111111111 R+=,@`},
		{`\\server\share\a.exe`, "windows", `\\server\share\a.exe credential-process 111111111111 R+=,@`},
	} {
		got, err := Command(c.program, c.goos, "credential-process", "111111111111", "R+=,@")
		if err != nil || got != c.want {
			t.Errorf("%s: %s, %v", c.program, got, err)
		}
	}
	for goos, program := range map[string]string{"linux": "/bin/a", "windows": `C:\bin\a`} {
		got, err := Command(program, goos, "credential-process", "111111111111", "-h")
		if err != nil || !strings.HasSuffix(got, " credential-process -- 111111111111 -h") {
			t.Errorf("a role that looks like a flag: %s, %v", got, err)
		}
	}
	for _, c := range []struct{ program, goos, want string }{
		{"aws-access", "linux", "not an absolute path"}, {"./a", "darwin", "not an absolute path"},
		{"~/a", "linux", "not an absolute path"}, {`tools\a.exe`, "windows", "not an absolute path"},
		{"/usr/bin/aws-access", "windows", "not an absolute path"}, {"C:", "windows", "not an absolute path"},
		{"/a$HOME", "linux", `'$'`}, {"/a`id`", "linux", "'`'"}, {`/a"b`, "linux", `'"'`}, {`/a\b`, "linux", `'\\'`},
		{"/a'b", "linux", `'\''`}, {"/a\nb", "linux", `'\n'`}, {"/a #b", "linux", "'#'"}, {"/a;b", "linux", "';'"},
		{"/a%b", "linux", "'%'"}, {"/a\xff", "linux", "'\ufffd'"}, {"/a!b", "linux", "'!'"}, {"/a\u202eb", "linux",
			`'\u202e'`},
		{`C:\%USERNAME%\a.exe`, "windows", "'%'"}, {`C:\jürg\a.exe`, "windows", "'ü'"}, {`C:\a&b.exe`, "windows", "'&'"},
	} {
		if got, err := Command(c.program, c.goos, "x"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, %v", c.program, got, err)
		}
	}
}
