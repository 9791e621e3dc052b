//go:build people

package main

const operatorsExitCodes = ""

// operatorsCommands are none in a program that was built for people.
func operatorsCommands() []command { return nil }
