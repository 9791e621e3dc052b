// Package slack holds the manifest of the Slack app.
package slack

import (
	"cmp"
	_ "embed" // for Manifest
	"strings"
)

// manifest is as it stands in the repository, with places for the addresses.
//
//go:embed manifest.yaml
var manifest string

// Places of the manifest that take an address. Apps are made at the last one.
const (
	commands     = "{{COMMANDS_URL}}"
	interactions = "{{INTERACTIONS_URL}}"
	options      = "{{OPTIONS_URL}}"
	apps         = "{{APPS}}"
)

// Apps is where the apps of a host of Slack's are made: slack.com, or
// slack-gov.com; "" is slack.com.
func Apps(host string) string { return "api." + cmp.Or(host, "slack.com") + "/apps" }

// Manifest is the app's manifest for a host of Slack's, with the addresses of a
// stack. They are put in as they are: the caller has checked them.
func Manifest(host, commandsURL, interactionsURL, optionsURL string) string {
	places := []string{commands, commandsURL, interactions, interactionsURL, options, optionsURL, apps, Apps(host)}
	return strings.NewReplacer(places...).Replace(manifest)
}
