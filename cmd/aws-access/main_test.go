package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/aws-access/people"
	"github.com/aws-access/aws-access/pkg/version"
)

// line runs a command line.
func line(t *testing.T, text string) (code int, stdout, stderr string) {
	t.Helper()
	var out, words bytes.Buffer
	code = run(t.Context(), strings.Fields(text), people.NewEnv(strings.NewReader(""), &out, &words))
	return code, out.String(), words.String()
}

func TestHelpListsEveryCommandAndThoseOfPeopleFirst(t *testing.T) {
	code, _, list := line(t, "")
	if code != people.ExitWrongUse {
		t.Errorf("without a command: %d", code)
	}
	for _, text := range []string{"help", "-h", "--help"} {
		if code, out, _ := line(t, text); code != people.ExitDone || out != list {
			t.Errorf("%s: ended with %d:\n%s", text, code, out)
		}
	}
	hidden := make(map[string]bool)
	for _, c := range people.Hidden() {
		hidden[c.Name] = true
	}
	last := 0
	for _, c := range commands() {
		at := strings.Index(list, "\n  "+c.name+" ")
		if hidden[c.name] {
			if at >= 0 {
				t.Errorf("help lists %s, which only exec runs", c.name)
			}
			continue
		}
		if at < last {
			t.Errorf("help does not list %s in its place:\n%s", c.name, list)
		}
		last = at
	}
}

func TestUnknownCommandIsOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"pol compile": `there is no command "pol"; aws-access help lists them`,
		"rquest":      `there is no command "rquest"; did you mean aws-access request? aws-access help lists them`,
		"credentials-process x": "there is no command \"credentials-process\"; did you mean aws-access credential-process? " +
			"aws-access help lists them",
		"help nothing": `there is no command "nothing"; aws-access help lists them`,
	} {
		code, out, words := line(t, text)
		if code != people.ExitWrongUse || out != "" || words != "aws-access: "+want+"\n" {
			t.Errorf("%s: ended with %d, %q, %q", text, code, out, words)
		}
	}
}

func TestHelpOfACommandIsThatOfItsFlag(t *testing.T) {
	for _, c := range commands() {
		code, out, words := line(t, c.name+" -h")
		if code != people.ExitDone || !strings.HasPrefix(out+words, "aws-access "+c.name) {
			t.Errorf("%s -h: ended with %d:\n%s%s", c.name, code, out, words)
		}
		if code, help, more := line(t, "help "+c.name); code != people.ExitDone || help != out+words || more != "" {
			t.Errorf("help %s: ended with %d:\n%s%s\nwant\n%s", c.name, code, help, more, out+words)
		}
	}
}

func TestVersionCanBeAskedForInThreeWays(t *testing.T) {
	for _, text := range []string{"version", "-version", "--version", "version -json"} {
		code, out, words := line(t, text)
		if code != people.ExitDone || words != "" || strings.Count(out, "\n") != 1 ||
			!strings.Contains(out, version.Own().Version) {
			t.Errorf("%s: ended with %d, %q, %q", text, code, out, words)
		}
	}
	for text, want := range map[string]string{"version more": `"more" is not a known argument`, "version -x": "-x"} {
		code, out, words := line(t, text)
		if code != people.ExitWrongUse || !strings.Contains(words, want) || out != "" {
			t.Errorf("%s: ended with %d, %q, want %q", text, code, words, want)
		}
	}
}
