package operators

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
)

// The public routes, by the outputs of the stack that name them.
var routes = [...]string{"CommandsUrl", "InteractionsUrl", "OptionsUrl"}

// pingBody is what Slack sends to test an address. The function does nothing with
// it, so replaying it does no harm.
const pingBody = "ssl_check=1"

// pong is the answer of a public route to a ping.
type pong struct {
	status int
	ok     bool
	policy string
	took   time.Duration
}

// checkPing calls the public endpoint: it must refuse unsigned requests, and accept
// those that are signed with the secret in SSM.
func (d *doctor) checkPing(ctx context.Context, inner *functions.CheckAnswer) {
	var addresses []string
	for _, output := range routes {
		address := d.found.outputs[output]
		if !safeAddress(address) {
			d.report.add(finding{inSlack, "public endpoint", problem, "no_address", "The stack's output " + output +
				" is not an https address.", "Deploy the product's own template.yaml again."})
			return
		}
		addresses = append(addresses, address)
	}
	if d.frozen() {
		d.report.add(finding{inSlack, "public endpoint", notKnown, "frozen", "The stack is frozen, so it takes no requests.",
			"Run doctor again when the stack is no longer frozen."})
		return
	}
	if d.checkUnsigned(ctx, addresses) {
		d.checkSigned(ctx, addresses, inner)
	}
}

// safeAddress reports whether doctor may send a signed request to an address.
func safeAddress(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Hostname() == "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && onThisComputer(u.Hostname())
}

func onThisComputer(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, localName) || err == nil && ip.IsLoopback()
}

// pingClient follows no redirects. Names below localhost always resolve to this
// computer, whatever a name server answers, because http is allowed there alone.
func pingClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	dialer := &net.Dialer{Timeout: pingTimeout / 3}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(host, localName) {
			address = net.JoinHostPort("127.0.0.1", port)
		}
		return dialer.DialContext(ctx, network, address)
	}
	return &http.Client{
		Timeout: pingTimeout, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

const localName = ".localhost"

// checkUnsigned sends requests with a wrong signature. It returns false when the
// endpoint does not answer as it should.
func (d *doctor) checkUnsigned(ctx context.Context, addresses []string) bool {
	const check = "public endpoint"
	for _, address := range addresses {
		got, err := d.ping(ctx, address, access.NewSecret("not the signing secret"))
		place := routeOf(address)
		switch {
		case err != nil:
			d.report.add(finding{inSlack, check, problem, "unreachable", place + " does not answer: " + plainError(err),
				"Check that the address can be reached from here. Slack has to reach it from the internet."})
			return false
		case got.status == http.StatusOK:
			d.report.add(finding{inSlack, check, problem, "open", place + " accepts a request that nobody signed.",
				"Freeze the stack (Frozen=true), then find out what answers at this address."})
			return false
		case got.status == http.StatusNotFound:
			d.report.add(finding{
				inSlack,
				check,
				problem,
				"no_route",
				place + " is not a route of the API.",
				"Deploy the product's own template.yaml again.",
			})
			return false
		case got.status != http.StatusUnauthorized:
			d.report.add(finding{inSlack, check, problem, "failing",
				fmt.Sprintf("%s answers %d to an unsigned request, not 401.", place, got.status),
				"Read slack's log, and check that API Gateway may call the function."})
			return false
		}
	}
	d.report.ok(inSlack, check, "all three routes refuse unsigned requests")
	return true
}

// routeOf is the path of an address, without parts that may be private.
func routeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the address"
	}
	return u.Path
}

// tooSlow is close to the three seconds that Slack waits (docs/facts.md#e1).
const tooSlow = 2500 * time.Millisecond

