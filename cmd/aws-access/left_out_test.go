//go:build people

package main

import (
	"testing"

	"github.com/aws-access/aws-access/cmd/aws-access/people"
)

func TestCommandOfOperatorsNamesItsProgram(t *testing.T) {
	for _, word := range leftOut {
		code, out, words := line(t, word)
		want := "aws-access: " + word + " is for operators; the program aws-access-operators of the same release has it\n"
		if code != people.ExitWrongUse || out != "" || words != want {
			t.Errorf("%s: ended with %d, %q, %q", word, code, out, words)
		}
	}
}
