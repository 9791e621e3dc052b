// Package awscall makes single signed calls to AWS: reading a parameter, invoking
// a function. The SDK's clients for these two fill tables for a whole API when a
// program starts, which cost each cold start of a function more than half of
// all that it spends. The signature is the SDK's own.
//
// Its errors hold status and code of an answer, and never what else it says.
package awscall

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	smithytime "github.com/aws/smithy-go/time"
)

// Client calls one service.
type Client struct {
	Config  aws.Config // region, credentials, HTTP client, and the endpoint if it is not AWS's own
	Service string     // as in endpoint and signature: ssm, lambda
}

// Error is an answer that is no success.
type Error struct {
	Status int
	Code   string // as in ParameterNotFound; "" if the answer says none
}

func (e *Error) Error() string {
	return strings.TrimSpace(fmt.Sprintf("answer %d %s", e.Status, e.Code))
}

const (
	tries   = 3
	pause   = 50 * time.Millisecond // before the second try; twice as long before the third
	longest = 1 << 20               // of an answer, in bytes
)

// Post returns the body of a success. What came to nothing without being the
// caller's fault is tried again, so a call may be done twice.
func (c Client) Post(ctx context.Context, path string, header http.Header, body []byte) ([]byte, error) {
	for try := 1; ; try++ {
		answer, err := c.once(ctx, path, header, body)
		if err == nil || try == tries || !passing(err) {
			return answer, err
		}
		if err := smithytime.SleepWithContext(ctx, pause*time.Duration(try)); err != nil {
			return nil, err
		}
	}
}

// passing reports whether the same call may succeed a moment later.
func passing(err error) bool {
	var said *Error
	if !errors.As(err, &said) {
		return !errors.Is(err, context.Canceled) // no answer
	}
	return said.Status >= 500 || said.Status == http.StatusTooManyRequests || strings.HasPrefix(said.Code, "Throttling")
}

func (c Client) once(ctx context.Context, path string, header http.Header, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header = header.Clone()
	keys, err := c.Config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the function's credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, keys, r, hex.EncodeToString(sum[:]), c.Service, c.Config.Region, time.Now()); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	answer, err := c.Config.HTTPClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(answer.Body, longest))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 != 2 {
		return nil, &Error{Status: answer.StatusCode, Code: code(answer.Header, said)}
	}
	return said, nil
}

// suffixes are the ends of host names in the partitions that have one of their own.
var suffixes = [...]struct{ regions, suffix string }{
	{"cn-", "amazonaws.com.cn"}, {"eusc-", "amazonaws.eu"}, {"us-iso-", "c2s.ic.gov"}, {"us-isob-", "sc2s.sgov.gov"},
	{"us-isof-", "csp.hci.ic.gov"}, {"eu-isoe-", "cloud.adc-e.uk"},
}

// endpoint is the service's own in the client's region.
func (c Client) endpoint() string {
	if c.Config.BaseEndpoint != nil {
		return strings.TrimSuffix(*c.Config.BaseEndpoint, "/")
	}
	suffix := "amazonaws.com"
	for _, other := range suffixes {
		if strings.HasPrefix(c.Config.Region, other.regions) {
			suffix = other.suffix
		}
	}
	return "https://" + c.Service + "." + c.Config.Region + "." + suffix
}

// code is what AWS calls an error: Lambda in a header, SSM in the body.
func code(header http.Header, body []byte) string {
	var said struct {
		Type string `json:"__type"`
	}
	_ = json.Unmarshal(body, &said) // what is no JSON names no code
	name, _, _ := strings.Cut(header.Get("X-Amzn-Errortype"), ":")
	if name == "" {
		name = said.Type[strings.LastIndex(said.Type, "#")+1:]
	}
	if len(name) > 64 || !regexp.MustCompile(`^[A-Za-z.]+$`).MatchString(name) {
		return ""
	}
	return name
}
