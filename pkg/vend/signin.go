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

	"github.com/aws-access/aws-access/pkg/access"
)

// SignIn makes links into the AWS console.
type SignIn struct {
	HTTP *http.Client // its redirect rule is not used: none is followed
	// Endpoint takes the place of AWS's federation endpoints, where sign-in is
	// played. It must be a loopback address: credentials go there.
	Endpoint string
	Issuer   string // where the console sends people whose session is over; may be empty
}

// maxAnswer is more than AWS answers with: a sign-in token holds the session,
// whose own token has up to 4,096 bytes.
const maxAnswer = 64 << 10

// Link returns an address that signs whoever opens it into the console, in the
// region and on the page of the target, until the credentials expire. It is a
// bearer secret, good for 15 minutes, longer than a button's URL may be
// (docs/facts.md#b): make it when somebody clicks, and give it to nobody else.
//
// The errors are refusals that name account and role, aws_refused,
// aws_unavailable and aws_invalid, with what happened behind them for the log.
func (s SignIn) Link(ctx context.Context, c access.Credentials, t access.Target) (access.Secret, error) {
	p, err := partitionOf(t.Region)
	if err != nil {
		return access.Secret{}, refuse(t, invalid, err)
	}
	endpoint, err := s.endpoint(p, t.Region)
	if err != nil {
		return access.Secret{}, refuse(t, invalid, err)
	}
	page, err := destination(p, t)
	if err != nil {
		return access.Secret{}, refuse(t, invalid, err)
	}
	token, failed := s.token(ctx, endpoint, c)
	if failed != nil {
		return access.Secret{}, refuse(t, failed.verdict(), failed)
	}
	login := url.Values{"Action": {"login"}, "Destination": {page}, "SigninToken": {token.Reveal()}}
	if s.Issuer != "" {
		login.Set("Issuer", s.Issuer)
	}
	return access.NewSecret(endpoint + "?" + login.Encode()), nil
}

// endpoint is the one address for both calls: a token is used where it was
// made (docs/facts.md#b2).
func (s SignIn) endpoint(p partition, region string) (string, error) {
	if s.Endpoint == "" {
		return "https://" + p.signInHost(region) + "/federation", nil
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !loopback(u.Hostname()) {
		return "", errors.New("the sign-in endpoint that replaces the one of AWS is not a loopback address")
	}
	return s.Endpoint, nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// destination is the page of the console that the target names.
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

// token asks for a sign-in token. No SessionDuration goes with it: for a
// chained session AWS refuses the call that has one (docs/facts.md#b). The credentials
// go in the body, where no proxy logs them and no length limit cuts them.
func (s SignIn) token(ctx context.Context, endpoint string, c access.Credentials) (access.Secret, *fault) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := tokenRequest(ctx, endpoint, c)
	if err != nil {
		return access.Secret{}, &fault{call: getSigninToken, why: "the request cannot be written"}
	}
	answer, err := s.client().Do(request)
	if err != nil {
		return access.Secret{}, &fault{call: getSigninToken, why: silence(err), err: silent(err)}
	}
	defer func() { _ = answer.Body.Close() }()
	// Errors are pages of HTML, and may repeat what was sent: a body is read
	// only when the status is right.
	if answer.StatusCode != http.StatusOK {
		f := &fault{call: getSigninToken, status: answer.StatusCode, request: plainly(answer.Header.Get("X-Amzn-Requestid"))}
		return access.Secret{}, f
	}
	return readToken(answer.Body)
}

const getSigninToken = "signin:getSigninToken"

// tokenRequest holds the only places where a session's secrets go to AWS.
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

// client follows no redirect: it would carry credentials to wherever the
// answer says.
func (s SignIn) client() *http.Client {
	client := http.Client{}
	if s.HTTP != nil {
		client = *s.HTTP
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

func readToken(body io.Reader) (access.Secret, *fault) {
	var answer struct{ SigninToken string }
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer))
	if err != nil {
		return access.Secret{}, &fault{call: getSigninToken, why: silence(err), err: silent(err)}
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.SigninToken == "" {
		return access.Secret{}, &fault{call: getSigninToken, why: "answered 200 without a token"}
	}
	return access.NewSecret(answer.SigninToken), nil
}
