package docs

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// allowed are the licences that linked code may have: they require only notices.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT"}

// row is a line of the tables of modules in dependencies.md. The path of a module has a slash.
var row = regexp.MustCompile("(?m)^\\| `([\\w.-]+/[\\w./-]+)` \\| ([^|]+) \\| ([^|]*) \\| ([^|]+) \\|$")

// A company must know which modules it deploys, and under which licences.
func TestDependenciesPageListsEveryModuleWithItsLicence(t *testing.T) {
	all, functions := modules(t)
	page, err := os.ReadFile("dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range comparePage(string(page), all, functions) {
		t.Error(problem)
	}
}

// comparePage returns what is wrong with the page.
func comparePage(page string, all map[string]*module, functions int) (problems []string) {
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	direct, indirect, ok := strings.Cut(page, "## Indirect modules")
	if !ok {
		return []string{"dependencies.md has no heading that begins with Indirect modules"}
	}
	seen := make(map[string]bool)
	for _, table := range []struct {
		text     string
		indirect bool
	}{{direct, false}, {indirect, true}} {
		for _, cells := range row.FindAllStringSubmatch(table.text, -1) {
			path, in, why, licence := cells[1], cells[2], cells[3], cells[4]
			m := all[path]
			switch {
			case m == nil:
				report("%s has a line, but go.mod does not require it", path)
				continue
			case seen[path]:
				report("%s has two lines", path)
			case m.Indirect != table.indirect:
				report("%s is in the wrong table: direct and indirect modules have one each", path)
			}
			seen[path] = true
			if want := m.place(functions); in != want {
				report("%s is in %q, not in %q", path, want, in)
			}
			if want := strings.Join(m.licences, ", "); licence != want {
				report("%s has the licence %q, not %q", path, want, licence)
			}
			if strings.TrimSpace(why) == "" {
				report("%s: the line does not say why the module is needed", path)
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		m := all[path]
		if !seen[path] {
			report("%s has no line: | `%s` | %s | WHY | %s |", path, path, m.place(functions), strings.Join(m.licences, ", "))
		}
		problems = append(problems, judgeLicences(m)...)
	}
	return problems
}

// judgeLicences returns what is wrong with the licences of one module.
func judgeLicences(m *module) (problems []string) {
	for _, file := range m.unknown {
		problems = append(problems, fmt.Sprintf("%s: the licence is not a known one: read %s", m.Path, file))
	}
	if len(m.in) == 0 {
		problems = append(problems, m.Path+" is required by go.mod, but nothing imports it: run go mod tidy")
	} else if len(m.files) == 0 {
		problems = append(problems, m.Path+" has no licence file")
	}
	for _, licence := range m.licences {
		if m.linked() && !slices.Contains(allowed, licence) {
			problems = append(problems,
				fmt.Sprintf("%s is linked, but its licence %s is not allowed for linked code", m.Path, licence))
		}
	}
	return problems
}

const rightPage = "" +
	"| `x.org/both` | every function, command | why | Apache-2.0 |\n" +
	"| `x.org/vend` | vend | why | BSD-3-Clause, MIT |\n" +
	"## Indirect modules\n" +
	"| `x.org/test` | tests | why | MPL-2.0 |\n"

func fewModules() map[string]*module {
	file := map[string]string{"LICENSE": "text"}
	all := make(map[string]*module)
	for _, m := range []*module{
		{Path: "x.org/both", in: []string{"slack", "vend", "command"}, licences: []string{"Apache-2.0"}, files: file},
		{Path: "x.org/vend", in: []string{"vend"}, licences: []string{"BSD-3-Clause", "MIT"}, files: file},
		{Path: "x.org/test", in: []string{"tests"}, licences: []string{"MPL-2.0"}, files: file, Indirect: true},
	} {
		all[m.Path] = m
	}
	return all
}

func TestEachKindOfWrongLineOfADependencyIsFound(t *testing.T) {
	if problems := comparePage(rightPage, fewModules(), 2); len(problems) > 0 {
		t.Errorf("a right page: %q", problems)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{
			"a wrong licence", "why | Apache-2.0", "why | MIT",
			`x.org/both has the licence "Apache-2.0", not "MIT"`,
		},
		{
			"half of the licences", "BSD-3-Clause, MIT", "MIT",
			`x.org/vend has the licence "BSD-3-Clause, MIT", not "MIT"`,
		},
		{
			"a missing line", "| `x.org/vend` | vend | why | BSD-3-Clause, MIT |\n", "",
			"x.org/vend has no line: | `x.org/vend` | vend | WHY | BSD-3-Clause, MIT |",
		},
		{
			"a superfluous line", "## Ind", "| `x.org/gone` | vend | why | MIT |\n## Ind",
			"x.org/gone has a line, but go.mod does not require it",
		},
		{"a wrong place", "| every function, command", "| vend", `x.org/both is in "every function, command", not in "vend"`},
		{"no reason", "command | why |", "command |  |", "x.org/both: the line does not say why the module is needed"},
		{"the wrong table", "## Indirect modules\n", "", "dependencies.md has no heading that begins with Indirect modules"},
		{
			"the other table", "| `x.org/vend`", "## Indirect modules\n| `x.org/vend`",
			"x.org/vend is in the wrong table: direct and indirect modules have one each",
		},
	} {
		problems := comparePage(strings.Replace(rightPage, c.old, c.new, 1), fewModules(), 2)
		if !slices.Equal(problems, []string{c.want}) {
			t.Errorf("%s: %q, want %q", c.name, problems, c.want)
		}
	}
}

func TestLinkedCodeHasOnlyAllowedLicences(t *testing.T) {
	for _, c := range []struct {
		m    module
		want string
	}{
		{
			module{Path: "m", in: []string{"vend"}, files: map[string]string{"LICENSE": "x"}, licences: []string{"MPL-2.0"}},
			"m is linked, but its licence MPL-2.0 is not allowed for linked code",
		},
		{
			module{Path: "m", in: []string{"tick"}, files: map[string]string{"LICENSE": "x"}, licences: []string{"ISC", "MIT"}},
			"m is linked, but its licence ISC is not allowed for linked code",
		},
		{
			module{Path: "m", in: []string{"tests"}, files: map[string]string{"LICENSE": "x"}, unknown: []string{"/m/LICENSE"}},
			"m: the licence is not a known one: read /m/LICENSE",
		},
		{module{Path: "m", in: []string{"tests"}}, "m has no licence file"},
		{module{Path: "m"}, "m is required by go.mod, but nothing imports it: run go mod tidy"},
	} {
		if problems := judgeLicences(&c.m); !slices.Equal(problems, []string{c.want}) {
			t.Errorf("%q, want %q", problems, c.want)
		}
	}
}

func TestLicencesAreToldApartByTheirText(t *testing.T) {
	ours, err := os.ReadFile("../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	if names := classify(ours); !slices.Equal(names, []string{"Apache-2.0"}) {
		t.Errorf("LICENSE is %q", names)
	}
	half := ours[:len(ours)/3]
	for _, text := range []string{"", "All rights reserved. Use it only with our permission.", string(half)} {
		if names := classify([]byte(text)); names != nil {
			t.Errorf("%.30q… is %q, want no known licence", text, names)
		}
	}
}
