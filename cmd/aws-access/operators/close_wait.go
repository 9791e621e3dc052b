package operators

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/cut"
)

// waitEvery is the time between two looks at the cut lists.
const waitEvery = 2 * time.Second

// cutBefore waits, if that is wanted, for the cuts of this run and for those of earlier ones.
func (c *closer) cutBefore(ctx context.Context) (bool, error) {
	if !c.wait {
		return true, nil
	}
	keys, err := c.store.DueCuts(ctx, c.step.Now().Add(access.UnansweredLife), everything)
	if err != nil {
		return false, fmt.Errorf("list the cuts: %w", err)
	}
	var ids []string
	for _, k := range keys {
		l, err := c.store.CutList(ctx, k)
		if err != nil {
			return false, fmt.Errorf("read the cut list of %s: %w", k, err)
		}
		for _, n := range l.Live(c.step.Now()) {
			if n.Done.IsZero() {
				ids = append(ids, n.Grant)
			}
		}
	}
	cutting, err := c.store.Requests(ctx, ids)
	if err == nil {
		cutting, err = c.narrow(ctx, cutting, nil)
	}
	if err != nil {
		return false, err
	}
	for _, r := range cutting {
		c.revoked[r.ID] = r
	}
	return c.waitForCuts(ctx)
}

// waitForCuts waits until the sessions of the revoked grants are cut, and says what fails. It ends
// at the latest when these sessions have expired by themselves. The result is false only if the
// wait was interrupted.
func (c *closer) waitForCuts(ctx context.Context) (bool, error) {
	if len(c.revoked) == 0 {
		printf(c.out, "No session is being ended, so there is nothing to wait for.\n")
		return true, nil
	}
	said := make(map[access.CutKey]string)
	last := -1
	for {
		waiting, roles, err := c.uncut(ctx)
		if err != nil {
			return false, err
		}
		if len(waiting) == 0 {
			printf(c.out, "The denies are written. AWS enforces them within seconds, sometimes minutes.\n")
			return true, nil
		}
		if len(waiting) != last {
			last = len(waiting)
			printf(c.out, "%s in %s: sessions are being cut\n", number(last, "grant"), number(len(roles), "role"))
		}
		for k, l := range roles {
			if text := trouble(l); text != "" && text != said[k] {
				printf(c.words, "%s in %s: %s\n", inOneLine(k.Role), k.Account, text)
				said[k] = text
			}
		}
		if err := c.pause(ctx, waitEvery); err != nil {
			printf(c.words, "Interrupted: the sessions of %s are not known to be cut. Cutting goes on without this command.\n",
				number(len(waiting), "grant"))
			return false, nil //nolint:nilerr // the interruption was reported
		}
	}
}

// uncut returns the revoked grants whose sessions are not cut yet and have not expired, and the cut
// lists of their roles.
func (c *closer) uncut(ctx context.Context) (waiting []string, roles map[access.CutKey]access.CutList, err error) {
	now := c.step.Now()
	roles = make(map[access.CutKey]access.CutList)
	byRole := make(map[access.CutKey][]string)
	for id, r := range c.revoked {
		if r.Cut == access.CutEnding {
			byRole[r.CutKey()] = append(byRole[r.CutKey()], id)
		}
	}
	for k, ids := range byRole {
		l, err := c.store.CutList(ctx, k)
		if err != nil {
			return nil, nil, fmt.Errorf("read the cut list of %s: %w", k, err)
		}
		for _, n := range l.Live(now) {
			if n.Done.IsZero() && slices.Contains(ids, n.Grant) {
				waiting = append(waiting, n.Grant)
				roles[k] = l
			}
		}
	}
	return waiting, roles, nil
}

// trouble says why the sessions of a role are not cut; "" if nothing is known to be wrong.
func trouble(l access.CutList) string {
	switch {
	case l.Tries == 0 && l.WholeUntil.IsZero():
		return ""
	case l.Tries == 0:
		return "its policies have no room for more names, so every session of the role from before " +
			l.Whole.UTC().Format("15:04:05 UTC") + " is denied. These sessions count as cut when they have expired, at " +
			l.WholeUntil.UTC().Format("15:04 UTC") + " at the latest."
	}
	why, do := cutFailure(l.Failed)
	return fmt.Sprintf("failing since %s (%s): %s %s", l.Since.UTC().Format("15:04:05 UTC"), inOneLine(l.Failed), why,
		strings.ReplaceAll(do, "\n", " "))
}

// cutFailure explains a code of a failed cut, and says what to do. The codes are those of pkg/cut.
func cutFailure(code string) (why, do string) {
	const deny = "Until then put the deny that the console calls Revoke active sessions on the role."
	switch code {
	case cut.RevokerRefused:
		return "AWS refuses the account's revoker role: it is missing, its trust is another one, or the account has left.",
			"Deploy infra/member to that account again. " + deny
	case cut.Refused:
		return "The revoker may not write this role's policy: the role is gone, or has another permissions boundary.",
			"Deploy infra/member to that account again. " + deny
	case cut.RoleGone:
		return "The role does not exist any more, so its sessions can do nothing.",
			"If it was made anew, nothing is left to cut. Otherwise correct the policy."
	case cut.NoRoom:
		return "Other inline policies fill the role, so no deny fits.",
			"Remove inline policies from the role. " + deny
	case cut.Restless:
		return "Something else keeps changing the policy aws-access-cut of the role.",
			"Find out what it is (CloudTrail: PutRolePolicy), and stop it."
	case cut.BadRole:
		return "The ARN of the role cannot be used.", "Correct the account or the role in policy.yaml."
	case cut.Throttled:
		return "IAM limits the rate of calls in that account.", "Nothing: it is tried again at least every four minutes."
	}
	return "AWS did not answer.", "Nothing: it is tried again at least every four minutes. Cut's log says more."
}
