package functions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithytime "github.com/aws/smithy-go/time"
	"github.com/oklog/ulid/v2"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/cut"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
	"github.com/aws-access/aws-access/pkg/store/dynamo/dynamotest"
	"github.com/aws-access/aws-access/pkg/vend"
)

const crowdPolicy = `
version: 1
settings: {channel: C0APPROVALS, operators: C0OPS, asks_per_hour: 1000}
roles: {Admin: {about: Change things}}
accounts: [{id: "111111111111", name: prod, region: eu-west-1, tags: {env: prod}}]
groups: {developers: {slack: S0DEVS}}
rules: [{name: all, who: [developers], accounts: [prod], roles: [Admin], max: 2h, approvals: none}]
`

// crowd is a role in one account that many people use at once: the table in DynamoDB Local, and
// the fakes of STS and IAM.
type crowd struct {
	t      *testing.T
	aws    *awsfake.Server
	table  *dynamo.Store
	step   lifecycle.Step
	vend   lifecycle.Vend
	cut    Cut
	logs   bytes.Buffer
	logMu  sync.Mutex
	people map[string]access.Person
}

func (c *crowd) Person(_ context.Context, id string) (access.Person, error) { return c.people[id], nil }

func (c *crowd) Group(context.Context, string) ([]string, error) { return nil, errors.New("not asked") }

func (c *crowd) People(context.Context, string) ([]access.Person, string, error) {
	return nil, "", errors.New("not asked")
}

// Write writes the log.
func (c *crowd) Write(text []byte) (int, error) {
	c.logMu.Lock()
	defer c.logMu.Unlock()
	return c.logs.Write(text)
}

