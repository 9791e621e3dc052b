package operators

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/relay"
	"github.com/aws-access/aws-access/pkg/wire"
)

// checkCalls checks what the command line and machines need: the table of devices, the
// answer key, the address, and that api answers there.
func (d *doctor) checkCalls(ctx context.Context, inner *functions.CheckAnswer) {
	a := inner.Stack.Calls
	if a == nil {
		d.report.add(finding{inStack, "command line", problem, "not_built", "Vend does not know calls of the command line.",
			"Deploy the version of this doctor: sam build && sam deploy."})
		return
	}
	if a.Devices == functions.CheckOK {
		d.report.ok(inStack, "table of devices", "vend reads it")
	} else {
		d.report.add(finding{inStack, "table of devices", problem, "unreadable",
			"Vend cannot read the table of people's devices, so the command line does not work.",
			"Read vend's log. Check that the table exists and that vend's role may use its key."})
	}
	key, address := d.checkAnswerKey(a), d.checkAddress(a)
	d.checkConcurrency()
	if !key || !address {
		return
	}
	if !d.answersCalls(ctx, a) {
		return
	}
	urls := make([]string, len(a.Addresses))
	for i, at := range a.Addresses {
		urls[i] = wire.URL{Address: at, AnswerKey: a.Thumbprint}.String()
	}
	d.report.ok(inStack, "command line", "people and machines use "+strings.Join(urls, ", or still "))
}

// answerKeyName is the SSM parameter with the answer key.
func (d *doctor) answerKeyName() string {
	if name := d.found.env("vend")["ANSWER_KEY_PARAMETER"]; name != "" {
		return "the SSM parameter " + name
	}
	return "the answer key"
}

func (d *doctor) checkAnswerKey(a *functions.CallsAnswer) bool {
	const check = "answer key"
	const do = "Make it as docs/deploy.md says (step 4). Vend notices it within a minute."
	switch {
	case a.Key == "malformed":
		d.report.add(finding{inStack, check, problem, "malformed", d.answerKeyName() + " does not hold one P-256 key in " +
			"PKCS #8 PEM, or two different ones during a rotation, so the command line does not work.", do})
	case a.Key != functions.CheckOK:
		d.report.add(finding{inStack, check, problem, "unreadable", "Vend cannot read " + d.answerKeyName() +
			", so the command line does not work.", do})
	case a.Next != "":
		d.report.ok(inStack, check, "its thumbprint is "+a.Thumbprint+"; a rotation to "+a.Next+
			" has begun: see docs/deploy.md for when it can end")
	default:
		d.report.ok(inStack, check, "its thumbprint is "+a.Thumbprint)
	}
	return a.Key == functions.CheckOK
}

// checkAddress compares the addresses that vend accepts with those of the stack. Anyone who
// may write SSM parameters can change them, and a stack does not notice.
func (d *doctor) checkAddress(a *functions.CallsAnswer) bool {
	const check = "address of the command line"
	name := d.found.env("vend")["URL_PARAMETER"]
	want := strings.Fields(d.found.outputs["CommandUrl"])
	malformed := slices.ContainsFunc(want, func(at string) bool {
		_, err := wire.ParseURL(at + "#" + strings.Repeat("A", 43))
		return err != nil
	})
	switch {
	case a.Address != functions.CheckOK:
		d.report.add(finding{inStack, check, problem, "unreadable",
			"Vend cannot read the address in the SSM parameter " + name + ", so the command line does not work.",
			"The stack writes it. If somebody deleted it, put it there again: aws ssm put-parameter --name " + name +
				" --type String --value '" + strings.Join(want, " ") + "'."})
	case len(want) == 0 || malformed:
		d.report.add(finding{inStack, check, problem, "no_address", "The stack's output CommandUrl is not an address.",
			"Deploy the product's own template.yaml again, with https://HOST/v1 in CommandUrl, or without it."})
	case !slices.Equal(want, a.Addresses):
		d.report.add(finding{inStack, check, problem, "other_address", "Vend takes calls for other addresses (" +
			strings.Join(a.Addresses, " ") + ") than the stack has (" + strings.Join(want, " ") + ").",
			"Within five minutes of a deploy this is normal. Otherwise find out who changed " + name +
				" (CloudTrail: PutParameter), and put the stack's value there again."})
	default:
		return true
	}
	return false
}

