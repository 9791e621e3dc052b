package awsfake

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/aws-access/aws-access/pkg/access"
)

// serveIAM checks every operation of IAM against the caller's policies, and
// carries out a few of them: those that end sessions, and those with which a
// session could try to outlive its grant. It works in the caller's account.
func (s *Server) serveIAM(c *caller, q request) (answer, *failure) {
	resource := s.iamResource(c, q)
	if f := s.authorize(c, "iam:"+q.operation, resource, s.iamKeys(c, q.form)); f != nil {
		return answer{}, f
	}
	do, ok := iamOperations[q.operation]
	if !ok {
		return answer{}, notSimulated("iam:" + q.operation)
	}
	s.late = q.late
	result, f := do(s, c, q.form)
	if f != nil {
		return answer{}, f
	}
	return queryAnswer(iamSpace, q.operation, result), nil
}

var iamOperations = map[string]func(*Server, *caller, url.Values) (any, *failure){
	"GetRole":                (*Server).getRole,
	"ListRoles":              (*Server).listRoles,
	"CreateRole":             (*Server).createRole,
	"UpdateAssumeRolePolicy": (*Server).updateTrust,
	"ListRolePolicies":       (*Server).listInline,
	"GetRolePolicy":          (*Server).getInline,
	"PutRolePolicy":          (*Server).putInline,
	"DeleteRolePolicy":       (*Server).deleteInline,
	"CreateUser":             (*Server).createUser,
	"CreateAccessKey":        (*Server).createAccessKey,
}

// iamNames lists the parameters that name the resource of an operation. The first
// one that a call has decides. Without any, the resource is "*".
var iamNames = [...]struct{ parameter, kind string }{
	{"InstanceProfileName", "instance-profile"},
	{"GroupName", "group"},
	{"RoleName", "role"},
	{"UserName", "user"},
	{"PolicyArn", ""},
	{"SAMLProviderArn", ""},
	{"OpenIDConnectProviderArn", ""},
	{"PolicyName", "policy"},
}

// iamResource returns the ARN that an operation is checked for. It looks up the
// name of a role, so that the ARN has the role's path and letter case.
func (s *Server) iamResource(c *caller, q request) string {
	prefix := "arn:" + c.partition + ":iam::" + c.account + ":"
	for _, n := range iamNames {
		name := q.form.Get(n.parameter)
		switch {
		case name == "":
			continue
		case n.kind == "":
			return name
		case n.kind == "role" && s.find(c.account, name) != nil:
			return s.find(c.account, name).arn
		}
		return prefix + n.kind + cmp.Or(q.form.Get("Path"), "/") + name
	}
	if aboutUsers.MatchString(q.operation) {
		return prefix + "user/"
	}
	return "*"
}

// aboutUsers matches operations that are about the caller if they name no user.
var aboutUsers = regexp.MustCompile(
	`AccessKey|LoginProfile|ServiceSpecificCredential|SSHPublicKey|SigningCertificate|^GetUser$`)

// iamKeys are the condition keys of an operation. For one on a role that has a
// boundary, iam:PermissionsBoundary is that boundary, as for PutRolePolicy (Service
// Authorization Reference of IAM).
func (s *Server) iamKeys(c *caller, form url.Values) map[string][]string {
	keys := map[string][]string{}
	if r := s.find(c.account, form.Get("RoleName")); r != nil && r.BoundaryARN != "" {
		keys["iam:PermissionsBoundary"] = []string{r.BoundaryARN}
	}
	if v := form.Get("PolicyArn"); v != "" && isARN(v) {
		keys["iam:PolicyARN"] = []string{v}
	}
	if v := form.Get("PermissionsBoundary"); v != "" && isARN(v) {
		keys["iam:PermissionsBoundary"] = []string{v}
	}
	return keys
}

func noSuch(what, name string) *failure {
	return fail(http.StatusNotFound, "NoSuchEntity", "The "+what+" with name "+name+" cannot be found.")
}

// namedRole returns the role that an operation names.
func (s *Server) namedRole(c *caller, form url.Values) (*role, *failure) {
	r := s.find(c.account, form.Get("RoleName"))
	if r == nil {
		return nil, noSuch("role", form.Get("RoleName"))
	}
	return r, nil
}

