package wire

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/aws-access/aws-access/pkg/access"
)

// SignatureHeader is the HTTP header with the signature of an answer: a detached JWS (RFC 7515,
// appendix F) whose payload is the body. A sealed answer has no such header; its signature is inside.
const SignatureHeader = "Aws-Access-Signature"

// Ref says to which call an answer belongs.
type Ref struct {
	digest digest
	pinned string // thumbprint of the answer key that the caller pinned; may be empty
	sealTo string // may be empty
}

// RefOf returns what is known of a call that Parse refuses: its text. Such a call is refused by the
// current answer key.
func RefOf(text []byte) Ref { return Ref{digest: digestOf(string(text))} }

// Response is an answer as HTTP carries it, and as vend gives it to the public function.
type Response struct {
	Status    int    `json:"status"`
	Signature string `json:"signature,omitempty"` // value of SignatureHeader
	Body      string `json:"body"`                // JSON
}

// Refusal is the body of an answer with status 401 or 403.
type Refusal struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Next string `json:"next,omitempty"`
}

// RefusalOf returns a refusal as the wire writes it.
func RefusalOf(r *access.Refusal) Refusal { return Refusal{Code: r.Code, Text: r.Says, Next: r.Next} }

// AnswerKeys are the keys with which vend signs: the current one and, during a rotation, the next one.
type AnswerKeys struct{ current, next PrivateKey }

// ParseAnswerKeys reads one or two keys, the current one first, in the form of ParsePrivateKeys.
//
// Errors have the code bad_key.
func ParseAnswerKeys(text access.Secret) (AnswerKeys, error) {
	keys, err := ParsePrivateKeys(text)
	if err != nil {
		return AnswerKeys{}, err
	}
	switch {
	case len(keys) > 2:
		return AnswerKeys{}, badKey("there are more than two")
	case len(keys) == 2 && keys[0].Public().Thumbprint() == keys[1].Public().Thumbprint():
		return AnswerKeys{}, badKey("the next key is the current one")
	case len(keys) == 2:
		return AnswerKeys{current: keys[0], next: keys[1]}, nil
	}
	return AnswerKeys{current: keys[0]}, nil
}

// Thumbprint returns the thumbprint of the current key, which stands in new URLs.
func (k AnswerKeys) Thumbprint() string { return k.current.Public().Thumbprint() }

// NextThumbprint returns the thumbprint of the key that comes next, or "" outside a rotation.
func (k AnswerKeys) NextThumbprint() string { return k.next.Public().Thumbprint() }

// Answer signs an answer that holds nothing secret. The body must marshal to a JSON object without a
// "time", which is added.
func (k AnswerKeys) Answer(to Ref, status int, body any, now time.Time) (Response, error) {
	payload, err := withTime(body, now)
	if err != nil {
		return Response{}, err
	}
	jws, err := k.sign(to, status, payload)
	if err != nil {
		return Response{}, err
	}
	protected, rest, _ := strings.Cut(jws, ".")
	_, signature, _ := strings.Cut(rest, ".")
	return Response{Status: status, Signature: protected + ".." + signature, Body: string(payload)}, nil
}

// Knows reports whether the key that the caller of a call has pinned is among these. It is true for a
// caller that has not said which one.
func (k AnswerKeys) Knows(to Ref) bool {
	return to.pinned == "" || to.pinned == k.current.Public().Thumbprint() || to.pinned == k.next.Public().Thumbprint()
}

// sign signs with the key that the caller pinned, or else with the current one, and names the key that
// comes after it.
func (k AnswerKeys) sign(to Ref, status int, payload []byte) (string, error) {
	by, next := k.current, k.NextThumbprint()
	if to.pinned != "" && to.pinned == next {
		by, next = k.next, ""
	}
	header := map[jose.HeaderKey]any{
		"jwk": by.Public(), "call": encode64(to.digest[:]), "status": status,
	}
	if next != "" {
		header["next_answer_key"] = next
	}
	return signJWS(by, header, payload)
}

// timeLayout is RFC 3339 in UTC, to the millisecond.
const timeLayout = "2006-01-02T15:04:05.000Z"

// withTime writes a body with the server's time.
func withTime(body any, now time.Time) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, badAnswer("its body cannot be written")
	}
	members, err := object(text)
	if err != nil || members["time"] != nil {
		return nil, badAnswer("its body is not an object, or it has a time")
	}
	members["time"] = json.RawMessage(strconv.Quote(now.UTC().Format(timeLayout)))
	return json.Marshal(members)
}

// Answer is an answer that the pinned key signed for one call.
type Answer struct {
	unprintable
	Status    int       // signed; the status of HTTP is not
	Time      time.Time // the server's, to the millisecond
	AnswerKey string    // thumbprint of the key that signed it: the pinned one or the next one
	NextKey   string    // thumbprint of the key that comes after a rotation, or ""
	sealed    bool
	body      access.Secret // JSON
}

// Decode decodes the body of an answer without secrets into a value. It accepts members that the value
// does not have, because the server may be newer than the caller.
//
// Errors have the code bad_answer.
func (a Answer) Decode(into any) error {
	if a.sealed {
		return badAnswer("it was sealed; read it with Keys or Link")
	}
	if json.Unmarshal([]byte(a.body.Reveal()), into) != nil {
		return badAnswer("its body has another form")
	}
	return nil
}

// open reads what an answer key signed for a call.
func (s *Sent) open(jws string, sealed bool) (Answer, error) {
	signed, err := splitJWS("answer", jws, "jwk", "call", "status", "next_answer_key")
	if err != nil {
		return Answer{}, err
	}
	a := Answer{sealed: sealed}
	if a.AnswerKey, err = s.checkSigner(signed); err != nil {
		return Answer{}, err
	}
	if call, _ := textOf(signed.header["call"]); call != encode64(s.digest[:]) {
		return Answer{}, signed.refuse(OtherCall, "it answers another call")
	}
	if _, next := signed.header["next_answer_key"]; next {
		if a.NextKey, err = signed.text64("next_answer_key", 32); err != nil {
			return Answer{}, err
		}
	}
	status := string(signed.header["status"])
	if a.Status, err = strconv.Atoi(status); err != nil || len(status) != 3 || a.Status < 200 || a.Status > 599 {
		return Answer{}, signed.refuse(BadHeader, "its status is not one of HTTP")
	}
	if err := a.readBody(signed.payload); err != nil {
		return Answer{}, err
	}
	return a, a.checkSealed()
}

// checkSigner checks that a pinned key signed the answer, and returns its thumbprint.
func (s *Sent) checkSigner(signed signed) (string, error) {
	key, err := signed.key()
	if err != nil {
		return "", err
	}
	thumbprint := key.Thumbprint()
	if thumbprint != s.server.AnswerKey && thumbprint != s.next {
		return "", signed.refuse(WrongAnswerKey, "it is not signed by the key that the URL names")
	}
	return thumbprint, signed.verify(key)
}

func (a *Answer) readBody(payload []byte) error {
	members, err := object(payload)
	if err != nil {
		return badAnswer("its body cannot be read: " + err.Error())
	}
	text, _ := textOf(members["time"])
	if a.Time, err = time.Parse(timeLayout, text); err != nil {
		return badAnswer("its time is missing or malformed")
	}
	a.body = access.NewSecret(string(payload))
	return nil
}

func badAnswer(why string) error { return &Error{Code: BadAnswer, What: "answer", Why: why} }
