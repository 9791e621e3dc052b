package awscall

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ReadOnly wraps the HTTP client of an SDK client, so that a response that comes
// very quickly is not lost. The SDK closes the body of a request as soon as the
// response begins. If net/http has not read to the end of that body by then, the
// body's WriteTo method reports io.EOF as an error, and net/http closes the
// connection while a response of more than 4 KB is still arriving. A response with
// a full session token is that long. ReadOnly hides WriteTo, so that net/http
// reads the body in the ordinary way.
type ReadOnly struct{ aws.HTTPClient }

// Do implements aws.HTTPClient.
func (c ReadOnly) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.HTTPClient.Do(r)
}
