package sandboxtest

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/machine"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Program calls the sandbox's /v1, as the command does: for a device of a person, or
// for a machine.
type Program struct {
	B      *Sandbox
	Caller wire.Caller
	// Prove adds the proof of a machine to a payload; nil for a device.
	Prove func(*wire.Payload)
	// Credentials are those of a machine in AWS.
	Credentials aws.Credentials
	// Endpoint is the address of STS for which a machine in AWS signs; "" for that of its Region.
	Endpoint string
	// Now is the time that the program takes for the present one.
	Now func() time.Time
}

// NewProgram makes a program with a key of its own, which is no device yet.
func NewProgram(b *Sandbox) *Program {
	b.T.Helper()
	key, err := wire.NewPrivateKey()
	if err != nil {
		b.T.Fatal(err)
	}
	server, err := wire.ParseURL(b.State().URL)
	if err != nil {
		b.T.Fatal(err)
	}
	return &Program{B: b, Caller: wire.Caller{Server: server, Key: key}, Now: b.World().Clock.Now}
}

// loginCode is the code in the message that /aws-access login leads to.
var loginCode = regexp.MustCompile(`\b[0-9A-Z]{5}(?:-[0-9A-Z]{1,5}){5}\b`)

// Code asks for a pairing code as a person, and reads it in the private message.
func (b *Sandbox) Code(as string) wire.PairingCode {
	b.T.Helper()
	hasCode := IsPrivate(as, loginCode)
	seen := Count(b.State().Messages, hasCode)
	b.Command(as, "/aws-access login")
	text := b.Await("message with a code for "+as, seen, hasCode).Text
	code, err := wire.ParsePairingCode(access.NewSecret(loginCode.FindString(text)))
	if err != nil {
		b.T.Fatalf("%v in %q", err, text)
	}
	return code
}

// NewDevice makes a program that is a paired computer of a person.
func NewDevice(b *Sandbox, owner string) *Program {
	b.T.Helper()
	p := NewProgram(b)
	if status, refused := p.Pair(b.Code(owner)); status != http.StatusOK {
		b.T.Fatalf("pair: got %d %+v", status, refused)
	}
	return p
}

// NewMachine makes a program that runs under a role in AWS.
func NewMachine(b *Sandbox, order string) *Program {
	b.T.Helper()
	p := NewProgram(b)
	p.Endpoint = b.URL + "/aws"
	var keys struct {
		AccessKeyId, SecretAccessKey, SessionToken string
	}
	if err := json.Unmarshal([]byte(b.Do("machines", order)), &keys); err != nil {
		b.T.Fatal(err)
	}
	p.Credentials = aws.Credentials{
		AccessKeyID: keys.AccessKeyId, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken,
	}
	p.Prove = func(payload *wire.Payload) {
		q := machine.Question{
			Audience: p.Caller.Server.Address, Key: p.Caller.Key.Public().Thumbprint(), Endpoint: p.Endpoint,
		}
		proof, err := q.Sign(b.T.Context(), "eu-west-1", p.Credentials, time.Now())
		if err != nil {
			b.T.Fatal(err)
		}
		payload.AWS = &proof
	}
	return p
}

// NewPipeline makes a program of a pipeline, with a token of these claims for each call.
func NewPipeline(b *Sandbox, claims map[string]any) *Program {
	b.T.Helper()
	p := NewProgram(b)
	p.Prove = func(payload *wire.Payload) {
		q := machine.Question{Audience: p.Caller.Server.Address, Key: p.Caller.Key.Public().Thumbprint()}
		order, err := json.Marshal(map[string]any{"claims": claims, "aud": q.TokenAudience()})
		if err != nil {
			b.T.Fatal(err)
		}
		var answer struct{ Token string }
		if err := json.Unmarshal([]byte(b.Do("oidc", string(order))), &answer); err != nil {
			b.T.Fatal(err)
		}
		payload.OIDC = access.NewSecret(answer.Token)
	}
	return p
}

// Pair makes the program's key a device. The refusal is empty if it is one now.
func (p *Program) Pair(code wire.PairingCode) (status int, refused wire.Refusal) {
	p.B.T.Helper()
	sent, err := p.Caller.Pair(code, "laptop of a test", p.Now())
	if err != nil {
		p.B.T.Fatal(err)
	}
	return refusalIn(p, p.Send(sent))
}

// Sign signs a call, with the proof of a machine.
func (p *Program) Sign(payload wire.Payload) *wire.Sent {
	p.B.T.Helper()
	if p.Prove != nil {
		p.Prove(&payload)
	}
	sent, err := p.Caller.Sign(payload, p.Now())
	if err != nil {
		p.B.T.Fatal(err)
	}
	return sent
}

// Post sends a call and returns what comes back, signed or not.
func (p *Program) Post(sent *wire.Sent) wire.Response {
	p.B.T.Helper()
	r, err := http.NewRequest(http.MethodPost, p.Caller.Server.Address, strings.NewReader(sent.Body.Reveal()))
	if err != nil {
		p.B.T.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/jose")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.B.T.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.B.T.Fatal(err)
	}
	return wire.Response{
		Status: answer.StatusCode, Signature: answer.Header.Get(wire.SignatureHeader), Body: string(text),
	}
}

// Send sends a call, whose answer must be signed.
func (p *Program) Send(sent *wire.Sent) wire.Answer {
	p.B.T.Helper()
	response := p.Post(sent)
	answer, err := sent.Read(response)
	if err != nil {
		p.B.T.Fatalf("read the answer %d %.200s: %v", response.Status, response.Body, err)
	}
	return answer
}

// Do makes a call, whose answer must be signed.
func (p *Program) Do(payload wire.Payload) wire.Answer {
	p.B.T.Helper()
	return p.Send(p.Sign(payload))
}

// Asks asks for a role, and returns status and request.
func (p *Program) Asks(account, role, length string) (status int, grant wire.Grant, refused wire.Refusal) {
	p.B.T.Helper()
	answer := p.Do(wire.Payload{Op: wire.Request, Account: account, Role: role, Length: length, Reason: "for the test"})
	status, refused = refusalIn(p, answer)
	if refused.Code == "" {
		if err := answer.Decode(&grant); err != nil {
			p.B.T.Fatal(err)
		}
	}
	return status, grant, refused
}

// Keys asks for keys, and returns them or a refusal.
func (p *Program) Keys(account, role string) (keys wire.SessionKeys, status int, refused wire.Refusal) {
	p.B.T.Helper()
	answer := p.Do(wire.Payload{Op: wire.Keys, Account: account, Role: role})
	if status, refused = refusalIn(p, answer); status != http.StatusOK {
		return keys, status, refused
	}
	keys, err := answer.Keys()
	if err != nil {
		p.B.T.Fatal(err)
	}
	return keys, status, refused
}

// refusalIn reads status and refusal of an answer.
func refusalIn(p *Program, a wire.Answer) (status int, refused wire.Refusal) {
	p.B.T.Helper()
	if a.Status == http.StatusOK || a.Status == http.StatusAccepted {
		return a.Status, refused
	}
	if err := a.Decode(&refused); err != nil {
		p.B.T.Fatal(err)
	}
	return a.Status, refused
}
