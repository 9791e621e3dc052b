package wire

import (
	"crypto/ecdh"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/aws-access/aws-access/pkg/access"
)

// Op is what a call asks for.
type Op string

// The operations.
const (
	Options Op = "options" // the accounts and roles that the caller may ask for
	Request Op = "request" // ask for a role
	List    Op = "list"    // the caller's requests
	Status  Op = "status"  // one request of the caller, or those that are not closed
	Cancel  Op = "cancel"  // take back a pending request
	End     Op = "end"     // give back a grant
	Keys    Op = "keys"    // keys of a session, sealed
	Console Op = "console" // a console link, sealed
	Pair    Op = "pair"    // make the signing key a device
	Devices Op = "devices" // the caller's devices
	Unpair  Op = "unpair"  // remove a device
)

// Payload is what a call asks for. Each operation has its own fields; all others must be empty.
type Payload struct {
	Op Op

	Account string // request, keys, console: id or name
	Role    string // request, keys, console
	Length  string // request: as people write it, such as 2h; not if Automatic
	Reason  string // request
	Ticket  string // request; optional, and not if Automatic
	ID      string // of a request: cancel and end, and status, where it is optional
	SealTo  string // keys, console: X25519 public key made for this call, in base64url
	Device  string // unpair: thumbprint
	Name    string // pair: what the computer is called; optional
	CodeKey string // pair: Ed25519 public key of the pairing code, in base64url
	Proof   string // pair: Ed25519 signature by the code's key, in base64url

	// Automatic, of a request, means that a program asks without a person. The server then takes the
	// step only where that asks nobody.
	Automatic bool

	// AnswerKey is the thumbprint of the answer key that the caller pinned. Vend signs with it, if
	// it still has it. Optional.
	AnswerKey string

	// A machine proves who it is by one of these. Whether the proof is true is not checked here.
	AWS  *AWSProof
	OIDC access.Secret // a token of the machine's issuer
}

// AWSProof is what vend needs to rebuild a signed sts:GetCallerIdentity.
type AWSProof struct {
	Region    string        // of the STS endpoint
	Date      string        // X-Amz-Date, such as 20261126T120000Z
	Token     access.Secret // X-Amz-Security-Token
	KeyID     string        // access key id of a session
	Signature string        // of Signature Version 4, in lower-case hex
}

// Machine reports whether a machine calls, and not a device of a person.
func (p Payload) Machine() bool { return p.AWS != nil || !p.OIDC.Empty() }

// sealed reports whether the answer holds keys or a link.
func (p Payload) sealed() bool { return p.Op == Keys || p.Op == Console }

// embedsKey reports whether the call carries its key, because no table has it.
func (p Payload) embedsKey() bool { return p.Op == Pair || p.Machine() }

// automatic are the fields of a request that a program makes by itself, beside "automatic": true.
var automatic = []string{"account", "role", "reason"}

// fields says which fields an operation must have and may have, and whether machines may use it.
var fields = map[Op]struct {
	must, may []string
	machines  bool
}{
	Options: {},
	List:    {},
	Devices: {},
	Request: {must: []string{"account", "role", "length", "reason"}, may: []string{"ticket"}, machines: true},
	Status:  {may: []string{"id"}, machines: true},
	Cancel:  {must: []string{"id"}, machines: true},
	End:     {must: []string{"id"}, machines: true},
	Keys:    {must: []string{"account", "role", "seal_to"}, machines: true},
	Console: {must: []string{"account", "role", "seal_to"}},
	Pair:    {must: []string{"code_key", "proof"}, may: []string{"name"}},
	Unpair:  {must: []string{"device"}},
}

// Limits of single fields. Slack has the same ones for reason and ticket.
const (
	maxName   = 200 // characters of an account's name
	maxLength = 100 // bytes of a length of time, as policy.ParseLength reads
	maxTicket = 100 // characters, as policy.MaxTicketText
	maxDevice = 64  // bytes of a device's name
	maxToken  = 8 << 10
)

