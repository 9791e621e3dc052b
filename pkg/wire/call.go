package wire

import (
	"strconv"
	"time"
)

// Window is how far the time of a call may be from the server's, earlier or later. A captured call can
// be sent again within this time; Call.ID lets it have one effect.
const Window = 5 * time.Minute

// ContentType is the content type of a call.
const ContentType = "application/jose"

// idSize is the length of the random id of a call (jti), in bytes.
const idSize = 16

// Unverified is a call whose signature nobody has checked. It tells by which key to check it, and
// nothing else.
type Unverified struct {
	signed  signed
	call    Call
	address string
	kid     string    // or
	jwk     PublicKey // never both
}

// Call is a call that its key signed. Whose key it is, and whether the call came before, is for the
// caller of this package to find out.
type Call struct {
	Key     PublicKey // signed the call
	JTI     string    // 128 random bits, in base64url
	At      time.Time // the caller's clock, in seconds
	Payload Payload
	Ref     Ref // for the answer
}

// ID is the unique key of the call's effect: a second call with it is the same call, sent again. It
// begins with the key's thumbprint, so that nobody can use up the id of another caller. A hash of the
// JWS would not do: anyone can turn a valid ES256 signature into another valid one.
func (c Call) ID() string { return c.Key.Thumbprint() + "." + c.JTI }

// Parse reads a call, and checks everything that needs neither a key from a table nor a clock: size,
// form, header, address and payload. The address is the one of this server, without a fragment.
//
// Errors have the codes too_large, bad_form, wrong_algorithm, unknown_crit, bad_header, bad_key,
// wrong_url and bad_payload. A signature of the wrong length is bad_signature.
func Parse(text []byte, address string) (*Unverified, error) {
	if len(text) > MaxCall {
		return nil, &Error{Code: TooLarge, What: "call", Why: "it has more than 16 KiB"}
	}
	s, err := splitJWS("call", string(text), "kid", "jwk", "url", "jti", "iat")
	if err != nil {
		return nil, err
	}
	u := &Unverified{signed: s, address: address}
	if err := u.readHeader(); err != nil {
		return nil, err
	}
	if u.call.Payload, err = ParsePayload(s.payload); err != nil {
		return nil, err
	}
	u.call.Ref = Ref{digest: digestOf(s.text), pinned: u.call.Payload.AnswerKey, sealTo: u.call.Payload.SealTo}
	return u, u.checkKey()
}

// timeForm is a number of seconds without sign, fraction and exponent.
var timeForm = formOf(`^[1-9][0-9]{0,11}$`)

func (u *Unverified) readHeader() (err error) {
	if err := u.readKey(); err != nil {
		return err
	}
	if url, ok := textOf(u.signed.header["url"]); !ok || url != u.address {
		return u.signed.refuse(WrongURL, "its url is not the address of this server")
	}
	if u.call.JTI, err = u.signed.text64("jti", idSize); err != nil {
		return err
	}
	iat := string(u.signed.header["iat"])
	seconds, err := strconv.ParseInt(iat, 10, 64)
	if err != nil || !timeForm.match(iat) {
		return u.signed.refuse(BadHeader, "its iat is not a number of whole seconds")
	}
	u.call.At = time.Unix(seconds, 0).UTC()
	return nil
}

// readKey reads the key of a call, or its name. With both, one reader could look the name up, and
// another one use the key.
func (u *Unverified) readKey() (err error) {
	_, named := u.signed.header["kid"]
	_, embedded := u.signed.header["jwk"]
	switch {
	case named == embedded:
		return u.signed.refuse(BadHeader, "it has both kid and jwk, or neither of them")
	case embedded:
		u.jwk, err = u.signed.key()
	default:
		u.kid, err = u.signed.text64("kid", 32)
	}
	return err
}

// checkKey compares the way in which the key is given with the operation. A key in the call itself
// proves nothing about who calls; pairing and machines bring a proof of their own.
func (u *Unverified) checkKey() error {
	switch p := u.call.Payload; {
	case p.embedsKey() && u.kid != "":
		return u.signed.refuse(BadHeader, "pairing and machines send jwk, and not kid")
	case !p.embedsKey() && u.kid == "":
		return u.signed.refuse(BadHeader, "its op needs the kid of a device, and not jwk")
	}
	return nil
}

// Thumbprint returns the name of the key that is said to have signed the call.
func (u *Unverified) Thumbprint() string {
	if u.kid != "" {
		return u.kid
	}
	return u.jwk.Thumbprint()
}

// Embedded returns the key that the call carries; ok is false if the key has to be looked up by its
// thumbprint.
func (u *Unverified) Embedded() (key PublicKey, ok bool) { return u.jwk, u.kid == "" }

// Ref returns what an answer needs to know of the call. Refusals are signed too, also of calls whose
// signature is not valid.
func (u *Unverified) Ref() Ref { return u.call.Ref }

// Verify checks the signature by a key, which must be the one that the call names, the proof of a
// pairing, and last the time: a refusal for a wrong clock is worth a signature of vend only to a
// caller with a key.
//
// Errors have the codes bad_signature, bad_proof and clock. With clock, Error.Time is now.
func (u *Unverified) Verify(by PublicKey, now time.Time) (Call, error) {
	if by.Thumbprint() != u.Thumbprint() {
		return Call{}, u.signed.refuse(BadSignature, "it names another key")
	}
	if err := u.signed.verify(by); err != nil {
		return Call{}, err
	}
	call := u.call
	call.Key = by
	if call.Payload.Op == Pair {
		if err := checkProof(call, u.address); err != nil {
			return Call{}, err
		}
	}
	if now.Sub(call.At).Abs() > Window {
		err := u.signed.refuse(Clock, "its time is more than five minutes from the server's")
		err.Time = now
		return Call{}, err
	}
	return call, nil
}
