package vend

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// full are keys of the longest that STS gives (FACTS 0.8).
func full() access.Credentials {
	return access.Credentials{
		AccessKeyID: "ASIAFULLLENGTH000000", SecretKey: access.NewSecret(strings.Repeat("s/+=", 10)),
		SessionToken: access.NewSecret(strings.Repeat("IQo/J+b=", 512)), Expires: noon.Add(time.Hour),
	}
}

func TestKeysFitIntoOneMessageInEveryForm(t *testing.T) {
	c := full()
	text := KeysText(c, admin()).Reveal()
	if n := len(text); n > 40000 { // FACTS E4: hard limit of a message's text
		t.Errorf("%d characters do not fit", n)
	}
	if !strings.HasPrefix(text, "export AWS_ACCESS_KEY_ID=ASIAFULLLENGTH000000\nexport AWS_SECRET_ACCESS_KEY=") {
		t.Errorf("begins with %q", text[:80])
	}
	token := c.SessionToken.Reveal()
	if got := strings.Count(text, token); got != len(Forms()) {
		t.Errorf("the whole token stands there %d times, want %d", got, len(Forms()))
	}
	for _, line := range []string{
		"export AWS_SESSION_TOKEN=" + token + "\n", "$Env:AWS_SESSION_TOKEN = '" + token + "'\n",
		"[payments-prod-Admin]\naws_access_key_id = ASIAFULLLENGTH000000\n", "aws_session_token = " + token + "\nregion = eu-west-1\n",
		`"SessionToken": "` + token + `"`, "export AWS_DEFAULT_REGION=eu-west-1\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("%.60q… is not there", line)
		}
	}
}

// A shell reads back what was written, and runs nothing.
func TestAShellReadsKeysAsTheyAre(t *testing.T) {
	for _, odd := range []string{"plain/+=", "$(touch x)", "`id`", "a'b\"c", "two words", "a;b&c|d>e", "line\nbreak", "\\", "~", "*", "!x", "é"} {
		c := full()
		c.SecretKey, c.SessionToken = access.NewSecret(odd), access.NewSecret(odd+odd)
		script := KeysIn(Shell, c, admin()).Reveal() + "printf '%s|%s|%s|%s' \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_SESSION_TOKEN\" \"$AWS_DEFAULT_REGION\""
		sh := exec.CommandContext(t.Context(), "sh", "-c", script)
		sh.Dir = t.TempDir() // where a command that is run by mistake does no harm
		out, err := sh.Output()
		want := c.AccessKeyID + "|" + odd + "|" + odd + odd + "|eu-west-1"
		if err != nil || string(out) != want {
			t.Errorf("%q: a shell reads %q (%v), want %q", odd, out, err, want)
		}
	}
}

func TestFormsQuoteAsTheirReadersDo(t *testing.T) {
	c := full()
	c.SecretKey = access.NewSecret("it's\u2019 \"it\"\n[x]")
	target := admin()
	target.AccountName, target.Role = "pay ments]\nx", "Ad+min"
	for form, want := range map[Form]string{
		PowerShell: "$Env:AWS_SECRET_ACCESS_KEY = 'it''s\u2019\u2019 \"it\"\n[x]'\n",
		Profile:    "[pay-ments-x-Ad-min]\naws_access_key_id = ASIAFULLLENGTH000000\naws_secret_access_key = it's\u2019 \"it\"[x]\n",
	} {
		if got := KeysIn(form, c, target).Reveal(); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q in it", form, got, want)
		}
	}
	var process struct {
		Version                                                int
		AccessKeyId, SecretAccessKey, SessionToken, Expiration string
	}
	if err := json.Unmarshal([]byte(KeysIn(JSON, c, target).Reveal()), &process); err != nil {
		t.Fatal(err)
	}
	if process.Version != 1 || process.SecretAccessKey != c.SecretKey.Reveal() || process.SessionToken != c.SessionToken.Reveal() ||
		process.AccessKeyId != c.AccessKeyID || process.Expiration != "2026-11-21T13:00:00Z" {
		t.Errorf("read back %+v", process)
	}
	target.Region, target.AccountName = "", ""
	if text := KeysText(c, target).Reveal(); strings.Contains(text, "DEFAULT_REGION") || !strings.Contains(text, "[111111111111-Ad-min]") {
		t.Error("an account without name and region is written with them")
	}
}

// Keys and links do not print; nothing that may be logged holds them.
func TestWhatIsHandedOutDoesNotPrint(t *testing.T) {
	c := newCloud(t)
	k := c.session(t, vending("Admin", noon, noon.Add(time.Hour)))
	link, err := SignIn{Endpoint: c.url + "/federation"}.Link(t.Context(), k, admin())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&b, nil))
	log.Info("handed out", "credentials", k, "link", link, "keys", KeysText(k, admin()), "sessions", c.Sessions())
	slog.New(slog.NewTextHandler(&b, nil)).Info("handed out", "credentials", k, "link", link)
	for name, secret := range map[string]string{"secret key": k.SecretKey.Reveal(), "session token": k.SessionToken.Reveal(), "link": link.Reveal()} {
		if strings.Contains(b.String(), secret[:20]) {
			t.Errorf("the log holds the %s", name)
		}
	}
}
