package machine

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"github.com/aws-access/aws-access/pkg/access"
)

// TokenAudience is the audience that a token must be made for: this installation and the key that signs
// the message, so that nobody who sees a token can use it in a message of their own.
func (q Question) TokenAudience() string { return q.Audience + "#" + q.Key }

// Run returns the machine that a token describes. The caller has checked the token's signature, by a key
// of that issuer, and its times; issuer is the one whose key it was. Run checks that the token names this
// issuer and has exactly one audience, which is that of the question.
//
// A claim that is a list, a map or null is left out, and so is one that no policy can name because it is
// too long or has characters that cannot be seen. Such a claim matches nothing.
//
// Refusals: bad_token; unknown_run, if the token does not say which run it belongs to.
func (q Question) Run(issuer string, payload []byte) (access.Machine, error) {
	claims, err := readClaims(payload)
	switch {
	case err != nil:
		return access.Machine{}, because(access.RefuseBadToken(), err)
	case claims["iss"] != issuer:
		return access.Machine{}, because(access.RefuseBadToken(), errors.New("it names another issuer"))
	case claims["aud"] != q.TokenAudience():
		return access.Machine{}, because(access.RefuseBadToken(), errors.New("it is for another audience, or for several"))
	}
	m := access.Machine{Run: &access.Run{Issuer: issuer, Claims: make(map[string]string, len(claims))}}
	for name, value := range claims {
		if text, ok := claimText(value); ok && !slices.Contains(ofOneToken, name) && access.IsClaim(name, text) {
			m.Run.Claims[name] = text
		}
	}
	if err := m.Check(); err != nil {
		return access.Machine{}, because(access.RefuseUnknownRun(), err)
	}
	return m, nil
}

// ofOneToken are the claims that differ from token to token of one run.
var ofOneToken = []string{"iss", "aud", "exp", "nbf", "iat", "jti"}

// readClaims reads the payload of a token: one JSON object, in which no name stands twice. Of two claims
// with one name, two programs could read different ones.
func readClaims(payload []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("its claims are not a JSON object")
	}
	claims := make(map[string]any)
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errors.New("its claims are not JSON")
		}
		if _, twice := claims[name]; twice {
			return nil, errors.New("it has a claim twice")
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, errors.New("its claims are not JSON")
		}
		claims[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("its claims are cut off")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows its claims")
	}
	return claims, nil
}

// claimText returns a claim as text; ok is false for what is not one value. A number is as the issuer has
// written it, and only a whole one: 1e3 and 1000.0 are no ids.
func claimText(value any) (text string, ok bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), wholeNumber.match(v.String())
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

var wholeNumber = formOf(`^(0|-?[1-9][0-9]*)$`)
