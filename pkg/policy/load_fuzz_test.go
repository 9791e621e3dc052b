package policy

import (
	"bytes"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
)

// Every byte of a body is replaced, under a right checksum.
func TestNothingThatLoadsPanics(t *testing.T) {
	body := compiled(t, everything(3)).Encode()[bodyAt:]
	loads := 0
	for i, was := range body {
		for _, b := range []byte{0, 1, 0x7f, 0xff, was + 1} {
			body[i] = b
			if p, err := Load(sealed(body), bastion); err == nil {
				loads++
				askAll(t, p)
			}
		}
		body[i] = was
	}
	if loads == 0 {
		t.Error("nothing loaded: another letter in a name is no damage that can be seen")
	}
}

// askAll asks a policy of which nothing is known but that it loads.
func askAll(t *testing.T, p *Policy) {
	t.Helper()
	w := newWorkspace()
	q := Question{Who: w.person("dev1"), Reason: "why", Ticket: "INC-1", Asking: true, Directory: w.directory(noon), At: noon, Approvals: []access.Person{w.person("lead1")}}
	for i := range p.accounts[:min(2, len(p.accounts))] {
		q.Account = p.accounts[i].ID
		for k := range p.roles[:min(2, len(p.roles))] {
			q.Role = p.roles[k].name
			everyAnswer(p, q)
		}
	}
	src := encodedAgain(p)
	loaded, err := Load(src, "")
	if err != nil {
		t.Fatalf("it loads, and does not when it is encoded again: %v", err)
	}
	if !bytes.Equal(src, encodedAgain(loaded)) {
		t.Fatal("encoded again, it is another policy")
	}
}

// FuzzLoad holds that no bytes make Load or a policy that it loads panic. The
// checksum is set right, for it would stop everything else.
func FuzzLoad(f *testing.F) {
	text, _ := large(100, 40)
	for _, text := range []string{everything(70), text, assembled("")} {
		p, _, err := Compile("policy.yaml", []byte(text), Options{Now: noon})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.Encode()[bodyAt:])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if p, err := Load(body, bastion); err == nil {
			askAll(t, p)
		}
		if p, err := Load(sealed(body), bastion); err == nil {
			askAll(t, p)
		}
	})
}
