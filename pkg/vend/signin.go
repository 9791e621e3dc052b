package vend

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// SignIn makes links into the AWS console.
type SignIn struct {
	HTTP *http.Client // nil for the default client; redirects are never followed
	// Endpoint overrides AWS's federation endpoints, for a fake of AWS. It must be a loopback address, because
	// credentials are sent to it.
	Endpoint string
	// Exact says whether a link may be made of credentials that live past the end of the session; "" is
	// access.ExactPreferred.
	Exact  access.ExactExpiry
	Issuer string // the page to which the console sends people whose session is over; may be empty
}

// maxAnswer is how many bytes of an answer are read. A sign-in token is smaller: it contains the session, whose own
// token has up to 4,096 bytes.
const maxAnswer = 64 << 10

// Link returns an address that signs anyone who opens it into the console, in the region and on the page of the target,
// until the returned time, at which the credentials expire. It works for 15 minutes, and may be longer than a button's
// URL may be (docs/facts.md#b), so it is made when somebody clicks, and is given to that person only.
//
// If sign-in refuses narrowed credentials, the link is made of the wide ones, and works until those expire: AWS does
// not say whether sign-in accepts narrowed ones (docs/facts.md#a8).
//
// Refusals: aws_refused, aws_unavailable, aws_invalid, exact_expiry_unavailable. They name account and role, and wrap
// the cause for the log.
func (s SignIn) Link(
	ctx context.Context, c access.Credentials, t access.Target,
) (link access.Secret, until time.Time, err error) {
	refused := func(v verdict, err error) (access.Secret, time.Time, error) {
		return access.Secret{}, time.Time{}, refuse(t, v, err)
	}
	p, err := partitionOf(t.Region)
	if err != nil {
		return refused(invalid, err)
	}
	endpoint, err := s.endpoint(p, t.Region)
	if err != nil {
		return refused(invalid, err)
	}
	page, err := destination(p, t)
	if err != nil {
		return refused(invalid, err)
	}
	token, failed := s.token(ctx, endpoint, c)
	if failed != nil && c.Wide != nil && failed.verdict() != unavailable {
		if s.Exact == access.ExactRequired {
			return refused(inexact, failed)
		}
		c = *c.Wide
		token, failed = s.token(ctx, endpoint, c)
	}
	if failed != nil {
		return refused(failed.verdict(), failed)
	}
	login := url.Values{"Action": {"login"}, "Destination": {page}, "SigninToken": {token.Reveal()}}
	if s.Issuer != "" {
		login.Set("Issuer", s.Issuer)
	}
	return access.NewSecret(endpoint + "?" + login.Encode()), c.Expires, nil
}

// endpoint is the address both for making and for using a sign-in token: a token works only where it was made
// (docs/facts.md#b2).
func (s SignIn) endpoint(p partition, region string) (string, error) {
	if s.Endpoint == "" {
		return "https://" + p.signInHost(region) + "/federation", nil
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" ||
		u.Fragment != "" || !loopback(u.Hostname()) {
		return "", errors.New("the sign-in endpoint that overrides the one of AWS is not a loopback address")
	}
	return s.Endpoint, nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// destination is the address of the target's page in the console.
func destination(p partition, t access.Target) (string, error) {
	page, err := url.Parse(t.LandsOn)
	if err != nil || page.IsAbs() || page.Host != "" || page.User != nil || strings.Contains(t.LandsOn, `\`) ||
		t.LandsOn != "" && !strings.HasPrefix(t.LandsOn, "/") {
		return "", fmt.Errorf("the console page %q is not a path", t.LandsOn)
	}
	if page.Path == "" {
		page.Path = "/console/home"
	}
	page.Scheme, page.Host = "https", p.consoleHost(t.Region)
	if query := page.Query(); t.Region != "" && !query.Has("region") {
		query.Set("region", t.Region)
		page.RawQuery = query.Encode()
	}
	return page.String(), nil
}

// token asks for a sign-in token. It sends no SessionDuration, with which AWS would refuse the call for a chained
// session (docs/facts.md#b). The credentials are in the body, where no proxy logs them and no length limit cuts them
// off.
func (s SignIn) token(ctx context.Context, endpoint string, c access.Credentials) (access.Secret, *callError) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := tokenRequest(ctx, endpoint, c)
	if err != nil {
		return access.Secret{}, &callError{call: getSigninToken, why: "the request cannot be written"}
	}
	answer, err := s.client().Do(request)
	if err != nil {
		return access.Secret{}, &callError{call: getSigninToken, why: noAnswerReason(err), err: contextError(err)}
	}
	defer func() { _ = answer.Body.Close() }()
	// An error is a page of HTML that may repeat what was sent, so the body is read only with status 200.
	if answer.StatusCode != http.StatusOK {
		id := safeText(answer.Header.Get("X-Amzn-Requestid"))
		return access.Secret{}, &callError{call: getSigninToken, status: answer.StatusCode, request: id}
	}
	return readToken(answer.Body)
}

const getSigninToken = "signin:getSigninToken"

// tokenRequest is the only place that sends a session's secrets to AWS.
func tokenRequest(ctx context.Context, endpoint string, c access.Credentials) (*http.Request, error) {
	session, err := json.Marshal(map[string]string{
		"sessionId": c.AccessKeyID, "sessionKey": c.SecretKey.Reveal(), "sessionToken": c.SessionToken.Reveal(),
	})
	if err != nil {
		return nil, err
	}
	form := url.Values{"Action": {"getSigninToken"}, "Session": {string(session)}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	return request, nil
}

// client follows no redirect, which would send the credentials to another host.
func (s SignIn) client() *http.Client {
	client := http.Client{}
	if s.HTTP != nil {
		client = *s.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

func readToken(body io.Reader) (access.Secret, *callError) {
	var answer struct{ SigninToken string }
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer))
	if err != nil {
		return access.Secret{}, &callError{call: getSigninToken, why: noAnswerReason(err), err: contextError(err)}
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.SigninToken == "" {
		return access.Secret{}, &callError{call: getSigninToken, why: "answered 200 without a token"}
	}
	return access.NewSecret(answer.SigninToken), nil
}
