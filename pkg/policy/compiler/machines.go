package compiler

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

// This file reads groups of machines. A machine is compared whole, so everything that could name
// another machine later, or more than one, is refused: patterns, paths, and names that somebody else
// can take over.

// awsRoleDraft is an entry of aws_roles that has the role's id too.
type awsRoleDraft struct {
	arn *yaml.Node
	id  string
}

// oidcDraft is the value of oidc.
type oidcDraft struct {
	issuer     string
	issuerNode *yaml.Node
	claims     []policy.Claim
	claimsNode *yaml.Node
	claimsOK   bool // every claim was read
}

const roleExample = "arn:aws:iam::332000000000:role/CodeBuildRole"

func (r *reader) awsRolesGroup(n *yaml.Node, g *groupDraft) {
	g.sources++
	g.principal.Kind = policy.AWSRoles
	for _, entry := range r.list(n, "aws_roles") {
		entry = resolve(entry)
		var d awsRoleDraft
		if entry.Kind != yaml.MappingNode {
			d.arn = entry
		} else if object(r, entry, "a role", awsRoleKeys, &d); d.arn == nil {
			continue // what is missing is reported
		}
		role, ok := r.roleARN(d.arn)
		role.ID = d.id
		switch {
		case !ok:
		case slices.Contains(g.principal.Roles, role):
			r.errorf(entry, "this role is in the group %s twice; remove one of them", quoted(g.principal.Name))
		default:
			g.principal.Roles = append(g.principal.Roles, role)
			g.roleNodes = append(g.roleNodes, entry)
		}
	}
}

// roleARN reads the ARN of a role that machines have.
func (r *reader) roleARN(n *yaml.Node) (role policy.MachineRole, ok bool) {
	text, ok := r.text(n, "the ARN of a role")
	if !ok {
		return role, false
	}
	role.Partition, role.Account, role.Name, ok = access.ParseRoleARN(text)
	if ok {
		return role, true
	}
	n = resolve(n)
	head, name, isRole := strings.Cut(text, ":role/")
	_, session, isSession := strings.Cut(text, ":assumed-role/")
	switch {
	case strings.ContainsAny(text, "*?"):
		r.errorf(n, "%s is a pattern, and roles are compared whole; write the ARN of one role, like %s", quoted(text),
			roleExample)
	case access.IsRoleID(text):
		r.errorf(n, "%s is an id without the ARN of its role; write both: {arn: \"%s\", id: %s}", quoted(text), roleExample,
			text)
	case isRole && strings.Contains(name, "/"):
		alone := head + ":role/" + name[strings.LastIndex(name, "/")+1:]
		r.errorf(n, "%s has a path, which the ARN of a session does not carry; write %s", quoted(text), quoted(alone))
	case isSession:
		name, _, _ = strings.Cut(session, "/")
		head, _, _ = strings.Cut(text, ":assumed-role/")
		role := strings.Replace(head, ":sts:", ":iam:", 1) + ":role/" + name
		r.errorf(n, "%s is a session; write the ARN of its role, %s", quoted(text), quoted(role))
	default:
		r.errorf(n, "%s is not the ARN of a role; write one like %s", quoted(text), roleExample)
	}
	return role, false
}

// checkNoTargets refuses a machine that is a session of a target role: it would be a grant that
// extends itself.
func (c *compiler) checkNoTargets(g *groupDraft) {
	for i, role := range g.principal.Roles {
		for k := range c.accounts {
			a := &c.accounts[k]
			if a.id != role.Account {
				continue
			}
			a.roleSet.Each(func(n int) bool {
				if strings.EqualFold(c.policy.Roles[n].Name, role.Name) {
					c.errorf(g.roleNodes[i], "%s is a role that this policy gives out in %s, so it cannot be a machine; "+
						"write the role that the pipeline has by itself", quoted(role.Name), quoted(a.name))
				}
				return true
			})
		}
	}
}

// checkGivesKeys refuses a rule for machines alone that gives them nothing.
func (c *compiler) checkGivesKeys(d *ruleDraft, one *policy.Rule) {
	machines := !slices.ContainsFunc(one.Who, func(i int32) bool { return !c.policy.Principals[i].Kind.HasMachines() })
	if machines && len(one.Who) > 0 && one.GiveConsole && !one.GiveKeys {
		c.errorf(d.node, "this rule is for machines and gives only the console, which machines never get; write "+
			"give: [keys]")
	}
}

func (r *reader) oidcGroup(n *yaml.Node, g *groupDraft) {
	g.sources++
	g.principal.Kind = policy.OIDC
	var d oidcDraft
	object(r, n, "oidc", oidcKeys, &d)
	g.principal.Issuer, g.principal.Claims = d.issuer, d.claims
	if d.issuer == "" || !d.claimsOK {
		return
	}
	kind := issuerKindOf(d.issuer)
	if !slices.ContainsFunc(d.claims, func(c policy.Claim) bool { return kind.unchangeable(c.Name) }) {
		r.errorf(d.claimsNode, "no claim has an id that can never belong to somebody else, and a name can; write %s",
			kind.write)
	}
	narrows := func(c policy.Claim) bool { return slices.Contains(kind.narrow, c.Name) }
	if kind.narrow != nil && !slices.ContainsFunc(d.claims, narrows) {
		r.warnf(d.claimsNode, "any branch, and pull_request_target, matches these claims; write environment, ref or "+
			"job_workflow_ref too")
	}
}

