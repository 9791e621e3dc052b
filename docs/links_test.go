package docs

import (
	"fmt"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// self is this file. It is not searched, because its cases are wrong on purpose.
const self = "docs/links_test.go"

// A link that leads nowhere, or a comment that cites a file which was renamed, sends readers away.
// This test finds both. It searches:
//
//   - Markdown: relative links with their anchors, and in backticks, paths of this repository and
//     names of its packages. A path may name a function: `pkg/access/moves.go:Approve`;
//   - comments of all sources: paths of this repository;
//   - every text: citations such as `docs/facts.md#a3`, and the short forms that are not allowed.
func TestEveryLinkAndCitationLeadsSomewhere(t *testing.T) {
	problems, files, err := check(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	if files < 300 {
		t.Fatalf("only %d files were searched", files)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

// repository is what the test knows of the files.
type repository struct {
	fsys     fs.FS
	anchors  map[string][]string // of each Markdown file
	files    map[string][]string // of each package in pkg
	problems []string
}

// check searches all files, and returns the problems as "file:line: what is wrong".
func check(fsys fs.FS) (problems []string, files int, err error) {
	r := &repository{fsys: fsys, anchors: make(map[string][]string)}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipped(name):
			return fs.SkipDir
		case d.IsDir() || name == self || !isText(name):
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		files++
		r.file(name, string(text))
		return nil
	})
	return r.problems, files, err
}

// skipped reports whether a directory holds what was fetched or built.
func skipped(dir string) bool {
	base := path.Base(dir)
	return strings.HasPrefix(base, ".") && base != "." && base != ".ci" && base != ".github" ||
		slices.Contains([]string{"node_modules", "bin", "dist", "__pycache__", "fuzz"}, base)
}

func isText(name string) bool {
	switch path.Ext(name) {
	case ".md", ".go", ".yaml", ".yml", ".json", ".py", ".js", ".mjs", ".css", ".html", ".sh", ".toml", ".tf", ".txtar",
		".txt", ".xml", ".example":
		return !strings.HasSuffix(name, "package-lock.json")
	case "": // scripts of .ci, and the Makefile
		return path.Dir(name) == ".ci" || strings.HasPrefix(path.Dir(name), ".ci/") || name == "Makefile"
	}
	return false
}

func (r *repository) file(name, text string) {
	for i, line := range strings.Split(text, "\n") {
		r.citations(name, i+1, line)
	}
	if path.Ext(name) == ".md" {
		r.markdown(name, text)
		return
	}
	for _, c := range comments(name, text) {
		for _, cited := range pathLike.FindAllString(c.text, -1) {
			if !r.existsAsWritten(cited) {
				r.report(name, c.line, "the comment cites %s, which does not exist", cited)
			}
		}
	}
}

func (r *repository) report(name string, line int, format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf("%s:%d: ", name, line)+fmt.Sprintf(format, args...))
}

var (
	address    = regexp.MustCompile("https?://[^\\s)>\"'`]+")
	citation   = regexp.MustCompile(`docs/[\w/-]+\.md(?:#[\w.-]*\w)?`)
	shortForms = []*regexp.Regexp{
		regexp.MustCompile(`\b(?:POLICY|FACTS|DESIGN|SANDBOX|STYLE|FINDINGS)(?:\.md|,? [A-J]?[0-9]|,? [A-J]\b)`),
		regexp.MustCompile(`docs/\w+\.md#[\w.]+(?:,|;| and| to| or) [A-J][0-9]?\b`),
		regexp.MustCompile(`\.\./shared`),
	}
)

// citations checks the citations of one line.
func (r *repository) citations(name string, line int, text string) {
	for _, cited := range citation.FindAllString(address.ReplaceAllString(text, ""), -1) {
		r.target(name, line, cited)
	}
	for _, short := range shortForms {
		if found := short.FindString(text); found != "" {
			r.report(name, line, "write %q as a path with an anchor, such as docs/facts.md#a3", found)
		}
	}
}

// target checks that a path from the root of the repository exists, with its anchor.
func (r *repository) target(name string, line int, target string) {
	file, anchor, _ := strings.Cut(target, "#")
	switch {
	case !r.exists(file):
		r.report(name, line, "%s does not exist", file)
	case anchor != "" && path.Ext(file) == ".md" && !slices.Contains(r.anchorsOf(file), anchor):
		r.report(name, line, "%s has no anchor #%s", file, anchor)
	}
}

func (r *repository) exists(file string) bool {
	_, err := fs.Stat(r.fsys, path.Clean(file))
	return err == nil
}

// pathLike finds paths of this repository in prose: they begin with one of its directories.
var pathLike = regexp.MustCompile(
	`(?:^|[\s("'` + "`" + `])(?:\./)?(?:cmd|docs|pkg|functions|infra|events|\.ci)/[\w./*-]*\w`)

// placeholder stands in a path for something that the reader knows.
var placeholder = regexp.MustCompile(`/[A-Z]{3,}(?:\.|$)`)

// identifier is a Go name behind a package: pkg/vend.Assume.
var identifier = regexp.MustCompile(`\.[A-Z]\w*(?:\.\w+)?$`)

// existsAsWritten reports whether a path from prose exists, possibly with a Go name behind it.
func (r *repository) existsAsWritten(cited string) bool {
	cited = strings.TrimPrefix(strings.TrimLeft(cited, " \t(\"'`"), "./")
	if placeholder.MatchString(cited) && !strings.Contains(cited, "README") {
		return true
	}
	if strings.Contains(cited, "*") {
		found, err := fs.Glob(r.fsys, cited)
		return err == nil && len(found) > 0
	}
	return r.exists(cited) || r.exists(identifier.ReplaceAllString(cited, ""))
}

// comment is one comment, or one line of it.
type comment struct {
	line int
	text string
}

// comments finds the comments of a source. A file format without comments has none.
func comments(name, text string) (found []comment) {
	var marker string
	switch path.Ext(name) {
	case ".go":
		return goComments(name, text)
	case ".js", ".mjs":
		marker = "//"
	case ".yaml", ".yml", ".py", ".sh", ".toml", ".tf", ".example", "":
		marker = "#"
	default:
		return nil
	}
	for i, line := range strings.Split(text, "\n") {
		if at := strings.Index(line, marker); at == 0 || at > 0 && (line[at-1] == ' ' || line[at-1] == '\t') {
			found = append(found, comment{i + 1, line[at+len(marker):]})
		}
	}
	return found
}

func goComments(name, text string) (found []comment) {
	var s scanner.Scanner
	file := token.NewFileSet().AddFile(name, -1, len(text))
	s.Init(file, []byte(text), nil, scanner.ScanComments)
	for {
		pos, tok, literal := s.Scan()
		if tok == token.EOF {
			return found
		}
		if tok == token.COMMENT && !strings.HasPrefix(literal, "//go:") {
			found = append(found, comment{file.Line(pos), strings.TrimPrefix(literal, "//")})
		}
	}
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)(?:\s+"[^"]*")?\)`)
	code     = regexp.MustCompile("`([^`]+)`")
	codePath = regexp.MustCompile(`^(?:cmd|docs|pkg|functions|infra|events|\.ci)/[^\s<>{}…]*$`)
)

