package main

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
	errFrozen = errors.New("the stack is frozen: vend cannot be asked")
	errVend   = errors.New("vend failed on the check")
)

// ask asks the deployed vend function, and waits.
func (d *doctor) ask(ctx context.Context, c functions.Check) (answer functions.CheckAnswer, err error) {
	payload, err := json.Marshal(map[string]functions.Check{"check": c})
	if err != nil {
		return answer, fmt.Errorf("write the check: %w", err)
	}
	name := d.found.functions["VendFunction"]
	out, err := d.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, InvocationType: types.InvocationTypeRequestResponse, Payload: payload})
	var throttled *types.TooManyRequestsException
	switch {
	case err != nil && (d.frozen() || errors.As(err, &throttled) && throttled.Reason == types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded):
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
		return answer, fmt.Errorf("%w: its answer is not one of this version", errVend)
	}
	return answer, nil
}

// functionError is what Lambda says of a function that failed. Vend's own errors
// hold no secrets.
func functionError(payload []byte) string {
	var said struct{ ErrorType, ErrorMessage string }
	if json.Unmarshal(payload, &said) != nil || said.ErrorMessage == "" {
		return "without a reason"
	}
	runes := []rune(said.ErrorMessage)
	return plainError(errors.New(string(runes[:min(len(runes), 300)])))
}

// unasked is the finding of what vend did not answer.
func (d *doctor) unasked(part, check string, err error) {
	switch {
	case errors.Is(err, errFrozen):
		d.report.add(finding{part, check, notKnown, "frozen", "The stack is frozen: vend cannot be asked.", "Run doctor again when it is open."})
	case errors.Is(err, errVend):
		d.report.add(finding{part, check, problem, "vend_failed", plainError(err),
			"Look at vend's log. An older vend knows no checks: deploy the version that this doctor is of."})
	default:
		d.unread(part, check, err)
	}
}

// askStack asks vend how it sees the deployment; nil when it does not answer.
func (d *doctor) askStack(ctx context.Context) *functions.CheckAnswer {
	before := d.now()
	answer, err := d.ask(ctx, functions.Check{Kind: functions.CheckStack})
	if err != nil {
		d.unasked(cmp.Or(d.only, inStack), "vend", err)
		return nil
	}
	// The function read its clock somewhere between: the middle is the guess
	// that errs least.
	after := d.now()
	d.skew = answer.At.Sub(before.Add(after.Sub(before) / 2))
	d.report.Policy = answer.Policy
	return &answer
}

// mostSkew is how far the clocks may be from each other: Slack's signatures are
// good for five minutes, and an order for one.
const mostSkew = 30 * time.Second

// checkInner judges what vend said of clock, policy, table and tick.
func (d *doctor) checkInner(a *functions.CheckAnswer) {
	if off := d.skew.Round(time.Second).Abs(); off > mostSkew {
		d.report.add(finding{inStack, "clock", problem, "clock", fmt.Sprintf("The function's clock and this computer's are %s apart.", off),
			"AWS keeps its clocks right, so set this computer's."})
	} else {
		d.report.ok(inStack, "clock", fmt.Sprintf("the function's and this computer's are within %s", max(off, time.Second)))
	}
	switch {
	case d.given == nil:
		d.report.ok(inStack, "policy", "the deployed one has the digest "+a.Policy+"; -policy policy.yaml compares it")
	case d.given.Digest() != a.Policy:
		d.report.add(finding{inStack, "policy", problem, "other_policy", "The deployed policy has the digest " + a.Policy + ", " + d.policy + " has " + d.given.Digest() + ".",
			"Deploy " + d.policy + " (sam build && sam deploy), or look at the version that is deployed."})
	default:
		d.report.ok(inStack, "policy", "what is deployed is "+d.policy+", digest "+a.Policy)
	}
	if a.Stack.Table != functions.CheckOK {
		d.report.add(finding{inStack, "table", problem, "unreadable", "Vend cannot read the table, so nothing works.",
			"Look at vend's log. Is the table there, and is its key one that vend's role may use?"})
		return
	}
	d.report.ok(inStack, "table", "vend reads it")
	d.checkTick(a)
}

// checkTick looks at when people or groups were last read: the tick does that
// each minute, or with the people of a large workspace alone less often.
func (d *doctor) checkTick(a *functions.CheckAnswer) {
	stale := access.GroupsStaleAfter
	if len(a.Stack.Groups) == 0 {
		stale = access.PeopleStaleAfter
	}
	age := a.At.Sub(a.Stack.ReadAt).Round(time.Second)
	do := "Is the rule of the tick enabled (EventBridge, rate(1 minute))? Look at tick's log: it says what keeps it from reading Slack."
	switch {
	case a.Stack.ReadAt.IsZero():
		d.report.add(finding{inStack, "tick", problem, "never", "The tick has never read who is who from Slack: nobody gets anything.", do})
	case age >= stale:
		d.report.add(finding{inStack, "tick", problem, "silent", fmt.Sprintf("People and groups were last read %s ago: they count as not known, and reminders, time-outs and ends wait.", age), do})
	case age >= stale/2:
		d.report.add(finding{inStack, "tick", warning, "late", fmt.Sprintf("People and groups were last read %s ago; it should be each minute.", age), do})
	default:
		d.report.ok(inStack, "tick", fmt.Sprintf("people and groups were read %s ago", max(age, 0)))
	}
}

