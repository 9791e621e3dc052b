package vend

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/access"
)

const (
	// narrowTimeout limits the call that narrows a session. A person waits for it.
	narrowTimeout = 3 * time.Second
	// endsBefore is how long before the end narrowed credentials expire, so that they never expire after it.
	endsBefore = 2 * time.Second
	// maxScoped is how many bytes of an answer are read. A session token has at most 4,096.
	maxScoped = 64 << 10

	getScopedCredentials = "sts:GetScopedCredentials" //nolint:gosec // the name of a call
)

// narrow exchanges the credentials of a session for new ones of the same session that expire at its end
// (docs/facts.md#a8). The SDK does not have this call yet, so it is written and signed here; a test fails as soon as
// the SDK has it. The returned credentials hold the first ones in Wide.
//
// It is for a session that STS would let live past the end. The time that remains is counted on STS's clock: issued is
// when STS began the session.
func (a Assumer) narrow(
	ctx context.Context, wide access.Credentials, end, issued time.Time,
) (access.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, narrowTimeout)
	defer cancel()
	remaining := end.Sub(issued) - endsBefore
	if remaining < time.Second {
		return access.Credentials{}, &callError{call: getScopedCredentials, why: "is not possible for less than a second"}
	}
	form := url.Values{
		"Action": {"GetScopedCredentials"}, "Version": {"2011-06-15"},
		"DurationSeconds": {strconv.Itoa(int(remaining / time.Second))},
	}
	text, err := a.signedCall(ctx, wide, []byte(form.Encode()))
	if err != nil {
		return access.Credentials{}, err
	}
	var answer struct {
		Credentials *struct {
			AccessKeyID     string    `xml:"AccessKeyId"`
			SecretAccessKey string    `xml:"SecretAccessKey"`
			SessionToken    string    `xml:"SessionToken"`
			Expiration      time.Time `xml:"Expiration"`
		} `xml:"GetScopedCredentialsResult>Credentials"`
	}
	unusable := func(why string) (access.Credentials, error) {
		return access.Credentials{}, &callError{call: getScopedCredentials, status: http.StatusOK, why: why}
	}
	if xml.Unmarshal(text, &answer) != nil {
		return unusable("that cannot be read")
	}
	c := answer.Credentials
	if c == nil || c.AccessKeyID == "" || c.SecretAccessKey == "" || c.SessionToken == "" {
		return unusable("with incomplete credentials")
	}
	if c.Expiration.IsZero() || c.Expiration.After(end) {
		return unusable("with credentials that expire after the end")
	}
	return access.Credentials{
		AccessKeyID: c.AccessKeyID, SecretKey: access.NewSecret(c.SecretAccessKey),
		SessionToken: access.NewSecret(c.SessionToken), Expires: c.Expiration.UTC(),
		Wide: &wide,
	}, nil
}

// signedCall sends a form to STS, signed with some credentials, and returns the body of a successful answer. It is not
// tried again.
func (a Assumer) signedCall(ctx context.Context, by access.Credentials, form []byte) ([]byte, error) {
	o := a.STS.Options()
	at, err := o.EndpointResolverV2.ResolveEndpoint(ctx, sts.EndpointParameters{
		Region: aws.String(o.Region), Endpoint: o.BaseEndpoint,
		UseDualStack: aws.Bool(false), UseFIPS: aws.Bool(false), UseGlobalEndpoint: aws.Bool(false),
	})
	if err != nil {
		return nil, &callError{call: getScopedCredentials, why: "has no endpoint in " + safeText(o.Region)}
	}
	address := at.URI
	address.Path += "/"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), bytes.NewReader(form))
	if err != nil {
		return nil, &callError{call: getScopedCredentials, why: "cannot be written"}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	sum := sha256.Sum256(form)
	err = v4.NewSigner().SignHTTP(ctx, aws.Credentials{
		AccessKeyID: by.AccessKeyID, SecretAccessKey: by.SecretKey.Reveal(), SessionToken: by.SessionToken.Reveal(),
	}, r, hex.EncodeToString(sum[:]), "sts", o.Region, time.Now())
	if err != nil {
		return nil, &callError{call: getScopedCredentials, why: "cannot be signed"}
	}
	answer, err := o.HTTPClient.Do(r)
	if err != nil {
		return nil, &callError{call: getScopedCredentials, why: noAnswerReason(err), err: contextError(err)}
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxScoped))
	if err != nil {
		return nil, &callError{call: getScopedCredentials, why: noAnswerReason(err), err: contextError(err)}
	}
	if answer.StatusCode != http.StatusOK {
		return nil, failedAnswer(answer, text)
	}
	return text, nil
}

// failedAnswer reads the code of an answer of STS that is an error, and nothing else of it.
func failedAnswer(answer *http.Response, text []byte) error {
	var body struct {
		Code string `xml:"Error>Code"`
	}
	_ = xml.Unmarshal(text, &body) // a body that cannot be read names no code
	return &callError{
		call: getScopedCredentials, status: answer.StatusCode, code: safeText(body.Code),
		request: safeText(answer.Header.Get("X-Amzn-Requestid")),
	}
}
