package cut

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
)

// The codes of what prevents a cut, for the list, the log and doctor.
const (
	RevokerRefused = "revoker_refused" // STS refuses the revoker role: it is missing, or does not trust this function
	RoleGone       = "role_gone"       // the account has no such role, and IAM says so
	Refused        = "refused"         // the revoker may not write the policy, or there is no such role
	Throttled      = "throttled"       // AWS limits the rate of calls
	Unavailable    = "unavailable"     // AWS did not answer
	NoRoom         = "no_room"         // other inline policies fill the role
	Restless       = "restless"        // the policy did not stay as it was written
	BadRole        = "bad_role"        // the role of the list has no valid ARN
)

// Error says why a cut failed.
type Error struct {
	Code  string // one of the codes above
	cause error  // status and code of AWS's answer
}

func (e *Error) Error() string {
	if e.cause == nil {
		return e.Code
	}
	return e.Code + ": " + e.cause.Error()
}

// CutCode returns Code, for callers that must not import this package.
func (e *Error) CutCode() string { return e.Code }

func (e *Error) Unwrap() error { return e.cause }

// CodeOf returns the code of an error of this package, Unavailable for another one.
func CodeOf(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Code
	}
	return Unavailable
}

// revokerRole is the path and name of the role that writes denies in each member account
// (infra/member/roles.yaml).
const revokerRole = "role/aws-access-revoker/aws-access-revoker"

// identity is the source identity of every session of the revoker.
const identity = "aws-access-cut"

// sessionLength is the shortest session that STS starts.
const sessionLength = "900"

// roleForm is what is accepted as the ARN of a role. It becomes the resource of a session policy,
// so it must not contain a wildcard or a variable.
var roleForm = regexp.MustCompile(`^arn:(aws[a-z-]*):iam::([0-9]{12}):role(/(?:[\w+=,.@-]+/)*)([\w+=,.@-]{1,64})$`)

// role is the IAM role whose policy is written.
type role struct{ arn, partition, account, name string }

func readRole(arn string) (role, error) {
	m := roleForm.FindStringSubmatch(arn)
	if m == nil {
		return role{}, &Error{Code: BadRole}
	}
	return role{arn, m[1], m[2], m[4]}, nil
}

// sessionPolicy limits a session of the revoker to the inline policies of one role.
func sessionPolicy(r role) (string, error) {
	text, err := json.Marshal(struct {
		Version   string
		Statement []any
	}{versionText, []any{struct {
		Effect   string
		Action   []string
		Resource string
	}{"Allow", []string{
		"iam:GetRolePolicy", "iam:ListRolePolicies", "iam:PutRolePolicy", "iam:DeleteRolePolicy",
	}, r.arn}}})
	return string(text), err
}

// open starts a session of the revoker for one role, and returns a client of IAM with it.
func (c Cutter) open(ctx context.Context, arn string) (iamClient, error) {
	r, err := readRole(arn)
	if err != nil {
		return iamClient{}, err
	}
	keys, err := c.revokerKeys(ctx, r, false, "")
	if hasCode(err, "AccessDenied") {
		keys, err = c.revokerKeys(ctx, r, true, "") // the external id may have been rotated
	}
	if err != nil {
		return iamClient{}, failed(err, RevokerRefused)
	}
	return iamClient{awscall.Client{Service: "iam", Config: c.iam(r.partition, keys)}, r}, nil
}

// revokerKeys asks STS for a session of the revoker. without is a parameter to leave out, with
// which doctor tries whether the trust demands it; "" for none.
func (c Cutter) revokerKeys(
	ctx context.Context, r role, fresh bool, without string,
) (keys access.Credentials, err error) {
	external, err := c.ExternalID(ctx, fresh)
	if err != nil {
		return keys, err
	}
	policy, err := sessionPolicy(r)
	if err != nil {
		return keys, err
	}
	form := url.Values{
		"Action": {"AssumeRole"}, "Version": {"2011-06-15"},
		"RoleArn":         {"arn:" + r.partition + ":iam::" + r.account + ":" + revokerRole},
		"RoleSessionName": {access.SessionPrefix + "cut-" + rand.Text()[:8]}, "SourceIdentity": {identity},
		"ExternalId": {external.Reveal()}, "DurationSeconds": {sessionLength}, "Policy": {policy},
	}
	delete(form, without)
	text, err := c.STS.Post(ctx, "/", formHeader, []byte(form.Encode()))
	if err != nil {
		return keys, err
	}
	var answer struct {
		AccessKeyID     string `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
		SecretAccessKey string `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
		SessionToken    string `xml:"AssumeRoleResult>Credentials>SessionToken"`
	}
	if xml.Unmarshal(text, &answer) != nil || answer.AccessKeyID == "" || answer.SecretAccessKey == "" {
		return keys, &Error{Code: Unavailable}
	}
	return access.Credentials{
		AccessKeyID: answer.AccessKeyID, SecretKey: access.NewSecret(answer.SecretAccessKey),
		SessionToken: access.NewSecret(answer.SessionToken),
	}, nil
}