// checkConcurrency warns if nothing keeps a flood of calls from using the concurrency that
// Slack needs. GetFunction says what is reserved.
func (d *doctor) checkConcurrency() {
	const check = "concurrency of api"
	reserved, known := d.found.reserved[config.API]
	switch {
	case !known || d.frozen():
	case reserved == nil:
		d.report.add(finding{inStack, check, warning, "not_reserved",
			"No concurrency is reserved for api, so a flood of calls can use up what Slack needs.",
			"Deploy with the parameter ApiConcurrency above 0. The account needs 100 more than that; a new account has less, " +
				"until you ask AWS for more (Service Quotas, Lambda, Concurrent executions)."})
	case *reserved == 0:
		d.report.add(finding{inStack, check, problem, "closed", "The concurrency of api is 0, so Lambda refuses all calls.",
			"Find out who set it (CloudTrail: PutFunctionConcurrency), and deploy the stack again."})
	default:
		d.report.ok(inStack, check, fmt.Sprintf("at most %d calls run at once", *reserved))
	}
}

// answersCalls sends a call of a key that is no device to each address. That api knows no
// such device proves that it is there, that this is its address, and that it reads the table.
func (d *doctor) answersCalls(ctx context.Context, a *functions.CallsAnswer) bool {
	const check = "public endpoint of the command line"
	for _, address := range a.Addresses {
		status, code, err := d.sendCall(ctx, wire.URL{Address: address, AnswerKey: a.Thumbprint})
		if f := wrongAnswer(address, status, code, err); f != nil {
			f.Part, f.Check = inStack, check
			d.report.add(*f)
			return false
		}
	}
	d.report.ok(inStack, check, "it refuses a key that is no device")
	return true
}

// wrongAnswer is the finding about the answer to a call of an unknown key; nil if it is
// right.
func wrongAnswer(address string, status int, code string, err error) *finding {
	answered := fmt.Sprintf("%s answers %d (%s) to a call of an unknown key", address, status, code)
	switch {
	case err != nil:
		return &finding{Verdict: problem, Code: "unreachable", Reason: address + " does not answer: " + plainError(err),
			Do: "Check that the address can be reached from here, and that its domain leads to the API."}
	case status == http.StatusUnauthorized && code == relay.UnknownDevice:
		return nil
	case status/100 == 2:
		return &finding{Verdict: problem, Code: "open", Reason: "SECURITY: " + answered + ".",
			Do: "Freeze the stack (Frozen=true), then find out what answers at this address."}
	case code == string(wire.WrongURL):
		return &finding{Verdict: problem, Code: "other_address", Reason: answered + ": api sees another host or path.",
			Do: "A domain of your own must lead to the API itself, not to a proxy before it. CommandUrl is what API Gateway " +
				"sees: the host of the custom domain, its base path, and /v1."}
	case status == http.StatusTooManyRequests:
		return &finding{Verdict: notKnown, Code: "too_many", Reason: answered + ".", Do: "Run doctor again in a minute."}
	case code == relay.Unavailable:
		return &finding{Verdict: problem, Code: "no_table", Reason: answered + ": api cannot read the table of devices.",
			Do: "Read api's log. Check that the table exists and that api's role may use its key."}
	case status == http.StatusNotFound:
		return &finding{Verdict: problem, Code: "no_route", Reason: address + " is not a route of the API.",
			Do: "Deploy the product's own template.yaml again."}
	}
	return &finding{Verdict: problem, Code: "failing", Reason: answered + ".",
		Do: "Read api's log, and check that API Gateway may call the function."}
}

// sendCall sends a call that a key of this moment signed. The code is shown to the operator,
// so it is one of the relay's or "another answer".
func (d *doctor) sendCall(ctx context.Context, to wire.URL) (status int, code string, err error) {
	key, err := wire.NewPrivateKey()
	if err != nil {
		return 0, "", err
	}
	sent, err := wire.Caller{Server: to, Key: key}.Sign(wire.Payload{Op: wire.List}, d.now().Add(d.skew))
	if err != nil {
		return 0, "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.Address, strings.NewReader(sent.Body.Reveal()))
	if err != nil {
		return 0, "", fmt.Errorf("make the call: %w", err)
	}
	r.Header.Set("Content-Type", wire.ContentType)
	answer, err := d.http.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	var said struct {
		Code string `json:"code"`
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	if err != nil || json.Unmarshal(body, &said) != nil || !slices.Contains(relayCodes, said.Code) {
		said.Code = "another answer"
	}
	return answer.StatusCode, said.Code, nil
}

// relayCodes are the codes that api gives itself to a well-formed call.
var relayCodes = []string{
	relay.NotFound, relay.OnlyPost, relay.WrongType, relay.UnknownDevice, relay.TooMany, relay.VendFailed,
	relay.Unavailable, relay.Timeout, string(wire.WrongURL), string(wire.BadSignature),
}
