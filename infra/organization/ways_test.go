package organization

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/infra/member/cfntest"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

// way is a row of ways-in.yaml. A row of no-ways-in.yaml has only why and actions.
type way struct {
	Way, Why, Resource, Accepted, Also string
	Denied                             []string
	Newer                              bool
	Actions                            map[string]string // names by service, separated by spaces
}

// each returns all actions of a row, with the prefix of the service.
func (w way) each() []string {
	var all []string
	for service, names := range w.Actions {
		for _, name := range strings.Fields(names) {
			all = append(all, service+":"+name)
		}
	}
	slices.Sort(all)
	return all
}

// pattern says which actions must be in the table: those that match all its fields
// that are set. Alternatives are separated by spaces.
type pattern struct{ Why, Level, Service, Name, With, Not string }

func (p pattern) compile(t *testing.T) func(a action) bool {
	t.Helper()
	oneOf := func(alternatives string) *regexp.Regexp {
		r, err := regexp.Compile(strings.Join(strings.Fields(alternatives), "|"))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	name, with, not, services := oneOf(p.Name), oneOf(p.With), oneOf(p.Not), strings.Fields(p.Service)
	return func(a action) bool {
		return (p.Level == "" || a.permissions) && (p.Service == "" || slices.Contains(services, a.service)) &&
			name.MatchString(a.name) && with.MatchString(a.name) && (p.Not == "" || !not.MatchString(a.name))
	}
}

// action is an action of aws-actions.txt.
type action struct {
	service, name string
	permissions   bool // AWS classifies it as changing permissions
}

// readActions returns all actions of AWS. Their number must be that in the first line
// of the file.
func readActions(t *testing.T) []action {
	t.Helper()
	text, err := os.ReadFile("aws-actions.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []action
	service := ""
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		names := strings.Fields(line)
		if !strings.HasPrefix(line, " ") {
			service, names = names[0], names[1:]
		}
		for _, name := range names {
			bare, permissions := strings.CutSuffix(name, "!")
			all = append(all, action{service, bare, permissions})
		}
	}
	if head := fmt.Sprintf("# All actions of AWS: %d of ", len(all)); !strings.HasPrefix(string(text), head) ||
		len(all) < 20000 {
		t.Fatalf("aws-actions.txt has %d actions, but its first line gives another number", len(all))
	}
	return all
}

// readTable returns the rows of both files and the patterns.
func readTable(t *testing.T) (ways, nothing []way, patterns []pattern) {
	t.Helper()
	var table struct {
		Patterns []pattern
		Ways     []way
		Nothing  []way
	}
	for _, file := range []string{"ways-in.yaml", "no-ways-in.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, &table); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	for _, w := range append(slices.Clone(table.Ways), table.Nothing...) {
		if w.Why == "" || len(w.Actions) == 0 {
			t.Errorf("a row has no reason or no actions: %+v", w)
		}
	}
	for _, w := range table.Ways {
		if w.Way == "" || (len(w.Denied) == 0) == (w.Accepted == "") {
			t.Errorf("%s: a way must be either denied or accepted", w.Way)
		}
	}
	return table.Ways, table.Nothing, table.Patterns
}

// When aws-actions.txt is updated, this test names the new actions that somebody must
// classify.
func TestEveryActionThatMatchesAPatternIsClassified(t *testing.T) {
	if testing.Short() {
		t.Skip("matches 22,091 actions")
	}
	ways, nothing, patterns := readTable(t)
	rows := map[string]int{}
	newer := map[string]bool{}
	for _, w := range append(slices.Clone(ways), nothing...) {
		for _, a := range w.each() {
			rows[a]++
			newer[a] = w.Newer
		}
	}
	var matchers []func(action) bool
	for _, p := range patterns {
		matchers = append(matchers, p.compile(t))
	}
	matched := 0
	for _, a := range readActions(t) {
		full := a.service + ":" + a.name
		n := rows[full]
		delete(rows, full)
		if newer[full] {
			t.Errorf("%s is in aws-actions.txt: remove newer from its row", full)
		}
		if slices.ContainsFunc(matchers, func(matches func(action) bool) bool { return matches(a) }) {
			matched++
			if n == 0 {
				t.Errorf("%s matches a pattern, but is in neither ways-in.yaml nor no-ways-in.yaml", full)
			}
		}
		if n > 1 {
			t.Errorf("%s is in the tables %d times", full, n)
		}
	}
	for full := range rows {
		if !newer[full] {
			t.Errorf("%s is not an action of AWS", full)
		}
	}
	t.Logf("%d actions match a pattern", matched)
}

// layers returns the policies that can deny, by their names in the table.
func layers(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{
		"session": sessionText(t), "boundary": boundary(t, "Admin"), "scp": content(t, "NewWaysIn", nil),
	}
}

// boundary returns the boundary of a role of ../member.
func boundary(t *testing.T, role string) string {
	t.Helper()
	template, err := cfntest.Read("../member/roles.yaml")
	if err != nil {
		t.Fatal(err)
	}
	place := cfntest.Place{Partition: "aws", Account: account, Region: "eu-west-1"}
	made, err := template.Render(place, map[string]string{
		"BastionAccountId": bastion, "OrganizationId": org, "ExternalId": strings.Repeat("x", 32),
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(made[role+"OwnBoundary"].Properties["PolicyDocument"])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func parse(t *testing.T, policy string) awsfake.Document {
	t.Helper()
	d, err := awsfake.ParseDocument(policy)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// resource returns a resource for an action of a row. Actions of IAM and STS have
// resources, and policies can name their ARNs.
func (w way) resource(action string) string {
	switch {
	case w.Resource != "":
		return w.Resource
	case strings.HasPrefix(action, "iam:"), strings.HasPrefix(action, "sts:"):
		return service
	}
	return "*"
}

// evaluate evaluates a policy for an action of a row and a caller.
func (w way) evaluate(t *testing.T, policy awsfake.Document, by, action string) awsfake.Verdict {
	t.Helper()
	call := awsfake.Call{Action: action, Resource: w.resource(action), Context: map[string][]string{
		"aws:PrincipalArn": {by}, "aws:CurrentTime": {"2026-11-21T12:00:00Z"},
	}}
	if err := call.Check(); err != nil {
		t.Fatal(err)
	}
	return policy.Evaluate(call)
}

// The table names exactly the policies that deny an action. Operator, and roles that
// Admin made, are denied what Admin's boundary denies.
// cfn-lint does not check policies with an action that it does not know.
func TestMemberPoliciesNameActionsThatExist(t *testing.T) {
	known := []string{"sts:getscopedcredentials"} // announced on 2026-11-19: docs/facts.md#a8
	for _, a := range readActions(t) {
		known = append(known, strings.ToLower(a.service+":"+a.name))
	}
	checked := 0
	for file, ids := range map[string][]string{
		"../member/roles.yaml":  {"OperatorPolicy", "RevokerPolicy", "NoSecretsPolicy"},
		"../member/deploy.yaml": {"DeployPolicy", "DeployOwnBoundary"},
	} {
		for _, pattern := range actionsOf(t, file, ids) {
			checked++
			exists := func(action string) bool {
				matched, err := path.Match(strings.ToLower(pattern), action)
				return matched && err == nil
			}
			if !slices.ContainsFunc(known, exists) {
				t.Errorf("%s names %s, and there is no such action", file, pattern)
			}
		}
	}
	if checked < 60 {
		t.Errorf("found %d actions: are the policies read correctly?", checked)
	}
}

// actionsOf returns the actions of the statements of managed policies.
func actionsOf(t *testing.T, file string, ids []string) (all []string) {
	t.Helper()
	template, err := cfntest.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	made, err := template.Render(cfntest.Place{Partition: "aws", Account: account, Region: "eu-west-1"},
		map[string]string{"BastionAccountId": bastion, "ExternalId": strings.Repeat("x", 32)})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		for _, s := range made[id].Properties["PolicyDocument"].(map[string]any)["Statement"].([]any) {
			for _, list := range []string{"Action", "NotAction"} {
				switch of := s.(map[string]any)[list].(type) {
				case string:
					all = append(all, of)
				case []any:
					for _, action := range of {
						all = append(all, fmt.Sprint(action))
					}
				}
			}
		}
	}
	return all
}

func TestTableOfWaysInMatchesThePolicies(t *testing.T) {
	ways, _, _ := readTable(t)
	texts, parsed := layers(t), map[string]awsfake.Document{}
	for name, text := range texts {
		parsed[name] = parse(t, text)
	}
	operator := parse(t, boundary(t, "Operator"))
	count := map[string]int{}
	for _, w := range ways {
		for _, a := range w.each() {
			if w.Accepted != "" {
				count["accepted"]++
			} else {
				count["denied"]++
			}
			for name, policy := range parsed {
				got := w.evaluate(t, policy, admin, a) == awsfake.Denied
				want := slices.Contains(w.Denied, name)
				if got != want {
					t.Errorf("%s: %s: denied by %s is %t, the table says %t", w.Way, a, name, got, want)
				}
				if want {
					count[name]++
				}
			}
			asOperator := strings.Replace(admin, "Admin", "Operator", 1)
			if slices.Contains(w.Denied, "boundary") && w.evaluate(t, operator, asOperator, a) == awsfake.Allowed {
				t.Errorf("%s: %s: Operator may do it", w.Way, a)
			}
			if len(w.Denied) > 0 && w.Denied[0] != "scp" &&
				w.evaluate(t, parsed["boundary"], service, a) != awsfake.Denied {
				t.Errorf("%s: %s: a role that Admin made may do it", w.Way, a)
			}
		}
	}
	t.Logf("actions: %v", count)
}

// These actions kept an administrator's access after a grant when we tried them. The
// table must never accept them.
func TestWaysThatWereFoundAreDenied(t *testing.T) {
	ways, _, _ := readTable(t)
	denied := map[string]bool{}
	for _, w := range ways {
		for _, a := range w.each() {
			denied[a] = len(w.Denied) > 0
		}
	}
	for _, a := range []string{
		"iot:CreateKeysAndCertificate", "iot:CreateCertificateFromCsr", "iot:RegisterCertificate",
		"iot:AttachPolicy", "iot:UpdateRoleAlias", "acm-pca:IssueCertificate", "rolesanywhere:CreateTrustAnchor",
		"rolesanywhere:DeleteCrl", "rolesanywhere:DisableCrl", "rolesanywhere:PutAttributeMapping",
		"rolesanywhere:UpdateProfile", "s3:GetDataAccess", "lakeformation:GetTemporaryGlueTableCredentials",
		"lakeformation:GetTemporaryGluePartitionCredentials", "datazone:GetEnvironmentCredentials",
		"cognito-identity:GetOpenIdTokenForDeveloperIdentity", "cognito-identity:SetIdentityPoolRoles",
		"eks:UpdateAccessEntry", "eks:CreateAccessEntry", "eks:CreatePodIdentityAssociation",
		"account:StartPrimaryEmailUpdate", "sso-directory:CreateUser", "identitystore:CreateUser",
		"sso:CreateAccountAssignment", "account-access:CreateEntitlement", "signin:CreateBearerToken",
		"transfer:CreateUser", "cloudformation:UpdateStackSet", "cloudformation:CreateStackInstances",
		"cloudformation:ExecuteStackRefactor", "cloudformation:ContinueUpdateRollback",
		"servicecatalog:ProvisionProduct", "s3:PutObject",
	} {
		if !denied[a] {
			t.Errorf("%s is not denied", a)
		}
	}
}

// A way is accepted only if the work of the role needs it: all policies together allow
// the work, and the work is impossible if the action is denied.
func TestAcceptedWaysAreNeededForWork(t *testing.T) {
	ways, _, _ := readTable(t)
	everything := parse(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	limits := []awsfake.Document{
		parse(t, sessionText(t)), parse(t, boundary(t, "Admin")), parse(t, withAllow(t, content(t, "NewWaysIn", nil))),
	}
	for _, w := range ways {
		if w.Accepted == "" {
			continue
		}
		work := append(w.each(), strings.Fields(w.Also)...)
		if len(strings.Fields(w.Also)) == 0 {
			t.Errorf("%s: the row must name other actions of the work in also", w.Way)
		}
		all := awsfake.Permissions{Identity: []awsfake.Document{everything}, Limits: limits}
		if stopped := w.stopsAt(t, all, work); stopped != "" {
			t.Errorf("%s: %s A policy denies %s", w.Way, w.Accepted, stopped)
		}
		for _, a := range w.each() {
			deny := parse(t,
				withAllow(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"`+a+`","Resource":"*"}]}`))
			p := awsfake.Permissions{Identity: []awsfake.Document{everything}, Limits: append(slices.Clone(limits), deny)}
			if stopped := w.stopsAt(t, p, []string{a}); stopped != a {
				t.Errorf("%s: the work is possible with %s denied", w.Way, a)
			}
		}
	}
}

// stopsAt returns the first action of some work that is not allowed, "" if all are.
func (w way) stopsAt(t *testing.T, p awsfake.Permissions, work []string) string {
	t.Helper()
	for _, a := range work {
		call := awsfake.Call{Action: a, Resource: w.resource(a), Context: map[string][]string{
			"aws:PrincipalArn": {admin}, "aws:CurrentTime": {"2026-11-21T12:00:00Z"},
		}}
		if p.Evaluate(call) != awsfake.Allowed {
			return a
		}
	}
	return ""
}

// withAllow adds an allow of everything, as AWS attaches it beside every service
// control policy.
func withAllow(t *testing.T, policy string) string {
	t.Helper()
	d := decoded(t, policy)
	d["Statement"] = append([]any{map[string]any{"Effect": "Allow", "Action": "*", "Resource": "*"}},
		d["Statement"].([]any)...)
	return encoded(t, d)
}

func decoded(t *testing.T, policy string) map[string]any {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal([]byte(policy), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func encoded(t *testing.T, policy map[string]any) string {
	t.Helper()
	text, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// If any denied action is removed from a policy, the table no longer matches it.
func TestEveryDeniedActionIsNeeded(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	ways, _, _ := readTable(t)
	// Other tests check these statements.
	otherTests := []string{"OursStays", "WhatIsMadeMakesNothing", "WhatIsMadeAdmitsNobody", "PipelinesAreNotLent"}
	for layer, policy := range layers(t) {
		removed := 0
		for i, s := range decoded(t, policy)["Statement"].([]any) {
			statement := s.(map[string]any)
			sid, _ := statement["Sid"].(string)
			actions, many := statement["Action"].([]any)
			if statement["Effect"] != "Deny" || !many || len(actions) < 2 || slices.Contains(otherTests, sid) {
				continue
			}
			for j, gone := range actions {
				d := decoded(t, policy)
				d["Statement"].([]any)[i].(map[string]any)["Action"] = slices.Delete(slices.Clone(actions), j, j+1)
				removed++
				allowed := noLongerDenied(t, ways, layer, parse(t, encoded(t, d)), gone.(string))
				if allowed == "" {
					t.Errorf("%s: the table still matches without %s", layer, gone)
				} else if j%40 == 7 {
					t.Logf("%s: without %s: %s is no longer denied", layer, gone, allowed)
				}
			}
		}
		if removed < 40 {
			t.Errorf("%s: only %d actions were removed", layer, removed)
		}
		t.Logf("%s: %d actions were removed, one at a time", layer, removed)
	}
}

// noLongerDenied returns an action of the table that a weaker policy does not deny, ""
// if it denies all.
func noLongerDenied(t *testing.T, ways []way, layer string, weaker awsfake.Document, gone string) string {
	t.Helper()
	prefix, _, _ := strings.Cut(gone, ":")
	for _, w := range ways {
		if !slices.Contains(w.Denied, layer) || w.Actions[prefix] == "" {
			continue
		}
		for _, a := range w.each() {
			if strings.HasPrefix(a, prefix+":") && w.evaluate(t, weaker, admin, a) != awsfake.Denied {
				return a
			}
		}
	}
	return ""
}
