package people

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/aws-access/aws-access/pkg/awsconfig"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

func profilesCommand() Command {
	return Command{
		Name: "profiles", About: "make profiles for the AWS CLI and SDKs",
		Details: `Prints a block for ~/.aws/config with a profile for each account and role that you may ask for and that
gives keys. With --write it puts the block into the file of AWS_CONFIG_FILE, or ~/.aws/config, in the place of the block
that it wrote before. Nothing outside the block is changed.

A profile is called ACCOUNT-ROLE. Every character but letters of ASCII, digits, _ . and - becomes a hyphen, and two
names that would be the same get the account's id. A profile of that name outside the block is an error. Keys of a
credentials file that an SDK would use instead of a profile are named.`,
		Examples: []Example{
			{"aws-access profiles --write", "writes the block"},
			{"aws --profile payments-prod-Operator s3 ls", "uses a profile; it renews by itself"},
			{"aws-access profiles --prefix corp. --write", "calls the profiles corp.payments-prod-Operator and so on"},
		},
		new: func() action { return &profiles{program: thisProgram, choices: askChoices} },
	}
}

// profiles is "profiles".
type profiles struct {
	write   bool
	prefix  string
	program func() (string, error)
	choices func(context.Context, *Env) (wire.Choices, error)
}

func (p *profiles) flags(f *flag.FlagSet) {
	f.BoolVar(&p.write, "write", false, "write the block into the file, and print nothing")
	f.StringVar(&p.prefix, "prefix", "", "`text` that begins the name of each profile")
}

// askChoices asks what the caller may ask for.
func askChoices(ctx context.Context, e *Env) (all wire.Choices, err error) {
	c, err := e.Client(ctx, As{})
	if err != nil {
		return all, err
	}
	answer, err := c.Do(ctx, wire.Payload{Op: wire.Options})
	if err != nil {
		return all, err
	}
	return all, answer.Decode(&all)
}

func (p *profiles) run(ctx context.Context, e *Env, _ []string) error {
	if err := awsconfig.CheckPrefix(p.prefix); err != nil {
		return wrongUse("%v", err)
	}
	config, credentials, err := configPaths(e.Getenv)
	if err != nil {
		return err
	}
	all, err := p.choices(ctx, e)
	if err != nil {
		return err
	}
	made, block, err := p.block(all)
	if err != nil {
		return p.failed(e, err)
	}
	if p.write {
		err = p.writeBlock(ctx, e, config, block, len(made))
	} else {
		err = printBlock(e, config, block)
	}
	if err != nil {
		return p.failed(e, err)
	}
	e.warnOfShadows(credentials, made)
	return nil
}

// failed says what has to be done on this computer before there can be profiles.
func (p *profiles) failed(e *Env, err error) error {
	e.say("aws-access profiles: %v", err)
	return Exit(ExitRefused)
}

// block makes the block; it is empty if there are no profiles.
func (p *profiles) block(all wire.Choices) ([]awsconfig.Profile, []byte, error) {
	var targets []awsconfig.Target
	for _, account := range all.Accounts {
		for _, role := range account.Roles {
			if role.Keys {
				targets = append(targets, awsconfig.Target{Account: account.ID, Name: account.Name, Role: role.Name,
					Region: account.Region})
			}
		}
	}
	made, err := awsconfig.Profiles(p.prefix, targets)
	if err != nil || len(made) == 0 {
		return nil, nil, err
	}
	program, err := p.program()
	if err != nil {
		return nil, nil, err
	}
	block, err := awsconfig.Block(made, program, runtime.GOOS)
	return made, block, err
}

func (p *profiles) writeBlock(ctx context.Context, e *Env, path string, block []byte, n int) error {
	changed, err := awsconfig.Write(ctx, path, block)
	switch {
	case err != nil:
		return err
	case n == 0:
		e.say("You may ask for no role that gives keys, so %s has no profiles.", path)
	case changed:
		e.say("Wrote %d profiles into %s.", n, path)
	default:
		e.say("%s has these %d profiles already.", path, n)
	}
	if dir := e.Getenv(home.Variable); dir != "" && n > 0 {
		e.say("The profiles need %s=%s, as now.", home.Variable, dir)
	}
	return nil
}

// printBlock prints the block, and says what would keep it from being written.
func printBlock(e *Env, path string, block []byte) error {
	if len(block) == 0 {
		e.say("You may ask for no role that gives keys.")
		return nil
	}
	if _, err := e.Stdout.Write(block); err != nil {
		return fmt.Errorf("write the block: %w", err)
	}
	text, err := awsconfig.Read(path)
	if err != nil {
		return err
	}
	if _, err := awsconfig.Replace(text, block); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// warnOfShadows names what an SDK would use instead of the profiles.
func (e *Env) warnOfShadows(path string, made []awsconfig.Profile) {
	text, err := awsconfig.Read(path)
	if err != nil {
		e.say("Not checked whether other keys would be used instead: %v", err)
	}
	for _, s := range awsconfig.Shadows(text, made) {
		e.say("%s", s.String(path))
	}
	if len(made) > 0 && e.Getenv("AWS_ACCESS_KEY_ID") != "" {
		e.say("AWS_ACCESS_KEY_ID is set in this shell: it is used instead of AWS_PROFILE, but not of --profile.")
	}
}

// configPaths are the files of AWS's SDKs.
func configPaths(getenv func(string) string) (config, credentials string, err error) {
	dir, err := os.UserHomeDir()
	if err != nil {
		return "", "", fmt.Errorf("find ~/.aws: %w; set AWS_CONFIG_FILE to a path", err)
	}
	path := func(variable, name string) string {
		value := getenv(variable)
		if rest, ok := strings.CutPrefix(value, "~/"); ok {
			return filepath.Join(dir, rest)
		}
		if value != "" {
			return value
		}
		return filepath.Join(dir, ".aws", name)
	}
	return path("AWS_CONFIG_FILE", "config"), path("AWS_SHARED_CREDENTIALS_FILE", "credentials"), nil
}
