package operators

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/aws-access/aws-access/infra/slack"
)

const aboutManifest = `aws-access manifest [--stack aws-access] [--region R]
aws-access manifest --url https://… [--slack-host slack-gov.com]

Prints the manifest of the Slack app, with the addresses of the stack filled in:
paste it at api.slack.com/apps (GovSlack: api.slack-gov.com/apps), Create New
App, From a manifest. With --url it does not ask the stack: give the address of
the API (the stack's CommandsUrl without /slack/commands), or of a custom domain
in front of it, with its base path.

`

// manifestMain is "manifest".
func manifestMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("aws-access manifest", flag.ContinueOnError)
	stack := flags.String("stack", "aws-access", "`name` of the stack")
	region := flags.String("region", "", "AWS `region` of the stack; the shell's own if empty")
	base := flags.String("url", "", "`address` of the API, instead of asking the stack")
	host := flags.String("slack-host", "", "slack.com or slack-gov.com, with --url; else the `host` is the stack's")
	if code, ok := parsed(flags, aboutManifest, args, stderr); !ok {
		return code
	}
	if flags.NArg() > 0 || !stackName.MatchString(*stack) || !regionForm.MatchString(*region) {
		printf(stderr, "aws-access manifest: --stack needs the name of a stack, --region a region such as eu-west-1, "+
			"and there are no other arguments; see aws-access manifest -h\n")
		return exitUsage
	}
	if !slackHost.MatchString(*host) || *host != "" && *base == "" {
		printf(stderr, "aws-access manifest: --slack-host needs slack.com or slack-gov.com, and can be used with "+
			"--url only\n")
		return exitUsage
	}
	api := strings.TrimSuffix(strings.TrimRight(*base, "/"), "/slack/commands")
	addresses := [3]string{api + "/slack/commands", api + "/slack/interactions", api + "/slack/options"}
	if *base == "" {
		var err error
		if addresses, *host, err = addressesOf(ctx, *stack, *region); err != nil {
			printf(stderr, "aws-access manifest: %s\n", plainError(err))
			return exitUsage
		}
	}
	for _, address := range addresses {
		if !publicAddress(address) {
			printf(stderr, "aws-access manifest: Slack cannot call the address %q; give https://, a host and at most a path "+
				"(http:// only for this computer)\n", address)
			return exitUsage
		}
	}
	printf(stdout, "%s", slack.Manifest(*host, addresses[0], addresses[1], addresses[2]))
	return exitOK
}

var slackHost = regexp.MustCompile(`^(slack(-gov)?\.com)?$`)

// plainAddress matches addresses that cannot end a YAML string or begin another
// line.
var plainAddress = regexp.MustCompile(`^[a-zA-Z0-9._~:/\[\]-]+$`)

// publicAddress reports whether an address may stand in the manifest.
func publicAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && safeAddress(address) && plainAddress.MatchString(address) && u.RawQuery == "" &&
		u.Fragment == "" && len(address) <= 3000
}

// addressesOf asks the stack for its public addresses, and where its Slack is.
func addressesOf(ctx context.Context, stack, region string) (found [3]string, host string, err error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	c, err := loadAWS(ctx, region)
	if err != nil {
		return found, "", err
	}
	s, err := describe(ctx, cloudformation.NewFromConfig(c), stack, c.Region)
	if err != nil {
		return found, "", err
	}
	outputs := outputsOf(s)
	for i, output := range routes {
		if found[i] = outputs[output]; found[i] == "" {
			return found, "", fmt.Errorf("the stack %s has no output %s, so it is not aws-access, or its deployment "+
				"never finished", stack, output)
		}
	}
	if host = outputs["SlackHost"]; !slackHost.MatchString(host) {
		return found, "", fmt.Errorf("the output SlackHost of the stack %s is neither slack.com nor slack-gov.com", stack)
	}
	return found, host, nil
}
