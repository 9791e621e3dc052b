package wire

import (
	"strings"
	"testing"
)

func TestURLIsReadAndPrinted(t *testing.T) {
	for text, loopback := range map[string]bool{
		"https://abc123.execute-api.eu-west-1.amazonaws.com/v1#": false,
		"https://access.example.com:8443/stage/v1#":              false,
		"http://127.0.0.1:8080/v1#":                              true,
		"http://localhost:8080/v1#":                              true,
		"http://[::1]:8080/v1#":                                  true,
		"https://127.0.0.1/v1#":                                  true,
	} {
		u, err := ParseURL(text + thumb)
		if err != nil || u.String() != text+thumb || u.AnswerKey != thumb || u.Loopback() != loopback ||
			u.Address != strings.TrimSuffix(text, "#") {
			t.Errorf("%s: got %+v, loopback %v: %v", text, u, u.Loopback(), err)
		}
	}
}

func TestOtherTextIsNoURL(t *testing.T) {
	const shape, plain = "not like https://HOST/v1", "plain http is accepted for this computer only"
	for text, why := range map[string]string{
		"https://access.example.com/v1":                        "has no #",
		"https://access.example.com/v1#":                       "not a thumbprint",
		"https://access.example.com/v1#" + "x":                 "not a thumbprint",
		"https://access.example.com/v1##" + thumb:              "not a thumbprint",
		"http://access.example.com/v1#" + thumb:                plain,
		"http://127.0.0.1.evil.example/v1#" + thumb:            plain,
		"http://2130706433/v1#" + thumb:                        plain,
		"http://169.254.169.254/v1#" + thumb:                   plain,
		"http://localhost.evil.example/v1#" + thumb:            plain,
		"ftp://127.0.0.1/v1#" + thumb:                          shape,
		"HTTPS://access.example.com/v1#" + thumb:               shape,
		"https://Access.example.com/v1#" + thumb:               shape,
		"https://user@access.example.com/v1#" + thumb:          shape,
		"https://access.example.com/v1?x=1#" + thumb:           shape,
		"https://access.example.com/v2#" + thumb:               shape,
		"https://access.example.com/%76/v1#" + thumb:           shape,
		"https://access.example.com#" + thumb:                  shape,
		"https:///v1#" + thumb:                                 shape,
		"https://access.example.com\\@evil/v1#" + thumb:        shape,
		"https://access.example.com/v1 #" + thumb:              shape,
		" https://access.example.com/v1#" + thumb:              shape,
		"https://access.example.com/v1\n#" + thumb:             shape,
		"https://аccess.example.com/v1#" + thumb:               shape, // Cyrillic
		"https://access.example.com:99999/v1#" + thumb:         "malformed",
		"https://access.example.com/../v1#" + thumb:            "malformed",
		"https://[:]/v1#" + thumb:                              "malformed",
		"https://" + strings.Repeat("a", 512) + "/v1#" + thumb: "too long",
	} {
		_, err := ParseURL(text)
		if CodeOf(err) != BadURL || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %v, want %q", text, err, why)
		}
	}
}
