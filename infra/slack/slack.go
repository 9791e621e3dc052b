// Package slack holds the manifest of the Slack app: its command, scopes and
// addresses. It never calls Slack; an operator pastes the manifest there.
package slack

import (
	"cmp"
	_ "embed" // for Manifest
	"strings"
)

// manifest is the manifest of the repository, with placeholders for the addresses.
//
//go:embed manifest.yaml
var manifest string

// Placeholders of the manifest. The last one is the page on which apps are created.
const (
	commands     = "{{COMMANDS_URL}}"
	interactions = "{{INTERACTIONS_URL}}"
	options      = "{{OPTIONS_URL}}"
	apps         = "{{APPS}}"
)

// Apps returns the page on which apps are created, for the host slack.com or
// slack-gov.com; "" means slack.com.
func Apps(host string) string { return "api." + cmp.Or(host, "slack.com") + "/apps" }

// Manifest returns the app's manifest for a host of Slack, with the addresses of a
// stack. It inserts them unchanged: the caller must have checked them.
func Manifest(host, commandsURL, interactionsURL, optionsURL string) string {
	places := []string{commands, commandsURL, interactions, interactionsURL, options, optionsURL, apps, Apps(host)}
	return strings.NewReplacer(places...).Replace(manifest)
}
