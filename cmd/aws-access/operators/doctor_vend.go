package operators

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
)

// Why vend gave no answer.
var (
	errFrozen = errors.New("the stack is frozen, so vend cannot be asked")
	errVend   = errors.New("vend failed during the check")
)

// noConcurrency is why Lambda throttles a function whose reserved concurrency is
// zero, as that of a frozen stack is.
const noConcurrency = types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded

// ask invokes the deployed vend function and waits for its answer. Errors:
// errFrozen, errVend, and those of lambda:Invoke.
func (d *doctor) ask(ctx context.Context, c functions.Check) (answer functions.CheckAnswer, err error) {
	payload, err := json.Marshal(map[string]functions.Check{"check": c})
	if err != nil {
		return answer, fmt.Errorf("write the check: %w", err)
	}
	name := d.found.functions["VendFunction"]
	out, err := d.lambda.Invoke(
		ctx,
		&lambda.InvokeInput{FunctionName: &name, InvocationType: types.InvocationTypeRequestResponse, Payload: payload},
	)
	var throttled *types.TooManyRequestsException
	switch {
	case err != nil && (d.frozen() || errors.As(err, &throttled) && throttled.Reason == noConcurrency):
		return answer, errFrozen
	case err != nil:
		return answer, err
	case out.FunctionError != nil:
		return answer, fmt.Errorf("%w: %s", errVend, functionError(out.Payload))
	}
	err = json.Unmarshal(out.Payload, &answer)
	lacks := c.Kind == functions.CheckStack && answer.Stack == nil || c.Kind == functions.CheckSlack && answer.Slack == nil
	switch {
	case err == nil && answer.Refused != "":
		return answer, fmt.Errorf("%w: it refused with %s", errVend, answer.Refused)
	case err != nil || answer.Policy == "" || lacks:
		return answer, fmt.Errorf("%w: its answer is not in the form of this version", errVend)
	}
	return answer, nil
}

// functionError is Lambda's error of a function that failed. Vend's own errors hold
// no secrets.
func functionError(payload []byte) string {
	var said struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(payload, &said) != nil || said.ErrorMessage == "" {
		return "without a reason"
	}
	runes := []rune(said.ErrorMessage)
	return plainError(errors.New(string(runes[:min(len(runes), 300)])))
}

// reportUnanswered adds the finding for a check that vend did not answer.
func (d *doctor) reportUnanswered(part, check string, err error) {
	switch {
	case errors.Is(err, errFrozen):
		d.report.add(finding{part, check, notKnown, "frozen", "The stack is frozen, so vend cannot be asked.",
			"Run doctor again when the stack is no longer frozen."})
	case errors.Is(err, errVend):
		d.report.add(finding{part, check, problem, "vend_failed", plainError(err),
			"Read vend's log. An older vend cannot answer checks, so deploy the version of this doctor."})
	default:
		d.reportUnreadable(part, check, err)
	}
}

// askStack asks vend how it sees the deployment. It returns nil when vend does not
// answer.
func (d *doctor) askStack(ctx context.Context) *functions.CheckAnswer {
	before := d.now()
	answer, err := d.ask(ctx, functions.Check{Kind: functions.CheckStack})
	if err != nil {
		d.reportUnanswered(cmp.Or(d.only, inStack), "vend", err)
		return nil
	}
	// The function read its clock between before and after; the middle is the
	// best estimate.
	after := d.now()
	d.skew = answer.At.Sub(before.Add(after.Sub(before) / 2))
	d.report.Policy = answer.Policy
	return &answer
}

// maxSkew is how much the two clocks may differ. Slack's signatures are valid for
// five minutes, and an order for one.
const maxSkew = 30 * time.Second

// checkInner checks clock, policy, table and tick as vend sees them.
func (d *doctor) checkInner(a *functions.CheckAnswer) {
	if off := d.skew.Round(time.Second).Abs(); off > maxSkew {
		d.report.add(finding{inStack, "clock", problem, "clock",
			fmt.Sprintf("The function's clock and this computer's clock differ by %s.", off),
			"Set this computer's clock: AWS keeps its own right."})
	} else {
		d.report.ok(inStack, "clock", fmt.Sprintf("the function's and this computer's clocks differ by at most %s",
			max(off, time.Second)))
	}
	switch {
	case d.given == nil:
		d.report.ok(inStack, "policy", "the deployed policy has the digest "+a.Policy+"; --policy policy.yaml compares it")
	case d.given.Digest() != a.Policy:
		d.report.add(finding{
			inStack,
			"policy",
			problem,
			"other_policy",
			"The deployed policy has the digest " + a.Policy + ", " + d.policy + " has " + d.given.Digest() + ".",
			"Deploy " + d.policy + " (sam build && sam deploy), or compare with the version that is deployed.",
		})
	default:
		d.report.ok(inStack, "policy", "the deployed policy is "+d.policy+", digest "+a.Policy)
	}
	if a.Stack.Table != functions.CheckOK {
		d.report.add(finding{inStack, "table", problem, "unreadable", "Vend cannot read the table, so nothing works.",
			"Read vend's log. Check that the table exists and that vend's role may use its key."})
		return
	}
	d.report.ok(inStack, "table", "vend reads it")
	d.checkTick(a)
	d.checkFreeze(a)
	d.checkResponders(a)
	d.checkHistory(a)
}