// iamRegions are the Region in which calls of IAM are signed, and the host of IAM, for each
// partition: IAM is one service for all Regions of a partition.
var iamRegions = map[string]struct{ region, host string }{
	"aws":        {"us-east-1", "iam.amazonaws.com"},
	"aws-cn":     {"cn-north-1", "iam.cn-north-1.amazonaws.com.cn"},
	"aws-us-gov": {"us-gov-west-1", "iam.us-gov.amazonaws.com"},
	"aws-eusc":   {"eusc-de-east-1", "iam.eusc-de-east-1.amazonaws.eu"},
}

// iam returns the configuration of IAM's client with the keys of a session.
func (c Cutter) iam(partition string, keys access.Credentials) aws.Config {
	config := c.IAM.Copy()
	at := iamRegions[partition]
	config.Region = at.region
	if config.BaseEndpoint == nil {
		config.BaseEndpoint = aws.String("https://" + at.host)
	}
	config.Credentials = awscall.Keys(keys.AccessKeyID, keys.SecretKey.Reveal(), keys.SessionToken.Reveal())
	return config
}

var formHeader = http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}

// iamClient calls IAM for one role.
type iamClient struct {
	client awscall.Client
	role   role
}

func (i iamClient) call(ctx context.Context, action string, more url.Values) ([]byte, error) {
	form := url.Values{"Action": {action}, "Version": {"2010-05-08"}, "RoleName": {i.role.name}}
	for name, values := range more {
		form[name] = values
	}
	return i.client.Post(ctx, "/", formHeader, []byte(form.Encode()))
}

// get reads an inline policy of the role, "" if it has none of that name.
func (i iamClient) get(ctx context.Context, name string) (string, error) {
	text, err := i.call(ctx, "GetRolePolicy", url.Values{"PolicyName": {name}})
	if err != nil {
		if hasCode(err, "NoSuchEntity") { // put tells whether it is the policy or the role
			return "", nil
		}
		return "", failed(err, Refused)
	}
	var answer struct {
		Document string `xml:"GetRolePolicyResult>PolicyDocument"`
	}
	if err := xml.Unmarshal(text, &answer); err != nil {
		return "", &Error{Code: Unavailable}
	}
	document, err := url.PathUnescape(answer.Document)
	if err != nil {
		return "", &Error{Code: Unavailable}
	}
	return document, nil
}

// list returns the names of the role's inline policies.
func (i iamClient) list(ctx context.Context) (names []string, err error) {
	for marker := ""; ; {
		more := url.Values{}
		if marker != "" {
			more.Set("Marker", marker)
		}
		text, err := i.call(ctx, "ListRolePolicies", more)
		if err != nil {
			return nil, failed(err, Refused)
		}
		var answer struct {
			Names  []string `xml:"ListRolePoliciesResult>PolicyNames>member"`
			More   bool     `xml:"ListRolePoliciesResult>IsTruncated"`
			Marker string   `xml:"ListRolePoliciesResult>Marker"`
		}
		if xml.Unmarshal(text, &answer) != nil {
			return nil, &Error{Code: Unavailable}
		}
		names = append(names, answer.Names...)
		if marker = answer.Marker; !answer.More || marker == "" {
			return names, nil
		}
	}
}

// room returns how many characters the other inline policies of the role leave.
func (i iamClient) room(ctx context.Context) (int, error) {
	names, err := i.list(ctx)
	if err != nil {
		return 0, err
	}
	left := MaxInline
	for _, name := range names {
		if name == PolicyName {
			continue
		}
		text, err := i.get(ctx, name)
		if err != nil {
			return 0, err
		}
		left -= size(text)
	}
	return left, nil
}

// put writes an inline policy of the role; without a text it deletes it.
func (i iamClient) put(ctx context.Context, name, text string) error {
	action, form := "PutRolePolicy", url.Values{"PolicyName": {name}, "PolicyDocument": {text}}
	if text == "" {
		action, form = "DeleteRolePolicy", url.Values{"PolicyName": {name}}
	}
	_, err := i.call(ctx, action, form)
	if err == nil || text == "" && hasCode(err, "NoSuchEntity") {
		return nil
	}
	return failed(err, Refused)
}

func hasCode(err error, code string) bool {
	var answer *awscall.Error
	return errors.As(err, &answer) && answer.Code == code
}

// failed gives an error of a call its code. denied is that of AccessDenied and of unknown answers.
func failed(err error, denied string) error {
	var answer *awscall.Error
	var known *Error
	switch {
	case errors.As(err, &known):
		return err
	case !errors.As(err, &answer):
		return &Error{Code: Unavailable, cause: errors.New("there was no answer")}
	case answer.Code == "NoSuchEntity":
		return &Error{RoleGone, err}
	case answer.Code == "LimitExceeded":
		return &Error{NoRoom, err}
	case answer.Status == http.StatusTooManyRequests, strings.HasPrefix(answer.Code, "Throttling"):
		return &Error{Throttled, err}
	case answer.Status >= http.StatusInternalServerError:
		return &Error{Unavailable, err}
	}
	return &Error{denied, err}
}
