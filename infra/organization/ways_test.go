package organization

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/infra/member/cfntest"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

// way is a row of ways-in.yaml, and, with why and actions alone, one of
// no-ways-in.yaml.
type way struct {
	Way, Why, Resource, Accepted, Also string
	Denied                             []string
	Newer                              bool
	Actions                            map[string]string // names by service, with spaces
}

// each is every action of a row with the service's prefix.
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

// pattern says which actions have to be in the table: each of its fields that is
// given must hold. Alternatives have spaces between them.
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

// action is one of aws-actions.txt.
type action struct {
	service, name string
	permissions   bool
}

// readActions returns all of AWS's actions, and fails unless there are as many
// as the head of the list says.
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
		t.Fatalf("aws-actions.txt has %d actions, its head says otherwise", len(all))
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
			t.Errorf("a row without a reason or without actions: %+v", w)
		}
	}
	for _, w := range table.Ways {
		if w.Way == "" || (len(w.Denied) == 0) == (w.Accepted == "") {
			t.Errorf("%s: a way is either denied or accepted", w.Way)
		}
	}
	return table.Ways, table.Nothing, table.Patterns
}

// An action that AWS adds tomorrow, or that nobody thought of, is named here
// when the list is made anew.
func TestEveryActionThatFitsAPatternIsClassified(t *testing.T) {
	ways, nothing, patterns := readTable(t)
	rows := map[string]int{}
	newer := map[string]bool{}
	for _, w := range append(slices.Clone(ways), nothing...) {
		for _, a := range w.each() {
			rows[a]++
			newer[a] = w.Newer
		}
	}
	var fits []func(action) bool
	for _, p := range patterns {
		fits = append(fits, p.compile(t))
	}
	matched := 0
	for _, a := range readActions(t) {
		full := a.service + ":" + a.name
		n := rows[full]
		delete(rows, full)
		if newer[full] {
			t.Errorf("%s is in the list of actions: it is no longer newer", full)
		}
		if slices.ContainsFunc(fits, func(fit func(action) bool) bool { return fit(a) }) {
			matched++
			if n == 0 {
				t.Errorf("%s fits a pattern and is in neither ways-in.yaml nor no-ways-in.yaml", full)
			}
		}
		if n > 1 {
			t.Errorf("%s is there %d times", full, n)
		}
	}
	for full := range rows {
		if !newer[full] {
			t.Errorf("%s is no action of AWS", full)
		}
	}
	t.Logf("%d actions fit a pattern", matched)
}

// layers are the policies that may deny, by the names that the table uses.
func layers(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{"session": sessionText(t), "boundary": boundary(t, "Admin"),
		"scp": content(t, "NewWaysIn", nil)}
}

