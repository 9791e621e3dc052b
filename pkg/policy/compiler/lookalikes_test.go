package compiler

import (
	"fmt"
	"strings"
	"testing"
)

func TestManyLookalikesNeedFewWarnings(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 1\nsettings: {channel: C0A, responders: [U0A]}\nroles: {A: {}}\n" +
		"rules: [{name: a, who: [everyone], accounts: [\"*\"], roles: [A], max: 1h, approvals: none}]\naccounts:\n")
	for i := range 200 {
		name := ""
		for bit := range 8 { // each of eight letters is Latin or Cyrillic
			name += string([]rune("aа")[i>>bit&1])
		}
		fmt.Fprintf(&b, "  - {id: \"%012d\", name: %s}\n", i+1, name)
	}
	p, warnings, err := Compile("policy.yaml", []byte(b.String()), Options{})
	if p == nil || err != nil {
		t.Fatal(err)
	}
	if len(warnings) != maxLookalikes+1 || !strings.HasPrefix(warnings[maxLookalikes].Text,
		"189 more accounts have names that look alike; ") {
		t.Errorf("got %d warnings, the last one %q; want %d, the last one for 189 more accounts", len(warnings),
			warnings[len(warnings)-1].Text, maxLookalikes+1)
	}
	size := 0
	for _, w := range warnings {
		size += len(w.Error())
	}
	if size > 4000 {
		t.Errorf("the warnings have %d bytes", size)
	}
}
