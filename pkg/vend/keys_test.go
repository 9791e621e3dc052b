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

// longestKeys are keys with the longest session token that STS gives: 4,096 bytes since September 2026
// (aws-sdk-go-v2, service/sts v1.51.0).
func longestKeys() access.Credentials {
	return access.Credentials{
		AccessKeyID: "ASIAFULLLENGTH000000", SecretKey: access.NewSecret(strings.Repeat("s/+=", 10)),
		SessionToken: access.NewSecret(strings.Repeat("IQo/J+b=", 512)), Expires: noon.Add(time.Hour),
	}
}

// upTo accepts parts of limit bytes.
func upTo(limit int) func(string) bool { return func(s string) bool { return len(s) <= limit } }

// onePart writes keys that fit into one part.
func onePart(t *testing.T, form access.Form, c access.Credentials, target access.Target) string {
	t.Helper()
	parts := Keys(form, c, target, upTo(1<<20))
	if len(parts) != 1 {
		t.Fatalf("%q: %d parts, want one", form, len(parts))
	}
	return parts[0].Reveal()
}

func TestEachFormOfKeysIsWrittenForItsReader(t *testing.T) {
	c := longestKeys()
	c.SessionToken = access.NewSecret("IQo/+=")
	secret := c.SecretKey.Reveal()
	for form, want := range map[access.Form]string{
		access.Shell: "export AWS_ACCESS_KEY_ID=ASIAFULLLENGTH000000\nexport AWS_SECRET_ACCESS_KEY=" + secret +
			"\nexport AWS_REGION=eu-west-1\nexport AWS_DEFAULT_REGION=eu-west-1\nexport AWS_SESSION_TOKEN=IQo/+=\n",
		access.PowerShell: "$Env:AWS_ACCESS_KEY_ID = 'ASIAFULLLENGTH000000'\n$Env:AWS_SECRET_ACCESS_KEY = '" + secret +
			"'\n$Env:AWS_REGION = 'eu-west-1'\n$Env:AWS_DEFAULT_REGION = 'eu-west-1'\n$Env:AWS_SESSION_TOKEN = 'IQo/+='\n",
		access.Profile: "[payments-prod-Admin]\n# These keys work until 2026-11-21 13:00:00 UTC.\naws_access_key_id " +
			"= ASIAFULLLENGTH000000\n" +
			"aws_secret_access_key = " + secret + "\nregion = eu-west-1\naws_session_token = IQo/+=\n",
		access.JSON: "{\n  \"Version\": 1,\n  \"AccessKeyId\": \"ASIAFULLLENGTH000000\",\n  \"SecretAccessKey\": \"" +
			secret +
			"\",\n  \"Expiration\": \"2026-11-21T13:00:00Z\",\n  \"SessionToken\": \"IQo/+=\"\n}\n",
	} {
		if got := onePart(t, form, c, admin()); got != want {
			t.Errorf("%q: got %q, want %q", form, got, want)
		}
	}
	target := admin()
	target.Region, target.AccountName = "", ""
	text := onePart(t, access.Shell, c, target) + onePart(t, access.Profile, c, target)
	if strings.Contains(text, "REGION") || strings.Contains(text, "region") ||
		!strings.Contains(text, "[111111111111-Admin]") {
		t.Errorf("an account without name and region is written with them: %s", text)
	}
}

// Each part fits, only the token is divided, and the parts together are the keys: pasted in order, or put together
// without a line break.
func TestThePartsOfKeysFitAndAreComplete(t *testing.T) {
	c := longestKeys()
	token := c.SessionToken.Reveal()
	for form, together := range map[access.Form]string{
		access.Profile: onePart(t, access.Profile, c, admin()), access.JSON: onePart(t, access.JSON, c, admin()),
		access.Shell: "", access.PowerShell: "",
	} {
		// From little more than the text before the token to more than all of it.
		for limit := 500; limit < 4700; limit += 37 {
			parts, all := Keys(form, c, admin(), upTo(limit)), ""
			for i, part := range parts {
				if n := len(part.Reveal()); n > limit {
					t.Fatalf("%q: part %d of %d has %d characters, want at most %d", form, i+1, len(parts), n, limit)
				}
				all += part.Reveal()
			}
			if together != "" && all != together {
				t.Fatalf("%q in parts of %d is not the same as in one part", form, limit)
			}
			if form == access.PowerShell && powerShellToken(t, all) != token {
				t.Fatalf("PowerShell in parts of %d has another token", limit)
			}
			if got := shellToken(t, form, all); got != "" && got != token {
				t.Fatalf("sh in parts of %d has another token: %d bytes", limit, len(got))
			}
		}
	}
}

