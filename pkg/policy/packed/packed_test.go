package packed_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/policy/packed"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

func TestLoadedPolicyEqualsCompiledPolicy(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	policytest.Reloaded(t, policytest.Compile(t, policytest.Everything(70)))
	policytest.Reloaded(t, policytest.Repository(t))
	text, d := policytest.Large(1000, 100)
	p := policytest.Compile(t, text)
	loaded := policytest.Reloaded(t, p)
	q := policytest.AskLarge(d)
	if diff := cmp.Diff(policytest.EveryAnswer(p, q), policytest.EveryAnswer(loaded, q), policytest.Equal); diff != "" {
		t.Fatalf("answers (-compiled +loaded):\n%s", diff)
	}
	if at := definition(t).Rules[0].Expires; at.Location() != time.UTC {
		t.Errorf("a rule expires at %v, want UTC: people read the day", at)
	}
}

func TestSameSourceHasSamePackedForm(t *testing.T) {
	for _, text := range []string{policytest.Everything(70), string(policytest.RepositoryFile(t))} {
		first := policytest.Compile(t, text).Packed()
		for range 20 {
			if !bytes.Equal(first, policytest.Compile(t, text).Packed()) {
				t.Fatal("the same source has another packed form")
			}
		}
	}
	a := policytest.Compile(t, policytest.Everything(70)).Digest()
	b := policytest.Compile(t, strings.Replace(policytest.Everything(70), "30d", "29d", 1)).Digest()
	if a == b {
		t.Errorf("both have the digest %s", a)
	}
}

// A program must not misread the form of another version. If this test fails because the layout has
// changed, raise formNumber, and write both new values here.
func TestFormKeepsItsNumber(t *testing.T) {
	const number, want = 5, "8aaf3cabba5e"
	got := policytest.Compile(t, policytest.Everything(3)).Digest()
	if packed.FormNumber != number || got != want {
		t.Errorf("form %d: got %s, want %s of form %d", packed.FormNumber, got, want, number)
	}
}

func TestEncodingChangesNothing(t *testing.T) {
	w := policytest.NewWorkspace()
	want := policytest.Repository(t).Packed()
	d := decode(t, want)
	p, err := policy.New(d)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 { // for the race detector
		all.Go(func() {
			if !bytes.Equal(want, packed.Encode(&d)) {
				t.Error("encoded twice with different results")
			}
			p.Roles(w.Person("dev1"), w.Directory(policytest.Noon), policytest.Noon, "111111111111")
		})
	}
	all.Wait()
}

// Lists of a loaded policy lie side by side in memory. Appending to one must not write into the
// next one.
func TestListsOfLoadedPolicyAreSeparate(t *testing.T) {
	d := definition(t)
	for _, list := range [][]string{d.Rules[0].Channels, d.Rules[0].Requirements[0].From} {
		if list = append(list, "C0OTHER"); len(list) == 0 {
			t.Fatal("nothing was added")
		}
	}
	if diff := cmp.Diff(definition(t), d); diff != "" {
		t.Errorf("the definition has changed:\n%s", diff)
	}
}

