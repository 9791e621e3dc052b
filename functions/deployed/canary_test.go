package deployed_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"maps"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// secretIn finds the secrets in a private answer.
var secretIn = regexp.MustCompile(`(AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|SigninToken)=([A-Za-z0-9+/=_%-]{16,})`)

// canaries returns all secrets of a world by name. It reads those of sessions where they
// belong, in the private messages of the requester.
func (w *world) canaries() map[string]string {
	w.t.Helper()
	all := map[string]string{
		"the signing secret": w.signing.Reveal(), "the bot token": "xoxb-canary-bot-token-0", "the external id": w.external,
	}
	maps.Copy(all, w.own)
	pem, err := w.answers.PEM()
	w.must(err)
	all["the answer key"] = strings.Split(pem.Reveal(), "\n")[1]
	for function, key := range w.keys {
		all["the key of "+function], all["the session token of "+function] = key.SecretKey.Reveal(), key.SessionToken.Reveal()
	}
	for _, m := range w.messages(onlyTo("U0DEV1")) {
		for _, found := range secretIn.FindAllStringSubmatch(m.Text, -1) {
			all[found[1]+" in message "+m.TS] = strings.ReplaceAll(found[2], "%2B", "+")
		}
	}
	return all
}

// places returns everything in which no secret may be.
func (w *world) places() map[string]string {
	w.t.Helper()
	all := map[string]string{
		"the table": plain(w, w.items(w.table.Name)), "the stream": plain(w, w.records()),
		"what functions sent to the table and to the queue": w.wire.bodies(),
		"the records that were given up": string(join(w.given(&w.parked))) +
			string(join(w.given(&w.undone))),
	}
	all["the table of devices"] = plain(w, w.items(w.table.Devices))
	w.mu.Lock()
	all["what /v1 has answered"] = w.answered.String()
	w.mu.Unlock()
	for function := range functions {
		all["the log of "+function] = w.logs(function)
	}
	var others []slackfake.Message
	for _, m := range w.slack.Messages() {
		if m.To != "U0DEV1" || m.DMWith != "U0DEV1" {
			others = append(others, m)
		}
	}
	all["what others see in Slack"] = plain(w, others)
	return all
}

// plain returns JSON without escapes, which could hide a secret.
func plain(w *world, v any) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	w.must(e.Encode(v))
	return out.String()
}

// found returns the places that hold a secret and must not.
func (w *world) found() (found []string) {
	places := w.places()
	for what, secret := range w.canaries() {
		if len(secret) < 16 {
			w.t.Errorf("%s is too short to be looked for", what)
		}
		for place, text := range places {
			for _, form := range forms(secret) {
				if strings.Contains(text, form) {
					found = append(found, what+" stands in "+place)
				}
			}
		}
	}
	return found
}

// forms returns the encodings in which a secret could be written. It uses the middle of
// each, so that a secret that was cut off is found too.
func forms(secret string) []string {
	all := []string{
		secret, url.QueryEscape(secret), html.EscapeString(secret), base64.StdEncoding.EncodeToString([]byte(secret)),
		hex.EncodeToString([]byte(secret)),
	}
	for i, text := range all {
		if cut := len(text) / 4; len(text) >= 40 {
			all[i] = text[cut : len(text)-cut]
		}
	}
	return all
}

// onlyOfCalls are the places that are empty without a command line.
var onlyOfCalls = map[string]bool{"the table of devices": true, "what /v1 has answered": true}

