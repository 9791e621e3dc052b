// Package policytest holds what the tests of a policy's evaluator, compiler and packed form share:
// a small workspace of people, policies of several sizes, and files with cases.
package policytest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Noon is the time of every test that does not name another one.
var Noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// Bastion is the id of the account that is never a target.
const Bastion = "999999999999"

// Workspace has the people and groups of the sandbox. People are known by short names, from which
// their ids and addresses are made: dev1 is U0DEV1 and dev1@example.com. It also has two machines:
// build, a session of a role, and release, a run at GitHub.
type Workspace struct {
	People   map[string]access.Person
	Groups   map[string][]string // by id of the group: short names or addresses; nil: not known
	Machines map[string]access.Machine
}

// NewWorkspace returns a workspace in which everybody and every group is known.
func NewWorkspace() Workspace {
	w := Workspace{People: make(map[string]access.Person), Groups: map[string][]string{
		"S0DEVS": {"dev1", "dev2"}, "S0LEADS": {"lead1", "lead2"}, "S0SECURITY": {"sec1"},
	}}
	for _, name := range []string{"dev1", "dev2", "lead1", "lead2", "sec1", "temp", "stranger"} {
		w.People[name] = member(name)
	}
	for name, membership := range map[string]access.Membership{
		"guest": access.Guest, "bot": access.Bot, "gone": access.Deactivated, "outside": access.Outsider,
	} {
		p := member(name)
		p.Membership = membership
		w.People[name] = p
	}
	w.Machines = map[string]access.Machine{
		"build": {Role: &access.RoleSession{
			Partition: "aws", Account: "332000000000", Name: "CodeBuildRole", ID: "AROAEXAMPLEBUILDROLE1",
			Session: "build-1",
		}},
		"release": {Run: &access.Run{Issuer: "https://token.actions.githubusercontent.com", Claims: map[string]string{
			"sub": "repo:octo-org/octo-repo:environment:production", "repository": "octo-org/octo-repo",
			"repository_id": "456789", "repository_owner_id": "123456", "environment": "production",
			"run_id": "9001", "run_attempt": "1",
		}}},
	}
	return w
}

func member(name string) access.Person {
	return access.Person{
		ID: "U0" + strings.ToUpper(name), Email: name + "@example.com", Name: name, Membership: access.Member,
	}
}

// ChangeMachine changes one part of a machine: partition, account, role, id or session of a session of
// a role; the issuer of a run, or one of its claims. A claim "none" is removed.
func (w Workspace) ChangeMachine(name, part, to string) error {
	m, ok := w.Machines[name]
	if !ok {
		return fmt.Errorf("there is no machine %q", name)
	}
	if m.Run != nil {
		switch {
		case part == "issuer":
			m.Run.Issuer = to
		case to == "none":
			delete(m.Run.Claims, part)
		default:
			m.Run.Claims[part] = to
		}
		return nil
	}
	parts := map[string]*string{
		"partition": &m.Role.Partition, "account": &m.Role.Account, "role": &m.Role.Name, "id": &m.Role.ID,
		"session": &m.Role.Session,
	}
	if parts[part] == nil {
		return fmt.Errorf("a session of a role has no %q", part)
	}
	*parts[part] = to
	return nil
}

// Person returns the person or machine with a short name. A person whom the workspace does not have is
// one whose profile cannot be read.
func (w Workspace) Person(name string) access.Person {
	if m, ok := w.Machines[name]; ok {
		return m.Person()
	}
	if p, ok := w.People[name]; ok {
		return p
	}
	return access.Person{ID: "U0" + strings.ToUpper(name), Name: name}
}

// Change sets what is known of a person: "address", "no address", "claims address" (an unproven
// one), a membership, or several of these with commas between them, such as
// "claims lead1@example.com, guest". "unknown" is a person whose profile cannot be read.
func (w Workspace) Change(name, to string) error {
	memberships := []access.Membership{
		access.Member, access.Guest, access.Bot, access.Deactivated, access.Outsider,
	}
	p := w.Person(name)
	p.Membership = access.Member
	for word := range strings.SplitSeq(to, ",") {
		word = strings.TrimSpace(word)
		claimed, claims := strings.CutPrefix(word, "claims ")
		switch {
		case claims:
			p.Email, p.UnverifiedEmail = "", claimed
		case word == "no address":
			p.Email = ""
		case strings.Contains(word, "@"):
			p.Email = word
		case word == "unknown":
			delete(w.People, name)
			return nil
		case slices.Contains(memberships, access.Membership(word)):
			p.Membership = access.Membership(word)
		default:
			return fmt.Errorf("a person cannot be %q", word)
		}
	}
	w.People[name] = p
	return nil
}

// Directory returns the workspace as it was read a minute before at.
func (w Workspace) Directory(at time.Time) access.Directory {
	read := at.Add(-time.Minute)
	d := access.Directory{
		Groups: make(map[string]access.Group), People: make(map[string]access.Person), PeopleAt: read,
	}
	for id, names := range w.Groups {
		g := access.Group{ReadAt: read}
		for _, name := range names {
			if !strings.Contains(name, "@") {
				name = w.Person(name).ID
			}
			g.Members = append(g.Members, name)
		}
		if names == nil {
			g.ReadAt = at.Add(-access.GroupsStaleAfter)
		}
		d.Groups[id] = g
	}
	for _, p := range w.People {
		d.People[p.ID] = p
	}
	return d
}