// iamRole is a role in answers of IAM. They hold policies URL-encoded.
type iamRole struct {
	Path                     string
	RoleName                 string
	RoleID                   string `xml:"RoleId"`
	Arn                      string
	CreateDate               string
	AssumeRolePolicyDocument string
	MaxSessionDuration       int
}

func (r *role) shown() iamRole {
	return iamRole{
		Path: r.Path, RoleName: r.Name, RoleID: r.id, Arn: r.arn, CreateDate: "2026-01-01T00:00:00Z",
		AssumeRolePolicyDocument: url.PathEscape(r.Trust), MaxSessionDuration: int(r.MaxSession / time.Second),
	}
}

func (s *Server) getRole(c *caller, form url.Values) (any, *failure) {
	r, f := s.namedRole(c, form)
	if f != nil {
		return nil, f
	}
	return struct{ Role iamRole }{r.shown()}, nil
}

func (s *Server) listRoles(c *caller, _ url.Values) (any, *failure) {
	var out struct {
		IsTruncated bool
		Roles       []iamRole `xml:"Roles>member"`
	}
	for _, arn := range slices.Sorted(maps.Keys(s.roles)) {
		if r := s.roles[arn]; r.account == c.account {
			out.Roles = append(out.Roles, r.shown())
		}
	}
	return out, nil
}

func (s *Server) createRole(c *caller, form url.Values) (any, *failure) {
	if s.find(c.account, form.Get("RoleName")) != nil {
		return nil, fail(http.StatusConflict, "EntityAlreadyExists",
			"Role with name "+form.Get("RoleName")+" already exists.")
	}
	made, err := newRole(c.account, Role{
		Name: form.Get("RoleName"), Path: form.Get("Path"), Partition: c.partition,
		Trust: form.Get("AssumeRolePolicyDocument"), Permissions: []string{},
	})
	if err != nil {
		return nil, malformed(err)
	}
	s.made++
	made.id = uniqueID("AROA", s.made)
	s.roles[made.arn] = made
	return struct{ Role iamRole }{made.shown()}, nil
}

func malformed(err error) *failure {
	return fail(http.StatusBadRequest, "MalformedPolicyDocument", "This policy cannot be used: "+err.Error())
}

func (s *Server) updateTrust(c *caller, form url.Values) (any, *failure) {
	r, f := s.namedRole(c, form)
	if f != nil {
		return nil, f
	}
	d, err := ParseDocument(form.Get("PolicyDocument"))
	if err == nil && !d.trust {
		err = errors.New("it has no principal")
	}
	if err != nil {
		return nil, malformed(err)
	}
	r.Trust, r.trust = form.Get("PolicyDocument"), d
	return nil, nil
}

func (s *Server) listInline(c *caller, form url.Values) (any, *failure) {
	r, f := s.namedRole(c, form)
	if f != nil {
		return nil, f
	}
	most, err := readInt(form, "MaxItems", 100, 1, 1000)
	if err != nil {
		return nil, invalid(err.Error())
	}
	var out struct {
		IsTruncated bool
		PolicyNames []string `xml:"PolicyNames>member"`
		Marker      string   `xml:",omitempty"`
	}
	for _, name := range slices.Sorted(maps.Keys(r.Inline)) { // as stored, like GetRolePolicy
		switch {
		case name <= form.Get("Marker"):
		case len(out.PolicyNames) == most:
			out.IsTruncated, out.Marker = true, out.PolicyNames[most-1]
			return out, nil
		default:
			out.PolicyNames = append(out.PolicyNames, name)
		}
	}
	return out, nil
}

func (s *Server) getInline(c *caller, form url.Values) (any, *failure) {
	r, f := s.namedRole(c, form)
	if f != nil {
		return nil, f
	}
	name := form.Get("PolicyName")
	policy, ok := r.Inline[name]
	if !ok {
		return nil, noSuch("role policy", name)
	}
	return struct{ RoleName, PolicyName, PolicyDocument string }{r.Name, name, url.PathEscape(policy)}, nil
}

