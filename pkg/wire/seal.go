package wire

import (
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// SessionKeys are the keys of one session, as a sealed answer carries them.
type SessionKeys struct {
	Account     string // twelve digits
	Role        string
	Region      string // may be empty
	Credentials access.Credentials
}

// Link is a link into the console, as a sealed answer carries it.
type Link struct {
	Account string // twelve digits
	Role    string
	Address access.Secret
	Expires time.Time // of the session
}

// secrets is the body of a sealed answer. Only SealKeys, SealLink, Keys and Link use it: they are
// where secrets enter and leave the wire.
type secrets struct {
	Account      string    `json:"account"`
	Role         string    `json:"role"`
	Region       string    `json:"region,omitempty"`
	AccessKeyID  string    `json:"access_key_id,omitempty"`
	SecretKey    string    `json:"secret_access_key,omitempty"`
	SessionToken string    `json:"session_token,omitempty"`
	Link         string    `json:"link,omitempty"`
	Expires      time.Time `json:"expires"`
}

// SealKeys signs keys, and seals them to the caller.
//
// Errors: a call without seal_to.
func (k AnswerKeys) SealKeys(to Ref, keys SessionKeys, now time.Time) (Response, error) {
	c := keys.Credentials
	return k.seal(to, secrets{Account: keys.Account, Role: keys.Role, Region: keys.Region, AccessKeyID: c.AccessKeyID,
		SecretKey: c.SecretKey.Reveal(), SessionToken: c.SessionToken.Reveal(), Expires: c.Expires.UTC()}, now)
}

// SealLink signs a link, and seals it to the caller.
//
// Errors: a call without seal_to.
func (k AnswerKeys) SealLink(to Ref, link Link, now time.Time) (Response, error) {
	return k.seal(to, secrets{Account: link.Account, Role: link.Role, Link: link.Address.Reveal(),
		Expires: link.Expires.UTC()}, now)
}

// The suite of RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
func suite() (hpke.KDF, hpke.AEAD) { return hpke.HKDFSHA256(), hpke.AES256GCM() }

// seal signs first and seals then. HPKE does not prove who sealed, so the signature is inside; the
// digest of the call is the info, so the text opens for this call only.
func (k AnswerKeys) seal(to Ref, body secrets, now time.Time) (Response, error) {
	data, ok := decode64(to.sealTo)
	if !ok || to.sealTo == "" {
		return Response{}, badPayload("it has no seal_to")
	}
	public, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(data)
	if err != nil {
		return Response{}, badPayload("its seal_to is not a key")
	}
	payload, err := withTime(body, now)
	if err != nil {
		return Response{}, err
	}
	jws, err := k.sign(to, http.StatusOK, payload)
	if err != nil {
		return Response{}, err
	}
	kdf, aead := suite()
	text, err := hpke.Seal(public, kdf, aead, to.digest[:], []byte(jws))
	if err != nil {
		return Response{}, badPayload("nothing can be sealed to its seal_to")
	}
	return Response{Status: http.StatusOK, Body: `{"sealed":` + strconv.Quote(encode64(text)) + `}`}, nil
}

// Keys returns the keys of a sealed answer.
//
// Errors have the codes not_sealed and bad_answer.
func (a Answer) Keys() (SessionKeys, error) {
	body, err := a.secrets()
	switch {
	case err != nil:
		return SessionKeys{}, err
	case body.AccessKeyID == "" || body.SecretKey == "" || body.SessionToken == "" || body.Link != "":
		return SessionKeys{}, badAnswer("it does not hold keys")
	}
	return SessionKeys{Account: body.Account, Role: body.Role, Region: body.Region, Credentials: access.Credentials{
		AccessKeyID: body.AccessKeyID, SecretKey: access.NewSecret(body.SecretKey),
		SessionToken: access.NewSecret(body.SessionToken), Expires: body.Expires,
	}}, nil
}

// Link returns the link of a sealed answer. It does not check to which host the link leads.
//
// Errors have the codes not_sealed and bad_answer.
func (a Answer) Link() (Link, error) {
	body, err := a.secrets()
	switch {
	case err != nil:
		return Link{}, err
	case body.Link == "" || body.AccessKeyID != "" || body.SecretKey != "" || body.SessionToken != "":
		return Link{}, badAnswer("it does not hold a link")
	}
	return Link{Account: body.Account, Role: body.Role, Address: access.NewSecret(body.Link), Expires: body.Expires}, nil
}

func (a Answer) secrets() (body secrets, err error) {
	if !a.sealed {
		return body, &Error{Code: NotSealed, What: "answer", Why: "it is not sealed, so keys in it would not be secret"}
	}
	if json.Unmarshal([]byte(a.body.Reveal()), &body) != nil || body.Account == "" || body.Role == "" ||
		body.Expires.IsZero() {
		return body, badAnswer("its account, role or end is missing")
	}
	return body, nil
}

// checkSealed refuses what vend never seals. Anybody on the way can seal a signed answer, such as a refusal, to
// the caller: HPKE does not say who sealed.
func (a Answer) checkSealed() error {
	switch {
	case !a.sealed:
		return nil
	case a.Status != http.StatusOK:
		return badAnswer("it is sealed, and its status is not 200")
	}
	body, err := a.secrets()
	if err == nil && body.AccessKeyID == "" && body.Link == "" {
		return badAnswer("it is sealed, and holds neither keys nor a link")
	}
	return err
}

// unseal opens a sealed body.
func (s *Sent) unseal(body string) (jws string, err error) {
	members, err := object([]byte(body))
	if err != nil || members["sealed"] == nil {
		return "", &Error{Code: Unsigned, What: "answer", Why: "it has no signature; something between here and the server " +
			"may have answered"}
	}
	sealed, _ := textOf(members["sealed"])
	text, ok := decode64(sealed)
	if !ok || len(members) != 1 {
		return "", badAnswer("it is not sealed as docs/wire.md says")
	}
	if s.seal == nil {
		return "", &Error{Code: CannotOpen, What: "answer", Why: "it is sealed, and the call asked for nothing secret"}
	}
	kdf, aead := suite()
	opened, err := hpke.Open(s.seal, kdf, aead, s.digest[:], text)
	if err != nil {
		return "", &Error{Code: CannotOpen, What: "answer", Why: "it is not sealed to this call"}
	}
	return string(opened), nil
}
