package wire

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/aws-access/aws-access/pkg/access"
)

// Caller makes the calls of one key to one server.
type Caller struct {
	Server URL
	Key    PrivateKey
	// NextKey is the thumbprint that an earlier answer named as the next answer key, or "".
	NextKey string
}

// Sent is a call on its way. It holds the key that opens the answer, so each call has its own. It does
// not print or marshal.
type Sent struct {
	unprintable
	Body   access.Secret // of the POST, of type ContentType; a machine's call holds its token
	server URL
	next   string
	digest digest
	seal   hpke.PrivateKey // nil if the answer holds nothing secret
}

// Sign makes a call. It sets SealTo and AnswerKey. A pairing is made by Pair.
//
// Errors have the codes bad_payload, bad_key and too_large.
func (c Caller) Sign(p Payload, now time.Time) (*Sent, error) {
	jti, err := newID()
	if err != nil {
		return nil, err
	}
	return c.sign(p, jti, now)
}

// Pair makes the call that pairs the caller's key by a code. The name is the computer's, and may be
// empty.
//
// Errors are those of Sign.
func (c Caller) Pair(code PairingCode, name string, now time.Time) (*Sent, error) {
	jti, err := newID()
	if err != nil {
		return nil, err
	}
	p := Payload{Op: Pair, Name: name}
	if p.CodeKey, err = code.PublicKey(); err != nil {
		return nil, err
	}
	if p.Proof, err = code.prove(c.Server.Address, c.Key.Public().Thumbprint(), jti); err != nil {
		return nil, err
	}
	return c.sign(p, jti, now)
}

func (c Caller) sign(p Payload, jti string, now time.Time) (*Sent, error) {
	s := &Sent{server: c.Server, next: c.NextKey}
	p.AnswerKey = c.Server.AnswerKey
	if p.sealed() {
		key, err := hpke.DHKEM(ecdh.X25519()).GenerateKey()
		if err != nil {
			return nil, fmt.Errorf("make a key for one call: %w", err)
		}
		s.seal, p.SealTo = key, encode64(key.PublicKey().Bytes())
	}
	payload, err := p.encode()
	if err != nil {
		return nil, err
	}
	header := map[jose.HeaderKey]any{"url": c.Server.Address, "jti": jti, "iat": now.Unix()}
	if p.embedsKey() {
		header["jwk"] = c.Key.Public()
	} else {
		header["kid"] = c.Key.Public().Thumbprint()
	}
	jws, err := signJWS(c.Key, header, payload)
	if err != nil {
		return nil, err
	}
	if len(jws) > MaxCall {
		return nil, &Error{Code: TooLarge, What: "call", Why: "it has more than 16 KiB; write a shorter reason"}
	}
	s.Body, s.digest = access.NewSecret(jws), digestOf(jws)
	return s, nil
}

func newID() (string, error) {
	id := make([]byte, idSize)
	if _, err := rand.Read(id); err != nil {
		return "", fmt.Errorf("make the id of a call: %w", err)
	}
	return encode64(id), nil
}

// Read reads the answer to the call. Nothing of an answer may be shown or used before Read accepts it.
//
// Errors have the codes of an answer. The caller says itself what they mean; it prints nothing from the
// response.
func (s *Sent) Read(r Response) (Answer, error) {
	if len(r.Body) > MaxAnswer || len(r.Signature) > maxSignature {
		return Answer{}, &Error{Code: TooLarge, What: "answer", Why: "it is too large"}
	}
	if r.Signature == "" {
		jws, err := s.unseal(r.Body)
		if err != nil {
			return Answer{}, err
		}
		return s.open(jws, true)
	}
	protected, signature, detached := strings.Cut(r.Signature, "..")
	if !detached {
		return Answer{}, &Error{Code: BadForm, What: "answer", Why: "its signature is not a detached JWS"}
	}
	return s.open(protected+"."+encode64([]byte(r.Body))+"."+signature, false)
}

// maxSignature is the longest detached JWS of an answer, in bytes.
const maxSignature = 4 << 10
