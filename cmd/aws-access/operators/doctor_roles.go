package operators

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	smithytime "github.com/aws/smithy-go/time"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/vend"
)

const (
	// concurrentBatches is how many batches run at once: each makes 50 calls a second,
	// and STS accepts 600 from an account, including those of people.
	concurrentBatches = 4
	// rounds is how often a role is tested until AWS gives an answer.
	rounds = 4
)

// checkRoles tests every role of the deployed policy. It returns an error when no
// account matches --accounts.
func (d *doctor) checkRoles(ctx context.Context) error {
	const check = "roles"
	all, err := d.targets(ctx)
	if err != nil {
		d.reportUnanswered(inAccounts, check, err)
		return nil // it is a finding
	}
	chosen := slices.DeleteFunc(all, func(r functions.CheckRole) bool { return !matchesAccount(d.accounts, r) })
	if len(chosen) == 0 {
		return fmt.Errorf("no account of the deployed policy matches %q", d.accounts)
	}
	told := make(map[functions.CheckRole]result, len(chosen))
	waiting := chosen
	for round := range rounds {
		if round > 0 && !pause(ctx, d.rest<<(round-1)) {
			break
		}
		// Roles without an answer are tested again, fewer at once.
		d.try(ctx, waiting, max(1, concurrentBatches>>round), told, len(chosen))
		waiting = slices.DeleteFunc(
			slices.Clone(waiting),
			func(r functions.CheckRole) bool { return conclusive(told[r].Codes) },
		)
		if len(waiting) == 0 {
			break
		}
	}
	d.progress(len(chosen), len(chosen))
	d.reportRoles(chosen, told)
	d.checkRevokers(ctx, chosen, told)
	return nil
}

// result is what vend found out about a role.
type result struct {
	access.Trial
	cut *functions.CutAnswer
}

// targets reads the roles of the deployed policy.
func (d *doctor) targets(ctx context.Context) (all []functions.CheckRole, err error) {
	for {
		a, err := d.ask(ctx, functions.Check{Kind: functions.CheckTargets, From: len(all)})
		if err != nil {
			return nil, err
		}
		all = append(all, a.Targets...)
		if len(all) >= a.Total || len(a.Targets) == 0 {
			return all, nil
		}
	}
}

// matchesAccount reports whether an account matches one of the comma-separated patterns, by name or id.
func matchesAccount(patterns string, r functions.CheckRole) bool {
	if patterns == "" {
		return true
	}
	for pattern := range strings.SplitSeq(strings.ToLower(patterns), ",") {
		byName, _ := path.Match(strings.TrimSpace(pattern), strings.ToLower(r.Name)) // goodPatterns has read it
		byID, _ := path.Match(strings.TrimSpace(pattern), r.Account)
		if byName || byID {
			return true
		}
	}
	return false
}

// pause waits. It returns false when the context ends first.
func pause(ctx context.Context, d time.Duration) bool {
	return smithytime.SleepWithContext(ctx, d) == nil
}

// conclusive reports whether AWS gave an answer for a role.
func conclusive(codes []string) bool {
	return len(codes) > 0 && !slices.ContainsFunc(codes, func(c string) bool {
		return c == vend.Throttled || c == vend.Unavailable || c == vend.Unfinished
	})
}

// try tests roles in batches, several at once, and notes the results in told.
func (d *doctor) try(
	ctx context.Context, roles []functions.CheckRole, workers int, told map[functions.CheckRole]result, total int,
) {
	var mu sync.Mutex
	done := total - len(roles)
	batches := make(chan []functions.CheckRole)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for batch := range batches {
				trials := d.batch(ctx, batch)
				mu.Lock()
				for i, r := range batch {
					told[r] = trials[i]
				}
				done += len(batch)
				d.progress(min(done, total-1), total)
				mu.Unlock()
			}
		})
	}
	for batch := range slices.Chunk(roles, functions.MaxRoles) {
		batches <- batch
	}
	close(batches)
	all.Wait()
}