// checkSigned sends requests that are signed as Slack signs them.
func (d *doctor) checkSigned(ctx context.Context, addresses []string, inner *functions.CheckAnswer) {
	const check = "signing secret"
	secret, name, err := d.signingSecret(ctx)
	if denied(err) && strings.HasPrefix(d.found.outputs["SecretsKey"], "alias/") {
		// The stack's own key decrypts for slack's function alone, as intended.
		d.report.remind("Only slack's function can read the signing secret, so doctor cannot send a signed ping.\n" +
			"Type /aws-access help in Slack: an answer proves that the secret is the right one.")
		return
	}
	if err != nil {
		f := finding{inSlack, check, notKnown, "unreadable", "Doctor cannot read " + name + ": " + awsMessage(err).Error(),
			"Check that the parameter exists (docs/deploy.md)."}
		if denied(err) {
			f.Code, f.Do = "not_allowed", "Type /aws-access help in Slack: an answer proves the same. `aws-access doctor "+
				"--rights --ping` prints the right to read the secret, with which one can approve anything in anybody's name."
		}
		d.report.add(f)
		return
	}
	var slowest time.Duration
	for _, address := range addresses {
		got, err := d.ping(ctx, address, secret)
		if f := wrongPong(address, name, got, err, inner); f != nil {
			d.report.add(*f)
			return
		}
		slowest = max(slowest, got.took)
	}
	if slowest > tooSlow {
		d.report.add(finding{inSlack, check, warning, "slow", fmt.Sprintf("A signed ping took %s. Slack waits "+
			"for 3 s only.", slowest.Round(time.Millisecond)), "Run doctor again, because the first ping may have been a " +
			"cold start. If it stays slow, give slack more memory or ProvisionedConcurrency."})
		return
	}
	d.report.ok(inSlack, check, fmt.Sprintf("all three routes accept a request that it signs, within %s; the first "+
		"command in Slack proves that it is Slack's own", max(slowest.Round(time.Millisecond), time.Millisecond)))
}

// wrongPong is the finding about the answer to a signed ping; nil if it is right.
// secret is the name of the parameter with the signing secret.
func wrongPong(address, secret string, got pong, err error, inner *functions.CheckAnswer) *finding {
	const check = "signing secret"
	route := routeOf(address)
	switch {
	case err != nil:
		return &finding{inSlack, check, problem, "unreachable", route + " does not answer: " + plainError(err),
			"Run doctor again."}
	case got.status == http.StatusUnauthorized:
		return &finding{inSlack, check, problem, "refused",
			route + " refuses a request that is signed with the secret in " + secret + ".",
			"After a rotation, run doctor again in a minute. If it still fails, check that slack's function may read " +
				"this parameter and has its name in its environment."}
	case got.status != http.StatusOK || !got.ok:
		return &finding{inSlack, check, problem, "failing",
			fmt.Sprintf("%s answers %d to a signed ping.", route, got.status),
			"Read slack's log. An older version does not answer pings, so deploy the version of this doctor."}
	case inner != nil && got.policy != inner.Policy:
		return &finding{inSlack, "policy of slack", problem, "policies_differ",
			"Slack's function has the policy " + got.policy + ", vend has " + inner.Policy + ".",
			"Deploy the whole stack again."}
	}
	return nil
}

// signingSecret reads the secret with the permissions of the person who runs
// doctor.
func (d *doctor) signingSecret(ctx context.Context) (secret access.Secret, name string, err error) {
	name = d.found.env("slack")["SLACK_SIGNING_SECRET_PARAMETER"]
	if name == "" {
		return secret, "the signing secret", errors.New("the settings of slack's function could not be read")
	}
	out, err := d.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil {
		return secret, name, err
	}
	if out.Parameter == nil || str(out.Parameter.Value) == "" {
		return secret, name, errors.New("it is empty")
	}
	return access.NewSecret(*out.Parameter.Value), name, nil
}

// ping sends pingBody, signed with a secret at the time of the function's clock.
func (d *doctor) ping(ctx context.Context, address string, secret access.Secret) (got pong, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(pingBody))
	if err != nil {
		return got, fmt.Errorf("make the ping: %w", err)
	}
	timestamp, signature := slackapi.Sign(secret, d.now().Add(d.skew), []byte(pingBody))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set(slackapi.TimestampHeader, timestamp)
	r.Header.Set(slackapi.SignatureHeader, signature)
	began := time.Now()
	answer, err := d.http.Do(r)
	if err != nil {
		return got, err
	}
	defer func() { _ = answer.Body.Close() }()
	var said struct {
		OK     bool   `json:"ok"`
		Policy string `json:"policy"`
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	got.status, got.took = answer.StatusCode, time.Since(began)
	if err == nil && json.Unmarshal(body, &said) == nil {
		got.ok, got.policy = said.OK, said.Policy
	}
	return got, nil
}
