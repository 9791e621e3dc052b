package machine

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/wire"
)

const (
	buildRole = "arn:aws:iam::332000000000:role/ci/CodeBuildRole"
	audience  = "https://access.example.com/v1"
	thumb     = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
)

// world is the fake of AWS with one build role, and counts what STS is asked.
type world struct {
	*awsfake.Server
	url   string
	calls atomic.Int32
	keys  access.Credentials // of a session of the build role
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	w.Server = awsfake.New(awsfake.Options{OnCall: func(string) { w.calls.Add(1) }})
	w.keys = w.session(t, buildRole)
	server := httptest.NewServer(http.StripPrefix("/aws", w.AWS()))
	t.Cleanup(server.Close)
	w.url = server.URL + "/aws"
	return w
}

func (w *world) session(t *testing.T, role string) access.Credentials {
	t.Helper()
	// sts:GetCallerIdentity needs no permission, and no policy can deny it (docs/facts.md#a7).
	keys, err := w.FunctionCredentials(role,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (w *world) question() Question { return Question{Audience: audience, Key: thumb, Endpoint: w.url} }

func sdkKeys(c access.Credentials) aws.Credentials {
	return aws.Credentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretKey.Reveal(), SessionToken: c.SessionToken.Reveal(),
	}
}

// sign makes a proof as a machine does.
func (q Question) mustSign(t *testing.T, keys access.Credentials, region string, at time.Time) wire.AWSProof {
	t.Helper()
	p, err := q.Sign(t.Context(), region, sdkKeys(keys), at)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (q Question) check(ctx context.Context, p wire.AWSProof) (access.Machine, error) {
	return STS{Question: q, Client: NewClient(), Now: time.Now}.Machine(ctx, p)
}

func TestASessionOfARoleProvesItself(t *testing.T) {
	w := newWorld(t)
	q := w.question()
	got, err := q.check(t.Context(), q.mustSign(t, w.keys, "eu-west-1", time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	s := got.Role
	if s == nil || s.Account != "332000000000" || s.Name != "CodeBuildRole" || s.Partition != "aws" ||
		!access.IsRoleID(s.ID) || got.Check() != nil || got.Person().RefusedToAsk() != nil {
		t.Errorf("got %+v", s)
	}
	if n := w.calls.Load(); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

// forgery is a proof that must not be accepted: how it is made, and how it is changed.
type forgery struct {
	sign   func(*Question) // changes what the machine signs
	keys   func(w *world, t *testing.T) access.Credentials
	region string        // eu-west-1 if empty
	age    time.Duration // of the signature
	change func(*wire.AWSProof)
	code   string
	calls  int32 // that STS may get
}

var forgeries = map[string]forgery{
	"for another installation": {
		sign: func(q *Question) { q.Audience = "https://evil.example.com/v1" },
		code: "bad_proof", calls: 1,
	},
	"for no installation": {sign: func(q *Question) { q.Audience = "" }, code: "bad_proof", calls: 1},
	"for another key": {
		sign: func(q *Question) { q.Key = strings.ToUpper(thumb) },
		code: "bad_proof", calls: 1,
	},
	"for another endpoint": {sign: func(q *Question) { q.Endpoint = "" }, code: "bad_proof", calls: 1},
	"six minutes old":      {age: 6 * time.Minute, code: "old_proof"},
	"six minutes early":    {age: -6 * time.Minute, code: "old_proof"},
	"a day old":            {age: 24 * time.Hour, code: "old_proof"},
	"made younger": {
		age: 6 * time.Minute, change: func(p *wire.AWSProof) { p.Date = now() },
		code: "bad_proof", calls: 1,
	},
	"with another Region": {
		change: func(p *wire.AWSProof) { p.Region = "us-east-1" },
		code:   "bad_proof", calls: 1,
	},
	"with another signature": {
		change: func(p *wire.AWSProof) { p.Signature = strings.Repeat("0", 64) },
		code:   "bad_proof", calls: 1,
	},
	"with another token": {
		change: token("IQoJb3JpZ2luX2Vjxxxxxxxxxxxxxxxxxxxxxxxx"),
		code:   "bad_proof", calls: 1,
	},
	"with another key id": {
		change: func(p *wire.AWSProof) { p.KeyID = "ASIAAAAAAAAAAAAAAAAA" },
		code:   "bad_proof", calls: 1,
	},
	"of a user": {
		change: func(p *wire.AWSProof) { p.KeyID = "AKIA" + p.KeyID[4:] },
		code:   "bad_proof",
	},
	"without a token":            {change: token(""), code: "bad_proof"},
	"with a header in the token": {change: token("IQoJb3JpZ2luX2Vj\r\nX-Evil: 1"), code: "bad_proof"},
	"with a space in the token":  {change: token("IQoJb3JpZ2luX2Vj IQoJb3JpZ2luX2Vj"), code: "bad_proof"},
	"with a long token":          {change: token(strings.Repeat("I", maxToken+1)), code: "bad_proof"},
	"with headers in the key id": {
		change: func(p *wire.AWSProof) { p.KeyID += "/20261121/eu-west-1/sts/aws4_request, SignedHeaders=host" },
		code:   "bad_proof",
	},
	"with headers in the signature": {
		change: func(p *wire.AWSProof) { p.Signature += ", SignedHeaders=host" },
		code:   "bad_proof",
	},
	"with an upper-case signature": {
		change: func(p *wire.AWSProof) { p.Signature = strings.ToUpper(p.Signature) },
		code:   "bad_proof",
	},
	"with a short signature": {
		change: func(p *wire.AWSProof) { p.Signature = p.Signature[:63] },
		code:   "bad_proof",
	},
	"with a host as the Region": {change: func(p *wire.AWSProof) { p.Region = "evil.example.com" }, code: "bad_proof"},
	"with a path in the Region": {
		change: func(p *wire.AWSProof) { p.Region = "eu-west-1.evil.example.com/" },
		code:   "bad_proof",
	},
	"with a Region that is none": {change: func(p *wire.AWSProof) { p.Region = "eu-west-9" }, code: "bad_proof"},
	"with the global endpoint":   {change: func(p *wire.AWSProof) { p.Region = "aws-global" }, code: "bad_proof"},
	"with a Region of iso":       {change: func(p *wire.AWSProof) { p.Region = "us-iso-east-1" }, code: "bad_proof"},
	"without a Region":           {change: func(p *wire.AWSProof) { p.Region = "" }, code: "bad_proof"},
	"without a date":             {change: func(p *wire.AWSProof) { p.Date = "" }, code: "bad_proof"},
	"with a date that is none":   {change: func(p *wire.AWSProof) { p.Date = "20261399T256199Z" }, code: "bad_proof"},
	"with a date of another form": {
		change: func(p *wire.AWSProof) { p.Date = "2026-11-21T12:00:00Z" },
		code:   "bad_proof",
	},
	"with a line break in the date": {change: func(p *wire.AWSProof) { p.Date += "\n" }, code: "bad_proof"},
	"of nothing":                    {change: func(p *wire.AWSProof) { *p = wire.AWSProof{} }, code: "bad_proof"},
	"of keys that nobody has":       {keys: madeUp, code: "bad_proof", calls: 1},
	"of another partition": {
		keys: func(w *world, t *testing.T) access.Credentials {
			return w.session(t, "arn:aws-cn:iam::332000000000:role/ci/CodeBuildRole")
		},
		code: "proof_unchecked", calls: 1,
	},
}

func now() string { return time.Now().UTC().Format(timeForm) }

func token(text string) func(*wire.AWSProof) {
	return func(p *wire.AWSProof) { p.Token = access.NewSecret(text) }
}

func madeUp(*world, *testing.T) access.Credentials {
	return access.Credentials{
		AccessKeyID: "ASIAEXAMPLEEXAMPLE12", SecretKey: access.NewSecret("secret"),
		SessionToken: access.NewSecret("IQoJb3JpZ2luX2VjEXAMPLEEXAMPLE"),
	}
}

func TestAForgedProofIsRefused(t *testing.T) {
	for what, f := range forgeries {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			keys, region, q := w.keys, f.region, w.question()
			if f.keys != nil {
				keys = f.keys(w, t)
			}
			if region == "" {
				region = "eu-west-1"
			}
			signed := q
			if f.sign != nil {
				f.sign(&signed)
			}
			p := signed.mustSign(t, keys, region, time.Now().Add(-f.age))
			if f.change != nil {
				f.change(&p)
			}
			got, err := q.check(t.Context(), p)
			if access.Code(err) != f.code || got != (access.Machine{}) {
				t.Errorf("got %+v, %v; want %s", got, err, f.code)
			}
			if n := w.calls.Load(); n > f.calls {
				t.Errorf("STS was asked %d times", n)
			}
			checkSecrets(t, err, p)
		})
	}
}

// checkSecrets checks that an error, which is logged, repeats nothing of a proof.
func checkSecrets(t *testing.T, err error, p wire.AWSProof) {
	t.Helper()
	for _, secret := range []string{p.Token.Reveal(), p.Signature} {
		if len(secret) > 15 && strings.Contains(err.Error(), secret) {
			t.Errorf("the error repeats a secret: %v", err)
		}
	}
}

// Everything of a call that a machine could have signed differently: another service, action, method,
// body or header. All of it is made again here, so the signature does not fit.
func TestACallThatIsNotTheQuestionIsRefused(t *testing.T) {
	w := newWorld(t)
	q := w.question()
	for what, change := range map[string]func(*http.Request){
		"another action": func(r *http.Request) {
			r.Body = http.NoBody
			r.ContentLength = 0
		},
		"one more header":     func(r *http.Request) { r.Header.Set("Accept", "application/json") },
		"another header":      func(r *http.Request) { r.Header.Set(audienceHeader, "https://evil.example.com/v1") },
		"another path":        func(r *http.Request) { r.URL.Path += "/x" },
		"a query":             func(r *http.Request) { r.URL.RawQuery = "Action=AssumeRole" },
		"another method":      func(r *http.Request) { r.Method = http.MethodGet },
		"another host":        func(r *http.Request) { r.Host = "evil.example.com" },
		"another content":     func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"without the key":     func(r *http.Request) { r.Header.Del(keyHeader) },
		"with two audiences":  func(r *http.Request) { r.Header.Add(audienceHeader, "https://evil.example.com/v1") },
		"without an audience": func(r *http.Request) { r.Header.Del(audienceHeader) },
	} {
		p, err := q.signChanged(t, w.keys, change)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got, err := q.check(t.Context(), p); access.Code(err) != "bad_proof" {
			t.Errorf("%s: got %+v, %v", what, got, err)
		}
	}
	for _, service := range []string{"s3", "iam", "execute-api"} {
		p, err := q.signFor(t, w.keys, service)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := q.check(t.Context(), p); access.Code(err) != "bad_proof" {
			t.Errorf("service %s: got %+v, %v", service, got, err)
		}
	}
}

// The parts of the right answer.
const (
	arnPart     = "<Arn>arn:aws:sts::332000000000:assumed-role/CodeBuildRole/build-1</Arn>"
	idPart      = "<UserId>AROAEXAMPLEBUILDROLE1:build-1</UserId>"
	accountPart = "<Account>332000000000</Account>"
	namespace   = ` xmlns="https://sts.amazonaws.com/doc/2011-06-15/"`
)

func answerOf(parts string) string {
	return "<GetCallerIdentityResponse" + namespace + "><GetCallerIdentityResult>" + parts +
		"</GetCallerIdentityResult></GetCallerIdentityResponse>\n"
}

var rightAnswer = answerOf(arnPart + idPart + accountPart)

// stsAnswers are answers in place of that of STS, with the code of the refusal; "" for none.
var stsAnswers = map[string]struct {
	status int
	body   string
	code   string
}{
	"the right one":    {200, rightAnswer, ""},
	"in another order": {200, answerOf(accountPart + idPart + arnPart), ""},
	"a captive portal": {200, "<html><body>Sign in to the network</body></html>", "proof_unchecked"},
	"JSON": {
		200, `{"Arn":"arn:aws:sts::332000000000:assumed-role/CodeBuildRole/build-1"}`, "proof_unchecked",
	},
	"nothing": {200, "", "proof_unchecked"},
	"without a namespace": {
		200, strings.Replace(rightAnswer, namespace, "", 1),
		"proof_unchecked",
	},
	"two ARNs":           {200, answerOf(arnPart + arnPart + idPart + accountPart), "proof_unchecked"},
	"no ARN":             {200, answerOf(idPart + accountPart), "proof_unchecked"},
	"no account":         {200, answerOf(arnPart + idPart), "proof_unchecked"},
	"another account":    {200, answerOf(arnPart + idPart + "<Account>332000000001</Account>"), "proof_unchecked"},
	"something after it": {200, rightAnswer + rightAnswer, "proof_unchecked"},
	"too long":           {200, rightAnswer + strings.Repeat(" ", maxAnswer), "proof_unchecked"},
	"an entity": {
		200, `<!DOCTYPE x [<!ENTITY a "b">]>` + answerOf("<Arn>&a;</Arn>"+idPart+accountPart), "proof_unchecked",
	},
	"another answer": {
		200, strings.ReplaceAll(rightAnswer, "GetCallerIdentity", "GetSessionToken"), "proof_unchecked",
	},
	"accepted":              {202, rightAnswer, "proof_unchecked"},
	"a redirect":            {302, "", "proof_unchecked"},
	"a permanent redirect":  {308, "", "proof_unchecked"},
	"a bad gateway":         {502, "", "proof_unchecked"},
	"throttled":             {429, "", "proof_unchecked"},
	"throttled by its code": {400, "<Error><Code>Throttling</Code></Error>", "proof_unchecked"},
	"refused": {
		403, "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>", "bad_proof",
	},
	"expired": {400, "<Code>ExpiredToken</Code>", "bad_proof"},
	"a user": {200, answerOf("<Arn>arn:aws:iam::332000000000:user/joe</Arn>" +
		"<UserId>AIDAEXAMPLEUSER12345</UserId>" + accountPart), "not_a_role"},
	"the root user": {200, answerOf("<Arn>arn:aws:iam::332000000000:root</Arn>" +
		"<UserId>332000000000</UserId>" + accountPart), "not_a_role"},
	"a federated user": {200, answerOf("<Arn>arn:aws:sts::332000000000:federated-user/joe</Arn>" +
		"<UserId>332000000000:joe</UserId>" + accountPart), "not_a_role"},
	"another partition": {
		200, answerOf(strings.Replace(arnPart, "arn:aws:", "arn:aws-cn:", 1) + idPart + accountPart), "proof_unchecked",
	},
}

// STS has one right answer. Everything else is no machine.
func TestOnlyTheAnswerOfSTSCounts(t *testing.T) {
	for what, c := range stsAnswers {
		t.Run(what, func(t *testing.T) {
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			t.Cleanup(server.Close)
			q := Question{Audience: audience, Key: thumb, Endpoint: server.URL}
			p := q.mustSign(t, madeUp(nil, t), "eu-west-1", time.Now())
			got, err := q.check(t.Context(), p)
			if access.Code(err) != c.code || (err == nil) != (got.Role != nil) {
				t.Errorf("got %+v, %v; want %q", got, err, c.code)
			}
			if n := calls.Load(); n != 1 {
				t.Errorf("%d calls, want 1: a redirect must not be followed, and nothing repeated", n)
			}
			if err != nil {
				checkSecrets(t, err, p)
			}
		})
	}
}

func TestASTSThatDoesNotAnswerIsNoMachine(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	q := Question{Audience: audience, Key: thumb, Endpoint: server.URL}
	p := q.mustSign(t, madeUp(nil, t), "eu-west-1", time.Now())
	server.Close()
	if got, err := q.check(t.Context(), p); access.Code(err) != "proof_unchecked" {
		t.Errorf("got %+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := q.check(ctx, p); access.Code(err) != "proof_unchecked" {
		t.Errorf("cancelled: got %+v, %v", got, err)
	}
}

// Without an override, the call goes to the STS of the Region, by https.
func TestACallGoesToTheSTSOfItsRegion(t *testing.T) {
	text, err := os.ReadFile("../access/testdata/regions.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for line := range strings.Lines(string(text)) {
		row := strings.Fields(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		q := Question{Audience: audience, Key: thumb}
		r, err := q.call(t.Context(), row[0], time.Now(), access.NewSecret("token"))
		if strings.HasPrefix(row[1], "aws-iso") {
			if err == nil {
				t.Errorf("%s has the endpoint %s", row[0], r.URL)
			}
			continue
		}
		known++
		_, partition, _ := endpointOf(row[0])
		if err != nil || r.URL.String() != "https://sts."+row[0]+"."+row[2] || partition != row[1] {
			t.Errorf("%s: got %v of %s, %v", row[0], r, partition, err)
		}
	}
	listed := 0
	for _, p := range regions {
		listed += len(p.names)
	}
	if listed != known {
		t.Errorf("%d Regions are listed, and botocore knows %d", listed, known)
	}
}

// FuzzRebuild holds that no proof leads to another host, another body, or a header that is not expected.
func FuzzRebuild(f *testing.F) {
	f.Add("eu-west-1", "20261121T120000Z", "IQoJb3JpZ2luX2VjEXAMPLE", "ASIAEXAMPLEEXAMPLE12", strings.Repeat("a", 64))
	f.Add("eu-west-1\r\n", "20261121T120000Z", "x\r\nHost: evil", "ASIA, SignedHeaders=host", "")
	f.Fuzz(func(t *testing.T, region, date, token, keyID, signature string) {
		p := wire.AWSProof{Region: region, Date: date, Token: access.NewSecret(token), KeyID: keyID, Signature: signature}
		r, _, err := Question{Audience: audience, Key: thumb}.rebuild(t.Context(), p)
		if err != nil {
			return
		}
		address, _, _ := endpointOf(region)
		sent := r.Header.Get("Authorization") + r.Header.Get("X-Amz-Security-Token") + r.Header.Get("X-Amz-Date")
		if r.URL.String() != address || r.Method != http.MethodPost || r.ContentLength != int64(len(body)) ||
			len(r.Header) != 6 || strings.ContainsAny(sent, "\r\n") {
			t.Errorf("%q leads to %s %s with %v", p, r.Method, r.URL, r.Header)
		}
	})
}
