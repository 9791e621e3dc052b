package machine

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Limits of one question to STS.
const (
	maxAge    = 5 * time.Minute // of a proof, before and after the present time
	timeout   = 3 * time.Second
	maxAnswer = 64 << 10 // bytes
)

// STS finds out which role has signed a proof.
type STS struct {
	Question
	Client *http.Client // of NewClient
	// Now is the time by which machines sign. In the sandbox that is the computer's, and not the sandbox's
	// own clock.
	Now func() time.Time
}

// NewClient returns a client that sends a call to the host that it names, and nowhere else: it follows
// no redirect and uses no proxy.
func NewClient() *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: timeout,
			DisableCompression: true, IdleConnTimeout: 20 * time.Second, MaxResponseHeaderBytes: maxAnswer,
		},
	}
}

// Machine returns the machine that has signed a proof. Everything that can be checked before the call is
// checked before it, so that nobody can make this program send calls elsewhere, or many for nothing.
//
// Refusals: bad_proof, old_proof, not_a_role; proof_unchecked, if STS did not say. What is for the log
// stands beside them.
func (s STS) Machine(ctx context.Context, p wire.AWSProof) (access.Machine, error) {
	call, at, err := s.rebuild(ctx, p)
	if err != nil {
		return access.Machine{}, because(access.RefuseBadProof(), err)
	}
	if age := s.Now().Sub(at); age.Abs() > maxAge {
		return access.Machine{}, because(access.RefuseOldProof(), fmt.Errorf("it is %s old", age.Truncate(time.Second)))
	}
	answer, err := s.ask(call)
	if err != nil {
		return access.Machine{}, err
	}
	_, partition, _ := endpointOf(p.Region)
	return answer.machine(partition)
}

// because is a refusal with its cause, which is for the log alone.
func because(refusal, cause error) error {
	return fmt.Errorf("check the proof of a machine: %w (%w)", refusal, cause)
}

// ask sends the call and reads the answer, which counts only with status 200.
func (s STS) ask(call *http.Request) (identity, error) {
	answer, err := s.Client.Do(call) //nolint:gosec // the host is one of hosts.go, or this computer's own
	if err != nil {
		return identity{}, because(access.RefuseProofUnchecked(), errors.New("STS did not answer")) // err names the address
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	code := codeIn(text)
	throttled := strings.HasPrefix(code, "Throttling") || code == "RequestLimitExceeded"
	why := fmt.Errorf("STS answers %d %s", answer.StatusCode, code)
	switch status := answer.StatusCode; {
	case err != nil || len(text) > maxAnswer:
		return identity{}, because(access.RefuseProofUnchecked(), errors.New("the answer was cut off, or is too long"))
	case (status == http.StatusForbidden || status == http.StatusBadRequest) && !throttled:
		return identity{}, because(access.RefuseBadProof(), why)
	case status != http.StatusOK:
		return identity{}, because(access.RefuseProofUnchecked(), why)
	}
	i, err := readIdentity(text)
	if err != nil {
		return identity{}, because(access.RefuseProofUnchecked(), err)
	}
	return i, nil
}

// codeIn returns the code of an error of STS, if it has the form of one: an answer may repeat what was
// sent.
func codeIn(text []byte) string {
	if found := errorCode().FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return "without a code"
}

var errorCode = formOf(`<Code>([A-Za-z0-9.]{1,64})</Code>`)

// identity is the answer of sts:GetCallerIdentity. Each part is there exactly once: with a second one,
// two readers of XML could read two different answers.
type identity struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	Result  []struct {
		Arn     []string `xml:"Arn"`
		UserID  []string `xml:"UserId"`
		Account []string `xml:"Account"`
	} `xml:"GetCallerIdentityResult"`
}

// readIdentity reads an answer. A page of something between this program and STS is no answer.
func readIdentity(text []byte) (i identity, err error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&i); err != nil {
		return identity{}, errors.New("the answer is not that of sts:GetCallerIdentity")
	}
	if len(bytes.TrimSpace(text[d.InputOffset():])) > 0 {
		return identity{}, errors.New("something follows the answer")
	}
	if len(i.Result) != 1 || len(i.Result[0].Arn) != 1 || len(i.Result[0].UserID) != 1 || len(i.Result[0].Account) != 1 {
		return identity{}, errors.New("the answer is not one identity")
	}
	return i, nil
}

// machine returns the machine of an identity, which must be a session of a role in the partition whose
// STS was asked.
func (i identity) machine(partition string) (access.Machine, error) {
	result := i.Result[0]
	session, err := access.ParseRoleSession(result.Arn[0], result.UserID[0])
	switch {
	case err != nil:
		return access.Machine{}, because(access.RefuseNotARole(), err)
	case session.Account != result.Account[0] || session.Partition != partition:
		return access.Machine{}, because(access.RefuseProofUnchecked(), errors.New("the parts of the answer do not agree"))
	}
	return access.Machine{Role: &session}, nil
}
