package world

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
)

// The Slack workspace and the app.
const (
	team = "T0SANDBOX"
	app  = "A0SANDBOX"
)

// The sandbox's place in the fake AWS. The account number appears in no AWS
// documentation, so that no policy names it as a target.
const (
	Bastion = "640710528431"
	region  = "eu-west-1"
	orgID   = "o-sandbox0001"
)

// The roles of the functions that call AWS, in the bastion account.
const (
	vendRole  = "arn:aws:iam::" + Bastion + ":role/aws-access-vend"
	slackRole = "arn:aws:iam::" + Bastion + ":role/aws-access-slack"
	apiRole   = "arn:aws:iam::" + Bastion + ":role/aws-access-api"
	tickRole  = "arn:aws:iam::" + Bastion + ":role/aws-access-tick"
	cutRole   = "arn:aws:iam::" + Bastion + ":role/aws-access-cut"

	// operatorRole is for operators: it may read and write the table.
	operatorRole = "arn:aws:iam::" + Bastion + ":role/Operators"
)

// Settings are what a World begins with, at the start and after each reset.
type Settings struct {
	Policy        []byte        // the policy file
	PolicyFile    string        // its path, for messages; "" means policy.yaml
	PolicyDir     string        // directory from which files that the policy names are read
	SigningSecret access.Secret // Slack signs with it
	Start         time.Time     // of the clock; the zero time means now
	TokenBytes    int           // minimum length of a session token in bytes; 0 means awsfake's default
	STS           Emulator      // replaces the fake STS for the functions; the zero value does not
}

// Emulator is an STS other than the fake one, which tests start: one whose sessions a whole emulator of
// AWS accepts.
type Emulator struct {
	URL  string             // on loopback
	Vend access.Credentials // of the role of the vend function there
}

// MaxTokenBytes is the length of the longest session token that STS gives
// (sts:AssumeRole, since September 2026).
const MaxTokenBytes = 4096

// Compile compiles a policy file as if it were deployed at now. The error is
// compiler.Problems when the policy itself is wrong.
func Compile(settings Settings, text []byte, now time.Time) (*policy.Policy, []compiler.Problem, error) {
	options := compiler.Options{Bastion: Bastion, Now: now, Read: readIn(settings.PolicyDir), Sandbox: true}
	return compiler.Compile(policyName, text, options)
}

// policyName is the name that Compile gives to a policy, which need not come from a file.
const policyName = "policy.yaml"

// inFiles names the files of the settings in problems of their policy.
func (s Settings) inFiles(problems []compiler.Problem) []compiler.Problem {
	problems = slices.Clone(problems)
	for i, p := range problems {
		switch {
		case p.File != policyName:
			problems[i].File = filepath.Join(s.PolicyDir, p.File)
		case s.PolicyFile != "":
			problems[i].File = s.PolicyFile
		}
	}
	return problems
}

// readIn reads files in a directory. No name can lead out of it.
func readIn(dir string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		defer func() { _ = root.Close() }() // it was only read
		return root.ReadFile(name)
	}
}
