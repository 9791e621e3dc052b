//go:build !people

package main

import (
	"context"

	"github.com/aws-access/aws-access/cmd/aws-access/operators"
	"github.com/aws-access/aws-access/cmd/aws-access/people"
)

const operatorsExitCodes = "Of the operators' commands, " + operators.ExitCodes

func operatorsCommands() []command {
	var all []command
	for _, c := range operators.Commands() {
		all = append(all, command{c.Name, c.About, func(ctx context.Context, args []string, e *people.Env) int {
			return c.Run(ctx, args, e.Stdout, e.Stderr)
		}})
	}
	return all
}