// boundary is that of a role of ../member.
func boundary(t *testing.T, role string) string {
	t.Helper()
	template, err := cfntest.Read("../member/roles.yaml")
	if err != nil {
		t.Fatal(err)
	}
	made, err := template.Render(cfntest.Place{Partition: "aws", Account: account, Region: "eu-west-1"}, map[string]string{
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

// on is what an action of a row is asked on: IAM's and STS's have resources
// whose ARNs a policy may ask for.
func (w way) on(action string) string {
	switch {
	case w.Resource != "":
		return w.Resource
	case strings.HasPrefix(action, "iam:"), strings.HasPrefix(action, "sts:"):
		return service
	}
	return "*"
}

// judged is what a policy says of an action of a row, asked for by somebody.
func (w way) judged(t *testing.T, policy awsfake.Document, by, action string) awsfake.Verdict {
	t.Helper()
	call := awsfake.Call{Action: action, Resource: w.on(action), Context: map[string][]string{
		"aws:PrincipalArn": {by}, "aws:CurrentTime": {"2026-11-21T12:00:00Z"},
	}}
	if err := call.Check(); err != nil {
		t.Fatal(err)
	}
	return policy.Evaluate(call)
}

// The table names exactly the policies that deny an action; Operator cannot do
// what Admin's boundary denies, and what Admin made neither.
func TestTheTableOfWaysInIsTrue(t *testing.T) {
	ways, _, _ := readTable(t)
	texts, parsed := layers(t), map[string]awsfake.Document{}
	for name, text := range texts {
		parsed[name] = parse(t, text)
	}
	operator := parse(t, boundary(t, "Operator"))
	count := map[string]int{}
	for _, w := range ways {
		for _, a := range w.each() {
			count["accepted"] += btoi(w.Accepted != "")
			count["denied"] += btoi(w.Accepted == "")
			for name, policy := range parsed {
				got, want := w.judged(t, policy, admin, a) == awsfake.Denied, slices.Contains(w.Denied, name)
				if got != want {
					t.Errorf("%s: %s: denied by %s is %t, the table says %t", w.Way, a, name, got, want)
				}
				count[name] += btoi(want)
			}
			asOperator := strings.Replace(admin, "Admin", "Operator", 1)
			if slices.Contains(w.Denied, "boundary") && w.judged(t, operator, asOperator, a) == awsfake.Allowed {
				t.Errorf("%s: %s: Operator may do it", w.Way, a)
			}
			if len(w.Denied) > 0 && w.Denied[0] != "scp" && w.judged(t, parsed["boundary"], service, a) != awsfake.Denied {
				t.Errorf("%s: %s: what Admin made may do it", w.Way, a)
			}
		}
	}
	t.Logf("actions: %v", count)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Ways by which an administrator outlived a grant, found by trying: none of them
// is ever accepted.
func TestWaysThatWereFoundAreClosed(t *testing.T) {
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

// A way is accepted only where the role's work needs it: the work can be done
// under all policies together, and cannot if the action is denied.
func TestWhatIsAcceptedIsNeededForTheWork(t *testing.T) {
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
			t.Errorf("%s: no work has but one kind of action", w.Way)
		}
		all := awsfake.Permissions{Identity: []awsfake.Document{everything}, Limits: limits}
		if stopped := w.stopsAt(t, all, work); stopped != "" {
			t.Errorf("%s: %s The work stops at %s", w.Way, w.Accepted, stopped)
		}
		for _, a := range w.each() {
			deny := parse(t,
				withAllow(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"`+a+`","Resource":"*"}]}`))
			p := awsfake.Permissions{Identity: []awsfake.Document{everything}, Limits: append(slices.Clone(limits), deny)}
			if stopped := w.stopsAt(t, p, []string{a}); stopped != a {
				t.Errorf("%s: the work goes on with %s denied", w.Way, a)
			}
		}
	}
}

// stopsAt is the first action of some work that is not allowed.
func (w way) stopsAt(t *testing.T, p awsfake.Permissions, work []string) string {
	t.Helper()
	for _, a := range work {
		call := awsfake.Call{Action: a, Resource: w.on(a), Context: map[string][]string{
			"aws:PrincipalArn": {admin}, "aws:CurrentTime": {"2026-11-21T12:00:00Z"},
		}}
		if p.Evaluate(call) != awsfake.Allowed {
			return a
		}
	}
	return ""
}

// withAllow adds what AWS attaches beside every service control policy.
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

// Any denied action taken out of a policy makes the table untrue.
func TestEveryDeniedActionIsNeeded(t *testing.T) {
	ways, _, _ := readTable(t)
	// These belong to tests of their own: what ends a grant, what is the product's,
	// what Admin made, and pipelines' roles.
	elsewhere := []string{"OursStays", "WhatIsMadeMakesNothing", "WhatIsMadeAdmitsNobody", "PipelinesAreNotLent"}
	for layer, policy := range layers(t) {
		removed := 0
		for i, s := range decoded(t, policy)["Statement"].([]any) {
			statement := s.(map[string]any)
			sid, _ := statement["Sid"].(string)
			actions, many := statement["Action"].([]any)
			if statement["Effect"] != "Deny" || !many || len(actions) < 2 || slices.Contains(elsewhere, sid) {
				continue
			}
			for j, gone := range actions {
				d := decoded(t, policy)
				d["Statement"].([]any)[i].(map[string]any)["Action"] = slices.Delete(slices.Clone(actions), j, j+1)
				removed++
				if noticed := untrue(t, ways, layer, parse(t, encoded(t, d)), gone.(string)); noticed == "" {
					t.Errorf("%s: without %s nothing in the table is untrue", layer, gone)
				} else if j%40 == 7 {
					t.Logf("%s: without %s: %s is no longer denied", layer, gone, noticed)
				}
			}
		}
		if removed < 40 {
			t.Errorf("%s: only %d actions were taken out", layer, removed)
		}
		t.Logf("%s: %d actions taken out, one by one", layer, removed)
	}
}

// untrue is an action of the table that a weaker policy no longer denies.
func untrue(t *testing.T, ways []way, layer string, weaker awsfake.Document, gone string) string {
	t.Helper()
	prefix, _, _ := strings.Cut(gone, ":")
	for _, w := range ways {
		if !slices.Contains(w.Denied, layer) || w.Actions[prefix] == "" {
			continue
		}
		for _, a := range w.each() {
			if strings.HasPrefix(a, prefix+":") && w.judged(t, weaker, admin, a) != awsfake.Denied {
				return a
			}
		}
	}
	return ""
}
