package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"unicode/utf8"
)

// object reads one JSON object and nothing after it. A name that stands twice is an error: one
// reader would take the first value, and another one the last. Names are exact, and text is UTF-8.
func object(text []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return nil, errNoObject
	}
	members := make(map[string]json.RawMessage)
	for d.More() {
		token, err := d.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return nil, errNoObject
		}
		if _, twice := members[name]; twice {
			return nil, errors.New("a name stands in it twice")
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, errNoObject
		}
		members[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errNoObject
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return members, nil
}

var errNoObject = errors.New("it is not a JSON object")

// onlyNames reports whether an object has no other members than these.
func onlyNames(members map[string]json.RawMessage, names []string) bool {
	for name := range members {
		if !slices.Contains(names, name) {
			return false
		}
	}
	return true
}

// textOf reads a JSON string. Everything else, null included, is no text.
func textOf(value json.RawMessage) (text string, ok bool) {
	if len(value) == 0 || value[0] != '"' || json.Unmarshal(value, &text) != nil {
		return "", false
	}
	return text, true
}

// decode64 reads base64url without padding, in its only spelling. The decoder of the standard
// library skips line breaks, and unless it is strict it accepts several last characters.
func decode64(text string) ([]byte, bool) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || base64.RawURLEncoding.EncodeToString(data) != text {
		return nil, false
	}
	return data, true
}

func encode64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// is64 reports whether text is n bytes in base64url.
func is64(text string, n int) bool {
	data, ok := decode64(text)
	return ok && len(data) == n
}

// isThumbprint reports whether text can be the RFC 7638 thumbprint of a key.
func isThumbprint(text string) bool { return is64(text, 32) }
