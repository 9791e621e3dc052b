package vend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
)

// Assumer assumes target roles. Its own credentials are a role's, so every
// session is chained, and lasts an hour at most (docs/facts.md#a3).
type Assumer struct {
	STS *sts.Client
	// ExternalID gives what target roles want as sts:ExternalId; fresh asks to
	// read it again, because STS has just refused the one that was given.
	ExternalID func(ctx context.Context, fresh bool) (access.Secret, error)

	attempts int // at a call that STS throttles; 3 if zero
}

const (
	// STS gives a chained session at least 15 minutes and at most one hour (docs/facts.md#a1, docs/facts.md#a3).
	minSession, maxSession = 900 * time.Second, 3600 * time.Second
	// callTimeout limits one call, so that its step can still record the failure and answer the person.
	callTimeout = 10 * time.Second
)

// Assume makes one session. The errors are refusals that name account and role,
// aws_refused, aws_unavailable, aws_invalid and expired, with what happened
// behind them for the log.
func (a Assumer) Assume(ctx context.Context, v access.Vending) (access.Credentials, error) {
	if !v.Now.Before(v.Ends) {
		return access.Credentials{}, access.RefuseExpired(v.Ends)
	}
	in, err := input(v)
	if err != nil {
		return access.Credentials{}, refuse(v.Target, invalid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := a.assume(ctx, in)
	if err != nil {
		return access.Credentials{}, refuse(v.Target, verdictOf(err), err)
	}
	c, err := credentials(out)
	if err != nil {
		return access.Credentials{}, refuse(v.Target, unavailable, err)
	}
	return c, nil
}

// assume makes the call, and once more if STS refuses it and the external id
// was rotated meanwhile: a refusal made no session.
func (a Assumer) assume(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	out, err := a.once(ctx, in)
	var f *fault
	if !errors.As(err, &f) || f.code != "AccessDenied" {
		return out, err
	}
	before := *in.ExternalId
	if again, unread := a.externalID(ctx, true); unread != nil || again.Reveal() == before {
		return nil, err
	}
	return a.once(ctx, in)
}

func (a Assumer) once(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	external, err := a.externalID(ctx, false)
	if err != nil {
		return nil, fmt.Errorf("read the external id: %w", err)
	}
	in.ExternalId = aws.String(external.Reveal())
	return a.call(ctx, in)
}

// call is where the product calls STS.
func (a Assumer) call(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	out, err := a.STS.AssumeRole(ctx, in, a.sparingly, unhurried)
	if err != nil {
		return nil, faultOf("sts:AssumeRole", err)
	}
	return out, nil
}

func (a Assumer) externalID(ctx context.Context, fresh bool) (access.Secret, error) {
	if a.ExternalID == nil {
		return access.Secret{}, errors.New("there is none")
	}
	id, err := a.ExternalID(ctx, fresh)
	if text := id.Reveal(); err == nil && (len(text) < 2 || len(text) > 1224 || !externalID.MatchString(text)) {
		err = fmt.Errorf("its value is not 2 to 1,224 characters that match %s", externalID)
	}
	return id, err
}

// Alphabets and lengths of STS (docs/facts.md#a1). A session name has neither colon nor
// slash, so an identity cannot begin with the reserved "aws:".
var (
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalID  = regexp.MustCompile(`^[\w+=,.@:/-]+$`) // and 2 to 1,224 characters
	tagValue    = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,256}$`)
)

// input is the whole call but the external id.
func input(v access.Vending) (*sts.AssumeRoleInput, error) {
	role, err := roleARN(v.Target)
	if err != nil {
		return nil, err
	}
	policy, err := SessionPolicy(v)
	if err != nil {
		return nil, err
	}
	who := identity(v.Who)
	for name, value := range map[string]string{"session name": v.Session, "source identity": who} {
		if !sessionName.MatchString(value) {
			return nil, fmt.Errorf("%s %q does not match %s", name, value, sessionName)
		}
	}
	tags, err := tags(v, who)
	if err != nil {
		return nil, err
	}
	return &sts.AssumeRoleInput{
		RoleArn: aws.String(role), RoleSessionName: aws.String(v.Session), SourceIdentity: aws.String(who),
		DurationSeconds: aws.Int32(seconds(v.Ends.Sub(v.Now))), Policy: aws.String(policy), Tags: tags,
	}, nil
}

// identity is how AWS knows a person, for the life of the session and through
// every further role: the address, folded so that one person is one identity,
// or the Slack id where the address does not fit (an apostrophe, for one).
func identity(p access.Person) string {
	if address := access.FoldEmail(p.Email); sessionName.MatchString(address) {
		return address
	}
	return p.ID
}

// tags are there for policies to use, as aws:PrincipalTag/GrantId. None is
// transitive: a further role would need sts:TagSession in its trust to be
// assumed at all, which most have not. SourceIdentity follows by itself.
func tags(v access.Vending, who string) ([]types.Tag, error) {
	list := make([]types.Tag, 0, 3)
	for _, t := range [...]struct{ key, value string }{{"GrantId", v.Grant}, {"Person", who}, {"SlackUser", v.Who.ID}} {
		if !tagValue.MatchString(t.value) {
			return nil, fmt.Errorf("tag %s: %q does not match %s", t.key, t.value, tagValue)
		}
		list = append(list, types.Tag{Key: aws.String(t.key), Value: aws.String(t.value)})
	}
	return list, nil
}

// seconds is what STS is asked for: what remains of the grant, within what it
// gives. A fraction is cut off.
func seconds(remaining time.Duration) int32 {
	return int32(min(max(remaining, minSession), maxSession) / time.Second)
}

// throttling are the codes by which STS says that it did nothing, for want of
// time.
var throttling = map[string]struct{}{"Throttling": {}, "ThrottlingException": {}, "RequestLimitExceeded": {}}

// sparingly has the SDK try again only when STS said that it did nothing.
// AssumeRole is not idempotent: after a timeout or a 5xx there may be a session
// already, and another try would make a second one for the same order, of which
// nobody keeps a record. The person presses the button again, with an order of
// its own.
func (a Assumer) sparingly(o *sts.Options) {
	o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts = cmp.Or(a.attempts, 3)
		s.Retryables = []retry.IsErrorRetryable{retry.RetryableErrorCode{Codes: throttling}}
		s.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			return time.Duration(1+attempt) * 100 * time.Millisecond, nil
		})
		s.RateLimiter = ratelimit.None
	})
}

// unhurried loses no answer, whatever HTTP client the settings have.
func unhurried(o *sts.Options) { o.HTTPClient = awscall.ReadOnly{HTTPClient: o.HTTPClient} }

// credentials reads the answer. Nothing leaves that is not whole.
func credentials(out *sts.AssumeRoleOutput) (access.Credentials, error) {
	c := out.Credentials
	if c == nil || aws.ToString(c.AccessKeyId) == "" || aws.ToString(c.SecretAccessKey) == "" ||
		aws.ToString(c.SessionToken) == "" || aws.ToTime(c.Expiration).IsZero() {
		return access.Credentials{}, errors.New("sts:AssumeRole: the answer has incomplete credentials")
	}
	return access.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretKey: access.NewSecret(*c.SecretAccessKey),
		SessionToken: access.NewSecret(*c.SessionToken), Expires: c.Expiration.UTC(),
	}, nil
}
