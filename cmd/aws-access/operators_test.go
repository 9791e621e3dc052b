//go:build !people

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/aws-access/people"
)

func TestFirstWordOfACommandNamesTheWholeCommand(t *testing.T) {
	for _, text := range []string{"policy", "policy file.yaml", "help policy"} {
		code, _, words := line(t, text)
		want := "aws-access: there is no command \"policy\"; did you mean aws-access policy compile?\n"
		if code != people.ExitWrongUse || words != want {
			t.Errorf("%s: ended with %d, %q", text, code, words)
		}
	}
}

// A program without the operators' commands says where they are.
func TestCommandsThatPeopleMissAreThoseOfOperators(t *testing.T) {
	var words []string
	for _, c := range operatorsCommands() {
		first, _, _ := strings.Cut(c.name, " ")
		words = append(words, first)
	}
	if !slices.Equal(words, leftOut[:]) {
		t.Errorf("operators have %v, left out are %v", words, leftOut)
	}
}
