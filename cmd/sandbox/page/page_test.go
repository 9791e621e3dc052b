package page

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// sources are the served files, by name.
func sources(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	entries, err := fs.ReadDir(Files, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := Files.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		found[e.Name()] = string(text)
	}
	return found
}

// The page loads only files that the sandbox serves.
func TestPageLoadsOnlyServedFiles(t *testing.T) {
	loads := regexp.MustCompile(`(?:src|href)="([^"#]+)"|(?:from|import) "([^"]+)"|src: "([^"]+)"|url\(([^)]*)\)`)
	served := sources(t)
	count := 0
	for name, text := range served {
		for _, m := range loads.FindAllStringSubmatch(text, -1) {
			count++
			file := strings.TrimPrefix(m[1]+m[2]+m[3]+m[4], "./")
			if _, ok := served[file]; !ok {
				t.Errorf("%s loads %q, which the sandbox does not serve", name, file)
			}
		}
	}
	if count < 20 {
		t.Errorf("found %d loads, want at least 20: the expression does not find them any more", count)
	}
}

// The page uses nothing that its Content-Security-Policy would block, and nothing
// that could turn text into markup or code if there were no such policy.
func TestPageNeverTurnsTextIntoMarkupOrCode(t *testing.T) {
	forbidden := []struct{ files, what, pattern string }{
		{`\.js$`, "parses HTML", `innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|` +
			`createContextualFragment|setHTMLUnsafe|srcdoc`},
		{`\.js$`, "runs text as code", `\beval\(|new Function|set(Timeout|Interval)\(\s*["'` + "`" + `]|import\(`},
		{`\.js$`, "sets a handler or style as an attribute", `setAttribute\(\s*["'](on|style)|\.on[a-z]+\s*=[^=]`},
		{`\.html$`, "holds an inline script, handler or style", `<style|<script[^>]*>[^<]|\son[a-z]+=|\sstyle=|javascript:`},
		{`\.(js|css|html)$`, "names another host", `(?:https?:)?//(?:[a-z0-9-]+\.)+[a-z]{2,}`},
		{`\.(js|css|html)$`, "holds a data: address", `["'(]data:[a-z]+/`},
	}
	allowed := strings.NewReplacer(`"http://www.w3.org/2000/svg"`, `""`) // a namespace, never loaded
	for name, text := range sources(t) {
		for _, f := range forbidden {
			if !regexp.MustCompile(f.files).MatchString(name) {
				continue
			}
			if got := regexp.MustCompile(f.pattern).FindString(allowed.Replace(text)); got != "" {
				t.Errorf("%s %s: %q", name, f.what, got)
			}
		}
	}
}

// An emoji that a message of the product has is shown, and not its name.
func TestPageKnowsTheEmojiOfTheProduct(t *testing.T) {
	known := sources(t)["emoji.js"]
	names := map[string]bool{}
	files, err := filepath.Glob("../../../pkg/slackui/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`["\s(]:([a-z0-9_+-]+):["\s)]`).FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
	}
	for name := range names {
		if !regexp.MustCompile(`[\s{]"?` + regexp.QuoteMeta(name) + `"?: "`).MatchString(known) {
			t.Errorf("emoji.js does not know :%s:", name)
		}
	}
	if len(names) < 5 {
		t.Errorf("found %d names, want at least 5: the expression does not find them any more", len(names))
	}
}
