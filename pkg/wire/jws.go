package wire

import (
	"crypto/sha256"
	"encoding/json"
	"strings"

	jose "github.com/go-jose/go-jose/v4"
)

// Limits of a JWS.
const (
	// MaxCall is the longest call, in bytes.
	MaxCall = 16 << 10
	// MaxAnswer is the longest answer that a caller reads, in bytes. A Lambda function cannot answer
	// with more than 6 MB.
	MaxAnswer = 6 << 20
	// maxHeader is the longest protected header, in bytes after decoding. A key and a URL of the
	// greatest length take less than 1 KB.
	maxHeader = 2 << 10
	// signatureSize is the length of an ES256 signature: r and s (RFC 7518, section 3.4).
	signatureSize = 64
)

// es256 is the only algorithm. Nothing in a JWS chooses another one.
const es256 = "ES256"

// signed is one compact JWS (RFC 7515, section 3.1), taken apart. Nobody has checked its signature.
type signed struct {
	what    string // "call" or "answer", for errors
	text    string
	header  map[string]json.RawMessage
	payload []byte
}

// splitJWS takes a compact JWS apart, and checks all of its form. The compact form has exactly one
// signature and no unprotected header. The header may have the given names and no others.
func splitJWS(what, text string, names ...string) (signed, error) {
	s := signed{what: what, text: text}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return s, s.refuse(BadForm, "it is not one compact JWS of three parts")
	}
	var decoded [3][]byte
	for i, part := range parts {
		var ok bool
		if decoded[i], ok = decode64(part); !ok {
			return s, s.refuse(BadForm, "a part is not base64url without padding")
		}
	}
	if len(decoded[0]) > maxHeader {
		return s, s.refuse(TooLarge, "its protected header is too large")
	}
	s.payload = decoded[1]
	var err error
	if s.header, err = object(decoded[0]); err != nil {
		return s, s.refuse(BadHeader, "its protected header cannot be read: "+err.Error())
	}
	return s, s.checkHeader(len(decoded[2]), names)
}

// checkHeader checks the algorithm before anything else, so that "none" and an HMAC made with a
// public key never come near a signature check. No extension is known, so any crit is refused.
func (s signed) checkHeader(signature int, names []string) error {
	alg, _ := textOf(s.header["alg"])
	_, crit := s.header["crit"]
	switch {
	case alg != es256:
		return s.refuse(WrongAlgorithm, "its alg is not ES256")
	case crit:
		return s.refuse(UnknownCrit, "its crit demands an extension, and there is none")
	case !onlyNames(s.header, append(names, "alg")):
		return s.refuse(BadHeader, "its protected header has a name that is not known")
	case signature != signatureSize:
		return s.refuse(BadSignature, "its signature does not have 64 bytes")
	}
	return nil
}

// verify checks the signature over the very bytes of the text.
func (s signed) verify(by PublicKey) error {
	parsed, err := jose.ParseSignedCompact(s.text, []jose.SignatureAlgorithm{jose.ES256})
	if err == nil {
		_, err = parsed.Verify(by.key)
	}
	if err != nil { // not repeated: it could quote what was sent
		return s.refuse(BadSignature, "its signature is not valid")
	}
	return nil
}

// key reads the public key in the header.
func (s signed) key() (PublicKey, error) {
	key, err := ParsePublicKey(s.header["jwk"])
	if err != nil {
		return PublicKey{}, s.refuse(BadKey, "its jwk is not accepted: "+strings.TrimPrefix(err.Error(), "read key: "))
	}
	return key, nil
}

// text64 reads a text of the header that stands for bytes.
func (s signed) text64(name string, size int) (string, error) {
	text, ok := textOf(s.header[name])
	if !ok || !is64(text, size) {
		return "", s.refuse(BadHeader, "its "+name+" is missing or malformed")
	}
	return text, nil
}

func (s signed) refuse(code Code, why string) *Error {
	return &Error{Code: code, What: s.what, Why: why}
}

// signJWS makes a compact JWS.
func signJWS(by PrivateKey, header map[jose.HeaderKey]any, payload []byte) (string, error) {
	if by.key == nil {
		return "", badKey("there is none")
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: by.key},
		&jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		return "", err
	}
	made, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return made.CompactSerialize()
}

// digest is the SHA-256 of a call's JWS. It ties an answer to its call.
type digest [sha256.Size]byte

func digestOf(jws string) digest { return sha256.Sum256([]byte(jws)) }
