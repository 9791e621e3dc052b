package functions

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/cut"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/store/memory"
)

const (
	cutMember   = "111111111111"
	cutExternal = "canary-external-id-4711"
	cutTarget   = "arn:aws:iam::111111111111:role/aws-access/Admin"
	cutOrg      = "o-sandbox"
)

// cutWorld is the function cut with a table in memory and the fake of AWS, whose role Admin has
// grants with live sessions.
type cutWorld struct {
	t     testing.TB
	store *memory.Store
	aws   *awsfake.Server
	url   string
	loss  *cutLoss
	cut   Cut
	limit func(op, account string) bool

	vend, cutter access.Credentials

	mu   sync.Mutex
	now  time.Time
	fed  int // records of the stream that cut has seen
	logs bytes.Buffer
	keys map[string][]access.Credentials // sessions, by grant
}

func (w *cutWorld) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *cutWorld) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Write takes what the function logs.
func (w *cutWorld) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logs.Write(line)
}

// logged counts the lines with a message.
func (w *cutWorld) logged(message string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Count(w.logs.String(), `"msg":"`+message+`"`)
}

func newCutWorld(t testing.TB) *cutWorld {
	t.Helper()
	w := &cutWorld{t: t, now: noon, loss: new(cutLoss), keys: make(map[string][]access.Credentials)}
	w.store = memory.New(w.clock)
	w.aws = awsfake.New(awsfake.Options{
		Now: w.clock, Org: cutOrg, Fault: w.loss.ofAWS,
		Limit: func(op, account string) bool { return w.limit != nil && w.limit(op, account) },
	})
	const may = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:*"],"Resource":"*"}]}`
	var err error
	w.vend, err = w.aws.FunctionCredentials("arn:aws:iam::999999999999:role/aws-access-vend", may)
	if err == nil {
		w.cutter, err = w.aws.FunctionCredentials("arn:aws:iam::999999999999:role/aws-access-cut", may)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.account(cutMember)
	server := httptest.NewServer(w.aws.AWS())
	t.Cleanup(server.Close)
	w.url = server.URL
	store := cutStoreWithLoss{w.store, w.loss}
	w.cut = Cut{
		Store: store, Now: w.clock, Log: slog.New(slog.NewJSONHandler(w, nil)),
		Step: lifecycle.Cut{Step: lifecycle.Step{Store: store, Roster: lifecycle.Roster{Now: w.clock}, Now: w.clock}},
		Cutter: cut.Cutter{
			STS: awscall.Client{Service: "sts", Config: w.config(w.cutter)}, IAM: w.config(access.Credentials{}),
			ExternalID: func(context.Context, bool) (access.Secret, error) { return access.NewSecret(cutExternal), nil },
			Now:        w.clock,
		},
	}
	return w
}

// account makes the roles of a member account.
func (w *cutWorld) account(id string) {
	w.t.Helper()
	vends := awsfake.DefaultTrust("arn:aws:iam::999999999999:role/aws-access-vend", cutExternal, cutOrg)
	for _, r := range []awsfake.Role{
		{Name: "Admin", Path: "/aws-access/", Trust: vends},
		awsfake.DefaultRevoker("arn:aws:iam::999999999999:role/aws-access-cut", cutExternal, cutOrg),
	} {
		if err := w.aws.PutRole(id, r); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *cutWorld) config(k access.Credentials) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(w.url), HTTPClient: http.DefaultClient,
		Credentials: awscall.Keys(k.AccessKeyID, k.SecretKey.Reveal(), k.SessionToken.Reveal()),
	}
}

