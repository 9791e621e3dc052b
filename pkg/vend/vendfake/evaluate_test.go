package vendfake

import (
	"encoding/json"
	"os"
	"testing"
)

// evaluateCase is one row of testdata/evaluate/cases.json, which
// simulate/compare.mjs holds iam-simulate to as well. Policies are written out,
// or named and found in "policies".
type evaluateCase struct {
	Name, Source, Want string
	Identity           []json.RawMessage
	Session, Boundary  json.RawMessage
	Trust              json.RawMessage
	Principal          Principal
	Call               Call
	NotCompared        string   `json:"not_compared"`
	Dropped            []string // keys that iam-simulate does not give to the action
}

type evaluateTable struct {
	Policies map[string]json.RawMessage
	Cases    []evaluateCase
}

func readTable(t testing.TB) evaluateTable {
	t.Helper()
	source, err := os.ReadFile("testdata/evaluate/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var table evaluateTable
	if err := json.Unmarshal(source, &table); err != nil {
		t.Fatalf("read cases: %v", err)
	}
	return table
}

// document parses a policy of a case.
func (table evaluateTable) document(t testing.TB, raw json.RawMessage) Document {
	t.Helper()
	var name string
	if json.Unmarshal(raw, &name) == nil {
		raw = table.Policies[name]
	}
	d, err := ParseDocument(string(raw))
	if err != nil {
		t.Fatalf("policy %s: %v", raw, err)
	}
	return d
}

func (table evaluateTable) judge(t testing.TB, c evaluateCase) Verdict {
	t.Helper()
	if c.Trust != nil {
		return table.document(t, c.Trust).EvaluateTrust(c.Call, c.Principal)
	}
	var p Permissions
	for _, raw := range c.Identity {
		p.Identity = append(p.Identity, table.document(t, raw))
	}
	for _, raw := range []json.RawMessage{c.Session, c.Boundary} {
		if raw != nil {
			p.Limits = append(p.Limits, table.document(t, raw))
		}
	}
	return p.Evaluate(c.Call)
}

func TestEveryCaseOfTheTableIsJudgedAsIAMWould(t *testing.T) {
	table := readTable(t)
	for _, c := range table.Cases {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Call.Check(); err != nil {
				t.Fatal(err)
			}
			if got := table.judge(t, c).String(); got != c.Want {
				t.Errorf("got %s, want %s (%s)", got, c.Want, c.Source)
			}
		})
	}
}
