package awsfake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// signature is the signature of a request, with everything that the request says
// about how it was made (AWS Signature Version 4).
type signature struct {
	keyID, date, region, service string   // the credential scope
	headers                      []string // names of the signed headers: lower case, sorted
	sum                          string   // the signature itself: 64 hex digits
	signed                       time.Time
	expires                      time.Duration // X-Amz-Expires of a presigned URL; 0 for a signed header
	token                        string
}

const (
	algorithm  = "AWS4-HMAC-SHA256"
	amzTime    = "20060102T150405Z"
	maxSkew    = 15 * time.Minute   // STS and S3 refuse a request that is older or newer
	maxPresign = 7 * 24 * time.Hour // the limit for X-Amz-Expires
)

// errUnsigned says that a request carries no signature at all.
var errUnsigned = errors.New("the request is not signed")

// readSignature finds the signature in the Authorization header or the query.
func readSignature(r *http.Request) (signature, error) {
	query, err := readQuery(r.URL.RawQuery)
	if err != nil {
		return signature{}, err
	}
	header := r.Header.Get("Authorization")
	switch {
	case header != "" && query.get("X-Amz-Algorithm") != "":
		return signature{}, errors.New("only one authentication mechanism is allowed")
	case header != "":
		s, err := parseAuthorization(header)
		if err != nil {
			return signature{}, err
		}
		s.token = r.Header.Get("X-Amz-Security-Token")
		s.signed, err = readAmzTime(r.Header.Get("X-Amz-Date"))
		return s, errors.Join(err, s.complete("x-amz-date", r.Header))
	case query.get("X-Amz-Algorithm") != "":
		return presigned(query)
	}
	return signature{}, errUnsigned
}

var (
	scopePattern = regexp.MustCompile(`^([A-Z0-9]{16,128})/([0-9]{8})/([a-z0-9-]{1,64})/([a-z0-9-]{1,64})/aws4_request$`)
	sumPattern   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	headerName   = regexp.MustCompile(`^[a-z0-9!#$%&'*+.^_|~-]{1,128}$`)
)

// parseAuthorization reads the three parts of the header, in any order.
func parseAuthorization(header string) (signature, error) {
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return signature{}, errors.New("the Authorization header does not begin with " + algorithm)
	}
	parts := map[string]string{}
	for _, part := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := parts[name]; twice {
			return signature{}, fmt.Errorf("the Authorization header has %q twice", name)
		}
		parts[name] = value
	}
	return newSignature(parts["Credential"], parts["SignedHeaders"], parts["Signature"])
}

func newSignature(scope, headers, sum string) (signature, error) {
	fields := scopePattern.FindStringSubmatch(scope)
	switch {
	case fields == nil:
		return signature{}, errors.New("the Credential is not KEY/DATE/REGION/SERVICE/aws4_request")
	case !sumPattern.MatchString(sum):
		return signature{}, errors.New("the Signature is not 64 hex digits")
	}
	s := signature{
		keyID: fields[1], date: fields[2], region: fields[3], service: fields[4],
		headers: strings.Split(headers, ";"), sum: sum,
	}
	for i, name := range s.headers {
		if !headerName.MatchString(name) || i > 0 && s.headers[i-1] >= name {
			return signature{}, errors.New("the SignedHeaders are not sorted names in lower case")
		}
	}
	return s, nil
}

// complete returns an error if a header that must be signed is not. date is the
// name of the header with the time of the request, "" for a presigned URL.
func (s signature) complete(date string, h http.Header) error {
	needed := []string{"host"}
	if date != "" {
		needed = append(needed, date)
	}
	if h.Get("X-Amz-Security-Token") != "" {
		needed = append(needed, "x-amz-security-token")
	}
	for _, name := range needed {
		if !slices.Contains(s.headers, name) {
			return fmt.Errorf("%s must be a signed header", name)
		}
	}
	if s.signed.Format("20060102") != s.date && !s.signed.IsZero() {
		return errors.New("the date in the Credential is not the date of the request")
	}
	return nil
}

func readAmzTime(value string) (time.Time, error) {
	t, err := time.Parse(amzTime, value)
	if err != nil {
		return time.Time{}, errors.New("the request has no X-Amz-Date of the form YYYYMMDD'T'HHMMSS'Z'")
	}
	return t, nil
}

// presigned reads the signature from the query of a presigned URL.
func presigned(q query) (signature, error) {
	if q.get("X-Amz-Algorithm") != algorithm {
		return signature{}, errors.New("X-Amz-Algorithm is not " + algorithm)
	}
	s, err := newSignature(q.get("X-Amz-Credential"), q.get("X-Amz-SignedHeaders"), q.get("X-Amz-Signature"))
	if err != nil {
		return signature{}, err
	}
	if s.signed, err = readAmzTime(q.get("X-Amz-Date")); err != nil {
		return signature{}, err
	}
	expires := q.get("X-Amz-Expires")
	if expires == "" && s.service != "s3" {
		expires = "900" // the default of STS: 15 minutes
	}
	seconds, err := strconv.Atoi(expires)
	s.expires = time.Duration(seconds) * time.Second
	if err != nil || seconds < 1 || seconds > int(maxPresign/time.Second) {
		return signature{}, errors.New("X-Amz-Expires is not between 1 second and 7 days")
	}
	s.token = q.get("X-Amz-Security-Token")
	return s, s.complete("", http.Header{})
}