var (
	roleForm      = formOf(`^[A-Za-z0-9_+=,.@-]{1,64}$`) // as the policy may name roles
	lengthForm    = formOf(`^[A-Za-z0-9., ]+$`)
	idForm        = formOf(`^[A-Za-z0-9]{1,100}$`)
	deviceForm    = formOf(`^[A-Za-z0-9]([A-Za-z0-9 ._-]*[A-Za-z0-9])?$`)
	regionForm    = formOf("^" + access.RegionPattern + "$")
	dateForm      = formOf(`^[0-9]{8}T[0-9]{6}Z$`)
	keyIDForm     = formOf(`^ASIA[A-Z0-9]{12,28}$`)
	signatureForm = formOf(`^[0-9a-f]{64}$`)
	tokenForm     = formOf(`^[A-Za-z0-9+/=_-]+$`)
	jwtForm       = formOf(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)
)

// texts are the fields of a payload that are plain text.
var texts = []struct {
	name string
	at   func(*Payload) *string
	fits func(string) bool
}{
	{"account", func(p *Payload) *string { return &p.Account }, func(s string) bool { return isLine(s, maxName) }},
	{"role", func(p *Payload) *string { return &p.Role }, roleForm.match},
	{"length", func(p *Payload) *string { return &p.Length },
		func(s string) bool { return len(s) <= maxLength && lengthForm.match(s) }},
	{"reason", func(p *Payload) *string { return &p.Reason }, isReason},
	{"ticket", func(p *Payload) *string { return &p.Ticket }, func(s string) bool { return isLine(s, maxTicket) }},
	{"id", func(p *Payload) *string { return &p.ID }, idForm.match},
	{"seal_to", func(p *Payload) *string { return &p.SealTo }, isSealKey},
	{"device", func(p *Payload) *string { return &p.Device }, isThumbprint},
	{"name", func(p *Payload) *string { return &p.Name },
		func(s string) bool { return len(s) <= maxDevice && deviceForm.match(s) }},
	{"code_key", func(p *Payload) *string { return &p.CodeKey }, func(s string) bool { return is64(s, 32) }},
	{"proof", func(p *Payload) *string { return &p.Proof }, func(s string) bool { return is64(s, 64) }},
	{"answer_key", func(p *Payload) *string { return &p.AnswerKey }, isThumbprint},
}

// formHints say which form a field has, where people type it.
var formHints = map[string]string{
	"account": "; it is an id of twelve digits, or a name of at most 200 characters in one line",
	"role":    "; it has 1 to 64 letters, digits and _+=,.@-",
	"length":  "; it is a length of time such as 30m, 2h or 1h30m",
	"reason":  "; it has at most 3,000 characters, and none that cannot be seen",
	"ticket":  "; it is one line of at most 100 characters",
}

// ParsePayload reads a payload. Fields that the operation does not have are refused, and so are
// fields that are empty, too long or malformed.
//
// Errors have the code bad_payload.
func ParsePayload(text []byte) (Payload, error) {
	members, err := object(text)
	if err != nil {
		return Payload{}, badPayload("its payload cannot be read: " + err.Error())
	}
	op, _ := textOf(members["op"])
	p := Payload{Op: Op(op)}
	spec, known := fields[p.Op]
	if !known {
		return Payload{}, badPayload("its op is missing or not known")
	}
	delete(members, "op")
	if err := p.readMachine(members, spec.machines); err != nil {
		return Payload{}, err
	}
	if text, there := members["automatic"]; there && p.Op == Request {
		if string(text) != "true" {
			return Payload{}, badPayload("its automatic is not true")
		}
		p.Automatic, spec.must, spec.may = true, automatic, nil
		delete(members, "automatic")
	}
	if !onlyNames(members, slices.Concat(spec.must, spec.may, []string{"answer_key"})) {
		return Payload{}, badPayload("it has a field that " + op + " does not have")
	}
	for _, f := range texts {
		value, there := members[f.name]
		if !there {
			continue
		}
		text, ok := textOf(value)
		if !ok || !f.fits(text) {
			return Payload{}, badPayload("its " + f.name + " is empty, too long or malformed" + formHints[f.name])
		}
		*f.at(&p) = text
	}
	for _, name := range spec.must {
		if members[name] == nil {
			return Payload{}, badPayload("it has no " + name)
		}
	}
	return p, nil
}

