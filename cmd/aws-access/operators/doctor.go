package operators

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go/logging"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/policy/packed"
	"github.com/aws-access/aws-access/pkg/version"
)

const aboutDoctor = `aws-access doctor [--stack aws-access] [--region R] [--policy policy.yaml]
                  [--only stack|slack|accounts] [--accounts PATTERN] [--build DIR] [--json]
aws-access doctor --rights [--ping] [--stack aws-access]

Checks a deployment: the stack, Slack, and every role in every account of the
deployed policy. It assumes no role itself. It asks the deployed vend function,
which assumes each role with a session policy that denies everything, discards the
credentials, and answers with codes. CloudTrail shows each of these tests with the
source identity aws-access-doctor and the session name aws-access-doctor-…. Some
tests leave one of these out on purpose, to see that AWS refuses them. The cut
function writes the policy aws-access-check into one role of each account, which
denies nobody anything, and takes it away again, to see that it could cut sessions.

Doctor downloads the code of each function and shows its version. --build compares
the programs, byte for byte, with your own build (DIR is bin after make build) or with
an unpacked release. DIR contains slack/bootstrap, vend/bootstrap and so on.

--rights prints the IAM policy that you need to run doctor. With --ping it includes
the right to read the signing secret; a person with that secret can approve any
request in anybody's name. Without that right doctor sends no signed ping. Type
/aws-access help in Slack instead: an answer proves the same.

Exit status: 0 if there are no problems (there may be warnings), 1 if there are
problems, 2 if doctor could not run, and 3 if it found no problem but could not
check everything.

`

// exitUnchecked means that doctor found nothing wrong and could not check everything.
const exitUnchecked = 3

// The parts that doctor checks.
const (
	inStack    = "stack"
	inSlack    = "slack"
	inAccounts = "accounts"
)

// examination holds the arguments of the command line.
type examination struct {
	stack, region, policy, only, accounts string
	build                                 string // directory of a build
	json, rights, ping                    bool
	rest                                  time.Duration // before roles without an answer are tested again
}

// doctorMain is "doctor".
func doctorMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	e, code := readExamination(args, stderr)
	switch {
	case code != exitOK || e == nil:
		return code
	case e.rights:
		printf(stdout, "%s", rights(e.stack, e.ping))
		return exitOK
	}
	ctx, stop := context.WithTimeout(ctx, totalTimeout)
	defer stop()
	d, err := newDoctor(ctx, *e, stderr)
	if err == nil {
		err = d.examine(ctx)
	}
	if err != nil {
		printf(stderr, "aws-access doctor: %s\n", plainError(err))
		return exitUsage
	}
	if e.json {
		d.report.writeJSON(stdout)
	} else {
		d.report.write(stdout)
	}
	return d.report.exit()
}

