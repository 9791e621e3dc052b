package wire

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/aws-access/aws-access/pkg/access"
)

// pairContext separates the key and the proof of a pairing from all other uses of a code.
const pairContext = "aws-access pair v1"

// PairingCode is the secret that goes from Slack to the command. The server stores only the public
// half of the key that is derived from it. It does not print or marshal.
type PairingCode struct {
	unprintable
	bits access.Secret // codeSize bytes; a code without them is none
}

// A code has 128 bits. In Crockford's base32 these are 26 characters, the first of which is at most 7.
const (
	codeSize  = 16
	codeChars = 26
	codeGroup = 5
	maxTyped  = 200 // bytes of a code as people type or paste it
	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// NewPairingCode makes a code.
func NewPairingCode() (PairingCode, error) {
	var bits [codeSize]byte
	if _, err := rand.Read(bits[:]); err != nil {
		return PairingCode{}, fmt.Errorf("make a pairing code: %w", err)
	}
	return codeOf(bits), nil
}

func codeOf(bits [codeSize]byte) PairingCode {
	return PairingCode{bits: access.NewSecret(string(bits[:]))}
}

// Text returns the code as people read it: upper case, in groups of five joined by hyphens.
func (c PairingCode) Text() access.Secret {
	bits := []byte(c.bits.Reveal())
	if len(bits) != codeSize {
		return access.Secret{}
	}
	high, low := binary.BigEndian.Uint64(bits[:8]), binary.BigEndian.Uint64(bits[8:])
	var chars [codeChars]byte
	for i := codeChars - 1; i >= 0; i-- {
		chars[i] = crockford[low&31]
		low = low>>5 | high<<59
		high >>= 5
	}
	var b strings.Builder
	for i, char := range chars {
		if i > 0 && i%codeGroup == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(char)
	}
	return access.NewSecret(b.String())
}

// ParsePairingCode reads a code as people type it: in any case, with or without hyphens and spaces,
// and with O for 0, and I or L for 1.
//
// Errors have the code bad_code, and never contain a part of the text.
func ParsePairingCode(typed access.Secret) (PairingCode, error) {
	text := typed.Reveal()
	if len(text) > maxTyped {
		return PairingCode{}, badCode("it is too long")
	}
	var high, low uint64
	n := 0
	for _, char := range text {
		value, skip := codeValue(char)
		if skip {
			continue
		}
		if n++; value < 0 {
			return PairingCode{}, badCode("it has a character that no code has")
		}
		if n > codeChars || n == 1 && value > 7 {
			return PairingCode{}, badCode("it is not a code of 26 characters")
		}
		high = high<<5 | low>>59
		low = low<<5 | uint64(value)
	}
	if n != codeChars {
		return PairingCode{}, badCode("it is not a code of 26 characters")
	}
	var bits [codeSize]byte
	binary.BigEndian.PutUint64(bits[:8], high)
	binary.BigEndian.PutUint64(bits[8:], low)
	return codeOf(bits), nil
}

// codeValue returns the value of a character, -1 if it has none. Hyphens and white space are skipped.
func codeValue(char rune) (value int, skip bool) {
	switch char {
	case '-', ' ', '\t', '\r', '\n':
		return 0, true
	case 'o', 'O':
		char = '0'
	case 'i', 'I', 'l', 'L':
		char = '1'
	}
	if 'a' <= char && char <= 'z' {
		char -= 'a' - 'A'
	}
	return strings.IndexRune(crockford, char), false
}

// PublicKey returns the public half of the code's key, in base64url. It is what the server stores, and
// how it finds the code of a call (Payload.CodeKey).
func (c PairingCode) PublicKey() (string, error) {
	key, err := c.key()
	if err != nil {
		return "", err
	}
	return encode64(key.Public().(ed25519.PublicKey)), nil
}

// key derives the Ed25519 key of the code.
func (c PairingCode) key() (ed25519.PrivateKey, error) {
	if c.bits.Empty() {
		return nil, badCode("it is empty")
	}
	seed, err := hkdf.Key(sha256.New, []byte(c.bits.Reveal()), nil, pairContext, ed25519.SeedSize)
	if err != nil {
		return nil, badCode("no key can be derived from it")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// prove signs that the holder of the code pairs this key by this call at this server.
func (c PairingCode) prove(address, thumbprint, jti string) (string, error) {
	key, err := c.key()
	if err != nil {
		return "", err
	}
	return encode64(ed25519.Sign(key, proofText(address, thumbprint, jti))), nil
}

// checkProof checks the proof by the key that the payload names. Whether that is the key of a code
// which was given to somebody, only the table knows.
func checkProof(call Call, address string) error {
	key, keyOK := decode64(call.Payload.CodeKey)
	proof, proofOK := decode64(call.Payload.Proof)
	if !keyOK || !proofOK || len(key) != ed25519.PublicKeySize ||
		!ed25519.Verify(key, proofText(address, call.Key.Thumbprint(), call.JTI), proof) {
		return &Error{Code: BadProof, What: "call", Why: "the pairing code's key did not sign this pairing"}
	}
	return nil
}

// proofText is what the code's key signs. Each part stands behind its length, so that no two lists of
// parts give the same text.
func proofText(address, thumbprint, jti string) []byte {
	var text []byte
	for _, part := range [...]string{pairContext, address, thumbprint, jti} {
		text = binary.BigEndian.AppendUint32(text, uint32(len(part))) //nolint:gosec // addresses have at most 512 bytes
		text = append(text, part...)
	}
	return text
}

func badCode(why string) error { return &Error{Code: BadCode, What: "pairing code", Why: why} }