func newCrowd(t *testing.T, people int) *crowd {
	t.Helper()
	table := dynamotest.NewTable(t)
	c := &crowd{t: t, people: make(map[string]access.Person), table: dynamo.New(table.Client(nil), table.Name, time.Now)}
	p, _, err := compiler.Compile("policy.yaml", []byte(crowdPolicy),
		compiler.Options{Bastion: "999999999999", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	devs := access.Group{ReadAt: time.Now()}
	for i := range people {
		id := fmt.Sprintf("U0DEV%04d", i)
		c.people[id] = access.Person{ID: id, Email: id + "@example.com", Name: id, Membership: access.Member}
		devs.Members = append(devs.Members, id)
	}
	err = c.table.SaveDirectory(t.Context(), access.Directory{
		Version: 1, PeopleAt: time.Now().Add(time.Hour), People: c.people, Groups: map[string]access.Group{"S0DEVS": devs},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.step = c.newStep(p)
	c.startAWS()
	return c
}

func (c *crowd) newStep(p *policy.Policy) lifecycle.Step {
	return lifecycle.Step{Store: c.table, Policy: p, Now: time.Now, Roster: lifecycle.Roster{
		Slack: c, Store: c.table, Policy: p, Now: time.Now, NoGroup: func(error) bool { return false },
	}}
}

// startAWS starts the fakes, and builds what calls them.
func (c *crowd) startAWS() {
	const vendRole = "arn:aws:iam::999999999999:role/aws-access-vend"
	const cutRole = "arn:aws:iam::999999999999:role/aws-access-cut"
	const may = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:*"],"Resource":"*"}]}`
	c.aws = awsfake.New(awsfake.Options{Org: "o-sandbox"})
	vendKeys, err := c.aws.FunctionCredentials(vendRole, may)
	cutKeys, err2 := c.aws.FunctionCredentials(cutRole, may)
	err3 := c.aws.PutRole("111111111111", awsfake.Role{
		Name: "Admin", Path: "/aws-access/", Trust: awsfake.DefaultTrust(vendRole, "external", "o-sandbox"),
	})
	err4 := c.aws.PutRole("111111111111", awsfake.DefaultRevoker(cutRole, "external", "o-sandbox"))
	if err := errors.Join(err, err2, err3, err4); err != nil {
		c.t.Fatal(err)
	}
	server := httptest.NewServer(c.aws.AWS())
	c.t.Cleanup(server.Close)
	config := func(k access.Credentials) aws.Config {
		return aws.Config{
			Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), HTTPClient: http.DefaultClient,
			Credentials: awscall.Keys(k.AccessKeyID, k.SecretKey.Reveal(), k.SessionToken.Reveal()),
		}
	}
	external := func(context.Context, bool) (access.Secret, error) { return access.NewSecret("external"), nil }
	log := slog.New(slog.NewJSONHandler(c, nil))
	assumer := vend.Assumer{STS: sts.NewFromConfig(config(vendKeys)), ExternalID: external}
	c.vend = lifecycle.Vend{Step: c.step, STS: assumer}
	c.cut = Cut{
		Store: c.table, Step: lifecycle.Cut{Step: c.step}, Now: time.Now, Log: log, Wait: smithytime.SleepWithContext,
		Cutter: cut.Cutter{
			STS: awscall.Client{Service: "sts", Config: config(cutKeys)}, IAM: config(access.Credentials{}),
			ExternalID: external, Now: time.Now,
		},
	}
}

// grants asks for a grant for each person, and returns their ids by person.
func (c *crowd) grants() map[string]string {
	submit := lifecycle.Submit{
		Store: c.table, Roster: c.step.Roster, Policy: c.step.Policy, Now: time.Now,
		NewID: func() string { return ulid.Make().String() },
	}
	var mu sync.Mutex
	ids, people := make(map[string]string), make([]string, 0, len(c.people))
	for id := range c.people {
		people = append(people, id)
	}
	atOnce(len(people), 16, func(i int) {
		r, err := submit.Do(c.t.Context(), lifecycle.Asked{
			By: people[i], Account: "prod", Role: "Admin", For: 2 * time.Hour, Reason: "why",
		})
		if err != nil {
			c.t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		ids[people[i]] = r.ID
	})
	return ids
}

// order vends one session of a person's grant. It accepts that the grant is over, and an answer that
// comes too late on a busy machine: that session exists too, and a cut must deny it.
func (c *crowd) order(by, id string) {
	_, err := c.vend.Do(c.t.Context(), access.Order{
		ID: ulid.Make().String(), Request: id, By: by, Kind: access.Keys, At: time.Now(),
	})
	if code := access.Code(err); err != nil && code != access.CodeEnded && code != "changed" &&
		code != "aws_unavailable" {
		c.t.Errorf("vend for %s: %v", by, err)
	}
}

func (c *crowd) orderCut() {
	const payload = `{"cut":[{"account":"111111111111","role":"Admin"}]}`
	if _, err := c.cut.Handle(c.t.Context(), json.RawMessage(payload)); err != nil {
		c.t.Errorf("cut: %v", err)
	}
}

// A thousand times at once, somebody takes a session of one role or gives their grant back, while
// cuts run. In the end, no session of a closed grant can act. The names do not fit into the role's
// policy, so the whole role is cut, and that is reported.
func TestAThousandEndsAndVendsAtOnceLeaveNoSessionWithoutADeny(t *testing.T) {
	if testing.Short() {
		t.Skip("needs DynamoDB Local and takes a minute")
	}
	c := newCrowd(t, 400) // more names than the policy of a role holds
	ids := c.grants()
	people := slices.Sorted(maps.Keys(ids))
	type move struct {
		by  string
		end bool
	}
	var moves []move
	for _, by := range people {
		moves = append(moves, move{by, false}, move{by, true})
	}
	rand.Shuffle(len(moves), func(i, j int) { moves[i], moves[j] = moves[j], moves[i] })
	orders := make(chan struct{}, 1)
	var cutting sync.WaitGroup
	for range 2 { // the stream's mapping and the tick
		cutting.Go(func() {
			for range orders {
				c.orderCut()
			}
		})
	}
	atOnce(len(people), 8, func(i int) { c.order(people[i], ids[people[i]]) })
	atOnce(len(moves), 8, func(i int) {
		m := moves[i]
		if !m.end {
			c.order(m.by, ids[m.by])
			return
		}
		_, err := lifecycle.Close{Step: c.step}.End(t.Context(), ids[m.by], m.by)
		if err != nil {
			t.Errorf("end the grant of %s: %v", m.by, err)
		}
		select {
		case orders <- struct{}{}:
		default: // the next record of the stream tells of this one too
		}
	})
	close(orders)
	cutting.Wait()
	c.orderCut()
	c.checkDenied(ids)
	if log := c.logs.String(); !strings.Contains(log, "a whole role was cut") {
		t.Errorf("the log does not say that the whole role was cut: %.2000s", log)
	}
}

// checkDenied checks that each session of a closed grant is denied, and that the table says so.
func (c *crowd) checkDenied(ids map[string]string) {
	c.t.Helper()
	requests := make(map[string]access.Request, len(ids))
	for _, id := range ids {
		r, _, _, err := c.table.Load(context.Background(), id)
		if err != nil {
			c.t.Fatal(err)
		}
		requests[id] = r
	}
	alive := 0
	for _, s := range c.aws.Sessions() {
		id, isGrant := strings.CutPrefix(s.SessionName, access.SessionPrefix)
		r, known := requests[id]
		if !isGrant || !known {
			continue // of the revoker
		}
		if r.State == access.Ended && s.DeniedSince == nil {
			c.t.Errorf("a session of %s, which is %s (%q), is not denied", id, r.State, r.Cut)
		}
		if s.DeniedSince == nil {
			alive++
		}
	}
	l, err := c.table.CutList(context.Background(), access.CutKey{Account: "111111111111", Role: "Admin"})
	if err != nil {
		c.t.Fatal(err)
	}
	done := 0
	for id, r := range requests {
		switch {
		case r.Cut == access.CutDone:
			done++
		case r.Cut == access.CutEnding && !l.Has(id, time.Now()):
			c.t.Errorf("%s is ending and not on the list", id)
		}
	}
	for _, p := range c.aws.InlinePolicies() {
		if len(p.Policy) > cut.MaxInline {
			c.t.Errorf("the policy has %d characters", len(p.Policy))
		}
	}
	c.t.Logf("%d names on the list, %d done, %d sessions alive", len(l.Names), done, alive)
}
