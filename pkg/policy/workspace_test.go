package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// noon is when tests take place, unless they say something else.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const bastion = "999999999999"

// workspace is the sandbox's: everybody by a short name, the id and the
// address made of it.
type workspace struct {
	people map[string]access.Person
	groups map[string][]string // short names; nil: not known
}

func newWorkspace() workspace {
	w := workspace{people: make(map[string]access.Person), groups: map[string][]string{
		"S0DEVS": {"dev1", "dev2"}, "S0LEADS": {"lead1", "lead2"}, "S0SECURITY": {"sec1"},
	}}
	for _, name := range []string{"dev1", "dev2", "lead1", "lead2", "sec1", "temp", "stranger"} {
		w.people[name] = member(name)
	}
	for name, standing := range map[string]access.Membership{"guest": access.Guest, "bot": access.Bot, "gone": access.Deactivated, "outside": access.Outsider} {
		p := member(name)
		p.Membership = standing
		w.people[name] = p
	}
	return w
}

func member(name string) access.Person {
	return access.Person{ID: "U0" + strings.ToUpper(name), Email: name + "@example.com", Name: name, Membership: access.Member}
}

// person is somebody by a short name; who was never heard of is not known.
func (w workspace) person(name string) access.Person {
	if p, ok := w.people[name]; ok {
		return p
	}
	return access.Person{ID: "U0" + strings.ToUpper(name), Name: name}
}

// change sets a person to "address", "claims address", a standing, or a mix:
// "claims lead1@example.com, guest". "unknown" is somebody whom Slack cannot
// tell anything of.
func (w workspace) change(name, to string) error {
	p := w.person(name)
	p.Membership = access.Member
	for word := range strings.SplitSeq(to, ",") {
		word = strings.TrimSpace(word)
		claims, found := strings.CutPrefix(word, "claims ")
		switch {
		case found:
			p.Email, p.UnverifiedEmail = "", claims
		case word == "no address":
			p.Email = ""
		case strings.Contains(word, "@"):
			p.Email = word
		case word == "unknown":
			delete(w.people, name)
			return nil
		case slices.Contains([]access.Membership{access.Member, access.Guest, access.Bot, access.Deactivated, access.Outsider}, access.Membership(word)):
			p.Membership = access.Membership(word)
		default:
			return fmt.Errorf("a person cannot be %q", word)
		}
	}
	w.people[name] = p
	return nil
}

// directory is the workspace as it was read a minute before at. Members that
// are an address, and not a short name, stay as they are.
func (w workspace) directory(at time.Time) access.Directory {
	read := at.Add(-time.Minute)
	d := access.Directory{Groups: make(map[string]access.Group), People: make(map[string]access.Person), PeopleAt: read}
	for id, names := range w.groups {
		g := access.Group{ReadAt: read}
		for _, name := range names {
			if !strings.Contains(name, "@") {
				name = w.person(name).ID
			}
			g.Members = append(g.Members, name)
		}
		if names == nil {
			g.ReadAt = at.Add(-access.GroupsStaleAfter)
		}
		d.Groups[id] = g
	}
	for _, p := range w.people {
		d.People[p.ID] = p
	}
	return d
}

func compiled(t testing.TB, text string) *Policy {
	t.Helper()
	p, _, err := Compile("policy.yaml", []byte(text), Options{Bastion: bastion, Now: noon})
	if err != nil {
		t.Fatalf("compile:\n%v\n%s", err, text)
	}
	return p
}
