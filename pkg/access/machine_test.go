package access

import (
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const roleID = "AROAEXAMPLEBUILDROLE1"

func buildSession() *RoleSession {
	return &RoleSession{
		Partition: "aws", Account: "332000000000", Name: "CodeBuildRole", ID: roleID, Session: "build-1",
	}
}

func githubRun() *Run {
	return &Run{Issuer: "https://token.actions.githubusercontent.com", Claims: map[string]string{
		"sub": "repo:octo-org@123456/octo-repo@456789:environment:production", "repository": "octo-org/octo-repo",
		"repository_id": "456789", "repository_owner_id": "123456", "environment": "production",
		"run_id": "9001", "run_attempt": "1", "actor": "octocat",
	}}
}

// withClaim is a run in which one claim is another one; "" removes it.
func withClaim(name, value string) *Run {
	r := githubRun()
	r.Claims[name] = value
	if value == "" {
		delete(r.Claims, name)
	}
	return r
}

func TestOnlyASessionOfARoleIsAMachine(t *testing.T) {
	const arn, id = "arn:aws:sts::332000000000:assumed-role/CodeBuildRole/build-1", roleID + ":build-1"
	got, err := ParseRoleSession(arn, id)
	if err != nil || got != *buildSession() {
		t.Fatalf("got %+v, %v", got, err)
	}
	for what, c := range map[string]struct{ arn, id string }{
		"a user":                       {"arn:aws:iam::332000000000:user/CodeBuildRole/build-1", "AIDAEXAMPLE:build-1"},
		"a user by name":               {"arn:aws:iam::332000000000:user/joe", "AIDAEXAMPLEEXAMPLE123"},
		"the root user":                {"arn:aws:iam::332000000000:root", "332000000000"},
		"a federated user":             {"arn:aws:sts::332000000000:federated-user/joe", "332000000000:joe"},
		"a federated user with a part": {"arn:aws:sts::332000000000:federated-user/CodeBuildRole/build-1", id},
		"a role by itself":             {"arn:aws:iam::332000000000:role/CodeBuildRole", roleID},
		"a role of IAM with a session": {"arn:aws:iam::332000000000:assumed-role/CodeBuildRole/build-1", id},
		"no session":                   {"arn:aws:sts::332000000000:assumed-role/CodeBuildRole", id},
		"an empty session":             {"arn:aws:sts::332000000000:assumed-role/CodeBuildRole/", roleID + ":"},
		"no role":                      {"arn:aws:sts::332000000000:assumed-role//build-1", id},
		"a role with a path":           {"arn:aws:sts::332000000000:assumed-role/ci/CodeBuildRole/build-1", id},
		"one more part":                {arn + "/x", id},
		"an unknown partition":         {"arn:aws-evil:sts::332000000000:assumed-role/CodeBuildRole/build-1", id},
		"no partition":                 {"arn::sts::332000000000:assumed-role/CodeBuildRole/build-1", id},
		"a region":                     {"arn:aws:sts:eu-west-1:332000000000:assumed-role/CodeBuildRole/build-1", id},
		"eleven digits":                {"arn:aws:sts::33200000000:assumed-role/CodeBuildRole/build-1", id},
		"thirteen digits":              {"arn:aws:sts::3320000000000:assumed-role/CodeBuildRole/build-1", id},
		"digits that are not ASCII":    {"arn:aws:sts::３３２００００００００0:assumed-role/CodeBuildRole/build-1", id},
		"a line break after":           {arn + "\n", id + "\n"},
		"a line break before":          {"\n" + arn, id},
		"a space":                      {"arn:aws:sts::332000000000:assumed-role/Code BuildRole/build-1", id},
		"a wildcard":                   {"arn:aws:sts::332000000000:assumed-role/*/build-1", id},
		"another case":                 {"ARN:aws:sts::332000000000:assumed-role/CodeBuildRole/build-1", id},
		"two ARNs":                     {"arn:arn:aws:sts::332000000000:assumed-role/CodeBuildRole/build-1", id},
		"no prefix":                    {"aws:sts::332000000000:assumed-role/CodeBuildRole/build-1", id},
		"a role of 65 characters": {
			"arn:aws:sts::332000000000:assumed-role/" + strings.Repeat("a", 65) + "/build-1", id,
		},
		"a session of one character":     {"arn:aws:sts::332000000000:assumed-role/CodeBuildRole/b", roleID + ":b"},
		"the id of another session":      {arn, roleID + ":build-2"},
		"the id of a user":               {arn, "AIDAEXAMPLEEXAMPLE123:build-1"},
		"an id without a session":        {arn, roleID},
		"no id":                          {arn, ""},
		"an id with two sessions":        {arn, roleID + ":build-1:build-1"},
		"a web identity without a role":  {"arn:aws:sts::332000000000:web-identity/x/build-1", id},
		"a service with the same ending": {"arn:aws:xsts::332000000000:assumed-role/CodeBuildRole/build-1", id},
		"nothing":                        {},
	} {
		if got, err := ParseRoleSession(c.arn, c.id); !errors.Is(err, ErrNotMachine) {
			t.Errorf("%s: got %+v, %v; want %v", what, got, err, ErrNotMachine)
		}
	}
}

// FuzzParseRoleSession holds that an ARN which is read is exactly the one that its
// parts make.
func FuzzParseRoleSession(f *testing.F) {
	f.Add("arn:aws:sts::332000000000:assumed-role/CodeBuildRole/build-1", roleID+":build-1")
	f.Add("arn:aws-cn:sts::332000000000:assumed-role/a/b@c", roleID+":b@c")
	f.Fuzz(func(t *testing.T, arn, id string) {
		s, err := ParseRoleSession(arn, id)
		whole := "arn:" + s.Partition + ":sts::" + s.Account + ":assumed-role/" + s.Name + "/" + s.Session
		if err == nil && (whole != arn || s.ID+":"+s.Session != id) {
			t.Errorf("%q with %q was read as %+v", arn, id, s)
		}
	})
}

func TestRoleARNIsReadWithoutPathAndPattern(t *testing.T) {
	partition, account, name, ok := ParseRoleARN("arn:aws-cn:iam::332000000000:role/CodeBuildRole")
	if !ok || partition != "aws-cn" || account != "332000000000" || name != "CodeBuildRole" {
		t.Errorf("got %s %s %s %v", partition, account, name, ok)
	}
	for _, arn := range []string{
		"", "CodeBuildRole", "arn:aws:iam::332000000000:role/ci/CodeBuildRole", "arn:aws:iam::332000000000:role/*",
		"arn:aws:iam::*:role/CodeBuildRole", "arn:aws:iam::332000000000:role/", "arn:aws:iam::332000000000:user/joe",
		"arn:aws:iam::332000000000:root", "arn:aws:sts::332000000000:assumed-role/CodeBuildRole/build-1",
		"aws:iam::332000000000:role/CodeBuildRole", "arn:aws:iam::332000000000:role/CodeBuildRole\n",
		"arn:aws:iam:eu-west-1:332000000000:role/CodeBuildRole", "arn:evil:iam::332000000000:role/CodeBuildRole",
	} {
		if _, _, _, ok := ParseRoleARN(arn); ok {
			t.Errorf("%q was read", arn)
		}
	}
}

func TestRunThatIsNotNamedOrTooLargeIsRefused(t *testing.T) {
	for what, run := range map[string]*Run{
		"no run":          withClaim("run_id", ""),
		"no attempt":      withClaim("run_attempt", ""),
		"no repository":   withClaim("repository_id", ""),
		"no subject":      withClaim("sub", ""),
		"a line break":    withClaim("environment", "production\nstaging"),
		"a hidden letter": withClaim("environment", "pro\u200bduction"),
		"broken UTF-8":    withClaim("environment", "pro\xffduction"),
		"a long claim":    withClaim("environment", strings.Repeat("x", MaxClaimBytes)),
		"no issuer":       {Claims: githubRun().Claims},
		"no claims":       {Issuer: "https://token.actions.githubusercontent.com"},
		"many claims":     manyClaims(MaxClaims),
	} {
		m := Machine{Run: run}
		if err := m.Check(); !errors.Is(err, ErrNotMachine) || m.ID() != "" {
			t.Errorf("%s: got %v and the id %q, want %v", what, err, m.ID(), ErrNotMachine)
		}
		if code := Code(m.Person().RefusedToAsk()); code != "unknown_machine" {
			t.Errorf("%s: got refusal %q", what, code)
		}
	}
	for what, m := range map[string]Machine{
		"neither":        {},
		"both":           {Role: buildSession(), Run: githubRun()},
		"no role's id":   {Role: &RoleSession{Partition: "aws", Account: "332000000000", Name: "a", Session: "bc"}},
		"a session only": {Role: &RoleSession{Session: "build-1"}},
	} {
		if err := m.Check(); !errors.Is(err, ErrNotMachine) {
			t.Errorf("%s: got %v, want %v", what, err, ErrNotMachine)
		}
	}
}

func manyClaims(n int) *Run {
	r := githubRun()
	for i := range n {
		r.Claims["claim"+itoa(i)] = "x"
	}
	return r
}

// The requester is one run, so the next run of the same repository has to ask again,
// and so has a second attempt. Other claims differ between the jobs of one run.
func TestRequesterIsOneRun(t *testing.T) {
	same := Machine{Run: githubRun()}.ID()
	for name, other := range map[string]bool{
		"run_id": true, "run_attempt": true, "repository_id": true,
		"environment": false, "sub": false, "actor": false, "repository": false,
	} {
		if id := (Machine{Run: withClaim(name, "2")}).ID(); (id != same) != other {
			t.Errorf("another %s: the same requester is %v, want %v", name, id == same, !other)
		}
	}
	moved := githubRun()
	moved.Issuer += "/enterprise"
	if (Machine{Run: moved}).ID() == same {
		t.Error("a run of another issuer is the same requester")
	}
	one := Machine{Role: buildSession()}.ID()
	for what, change := range map[string]func(*RoleSession){
		"partition": func(s *RoleSession) { s.Partition = "aws-cn" },
		"account":   func(s *RoleSession) { s.Account = "332000000001" },
		"name":      func(s *RoleSession) { s.Name = "codebuildrole" },
		"role id":   func(s *RoleSession) { s.ID = roleID + "2" },
		"session":   func(s *RoleSession) { s.Session = "build-2" },
	} {
		s := buildSession()
		change(s)
		if id := (Machine{Role: s}).ID(); id == one || id == "" {
			t.Errorf("another %s has the id %q", what, id)
		}
	}
	for _, id := range []string{same, one} {
		if IsPerson(id) || (Order{ID: "o", Request: "R1", By: id, Kind: Keys, At: noon}).Check() != nil {
			t.Errorf("%s is the id of a person, or cannot be in an order", id)
		}
	}
}

// A limit by run would be none, because a pipeline makes as many runs as it likes.
func TestPipelineIsTheSameForAllItsRuns(t *testing.T) {
	one := Machine{Run: githubRun()}.Pipeline()
	for name, same := range map[string]bool{
		"run_id": true, "run_attempt": true, "environment": true, "sub": true, "repository": true, "repository_id": false,
	} {
		if other := (Machine{Run: withClaim(name, "2")}).Pipeline(); (other == one) != same {
			t.Errorf("another %s: the same pipeline is %v, want %v", name, other == one, same)
		}
	}
	next, renamed := buildSession(), buildSession()
	next.Session, next.ID = "build-2", roleID+"2"
	renamed.Name = "Other"
	role := Machine{Role: buildSession()}.Pipeline()
	if (Machine{Role: next}).Pipeline() != role || (Machine{Role: renamed}).Pipeline() == role {
		t.Error("the sessions of a role are not one pipeline, or another role is the same one")
	}
	for _, id := range []string{one, role} {
		if id == "" || IsPerson(id) || id == (Machine{Run: githubRun()}).ID() || id == (Machine{Role: buildSession()}).ID() {
			t.Errorf("%q is not the name of a pipeline alone", id)
		}
	}
	if id := (Machine{Run: withClaim("run_id", "")}).Pipeline(); id != "" {
		t.Errorf("a run without a name belongs to %q", id)
	}
}

func TestEachPipelineNamesItsRun(t *testing.T) {
	for what, claims := range map[string]map[string]string{
		"GitHub":    {"repository_id": "1", "run_id": "2", "run_attempt": "3"},
		"Buildkite": {"organization_slug": "acme", "pipeline_slug": "deploy", "build_number": "5"},
		"GitLab":    {"project_id": "28", "pipeline_id": "455"},
	} {
		claims["sub"] = "subject"
		before := Machine{Run: &Run{Issuer: "https://ci.example.com", Claims: claims}}.ID()
		for name := range claims {
			changed := maps.Clone(claims)
			changed[name] = "9"
			after := Machine{Run: &Run{Issuer: "https://ci.example.com", Claims: changed}}.ID()
			if before == "" || after == "" || (after == before) != (name == "sub") {
				t.Errorf("%s: with another %s the id %q becomes %q", what, name, before, after)
			}
		}
	}
}

func TestMachineNeverDecides(t *testing.T) {
	m := Machine{Run: githubRun()}.Person()
	pending, active := made(t, Pending), made(t, Active)
	_, _, approve := pending.Approve(m, 0, met, noon)
	_, _, deny := pending.Deny(m, "no", noon)
	_, _, revoke := active.Revoke(m, "", noon)
	for what, err := range map[string]error{"approve": approve, "deny": deny, "revoke": revoke, "act": m.Refused()} {
		if Code(err) != "machine" {
			t.Errorf("%s: got %v, want the refusal machine", what, err)
		}
	}
}

// A value with a machine and the membership of a person, or the reverse, is neither.
func TestHalfAMachineIsNobody(t *testing.T) {
	whole := Machine{Run: githubRun()}.Person()
	if err := whole.RefusedToAsk(); err != nil {
		t.Fatalf("a whole machine is refused: %v", err)
	}
	member, bare, renamed := whole, whole, whole
	member.Membership = Member
	bare.Machine = nil
	renamed.ID = dev.ID
	other := Machine{Role: buildSession()}
	swapped := whole
	swapped.Machine = &other
	for what, p := range map[string]Person{
		"a machine as a member": member, "no identity": bare, "a person's id": renamed, "another's id": swapped,
	} {
		if code := Code(p.RefusedToAsk()); code != "unknown_machine" {
			t.Errorf("%s may ask: got %q", what, code)
		}
		if code := Code(p.Refused()); code != "machine" {
			t.Errorf("%s counts as a person: got %q", what, code)
		}
	}
}

// started is a request of a machine that a lead may have started.
func started(t *testing.T, terms Terms) (Request, Person) {
	t.Helper()
	m := Machine{Run: withClaim("user_email", lead.Email)}.Person()
	asked := ask()
	asked.Requester = m
	r, _, err := New(asked, terms, noon)
	if err != nil {
		t.Fatal(err)
	}
	return r, m
}

func TestStarterOfARunCannotApproveIt(t *testing.T) {
	r, _ := started(t, terms)
	if _, _, err := r.Approve(lead, 0, met, noon); Code(err) != CodeSelfApproval {
		t.Errorf("the starter approves: %v", err)
	}
	if _, _, err := r.Approve(lead2, 0, met, noon); err != nil {
		t.Errorf("somebody else cannot approve: %v", err)
	}
	people := Directory{People: map[string]Person{dev.ID: dev, lead.ID: lead, lead2.ID: lead2}}
	if id := people.Starter(*r.Requester.Machine); id != lead.ID {
		t.Errorf("the starter is %q, want %s", id, lead.ID)
	}
	session := buildSession()
	session.Session = strings.ToUpper(lead.Email)
	if id := people.Starter(Machine{Role: session}); id != lead.ID {
		t.Errorf("the starter of a session is %q, want %s", id, lead.ID)
	}
	if id := people.Starter(Machine{Run: githubRun()}); id != "" {
		t.Errorf("nobody is named, and the starter is %q", id)
	}
}

// The person who started a run, and another run, are not the requester.
func TestOnlyTheSameRunUsesAndEndsItsGrant(t *testing.T) {
	active, m := started(t, met)
	pending, _ := started(t, terms)
	next := Machine{Run: withClaim("run_id", "9002")}.Person()
	for what, by := range map[string]Person{"the starter": lead, "the next run": next, "a person": dev} {
		_, _, order := active.Order(by, Order{ID: "o", Kind: Keys, At: noon}, met, noon)
		_, _, end := active.End(by, noon)
		_, _, cancel := pending.Cancel(by, noon)
		for verb, err := range map[string]error{"orders": order, "ends": end, "cancels": cancel} {
			if Code(err) != "not_yours" {
				t.Errorf("%s %s: got %v", what, verb, err)
			}
		}
	}
	// Another job of the same run may carry other claims.
	job := *m.Machine.Run
	job.Claims = maps.Clone(job.Claims)
	job.Claims["environment"] = "staging"
	by := Machine{Run: &job}.Person()
	if _, _, err := active.Order(by, Order{ID: "o", Kind: Keys, At: noon}, met, noon); err != nil {
		t.Errorf("the run cannot use its grant: %v", err)
	}
	if _, _, err := active.End(by, noon); err != nil {
		t.Errorf("the run cannot end its grant: %v", err)
	}
	if _, _, err := pending.Cancel(by, noon); err != nil {
		t.Errorf("the run cannot cancel its request: %v", err)
	}
}

// An ID is stored as the requester: with another one, a machine would lose its grants and its
// requests when a version is deployed.
func TestIDOfAMachineNeverChanges(t *testing.T) {
	for want, m := range map[string]Machine{
		"M23VMYTN4RUNEDVN2KKHXXWBQVU5U27XWNFDWHG4ZKWIZRVBYJCEA": {Role: buildSession()},
		"MF7MZALBI3DVDZM76HX54MT3F4KAUE6LKYJEWFUIFSD42PIBJKS6Q": {Run: githubRun()},
	} {
		if got := m.ID(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Stored names never change (decision 0015). A person's item has none of them.
func TestStoredMachineKeepsItsNames(t *testing.T) {
	m := Machine{Role: buildSession(), Starter: "U0LEAD1"}.Person()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"ID":"` + m.ID + `","Name":"CodeBuildRole of 332000000000 (session build-1)","Standing":"machine",` +
		`"Machine":{"Role":{"Partition":"aws","Account":"332000000000","Name":"CodeBuildRole",` +
		`"ID":"AROAEXAMPLEBUILDROLE1","Session":"build-1"},"Starter":"U0LEAD1"}}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if text, _ := json.Marshal(dev); strings.Contains(string(text), "Machine") {
		t.Errorf("a person is stored with a machine: %s", text)
	}
	run := Machine{Run: &Run{Issuer: "i", Claims: map[string]string{"sub": "s"}}}
	if text, _ := json.Marshal(run); string(text) != `{"Run":{"Issuer":"i","Claims":{"sub":"s"}}}` {
		t.Errorf("got %s", text)
	}
	var again Person
	if err := json.Unmarshal([]byte(want), &again); err != nil || again.RefusedToAsk() != nil {
		t.Errorf("what was stored is no machine: %v, %v", err, again.RefusedToAsk())
	}
}

func TestSourceIdentityNamesRoleOrIssuerAndSubject(t *testing.T) {
	long := buildSession()
	long.Name = strings.Repeat("x", 64)
	gov := buildSession()
	gov.Partition = "aws-us-gov"
	marked := buildSession()
	marked.Name = "x@evil.example.com"
	for want, m := range map[string]Machine{
		"aws+332000000000+CodeBuildRole":                                   {Role: buildSession()},
		"aws-us-gov+332000000000+CodeBuildRole":                            {Role: gov},
		"aws+332000000000+" + strings.Repeat("x", 33) + "+DCUAYDTGSJ27I":   {Role: long},
		"aws+332000000000+x=evil.example.com+C6V6Q6WN2O6B6":                {Role: marked},
		"oidc+github+repo=octo-org=123456=octo-repo=456789=+UAGXHADWXTOES": {Run: githubRun()},
	} {
		if got := m.SourceIdentity(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, m := range []Machine{{Role: buildSession()}, {Run: githubRun()}} {
		active, _, err := New(Ask{
			ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Requester: m.Person(), For: time.Hour, Reason: "why",
		}, met, noon)
		name := active.SessionName()
		if err != nil || !sessionForm.match(name) || !strings.HasPrefix(name, "aws-access-") {
			t.Errorf("session name %q, %v", name, err)
		}
	}
}

// What STS accepts as a source identity: docs/facts.md#a1.
var stsAccepts = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// Whatever a role or a claim is called, STS accepts the source identity, two machines
// have two, and none can be taken for a person.
func TestSourceIdentityFitsSTSAndIsUnique(t *testing.T) {
	roles := rapid.StringMatching(`[A-Za-z0-9_+=,.@-]{1,64}`)
	texts := rapid.StringOf(rapid.Rune())
	draw := func(rt *rapid.T) (m Machine, key string) {
		if rapid.Bool().Draw(rt, "a role") {
			s := buildSession()
			s.Account = rapid.StringMatching(`[0-9]{12}`).Draw(rt, "account")
			s.Partition = rapid.SampledFrom([]string{"aws", "aws-cn", "aws-us-gov", "aws-iso-b"}).Draw(rt, "partition")
			s.Name = roles.Draw(rt, "role")
			return Machine{Role: s}, s.Partition + "|" + s.Account + "|" + s.Name
		}
		r := Run{Issuer: "https://" + texts.Draw(rt, "issuer"), Claims: map[string]string{"sub": texts.Draw(rt, "sub")}}
		return Machine{Run: &r}, r.Issuer + "|" + r.Claims["sub"]
	}
	rapid.Check(t, func(rt *rapid.T) {
		a, keyA := draw(rt)
		b, keyB := draw(rt)
		one, two := a.SourceIdentity(), b.SourceIdentity()
		if !stsAccepts.MatchString(one) || strings.HasPrefix(one, "aws:") {
			rt.Fatalf("STS refuses %q", one)
		}
		if (one == two) != (keyA == keyB) {
			rt.Fatalf("%q and %q have %q and %q", keyA, keyB, one, two)
		}
		if IsPerson(one) || strings.Contains(one, "@") || !strings.Contains(one, "+") {
			rt.Fatalf("%q could be a person", one)
		}
	})
}
