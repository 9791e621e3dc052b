package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/oklog/ulid/v2"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
	"github.com/aws-access/aws-access/pkg/store/dynamo/dynamotest"
)

const paid = `
version: 1
settings: {channel: C0APPROVALS, operators: C0OPS, answer_within: 1h, remind_after: 15m}
roles: {Operator: {about: Change things}}
accounts: [{id: "111111111111", name: payments-prod, region: eu-west-1, tags: {env: prod}}]
groups: {developers: {slack: S0DEVS}, leads: {slack: S0LEADS}}
rules:
  - name: change production
    who: [developers]
    accounts: [payments-prod]
    roles: [Operator]
    max: 2h
    approvals: [{from: [leads], need: 1}]
`

// office is who works here: one developer, and many leads.
type office map[string]access.Person

func (o office) Person(_ context.Context, id string) (access.Person, error) { return o[id], nil }

func (o office) Group(context.Context, string) ([]string, error) {
	return nil, errors.New("Slack is away")
}

func (o office) People(context.Context, string) ([]access.Person, string, error) {
	return nil, "", errors.New("Slack is away")
}

// worker is a step over a table whose directory knows one developer and so many
// leads.
func worker(
	t testing.TB, table dynamotest.Table, through http.RoundTripper, leads int,
) (lifecycle.Step, func() (access.Request, error)) {
	t.Helper()
	p, _, err := compiler.Compile("policy.yaml", []byte(paid), compiler.Options{Bastion: "999999999999", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	people := make(office)
	hire := func(id, name string) string {
		people[id] = access.Person{ID: id, Email: name + "@engineering.example.com", Name: name, Membership: access.Member}
		return id
	}
	devs, all := access.Group{
		ReadAt: time.Now(), Members: []string{hire("U01234DEV", "charlie.developer")},
	}, access.Group{ReadAt: time.Now()}
	for i := range leads {
		all.Members = append(all.Members, hire(fmt.Sprintf("U01234LEAD%d", i), fmt.Sprintf("alex.lead.%d", i)))
	}
	s := dynamo.New(table.Client(through), table.Name, time.Now)
	d := access.Directory{
		Version: 1, PeopleAt: time.Now(), People: people, Groups: map[string]access.Group{"S0DEVS": devs, "S0LEADS": all},
	}
	if err := dynamo.New(table.Client(nil), table.Name, time.Now).SaveDirectory(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	roster := lifecycle.Roster{Store: s, Policy: p, Now: time.Now, Slack: people, NoGroup: func(error) bool {
		return false
	}}
	submit := lifecycle.Submit{Store: s, Roster: roster, Policy: p, Now: time.Now, NewID: func() string {
		return ulid.Make().String()
	}}
	return lifecycle.Step{Store: s, Roster: roster, Policy: p, Now: time.Now}, func() (access.Request, error) {
		return submit.Do(t.Context(), lifecycle.Asked{
			By: "U01234DEV", Account: "payments-prod", Role: "Operator", For: time.Hour,
			Reason: "payouts are stuck since this morning's deploy", Ticket: "INC-4211", Once: ulid.Make().String() + ".1732190000.abcdef0123456789",
		})
	}
}

type issuer struct{}

func (issuer) Assume(_ context.Context, v access.Vending) (access.Credentials, error) {
	return access.Credentials{AccessKeyID: "ASIA0123456789ABCDEF", Expires: v.Now.Add(time.Hour)}, nil
}

// granted lets one request be submitted, approved, used once and given back,
// with what notify keeps about its messages. It returns the units by step.
func granted(t testing.TB, table dynamotest.Table) (*meter, []string) {
	t.Helper()
	m := &meter{}
	step, submit := worker(t, table, m, 3)
	s := step.Store.(*dynamo.Store)
	var r access.Request
	var posted access.Messages
	told := func(slots ...string) error {
		_, before, err := s.Messages(t.Context(), r.ID)
		posted.Version = before.Version + 1
		for _, slot := range slots {
			posted.Posted = append(
				posted.Posted, access.Message{Slot: slot, Channel: "C0APPROVALS", TS: "1732190000.000100", Shows: 1},
			)
		}
		return errors.Join(err, s.SaveMessages(t.Context(), r.ID, posted))
	}
	order := access.Order{ID: ulid.Make().String(), Kind: access.Keys, By: "U01234DEV", At: time.Now()}
	var steps []string
	for _, one := range []struct {
		name string
		do   func() error
	}{
		{"submit", func() (err error) { r, err = submit(); return err }},
		{"card", func() error { return told("card:C0APPROVALS") }},
		{"approve", func() error {
			_, err := lifecycle.Decide{Step: step}.Approve(t.Context(), r.ID, "U01234LEAD0", 0)
			return err
		}},
		{"message", func() error { return told("grant") }},
		{"vend", func() error {
			order.Request = r.ID
			_, err := lifecycle.Vend{Step: step, STS: issuer{}}.Do(t.Context(), order)
			return err
		}},
		{"end", func() error { _, err := lifecycle.Close{Step: step}.End(t.Context(), r.ID, "U01234DEV"); return err }},
		{"message over", func() error { return told() }},
	} {
		read, write, index := m.Read, m.Write, m.Index
		if err := one.do(); err != nil {
			t.Fatalf("%s: %v", one.name, err)
		}
		steps = append(
			steps,
			fmt.Sprintf("%-14s read %4.1f  write %4.1f  index %4.1f", one.name, m.Read-read, m.Write-write, m.Index-index),
		)
	}
	return m, steps
}

// fill writes requests that are over, as history leaves them.
func fill(t testing.TB, table dynamotest.Table, n int) {
	t.Helper()
	client := table.Client(nil)
	var wait sync.WaitGroup
	for w := range 8 {
		wait.Go(func() {
			for i := w * 25; i < n; i += 8 * 25 {
				var batch []types.WriteRequest
				for k := i; k < min(i+25, n); k++ {
					id := fmt.Sprintf("01HISTORY%017d", k)
					batch = append(batch, types.WriteRequest{PutRequest: &types.PutRequest{Item: map[string]types.AttributeValue{
						"pk": &types.AttributeValueMemberS{Value: "request#" + id}, "sk": &types.AttributeValueMemberS{Value: "request"},
						"format": &types.AttributeValueMemberN{Value: "1"}, "version": &types.AttributeValueMemberN{Value: "5"},
						"requester": &types.AttributeValueMemberS{
							Value: fmt.Sprintf("U01234DEV%d", k%1000),
						}, "submitted": &types.AttributeValueMemberS{
							Value: time.Unix(int64(k), 0).UTC().Format(time.RFC3339),
						},
						"body": &types.AttributeValueMemberS{
							Value: `{"ID":"` + id + `","Version":5,"State":"ended","Reason":"` + strings.Repeat("x", 60) + `"}`,
						},
					}}})
				}
				if _, err := client.BatchWriteItem(
					t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table.Name: batch}},
				); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
}

func TestAGrantedRequestCostsTheSameAtAnySize(t *testing.T) {
	empty := dynamotest.NewTable(t)
	full := dynamotest.NewTable(t)
	fill(t, full, 1000)
	a, steps := granted(t, empty)
	b, _ := granted(t, full)
	t.Logf("units:\n%s", strings.Join(steps, "\n"))
	if a.Read != b.Read || a.Write != b.Write || a.Index != b.Index || !maps.Equal(a.Calls, b.Calls) {
		t.Errorf(
			"an empty table: %+v, %v, %v, %v; with 1,000 requests: %+v, %v, %v, %v", a.Calls, a.Read, a.Write, a.Index, b.Calls,
			b.Read, b.Write, b.Index,
		)
	}
	if a.Write > 35 || a.Index > 9 {
		t.Errorf(
			"one granted request costs %v units of the table and %v of its indexes: more than docs/deploy.md says", a.Write,
			a.Index,
		)
	}
}

// BenchmarkGranted reports units. A table of a million requests takes minutes to
// fill.
func BenchmarkGranted(b *testing.B) {
	for _, stored := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprintf("stored=%d", stored), func(b *testing.B) {
			table := dynamotest.NewTable(b)
			fill(b, table, stored)
			for b.Loop() {
				m, steps := granted(b, table)
				b.ReportMetric(m.Read, "reads")
				b.ReportMetric(m.Write, "writes")
				b.ReportMetric(m.Index, "indexwrites")
				b.Logf("%s\ncalls %v", strings.Join(steps, "\n"), m.Calls)
			}
		})
	}
}

// BenchmarkThousandDecide lets 1,000 leads approve one request at once, each in
// an instance of the function of his own: one wins, and everybody else reads
// that.
func BenchmarkThousandDecide(b *testing.B) {
	const crowd = 1000
	table := dynamotest.NewTable(b)
	m := &meter{}
	step, submit := worker(b, table, m, crowd)
	for b.Loop() {
		r, err := submit()
		if err != nil {
			b.Fatal(err)
		}
		*m = meter{}
		said := make([]string, crowd)
		var all sync.WaitGroup
		for i := range crowd {
			all.Go(func() {
				own := step // with the retries of a client of its own
				own.Store = dynamo.New(table.Client(m), table.Name, time.Now)
				_, err := lifecycle.Decide{Step: own}.Approve(b.Context(), r.ID, fmt.Sprintf("U01234LEAD%d", i), 0)
				if said[i] = access.Code(err); err == nil {
					said[i] = "won"
				}
			})
		}
		all.Wait()
		codes := make(map[string]int)
		for _, code := range said {
			codes[code]++
		}
		if codes["won"] != 1 || codes["won"]+codes["already_approved"] != crowd {
			b.Errorf("1,000 people decided, and were answered %v", codes)
		}
		b.Logf("answers %v, calls %v, units: read %v, write %v, index %v", codes, m.Calls, m.Read, m.Write, m.Index)
	}
}
