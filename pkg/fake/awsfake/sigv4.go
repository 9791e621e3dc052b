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

// signature is what a request says of how it was signed (Signature Version 4).
type signature struct {
	keyID, date, region, service string   // the credential scope
	headers                      []string // signed ones, lower case, sorted
	sum                          string   // 64 hex digits
	signed                       time.Time
	life                         time.Duration // of a presigned address; 0 for a signed header
	token                        string
}

const (
	algorithm  = "AWS4-HMAC-SHA256"
	amzTime    = "20060102T150405Z"
	maxSkew    = 15 * time.Minute   // STS and S3 take no request that is older or newer
	maxPresign = 7 * 24 * time.Hour // the longest X-Amz-Expires
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

// parseAuthorization reads the header's three parts, in whatever order they
// stand.
func parseAuthorization(header string) (signature, error) {
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return signature{}, errors.New("the Authorization header is not of " + algorithm)
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
	s := signature{keyID: fields[1], date: fields[2], region: fields[3], service: fields[4], headers: strings.Split(headers, ";"), sum: sum}
	for i, name := range s.headers {
		if !headerName.MatchString(name) || i > 0 && s.headers[i-1] >= name {
			return signature{}, errors.New("the SignedHeaders are not names in lower case and in order")
		}
	}
	return s, nil
}

// complete says what must be signed and is not.
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
		return errors.New("the date of the Credential is not that of the request")
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
	life := q.get("X-Amz-Expires")
	if life == "" && s.service != "s3" {
		life = "900" // STS takes an address without a life for its own 15 minutes
	}
	seconds, err := strconv.Atoi(life)
	s.life = time.Duration(seconds) * time.Second
	if err != nil || seconds < 1 || seconds > int(maxPresign/time.Second) {
		return signature{}, errors.New("X-Amz-Expires is not between 1 second and 7 days")
	}
	s.token = q.get("X-Amz-Security-Token")
	return s, s.complete("", http.Header{})
}

// fresh judges a request's age by real time: clients cannot know the clock that
// the rest goes by.
func (s signature) fresh(now time.Time) error {
	until := s.signed.Add(maxSkew)
	if s.life > 0 {
		until = s.signed.Add(s.life)
	}
	switch {
	case now.After(until):
		return fmt.Errorf("signature expired: %s is now earlier than %s", s.signed.Format(amzTime), now.UTC().Add(-maxSkew).Format(amzTime))
	case s.signed.After(now.Add(maxSkew)):
		return fmt.Errorf("signature not yet current: %s is still later than %s", s.signed.Format(amzTime), now.UTC().Add(maxSkew).Format(amzTime))
	}
	return nil
}

// holds says whether the request is the one that was signed with the secret.
// The path is what the client sent, whatever was stripped of it since.
func (s signature) holds(r *http.Request, secret string, body []byte) bool {
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

// canonical is the text that was signed, "" if the request has no such text.
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

// path is encoded once for S3, and twice and without dots for everybody else.
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

// payload is the hash that was signed. That a hash in the header is the body's
// is checked by whoever reads the body.
func (s signature) payload(r *http.Request, body []byte) string {
	if hash := r.Header.Get("X-Amz-Content-Sha256"); hash != "" {
		return hash
	}
	if s.service == "s3" && s.life > 0 {
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

// readQuery takes "+" for itself, as signing does.
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

// encode is AWS's percent-encoding: all but A-Z, a-z, 0-9, "-._~" and keep.
func encode(value, keep string) string {
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-._~"+keep, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
