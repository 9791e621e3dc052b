package machine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/wire"
)

// The parts of the call that never differ.
const (
	body        = "Action=GetCallerIdentity&Version=2011-06-15"
	contentType = "application/x-www-form-urlencoded; charset=utf-8"
	// signedHeaders are all headers of the call that mean something, sorted. The signer of AWS's SDK signs
	// the length of a body too.
	signedHeaders = "content-length;content-type;host;x-amz-date;x-amz-security-token;" +
		"x-aws-access-audience;x-aws-access-key"
	timeForm = "20060102T150405Z"
)

// The headers that make the call a proof for one installation and one key. Without the first, an
// installation could use the proofs that it gets at another one; without the second, somebody who sees
// a proof could use it for a message of their own.
const (
	audienceHeader = "X-Aws-Access-Audience"
	keyHeader      = "X-Aws-Access-Key"
)

// Question is what a call asks for, apart from who signs it. Both sides know it, so none of it is sent.
type Question struct {
	Audience string // the address of the installation, as wire.URL has it
	Key      string // thumbprint of the key that signs the message with the proof
	// Endpoint replaces the endpoint of STS in the sandbox, where it is an address of this computer. The
	// configuration accepts no other one (docs/configuration.md#endpoint-overrides).
	Endpoint string
}

// call makes the call to be signed or sent, without a signature.
func (q Question) call(ctx context.Context, region string, at time.Time, token access.Secret) (*http.Request, error) {
	address, _, ok := endpointOf(region)
	if !ok {
		return nil, errors.New("the Region is not known")
	}
	if q.Endpoint != "" {
		address = q.Endpoint
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return nil, errors.New("the endpoint is malformed")
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Amz-Date", at.UTC().Format(timeForm))
	r.Header.Set("X-Amz-Security-Token", token.Reveal())
	r.Header.Set(audienceHeader, q.Audience)
	r.Header.Set(keyHeader, q.Key)
	return r, nil
}

// Sign makes the proof of a machine, with credentials of a session. It sends nothing.
func (q Question) Sign(
	ctx context.Context, region string, c aws.Credentials, at time.Time,
) (wire.AWSProof, error) {
	p := wire.AWSProof{
		Region: region, Date: at.UTC().Format(timeForm), Token: access.NewSecret(c.SessionToken), KeyID: c.AccessKeyID,
	}
	r, err := q.call(ctx, region, at, p.Token)
	if err != nil {
		return wire.AWSProof{}, fmt.Errorf("sign the proof: %w", err)
	}
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(ctx, c, r, hex.EncodeToString(sum[:]), "sts", region, at)
	if err != nil {
		return wire.AWSProof{}, fmt.Errorf("sign the proof: %w", err)
	}
	_, p.Signature, _ = strings.Cut(r.Header.Get("Authorization"), "Signature=")
	if r.Header.Get("Authorization") != authorization(p) {
		return wire.AWSProof{}, errors.New("sign the proof: the signer has signed other headers")
	}
	return p, nil
}

// rebuild makes the call that a machine has signed, if the proof is one for this question, and returns
// when it was signed.
func (q Question) rebuild(ctx context.Context, p wire.AWSProof) (r *http.Request, at time.Time, err error) {
	if at, err = checkForm(p); err != nil {
		return nil, at, err
	}
	if r, err = q.call(ctx, p.Region, at, p.Token); err != nil {
		return nil, at, err
	}
	r.Header.Set("Authorization", authorization(p))
	return r, at, nil
}

// authorization is the header with the signature. Date, Region and service are those of the call.
func authorization(p wire.AWSProof) string {
	return "AWS4-HMAC-SHA256 Credential=" + p.KeyID + "/" + p.Date[:min(8, len(p.Date))] + "/" + p.Region +
		"/sts/aws4_request, SignedHeaders=" + signedHeaders + ", Signature=" + p.Signature
}

// The forms of what a machine sends. Nothing that matches can end a header, a line or a path. The keys
// of a user begin with AKIA, so they are refused before STS is asked.
var (
	dateForm      = formOf(`^[0-9]{8}T[0-9]{6}Z$`)
	tokenForm     = formOf(`^[A-Za-z0-9+/=_-]{16,}$`)
	keyIDForm     = formOf(`^ASIA[A-Z0-9]{12,28}$`)
	signatureForm = formOf(`^[0-9a-f]{64}$`)
)

// maxToken is the length of the longest session token that STS makes, in bytes (docs/facts.md#0.8).
const maxToken = 4096

// checkForm checks each part of a proof by itself, and returns the time at which it was signed.
func checkForm(p wire.AWSProof) (time.Time, error) {
	token := p.Token.Reveal()
	if len(token) > maxToken {
		return time.Time{}, errors.New("the token is too long")
	}
	for _, part := range [...]struct {
		name, text string
		form       form
	}{
		{"date", p.Date, dateForm}, {"token", token, tokenForm}, {"key id", p.KeyID, keyIDForm},
		{"signature", p.Signature, signatureForm},
	} {
		if !part.form.match(part.text) {
			return time.Time{}, errors.New("the " + part.name + " is malformed")
		}
	}
	at, err := time.Parse(timeForm, p.Date)
	if err != nil || at.Format(timeForm) != p.Date {
		return time.Time{}, errors.New("the date is none")
	}
	return at, nil
}
