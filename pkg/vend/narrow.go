package vend

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
)

const (
	// narrowTimeout limits the call that narrows a session. A person waits for it.
	narrowTimeout = 3 * time.Second
	// endsBefore is how long before the end narrowed credentials expire, so that they never expire after it.
	endsBefore = 2 * time.Second
	// maxScoped is how many bytes of an answer are accepted. A session token has at most 4,096.
	maxScoped = 64 << 10

	getScopedCredentials = "sts:GetScopedCredentials" //nolint:gosec // the name of a call
)

// narrow exchanges the credentials of a session for new ones of the same session that expire at its end
// (docs/facts.md#a8). The SDK does not have this call yet, so it is written here; a test fails as soon as
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
	c := awscall.Client{Service: "sts", Limit: maxScoped, Config: aws.Config{
		Region: o.Region, BaseEndpoint: o.BaseEndpoint, HTTPClient: o.HTTPClient,
		Credentials: awscall.Keys(by.AccessKeyID, by.SecretKey.Reveal(), by.SessionToken.Reveal()),
	}}
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}
	response, err := c.Once(ctx, "/", header, form)
	var answer *awscall.Error
	switch {
	case errors.As(err, &answer):
		return nil, &callError{
			call: getScopedCredentials, status: answer.Status, code: answer.Code, request: safeText(answer.Request),
		}
	case err != nil:
		return nil, &callError{call: getScopedCredentials, why: noAnswerReason(err), err: contextError(err)}
	}
	return response.Body, nil
}