// powerShellToken is the token that PowerShell would have after a script.
func powerShellToken(t *testing.T, script string) (token string) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSuffix(script, "\n"), "\n") {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "'"), " = '")
		more := false
		if !ok {
			name, value, more = strings.Cut(strings.TrimSuffix(line, "'"), " += '")
		}
		if name == "$Env:AWS_SESSION_TOKEN" && (more || token == "") {
			token += value
		}
	}
	return token
}

// shellToken is the token that sh has after a script, "" for other forms.
func shellToken(t *testing.T, form access.Form, script string) string {
	t.Helper()
	if form != access.Shell {
		return ""
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-eu", "-c", script+`printf %s "$AWS_SESSION_TOKEN"`).Output()
	if err != nil {
		t.Fatalf("sh: %v", err)
	}
	return string(out)
}

func TestAShellReadsKeysAndRunsNothing(t *testing.T) {
	for _, odd := range []string{
		"plain/+=", "$(touch x)", "`id`", "a'b\"c", "two words", "a;b&c|d>e", "line\nbreak", "\\", "~", "*", "!x", "é",
	} {
		for _, limit := range []int{1 << 20, 260} {
			c := longestKeys()
			c.SecretKey, c.SessionToken = access.NewSecret(odd), access.NewSecret(strings.Repeat(odd, 30))
			script := ""
			for _, part := range Keys(access.Shell, c, admin(), upTo(limit)) {
				script += part.Reveal()
			}
			script += "printf '%s|%s|%s|%s' \"$AWS_ACCESS_KEY_ID\" \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_SESSION_TOKEN\" " +
				"\"$AWS_DEFAULT_REGION$AWS_REGION\""
			sh := exec.CommandContext(t.Context(), "sh", "-c", script)
			sh.Dir = t.TempDir() // a command that runs by mistake does no harm there
			out, err := sh.Output()
			want := c.AccessKeyID + "|" + odd + "|" + strings.Repeat(odd, 30) + "|eu-west-1eu-west-1"
			if err != nil || string(out) != want {
				t.Errorf("%q: a shell reads %q (%v), want %q", odd, out, err, want)
			}
		}
	}
}

func TestEachFormQuotesForItsReader(t *testing.T) {
	c := longestKeys()
	c.SecretKey = access.NewSecret("it's\u2019 \"it\"\n[x]")
	target := admin()
	target.AccountName, target.Role = "pay ments]\nx", "Ad+min"
	for form, want := range map[access.Form]string{
		access.PowerShell: "$Env:AWS_SECRET_ACCESS_KEY = 'it''s\u2019\u2019 \"it\"\n[x]'\n",
		access.Profile:    "aws_access_key_id = ASIAFULLLENGTH000000\naws_secret_access_key = it's\u2019 \"it\"[x]\n",
	} {
		if got := onePart(t, form, c, target); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q in it", form, got, want)
		}
	}
	if got := onePart(t, access.Profile, c, target); !strings.HasPrefix(got, "[pay-ments-x-Ad-min]\n") {
		t.Errorf("the section is named %.40q", got)
	}
	var process struct {
		Version                                                int
		AccessKeyId, SecretAccessKey, SessionToken, Expiration string
	}
	if err := json.Unmarshal([]byte(onePart(t, access.JSON, c, target)), &process); err != nil {
		t.Fatal(err)
	}
	if process.Version != 1 || process.SecretAccessKey != c.SecretKey.Reveal() ||
		process.SessionToken != c.SessionToken.Reveal() || process.AccessKeyId != c.AccessKeyID ||
		process.Expiration != "2026-11-21T13:00:00Z" {
		t.Errorf("read back %+v", process)
	}
}

func TestKeysAndLinksDoNotPrint(t *testing.T) {
	c := newCloud(t)
	k := c.session(t, vending("Admin", noon, noon.Add(time.Hour)))
	link, _, err := SignIn{Endpoint: c.url + "/federation"}.Link(t.Context(), k, admin())
	if err != nil {
		t.Fatal(err)
	}
	keys := Keys(access.Shell, k, admin(), upTo(1<<20))
	var b bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&b, nil))
	log.Info("handed out", "credentials", k, "link", link, "keys", keys, "sessions", c.Sessions())
	slog.New(slog.NewTextHandler(&b, nil)).Info("handed out", "credentials", k, "link", link, "keys", keys)
	for name, secret := range map[string]string{
		"secret key": k.SecretKey.Reveal(), "session token": k.SessionToken.Reveal(), "link": link.Reveal(),
	} {
		if strings.Contains(b.String(), secret[:20]) {
			t.Errorf("the log contains the %s", name)
		}
	}
}
