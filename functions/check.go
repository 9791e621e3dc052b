package functions

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/version"
)

// Check is a question of aws-access doctor to vend. Anyone who may invoke vend may
// ask it. So an answer holds only codes, ids, times and what the deployed policy
// says: never a credential, a secret, the name of a person, or text that a person or
// another system wrote.
type Check struct {
	Kind string `json:"kind"`
	// From is the index of the first target to list, for CheckTargets.
	From int `json:"from,omitempty"`
	// Roles are the roles to try, for CheckRoles. All must be in the deployed
	// policy, so that vend cannot be used to scan for other roles.
	Roles []CheckRole `json:"roles,omitempty"`
}

// CheckRole names a role of the deployed policy.
type CheckRole struct {
	Account string `json:"account"`
	Name    string `json:"account_name,omitempty"` // in answers
	Role    string `json:"role"`
	// Path is that of the IAM role, in CheckTargets; "" for access.DefaultPath.
	Path string `json:"path,omitempty"`
}

// The kinds of checks.
const (
	CheckStack   = "stack"   // clock, policy, tables, tick, groups, calls
	CheckSlack   = "slack"   // token, scopes, workspace, channels
	CheckTargets = "targets" // a page of the roles of the deployed policy
	CheckRoles   = "roles"   // whether roles can be assumed, and only with all that their trust demands
)

// Sizes of a check.
const (
	// MaxRoles is how many roles one check tries. At six calls for each and 50
	// calls a second, most of vend's 30 s are left for retries if STS throttles.
	MaxRoles = 40
	// PageOfTargets is how many targets one answer lists: about 100 KB.
	PageOfTargets = 1000
	// MaxPeople is how many people one answer lists.
	MaxPeople = 500
	// MaxChannels is how many channels a check reads: Slack allows about 50 calls
	// a minute.
	MaxChannels = 40
)

// CheckAnswer is the answer to a check.
type CheckAnswer struct {
	Refused string    `json:"refused,omitempty"` // a code, if the check itself was invalid
	At      time.Time `json:"at"`                // the function's clock
	Policy  string    `json:"policy"`            // digest of the deployed policy
	Version string    `json:"version,omitempty"` // of the build of vend that answers
	Commit  string    `json:"commit,omitempty"`  // of that build

	Stack   *StackAnswer  `json:"stack,omitempty"`
	Slack   *SlackAnswer  `json:"slack,omitempty"`
	Targets []CheckRole   `json:"targets,omitempty"`
	Total   int           `json:"total,omitempty"` // of targets
	Roles   []RolesAnswer `json:"roles,omitempty"`
}

// StackAnswer is what vend knows without asking Slack.
type StackAnswer struct {
	Table  string        `json:"table"`            // ok, or unreadable
	ReadAt time.Time     `json:"read_at,omitzero"` // when Slack's people or groups were last read
	Groups []GroupAnswer `json:"groups"`           // of the policy

	PeopleAt time.Time      `json:"people_at,omitzero"` // when the last whole reading of people began
	Size     int            `json:"size,omitempty"`     // users in the workspace, or read so far
	People   []PersonAnswer `json:"people,omitempty"`   // the first MaxPeople whom the policy names and does not recognise
	Unknown  int            `json:"unknown,omitempty"`  // how many of them there are in all

	Builds []BuildAnswer `json:"builds,omitempty"` // those of the tick that have run with this table, oldest first

	Calls *CallsAnswer `json:"calls,omitempty"`

	Freeze   string    `json:"freeze"` // ok, on, or unreadable
	FrozenAt time.Time `json:"frozen_at,omitzero"`
	// Responders says whether the policy has people who may revoke any grant.
	Responders bool `json:"responders"`
}

// BuildAnswer is a build that has run with the table.
type BuildAnswer struct {
	Version string    `json:"version"`
	Commit  string    `json:"commit,omitempty"`
	Since   time.Time `json:"since"` // when it first ran
}

// PersonAnswer is a person whom the policy names and does not recognise.
type PersonAnswer struct {
	Name string `json:"name"`         // address or id, as the policy has it
	ID   string `json:"id,omitempty"` // of the user who has that name
	Code string `json:"code"`         // unconfirmed, shared, nobody, guest, bot, deactivated, other_workspace
}

