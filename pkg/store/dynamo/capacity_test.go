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
	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
	"github.com/aws-access/aws-access/pkg/store/dynamo/dynamotest"
)

const capacityPolicy = `
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

// fakeSlack is a Slack workspace with one developer and many leads. Its groups
// cannot be read, so steps use the stored directory.
type fakeSlack map[string]access.Person

func (f fakeSlack) Person(_ context.Context, id string) (access.Person, error) { return f[id], nil }

func (f fakeSlack) Group(context.Context, string) ([]string, error) {
	return nil, errors.New("Slack is unavailable")
}

func (f fakeSlack) People(context.Context, string) ([]access.Person, string, error) {
	return nil, "", errors.New("Slack is unavailable")
}

// newStep returns a step on a table whose directory has one developer and this many
// leads, and a function that submits a request of the developer.
func newStep(
	t testing.TB, table dynamotest.Table, transport http.RoundTripper, leads int,
) (lifecycle.Step, func() (access.Request, error)) {
	t.Helper()
	options := compiler.Options{Bastion: "999999999999", Now: time.Now()}
	p, _, err := compiler.Compile("policy.yaml", []byte(capacityPolicy), options)
	if err != nil {
		t.Fatal(err)
	}
	people := make(fakeSlack)
	add := func(id, name string) string {
		people[id] = access.Person{ID: id, Email: name + "@engineering.example.com", Name: name, Membership: access.Member}
		return id
	}
	devs := access.Group{ReadAt: time.Now(), Members: []string{add("U01234DEV", "charlie.developer")}}
	all := access.Group{ReadAt: time.Now()}
	for i := range leads {
		all.Members = append(all.Members, add(fmt.Sprintf("U01234LEAD%d", i), fmt.Sprintf("alex.lead.%d", i)))
	}
	s := dynamo.New(table.Client(transport), table.Name, time.Now)
	d := access.Directory{
		Version: 1, PeopleAt: time.Now(), People: people, Groups: map[string]access.Group{"S0DEVS": devs, "S0LEADS": all},
	}
	if err := dynamo.New(table.Client(nil), table.Name, time.Now).SaveDirectory(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	roster := lifecycle.Roster{
		Store: s, Policy: p, Now: time.Now, Slack: people, NoGroup: func(error) bool { return false },
	}
	submit := lifecycle.Submit{
		Store: s, Roster: roster, Policy: p, Now: time.Now, NewID: func() string { return ulid.Make().String() },
	}
	return lifecycle.Step{Store: s, Roster: roster, Policy: p, Now: time.Now}, func() (access.Request, error) {
		return submit.Do(t.Context(), lifecycle.Asked{
			By: "U01234DEV", Account: "payments-prod", Role: "Operator", For: time.Hour,
			Reason: "payouts are stuck since this morning's deploy", Ticket: "INC-4211",
			Once: ulid.Make().String() + ".1732190000.abcdef0123456789",
		})
	}
}

type issuer struct{}

func (issuer) Assume(_ context.Context, v access.Vending) (access.Credentials, error) {
	return access.Credentials{AccessKeyID: "ASIA0123456789ABCDEF", Expires: v.Now.Add(time.Hour)}, nil
}

// runRequest submits, approves, uses and ends one request, with the messages that
// notify records. It returns the cost, and a line with the units of each step.
func runRequest(t testing.TB, table dynamotest.Table) (*meter, []string) {
	t.Helper()
	m := &meter{}
	step, submit := newStep(t, table, m, 3)
	s := step.Store.(*dynamo.Store)
	var r access.Request
	var posted access.Messages
	recordMessages := func(slots ...string) error {
		_, before, err := s.Messages(t.Context(), r.ID)
		posted.Version = before.Version + 1
		for _, slot := range slots {
			m := access.Message{Slot: slot, Channel: "C0APPROVALS", TS: "1732190000.000100", Shows: 1}
			posted.Posted = append(posted.Posted, m)
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
		{"card", func() error { return recordMessages("card:C0APPROVALS") }},
		{"approve", func() error {
			_, err := lifecycle.Decide{Step: step}.Approve(t.Context(), r.ID, "U01234LEAD0", 0)
			return err
		}},
		{"message", func() error { return recordMessages("grant") }},
		{"vend", func() error {
			order.Request = r.ID
			_, err := lifecycle.Vend{Step: step, STS: issuer{}}.Do(t.Context(), order)
			return err
		}},
		{"end", func() error { _, err := lifecycle.Close{Step: step}.End(t.Context(), r.ID, "U01234DEV"); return err }},
		{"final message", func() error { return recordMessages() }},
	} {
		read, write, index := m.Read, m.Write, m.Index
		if err := one.do(); err != nil {
			t.Fatalf("%s: %v", one.name, err)
		}
		steps = append(steps, fmt.Sprintf("%-14s read %4.1f  write %4.1f  index %4.1f",
			one.name, m.Read-read, m.Write-write, m.Index-index))
	}
	return m, steps
}

// fill writes final requests, 25 in one call and with 8 calls at once.
func fill(t testing.TB, table dynamotest.Table, requests int) {
	t.Helper()
	const writers, batch = 8, 25
	client := table.Client(nil)
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() {
			for first := w * batch; first < requests; first += writers * batch {
				var writes []types.WriteRequest
				for n := first; n < min(first+batch, requests); n++ {
					writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: finalRequest(n)}})
				}
				in := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table.Name: writes}}
				if _, err := client.BatchWriteItem(t.Context(), in); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
}

// finalRequest returns the item of the nth request of the past.
func finalRequest(n int) map[string]types.AttributeValue {
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	number := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	id := fmt.Sprintf("01HISTORY%017d", n)
	return map[string]types.AttributeValue{
		"pk": text("request#" + id), "sk": text("request"), "format": number("1"), "version": number("5"),
		"requester": text(fmt.Sprintf("U01234DEV%d", n%1000)),
		"submitted": text(time.Unix(int64(n), 0).UTC().Format(time.RFC3339)),
		"body":      text(`{"ID":"` + id + `","Version":5,"State":"ended","Reason":"` + strings.Repeat("x", 60) + `"}`),
	}
}

func TestARequestCostsTheSameInATableOfAnySize(t *testing.T) {
	empty := dynamotest.NewTable(t)
	full := dynamotest.NewTable(t)
	fill(t, full, 1000)
	a, steps := runRequest(t, empty)
	b, _ := runRequest(t, full)
	t.Logf("units:\n%s", strings.Join(steps, "\n"))
	if a.Read != b.Read || a.Write != b.Write || a.Index != b.Index || !maps.Equal(a.Calls, b.Calls) {
		t.Errorf("an empty table: %+v, %v, %v, %v; with 1,000 requests: %+v, %v, %v, %v",
			a.Calls, a.Read, a.Write, a.Index, b.Calls, b.Read, b.Write, b.Index)
	}
	if a.Write > 43 || a.Index > 11 {
		t.Errorf("one request costs %v units of the table and %v of its indexes: more than docs/deploy.md says",
			a.Write, a.Index)
	}
}

// device is the only one of a developer.
type device access.Device

func (d device) Device(context.Context, string) (access.Device, error) { return access.Device(d), nil }

// Keys for a device are recorded like those of a click, with the id of the call beside them, so that the
// call cannot be carried out twice.
func TestKeysForADeviceCostWhatTheDocumentationSays(t *testing.T) {
	m := &meter{}
	step, submit := newStep(t, dynamotest.NewTable(t), m, 3)
	r, err := submit()
	if err == nil {
		_, err = lifecycle.Decide{Step: step}.Approve(t.Context(), r.ID, "U01234LEAD0", 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	laptop := access.Device{
		ID: strings.Repeat("d", 43), Owner: "U01234DEV", Paired: time.Now(), Expires: time.Now().Add(24 * time.Hour),
	}
	read, write, index := m.Read, m.Write, m.Index
	_, err = lifecycle.Vend{Step: step, STS: issuer{}, Devices: device(laptop)}.Do(t.Context(), access.Order{
		ID: strings.Repeat("c", 43) + ".0123456789abcdef", Request: r.ID, Kind: access.Keys, By: laptop.Owner,
		At: time.Now(), Device: laptop.ID, Paired: laptop,
	})
	if err != nil {
		t.Fatal(err)
	}
	read, write, index = m.Read-read, m.Write-write, m.Index-index
	t.Logf("read %v, write %v, index %v", read, write, index)
	if read > 3 || write > 18 || index > 4 {
		t.Errorf("keys cost %v reads, %v units of the table and %v of its indexes: more than docs/deploy.md says",
			read, write, index)
	}
}

// BenchmarkGranted reports the units of one granted request. Filling a table with a
// million requests takes minutes.
func BenchmarkGranted(b *testing.B) {
	for _, stored := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprintf("stored=%d", stored), func(b *testing.B) {
			table := dynamotest.NewTable(b)
			fill(b, table, stored)
			for b.Loop() {
				m, steps := runRequest(b, table)
				b.ReportMetric(m.Read, "reads")
				b.ReportMetric(m.Write, "writes")
				b.ReportMetric(m.Index, "indexwrites")
				b.Logf("%s\ncalls %v", strings.Join(steps, "\n"), m.Calls)
			}
		})
	}
}

// BenchmarkThousandDecide lets 1,000 leads approve one request at once, each in a
// separate instance of the function: one wins, and all others read who won.
func BenchmarkThousandDecide(b *testing.B) {
	const crowd = 1000
	table := dynamotest.NewTable(b)
	m := &meter{}
	step, submit := newStep(b, table, m, crowd)
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
				own := step // with a separate client and its retries
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
			b.Errorf("1,000 people decided, with the answers %v", codes)
		}
		b.Logf("answers %v, calls %v, units: read %v, write %v, index %v", codes, m.Calls, m.Read, m.Write, m.Index)
	}
}

// BenchmarkSweep asks the policy about 5,000 open grants in a table, and reports the calls and units
// of one sweep.
func BenchmarkSweep(b *testing.B) {
	const grants, batch = 5000, 25
	table := dynamotest.NewTable(b)
	m := &meter{}
	step, submit := newStep(b, table, m, 1)
	one, err := submit()
	if err != nil {
		b.Fatal(err)
	}
	one.State, one.Starts, one.Ends = access.Active, time.Now(), time.Now().Add(time.Hour)
	for first := 0; first < grants; first += batch {
		var writes []types.WriteRequest
		for n := first; n < first+batch; n++ {
			one.ID = fmt.Sprintf("01OPEN%020d", n)
			item, err := store.RequestItem(one)
			if err != nil {
				b.Fatal(err)
			}
			writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: dynamo.Attributes(item)}})
		}
		in := &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table.Name: writes}}
		if _, err := table.Client(nil).BatchWriteItem(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
	s := lifecycle.Sweep{Step: step, In: step.Store.(*dynamo.Store)}
	for b.Loop() {
		*m = meter{}
		if out, err := s.Do(b.Context()); err != nil || out.Record.Looked != grants {
			b.Fatal(err, out.Record)
		}
		b.Logf("calls %v, units: read %v, write %v", m.Calls, m.Read, m.Write)
	}
}
