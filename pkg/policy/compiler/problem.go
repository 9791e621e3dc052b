package compiler

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with a policy file, or that deserves a second look.
type Problem struct {
	File string // as given to Compile, or the path of the file of accounts_from
	Line int    // from 1
	Col  int    // from 1, in characters
	Text string // "what is wrong; what to write instead"
}

// Error returns the problem as one line: "policy.yaml:3:7: what is wrong; what to write instead".
func (p Problem) Error() string {
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col) + ": " + p.Text
}

// Problems is everything that is wrong with a policy file, in the order of its lines.
type Problems []Problem

// Error returns one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

func sortProblems(all []Problem) {
	slices.SortStableFunc(all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
}
