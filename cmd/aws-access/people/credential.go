package people

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/home"
)

func credentialProcessCommand() Command {
	return Command{
		Name: "credential-process", Args: "ACCOUNT ROLE", About: "print keys for an AWS SDK", min: 2, max: 2,
		Details: `Prints the keys of a session as SDKs and the AWS CLI want them of a credential_process, and nothing else.
aws-access profiles --write makes the profiles that use it. Keys come from a cache until they are nearly
over, and then from the server; many programs at once cause one call.

Without a grant it asks by itself if --reason is given and the policy wants no approval: for an hour, or
for what the policy allows if that is less. The server decides that. It does not ask if the last grant was
given back or revoked; then ask with aws-access request. A request that is pending is waited for, at
most 45 seconds. Else it exits with 1, and the line on standard error says what to do.`,
		Examples: []Example{
			{"credential_process = /usr/local/bin/aws-access credential-process 111111111111 Operator",
				"a line of a profile in ~/.aws/config"},
			{"aws-access credential-process 111111111111 Deploy --as aws", "the keys of a machine, which are not cached"},
		},
		new: func() action { return &credentialProcess{} },
	}
}

// EndsAnywhere reports whether a signal can end a command at any time, without harm. SDKs start it again and
// again, and without a handler of signals it starts half a millisecond faster.
func EndsAnywhere(command string) bool { return command == "credential-process" }

// credentialProcess is "credential-process".
type credentialProcess struct {
	as       As
	reason   string
	lifetime time.Duration
}

func (c *credentialProcess) flags(f *flag.FlagSet) {
	f.StringVar(&c.reason, "reason", "", "`reason` to ask with, where the policy wants no approval")
	lifetimeFlag(f, &c.lifetime)
	c.as.flags(f)
}

// lifetimeFlag declares --lifetime.
func lifetimeFlag(f *flag.FlagSet, into *time.Duration) {
	f.DurationVar(into, "lifetime", 0, "say that the keys end after `20s` or so, if that is earlier")
}

// processTimeout is shorter than the minute after which SDKs kill the process (docs/facts.md#k7), so that
// its line about the cause is read.
const processTimeout = 57 * time.Second

func (c *credentialProcess) run(ctx context.Context, e *Env, words []string) error {
	if c.lifetime < 0 {
		return wrongUse("--lifetime must not be negative")
	}
	limited, cancel := context.WithTimeout(ctx, processTimeout)
	defer cancel()
	keys, err := e.Keys(limited, Target{
		Account: words[0], Role: words[1], Reason: c.reason, Lifetime: c.lifetime, As: c.as,
	})
	if err != nil {
		return keysError(err)
	}
	text, err := processOutput(keys)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(e.Stdout, "%s\n", text); err != nil {
		return fmt.Errorf("write the keys: %w", err)
	}
	return nil
}

// processOutput is what SDKs read (docs/facts.md#k12).
//
// It is one of the places that print keys.
func processOutput(keys home.Keys) ([]byte, error) {
	k := keys.Credentials
	return json.Marshal(struct { //nolint:gosec // this is what the command is for
		Version         int
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
		AccountID       string `json:"AccountId"`
	}{1, k.AccessKeyID, k.SecretKey.Reveal(), k.SessionToken.Reveal(), keys.End.UTC().Format(time.RFC3339), keys.Account})
}