func (r *reader) issuer(n *yaml.Node, d *oidcDraft) {
	text, ok := r.text(n, "issuer")
	d.issuerNode = resolve(n)
	if !ok {
		return
	}
	u, err := url.Parse(text)
	// The issuer is compared with the claim iss whole, so only one way of writing it is accepted.
	sound := err == nil && u.Host != "" && u.User == nil && u.String() == text && !strings.ContainsAny(text, "?#*\\") &&
		!strings.HasSuffix(text, "/") && u.Host == strings.ToLower(u.Host) && access.PlainEmail(text)
	inSandbox := r.sandbox && u != nil && u.Scheme == "http" && isLoopback(u.Hostname())
	if !sound || u.Scheme != "https" && !inSandbox {
		r.errorf(d.issuerNode, "issuer cannot be %s; write the https address of the claim iss, without a slash at the end, "+
			"like %s", quoted(text), githubIssuer)
		return
	}
	d.issuer = text
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// checkedByUs are the claims that are checked with every token, so that no group needs them.
var checkedByUs = []string{"iss", "aud", "exp", "nbf", "iat", "jti"}

// claims reads the claims that a token must have. Each value is text: YAML would make 1.2e3 of one id,
// and lose a zero of another.
func (r *reader) claims(n *yaml.Node, d *oidcDraft) {
	d.claimsNode = resolve(n)
	if d.claimsNode.Kind == yaml.MappingNode && len(d.claimsNode.Content) == 0 || isNull(d.claimsNode) {
		r.errorf(d.claimsNode, "claims is empty, so every token of the issuer would match; write the claims of one "+
			"pipeline, like {repository_id: \"456789\", environment: production}")
		return
	}
	before := len(r.problems)
	r.entries(n, "claims", func(name string, key, value *yaml.Node) {
		text, ok := r.text(value, "the claim "+quoted(name))
		switch {
		case !ok:
		case slices.Contains(checkedByUs, name):
			r.errorf(key, "the claim %s is checked with every token; remove it", quoted(name))
		case hasStar(text):
			r.errorf(resolve(value), "the claim %s contains a star, and claims are compared whole; write the full value",
				quoted(name))
		case len(name)+len(text) > access.MaxClaimBytes || strings.Contains(text, "\n"):
			r.errorf(resolve(value), "the claim %s has more than one line or %d bytes; write what the token has", quoted(name),
				access.MaxClaimBytes)
		default:
			d.claims = append(d.claims, policy.Claim{Name: name, Value: text})
		}
	})
	slices.SortFunc(d.claims, func(a, b policy.Claim) int { return strings.Compare(a.Name, b.Name) })
	d.claimsOK = len(r.problems) == before
}

// issuerKind is what is known of the tokens of an issuer.
type issuerKind struct {
	ids    []string // claims with an id that never changes and is never given to somebody else; nil: not known
	narrow []string // claims that tell a release from any other run; nil: not known
	write  string   // what to write if no claim has such an id
}

const githubIssuer = "https://token.actions.githubusercontent.com"

var (
	// docs/facts.md#i1. A job of any branch has a token with the ids of its repository.
	github = issuerKind{
		ids: []string{"repository_id", "repository_owner_id"}, narrow: []string{"environment", "ref", "job_workflow_ref"},
		write: "repository_id or repository_owner_id",
	}
	buildkite = issuerKind{
		ids: []string{"organization_id", "pipeline_id"}, write: "organization_id or pipeline_id",
	} // docs/facts.md#i2
	gitlab = issuerKind{
		ids: []string{"project_id", "namespace_id"}, write: "project_id or namespace_id",
	} // docs/facts.md#i3
	otherIssuer = issuerKind{write: "sub, or a claim whose name ends with id"}
)

func issuerKindOf(issuer string) issuerKind {
	host, path, _ := strings.Cut(strings.TrimPrefix(issuer, "https://"), "/")
	switch {
	case host == "token.actions.githubusercontent.com", path == "_services/token",
		strings.HasPrefix(host, "token.actions.") && strings.HasSuffix(host, ".ghe.com"):
		return github
	case host == "agent.buildkite.com":
		return buildkite
	case host == "gitlab.com":
		return gitlab
	}
	return otherIssuer
}

// unchangeable reports whether a claim has an id that never belongs to somebody else. The subject of
// an issuer that is not known is such an id, because OpenID Connect says so. An id of one run or one
// job is none of a pipeline.
func (k issuerKind) unchangeable(claim string) bool {
	if k.ids != nil {
		return slices.Contains(k.ids, claim)
	}
	ofOneRun := slices.Contains([]string{"run_id", "job_id", "check_run_id", "build_id", "agent_id", "runner_id"}, claim)
	isID := claim == "id" || strings.HasSuffix(claim, "_id") || strings.HasSuffix(claim, "-id")
	return claim == "sub" || isID && !ofOneRun
}
