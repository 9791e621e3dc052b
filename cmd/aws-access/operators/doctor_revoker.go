package operators

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/cut"
)

// checkRevokers asks the cut function, for each account, whether it could cut the sessions of one
// role. It writes the policy aws-access-check there, which denies nobody anything, and takes it away.
func (d *doctor) checkRevokers(ctx context.Context, chosen []functions.CheckRole, told map[functions.CheckRole]result) {
	const check = "revokers"
	if d.found.functions["CutFunction"] == "" {
		return // checkFunctions says that it is missing
	}
	one := map[string]functions.CheckRole{}
	for _, r := range chosen {
		if _, there := one[r.Account]; !there && hadSession(told[r].Codes) { // a missing role says nothing
			one[r.Account] = r
		}
	}
	by := map[string][]string{}
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(one)), functions.MaxRoles) {
		roles := make([]string, len(batch))
		for i, account := range batch {
			roles[i] = d.arnOf(one[account])
		}
		answers, f := d.askCut(ctx, roles)
		if f != nil {
			f.Part, f.Check = inAccounts, check
			d.report.add(*f)
			return
		}
		for i, a := range answers {
			for _, code := range a.Codes {
				by[code] = append(by[code], nameOf(one[batch[i]]))
			}
		}
	}
	if n := len(by[cut.OK]); n > 0 {
		d.report.ok(inAccounts, check, fmt.Sprintf("cut can deny sessions in %d of %d accounts", n, len(one)))
	}
	for _, code := range slices.Sorted(maps.Keys(by)) {
		if code == cut.OK {
			continue
		}
		f := revokerFinding(code)
		f.Reason = fmt.Sprintf("%d of %d accounts, tried with %s.\n%s", len(by[code]), len(one), names(by[code]), f.Reason)
		d.report.add(f)
	}
}

// arnOf is the ARN of a role.
func (d *doctor) arnOf(r functions.CheckRole) string {
	path := cmp.Or(r.Path, access.DefaultPath)
	return access.Target{Region: d.region, Account: r.Account, Path: path, Role: r.Role}.RoleARN()
}

// askCut invokes the cut function, and waits for its answer, or returns what is wrong with it.
func (d *doctor) askCut(ctx context.Context, roles []string) ([]functions.RevokerAnswer, *finding) {
	name := d.found.functions["CutFunction"]
	payload, err := json.Marshal(map[string]functions.RevokerCheck{
		"check": {Kind: functions.CheckRevoker, Roles: roles},
	})
	if err != nil {
		return nil, &finding{Verdict: notKnown, Code: "unreadable", Reason: plainError(err), Do: "Run doctor again."}
	}
	out, err := d.lambda.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: &name, InvocationType: types.InvocationTypeRequestResponse, Payload: payload,
	})
	switch {
	case err != nil && denied(err):
		return nil, &finding{Verdict: notKnown, Code: "not_allowed",
			Reason: "This shell's credentials may not invoke cut: " + awsMessage(err).Error(),
			Do:     "Get the rights that `aws-access doctor --rights` prints."}
	case err != nil:
		return nil, &finding{Verdict: notKnown, Code: "unreadable",
			Reason: "AWS did not answer: " + plainError(awsMessage(err)), Do: "Run doctor again."}
	case out.FunctionError != nil:
		return nil, &finding{Verdict: problem, Code: "cut_failed", Reason: "Cut failed: " + functionError(out.Payload),
			Do: "Read cut's log. An older cut cannot answer checks, so deploy the version of this doctor."}
	}
	var answer functions.RevokersAnswer
	if json.Unmarshal(out.Payload, &answer) != nil || answer.Refused != "" || len(answer.Revokers) != len(roles) {
		return nil, &finding{Verdict: problem, Code: "cut_failed", Reason: "Cut's answer is not in the form of this version.",
			Do: "Deploy the version of this doctor."}
	}
	for i, a := range answer.Revokers {
		if a.Role != roles[i] || len(a.Codes) == 0 {
			return nil, &finding{Verdict: problem, Code: "cut_failed", Reason: "Cut answered about other roles than asked.",
				Do: "Deploy the version of this doctor."}
		}
	}
	return answer.Revokers, nil
}

// revokerFinding is the finding for a code of a check of revokers.
func revokerFinding(code string) finding {
	f := finding{Part: inAccounts, Check: "revokers", Verdict: problem, Code: code}
	switch code {
	case cut.LeftOver:
		f.Reason = "The policy " + cut.CheckPolicyName + " was written and could not be taken away. It denies nobody " +
			"anything."
		f.Do = "Delete it: aws iam delete-role-policy --role-name ROLE --policy-name " + cut.CheckPolicyName + ". Then " +
			"deploy infra/member to these accounts again."
		return f
	case cut.LooseExternal, cut.LooseIdentity:
		what := map[string]string{cut.LooseExternal: "external id", cut.LooseIdentity: "source identity"}[code]
		f.Reason = "SECURITY: the revokers of these accounts can be assumed without the " + what + "."
		f.Do = "Deploy infra/member to these accounts again."
		return f
	case cut.Throttled, cut.Unavailable:
		f.Verdict = notKnown
	}
	f.Reason, f.Do = cutFailure(code)
	f.Reason = "Sessions in these accounts could not be cut. " + f.Reason
	return f
}
