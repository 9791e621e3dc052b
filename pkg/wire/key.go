package wire

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/aws-access/aws-access/pkg/access"
)

// PublicKey is a P-256 key that verifies signatures. With the zero value, no signature is valid.
type PublicKey struct {
	key *ecdsa.PublicKey
	jwk jwk
}

// jwk is a public key as RFC 7517 and 7518 write it. The order of the fields is the one of RFC 7638.
type jwk struct {
	Curve string `json:"crv"`
	Type  string `json:"kty"`
	X     string `json:"x"`
	Y     string `json:"y"`
}

// coordinate is the length of a coordinate on P-256, in bytes.
const coordinate = 32

func publicKey(key *ecdsa.PublicKey) (PublicKey, error) {
	point, err := key.Bytes() // 4, x, y
	if err != nil || key.Curve != elliptic.P256() {
		return PublicKey{}, badKey("it is not a P-256 key")
	}
	x, y := encode64(point[1:1+coordinate]), encode64(point[1+coordinate:])
	return PublicKey{key: key, jwk: jwk{Curve: "P-256", Type: "EC", X: x, Y: y}}, nil
}

// ParsePublicKey reads a JWK with exactly the members kty, crv, x and y.
//
// Errors have the code bad_key.
func ParsePublicKey(text []byte) (PublicKey, error) {
	members, err := object(text)
	switch {
	case err != nil:
		return PublicKey{}, badKey(err.Error())
	case members["d"] != nil:
		return PublicKey{}, badKey("it is a private key, which must never be sent; make a new one")
	case len(members) != 4:
		return PublicKey{}, badKey("it has other members than kty, crv, x and y")
	}
	var parts [4]string
	for i, name := range [...]string{"kty", "crv", "x", "y"} {
		var ok bool
		if parts[i], ok = textOf(members[name]); !ok {
			return PublicKey{}, badKey("its " + name + " is missing or is not text")
		}
	}
	x, xOK := decode64(parts[2])
	y, yOK := decode64(parts[3])
	switch {
	case parts[0] != "EC" || parts[1] != "P-256":
		return PublicKey{}, badKey("it is not of type EC on the curve P-256")
	case !xOK || !yOK || len(x) != coordinate || len(y) != coordinate:
		return PublicKey{}, badKey("a coordinate is not 32 bytes in base64url")
	}
	// The point must lie on the curve: signatures by a point outside of it prove nothing.
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...))
	if err != nil {
		return PublicKey{}, badKey("its point is not on the curve")
	}
	return publicKey(key)
}

// MarshalJSON writes the JWK that ParsePublicKey reads.
func (k PublicKey) MarshalJSON() ([]byte, error) {
	if k.key == nil {
		return nil, badKey("there is none")
	}
	return json.Marshal(k.jwk)
}

// UnmarshalJSON is ParsePublicKey.
func (k *PublicKey) UnmarshalJSON(text []byte) (err error) {
	*k, err = ParsePublicKey(text)
	return err
}

// Thumbprint returns the name of the key: its SHA-256 thumbprint by RFC 7638, in base64url. It is ""
// for the zero key.
func (k PublicKey) Thumbprint() string {
	if k.key == nil {
		return ""
	}
	sum, err := (&jose.JSONWebKey{Key: k.key}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "" // a P-256 key always has a thumbprint
	}
	return encode64(sum)
}

// PrivateKey is a P-256 key that signs: of a device, of one run of a machine, or of vend's answers.
// It does not print or marshal.
type PrivateKey struct {
	unprintable
	key *ecdsa.PrivateKey
}

// NewPrivateKey makes a key.
func NewPrivateKey() (PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("make a key: %w", err)
	}
	return PrivateKey{key: key}, nil
}

// The PEM type of PKCS #8, which `openssl genpkey` writes.
const pemType = "PRIVATE KEY"

// ParsePrivateKeys reads one or more P-256 keys as PEM blocks of PKCS #8, as
// `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` writes them.
//
// Errors have the code bad_key. They never contain a part of the text.
func ParsePrivateKeys(text access.Secret) ([]PrivateKey, error) {
	var keys []PrivateKey
	rest := []byte(text.Reveal())
	for strings.TrimSpace(string(rest)) != "" {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != pemType {
			return nil, badKey("it is not PEM of the type " + pemType)
		}
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		key, isEC := parsed.(*ecdsa.PrivateKey)
		if err != nil || !isEC || key.Curve != elliptic.P256() {
			return nil, badKey("it is not a P-256 key in PKCS #8")
		}
		keys = append(keys, PrivateKey{key: key})
	}
	if len(keys) == 0 {
		return nil, badKey("it is empty")
	}
	return keys, nil
}

// PEM returns the text that ParsePrivateKeys reads.
func (k PrivateKey) PEM() (access.Secret, error) {
	if k.key == nil {
		return access.Secret{}, badKey("there is none")
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return access.Secret{}, badKey("it cannot be written")
	}
	return access.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}))), nil
}

// Public returns the key that verifies what k signs.
func (k PrivateKey) Public() PublicKey {
	if k.key == nil {
		return PublicKey{}
	}
	public, err := publicKey(&k.key.PublicKey)
	if err != nil {
		return PublicKey{} // every PrivateKey is on P-256
	}
	return public
}

func badKey(why string) error { return &Error{Code: BadKey, What: "key", Why: why} }
