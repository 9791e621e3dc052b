package vend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// Assumer assumes target roles. It is the only caller of sts:AssumeRole in the product. Its own credentials are those
// of a role, so every session is chained, and lasts at most one hour (docs/facts.md#a3).
type Assumer struct {
	STS *sts.Client
	// ExternalID returns the external id that the trust of target roles requires. fresh asks to read it again, because
	// STS has just refused a call with the one that was returned before.
	ExternalID func(ctx context.Context, fresh bool) (access.Secret, error)

	// Exact says what to do about a session that STS lets live past its end; "" is access.ExactPreferred.
	Exact access.ExactExpiry
	Log   *slog.Logger // says why a session was not narrowed; nil for nowhere

	attempts int // of a call that STS throttles; 3 if zero
}

const (
	// STS gives a chained session at least 15 minutes and at most one hour (docs/facts.md#a1, docs/facts.md#a3).
	minSession, maxSession = 900 * time.Second, 3600 * time.Second
	// callTimeout limits one call, so that its step can still record the failure and answer the person.
	callTimeout = 10 * time.Second
)

// Assume starts one session.
//
// A session ends with its grant, or earlier if the policy limits how long one acts (Vending.DeniedFrom). If STS would
// let it live longer, its credentials are exchanged for narrowed ones, which expire at that end. Without that, its
// policy denies everything from the end on, but sts:GetCallerIdentity works until STS ends it.
//
// Refusals: expired, if that end has passed; aws_refused, aws_unavailable, aws_invalid, exact_expiry_unavailable, which
// name account and role, and wrap the cause for the log.
func (a Assumer) Assume(ctx context.Context, v access.Vending) (access.Credentials, error) {
	end := v.DeniedFrom()
	if !v.Now.Before(end) {
		return access.Credentials{}, access.RefuseExpired(end)
	}
	in, err := input(v)
	if err != nil {
		return access.Credentials{}, refuse(v.Target, invalid, err)
	}
	c, err := a.session(ctx, v.Target, in)
	if err != nil || !c.Expires.After(end) || a.Exact == access.ExactOff {
		return c, err
	}
	issued := c.Expires.Add(-time.Duration(*in.DurationSeconds) * time.Second)
	narrowed, err := a.narrow(ctx, c, end, issued)
	switch {
	case err == nil:
		return narrowed, nil
	case a.Exact == access.ExactRequired:
		return access.Credentials{}, refuse(v.Target, inexact, err)
	}
	a.reportInexact(ctx, v.Target, err)
	return c, nil
}

// session starts the session.
func (a Assumer) session(ctx context.Context, t access.Target, in *sts.AssumeRoleInput) (access.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := a.assume(ctx, in)
	if err != nil {
		return access.Credentials{}, refuse(t, verdictOf(err), err)
	}
	c, err := credentials(out)
	if err != nil {
		return access.Credentials{}, refuse(t, unavailable, err)
	}
	return c, nil
}

func (a Assumer) reportInexact(ctx context.Context, t access.Target, cause error) {
	if a.Log != nil {
		a.Log.WarnContext(ctx, "a session was not narrowed, so sts:GetCallerIdentity works past its end",
			"account", t.Account, "role", t.Role, "error", cause)
	}
}

// assume makes the call. If STS refuses it, and the external id was rotated meanwhile, it makes the call once more: a
// refused call started no session.
func (a Assumer) assume(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	out, err := a.once(ctx, in)
	var e *callError
	if !errors.As(err, &e) || e.code != "AccessDenied" {
		return out, err
	}
	before := *in.ExternalId
	if again, readErr := a.externalID(ctx, true); readErr != nil || again.Reveal() == before {
		return nil, err
	}
	return a.once(ctx, in)
}

// once makes the call with the present external id.
func (a Assumer) once(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	external, err := a.externalID(ctx, false)
	if err != nil {
		return nil, fmt.Errorf("read the external id: %w", err)
	}
	in.ExternalId = aws.String(external.Reveal())
	return a.call(ctx, in)
}

// call calls sts:AssumeRole. No other function of the product does.
func (a Assumer) call(ctx context.Context, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, error) {
	out, err := a.STS.AssumeRole(ctx, in, a.retryOnlyThrottled, keepAnswer)
	if err != nil {
		return nil, callErrorOf("sts:AssumeRole", err)
	}
	return out, nil
}