// markdown checks the links and the paths in backticks of one page.
func (r *repository) markdown(name, text string) {
	fenced := false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		}
		if fenced {
			continue
		}
		for _, found := range link.FindAllStringSubmatch(code.ReplaceAllString(line, ""), -1) {
			r.link(name, i+1, found[1])
		}
		for _, found := range code.FindAllStringSubmatch(line, -1) {
			if codePath.MatchString(found[1]) {
				r.codePath(name, i+1, found[1])
			}
			if goName.MatchString(found[1]) {
				r.goName(name, i+1, found[1])
			}
		}
	}
}

func (r *repository) link(name string, line int, target string) {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return
	}
	file, anchor, _ := strings.Cut(target, "#")
	if file == "" {
		file = path.Base(name)
	}
	file = path.Join(path.Dir(name), file)
	if anchor != "" {
		file += "#" + anchor
	}
	r.target(name, line, file)
}

// codePath checks a path in backticks: pkg/access, pkg/access/moves.go, pkg/access/moves.go:Approve.
func (r *repository) codePath(name string, line int, cited string) {
	file, function, named := strings.Cut(cited, ":")
	if strings.Contains(file, "#") {
		return // a citation, checked already
	}
	if !r.existsAsWritten(file) {
		r.report(name, line, "`%s` does not exist", file)
		return
	}
	if !named {
		return
	}
	text, err := fs.ReadFile(r.fsys, file)
	if err != nil || !hasFunction(string(text), function) {
		r.report(name, line, "%s has no function %s", file, function)
	}
}