// A secret reaches only the person who asked. It is in no log, item, record, queue or
// message to others, also when calls fail.
func TestNoSecretIsWrittenAnywhere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wrong []rule
		gets  int // secrets that reach the person; -1 for any
	}{
		"nothing goes wrong":           {nil, 3},
		"posting fails":                {[]rule{{op: "slack:chat.postEphemeral", how: repeats}}, 0},
		"posted, and the answer lost":  {[]rule{{op: "slack:chat.postEphemeral", limit: 2, lost: true}}, -1},
		"the table is away after STS":  {[]rule{{op: "dynamodb:TransactWriteItems", by: "vend", skip: 1, how: repeats}}, 0},
		"STS repeats what it was sent": {[]rule{{op: "sts:", how: repeats}}, 0},
		"STS loses its answer":         {[]rule{{op: "sts:", lost: true}}, 0},
		"sign-in repeats it":           {[]rule{{op: "federation", how: repeats}}, 2},
		"SSM loses its answer":         {[]rule{{op: "ssm:", by: "vend", limit: 1, lost: true}}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := granted(t)
			for _, r := range c.wrong {
				w.wire.breaks(r)
			}
			w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
			w.click("U0DEV1", "Open AWS console", "@U0DEV1")
			w.click("U0DEV2", "Get temporary keys", "@U0DEV1") // a tampered client
			w.wire.recovers()
			// a record that is given up
			w.put(item{"pk": text("request#01BAD"), "sk": text("event#000001"), "format": number("1"), "body": text("{")})
			w.pass(2 * time.Minute)
			w.click("U0DEV1", "I'm done", "@U0DEV1")
			gets := len(w.canaries()) - 4 - 2*len(functions)
			if c.gets >= 0 && gets != c.gets {
				t.Errorf("%d secrets reached the person, want %d", gets, c.gets)
			}
			for place, text := range w.places() {
				if len(text) < 40 && !strings.HasPrefix(place, "the log") && !onlyOfCalls[place] {
					t.Errorf("%s holds nothing: the search looks at the wrong thing", place)
				}
			}
			for _, found := range w.found() {
				t.Error(found)
			}
		})
	}
}

// The search finds a secret in each of the places.
func TestTheSearchFindsAPlantedSecret(t *testing.T) {
	t.Parallel()
	w := granted(t)
	w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
	secret := exported(w.keysOf("U0DEV1")[0])["AWS_SECRET_ACCESS_KEY"]
	if found := w.found(); secret == "" || len(found) != 0 {
		t.Fatalf("before anything is planted: %s", found)
	}
	for place, plant := range map[string]func(){
		"the table": func() { w.put(item{"pk": text("x"), "sk": text("y"), "body": text(secret)}) },
		"the stream": func() {
			w.put(item{"pk": text("x"), "sk": text("event#1"), "body": text(secret)})
		},
		"the table of devices": func() {
			i := item{"pk": text("x"), "sk": text("y"), "body": text(secret)}
			_, err := w.table.Client(nil).PutItem(w.t.Context(), &dynamodb.PutItemInput{TableName: &w.table.Devices, Item: i})
			w.must(err)
		},
		"what /v1 has answered":            func() { w.answered.WriteString(secret) },
		"the records that were given up":   func() { w.keep(&w.undone)([]byte(secret)) },
		"what others see in Slack":         func() { w.slack.PostAs("U0LEAD1", "C0OPS", secret) },
		"the log of vend":                  func() { w.orders(hex.EncodeToString([]byte(secret))) },
		"what functions sent to the table": func() { w.command("U0DEV1", `/aws-access payments-dev Admin 1h "`+secret+`"`) },
	} {
		plant()
		if found := strings.Join(w.found(), "\n"); !strings.Contains(found, "stands in "+place) {
			t.Errorf("the search does not find what was planted in %s: %s", place, found)
		}
	}
}

// orders sends vend an order for a request that does not exist.
func (w *world) orders(id string) {
	w.t.Helper()
	event, err := json.Marshal(access.Order{ID: id, Request: "01NONE", By: "U0DEV1", Kind: access.Keys, At: time.Now()})
	w.must(err)
	if _, err := w.lambda.Invoke(w.t.Context(), name("vend"), event); err == nil {
		w.t.Error("vend takes an order for a request that there is not")
	}
}
