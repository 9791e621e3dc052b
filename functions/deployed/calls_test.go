package deployed_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client"
	callwire "github.com/aws-access/aws-access/pkg/wire"
)

// What a person is given in Slack to pair a computer.
var (
	givenURL  = regexp.MustCompile(`aws-access login (\S+#\S{43})`)
	givenCode = regexp.MustCompile(`(?:[0-9A-Z]{5}-){5}[0-9A-Z]`)
)

// login asks for a pairing code in Slack, and returns what the person reads.
func (w *world) login(as string) (callwire.URL, callwire.PairingCode) {
	w.t.Helper()
	w.command(as, "/aws-access login")
	said := w.last(onlyTo(as))
	found := givenURL.FindStringSubmatch(said)
	if found == nil {
		w.t.Fatalf("the answer has no address: %s\n%s", said, w.logs("vend"))
	}
	server, err := callwire.ParseURL(found[1])
	w.must(err)
	code, err := callwire.ParsePairingCode(access.NewSecret(givenCode.FindString(said)))
	w.must(err)
	return server, code
}

// device pairs a computer.
func (w *world) device(as string) *client.Client {
	w.t.Helper()
	server, code := w.login(as)
	key, err := callwire.NewPrivateKey()
	w.must(err)
	w.own["the pairing code"] = code.Text().Reveal()
	w.own["the pairing code, without hyphens"] = strings.ReplaceAll(code.Text().Reveal(), "-", "")
	w.collectKey("the device's key", key)
	c := &client.Client{
		Server: server, Key: key, HTTP: w.hearing(client.NewHTTP()), Now: time.Now, Pause: client.Sleep, Say: func(string) {},
	}
	answer, err := c.Pair(w.t.Context(), code, "laptop")
	w.must(err)
	var paired callwire.Paired
	w.must(answer.Decode(&paired))
	if paired.Person.ID != as || paired.Device != key.Public().Thumbprint() {
		w.t.Fatalf("the device became %+v, want one of %s", paired, as)
	}
	w.must(w.quiet())
	return c
}

// call makes a call that must succeed.
func (w *world) call(c *client.Client, p callwire.Payload) client.Answer {
	w.t.Helper()
	answer, err := c.Do(w.t.Context(), p)
	if err != nil {
		w.t.Fatalf("%s: %v\napi: %s\nvend: %s", p.Op, err, w.logs("api"), w.logs("vend"))
	}
	return answer
}

// The whole exchange through the real binaries: a code from Slack, a request, an approval
// in Slack, and keys that STS accepts. Then the device is removed, and api alone refuses it.
func TestACommandLineGetsKeysThroughAPIAndVend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.device("U0DEV1")
	asked := w.call(c, callwire.Payload{
		Op: callwire.Request, Account: "payments-prod", Role: "ReadOnly", Length: "1h", Reason: "INC-1: stuck payouts",
	})
	var pending callwire.Grant
	w.must(asked.Decode(&pending))
	if asked.Status != 202 || len(pending.Missing) != 1 {
		t.Fatalf("asked: status %d, %+v", asked.Status, pending)
	}
	w.must(w.quiet())
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	keys, err := w.call(c, callwire.Payload{Op: callwire.Keys, Account: "payments-prod", Role: "ReadOnly"}).Keys()
	w.must(err)
	who, err := sts.New(sts.Options{
		Region: region, BaseEndpoint: aws.String(w.url + "/aws"),
		Credentials: credentials.NewStaticCredentialsProvider(keys.Credentials.AccessKeyID,
			keys.Credentials.SecretKey.Reveal(), keys.Credentials.SessionToken.Reveal()),
	}).GetCallerIdentity(t.Context(), nil)
	w.must(err)
	if want := "arn:aws:sts::111111111111:assumed-role/ReadOnly/aws-access-" + pending.ID; aws.ToString(who.Arn) != want {
		t.Errorf("the keys are of %s, want %s", aws.ToString(who.Arn), want)
	}
	w.collectSession(keys)
	for _, found := range w.found() {
		t.Error(found)
	}
	if logged := w.logs("api"); strings.Contains(logged, "INC-1") || strings.Contains(logged, "ReadOnly") {
		t.Errorf("api has logged what it passed on: %s", logged)
	}
	w.call(c, callwire.Payload{Op: callwire.Unpair, Device: c.Key.Public().Thumbprint()})
	answered := strings.Count(w.logs("vend"), "a call was answered")
	_, err = c.Do(t.Context(), callwire.Payload{Op: callwire.List})
	if failed, ok := errors.AsType[*client.Failure](err); !ok || failed.Code != client.UnknownDevice {
		t.Errorf("a removed device got %v, want that it is unknown", err)
	}
	if again := strings.Count(w.logs("vend"), "a call was answered"); answered == 0 || again != answered {
		t.Errorf("vend has answered %d calls, and %d after that of a removed device", answered, again)
	}
}