func (a Assumer) externalID(ctx context.Context, fresh bool) (access.Secret, error) {
	if a.ExternalID == nil {
		return access.Secret{}, errors.New("none is configured")
	}
	id, err := a.ExternalID(ctx, fresh)
	if text := id.Reveal(); err == nil && (len(text) < 2 || len(text) > 1224 || !externalID.MatchString(text)) {
		err = fmt.Errorf("its value is not 2 to 1,224 characters that match %s", externalID)
	}
	return id, err
}

// Characters and lengths that STS accepts (docs/facts.md#a1). A session name contains no colon, so a source identity
// cannot begin with the reserved "aws:".
var (
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	externalID  = regexp.MustCompile(`^[\w+=,.@:/-]+$`) // and 2 to 1,224 characters
	tagValue    = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,256}$`)
)

// input is the whole call except the external id.
func input(v access.Vending) (*sts.AssumeRoleInput, error) {
	role, err := roleARN(v.Target)
	if err != nil {
		return nil, err
	}
	policy, err := SessionPolicy(v)
	if err != nil {
		return nil, err
	}
	who := sourceIdentity(v.Who)
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
		DurationSeconds: aws.Int32(seconds(v.DeniedFrom().Sub(v.Now))), Policy: aws.String(policy), Tags: tags,
	}, nil
}

// sourceIdentity is how CloudTrail names a person, in this session and in every further role that it assumes: the
// verified address in lower case, so that a person has one identity, or the Slack id if STS does not accept the address
// (because of an apostrophe, for example). A machine has a source identity of its own form
// (access.Machine.SourceIdentity), so that nobody takes it for a person.
func sourceIdentity(p access.Person) string {
	if p.Machine != nil {
		return p.Machine.SourceIdentity()
	}
	if address := access.FoldEmail(p.Email); sessionName.MatchString(address) {
		return address
	}
	return p.ID
}

// tags are for use in policies, as aws:PrincipalTag/GrantId. None is transitive: with a transitive tag, a session could
// assume only further roles whose trust allows sts:TagSession, and most do not. The source identity is always passed
// on. A machine has no SlackUser, and Person is its source identity: the trust policies of target roles
// accept no other key (infra/member/roles.yaml).
func tags(v access.Vending, who string) ([]types.Tag, error) {
	list := make([]types.Tag, 0, 3)
	for _, t := range [...]struct{ key, value string }{{"GrantId", v.Grant}, {"Person", who}, {"SlackUser", v.Who.ID}} {
		if t.key == "SlackUser" && v.Who.Machine != nil {
			continue
		}
		if !tagValue.MatchString(t.value) {
			return nil, fmt.Errorf("tag %s: %q does not match %s", t.key, t.value, tagValue)
		}
		list = append(list, types.Tag{Key: aws.String(t.key), Value: aws.String(t.value)})
	}
	return list, nil
}

// seconds is the duration for STS: what remains until the session's end, within the limits of STS. A fraction is cut
// off.
func seconds(remaining time.Duration) int32 {
	return int32(min(max(remaining, minSession), maxSession) / time.Second)
}

// throttling are the codes with which STS rejects a call that it has not processed.
var throttling = map[string]struct{}{"Throttling": {}, "ThrottlingException": {}, "RequestLimitExceeded": {}}

// retryOnlyThrottled makes the SDK retry a call only if STS has not processed it. AssumeRole is not idempotent: after a
// timeout or a 5xx there may already be a session, and a retry could start a second one for the same order, without a
// record. Instead, the person presses the button again, which makes a new order.
func (a Assumer) retryOnlyThrottled(o *sts.Options) {
	o.Retryer = retry.NewStandard(func(s *retry.StandardOptions) {
		s.MaxAttempts = cmp.Or(a.attempts, 3)
		s.Retryables = []retry.IsErrorRetryable{retry.RetryableErrorCode{Codes: throttling}}
		s.Backoff = retry.BackoffDelayerFunc(func(attempt int, _ error) (time.Duration, error) {
			return time.Duration(1+attempt) * 100 * time.Millisecond, nil
		})
		s.RateLimiter = ratelimit.None
	})
}

// keepAnswer wraps the HTTP client so that no answer is lost when STS closes the connection early (awscall.ReadOnly).
func keepAnswer(o *sts.Options) { o.HTTPClient = awscall.ReadOnly{HTTPClient: o.HTTPClient} }

// credentials reads the answer. Incomplete credentials are an error.
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