// checkPeople judges the reading of everybody in the workspace, and names those
// whom the policy names and does not recognise.
func (d *doctor) checkPeople(a *functions.CheckAnswer) {
	const check = "people"
	s, age := a.Stack, a.At.Sub(a.Stack.PeopleAt).Round(time.Second)
	do := "Look at tick's log: it says what keeps it from reading Slack's users.list."
	size := fmt.Sprintf("%d users", s.Size)
	switch {
	case s.PeopleAt.IsZero() && s.Size > 0:
		d.report.add(finding{inSlack, check, warning, "first_reading",
			size + " were read so far. Until everybody was, nobody can be counted as an approver.",
			"Wait: Slack gives about 18,000 users a minute. Run doctor again in a few minutes."})
	case s.PeopleAt.IsZero(), age >= access.PeopleStaleAfter:
		d.report.add(finding{inSlack, check, problem, "unknown",
			"Not everybody was read from Slack in the last half hour: addresses prove nothing, " +
				"and nobody can be counted as an approver.", do})
	case s.Size > lifecycle.MaxUsers:
		d.report.add(finding{inSlack, check, warning, "too_large",
			fmt.Sprintf("The workspace has %s. Reading them takes so long that they may count as not known: "+
				"%d is the most that is supported.", size, lifecycle.MaxUsers),
			"Name people by their Slack ids, which needs fewer facts, and see docs/deploy.md, Limits."})
	case age >= access.PeopleStaleAfter-5*time.Minute:
		d.report.add(finding{inSlack, check, warning, "late",
			fmt.Sprintf("The last whole reading of the workspace began %s ago; after half an hour it counts for nothing.", age),
			do})
	default:
		d.report.ok(inSlack, check, fmt.Sprintf("%s, as of %s ago", size, max(age, 0)))
	}
	for _, p := range s.People {
		d.report.add(unrecognised(p))
	}
	if more := s.Unknown - len(s.People); more > 0 {
		d.report.add(finding{inSlack, "people of the policy", warning, "more",
			fmt.Sprintf("%d more are named and not recognised.", more), "Put those that are listed right first."})
	}
}

// unrecognised is the finding of somebody whom the policy names and does not recognise.
func unrecognised(p functions.PersonAnswer) finding {
	f := finding{inSlack, "person " + p.Name, warning, p.Code, "", "Take it out of policy.yaml, or name somebody else."}
	byID := "Write the Slack id " + p.ID +
		" into policy.yaml instead of the address, or have the address put right in Slack."
	switch p.Code {
	case lifecycle.Unconfirmed:
		f.Reason, f.Do = "Slack has not confirmed this address of "+p.ID+
			", which is common after single sign-on: the policy does not take the person for whom it names.", byID
	case lifecycle.Shared:
		f.Reason, f.Do = "More than one user has this address, "+p.ID+" among them: it stands for nobody.", byID
	case lifecycle.Nobody:
		f.Reason = "Nobody in the workspace has this address or id: a rule lets nobody in by it, " +
			"and a never keeps nobody out."
		f.Do = "Correct it in policy.yaml, or take it out."
	default:
		f.Reason = "The user " + p.ID + " is no full member of the workspace (" + p.Code +
			"), and can neither ask nor approve."
	}
	return f
}

// checkGroups judges the groups of the policy, and reminds of who edits them.
func (d *doctor) checkGroups(a *functions.CheckAnswer) {
	var known, ids []string
	for _, g := range a.Stack.Groups {
		check := fmt.Sprintf("group %s (%s)", g.Name, g.ID)
		ids = append(ids, g.Name+" ("+g.ID+")")
		switch {
		case g.Code == "gone":
			d.report.add(finding{inSlack, check, problem, "gone", "Slack has no such user group, or it is switched off: it allows nobody and approves nothing.",
				"Switch it on again in Slack, or write another one into policy.yaml."})
		case g.Code != functions.CheckOK:
			d.report.add(finding{inSlack, check, problem, "unknown", "Its members were not read in the last ten minutes: it allows nobody and approves nothing.",
				"See what is said of the tick, the token and its scopes (usergroups:read). Many groups take several minutes after the first deploy."})
		case g.Members == 0:
			d.report.add(finding{inSlack, check, warning, "empty", "It has no members.", "Add them in Slack, or take it out of policy.yaml."})
		default:
			known = append(known, g.Name)
		}
	}
	if len(known) > 0 {
		d.report.ok(inSlack, "groups", fmt.Sprintf("%d of %d are known: %s", len(known), len(ids), names(known)))
	}
	if len(ids) > 0 {
		d.report.remind("Whoever may edit these user groups in Slack decides who has access: " + strings.Join(ids, ", ") + ".\n" +
			"No API tells who may. Slack: Settings & administration, Workspace settings, Permissions, User groups: owners and admins alone.")
	}
}
