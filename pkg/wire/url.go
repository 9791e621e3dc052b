package wire

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// URL is the address of a server, with the thumbprint of the key that signs its answers. People get
// it as one text: https://HOST/v1#THUMBPRINT. The thumbprint keeps anyone between a caller and vend
// from answering in vend's place.
type URL struct {
	Address   string // without the fragment; the header "url" of each call is equal to it
	AnswerKey string // RFC 7638 thumbprint
}

// String returns the text that ParseURL reads.
func (u URL) String() string { return u.Address + "#" + u.AnswerKey }

// maxURL is the longest URL that is read, in bytes. A host name has at most 253.
const maxURL = 512

// The path ends in /v1. A stage or a base path may stand before it.
var addressForm = formOf(`^(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])` +
	`(?::([1-9][0-9]{0,4}))?(?:/[A-Za-z0-9._~-]+)*/v1$`)

// ParseURL reads a URL with its thumbprint. Plain http is accepted for loopback only.
//
// Errors have the code bad_url, and say what to do.
func ParseURL(text string) (URL, error) {
	if len(text) > maxURL {
		return URL{}, badURL("it is too long")
	}
	address, key, found := strings.Cut(text, "#")
	if !found {
		return URL{}, badURL("it has no # with the thumbprint of the answer key; copy the whole URL")
	}
	if !isThumbprint(key) {
		return URL{}, badURL("what follows the # is not a thumbprint of 43 characters; copy the whole URL")
	}
	if err := checkAddress(address); err != nil {
		return URL{}, err
	}
	return URL{Address: address, AnswerKey: key}, nil
}

// checkAddress accepts one spelling of an address only, because the url of a call is compared byte
// for byte.
func checkAddress(address string) error {
	parts := addressForm().FindStringSubmatch(address)
	if parts == nil {
		return badURL("it is not like https://HOST/v1#THUMBPRINT, with a host in lower case and no user or query")
	}
	u, err := url.Parse(address)
	port, _ := strconv.Atoi(parts[3]) // 0 for none
	if err != nil || port > 65535 || u.String() != address || strings.Contains(u.Path, "/.") {
		return badURL("its host or path is malformed")
	}
	if parts[1] == "http" && !isLoopback(u.Hostname()) {
		return badURL("plain http is accepted for this computer only; write https")
	}
	return nil
}

// Loopback reports whether the server is on this computer.
func (u URL) Loopback() bool {
	parsed, err := url.Parse(u.Address)
	return err == nil && isLoopback(parsed.Hostname())
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

func badURL(why string) error { return &Error{Code: BadURL, What: "URL", Why: why} }