// grantID returns the id of the nth grant.
func grantID(n int) string { return fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ%07d", n) }

// grant makes a grant of the role Admin with live sessions, as vend would.
func (w *cutWorld) grant(n, sessions int) {
	w.t.Helper()
	w.grantIn(cutMember, n)
	for range sessions {
		w.vends(n)
	}
}

func (w *cutWorld) grantIn(account string, n int) {
	w.t.Helper()
	w.grantTo(n, access.Person{ID: fmt.Sprintf("U0DEV%d", n), Name: "Dev", Membership: access.Member}, access.Ask{
		Account: account, AccountName: "payments", Role: "Admin", For: 4 * time.Hour,
	})
}

// grantTo makes the nth grant, for what somebody asks for.
func (w *cutWorld) grantTo(n int, who access.Person, ask access.Ask) {
	w.t.Helper()
	ask.ID, ask.Requester, ask.Reason = grantID(n), who, "why"
	terms := access.Terms{Max: 4 * time.Hour, Met: true, Give: []access.Kind{access.Keys}, AnswerWithin: time.Hour}
	r, event, err := access.New(ask, terms, w.clock())
	r.RoleARN = "arn:aws:iam::" + ask.Account + ":role/aws-access/" + ask.Role
	if err == nil {
		err = w.store.Save(context.Background(), r, event, "")
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// vends orders and issues a session of a grant.
func (w *cutWorld) vends(n int) {
	w.t.Helper()
	order := w.orders(n)
	w.issues(n, order, w.assumes(n))
}

// orders records the intent to vend.
func (w *cutWorld) orders(n int) (order string) {
	w.t.Helper()
	r := w.at(n)
	order = fmt.Sprintf("%s-%d", r.ID, r.Version)
	terms := access.Terms{Max: 4 * time.Hour, Give: []access.Kind{access.Keys}}
	next, event, err := r.Order(r.Requester, access.Order{
		ID: order, Request: r.ID, By: r.Requester.ID, Kind: access.Keys, At: w.clock(),
	}, terms, w.clock())
	if err == nil {
		err = w.store.Save(context.Background(), next, event, "")
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return order
}

// issues records the answer of STS.
func (w *cutWorld) issues(n int, order string, k access.Credentials) {
	w.t.Helper()
	w.moves(n, func(r access.Request) (access.Request, access.Event, error) {
		return r.Issue(order, access.IssuedKey{AccessKeyID: k.AccessKeyID, Expires: k.Expires}, access.IssuedKey{}, w.clock())
	})
}

// revokes revokes a grant as an operator does.
func (w *cutWorld) revokes(n int) {
	w.t.Helper()
	w.moves(n, func(r access.Request) (access.Request, access.Event, error) {
		return r.RevokeByOperator(access.Person{ID: "operator", Name: "Operator"}, "an incident", w.clock())
	})
}

// moves moves a grant, and puts it on the cut list if the move orders that.
func (w *cutWorld) moves(n int, turn func(access.Request) (access.Request, access.Event, error)) {
	w.t.Helper()
	for range 1000 {
		next, event, err := turn(w.at(n))
		if err == nil && event.Cut == access.CutEnding {
			var l access.CutList
			if l, err = w.store.CutList(context.Background(), next.CutKey()); err == nil {
				err = w.store.SaveCut(context.Background(), next, event, l.Add(next, next.MayActUntil(w.clock()), w.clock()))
			}
		} else if err == nil {
			err = w.store.Save(context.Background(), next, event, "")
		}
		if err == nil {
			return
		}
		if !errors.Is(err, access.ErrStale) {
			w.t.Fatal(err)
		}
	}
	w.t.Fatalf("grant %d was moved by others all the time", n)
}

func (w *cutWorld) at(n int) access.Request {
	w.t.Helper()
	r, _, err := w.store.Messages(context.Background(), grantID(n))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *cutWorld) list() access.CutList {
	w.t.Helper()
	l, err := w.store.CutList(context.Background(), access.CutKey{Account: cutMember, Role: "Admin"})
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// assumes starts a session of a grant, and remembers its keys.
func (w *cutWorld) assumes(n int) access.Credentials {
	w.t.Helper()
	text, err := awscall.Client{Service: "sts", Config: w.config(w.vend)}.Post(context.Background(), "/",
		http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(url.Values{
			"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {w.at(n).RoleARN},
			"RoleSessionName": {access.SessionPrefix + grantID(n)}, "ExternalId": {cutExternal},
			"SourceIdentity":    {"dev1@example.com"},
			"Tags.member.1.Key": {"GrantId"}, "Tags.member.1.Value": {grantID(n)},
		}.Encode()))
	var answer struct {
		ID      string    `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
		Secret  string    `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
		Token   string    `xml:"AssumeRoleResult>Credentials>SessionToken"`
		Expires time.Time `xml:"AssumeRoleResult>Credentials>Expiration"`
	}
	if err == nil {
		err = xml.Unmarshal(text, &answer)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	k := access.Credentials{
		AccessKeyID: answer.ID, SecretKey: access.NewSecret(answer.Secret), SessionToken: access.NewSecret(answer.Token),
		Expires: answer.Expires,
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[grantID(n)] = append(w.keys[grantID(n)], k)
	return k
}

// works returns how many of a grant's sessions are allowed something.
func (w *cutWorld) works(n int) (working int) {
	w.t.Helper()
	w.mu.Lock()
	all := w.keys[grantID(n)]
	w.mu.Unlock()
	for _, k := range all {
		_, err := awscall.Client{Service: "iam", Config: w.config(k)}.Once(context.Background(), "/",
			http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
			[]byte("Action=GetRole&Version=2010-05-08&RoleName=Admin"))
		var refused *awscall.Error
		switch {
		case err == nil:
			working++
		case !errors.As(err, &refused) || refused.Code != "AccessDenied" && refused.Code != "ExpiredToken":
			w.t.Fatal(err)
		}
	}
	return working
}

// feed passes the new orders of the stream to cut, as its mapping does: again if it fails.
func (w *cutWorld) feed() {
	w.t.Helper()
	records, last := w.store.Records(w.fed, 1000)
	w.fed = last
	if len(records) == 0 {
		return
	}
	text, err := json.Marshal(events.DynamoDBEvent{Records: records})
	if err != nil {
		w.t.Fatal(err)
	}
	for range 3 {
		if err = w.handle(text); err == nil {
			return
		}
	}
	w.t.Errorf("cut fails again and again: %v", err)
}

func (w *cutWorld) handle(payload []byte) error {
	w.loss.runs(true)
	defer w.loss.runs(false)
	_, err := w.cut.Handle(context.Background(), payload)
	return err
}

// ticks passes the lists that are due to cut after each minute, as the tick does.
func (w *cutWorld) ticks(n int) {
	w.t.Helper()
	for range n {
		w.pass(time.Minute)
		keys, err := w.store.DueCuts(context.Background(), w.clock(), 1000)
		if err != nil {
			w.t.Fatal(err)
		}
		var order CutOrder
		for _, k := range keys {
			order.Cut = append(order.Cut, CutTarget(k))
		}
		if len(order.Cut) > 0 {
			text, err := json.Marshal(order)
			if err != nil {
				w.t.Fatal(err)
			}
			_ = w.handle(text) // asynchronous: one that fails is followed by the next tick
		}
		w.feed()
	}
}

// policy returns the denies of the role, "" for none.
func (w *cutWorld) policy() string {
	r, _ := w.aws.Role(cutMember, "Admin")
	return r.Inline[cut.PolicyName]
}

// spoils takes the denies away, as somebody could by hand.
func (w *cutWorld) spoils() {
	w.t.Helper()
	r, _ := w.aws.Role(cutMember, "Admin")
	r.Inline = nil
	if err := w.aws.PutRole(cutMember, r); err != nil {
		w.t.Fatal(err)
	}
}

// cutLoss makes one call of the function go wrong. Calls of the table and of AWS count together.
type cutLoss struct {
	mu   sync.Mutex
	at   int    // the call that goes wrong, from 1; 0 for none
	how  string // fails, lost or dies
	n    int
	on   bool   // the function runs; other calls are made by the tests
	dead bool   // the function died, and no call leaves it any more
	name string // the call that went wrong, if it has a name
	over bool   // no further call goes wrong
}

var errLoss = errors.New("the call went wrong")

// next says what happens to the next call: whether it is done, and whether its answer arrives.
func (l *cutLoss) next(name ...string) (done, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.on {
		return true, true
	}
	l.n++
	switch {
	case l.dead:
		return false, false
	case l.n != l.at:
		return true, true
	}
	l.dead, l.name = l.how == "dies", strings.Join(name, " ")
	return l.how != "fails", false
}

// runs begins or ends an invocation of the function, and reports whether it has died in the one before.
func (l *cutLoss) runs(on bool) (died bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	died = l.dead
	l.on, l.dead = on && !l.over, false
	return died
}

func (l *cutLoss) ofAWS(op string) awsfake.Fault {
	if op == "iam:GetRole" { // made by the tests
		return awsfake.Fault{}
	}
	switch done, answered := l.next(op); {
	case done && answered:
		return awsfake.Fault{}
	case done:
		return awsfake.Fault{How: awsfake.FaultLost}
	}
	return awsfake.Fault{How: awsfake.FaultError}
}

// cutStoreWithLoss is the table, whose calls go wrong.
type cutStoreWithLoss struct {
	*memory.Store
	*cutLoss
}

func (s cutStoreWithLoss) do(call func() error) error {
	done, answered := s.next()
	var err error
	if done {
		err = call()
	}
	if !answered {
		return errLoss
	}
	return err
}

func (s cutStoreWithLoss) Load(ctx context.Context, id string) (
	r access.Request, d access.Directory, m access.Messages, err error,
) {
	err = s.do(func() error { r, d, m, err = s.Store.Load(ctx, id); return err })
	return r, d, m, err
}

func (s cutStoreWithLoss) Save(ctx context.Context, next access.Request, e access.Event, once string) error {
	return s.do(func() error { return s.Store.Save(ctx, next, e, once) })
}

func (s cutStoreWithLoss) CutList(ctx context.Context, k access.CutKey) (l access.CutList, err error) {
	err = s.do(func() error { l, err = s.Store.CutList(ctx, k); return err })
	return l, err
}

func (s cutStoreWithLoss) SaveCut(ctx context.Context, r access.Request, e access.Event, l access.CutList) error {
	return s.do(func() error { return s.Store.SaveCut(ctx, r, e, l) })
}

func (s cutStoreWithLoss) SaveCutList(ctx context.Context, next access.CutList) error {
	return s.do(func() error { return s.Store.SaveCutList(ctx, next) })
}

var _ io.Writer = (*cutWorld)(nil)
