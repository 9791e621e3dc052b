package operators

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/policy/packed"
)

const aboutCompile = `aws-access policy compile [--bastion ID] [-o policy.compiled] [policy.yaml]

Compiles the policy file, and the file that its accounts_from names, into the
form that the functions load. Each mistake is one line on standard error:
policy.yaml:LINE:COL: what is wrong; what to write instead. If there is a mistake,
then an older compiled policy is removed, so that nobody deploys it.

`

// compilePolicy is "policy compile".
func compilePolicy(_ context.Context, args []string, stdout, stderr io.Writer) int {
	var job compilation
	flags := flag.NewFlagSet("aws-access policy compile", flag.ContinueOnError)
	flags.StringVar(&job.bastion, "bastion", "",
		"`id` of the account that the functions run in, which cannot be a target; the functions check it again")
	flags.StringVar(&job.into, "o", "policy.compiled", "`file` to write")
	if code, ok := parsed(flags, aboutCompile, args, stderr); !ok {
		return code
	}
	switch {
	case isEmpty(flags, "bastion"):
		printf(stderr, "aws-access policy compile: --bastion is empty; give the account id of twelve digits of the bastion, "+
			"or leave --bastion out\n")
		return exitUsage
	case flags.NArg() > 1 || !bastionID.MatchString(job.bastion):
		printf(stderr, "aws-access policy compile: --bastion needs an account id of twelve digits, and there can be only "+
			"one policy file\n")
		return exitUsage
	}
	job.from = "policy.yaml"
	if flags.NArg() == 1 {
		job.from = flags.Arg(0)
	}
	p, err := job.run(stderr)
	if err != nil {
		printf(stderr, "%v\n", err)
		return exitProblem
	}
	printf(stdout, "%s: %v\n", job.into, p)
	return exitOK
}

var bastionID = regexp.MustCompile(`^([0-9]{12})?$`)

// compilation compiles the file from into the file into.
type compilation struct{ from, into, bastion string }

// run writes the compiled policy, or removes an older one: people who deploy without looking at the
// result of the build must not deploy yesterday's policy.
func (c compilation) run(stderr io.Writer) (*policy.Policy, error) {
	if err := c.checkOverwrite(); err != nil {
		return nil, err
	}
	p, err := c.compile(stderr)
	if err == nil {
		err = write(c.into, p.Packed())
	}
	if err != nil {
		if gone := os.Remove(c.into); gone != nil && !errors.Is(gone, os.ErrNotExist) {
			err = fmt.Errorf("%w\naws-access: the old compiled policy could not be removed: %w", err, gone)
		}
		return nil, err
	}
	return p, nil
}

// checkOverwrite refuses to overwrite a file that this command did not make, such as a policy file
// if the two names were swapped, or a device such as /dev/null, which a rename would replace.
func (c compilation) checkOverwrite() error {
	if is, err := os.Stat(c.into); err == nil && !is.Mode().IsRegular() {
		return fmt.Errorf("aws-access: %s is not a regular file, so it is not replaced; choose another file with -o", c.into)
	}
	before, err := os.ReadFile(c.into)
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && len(before) == 0:
		return nil
	case err != nil:
		return fmt.Errorf("aws-access: overwrite %s: %w", c.into, err)
	}
	if _, err := packed.Load(before, ""); errors.Is(err, packed.ErrNotCompiled) {
		return fmt.Errorf("aws-access: %s exists and is not a compiled policy, so it is not overwritten; choose another "+
			"file with -o", c.into)
	}
	return nil
}

// compile compiles the policy, and loads the result as the functions will.
func (c compilation) compile(stderr io.Writer) (*policy.Policy, error) {
	src, err := os.ReadFile(c.from)
	if err != nil {
		return nil, fmt.Errorf("aws-access: read the policy: %w", err)
	}
	o := compiler.Options{Bastion: c.bastion, Now: time.Now(), Read: os.ReadFile}
	p, warnings, err := compiler.Compile(c.from, src, o)
	for _, w := range warnings {
		w.Text = "warning: " + w.Text
		printf(stderr, "%v\n", w)
	}
	if err != nil {
		return nil, err
	}
	if _, err := packed.Load(p.Packed(), c.bastion); err != nil {
		return nil, fmt.Errorf("aws-access: %s compiles, but the result does not load, which is a bug in this program: %w",
			c.from, err)
	}
	return p, nil
}

// write replaces a file in one step: a reader gets either the whole old file or the whole new one.
func write(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("aws-access: write %s: %w", name, err)
	}
	_, err = f.Write(text)
	// Lambda runs the function as another user than the one who builds it.
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("aws-access: write %s: %w", name, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