// readMachine takes the proof of a machine out of the members.
func (p *Payload) readMachine(members map[string]json.RawMessage, allowed bool) error {
	aws, byAWS := members["aws"]
	oidc, byOIDC := members["oidc"]
	switch {
	case !byAWS && !byOIDC:
		return nil
	case byAWS && byOIDC:
		return badPayload("it has two proofs of a machine, aws and oidc")
	case !allowed:
		return badPayload("a machine cannot ask for " + string(p.Op))
	}
	delete(members, "aws")
	delete(members, "oidc")
	if byAWS {
		return p.readAWS(aws)
	}
	token, ok := textOf(oidc)
	if !ok || len(token) > maxToken || !jwtForm.match(token) {
		return badPayload("its oidc is not a compact JWS of a token")
	}
	p.OIDC = access.NewSecret(token)
	return nil
}

func (p *Payload) readAWS(value json.RawMessage) error {
	members, err := object(value)
	if err != nil {
		return badPayload("its aws cannot be read: " + err.Error())
	}
	proof, token := &AWSProof{}, ""
	parts := []struct {
		name string
		into *string
		form form
	}{
		{"region", &proof.Region, regionForm}, {"date", &proof.Date, dateForm}, {"token", &token, tokenForm},
		{"key_id", &proof.KeyID, keyIDForm}, {"signature", &proof.Signature, signatureForm},
	}
	for _, part := range parts {
		text, ok := textOf(members[part.name])
		if !ok || len(text) > maxToken || !part.form.match(text) {
			return badPayload("the " + part.name + " of its aws is missing, too long or malformed")
		}
		*part.into = text
	}
	if len(members) != len(parts) {
		return badPayload("its aws has a field that is not known")
	}
	proof.Token = access.NewSecret(token)
	p.AWS = proof
	return nil
}

// encode writes the payload that ParsePayload reads. It is the only place that reveals the tokens of
// a machine to the wire.
func (p Payload) encode() ([]byte, error) {
	members := map[string]any{"op": p.Op}
	for _, f := range texts {
		if text := *f.at(&p); text != "" {
			members[f.name] = text
		}
	}
	if p.Automatic {
		members["automatic"] = true
	}
	if p.AWS != nil {
		members["aws"] = map[string]string{"region": p.AWS.Region, "date": p.AWS.Date, "token": p.AWS.Token.Reveal(),
			"key_id": p.AWS.KeyID, "signature": p.AWS.Signature}
	}
	if !p.OIDC.Empty() {
		members["oidc"] = p.OIDC.Reveal()
	}
	text, err := json.Marshal(members)
	if err != nil {
		return nil, badPayload("it cannot be written")
	}
	_, err = ParsePayload(text) // a caller learns what is wrong before it sends anything
	return text, err
}

// isLine reports whether text is one line of at most limit characters that can all be seen, without
// spaces around it. The compiler of the policy accepts no other name of an account.
func isLine(text string, limit int) bool {
	return text != "" && utf8.RuneCountInString(text) <= limit && text == strings.TrimSpace(text) &&
		!strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsGraphic(c) || c == unicode.ReplacementChar })
}

// isReason reports whether text is a reason that an approver can read. Persian, Arabic and emoji need
// some characters that cannot be seen; those that change the order of other text are refused.
func isReason(text string) bool {
	return strings.TrimSpace(text) != "" && utf8.RuneCountInString(text) <= access.MaxReason &&
		!strings.ContainsFunc(text, func(c rune) bool {
			return c != '\n' && unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) && c != '\u200e' &&
				c != '\u200f' && c != '\u061c' || c == unicode.ReplacementChar
		})
}

// isSealKey reports whether text is an X25519 public key to which something can be sealed. To a point
// of low order nothing can (docs/facts.md#k5), and that must be known before a session is made.
func isSealKey(text string) bool {
	data, ok := decode64(text)
	if !ok {
		return false
	}
	public, err := ecdh.X25519().NewPublicKey(data)
	if err != nil {
		return false
	}
	private, err := anyX25519()
	if err != nil {
		return false
	}
	_, err = private.ECDH(public)
	return err == nil
}

// anyX25519 is a private key that is no secret: a point of low order gives zero with every key.
var anyX25519 = sync.OnceValues(func() (*ecdh.PrivateKey, error) {
	return ecdh.X25519().NewPrivateKey(make([]byte, 32))
})

func badPayload(why string) error { return &Error{Code: BadPayload, What: "call", Why: why} }