// batch tests a few roles. A role for which vend gives no answer is unavailable.
func (d *doctor) batch(ctx context.Context, batch []functions.CheckRole) []result {
	trials := make([]result, len(batch))
	for i := range trials {
		trials[i].Codes = []string{vend.Unavailable}
	}
	asked := make([]functions.CheckRole, len(batch))
	for i, r := range batch {
		asked[i] = functions.CheckRole{Account: r.Account, Role: r.Role}
	}
	a, err := d.ask(ctx, functions.Check{Kind: functions.CheckRoles, Roles: asked})
	switch {
	case errors.Is(err, errVend):
		for i := range trials {
			trials[i].Codes = []string{"vend_failed"}
		}
	case err == nil && len(a.Roles) == len(batch):
		for i, r := range a.Roles {
			if r.Account == batch[i].Account && r.Role == batch[i].Role && len(r.Codes) > 0 {
				trials[i] = result{access.Trial{Codes: r.Codes, Token: r.Token, NotExact: r.NotExact}, r.Cut}
			}
		}
	}
	return trials
}

// reportRoles adds one finding for each code, with the roles that have it.
func (d *doctor) reportRoles(chosen []functions.CheckRole, told map[functions.CheckRole]result) {
	by := map[string][]string{}
	accounts := map[string]bool{}
	for _, r := range chosen {
		codes := told[r].Codes
		if len(codes) == 0 {
			codes = []string{vend.Unfinished}
		}
		accounts[r.Account] = true
		d.report.Roles = append(d.report.Roles, functions.RolesAnswer{
			CheckRole: r, Codes: codes, Token: told[r].Token, NotExact: told[r].NotExact, Cut: told[r].cut,
		})
		for _, code := range codes {
			by[code] = append(by[code], r.Role+" in "+cmp.Or(r.Name, r.Account)+" ("+r.Account+")")
		}
	}
	if n := len(by[vend.OK]); n > 0 {
		d.report.ok(inAccounts, "roles", fmt.Sprintf("%d of %d in %d accounts can be assumed, and only with the external "+
			"id, tag, source identity and session name", n, len(chosen), len(accounts)))
	}
	codes := make([]string, 0, len(by))
	for code := range by {
		if code != vend.OK {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	for _, code := range codes {
		f := d.roleFinding(code, len(by[code]) == len(chosen))
		f.Reason = fmt.Sprintf("%d of %d roles: %s.\n%s", len(by[code]), len(chosen), names(by[code]), f.Reason)
		d.report.add(f)
	}
	d.reportTokens(chosen, told)
	d.reportExactness(chosen, told)
	d.reportCuts(chosen, told)
}

// fullToken is how full a session token may be, in per cent, before doctor warns.
// STS refuses a session (PackedPolicyTooLarge) whose policy and tags do not fit into
// 4,096 bytes; counting characters cannot predict that.
const fullToken = 75

// reportTokens adds how full the session tokens of the trials were. The policy of a
// trial is as long as a real one.
func (d *doctor) reportTokens(chosen []functions.CheckRole, told map[functions.CheckRole]result) {
	const check = "session tokens"
	fullest, full := 0, []string(nil)
	for _, r := range chosen {
		token := told[r].Token
		fullest = max(fullest, token)
		if token >= fullToken {
			full = append(full, fmt.Sprintf("%s in %s (%s): %d %%", r.Role, cmp.Or(r.Name, r.Account), r.Account, token))
		}
	}
	switch {
	case len(full) > 0:
		d.report.add(finding{inAccounts, check, warning, "full",
			fmt.Sprintf("Session policy and tags fill %d %% or more of the session token: %s. "+
				"At 100 %% STS refuses the session.", fullToken, names(full)),
			"Shorten the path of the role, and look for tags that something else adds to the session."})
	case fullest > 0:
		d.report.ok(inAccounts, check, fmt.Sprintf("session policy and tags fill at most %d %% of STS's 4,096 bytes",
			fullest))
	}
}