func TestPolicyDescribesItselfInOneLine(t *testing.T) {
	p := policytest.Compile(t, policytest.Everything(70))
	if got, want := p.String(), "3 accounts, 71 roles, 3 rules, 2 never rules, digest "+p.Digest(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAlteredBytesDoNotLoad(t *testing.T) {
	sound := policytest.Repository(t).Packed()
	refused := func(what string, src []byte, want error) {
		t.Helper()
		if p, err := packed.Load(src, policytest.Bastion); !errors.Is(err, want) || p != nil {
			t.Fatalf("%s: got %v, want %v", what, err, want)
		}
	}
	for i := range sound {
		want := packed.ErrDamaged
		switch {
		case i < packed.FormAt:
			want = packed.ErrNotCompiled
		case i == packed.FormAt:
			want = packed.ErrOtherForm
		}
		for bit := range 8 {
			src := slices.Clone(sound)
			src[i] ^= 1 << bit
			refused(fmt.Sprint("byte ", i), src, want)
		}
		want = packed.ErrDamaged
		if i < packed.BodyAt {
			want = packed.ErrNotCompiled
		}
		refused(fmt.Sprint("cut at ", i), sound[:i], want)
	}
	refused("one byte more", append(slices.Clone(sound), 0), packed.ErrDamaged)
	longer := sealed(append(slices.Clone(sound[packed.BodyAt:]), 0))
	refused("one byte more with a right checksum", longer, packed.ErrDamaged)
	refused("a policy file", []byte(policytest.Everything(70)), packed.ErrNotCompiled)
	refused("nothing", nil, packed.ErrNotCompiled)
}

// sealed puts a right checksum in front of a body.
func sealed(body []byte) []byte {
	src := append([]byte(packed.Magic), packed.FormNumber)
	src = binary.LittleEndian.AppendUint32(src, crc32.ChecksumIEEE(body))
	return append(src, body...)
}

func TestBastionIsRefusedInTheCompilersWords(t *testing.T) {
	p := policytest.Compile(t, policytest.Everything(70))
	const want = "the account 000000000002 is the bastion, which cannot be a target; remove it"
	if loaded, err := packed.Load(p.Packed(), "000000000002"); err == nil || err.Error() != want || loaded != nil {
		t.Errorf("load: got %v, want %s", err, want)
	}
	o := compiler.Options{Bastion: "000000000002", Now: policytest.Noon}
	_, _, err := compiler.Compile("policy.yaml", []byte(policytest.Everything(70)), o)
	if err == nil || !strings.HasSuffix(err.Error(), ": "+want) {
		t.Errorf("compile: got %v, want %s", err, want)
	}
	if _, err := packed.Load(p.Packed(), ""); err != nil {
		t.Errorf("no bastion: got %v", err)
	}
}

// definition returns a definition that uses everything a policy can say.
func definition(t *testing.T) policy.Definition {
	t.Helper()
	return decode(t, policytest.Compile(t, policytest.Everything(70)).Packed())
}

func decode(t *testing.T, src []byte) policy.Definition {
	t.Helper()
	d, err := packed.Decode(src)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Bytes with a right checksum that no policy file can lead to are refused where an answer would be
// wrong or would never come.
func TestImpossiblePolicyDoesNotLoad(t *testing.T) {
	for what, change := range impossible {
		d := definition(t)
		change(&d)
		if loaded, err := packed.Load(packed.Encode(&d), policytest.Bastion); !errors.Is(err, packed.ErrDamaged) ||
			loaded != nil {
			t.Errorf("%s: got %v, want %v", what, err, packed.ErrDamaged)
		}
	}
}

const day = 24 * time.Hour

// machines returns the group of machines of a kind.
func machines(d *policy.Definition, kind policy.PrincipalKind) *policy.Principal {
	return &d.Principals[slices.IndexFunc(d.Principals, func(x policy.Principal) bool { return x.Kind == kind })]
}

// A program of this version must say that a policy is of another one, and not guess at its bytes.
func TestPolicyOfAnotherFormIsRefusedWithWhatToDo(t *testing.T) {
	for _, form := range []byte{packed.FormNumber - 1, packed.FormNumber + 1} {
		src := policytest.Repository(t).Packed()
		src[packed.FormAt] = form
		_, err := packed.Load(src, policytest.Bastion)
		if !errors.Is(err, packed.ErrOtherForm) || !strings.Contains(err.Error(), "make build") {
			t.Errorf("form %d: got %v", form, err)
		}
	}
}

// impossible are changes that make a definition one that the compiler never makes.
var impossible = map[string]func(*policy.Definition){
	"accounts out of order": func(d *policy.Definition) {
		d.Accounts[0], d.Accounts[1] = d.Accounts[1], d.Accounts[0]
	},
	"an account name twice":         func(d *policy.Definition) { d.Accounts[0].Name = d.Accounts[1].Name },
	"an account id twice":           func(d *policy.Definition) { d.Accounts[0].ID = d.Accounts[1].ID },
	"ids out of order":              func(d *policy.Definition) { slices.Reverse(d.AccountsByID) },
	"an account not listed by id":   func(d *policy.Definition) { d.AccountsByID = d.AccountsByID[1:] },
	"an account listed twice":       func(d *policy.Definition) { d.AccountsByID[0] = d.AccountsByID[1] },
	"an unknown account":            func(d *policy.Definition) { d.AccountsByID[0] = 3 },
	"an unknown class":              func(d *policy.Definition) { d.Accounts[0].Class = int32(len(d.Classes)) },
	"no classes":                    func(d *policy.Definition) { d.Classes = nil },
	"an unknown rule":               func(d *policy.Definition) { d.Classes[0].Rules = []int32{3} },
	"an unknown never rule":         func(d *policy.Definition) { d.Classes[0].NeverRules = []int32{2} },
	"rules out of order":            func(d *policy.Definition) { d.Classes[0].Rules = []int32{1, 0} },
	"a never rule twice":            func(d *policy.Definition) { d.Classes[0].NeverRules = []int32{1, 1} },
	"an unknown principal":          func(d *policy.Definition) { d.Rules[0].Who = []int32{int32(len(d.Principals))} },
	"an unknown approver":           func(d *policy.Definition) { d.Rules[0].Requirements[0].Approver[0] = 100 },
	"an unknown reviewer":           func(d *policy.Definition) { d.Rules[0].Reviewers[0] = 100 },
	"groups out of order":           func(d *policy.Definition) { slices.Reverse(d.PrincipalsByGroup) },
	"a group left out":              func(d *policy.Definition) { d.PrincipalsByGroup = d.PrincipalsByGroup[1:] },
	"an unknown kind of principal":  func(d *policy.Definition) { d.Principals[0].Kind = policy.OIDC + 1 },
	"roles of machines with people": func(d *policy.Definition) { machines(d, policy.AWSRoles).IDs = []string{"U0TWO"} },
	"roles of machines with a token": func(d *policy.Definition) {
		machines(d, policy.AWSRoles).Claims = machines(d, policy.OIDC).Claims
	},
	"no role of machines":           func(d *policy.Definition) { machines(d, policy.AWSRoles).Roles = nil },
	"a token without claims":        func(d *policy.Definition) { machines(d, policy.OIDC).Claims = nil },
	"a token without an issuer":     func(d *policy.Definition) { machines(d, policy.OIDC).Issuer = "" },
	"claims out of order":           func(d *policy.Definition) { slices.Reverse(machines(d, policy.OIDC).Claims) },
	"people with roles":             func(d *policy.Definition) { machines(d, policy.AWSRoles).Kind = policy.Named },
	"everyone with claims":          func(d *policy.Definition) { machines(d, policy.OIDC).Kind = policy.Everyone },
	"devices for a minute":          func(d *policy.Definition) { d.Settings.Devices.For = time.Minute },
	"devices without a limit":       func(d *policy.Definition) { d.Settings.Devices.Limit = 0 },
	"too many devices":              func(d *policy.Definition) { d.Settings.Devices.Limit = policy.MaxDevices + 1 },
	"a rule that sets itself aside": func(d *policy.Definition) { d.Rules[0].SetAsideBy = []int32{0} },
	"a circle of rules":             func(d *policy.Definition) { d.Rules[1].SetAsideBy = []int32{2} },
	"set aside by an unknown rule":  func(d *policy.Definition) { d.Rules[1].SetAsideBy = []int32{3} },
	"an unknown role":               func(d *policy.Definition) { d.Rules[0].Roles.Add(71) },
	"a requirement of nobody":       func(d *policy.Definition) { d.Rules[0].Requirements[0].Required = 0 },
	"a requirement of too many": func(d *policy.Definition) {
		d.Rules[0].Requirements[0].Required = policy.MaxRequired + 1
	},
	"a length over the limit":     func(d *policy.Definition) { d.Rules[0].Max = policy.MaxLength + time.Minute },
	"an end after the last year":  func(d *policy.Definition) { d.Rules[0].Expires = d.Rules[0].Expires.Add(day) },
	"no pending request allowed":  func(d *policy.Definition) { d.Settings.PendingAtMost = 0 },
	"too many pending requests":   func(d *policy.Definition) { d.Settings.PendingAtMost = policy.MaxPending + 1 },
	"no request per hour allowed": func(d *policy.Definition) { d.Settings.AsksPerHour = 0 },
	"too many requests per hour":  func(d *policy.Definition) { d.Settings.AsksPerHour = policy.MaxAsks + 1 },
	"an unknown responder":        func(d *policy.Definition) { d.Responders[0] = int32(len(d.Principals)) },
	"a responder without a name":  func(d *policy.Definition) { d.Settings.Responders = d.Settings.Responders[1:] },
	"a name without a responder":  func(d *policy.Definition) { d.Responders = nil },
	"no time between checks":      func(d *policy.Definition) { d.Settings.CheckEvery = 0 },
	"a day between checks":        func(d *policy.Definition) { d.Settings.CheckEvery = day },
	"sessions of a rule too long": func(d *policy.Definition) { d.Rules[0].Session = policy.MaxSession + time.Minute },
	"sessions of a role too long": func(d *policy.Definition) { d.Roles[0].Session = policy.MaxSession + time.Minute },
	"an example that is no ticket": func(d *policy.Definition) {
		d.Settings.TicketPattern, d.Settings.TicketExample = "[0-9]", "A"
	},
	"no example of a ticket":    func(d *policy.Definition) { d.Settings.TicketExample = "" },
	"an invalid ticket pattern": func(d *policy.Definition) { d.Settings.TicketPattern = "(" },
}
