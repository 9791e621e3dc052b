package cut

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
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

// nobody is the id of a grant that never is, so that the policy of a trial denies nobody anything.
const nobody = "00000000000000000000000000"

// Try proves that the revoker of a role's account can write, read and delete a policy of that
// role, and that it can be assumed only with all that its trust demands. It returns codes: OK
// alone, or what is wrong.
func (c Cutter) Try(ctx context.Context, arn string) (codes []string) {
	r, err := readRole(arn)
	if err != nil {
		return []string{CodeOf(err)}
	}
	session := access.SessionPrefix + "cut-" + rand.Text()[:8]
	iam, err := c.assume(ctx, r, session)
	if err != nil {
		return []string{CodeOf(err)}
	}
	for _, loose := range []struct{ without, code string }{
		{"ExternalId", LooseExternal}, {"SourceIdentity", LooseIdentity},
	} {
		_, err := c.revokerKeys(ctx, r, session, false, loose.without)
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
	text, err := Deny{Grants: map[string]time.Time{nobody: time.Unix(0, 0)}}.Document()
	if err != nil {
		return BadRole
	}
	named := url.Values{"PolicyName": {CheckPolicyName}}
	_, err = i.call(ctx, "PutRolePolicy", url.Values{"PolicyName": {CheckPolicyName}, "PolicyDocument": {text}})
	code := OK
	if err == nil {
		var back string
		if back, err = i.get(ctx, CheckPolicyName); err == nil && back != text {
			code = Restless
		}
	}
	switch {
	case hasCode(err, "LimitExceeded"):
		code = NoRoom
	case err != nil:
		code = CodeOf(failed(err, Refused))
	}
	// The first call may have worked although it failed, so this is done in any case.
	_, err = i.call(context.WithoutCancel(ctx), "DeleteRolePolicy", named)
	var answer *awscall.Error
	if err != nil && code == OK || err != nil && !errors.As(err, &answer) {
		code = LeftOver
	}
	return code
}
