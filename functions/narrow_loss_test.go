package functions

import (
	"context"
	"encoding/json"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/vend"
)

const narrowAccount = "222222222222"

// narrowWorld is a world with a grant of ten minutes, which is less than STS gives any session.
type narrowWorld struct {
	*lossWorld
	what string
	got  []access.Credentials // that the vend function had
}

func newNarrowWorld(w *lossWorld, what string, exact access.ExactExpiry) *narrowWorld {
	w.t.Helper()
	n := &narrowWorld{lossWorld: w, what: what}
	w.aws.account(narrowAccount)
	if err := w.aws.aws.PutRole(narrowAccount, awsfake.Role{
		Name: "ReadOnly", Path: "/aws-access/", Permissions: awsfake.DefaultPermissions("Admin"),
		Trust: awsfake.DefaultTrust("arn:aws:iam::999999999999:role/aws-access-vend", cutExternal, cutOrg),
	}); err != nil {
		w.t.Fatal(err)
	}
	assumer := vend.Assumer{
		STS:        sts.NewFromConfig(w.aws.config(w.aws.vend)),
		ExternalID: func(context.Context, bool) (access.Secret, error) { return access.NewSecret(cutExternal), nil },
		Exact:      exact, Log: slog.New(slog.NewJSONHandler(w.logs, nil)),
	}
	w.assume = func(v access.Vending) (access.Credentials, error) {
		c, err := assumer.Assume(context.Background(), v)
		if err == nil {
			n.got = append(n.got, c)
			if c.Wide != nil {
				n.got = append(n.got, *c.Wide)
			}
		}
		return c, err
	}
	dev := access.Person{ID: "U0DEV1", Email: "dev1@example.com", Name: "Dev One", Membership: access.Member}
	w.aws.grantTo(1, dev, access.Ask{
		Account: narrowAccount, AccountName: "payments-dev", Role: "ReadOnly", For: 10 * time.Minute,
	})
	w.deliver()
	return n
}

// clicks orders keys. Lambda does not repeat an order that failed.
func (n *narrowWorld) clicks(order string) {
	n.t.Helper()
	text, err := json.Marshal(access.Order{
		ID: order, Request: grantID(1), By: "U0DEV1", Kind: access.Keys, At: n.clock(),
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.runs(func() { _, _ = n.Vend.Handle(context.Background(), text) })
}

var shownKey = regexp.MustCompile(`export AWS_ACCESS_KEY_ID=(ASIA\w+)`)

// shown returns the keys that the person reads, with the words around them.
func (n *narrowWorld) shown() map[string]slackfake.Message {
	found := make(map[string]slackfake.Message)
	for _, m := range n.slack.Messages() {
		if key := shownKey.FindStringSubmatch(m.Text); m.To == "U0DEV1" && key != nil {
			found[key[1]] = m
		}
	}
	return found
}

// sessions lists the sessions that STS has made for the grant.
func (n *narrowWorld) sessions() []awsfake.Session {
	return slices.DeleteFunc(n.aws.aws.Sessions(), func(s awsfake.Session) bool {
		return s.SessionName != access.SessionPrefix+grantID(1)
	})
}

// isRecorded checks that each session is denied from the end on, and that the request tells of each one that
// lives longer: as a key that is not exact, as one that nobody has, or as an order without an answer.
func (n *narrowWorld) isRecorded() {
	n.t.Helper()
	r, now := n.aws.at(1), n.clock()
	for _, s := range n.sessions() {
		if s.Ends == nil || s.Ends.After(r.Ends) {
			n.t.Errorf("%s: no policy denies the session %s from the end on", n.what, s.AccessKeyID)
		}
		told := slices.ContainsFunc(r.Sessions, func(known access.Session) bool {
			return known.AccessKeyID == s.AccessKeyID && !known.Exact() || known.WideKeyID == s.AccessKeyID ||
				!known.Issued() && !known.Ordered.Add(access.UnansweredLife).Before(s.Expires)
		})
		if s.Expires.After(r.Ends) && !told || s.Expires.After(r.MayActUntil(now)) {
			n.t.Errorf("%s: the session %s lives until %s, and the request says %+v", n.what, s.AccessKeyID,
				s.Expires, r.Sessions)
		}
	}
}

// isSaid checks that the person reads of keys that outlive the grant until when identity calls work, and that
// each key that they read is recorded.
func (n *narrowWorld) isSaid(exact access.ExactExpiry) {
	n.t.Helper()
	r := n.aws.at(1)
	for key, m := range n.shown() {
		i := slices.IndexFunc(r.Sessions, func(s access.Session) bool { return s.AccessKeyID == key })
		if i < 0 {
			n.t.Errorf("%s: the key %s was handed out, and is not recorded", n.what, key)
			continue
		}
		inexact := r.Sessions[i].Expires.After(r.Ends)
		if inexact != strings.Contains(m.Text, "GetCallerIdentity") || inexact && exact == access.ExactRequired {
			n.t.Errorf("%s: a key that is inexact (%v) was handed out with %s", n.what, inexact, m.Text)
		}
	}
}

// narrowStory is a vend with narrowing, and a second one if the person got no keys. Then the grant is revoked.
func narrowStory(exact access.ExactExpiry) func(*lossWorld, string) {
	return func(w *lossWorld, what string) {
		w.t.Helper()
		n := newNarrowWorld(w, what, exact)
		n.clicks("first")
		w.loss.over = true
		n.isRecorded()
		n.minutes(2)
		if len(n.shown()) == 0 {
			n.clicks("second")
		}
		n.isRecorded()
		n.isSaid(exact)
		if r := w.aws.at(1); w.loss.at == 0 &&
			(len(r.Sessions) != 1 || !r.Sessions[0].Exact() || r.Sessions[0].WideKeyID == "") {
			w.t.Errorf("%s: the session was not narrowed: %+v", what, r.Sessions)
		}
		w.aws.keys[grantID(1)] = n.got
		if len(n.shown()) == 0 || w.aws.works(1) == 0 {
			w.t.Errorf("%s: the person has %d keys, and %d work", what, len(n.shown()), w.aws.works(1))
		}
		w.aws.revokes(1)
		w.deliver()
		n.isDenied()
		n.hides(what, n.got...)
	}
}

// isDenied checks that a revoked grant's sessions are all denied, those too that nobody knows of.
func (n *narrowWorld) isDenied() {
	n.t.Helper()
	for _, s := range n.sessions() {
		if s.DeniedSince == nil {
			n.t.Errorf("%s: the session %s is not denied", n.what, s.AccessKeyID)
		}
	}
	if r := n.aws.at(1); r.Cut != access.CutDone || n.aws.works(1) != 0 {
		n.t.Errorf("%s: the cut is %q, and %d sessions work", n.what, r.Cut, n.aws.works(1))
	}
}

// Each call of vend fails once, loses its answer once, and is the last one before the process dies once: those to
// the table, to Slack, sts:AssumeRole and sts:GetScopedCredentials. No session outlives its grant without a deny and
// a record, and a revocation reaches those too of which nobody has the keys.
func TestNoNarrowedSessionIsUnknownWhateverCallIsLost(t *testing.T) {
	for _, exact := range []access.ExactExpiry{access.ExactPreferred, access.ExactRequired} {
		t.Run(string(exact), func(t *testing.T) { inEachWay(t, 10, narrowStory(exact)) })
	}
}
