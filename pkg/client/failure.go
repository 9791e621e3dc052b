package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"github.com/aws-access/aws-access/pkg/wire"
)

// Failure says that the server could not be asked, or that its answer cannot be trusted. Its text contains
// nothing of an answer that the server has not signed.
type Failure struct {
	Code Code
	Text string
}

func (e *Failure) Error() string { return e.Text }

// Code says why there is no answer.
type Code string

// The codes of failures.
const (
	Unreachable   Code = "unreachable"    // no connection, or no answer in time
	Unavailable   Code = "unavailable"    // the server has a fault
	UnknownDevice Code = "unknown_device" // the server says without a signature that it does not know the key
	Busy          Code = "busy"           // too many calls
	Unsigned      Code = "unsigned"       // somebody else has answered, such as a captive portal
	NotTrusted    Code = "not_trusted"    // the answer is not the server's answer to this call
	WrongClock    Code = "wrong_clock"
	NotUnderstood Code = "not_understood" // the server refuses the form of the call
	NoProof       Code = "no_proof"       // a machine cannot prove who it is
)

// unreachable explains why no answer came. The text of an error of net/http has the address and nothing
// secret, but it is long; most causes have words that say what to do.
func unreachable(at wire.URL, err error) *Failure {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var timeout interface{ Timeout() bool }
	why := "check the network and the proxy (HTTPS_PROXY)"
	switch {
	case errors.As(err, &certificate), isCertificate(err):
		why = "its certificate is not valid here; a proxy that opens connections needs its own certificate in the " +
			"system's store"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		why = "what answers does not speak https"
	case errors.As(err, &dns):
		why = "its name cannot be found; " + why
	case errors.Is(err, syscall.ECONNREFUSED):
		if at.Loopback() {
			why = "is the sandbox running?"
		}
		why = "nothing accepts connections there; " + why
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		why = "no answer came in time; " + why
	}
	return &Failure{Unreachable, "the server cannot be reached: " + why + " (" + at.Address + ")"}
}

func isCertificate(err error) bool {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// cause takes the address out of an error of net/http.
func cause(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// unsigned explains an answer without a signature by its status. Nothing else of it counts: whoever
// stands between can make one.
func unsigned(r reply) *Failure {
	switch s := r.status; {
	case s == http.StatusUnauthorized:
		return &Failure{UnknownDevice, "the server does not know this device; it may have been removed or have expired. " +
			"To pair it again, type /aws-access login in Slack"}
	case s == http.StatusRequestEntityTooLarge:
		return &Failure{NotUnderstood, "the call is too large for the server; write a shorter reason"}
	case s == http.StatusTooManyRequests:
		return &Failure{Busy, "too many calls; try again in " + wait(r.retryAfter)}
	case s == http.StatusBadRequest:
		return &Failure{NotUnderstood, "the server does not accept the call; is this version of aws-access older or newer " +
			"than the server, or the URL another one?"}
	case s >= 300 && s < 400:
		return &Failure{Unsigned, "the answer is a redirect, which is never followed; something between this computer and " +
			"the server has answered, such as a proxy or the sign-in page of a network"}
	case s == http.StatusProxyAuthRequired:
		return &Failure{Unreachable, "the proxy wants a user and a password (HTTPS_PROXY)"}
	case s >= 500:
		return &Failure{Unavailable, "the server has a fault (HTTP " + strconv.Itoa(s) + "); try again in a minute"}
	}
	return &Failure{Unsigned, "the answer is not signed by the server; something between has answered, such as the " +
		"sign-in page of a network or a proxy. Open a web page in a browser, and then try again"}
}

func wait(d time.Duration) string {
	if d <= 0 {
		return "a minute"
	}
	return strconv.Itoa(int(d/time.Second)) + " seconds"
}

// notTrusted explains an answer that has a signature or a seal, and is not the server's to this call.
func notTrusted(err error) *Failure {
	why := "it is damaged or forged"
	switch wire.CodeOf(err) {
	case wire.WrongAnswerKey:
		why = "it is not signed by the key that the URL names. If the operators have replaced the server's key, pair " +
			"again: type /aws-access login in Slack"
	case wire.OtherCall:
		why = "it answers another call"
	case wire.CannotOpen, wire.NotSealed:
		why = "it is not sealed to this call"
	case wire.TooLarge:
		why = "it is too large"
	}
	return &Failure{NotTrusted, "the answer cannot be trusted: " + why}
}
