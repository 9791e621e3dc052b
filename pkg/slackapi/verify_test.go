package slackapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

var (
	noon   = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	secret = access.NewSecret("8f742231b10e8888abcd99yyyzzz85a5")
)

func signed(secret access.Secret, at time.Time, body string) http.Header {
	timestamp, signature := Sign(secret, at, []byte(body))
	return http.Header{TimestampHeader: {timestamp}, SignatureHeader: {signature}}
}

// The example of Slack's page "Verifying requests from Slack".
func TestTheExampleOfSlacksDocumentationVerifies(t *testing.T) {
	body := "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow" +
		"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner" +
		"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J" +
		"%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
		"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	header := http.Header{
		TimestampHeader: {"1531420618"},
		SignatureHeader: {"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"},
	}
	if err := Verify(secret, header, []byte(body), time.Unix(1531420618, 0)); err != nil {
		t.Errorf("got %v, want it to verify", err)
	}
}

func TestOnlyAFreshSignatureOverTheExactBytesVerifies(t *testing.T) {
	const body = "payload=%7B%7D"
	good := func() http.Header { return signed(secret, noon, body) }
	with := func(name string, values ...string) http.Header {
		h := good()
		h[name] = values
		return h
	}
	signature := good().Get(SignatureHeader)
	stamp := good().Get(TimestampHeader)
	for name, c := range map[string]struct {
		secret access.Secret
		header http.Header
		body   string
		now    time.Time
		ok     bool
	}{
		"as Slack sends it":             {secret, good(), body, noon, true},
		"five minutes old":              {secret, good(), body, noon.Add(Window), true},
		"five minutes early":            {secret, good(), body, noon.Add(-Window), true},
		"older than five minutes":       {secret, good(), body, noon.Add(Window + 1), false},
		"earlier than five minutes":     {secret, good(), body, noon.Add(-Window - 1), false},
		"another secret":                {access.NewSecret("other"), good(), body, noon, false},
		"no secret":                     {access.Secret{}, signed(access.Secret{}, noon, body), body, noon, false},
		"another body":                  {secret, good(), body + " ", noon, false},
		"no headers":                    {secret, nil, body, noon, false},
		"no signature":                  {secret, with(SignatureHeader), body, noon, false},
		"no timestamp":                  {secret, with(TimestampHeader), body, noon, false},
		"empty signature":               {secret, with(SignatureHeader, ""), body, noon, false},
		"two signatures":                {secret, with(SignatureHeader, signature, signature), body, noon, false},
		"two signatures in one value":   {secret, with(SignatureHeader, signature+","+signature), body, noon, false},
		"two timestamps":                {secret, with(TimestampHeader, stamp, stamp), body, noon, false},
		"two signatures, two spellings": {secret, with("x-slack-signature", signature), body, noon, false},
		"capital hex":                   {secret, with(SignatureHeader, strings.ToUpper(signature)), body, noon, false},
		"no version":                    {secret, with(SignatureHeader, signature[3:]), body, noon, false},
		"another version":               {secret, with(SignatureHeader, "v1"+signature[2:]), body, noon, false},
		"a cut signature":               {secret, with(SignatureHeader, signature[:40]), body, noon, false},
		"a signature that is longer":    {secret, with(SignatureHeader, signature+"0"), body, noon, false},
		"space around the timestamp":    {secret, with(TimestampHeader, " "+stamp), body, noon, false},
		"a plus sign":                   {secret, with(TimestampHeader, "+"+stamp), body, noon, false},
		"a leading zero":                {secret, with(TimestampHeader, "0"+stamp), body, noon, false},
		"a fraction":                    {secret, with(TimestampHeader, stamp+".0"), body, noon, false},
		"a word for a timestamp":        {secret, with(TimestampHeader, "now"), body, noon, false},
		"the largest number":            {secret, with(TimestampHeader, "9223372036854775807"), body, noon, false},
		"the smallest number":           {secret, with(TimestampHeader, "-9223372036854775808"), body, noon, false},
	} {
		err := Verify(c.secret, c.header, []byte(c.body), c.now)
		want := ErrSignature
		if c.ok {
			want = nil
		}
		if err != want { //nolint:errorlint // Verify returns this very error
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

func TestATimestampInAnotherSpellingIsRefusedEvenIfSigned(t *testing.T) {
	seconds := strconv.FormatInt(noon.Unix(), 10)
	for _, spelling := range []string{"+" + seconds, "0" + seconds, " " + seconds, seconds + "\n", seconds + "e0"} {
		header := http.Header{TimestampHeader: {spelling}, SignatureHeader: {sign(secret, spelling, nil)}}
		if err := Verify(secret, header, nil, noon); !errors.Is(err, ErrSignature) {
			t.Errorf("%q: got %v, want %v", spelling, err, ErrSignature)
		}
	}
}

func FuzzVerify(f *testing.F) {
	stamp, signature := Sign(secret, noon, []byte("body"))
	f.Add(stamp, signature, []byte("body"), int64(0))
	f.Add(stamp, signature, []byte("body"), int64(301))
	f.Add("0", "v0=", []byte{0xff}, int64(-1))
	f.Add("-62135596800", "v0=00", []byte(nil), int64(1)<<62)
	f.Fuzz(func(t *testing.T, stamp, signature string, body []byte, late int64) {
		now := time.Unix(noon.Unix()+late, 0)
		got := Verify(secret, http.Header{TimestampHeader: {stamp}, SignatureHeader: {signature}}, body, now)
		if got != nil && got != ErrSignature { //nolint:errorlint // Verify returns this very error
			t.Fatalf("got %v, want %v", got, ErrSignature)
		}
		mac := hmac.New(sha256.New, []byte(secret.Reveal()))
		_, _ = fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
		right := signature == fmt.Sprintf("v0=%x", mac.Sum(nil))
		seconds, err := strconv.ParseInt(stamp, 10, 64)
		if age := now.Unix() - seconds; got == nil && (!right || err != nil || age > 300 || age < -300) {
			t.Fatalf("verified %q %q %q at %s", stamp, signature, body, now)
		}
	})
}
