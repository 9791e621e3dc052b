package operators

import (
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
)

// A misspelled name must not look as if nothing was open.
func TestCloseSaysThatANameIsUnknownAndWhatIsLikeIt(t *testing.T) {
	e := newEmergency(t)
	e.must(e.store.SaveDirectory(t.Context(), access.Directory{
		Version: 1, People: map[string]access.Person{"U0LEAD1": {ID: "U0LEAD1", Name: "lead1"}},
	}))
	e.grant("01A", dev, "111111111111", "Admin") // in prod-1
	for _, c := range []struct {
		closing
		refused, says string
	}{
		{closing{account: "prdo-1"}, "nobody has open access in an account called prdo-1, and no session there is still " +
			"ending. Did you mean prod-1 (111111111111)? Give the account's id if the name is right", ""},
		{closing{account: "nope"}, "nobody has open access in an account called nope, and no session there is still " +
			"ending. Give the account's id if the name is right", ""},
		{closing{account: "111111111112"}, "",
			"Nobody has open access in 111111111112. Did you mean 111111111111 (prod-1)?\n"},
		{closing{account: "999999999999"}, "", ""},
		{closing{person: "U0DVE1"}, "nobody with the id U0DVE1 has asked for access or is named by the policy. Did you " +
			"mean U0DEV1 (dev1)?", ""},
		{closing{person: "U0LAED1"}, "nobody with the id U0LAED1 has asked for access or is named by the policy. Did you " +
			"mean U0LEAD1 (lead1)?", ""},
		{closing{person: "U0LEAD1"}, "", ""},
	} {
		c.why, c.devices = "w", noDevices
		_, err := c.on(e.operation(true, "")).run(t.Context())
		refused := ""
		if err != nil {
			refused = err.Error()
		}
		if refused != c.refused || e.words.String() != c.says {
			t.Errorf("%+v: refused %q and said %q, want %q and %q", c.closing, refused, e.words.String(), c.refused, c.says)
		}
	}
	if r := e.at("01A"); r.State != access.Active {
		t.Errorf("01A is %s", r.State)
	}
	paired := other // has a computer and nothing else
	e.must(e.pairDevice(paired))
	if c := (closing{person: paired.ID, place: place{devices: e.table.Devices}}); !e.close(c) ||
		!strings.Contains(e.out.String(), "1 computer of U0DEV2 unpaired.") {
		t.Errorf("said %s%s", e.out.String(), e.words.String())
	}
	e.close(closing{person: dev.ID})
	if e.close(closing{person: dev.ID}); !strings.Contains(e.out.String(), "U0DEV1 has no paired computer.\n") {
		t.Errorf("the second time, said %s%s", e.out.String(), e.words.String())
	}
}

// Only what was ended, or is being ended, has denies.
func TestCloseSaysThatDeniesAreWrittenOnlyIfThereAreSome(t *testing.T) {
	e := newEmergency(t)
	e.ask("01P", dev, "111111111111", "Admin", false)
	e.ask("01Q", dev, "111111111111", "Admin", true) // without a session
	for _, c := range []closing{{id: "01P"}, {all: true}, {all: true}} {
		c.wait = true
		if done := e.close(c); !done || strings.Contains(e.out.String(), "denies") ||
			!strings.HasSuffix(e.out.String(), "\nNo session is being ended, so there is nothing to wait for.\n") {
			t.Errorf("%+v: %v, said %s", c, done, e.out.String())
		}
	}
}
