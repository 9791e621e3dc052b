package awscall

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ReadOnly is an HTTP client for the SDK's own clients, which keeps an answer
// that comes at once from being lost. The SDK closes the body of a request when
// the answer begins; if net/http has not yet looked past the end of that body,
// the SDK's own WriteTo tells it io.EOF as an error, and it closes the connection
// under an answer of more than 4 KB, which one with a full session token is.
// Without WriteTo, the end of the body is just its end.
type ReadOnly struct{ aws.HTTPClient }

// Do implements aws.HTTPClient.
func (c ReadOnly) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.HTTPClient.Do(r)
}