// goName is a name that a package of this repository exports: access.Request, or access.Request.Usable.
var goName = regexp.MustCompile(`^[a-z]+\.[A-Z]\w*(?:\.[A-Z]\w*)?$`)

// goName checks a Go name in backticks, where there is a package of that name: one of its files declares it.
func (r *repository) goName(name string, line int, cited string) {
	pkg, declared, _ := strings.Cut(cited, ".")
	files := r.packages()[pkg]
	for _, file := range files {
		text, err := fs.ReadFile(r.fsys, file)
		if err == nil && hasFunction(string(text), declared) {
			return
		}
	}
	if len(files) > 0 {
		r.report(name, line, "package %s does not declare %s", pkg, declared)
	}
}

// packages are the Go files of each package in pkg, by the name of its directory.
func (r *repository) packages() map[string][]string {
	if r.files != nil {
		return r.files
	}
	r.files = make(map[string][]string)
	_ = fs.WalkDir(r.fsys, "pkg", func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path.Ext(file) == ".go" && !strings.HasSuffix(file, "_test.go") {
			pkg := path.Base(path.Dir(file))
			r.files[pkg] = append(r.files[pkg], file)
		}
		return nil // a tree without pkg has no packages
	})
	return r.files
}

// hasFunction reports whether a Go file declares a function, a method, or a type or variable of that name.
func hasFunction(text, name string) bool {
	name = name[strings.LastIndex(name, ".")+1:]
	declared := `(?m)^(?:func (?:\([^)]*\) )?|type |var |const |\t)` + regexp.QuoteMeta(name) + `\b`
	return name != "" && regexp.MustCompile(declared).MatchString(text)
}

var (
	heading  = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	explicit = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	linked   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	notSlug  = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

// anchorsOf returns the anchors of a Markdown file: those of its headings, as GitHub makes them, and explicit ones.
func (r *repository) anchorsOf(file string) []string {
	file = path.Clean(file)
	if known, ok := r.anchors[file]; ok {
		return known
	}
	text, err := fs.ReadFile(r.fsys, file)
	if err != nil {
		return nil
	}
	var anchors []string
	for _, found := range explicit.FindAllStringSubmatch(string(text), -1) {
		anchors = append(anchors, found[1])
	}
	times := make(map[string]int)
	for _, found := range heading.FindAllStringSubmatch(string(text), -1) {
		plain := linked.ReplaceAllString(found[1], "$1")
		slug := strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(strings.TrimSpace(plain)), ""), " ", "-")
		if n := times[slug]; n > 0 {
			anchors = append(anchors, fmt.Sprintf("%s-%d", slug, n))
		} else {
			anchors = append(anchors, slug)
		}
		times[slug]++
	}
	r.anchors[file] = anchors
	return anchors
}

