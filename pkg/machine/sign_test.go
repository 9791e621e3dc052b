package machine

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/wire"
)

// signChanged signs a call that is not the one of the question, and takes its signature for a proof.
func (q Question) signChanged(
	t *testing.T, keys access.Credentials, change func(*http.Request),
) (wire.AWSProof, error) {
	t.Helper()
	return q.signAny(t, keys, "sts", change)
}

// signFor signs a call of another service.
func (q Question) signFor(t *testing.T, keys access.Credentials, service string) (wire.AWSProof, error) {
	t.Helper()
	return q.signAny(t, keys, service, func(*http.Request) {})
}

func (q Question) signAny(
	t *testing.T, keys access.Credentials, service string, change func(*http.Request),
) (wire.AWSProof, error) {
	t.Helper()
	at := time.Now()
	r, err := q.call(t.Context(), "eu-west-1", at, keys.SessionToken)
	if err != nil {
		return wire.AWSProof{}, err
	}
	change(r)
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return wire.AWSProof{}, err
	}
	sum := sha256.Sum256(text)
	err = v4.NewSigner().SignHTTP(t.Context(), sdkKeys(keys), r, hex.EncodeToString(sum[:]), service, "eu-west-1", at)
	_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	return wire.AWSProof{
		Region: "eu-west-1", Date: at.UTC().Format(timeForm), Token: keys.SessionToken, KeyID: keys.AccessKeyID,
		Signature: signature,
	}, err
}
