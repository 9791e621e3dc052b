package cut

import (
	"context"
	"errors"
	"time"

	"github.com/aws-access/aws-access/pkg/awscall"
)

// CheckPolicyName is the name of the inline policy with which doctor proves that a revoker works.
const CheckPolicyName = "aws-access-check"

// The codes of a revoker's trial, beside those of errors.
const (
	OK            = "ok"
	LooseExternal = "loose_external_id"     // it can be assumed without the external id
	LooseIdentity = "loose_source_identity" // it can be assumed without the source identity
	LeftOver      = "left_over"             // the policy of the trial could not be taken away
)

// noGrant is the id of a grant that cannot exist, so the policy of a trial denies no session anything.
const noGrant = "00000000000000000000000000"

// Try proves that the revoker of a role's account can write, read and delete a policy of that
// role, and that it can be assumed only with all that its trust demands. It returns codes: OK
// alone, or what is wrong.
func (c Cutter) Try(ctx context.Context, arn string) (codes []string) {
	iam, err := c.open(ctx, arn)
	if err != nil {
		return []string{CodeOf(err)}
	}
	for _, loose := range []struct{ without, code string }{
		{"ExternalId", LooseExternal}, {"SourceIdentity", LooseIdentity},
	} {
		_, err := c.revokerKeys(ctx, iam.role, false, loose.without)
		switch {
		case err == nil:
			codes = append(codes, loose.code)
		case !hasCode(err, "AccessDenied"):
			codes = append(codes, CodeOf(failed(err, RevokerRefused)))
		}
	}
	if code := iam.tryPolicy(ctx); code != OK || len(codes) == 0 {
		codes = append(codes, code)
	}
	return codes
}

// tryPolicy writes the policy of a trial, reads it back and takes it away.
func (i iamClient) tryPolicy(ctx context.Context) string {
	text, err := Deny{Grants: map[string]time.Time{noGrant: time.Unix(0, 0)}}.Document()
	if err != nil {
		return BadRole
	}
	back := ""
	if err = i.put(ctx, CheckPolicyName, text); err == nil {
		back, err = i.get(ctx, CheckPolicyName)
	}
	code := OK
	switch {
	case err != nil:
		code = CodeOf(err)
	case back != text:
		code = Restless
	}
	// The first call may have worked although it failed, so this is done in any case.
	err = i.put(context.WithoutCancel(ctx), CheckPolicyName, "")
	var answer *awscall.Error
	if err != nil && code == OK || err != nil && !errors.As(err, &answer) {
		code = LeftOver
	}
	return code
}