var (
	stackName  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,127}$`)
	regionForm = regexp.MustCompile("^(" + access.RegionPattern + ")?$")
)

// readExamination reads the command line; nil with fine means that help was
// asked for.
func readExamination(args []string, stderr io.Writer) (*examination, int) {
	e := new(examination)
	flags := flag.NewFlagSet("aws-access doctor", flag.ContinueOnError)
	flags.StringVar(&e.stack, "stack", "aws-access", "`name` of the stack")
	flags.StringVar(&e.region, "region", "", "AWS `region` of the stack; the shell's own if empty")
	flags.StringVar(&e.policy, "policy", "", "policy `file`, or compiled policy, that should be deployed")
	flags.StringVar(&e.only, "only", "", "`part` to look at: stack, slack or accounts")
	flags.StringVar(&e.accounts, "accounts", "",
		"`names` or ids of the accounts to check, separated by commas; * matches any text")
	flags.StringVar(&e.build, "build", "", "`directory` of a build or release; compare the deployed functions with it")
	flags.BoolVar(&e.json, "json", false, "one JSON object instead of text")
	flags.BoolVar(&e.rights, "rights", false, "print the IAM policy that you need to run doctor")
	flags.BoolVar(&e.ping, "ping", false,
		"with --rights: include the right to read the signing secret, with which one can approve anything in anybody's name")
	flags.DurationVar(&e.rest, "rest", 3*time.Second,
		"`duration` before AWS is asked again about roles that it gave no answer for; it doubles each time")
	if code, ok := parsed(flags, aboutDoctor, args, stderr); !ok {
		return nil, code
	}
	switch {
	case flags.NArg() > 0:
		printf(stderr, "aws-access doctor: %q is not a known argument; see aws-access doctor -h\n", flags.Arg(0))
	case e.ping && !e.rights:
		printf(stderr, "aws-access doctor: --ping can be used with --rights only\n")
	case !stackName.MatchString(e.stack):
		printf(stderr, "aws-access doctor: --stack needs the name of a CloudFormation stack\n")
	case !regionForm.MatchString(e.region):
		printf(stderr, "aws-access doctor: --region needs a region such as eu-west-1\n")
	case !slices.Contains([]string{"", inStack, inSlack, inAccounts}, e.only):
		printf(stderr, "aws-access doctor: --only needs stack, slack or accounts\n")
	case isEmpty(flags, "build"):
		printf(stderr, "aws-access doctor: --build is empty; give the directory of make build (bin) or of an unpacked "+
			"release, or leave --build out\n")
	case isEmpty(flags, "policy"):
		printf(stderr, "aws-access doctor: --policy is empty; give a policy file, or leave --policy out\n")
	case e.build != "" && e.only != "" && e.only != inStack:
		printf(stderr, "aws-access doctor: --build compares the functions, so it needs --only stack, or no --only\n")
	case !validPatterns(e.accounts):
		printf(stderr, "aws-access doctor: --accounts needs names or ids of accounts, in which * matches any text\n")
	default:
		return e, exitOK
	}
	return nil, exitUsage
}

func validPatterns(list string) bool {
	for pattern := range strings.SplitSeq(list, ",") {
		if _, err := path.Match(pattern, ""); err != nil {
			return false
		}
	}
	return true
}

// doctor checks one deployment.
type doctor struct {
	examination
	cfn      *cloudformation.Client
	lambda   *lambda.Client
	ssm      *ssm.Client
	http     *http.Client
	now      func() time.Time
	progress func(done, total int)
	given    *policy.Policy              // of --policy, else nil
	builds   map[config.Function]program // of --build, else nil
	own      version.Build               // of this command
	report   *report

	found deployment
	skew  time.Duration // of the function's clock against this computer's
}

// Timeouts of a whole run, of one call of AWS, and of one ping. Vend's own timeout
// is 30 s.
const (
	totalTimeout = 20 * time.Minute
	callTimeout  = 45 * time.Second
	pingTimeout  = 15 * time.Second
)

// loadAWS loads the shell's AWS configuration, for a region, or for the shell's own
// region if that is "".
func loadAWS(ctx context.Context, region string) (aws.Config, error) {
	c, err := awsconfig.LoadDefaultConfig(
		ctx,
		awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(callTimeout)),
		awsconfig.WithRegion(region),
		awsconfig.WithLogger(logging.Nop{}), // its warnings are about its own ways to find credentials
	)
	switch {
	case err != nil:
		return c, fmt.Errorf("load the AWS configuration: %w", err)
	case c.Region == "":
		return c, errors.New("no AWS region is set; give one with --region")
	}
	return c, nil
}

func newDoctor(ctx context.Context, e examination, stderr io.Writer) (*doctor, error) {
	c, err := loadAWS(ctx, e.region)
	if err != nil {
		return nil, err
	}
	e.region = c.Region
	d := &doctor{
		examination: e, cfn: cloudformation.NewFromConfig(c), lambda: lambda.NewFromConfig(c), ssm: ssm.NewFromConfig(c),
		http: pingClient(), now: time.Now, progress: progressOn(stderr), own: version.Own(),
		report: &report{Stack: e.stack, Region: c.Region},
	}
	if e.policy != "" {
		d.given, err = readPolicy(e.policy)
	}
	if e.build != "" && err == nil {
		d.builds, err = loadBuilds(e.build)
	}
	return d, err
}

// readPolicy reads a policy file or a compiled policy.
func readPolicy(name string) (*policy.Policy, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	if p, err := packed.Load(src, ""); err == nil {
		return p, nil
	} else if !errors.Is(err, packed.ErrNotCompiled) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p, _, err := compiler.Compile(name, src, compiler.Options{Now: time.Now(), Read: os.ReadFile})
	return p, err
}

// progressOn writes the progress to a terminal, and nothing to a file.
func progressOn(w io.Writer) func(done, total int) {
	f, ok := w.(*os.File)
	if !ok {
		return func(int, int) {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(int, int) {}
	}
	return func(done, total int) {
		printf(f, "\r%d of %d roles", done, total)
		if done == total {
			printf(f, "\r\x1b[K")
		}
	}
}

// wants reports whether a part is to be checked.
func (d *doctor) wants(part string) bool { return d.only == "" || d.only == part }

// examine runs all requested checks. An error means that doctor could not begin;
// later failures are findings.
func (d *doctor) examine(ctx context.Context) error {
	if err := d.findStack(ctx); err != nil {
		return err
	}
	if d.wants(inStack) {
		d.checkStack()
		d.checkFunctions()
		d.checkCode(ctx)
		d.checkStreams(ctx)
		d.checkOrders(ctx)
		d.checkWaysIntoVend(ctx)
		d.checkSecrets(ctx)
	}
	inner := d.askStack(ctx)
	if inner != nil && d.wants(inStack) {
		d.checkInner(inner)
		d.checkCalls(ctx, inner)
	}
	if d.wants(inSlack) {
		d.checkPing(ctx, inner)
		if inner != nil {
			d.checkGroups(inner)
			d.checkPeople(inner)
		}
		d.checkSlack(ctx)
	}
	if d.wants(inAccounts) {
		return d.checkRoles(ctx)
	}
	return nil
}

// plainError is the text of an error without control characters, which a terminal
// would obey. It replaces the SDK's error about missing credentials by one that says
// what to do.
func plainError(err error) string {
	if withoutCredentials(err) {
		return "this shell has no valid AWS credentials: sign in (aws sso login), or set AWS_PROFILE"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f {
			return -1
		}
		return r
	}, err.Error())
}

// str is the value of a string that AWS may leave out.
func str(s *string) string { return aws.ToString(s) }
