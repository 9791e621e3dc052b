package operators

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
)

// place says where the tables are. The commands that write them need nothing else: neither Slack
// nor a function of the stack.
type place struct {
	stack, region  string
	table, devices string
	yes            bool
}

// flags adds the flags of the place to those of a command.
func (p *place) flags(f *flag.FlagSet) {
	f.StringVar(&p.stack, "stack", "aws-access", "`name` of the stack, whose outputs name the tables")
	f.StringVar(&p.region, "region", "", "AWS `region` of the stack; the shell's own if empty")
	f.StringVar(&p.table, "table", "", "`name` of the table, instead of asking the stack (its output Table)")
	f.BoolVar(&p.yes, "yes", false, "do not ask before it is done")
}

// wrong says what is wrong with the place; "" for nothing.
func (p *place) wrong(f *flag.FlagSet) string {
	switch {
	case !stackName.MatchString(p.stack):
		return "--stack needs the name of a CloudFormation stack"
	case !regionForm.MatchString(p.region):
		return "--region needs a region such as eu-west-1"
	case isEmpty(f, "table"):
		return "--table is empty; give the name of a table, or leave --table out"
	}
	return ""
}

// tableCommand is the command line of a command that writes the tables.
type tableCommand struct {
	*flag.FlagSet
	*place
	stdout, stderr io.Writer
	arguments      int // how many it takes at the most
}

func newTableCommand(name string, p *place, stdout, stderr io.Writer) *tableCommand {
	c := &tableCommand{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError), place: p, stdout: stdout, stderr: stderr}
	p.flags(c.FlagSet)
	return c
}

// run reads the command line, and runs do on the tables. wrong says what is wrong with the flags of
// the command, "" for nothing; do returns whether it did everything.
func (c *tableCommand) run(
	ctx context.Context, about string, args []string, wrong func() string, do func(*operation) (bool, error),
) int {
	if code, ok := parsed(c.FlagSet, about, args, c.stderr); !ok {
		return code
	}
	why := cmp.Or(c.wrong(c.FlagSet), wrong())
	if c.NArg() > c.arguments {
		why = "it does not take the argument " + inOneLine(c.Arg(c.arguments))
	}
	if why != "" {
		printf(c.stderr, "%s: %s; see %s -h\n", c.Name(), strings.TrimRight(why, "."), c.Name())
		return exitUsage
	}
	o, err := c.open(ctx, os.Stdin, c.stdout, c.stderr)
	if err != nil {
		printf(c.stderr, "%s: %s\n", c.Name(), plainError(err))
		return exitUsage
	}
	done, err := do(o)
	if err != nil {
		printf(c.stderr, "%s: %s\n", c.Name(), o.explain(err))
	}
	if err != nil || !done {
		return exitProblem
	}
	return exitOK
}

// wrongReason says what is wrong with the reason that a flag gives; "" for nothing.
func wrongReason(name, why string) string {
	if err := access.CheckWhy(why); err != nil {
		return "give " + name + ": " + plainError(err)
	}
	return ""
}

// operation is what the commands that write the tables have in common.
type operation struct {
	step   lifecycle.Operator
	store  *dynamo.Store
	table  string
	region string
	yes    bool
	in     io.Reader // where the answer comes from
	out    io.Writer // what was done
	words  io.Writer // questions and errors
	pause  func(ctx context.Context, d time.Duration) error
}

// open finds the tables, and who acts: the identity of this shell's credentials at AWS.
func (p *place) open(ctx context.Context, in io.Reader, out, words io.Writer) (*operation, error) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	c, err := loadAWS(ctx, p.region)
	if err != nil {
		return nil, err
	}
	if p.table == "" {
		s, err := describe(ctx, cloudformation.NewFromConfig(c), p.stack, c.Region)
		if err != nil {
			return nil, fmt.Errorf("%w. With --table no stack is needed", err)
		}
		outputs := outputsOf(s)
		if p.table = outputs["Table"]; p.table == "" {
			return nil, fmt.Errorf("the stack %s has no output Table, so it is not aws-access; give the table with --table",
				p.stack)
		}
		if p.devices == "" {
			p.devices = outputs["DevicesTable"]
		}
	}
	by, err := identity(ctx, c)
	if err != nil {
		return nil, err
	}
	table := dynamo.New(dynamodb.NewFromConfig(c), p.table, time.Now)
	if p.devices != "" && p.devices != noDevices {
		table = table.WithDevices(p.devices)
	}
	return newOperation(*p, table, by, c.Region, in, out, words), nil
}

func newOperation(
	p place, table *dynamo.Store, by access.Person, region string, in io.Reader, out, words io.Writer,
) *operation {
	step := lifecycle.Step{Store: table, Roster: lifecycle.Roster{Now: time.Now}, Now: time.Now}
	return &operation{
		step: lifecycle.Operator{Step: step, Freezes: table, By: by}, store: table, table: p.table, region: region,
		yes: p.yes, in: in, out: out, words: words,
		pause: func(ctx context.Context, d time.Duration) error {
			if !pause(ctx, d) {
				return ctx.Err()
			}
			return nil
		},
	}
}

// identity is the actor of what an operator does: the identity of the shell's credentials, as AWS
// says it. The name is its last part, which for a role is the name of the session. It is a member
// because anyone who may write the table needs no permission of the product.
func identity(ctx context.Context, c aws.Config) (access.Person, error) {
	out, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return access.Person{}, fmt.Errorf("ask AWS who acts (sts:GetCallerIdentity): %w", awsMessage(err))
	}
	arn := str(out.Arn)
	if arn == "" {
		return access.Person{}, errors.New("ask AWS who acts (sts:GetCallerIdentity): its answer names nobody")
	}
	name := arn[strings.LastIndexAny(arn, "/:")+1:]
	return access.Person{ID: arn, Name: name + " (operator)", Membership: access.Member}, nil
}

// agreed asks a question, and reports whether the answer is yes. Without a terminal, and with no
// answer, it is no.
func (o *operation) agreed(question string) bool {
	if o.yes {
		return true
	}
	printf(o.words, "%s Type yes: ", question)
	answer, _ := bufio.NewReader(o.in).ReadString('\n') // with an error it is shorter
	if strings.TrimSpace(answer) == "yes" {
		return true
	}
	printf(o.words, "\nNothing was done. Type yes when it asks, or give --yes.\n")
	return false
}

// explain is the text of an error, with what an operator can do about it.
func (o *operation) explain(err error) string {
	var gone *types.ResourceNotFoundException
	switch {
	case errors.As(err, &gone):
		return fmt.Sprintf("there is no table %s with the indexes of aws-access in %s", o.table, o.region)
	case denied(err):
		return "this shell's credentials may not do this: " + plainError(awsMessage(err)) +
			". docs/deploy.md, In an emergency, has the permissions"
	case len(access.Refusals(err)) > 0:
		return plainError(err)
	}
	return plainError(shortest(err))
}

// shortest is AWS's own message if there is one, without the chain of calls of the SDK.
func shortest(err error) error {
	if codeOf(err) != "" {
		return awsMessage(err)
	}
	return err
}

// inOneLine is text of the table for a terminal: names come from Slack, and a reason from anybody.
func inOneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// number writes a count with its noun.
func number(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// numberOrNo is number that writes "no" for 0.
func numberOrNo(n int, one string) string {
	if n == 0 {
		return "no " + one
	}
	return number(n, one)
}

// inASentence joins parts with commas and "and".
func inASentence(parts []string) string {
	last := len(parts) - 1
	if last < 1 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}
