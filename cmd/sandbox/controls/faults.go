package controls

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/web"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// faultChange is the body of the faults control.
type faultChange struct {
	At        string  `json:"at"`
	How       string  `json:"how"`
	Times     *int    `json:"times"`
	For       *string `json:"for"`        // sandbox time: how long the fault lasts, and with late how late
	PerMinute *int    `json:"per_minute"` // of a quota
}

func (s *Server) setFault(w http.ResponseWriter, r *http.Request) {
	current := s.World()
	var change faultChange
	err := web.Read(r, maxBody, &change)
	if err == nil {
		var f world.Fault
		if f, err = change.fault(current.Clock.Now()); err == nil {
			current.Faults.Add(f)
		}
	}
	answer(w, err, done)
}

func (s *Server) listFaults(w http.ResponseWriter, _ *http.Request) {
	web.JSON(w, http.StatusOK, s.World().Faults.Active())
}

func (s *Server) clearFaults(w http.ResponseWriter, _ *http.Request) {
	s.World().Faults.Clear()
	web.JSON(w, http.StatusOK, done)
}

// fault is the fault that is asked for, beginning now, or a sentence about what
// is wrong with it.
func (c faultChange) fault(now time.Time) (world.Fault, error) {
	f := world.Fault{At: c.At, How: c.How}
	if c.Times != nil {
		if f.Times = *c.Times; f.Times == 0 {
			return f, errors.New(`"times" is 0: write 1 or more, or leave it out for no limit`)
		}
	}
	if c.PerMinute != nil {
		if f.PerMinute = *c.PerMinute; f.PerMinute == 0 {
			return f, errors.New(`"per_minute" is 0: write 1 or more, or leave it out for the limit that Slack documents`)
		}
	}
	if c.For != nil {
		d, err := parseLength(*c.For)
		if err != nil || d == 0 {
			return f, fmt.Errorf(`"for" is %q: write a length of sandbox time such as 30m`, *c.For)
		}
		if f.For, f.Late = *c.For, d; f.How != world.FaultLate {
			until := now.Add(d)
			f.For, f.Late, f.Until = "", 0, &until
		}
	}
	return f, checkFault(f)
}

// operation matches the operations that "at" may name, and prefixes of them.
var operation = regexp.MustCompile(
	`^(?:\*|(?:slack|sts|iam|s3|signin|store|invoke):(?:[A-Za-z][A-Za-z.]*|[A-Za-z.]*\*))$`)

// operations are those of the services that have only a few, so that a misspelt
// one is refused and does not become a fault that never happens.
var operations = map[string][]string{
	"store": {"load", "save", "due", "list"}, "invoke": {"vend", "cut"}, "signin": {"getSigninToken"},
}

// errorCode matches error codes of Slack and AWS.
var errorCode = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,99}$`)

// waysToFail are the values of "how" that an operation takes, for people to read.
func waysToFail(at string) []string {
	ways := []string{
		world.FaultError, world.FaultThrottled, world.FaultSlow, world.FaultLost, world.FaultDead,
		world.FaultCode + "<error code>",
	}
	switch {
	case at == world.Feed:
		return []string{world.FaultDouble, world.FaultDelay}
	case strings.HasPrefix(at, "slack:"):
		return append(ways, world.FaultQuota)
	case at == "iam:PutRolePolicy", at == "iam:DeleteRolePolicy", at == "iam:*":
		return append(ways, world.FaultLate)
	}
	return ways
}

// checkFault says in a sentence what is wrong with a fault.
func checkFault(f world.Fault) error {
	if err := checkOperation(f.At); err != nil {
		return err
	}
	code, isCode := strings.CutPrefix(f.How, world.FaultCode)
	allowed := waysToFail(f.At)
	switch {
	case isCode && f.At != world.Feed && !errorCode.MatchString(code):
		return fmt.Errorf(`"how" is %q: write code: and an error code, such as code:account_inactive or code:AccessDenied`,
			f.How)
	case !slices.Contains(allowed, f.How) && (!isCode || f.At == world.Feed):
		return fmt.Errorf(`"how" is %q: %s can go wrong as %s`, f.How, f.At, strings.Join(allowed, ", "))
	case f.How == world.FaultLate && f.Late == 0:
		return errors.New(`"how" is "late": add "for", the time after which IAM enforces the policy, such as 30s`)
	case f.Times < 0:
		return fmt.Errorf(`"times" is %d: write 1 or more, or leave it out for no limit`, f.Times)
	}
	return checkQuota(f)
}

func checkOperation(at string) error {
	service, name, _ := strings.Cut(at, ":")
	known := operations[service]
	switch {
	case at != world.Feed && !operation.MatchString(at):
		return fmt.Errorf(`"at" is %q: write an operation such as slack:chat.postMessage, sts:AssumeRole, store:save or `+
			`invoke:vend, a prefix such as slack:*, everything as *, or feed`, at)
	case known != nil && !strings.HasSuffix(name, "*") && !slices.Contains(known, name):
		return fmt.Errorf(`"at" is %q, but %s has only %s`, at, service, strings.Join(known, ", "))
	}
	return nil
}

func checkQuota(f world.Fault) error {
	method := strings.TrimPrefix(f.At, "slack:")
	switch {
	case f.How != world.FaultQuota && f.PerMinute != 0:
		return fmt.Errorf(`"per_minute" belongs to "how":"quota", and "how" is %q`, f.How)
	case f.PerMinute < 0:
		return fmt.Errorf(`"per_minute" is %d: write 1 or more, or leave it out for the limit that Slack documents`,
			f.PerMinute)
	case f.How == world.FaultQuota && f.PerMinute == 0 && !strings.HasSuffix(method, "*") && !slackfake.HasQuota(method):
		return fmt.Errorf(`"at" is %q, for which Slack documents no limit: add "per_minute"`, f.At)
	}
	return nil
}
