package world_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-access/aws-access/cmd/sandbox/controls"
	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// leakTest is a sandbox whose secrets are known, so that they can be searched
// for.
type leakTest struct {
	*sandboxtest.Sandbox

	mu      sync.Mutex
	secrets map[string]string // by description
	events  strings.Builder   // events, answers and errors of the functions
}

// collect adds a secret to those that search looks for.
func (l *leakTest) collect(description, secret string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(secret) < 16 {
		l.T.Errorf("%s is too short to be searched for: %q", description, secret)
	}
	for _, known := range l.secrets {
		if known == secret {
			return
		}
	}
	l.secrets[fmt.Sprintf("%s (%d)", description, len(l.secrets))] = secret
}

// secretIn finds the secrets in a private answer: in each form of keys, and in
// the messages that continue a token, which begin with it inside the fence.
var secretIn = regexp.MustCompile("(?i)" +
	"(AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|SecretAccessKey|SessionToken|SigninToken|^```)" +
	"(?:\"? ?[:+]?= ?|\"|\": |\\n)['\"]?([A-Za-z0-9+/=_%-]{16,})")

// privateAnswers are the answers to the requester that carry a secret. It
// collects what they carry.
func (l *leakTest) privateAnswers() (answers []string) {
	for _, m := range l.World().Slack.Messages() {
		found := secretIn.FindAllStringSubmatch(m.Text, -1)
		if !onlyForRequester(m) || len(found) == 0 {
			continue
		}
		answers = append(answers, m.Text)
		for _, one := range found {
			l.collect(one[1]+" in an answer", one[2])
		}
	}
	return answers
}

// onlyForRequester reports whether the requester alone sees a message.
func onlyForRequester(m slackfake.Message) bool { return m.To == requester && m.DMWith == requester }

// search looks for each secret in each place where none may be, and describes
// what it finds.
func (l *leakTest) search() (leaks []string) {
	l.privateAnswers()
	for place, text := range map[string]string{
		"the log": strings.Join(l.Logs.All(), ""), "the table": l.table(),
		"an event or its answer": l.functionEvents(), "the state": l.visibleState(),
	} {
		if len(text) < 100 {
			l.T.Errorf("%s is empty: the search looks in the wrong place", place)
		}
		for name, secret := range l.secrets {
			for _, form := range encodings(secret) {
				for range strings.Count(text, form) {
					leaks = append(leaks, name+" is in "+place)
				}
			}
		}
	}
	return leaks
}

// encodings are the forms in which a secret could be written. Of long ones it is
// the middle, so that a secret that was cut is found too.
func encodings(secret string) []string {
	all := []string{secret}
	for _, encoded := range []string{
		url.QueryEscape(secret), html.EscapeString(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)),
	} {
		if encoded != secret {
			all = append(all, encoded)
		}
	}
	for i, text := range all {
		if cut := len(text) / 4; len(text) >= 40 {
			all[i] = text[cut : len(text)-cut]
		}
	}
	return all
}

// table is everything that was ever written to the table, and its stream.
func (l *leakTest) table() string {
	s := l.World().Store
	records, _ := s.Records(0, 1<<20)
	return l.json(records) + l.json(s.All(context.Background())) + l.json(s.Events())
}

// visibleState is the state with the older versions of its messages, without
// what the requester alone sees.
func (l *leakTest) visibleState() string {
	s := controls.ReadState(context.Background(), l.World())
	s.Messages = slices.DeleteFunc(s.Messages, onlyForRequester)
	text := l.json(s)
	for _, m := range s.Messages {
		text += l.json(m.History)
	}
	return text
}

// json writes JSON without escapes, in which a secret could hide.
func (l *leakTest) json(v any) string {
	l.T.Helper()
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		l.T.Fatal(err)
	}
	return out.String()
}

func (l *leakTest) functionEvents() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.events.String()
}

// collectingFunction records the events, answers and errors of a function.
type collectingFunction struct {
	l    *leakTest
	next lambda.Handler
}

func (c collectingFunction) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	answer, err := c.next.Invoke(ctx, event)
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	fmt.Fprintf(&c.l.events, "%s\n%s\n%v\n", event, answer, err)
	return answer, err
}

// collectingSTS collects the secrets of every session, whether or not anybody is
// given them.
type collectingSTS struct {
	l      *leakTest
	assume func(context.Context, access.Vending) (access.Credentials, error)
}

func (c collectingSTS) Assume(ctx context.Context, v access.Vending) (access.Credentials, error) {
	session, err := c.assume(ctx, v)
	for k := &session; err == nil && k != nil; k = k.Wide {
		c.l.collect("a secret key", k.SecretKey.Reveal())
		c.l.collect("a session token", k.SessionToken.Reveal())
	}
	return session, err
}

// collectingSignIn collects the token of every console link.
type collectingSignIn struct {
	l    *leakTest
	link func(context.Context, access.Credentials, access.Target) (access.Secret, time.Time, error)
}

func (c collectingSignIn) Link(
	ctx context.Context, session access.Credentials, t access.Target,
) (access.Secret, time.Time, error) {
	link, until, err := c.link(ctx, session, t)
	if err == nil {
		for _, one := range secretIn.FindAllStringSubmatch(link.Reveal(), -1) {
			c.l.collect("a sign-in token", one[2])
		}
	}
	return link, until, err
}