// Vend verifies each call anew. So an api that passes on everything gains nothing.
func TestVendRefusesWhatABrokenAPIPassesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.device("U0DEV1")
	stranger := *c
	var err error
	stranger.Key, err = callwire.NewPrivateKey()
	w.must(err)
	caller := callwire.Caller{Server: c.Server, Key: stranger.Key}
	sent, err := caller.Sign(callwire.Payload{Op: callwire.Keys, Account: "payments-prod", Role: "ReadOnly"}, time.Now())
	w.must(err)
	answer := string(w.invoke("vend", map[string]any{"call": map[string]string{"text": sent.Body.Reveal()}}))
	if !strings.Contains(answer, `"status":401`) || !strings.Contains(answer, "unknown_device") ||
		strings.Contains(answer, "sealed") {
		t.Errorf("vend answered a key that is no device with %s", answer)
	}
}

// What a binary does not contain, nobody who breaks into it can call.
func TestAPIContainsNoWayToASecretARoleOrAWrite(t *testing.T) {
	t.Parallel()
	dir, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	binary := func(function string) []byte {
		text, err := os.ReadFile(filepath.Join(dir, function, "bootstrap"))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	api, vend := binary("api"), binary("vend")
	for _, name := range []string{
		"AmazonSSM.GetParameter", "AssumeRoleInput", "TransactWriteItems", "PutItemInput", "chat.postEphemeral", "users.info",
	} {
		if !bytes.Contains(vend, []byte(name)) {
			t.Errorf("vend does not contain %s, so the search proves nothing", name)
		}
		if bytes.Contains(api, []byte(name)) {
			t.Errorf("api contains %s", name)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "api", "policy.compiled")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("api has a policy: %v", err)
	}
}

// A pairing code reaches only the person who asked for it, also when calls fail.
func TestNoPairingCodeIsWrittenAnywhere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wrong []rule
		gets  bool
	}{
		"nothing goes wrong":          {nil, true},
		"posting fails":               {[]rule{{op: "slack:chat.postEphemeral", how: repeats}}, false},
		"posted, and the answer lost": {[]rule{{op: "slack:chat.postEphemeral", limit: 2, lost: true}}, true},
		"the table repeats it":        {[]rule{{op: "dynamodb:TransactWriteItems", by: "vend", how: repeats}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, r := range c.wrong {
				w.wire.breaks(r)
			}
			w.command("U0DEV1", "/aws-access login")
			w.must(w.quiet())
			gets := false
			for _, m := range w.messages(onlyTo("U0DEV1")) {
				gets = gets || givenCode.MatchString(m.Text)
			}
			if gets != c.gets {
				t.Errorf("the person reads a code: %v, want %v\n%s", gets, c.gets, w.logs("vend"))
			}
			for place, text := range w.places() {
				if givenCode.MatchString(text) {
					t.Errorf("%s has a pairing code", place)
				}
			}
		})
	}
}
