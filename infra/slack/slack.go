// Package slack holds the manifest of the Slack app.
package slack

import (
	_ "embed" // for Manifest
	"strings"
)

// manifest is as it stands in the repository, with places for the addresses.
//
//go:embed manifest.yaml
var manifest string

// Places of the manifest that take an address.
const (
	commands     = "{{COMMANDS_URL}}"
	interactions = "{{INTERACTIONS_URL}}"
	options      = "{{OPTIONS_URL}}"
)

// Manifest is the app's manifest, with the addresses of a stack. They are put
// between quotes as they are: whoever calls has checked them.
func Manifest(commandsURL, interactionsURL, optionsURL string) string {
	return strings.NewReplacer(commands, commandsURL, interactions, interactionsURL, options, optionsURL).Replace(manifest)
}
