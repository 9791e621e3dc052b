// Package awscall makes single signed calls to AWS: it reads a parameter or an item of
// a table, or invokes a function. It signs with the SDK's own signer, but it does not
// use the SDK's clients, because they fill tables for a whole API when
// a program starts. That took more than half of each cold start.
//
// An error of this package holds the status and the code of AWS's response, and the id
// of the call, and never any other part of it: a response may contain a secret.
package awscall

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
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
	Config  aws.Config // region, credentials, HTTP client, and an endpoint override if there is one
	Service string     // its name in endpoint and signature: ssm, lambda, dynamodb
	Limit   int        // bytes of a response that are accepted; 0 for 1 MB
}

// Keys provides the keys of one session.
func Keys(id, secret, token string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}, nil
	})
}

// Response is a response whose status is 2xx.
type Response struct {
	Header http.Header
	Body   []byte
}

// Error is a response whose status is not 2xx.
type Error struct {
	Status int
	Code   string // such as ParameterNotFound; "" if the response names none

	Request string // AWS's id of the call, as it came; Error leaves it out
}

func (e *Error) Error() string {
	return strings.TrimSpace(fmt.Sprintf("answer %d %s", e.Status, e.Code))
}

const (
	maxTries    = 3
	pause       = 50 * time.Millisecond // before the second try; twice as long before the third
	maxResponse = 1 << 20               // bytes of a response, if the client sets no limit
)

// Post makes a call and returns the body of the response. It tries again when the
// call failed for a reason that may pass, so AWS may carry out the call more than
// once. A response whose status is not 2xx is an *Error.
func (c Client) Post(ctx context.Context, path string, header http.Header, body []byte) ([]byte, error) {
	for try := 1; ; try++ {
		response, err := c.Once(ctx, path, header, body)
		if err == nil || try == maxTries || !temporary(err) {
			return response.Body, err
		}
		if err := smithytime.SleepWithContext(ctx, pause*time.Duration(try)); err != nil {
			return nil, err
		}
	}
}

// temporary reports whether the same call may succeed if it is tried again.
func temporary(err error) bool {
	var refused *Error
	if !errors.As(err, &refused) { // there was no response, or one that is too large
		return !errors.Is(err, context.Canceled) && !errors.Is(err, errTooLarge)
	}
	return refused.Status >= 500 || refused.Status == http.StatusTooManyRequests ||
		strings.HasPrefix(refused.Code, "Throttling")
}

// Once makes a call and does not try it again. AWS may nevertheless have carried it out
// when the response is lost. A response whose status is not 2xx is an *Error.
func (c Client) Once(ctx context.Context, path string, header http.Header, body []byte) (Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint()+path, bytes.NewReader(body))
	if err != nil {
		return Response{}, err
	}
	r.Header = header.Clone()
	keys, err := c.Config.Credentials.Retrieve(ctx)
	if err != nil {
		return Response{}, fmt.Errorf("read the function's credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	if err := v4.NewSigner().SignHTTP(ctx, keys, r, hash, c.Service, c.Config.Region, time.Now()); err != nil {
		return Response{}, fmt.Errorf("sign the call: %w", err)
	}
	response, err := c.Config.HTTPClient.Do(r)
	if err != nil {
		return Response{}, err
	}
	defer func() { _ = response.Body.Close() }()
	limit := cmp.Or(c.Limit, maxResponse)
	text, err := io.ReadAll(io.LimitReader(response.Body, int64(limit)+1))
	if err != nil {
		return Response{}, err
	}
	if response.StatusCode/100 != 2 {
		return Response{}, &Error{
			Status: response.StatusCode, Code: code(response.Header, text),
			Request: response.Header.Get("X-Amzn-Requestid"),
		}
	}
	if len(text) > limit {
		return Response{}, errTooLarge
	}
	return Response{Header: response.Header, Body: text}, nil
}

var errTooLarge = errors.New("the response is larger than expected")

// suffixes are the domains of the partitions that do not use amazonaws.com.
var suffixes = [...]struct{ regions, suffix string }{
	{"cn-", "amazonaws.com.cn"}, {"eusc-", "amazonaws.eu"}, {"us-iso-", "c2s.ic.gov"}, {"us-isob-", "sc2s.sgov.gov"},
	{"us-isof-", "csp.hci.ic.gov"}, {"eu-isoe-", "cloud.adc-e.uk"},
}

// endpoint returns the endpoint override, or the service's endpoint in the
// client's Region.
func (c Client) endpoint() string {
	if c.Config.BaseEndpoint != nil {
		return strings.TrimSuffix(*c.Config.BaseEndpoint, "/")
	}
	suffix := "amazonaws.com"
	for _, partition := range suffixes {
		if strings.HasPrefix(c.Config.Region, partition.regions) {
			suffix = partition.suffix
		}
	}
	return "https://" + c.Service + "." + c.Config.Region + "." + suffix
}

// code returns AWS's code of an error: Lambda sends it in a header, SSM in the
// body, STS and IAM as XML. Anything that does not look like a code is dropped.
func code(header http.Header, body []byte) string {
	var fields struct {
		Type string `json:"__type"`
	}
	_ = json.Unmarshal(body, &fields) // a body that is not JSON names no code
	var answer struct {
		Code string `xml:"Error>Code"`
	}
	if fields.Type == "" && xml.Unmarshal(body, &answer) == nil {
		fields.Type = answer.Code
	}
	name, _, _ := strings.Cut(header.Get("X-Amzn-Errortype"), ":")
	if name == "" {
		name = fields.Type[strings.LastIndex(fields.Type, "#")+1:]
	}
	if len(name) > 64 || !regexp.MustCompile(`^[A-Za-z.]+$`).MatchString(name) {
		return ""
	}
	return name
}
