package slackapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// The headers that carry Slack's signature.
const (
	SignatureHeader = "X-Slack-Signature"
	TimestampHeader = "X-Slack-Request-Timestamp"
)

// Window is how far the time of a signed request may be from now, earlier or later (Slack's "Verifying requests from
// Slack"). A captured request can be sent again within this time, so handlers must do once what a request asks for.
const Window = 5 * time.Minute

// ErrSignature is the only answer to a request whose signature is not valid. It does not name the cause, which would
// help an attacker.
var ErrSignature = errors.New("the request is not signed by Slack")

// Verify checks that Slack signed body, byte for byte, not more than Window before or after now. Every error is
// ErrSignature. With an empty secret, no signature is valid.
func Verify(secret access.Secret, header http.Header, body []byte, now time.Time) error {
	timestamp, signature := only(header, TimestampHeader), only(header, SignatureHeader)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != timestamp || secret.Empty() {
		return ErrSignature
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > Window {
		return ErrSignature
	}
	if !hmac.Equal([]byte(sign(secret, timestamp, body)), []byte(signature)) {
		return ErrSignature
	}
	return nil
}

// Sign returns the values of the two headers with which Slack would send body at that time. Tools and the sandbox use
// it.
func Sign(secret access.Secret, at time.Time, body []byte) (timestamp, signature string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	return timestamp, sign(secret, timestamp, body)
}

// sign is Slack's scheme v0: the hex HMAC-SHA256 of "v0:<timestamp>:<body>".
func sign(secret access.Secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte("v0:" + timestamp + ":"))
	mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// only returns the value of a header that has exactly one, otherwise "". With two values, an attacker could have a
// proxy check one and this package read the other.
func only(header http.Header, name string) string {
	found := ""
	for key, values := range header {
		if http.CanonicalHeaderKey(key) != name {
			continue
		}
		if len(values) != 1 || found != "" {
			return ""
		}
		found = values[0]
	}
	return found
}