// checkTick checks when people or groups were last read. The tick reads them each
// minute; the people of a large workspace take it longer.
func (d *doctor) checkTick(a *functions.CheckAnswer) {
	stale := access.GroupsStaleAfter
	if len(a.Stack.Groups) == 0 {
		stale = access.PeopleStaleAfter
	}
	age := a.At.Sub(a.Stack.ReadAt).Round(time.Second)
	do := "Check that the tick's rule is enabled (EventBridge, rate(1 minute)), and read tick's log: it says why Slack " +
		"cannot be read."
	switch {
	case a.Stack.ReadAt.IsZero():
		d.report.add(finding{inStack, "tick", problem, "never",
			"The tick has never read people and groups from Slack, so nobody gets access.", do})
	case age >= stale:
		d.report.add(finding{inStack, "tick", problem, "silent", fmt.Sprintf("People and groups were last read %s ago. "+
			"They count as unknown now, and reminders, time-outs and ends of access wait.", age), do})
	case age >= stale/2:
		d.report.add(finding{inStack, "tick", warning, "late",
			fmt.Sprintf("People and groups were last read %s ago. They should be read every minute.", age), do})
	default:
		d.report.ok(inStack, "tick", fmt.Sprintf("people and groups were read %s ago", max(age, 0)))
	}
}

// checkPeople checks the last reading of the workspace's users, and lists the
// people whom the policy names and who are not recognised.
func (d *doctor) checkPeople(a *functions.CheckAnswer) {
	const check = "people"
	s, age := a.Stack, a.At.Sub(a.Stack.PeopleAt).Round(time.Second)
	do := "Read tick's log: it says why Slack's users.list cannot be read."
	size := fmt.Sprintf("%d users", s.Size)
	switch {
	case s.PeopleAt.IsZero() && s.Size > 0:
		d.report.add(finding{inSlack, check, warning, "first_reading",
			size + " have been read so far. Approvers are unknown until all have been read.",
			"Run doctor again in a few minutes. Slack allows about 18,000 users a minute."})
	case s.PeopleAt.IsZero(), age >= access.PeopleStaleAfter:
		d.report.add(finding{inSlack, check, problem, "unknown",
			"The people of the workspace were not all read in the last half hour, so addresses prove nothing and approvers " +
				"are unknown.", do})
	case s.Size > lifecycle.MaxUsers:
		d.report.add(finding{inSlack, check, warning, "too_large",
			fmt.Sprintf("The workspace has %s, and at most %d are supported. "+
				"Reading more takes so long that people may count as unknown.", size, lifecycle.MaxUsers),
			"Name people by their Slack ids, and see docs/deploy.md, Limits."})
	case age >= access.PeopleStaleAfter-5*time.Minute:
		d.report.add(finding{inSlack, check, warning, "late",
			fmt.Sprintf("The last complete reading of the workspace began %s ago. After half an hour it no longer counts.", age),
			do})
	default:
		d.report.ok(inSlack, check, fmt.Sprintf("%s, as of %s ago", size, max(age, 0)))
	}
	for _, p := range s.People {
		d.report.add(unrecognised(p))
	}
	if more := s.Unknown - len(s.People); more > 0 {
		d.report.add(finding{inSlack, "people of the policy", warning, "more",
			fmt.Sprintf("The policy names %d more people who are not recognised.", more), "Correct the listed ones first."})
	}
}

// unrecognised is the finding about a person whom the policy names and who is not
// recognised.
func unrecognised(p functions.PersonAnswer) finding {
	f := finding{inSlack, "person " + p.Name, warning, p.Code, "",
		"Remove the entry from policy.yaml, or name somebody else."}
	byID := "Write the Slack id " + p.ID +
		" into policy.yaml instead of the address, or have the address corrected in Slack."
	switch p.Code {
	case lifecycle.Unconfirmed:
		f.Reason, f.Do = "Slack has not confirmed this address of "+p.ID+
			", which is common after single sign-on. The policy therefore does not recognise this person.", byID
	case lifecycle.Shared:
		f.Reason, f.Do = "More than one user has this address, "+p.ID+" among them, so the policy matches it to nobody.", byID
	case lifecycle.Nobody:
		f.Reason = "Nobody in the workspace has this address or id, so rules that name it apply to nobody."
		f.Do = "Correct it in policy.yaml, or remove it."
	default:
		f.Reason = "The user " + p.ID + " is not a full member of the workspace (" + p.Code +
			"), so this person can neither ask nor approve."
	}
	return f
}

// checkGroups checks the groups of the policy, and reminds the operator who can
// edit them.
func (d *doctor) checkGroups(a *functions.CheckAnswer) {
	var known, ids []string
	for _, g := range a.Stack.Groups {
		check := fmt.Sprintf("group %s (%s)", g.Name, g.ID)
		ids = append(ids, g.Name+" ("+g.ID+")")
		switch {
		case g.Code == "gone":
			d.report.add(finding{inSlack, check, problem, "gone",
				"Slack has no such user group, or the group is disabled. It allows nobody and approves nothing.",
				"Enable it in Slack, or write another group into policy.yaml."})
		case g.Code != functions.CheckOK:
			d.report.add(finding{inSlack, check, problem, "unknown",
				"Its members were not read in the last ten minutes, so it allows nobody and approves nothing.",
				"Check the findings about the tick, the token and its scopes (usergroups:read). After the first deploy many " +
					"groups take several minutes."})
		case g.Members == 0:
			d.report.add(finding{inSlack, check, warning, "empty", "The group has no members.",
				"Add members in Slack, or remove the group from policy.yaml."})
		default:
			known = append(known, g.Name)
		}
	}
	if len(known) > 0 {
		d.report.ok(inSlack, "groups", fmt.Sprintf("%d of %d are known: %s", len(known), len(ids), names(known)))
	}
	if len(ids) > 0 {
		d.report.remind("Anyone who can edit these user groups in Slack decides who has access: " + strings.Join(ids, ", ") +
			".\n" +
			"No API shows who can. In Slack, allow only owners and admins: Settings & administration, Workspace settings, " +
			"Permissions, User groups.")
	}
}