// linkCases are pages and sources with one link or citation each; want is empty where it is right.
var linkCases = []struct{ name, file, text, want string }{
	{"a link to no file", "docs/a.md", "See [b](c.md).", "docs/a.md:1: docs/c.md does not exist"},
	{"a link to no anchor", "docs/a.md", "\n[b](b.md#none)", "docs/a.md:2: docs/b.md has no anchor #none"},
	{"a link within the page", "docs/a.md", "[b](#none)", "docs/a.md:1: docs/a.md has no anchor #none"},
	{"a path in backticks", "docs/a.md", "`pkg/gone/x.go`", "docs/a.md:1: `pkg/gone/x.go` does not exist"},
	{"a function in backticks", "docs/a.md", "`pkg/x/x.go:Gone`", "docs/a.md:1: pkg/x/x.go has no function Gone"},
	{"a Go name in backticks", "docs/a.md", "`x.Gone`", "docs/a.md:1: package x does not declare Gone"},
	{
		"a file in a comment", "pkg/y.go", "package y // as pkg/gone does",
		"pkg/y.go:1: the comment cites  pkg/gone, which does not exist",
	},
	{
		"a file in a comment of YAML", "a.yaml", "# (infra/gone.yaml)",
		"a.yaml:1: the comment cites (infra/gone.yaml, which does not exist",
	},
	{"an anchor in a comment", "pkg/y.go", "package y // docs/b.md#none", "pkg/y.go:1: docs/b.md has no anchor #none"},
	{
		"an anchor in a text of Go", "pkg/y.go", "package y; var x = `docs/b.md#none`",
		"pkg/y.go:1: docs/b.md has no anchor #none",
	},
	{"a page in data", "pkg/y.json", `"docs/c.md#4.1"`, "pkg/y.json:1: docs/c.md does not exist"},
	{"a short form", "pkg/y.go", "package y // FACTS A3", `pkg/y.go:1: write "FACTS A3" as a path`},
	{
		"a short form behind a path", "pkg/y.go", "package y // docs/b.md#a3, A4",
		`pkg/y.go:1: write "docs/b.md#a3, A4" as a path`,
	},
	{"a paper outside", "pkg/y.go", "package y // ../shared/x", `pkg/y.go:1: write "../shared" as a path`},
	{"an anchor of a heading", "docs/a.md", "[b](b.md#how-long-and-why)", ""},
	{"an explicit anchor", "docs/a.md", "[b](b.md#a3) and `docs/b.md#a3`.", ""},
	{"a directory, and a pattern", "docs/a.md", "`pkg/x`, `pkg/x/`, `pkg/*/x.go`", ""},
	{"Go names that are there", "docs/a.md", "`x.Here`, `x.T.There`, `other.Gone`", ""},
	{"a function that is there", "docs/a.md", "`pkg/x/x.go:Here`, `pkg/x/x.go:T.There`", ""},
	{"a Go name behind a package", "pkg/y.go", "package y // see pkg/x.Here and pkg/x.", ""},
	{"an address on the internet", "docs/a.md", "[x](https://example.com/docs/none.md#x)", ""},
	{"an address of another repository", "docs/a.md", "[x]: https://example.com/other/blob/main/docs/none.md", ""},
	{
		"a citation beside an address", "docs/a.md", "(https://example.com/docs/x.md) docs/c.md",
		"docs/a.md:1: docs/c.md does not exist",
	},
	{"a link in a fence, or as code", "docs/a.md", "```\n[b](c.md)\n```\n`[b](c.md)`", ""},
}

// Each kind of wrong link or citation is found, and the right ones are not.
func TestEachKindOfWrongLinkIsFound(t *testing.T) {
	for _, c := range linkCases {
		problems, _, err := check(fstest.MapFS{
			c.file:       {Data: []byte(c.text)},
			"docs/b.md":  {Data: []byte("# B\n\n<a id=\"a3\"></a>\n\n## How long, and why?\n")},
			"pkg/x/x.go": {Data: []byte("package x\n\nfunc Here() {}\n\nfunc (t T) There() {}\n")},
		})
		got := strings.Join(problems, "; ")
		if err != nil || (c.want == "") != (got == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

// A decision that nobody can date, or of which nobody knows whether it holds, helps nobody.
func TestEveryDecisionHasADateAndAStatus(t *testing.T) {
	pages, err := fs.Glob(os.DirFS("."), "decisions/*.md")
	if err != nil || len(pages) < 12 {
		t.Fatalf("%d decisions, %v", len(pages), err)
	}
	head := regexp.MustCompile(`^# .+\n\nDate: \d{4}-\d\d-\d\d\. ` +
		`Status: (?:accepted|superseded by \[\d{4}\]\(.+\)|accepted, changed by \[\d{4}\]\(.+\))\.\n`)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil || !head.Match(text) {
			t.Errorf("%s: date and status do not follow the title as the other pages have them, %v", page, err)
		}
	}
}
