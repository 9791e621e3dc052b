package cut

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
)

// Cutter writes the denies of cut lists. It is the only part of the product that writes into
// member accounts.
type Cutter struct {
	STS        awscall.Client // with the function's own credentials
	IAM        aws.Config     // of which region and credentials are replaced
	ExternalID func(ctx context.Context, fresh bool) (access.Secret, error)
	Now        func() time.Time
}

// rounds is how often the policy is written if other writers change it meanwhile.
const rounds = 8

// Apply makes the policy of a role match its cut list, and reads it back. hint is the ARN of the
// role as the order has it, "" if it is not known. With it, reading the list takes no time of its
// own: both the list and the keys of the revoker are asked for at once.
//
// The list is read again after the policy was read back, so of two concurrent calls the one that
// ends last has written every name. Errors have a code (CodeOf); the result then has the list, if
// that could be read.
func (c Cutter) Apply(
	ctx context.Context, hint string, read func(context.Context) (access.CutList, error),
) (access.CutOutcome, error) {
	type keys struct {
		iam iamClient
		err error
	}
	early := make(chan keys, 1)
	if hint != "" {
		go func() {
			iam, err := c.open(ctx, hint)
			early <- keys{iam, err}
		}()
	}
	l, err := read(ctx)
	if err != nil {
		return access.CutOutcome{}, err
	}
	out := access.CutOutcome{List: l}
	if _, due := l.Due(); !due {
		return out, nil
	}
	arn := l.RoleARN
	if arn == "" { // a grant of a version that did not record it
		arn = access.Target{
			Region: c.STS.Config.Region, Account: l.Account, Path: access.DefaultPath, Role: l.Role,
		}.RoleARN()
	}
	var opened keys
	if hint == arn {
		opened = <-early
	} else {
		opened.iam, opened.err = c.open(ctx, arn)
	}
	if opened.err != nil {
		return out, opened.err
	}
	return c.match(ctx, opened.iam, out, read)
}

// match writes the policy until it matches the list.
func (c Cutter) match(
	ctx context.Context, iam iamClient, out access.CutOutcome, read func(context.Context) (access.CutList, error),
) (access.CutOutcome, error) {
	stored, err := iam.get(ctx, PolicyName)
	if err != nil {
		return out, err
	}
	out.Missing = missing(c.read(stored, out.List), out.List, c.Now())
	for range rounds {
		text, left, err := c.write(ctx, iam, stored, out.List)
		if err != nil {
			return out, err
		}
		if text != stored {
			if stored, err = iam.get(ctx, PolicyName); err != nil {
				return out, err
			}
		}
		if out.List, err = read(ctx); err != nil {
			return out, err
		}
		back := c.read(stored, out.List)
		if covers(back, out.List, left, c.Now()) {
			out.Denied = access.WrittenDeny{
				Grants: back.Grants, ByIssue: left, Whole: back.Whole, WholeUntil: back.WholeUntil,
			}
			out.Bad = bad(out.List, c.Now())
			return out, nil
		}
	}
	return out, &Error{Code: Restless}
}

// read returns what counts of a policy that was read.
func (c Cutter) read(stored string, l access.CutList) Deny { return Parse(stored).believed(l, c.Now()) }

// write writes what has to be denied, unless the policy is right. It returns the policy, and the
// grants for which it had no room.
func (c Cutter) write(
	ctx context.Context, iam iamClient, stored string, l access.CutList,
) (text string, left []string, err error) {
	want := wanted(c.read(stored, l), l, c.Now())
	room := MaxInline
	for tried := false; ; tried = true {
		if text, left, err = want.within(room, c.Now()); err != nil || text == stored {
			return text, left, err
		}
		if err = iam.put(ctx, PolicyName, text); CodeOf(err) != NoRoom || tried {
			return text, left, err
		}
		if room, err = iam.room(ctx); err != nil { // other policies take some of it
			return "", nil, err
		}
	}
}

// within writes a policy of at most so many characters.
func (d Deny) within(room int, now time.Time) (text string, left []string, err error) {
	if _, err := d.Document(); err != nil {
		return "", nil, &Error{BadRole, err}
	}
	fitting, left, ok := d.fit(room, now)
	if !ok {
		return "", nil, &Error{Code: NoRoom}
	}
	text, err = fitting.Document()
	return text, left, err
}

// covers reports whether a policy denies everything that is on a list at now: each name, or by
// issue time those that have no room in it, now (left) or before.
func covers(d Deny, l access.CutList, left []string, now time.Time) bool {
	for _, n := range namesOf(l, now) {
		named := !d.Grants[n.Grant].Before(n.Until)
		hasLeft := slices.Contains(left, n.Grant) && !d.WholeUntil.Before(n.Until)
		if !named && !hasLeft && !d.byIssue(n) {
			return false
		}
	}
	if now.Before(l.WholeUntil) {
		return !d.Whole.Before(l.Whole) && !d.WholeUntil.Before(l.WholeUntil)
	}
	return true
}

// missing returns the grants that were denied before and are no longer.
func missing(stored Deny, l access.CutList, now time.Time) (gone []string) {
	for _, n := range namesOf(l, now) {
		named := !stored.Grants[n.Grant].Before(n.Until)
		if !named && (!n.Done.IsZero() || !n.ByIssue.IsZero() && !stored.byIssue(n)) {
			gone = append(gone, n.Grant)
		}
	}
	return gone
}