// GroupAnswer is a group of the policy.
type GroupAnswer struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`             // in the policy
	Code    string    `json:"code"`             // ok, gone, unknown
	Members int       `json:"members"`          // how many
	ReadAt  time.Time `json:"read_at,omitzero"` // zero for never
}

// SlackAnswer is what Slack answers. A code is ok, one of Slack's, or one of codeOf.
type SlackAnswer struct {
	Token     string          `json:"token"`
	Workspace string          `json:"workspace"` // ok, or another
	Scopes    []string        `json:"scopes"`    // null when Slack did not say
	Channels  []ChannelAnswer `json:"channels"`
}

// ChannelAnswer is a channel that the policy posts to.
type ChannelAnswer struct {
	ID     string `json:"id"`
	Cards  bool   `json:"cards"`
	Code   string `json:"code"`             // ok, not_member, archived, not_asked, or Slack's code
	Shared bool   `json:"shared,omitempty"` // with another company
}

// RolesAnswer is the result of trying a role. The codes are those of pkg/vend.
type RolesAnswer struct {
	CheckRole
	Codes []string `json:"codes"`
	Token int      `json:"token,omitempty"` // how full the session token was, in per cent
	// NotExact says that STS does not narrow sessions of the role.
	NotExact bool       `json:"not_exact,omitempty"`
	Cut      *CutAnswer `json:"cut,omitempty"` // set while sessions of the role are to be cut, and are not
}

// CutAnswer is the state of the cut list of a role.
type CutAnswer struct {
	Code   string    `json:"code"` // cutting, whole_role, late, unreadable, or a code of pkg/cut
	Grants int       `json:"grants,omitempty"`
	Since  time.Time `json:"since,omitzero"` // of the failures
	Tries  int       `json:"tries,omitempty"`
}

type checkStore interface {
	buildReader
	CutList(ctx context.Context, k access.CutKey) (access.CutList, error)
	Freeze(ctx context.Context) (access.Freeze, error)
	Device(ctx context.Context, id string) (access.Device, error)
	Directory(ctx context.Context) (access.Directory, error)
}

type roleTester interface {
	// Try returns the result for each target, in the order of the targets.
	Try(ctx context.Context, targets []access.Target) []access.Trial
}

// Checks answers the checks of aws-access doctor. The zero value refuses them.
type Checks struct {
	Policy           *policy.Policy
	Store            checkStore
	Slack            *slackapi.Client
	Team, Enterprise string
	Roles            roleTester
	Calls            *Calls
	Build            version.Build
	Now              func() time.Time
	Log              *slog.Logger
}

// CheckOK is the code of a part that is as it should be.
const CheckOK = "ok"

// answerTime is how much of the function's time is kept for sending the answer.
const answerTime = 4 * time.Second

// Do answers a check. An invalid check is answered too (Refused: not_ready,
// unknown_kind, out_of_range, wrong_size or not_in_policy): an error of the function
// would raise an alarm.
func (h Checks) Do(ctx context.Context, c Check) CheckAnswer {
	if h.Policy == nil {
		return CheckAnswer{Refused: "not_ready"}
	}
	if deadline, ok := ctx.Deadline(); ok {
		shortened, stop := context.WithDeadline(ctx, deadline.Add(-answerTime))
		defer stop()
		ctx = shortened
	}
	out := CheckAnswer{At: h.Now().UTC(), Policy: h.Policy.Digest(), Version: h.Build.Version, Commit: h.Build.Commit}
	switch c.Kind {
	case CheckStack:
		out.Stack = h.stack(ctx)
	case CheckSlack:
		out.Slack = h.slack(ctx)
	case CheckTargets:
		out.Targets, out.Total, out.Refused = h.targets(c.From)
	case CheckRoles:
		out.Roles, out.Refused = h.roles(ctx, c.Roles)
	default:
		out.Refused = "unknown_kind"
	}
	h.Log.InfoContext(ctx, "a check was answered", "kind", c.Kind, "roles", len(out.Roles), "refused", out.Refused)
	return out
}

// targets returns a page of the roles of the policy.
func (h Checks) targets(from int) (page []CheckRole, total int, refused string) {
	all := h.Policy.Targets()
	if from < 0 || from > len(all) {
		return nil, len(all), "out_of_range"
	}
	for _, t := range all[from:min(from+PageOfTargets, len(all))] {
		one := CheckRole{Account: t.Account, Name: t.AccountName, Role: t.Role}
		if t.Path != access.DefaultPath {
			one.Path = t.Path
		}
		page = append(page, one)
	}
	return page, len(all), ""
}

// roles tries roles. All of them must be in the policy.
func (h Checks) roles(ctx context.Context, asked []CheckRole) (answers []RolesAnswer, refused string) {
	if len(asked) == 0 || len(asked) > MaxRoles {
		return nil, "wrong_size"
	}
	var targets []access.Target
	for _, r := range asked {
		t, known := h.Policy.Target(r.Account, r.Role)
		if !known {
			return nil, "not_in_policy"
		}
		targets = append(targets, t)
		role := CheckRole{Account: t.Account, Name: t.AccountName, Role: t.Role}
		answers = append(answers, RolesAnswer{CheckRole: role})
	}
	for i, trial := range h.Roles.Try(ctx, targets) {
		codes := trial.Codes
		answers[i].Codes, answers[i].Token, answers[i].NotExact = codes, trial.Token, trial.NotExact
		answers[i].Cut = h.cut(ctx, access.CutKey{Account: targets[i].Account, Role: targets[i].Role})
		if len(codes) != 1 || codes[0] != CheckOK {
			h.Log.InfoContext(ctx, "a check found a problem", "account", targets[i].Account, "role", targets[i].Role,
				"codes", codes)
		}
	}
	return answers, ""
}