// maxInline is the limit for all inline policies of a role together, in
// characters without white space (docs/facts.md#c).
const maxInline = 10240

var (
	policyName = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	policyText = regexp.MustCompile(`^[\x{9}\x{A}\x{D}\x{20}-\x{FF}]+$`)
)

func (s *Server) putInline(c *caller, form url.Values) (any, *failure) {
	r, f := s.namedRole(c, form)
	if f != nil {
		return nil, f
	}
	name, policy := form.Get("PolicyName"), form.Get("PolicyDocument")
	if !policyName.MatchString(name) || !policyText.MatchString(policy) {
		return nil, invalid("The specified value for policyName or policyDocument is invalid.")
	}
	d, err := ParseDocument(policy)
	if err == nil && d.trust {
		err = errors.New("it has a principal")
	}
	if err != nil {
		return nil, malformed(err)
	}
	size := withoutSpace(policy)
	for other, text := range r.Inline {
		if other != name {
			size += withoutSpace(text)
		}
	}
	if size > maxInline {
		return nil, fail(http.StatusConflict, "LimitExceeded",
			"Maximum policy size of 10240 bytes exceeded for role "+r.Name)
	}
	if r.Inline == nil {
		r.Inline = map[string]string{}
	}
	r.Inline[name] = policy
	s.changeInline(r, name, &d)
	return nil, nil
}

// withoutSpace counts the characters that are not white space.
func withoutSpace(policy string) int {
	n := 0
	for _, r := range policy {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

func (s *Server) deleteInline(c *caller, form url.Values) (any, *failure) {
	r, f := s.namedRole(c, form)
	if f != nil {
		return nil, f
	}
	name := form.Get("PolicyName")
	if _, ok := r.Inline[name]; !ok {
		return nil, noSuch("role policy", name)
	}
	delete(r.Inline, name)
	s.changeInline(r, name, nil)
	return nil, nil
}

// iamUser is a user in answers of IAM.
type iamUser struct{ Path, UserName, UserId, Arn, CreateDate string }

func (s *Server) createUser(c *caller, form url.Values) (any, *failure) {
	u := iamUser{
		Path: cmp.Or(form.Get("Path"), "/"), UserName: form.Get("UserName"),
		CreateDate: s.options.Now().UTC().Format(time.RFC3339),
	}
	u.Arn = "arn:" + c.partition + ":iam::" + c.account + ":user" + u.Path + u.UserName
	switch _, exists := s.users[u.Arn]; {
	case !principalARN.MatchString(u.Arn):
		return nil, invalid("The specified value for userName is invalid.")
	case exists:
		return nil, fail(http.StatusConflict, "EntityAlreadyExists",
			"User with name "+u.UserName+" already exists.")
	}
	u.UserId = "AIDA" + randomID(17)
	s.users[u.Arn] = u.UserId
	return struct{ User iamUser }{u}, nil
}

// createAccessKey makes keys that work. A user has no policies, so the keys can
// identify the user and do nothing else.
func (s *Server) createAccessKey(c *caller, form url.Values) (any, *failure) {
	name := form.Get("UserName")
	if name == "" {
		return nil, invalid("Must specify userName when calling with non-User credentials")
	}
	for arn, id := range s.users {
		if !strings.Contains(arn, ":iam::"+c.account+":user/") || !strings.HasSuffix(arn, "/"+name) {
			continue
		}
		made := &caller{
			Credentials: s.newCredentials("AKIA", 0), partition: c.partition, account: c.account, user: arn, name: id,
		}
		s.callers[made.AccessKeyID] = made
		return struct{ AccessKey iamAccessKey }{accessKeyAnswer(name, made.Credentials)}, nil
	}
	return nil, noSuch("user", name)
}

type iamAccessKey struct{ UserName, AccessKeyId, Status, SecretAccessKey string }

// accessKeyAnswer is a new access key with its secret, which IAM shows only once.
func accessKeyAnswer(user string, c access.Credentials) iamAccessKey {
	return iamAccessKey{user, c.AccessKeyID, "Active", c.SecretKey.Reveal()}
}
