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

// Window is how far the time of a signed request may be from now, either way
// (Slack's "Verifying requests from Slack"). It is also how long a captured
// request can be sent again: whatever a request does has to be done once.
const Window = 5 * time.Minute

// ErrSignature is the one answer to every request whose signature is not good.
// It says nothing about the cause: whoever forges would learn from it.
var ErrSignature = errors.New("the request is not signed by Slack")

// Verify checks that Slack signed body, the bytes as they came, not more than
// Window before or after now. The error is ErrSignature, whatever was wrong.
// An empty secret verifies nothing.
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

// Sign returns the values of the two headers with which Slack would send body
// at that time. It is for tools and the sandbox.
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

// only returns the value of a header that is there once, else "". Of two
// values, one proxy would check the first and another read the second.
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
