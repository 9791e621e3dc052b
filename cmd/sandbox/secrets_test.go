package main

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aws-access/aws-access/pkg/slackapi/slackfake"
)

// Secrets appear in nothing that was logged, stored, queued, or posted to
// anybody but the requester.
func TestNoSecretLeaves(t *testing.T) {
	b := start(t, repository(t))
	st := b.world.stage.Load()
	queued := overhear(st)
	told(b)
	b.do("faults", `{"at":"*","how":"lost","times":40}`) // errors print more than successes
	b.lever("act", `{"as":"U0DEV1","command":"/aws-access"}`)
	b.lever("act", `{"as":"U0DEV1","command":"/aws-access payments-dev ReadOnly 1h \"x\""}`)
	b.advance("2m")

	places := map[string]string{"the log": strings.Join(b.logs.all(), ""), "a queue": queued(), "the table": stored(t, st), "another's messages": others(b)}
	for name, secret := range secretsOf(b) {
		if len(secret) < 16 {
			t.Fatalf("%s is %q: the test has lost it", name, secret)
		}
		for place, text := range places {
			if text == "" {
				t.Fatalf("%s is empty: the test looks at nothing", place)
			}
			for _, form := range []string{secret, url.QueryEscape(secret)} {
				if i := strings.Index(text, form); i >= 0 {
					t.Errorf("%s stands in %s: …%s", name, place, text[max(0, i-200):i])
				}
			}
		}
	}
}

// overhear keeps every event that a function is called with.
func overhear(st *stage) (all func() string) {
	var mu sync.Mutex
	var text strings.Builder
	st.engine.mu.Lock()
	defer st.engine.mu.Unlock()
	invoke := st.engine.invoke
	st.engine.invoke = func(ctx context.Context, function string, event []byte) ([]byte, error) {
		answer, err := invoke(ctx, function, event)
		mu.Lock()
		defer mu.Unlock()
		text.Write(event)
		text.Write(answer)
		return answer, err
	}
	return func() string { mu.Lock(); defer mu.Unlock(); return text.String() }
}

// stored is every item that was ever written.
func stored(t *testing.T, st *stage) string {
	records, _ := st.store.Records(0, 1<<20)
	text, err := json.Marshal(records)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// others is what is not for the requester alone.
func others(b *sandbox) string {
	var text strings.Builder
	for _, m := range b.state().Messages {
		if m.To != "U0DEV1" {
			text.WriteString(m.Text + string(m.Blocks))
		}
	}
	return text.String()
}

// secretsOf are the secrets of the sandbox, and those that the requester was
// given.
func secretsOf(b *sandbox) map[string]string {
	st := b.world.stage.Load()
	secrets := map[string]string{
		"the signing secret": testSecret, "the bot token": st.token.Reveal(), "the external id": st.externalID.Reveal(),
		"the vend function's key": st.vendKeys.SecretKey.Reveal(), "its token": st.vendKeys.SessionToken.Reveal(),
	}
	link := b.last("link", func(m slackfake.Message) bool { return m.To != "" && linked.MatchString(m.Text) })
	if at, err := url.Parse(strings.ReplaceAll(linked.FindStringSubmatch(link.Text)[1], "&amp;", "&")); err == nil {
		secrets["the sign-in token"] = at.Query().Get("SigninToken")
	}
	text := b.last("keys", func(m slackfake.Message) bool { return strings.HasPrefix(m.Text, "export AWS_ACCESS") }).Text
	for _, m := range exported.FindAllStringSubmatch(text, -1) {
		if m[1] != "AWS_ACCESS_KEY_ID" && m[1] != "AWS_REGION" && m[1] != "AWS_DEFAULT_REGION" && m[1] != "AWS_CREDENTIAL_EXPIRATION" {
			secrets[m[1]] = m[2]
		}
	}
	return secrets
}