// fresh checks the age of a request by real time, because clients sign with real
// time and do not know the sandbox's clock.
func (s signature) fresh(now time.Time) error {
	until := s.signed.Add(maxSkew)
	if s.expires > 0 {
		until = s.signed.Add(s.expires)
	}
	switch {
	case now.After(until):
		return fmt.Errorf("signature expired: %s is now earlier than %s",
			s.signed.Format(amzTime), now.UTC().Add(-maxSkew).Format(amzTime))
	case s.signed.After(now.Add(maxSkew)):
		return fmt.Errorf("signature not yet current: %s is still later than %s",
			s.signed.Format(amzTime), now.UTC().Add(maxSkew).Format(amzTime))
	}
	return nil
}

// matches reports whether the request is the one that was signed with the secret.
// It uses the path that the client sent, before any handler stripped a prefix.
func (s signature) matches(r *http.Request, secret string, body []byte) bool {
	canonical := s.canonical(r, body)
	if canonical == "" {
		return false
	}
	scope := s.date + "/" + s.region + "/" + s.service + "/aws4_request"
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{algorithm, s.signed.Format(amzTime), scope, hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request"} {
		key = mac(key, part)
	}
	return hmac.Equal([]byte(hex.EncodeToString(mac(key, text))), []byte(s.sum))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(text))
	return h.Sum(nil)
}

// canonical returns the canonical request, whose hash was signed. It is "" if the
// request's address cannot be read.
func (s signature) canonical(r *http.Request, body []byte) string {
	target, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(target, "/") {
		return ""
	}
	q, err := readQuery(r.URL.RawQuery)
	if err != nil {
		return ""
	}
	lines := []string{r.Method, s.path(target), q.canonical()}
	for _, name := range s.headers {
		lines = append(lines, name+":"+headerValue(r, name))
	}
	lines = append(lines, "", strings.Join(s.headers, ";"), s.payload(r, body))
	return strings.Join(lines, "\n")
}

// path returns the canonical path: encoded once for S3; encoded twice, without
// "." and "..", for all other services.
func (s signature) path(target string) string {
	if s.service == "s3" {
		plain, err := url.PathUnescape(target)
		if err != nil {
			return target
		}
		return encode(plain, "/")
	}
	clean := path.Clean(target)
	if strings.HasSuffix(target, "/") && clean != "/" {
		clean += "/"
	}
	return encode(clean, "/")
}

func headerValue(r *http.Request, name string) string {
	values := r.Header.Values(name)
	switch {
	case name == "host":
		values = []string{r.Host}
	case name == "content-length" && len(values) == 0:
		values = []string{strconv.FormatInt(r.ContentLength, 10)}
	}
	clean := make([]string, 0, len(values))
	for _, v := range values {
		clean = append(clean, strings.Join(strings.Fields(v), " "))
	}
	return strings.Join(clean, ",")
}

// payload returns the hash of the body that was signed. If a header gives the
// hash, checkBody compares it with the body.
func (s signature) payload(r *http.Request, body []byte) string {
	if hash := r.Header.Get("X-Amz-Content-Sha256"); hash != "" {
		return hash
	}
	if s.service == "s3" && s.expires > 0 {
		return unsignedPayload
	}
	return hexSum(body)
}

const unsignedPayload = "UNSIGNED-PAYLOAD"

func hexSum(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// query is a query string in the order in which it was sent.
type query []struct{ name, value string }

// readQuery parses a query string. A "+" stays a plus sign, as in the signing
// process.
func readQuery(raw string) (query, error) {
	var q query
	for _, pair := range strings.Split(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		n, err := url.PathUnescape(name)
		if err != nil {
			return nil, errors.New("the query cannot be read")
		}
		v, err := url.PathUnescape(value)
		if err != nil {
			return nil, errors.New("the query cannot be read")
		}
		q = append(q, struct{ name, value string }{n, v})
	}
	return q, nil
}

// get returns the first value of a name, "" if there is none.
func (q query) get(name string) string {
	for _, p := range q {
		if p.name == name {
			return p.value
		}
	}
	return ""
}

func (q query) canonical() string {
	pairs := make([]string, 0, len(q))
	for _, p := range q {
		if p.name != "X-Amz-Signature" {
			pairs = append(pairs, encode(p.name, "")+"="+encode(p.value, ""))
		}
	}
	slices.SortFunc(pairs, func(a, b string) int {
		nameA, valueA, _ := strings.Cut(a, "=")
		nameB, valueB, _ := strings.Cut(b, "=")
		if nameA != nameB {
			return strings.Compare(nameA, nameB)
		}
		return strings.Compare(valueA, valueB)
	})
	return strings.Join(pairs, "&")
}

// encode is AWS's percent-encoding. It leaves A-Z, a-z, 0-9, "-._~" and the
// characters of keep as they are.
func encode(value, keep string) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		letter := c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if letter || c >= '0' && c <= '9' || strings.IndexByte("-._~"+keep, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
