package main

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
	// beside is how many batches run at once: each makes 50 calls a second, and
	// STS takes 600 from an account, people's among them.
	beside = 4
	// rounds is how often a role is tried that AWS did not judge.
	rounds = 4
)

// checkRoles tries every role of the deployed policy. The error says that no
// account is called as -accounts says.
func (d *doctor) checkRoles(ctx context.Context) error {
	const check = "roles"
	all, err := d.targets(ctx)
	if err != nil {
		d.unasked(inAccounts, check, err)
		return nil // it is a finding
	}
	chosen := slices.DeleteFunc(all, func(r functions.CheckRole) bool { return !called(d.accounts, r) })
	if len(chosen) == 0 {
		return fmt.Errorf("no account of the deployed policy matches %q", d.accounts)
	}
	told := make(map[functions.CheckRole]access.Trial, len(chosen))
	waiting := chosen
	for round := range rounds {
		if round > 0 && !pause(ctx, d.rest<<(round-1)) {
			break
		}
		// What AWS did not judge is asked for once more, and less at once.
		d.try(ctx, waiting, max(1, beside>>round), told, len(chosen))
		waiting = slices.DeleteFunc(slices.Clone(waiting), func(r functions.CheckRole) bool { return judged(told[r].Codes) })
		if len(waiting) == 0 {
			break
		}
	}
	d.progress(len(chosen), len(chosen))
	d.tellRoles(chosen, told)
	return nil
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

// called reports whether an account has one of these names or ids.
func called(patterns string, r functions.CheckRole) bool {
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

// pause waits; false means that the time is over.
func pause(ctx context.Context, d time.Duration) bool {
	return smithytime.SleepWithContext(ctx, d) == nil
}

// judged reports whether everything was found out about a role.
func judged(codes []string) bool {
	return len(codes) > 0 && !slices.ContainsFunc(codes, func(c string) bool {
		return c == vend.Throttled || c == vend.Unavailable || c == vend.Unfinished
	})
}

// try asks for roles in batches, several at once, and notes what came of them.
func (d *doctor) try(
	ctx context.Context, roles []functions.CheckRole, workers int, told map[functions.CheckRole]access.Trial, total int,
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

// batch asks for a few roles. What vend does not answer for is not known.
func (d *doctor) batch(ctx context.Context, batch []functions.CheckRole) []access.Trial {
	trials := make([]access.Trial, len(batch))
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
				trials[i] = access.Trial{Codes: r.Codes, Token: r.Token}
			}
		}
	}
	return trials
}

// tellRoles makes findings of codes: one for each kind of trouble, with the
// roles that have it.
func (d *doctor) tellRoles(chosen []functions.CheckRole, told map[functions.CheckRole]access.Trial) {
	by := map[string][]string{}
	accounts := map[string]bool{}
	for _, r := range chosen {
		codes := told[r].Codes
		if len(codes) == 0 {
			codes = []string{vend.Unfinished}
		}
		accounts[r.Account] = true
		d.report.Roles = append(d.report.Roles, functions.RolesAnswer{CheckRole: r, Codes: codes, Token: told[r].Token})
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
		f := d.trouble(code, len(by[code]) == len(chosen))
		f.Reason = fmt.Sprintf("%d of %d roles: %s.\n%s", len(by[code]), len(chosen), names(by[code]), f.Reason)
		d.report.add(f)
	}
	d.tellTokens(chosen, told)
}

// fullToken is how full a session's token may be, in per cent, before doctor warns.
// STS refuses a session (PackedPolicyTooLarge) whose policy and tags do not fit into
// 4,096 bytes, and no count of characters tells when that is.
const fullToken = 75

// tellTokens says how full the tokens of the trials were. Each trial's policy is as
// long as a real one.
func (d *doctor) tellTokens(chosen []functions.CheckRole, told map[functions.CheckRole]access.Trial) {
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
