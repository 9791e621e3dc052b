package packed_test

import (
	"bytes"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/packed"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// Every byte of a body is replaced, under a right checksum.
func TestLoadedBytesNeverPanic(t *testing.T) {
	if testing.Short() {
		t.Skip("takes several seconds")
	}
	body := policytest.Compile(t, policytest.Everything(3)).Packed()[packed.BodyAt:]
	loads := 0
	for i, was := range body {
		for _, b := range []byte{0, 1, 0x7f, 0xff, was + 1} {
			body[i] = b
			if p, err := packed.Load(sealed(body), policytest.Bastion); err == nil {
				loads++
				askAll(t, p)
			}
		}
		body[i] = was
	}
	if loads == 0 {
		t.Error("nothing loaded, although another letter in a name cannot be noticed")
	}
}

// askAll asks a policy of which nothing is known except that it loads.
func askAll(t *testing.T, p *policy.Policy) {
	t.Helper()
	w := policytest.NewWorkspace()
	q := policy.Question{
		Who: w.Person("dev1"), Reason: "why", Ticket: "INC-1", Asking: true, Directory: w.Directory(policytest.Noon),
		At: policytest.Noon, Approvals: []access.Person{w.Person("lead1")},
	}
	d := decode(t, p.Packed())
	for i := range d.Accounts[:min(2, len(d.Accounts))] {
		q.Account = d.Accounts[i].ID
		for k := range d.Roles[:min(2, len(d.Roles))] {
			q.Role = d.Roles[k].Name
			policytest.EveryAnswer(p, q)
		}
	}
	src := packed.Encode(&d)
	if _, err := packed.Load(src, ""); err != nil {
		t.Fatalf("it loads, but not after it is encoded again: %v", err)
	}
	again := decode(t, src)
	if !bytes.Equal(src, packed.Encode(&again)) {
		t.Fatal("it is another policy after it is encoded again")
	}
}

// FuzzLoad holds that no bytes make Load panic, nor a policy that it loads. The checksum is set
// right, because it would stop everything else.
func FuzzLoad(f *testing.F) {
	text, _ := policytest.Large(100, 40)
	for _, text := range []string{policytest.Everything(70), text, string(policytest.RepositoryFile(f))} {
		f.Add(policytest.Compile(f, text).Packed()[packed.BodyAt:])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if p, err := packed.Load(body, policytest.Bastion); err == nil {
			askAll(t, p)
		}
		if p, err := packed.Load(sealed(body), policytest.Bastion); err == nil {
			askAll(t, p)
		}
	})
}
