package people

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/client/clienttest"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

func TestLoginSaysWhoseDeviceItIsAndKeepsTheKey(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.want(0, 0, "This computer becomes a device of Anna (U0DEV1), until ")
	if got := strings.Join(d.files(), " "); got != "config.json device.pem" {
		t.Errorf("files: %s", got)
	}
	if strings.Contains(d.words.String(), d.typed) || d.out.Len() > 0 {
		t.Errorf("it printed %q and %q", d.out.String(), d.words.String())
	}
	d.want(d.run("whoami"), ExitDone)
	if !strings.Contains(d.out.String(), "Anna (U0DEV1)") || !strings.Contains(d.out.String(), d.server.URL.String()) {
		t.Errorf("whoami: %s", d.out.String())
	}
}

// The person must learn whose device it becomes before anything is stored, and a device whose key is lost
// must not stay.
func TestDeviceWhoseKeyCannotBeKeptIsRemovedAgain(t *testing.T) {
	d := newDesk(t)
	d.want(d.run("whoami"), ExitRefused, "this computer is not paired")
	if err := os.Mkdir(filepath.Join(d.dir, "device.pem"), 0o700); err != nil { // nothing can replace it
		t.Fatal(err)
	}
	d.typed = newCode(t)
	d.want(d.run("login", d.server.URL.String()), ExitNotAsked, "This computer becomes a device of Anna",
		"The device was removed again")
	if len(d.devices) != 0 || strings.Join(d.server.Ops(), " ") != "pair unpair" {
		t.Errorf("devices %v after %v", d.devices, d.server.Ops())
	}
	if _, err := os.Stat(filepath.Join(d.dir, "config.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a configuration was written: %v", err)
	}
}

func TestLoginRefusesWhatIsNotSafe(t *testing.T) {
	good := newCode(t)
	https := "https://access.example.com/v1#" + strings.Repeat("A", 43)
	for name, c := range map[string]struct {
		args  []string
		typed string
		words string
	}{
		"no thumbprint": {[]string{"https://access.example.com/v1"}, good, "it has no # with the thumbprint"},
		"plain http": {[]string{strings.Replace(https, "https", "http", 1)}, good,
			"plain http is accepted for this computer only"},
		"a code in sight":   {[]string{https, good}, good, "the code must not stand on the command line"},
		"no URL":            {nil, good, "give the URL that /aws-access login shows"},
		"no code":           {[]string{https}, canary, "read pairing code: it is not a code of 26 characters"},
		"characters":        {[]string{https}, "!!", "it has a character that no code has"},
		"three arguments":   {[]string{https, "a", "b"}, good, "it takes [URL]"},
		"a thumbprint only": {[]string{"#" + strings.Repeat("A", 43)}, good, "it is not like https://HOST/v1#THUMBPRINT"},
	} {
		d := newDesk(t)
		d.typed = c.typed
		d.want(d.run(append([]string{"login"}, c.args...)...), ExitWrongUse, c.words)
		if words := d.words.String(); strings.Contains(words, good) || strings.Contains(words, canary) ||
			len(d.files()) > 0 || len(d.server.Bodies()) > 0 {
			t.Errorf("%s: it says %q, and left %v", name, words, d.files())
		}
	}
}

func TestCodeIsReadFromStandardInputOrTakenForThisComputer(t *testing.T) {
	d := newDesk(t)
	d.Secret = d.readSecret
	d.Stdin = strings.NewReader(newCode(t) + "\nmore")
	d.env[urlVariable] = d.server.URL.String()
	d.want(d.run("login"), ExitDone, "a device of Anna")
	d.want(d.run("login", d.server.URL.String(), strings.ToLower(newCode(t))), ExitDone, "a device of Anna")
	d.Stdin = strings.NewReader("")
	d.want(d.run("login"), ExitWrongUse, "it is not a code of 26 characters")
}

func TestRefusedCodeLeavesThePairingAsItWas(t *testing.T) {
	d := newDesk(t)
	d.login()
	before, err := os.ReadFile(filepath.Join(d.dir, "device.pem"))
	if err != nil {
		t.Fatal(err)
	}
	d.answers[wire.Pair] = func(wire.Call) clienttest.Reply {
		return clienttest.Refuse("code_used", "This code was used.", "Type /aws-access login.")
	}
	d.want(d.run("login", d.server.URL.String()), ExitRefused, "This code was used. Type /aws-access login.")
	after, err := os.ReadFile(filepath.Join(d.dir, "device.pem"))
	if err != nil || string(after) != string(before) {
		t.Errorf("the key was changed, %v", err)
	}
}

func TestTheSameCodeOnTheSameComputerRemovesNothing(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.want(d.run("request", prodName, operator, "1h", "looking"), ExitDone)
	d.want(d.run("credential-process", prodName, operator), ExitDone)
	before := strings.Join(d.files(), " ")
	device := d.devices[0].ID
	d.want(d.run("login"), ExitDone, "This computer is paired by this code already. It is a device of Anna (U0DEV1)")
	if len(d.devices) != 1 || d.devices[0].ID != device || strings.Join(d.files(), " ") != before {
		t.Errorf("devices %v, files %v, before %s", d.devices, d.files(), before)
	}
	d.want(d.run("whoami"), ExitDone)
	other := newDesk(t) // another computer
	other.server, other.typed = d.server, d.typed
	other.want(other.run("login", d.server.URL.String()), ExitRefused, "Another computer has used this code.")
	if len(d.devices) != 0 {
		t.Errorf("devices %v", d.devices)
	}
}

// The answer may be lost, or be signed by a key that the URL does not name. The server has made a device of
// the computer then.
func TestACodeWhoseAnswerWasNoUseWorksAgainOnTheSameComputer(t *testing.T) {
	d := newDesk(t)
	d.login() // an earlier device, which the new one replaces
	d.typed = newCode(t)
	wrong := d.server.URL
	wrong.AnswerKey = strings.Repeat("A", 43)
	d.want(d.run("login", wrong.String()), ExitNotAsked, "the answer cannot be trusted",
		"the same code works again on this computer")
	if len(d.devices) != 2 {
		t.Fatalf("devices %v", d.devices)
	}
	d.server.Before = func(w http.ResponseWriter, _ *http.Request, body []byte) bool { // the next answer is lost
		d.server.Before = nil
		_ = d.server.Respond(body)
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	d.want(d.run("login", d.server.URL.String()), ExitDone, "This computer becomes a device of Anna")
	if len(d.devices) != 1 || strings.Join(d.files(), " ") != "config.json device.pem" {
		t.Errorf("devices %v, files %v", d.devices, d.files())
	}
	d.want(d.run("whoami"), ExitDone)
	if !strings.Contains(d.out.String(), d.devices[0].ID) {
		t.Errorf("whoami: %s", d.out.String())
	}
}

func TestARefusedCodeLeavesNoKey(t *testing.T) {
	d := newDesk(t)
	d.typed = newCode(t)
	d.answers[wire.Pair] = func(wire.Call) clienttest.Reply { return clienttest.Refuse("unknown_code", "No.", "") }
	d.want(d.run("login", d.server.URL.String()), ExitRefused, "No.")
	if len(d.files()) != 0 {
		t.Errorf("files %v", d.files())
	}
}

// Two devices of one computer would both have to be removed when it is lost.
func TestSecondLoginReplacesTheDevice(t *testing.T) {
	d := newDesk(t)
	d.login()
	first := d.devices[0].ID
	d.typed = newCode(t)
	d.want(d.run("login"), ExitDone, "a device of Anna") // the URL is that of the last login
	if len(d.devices) != 1 || d.devices[0].ID == first {
		t.Errorf("devices %v", d.devices)
	}
}

func TestLoginNeedsASafeHome(t *testing.T) {
	d := newDesk(t)
	d.login()
	if err := os.Chmod(d.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	d.want(d.run("login"), ExitNotAsked, "others can read or change it; run: chmod 700 '"+d.dir+"'")
	if n := len(d.server.Calls()); n != 1 {
		t.Errorf("a code was used up: %d calls", n)
	}
}

func TestLogoutForgetsEverything(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.want(d.run("request", prodName, operator, "1h", "looking"), ExitDone)
	d.want(d.run("credential-process", prodName, operator), ExitDone)
	d.want(d.run("logout"), ExitDone, "no longer one of your devices")
	if len(d.devices) != 0 || len(d.files()) != 0 {
		t.Errorf("devices %v, files %v", d.devices, d.files())
	}
	d.want(d.run("logout"), ExitDone, "This computer is not paired.")
	d.want(d.run("list"), ExitRefused, "this computer is not paired; type /aws-access login in Slack")
}

func TestLogoutForgetsEverythingWithoutTheServerToo(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.offline()
	d.want(d.run("logout"), ExitNotAsked, "the key was removed from this computer, but the server cannot be reached",
		"Remove the device in Slack too")
	if len(d.files()) != 0 {
		t.Errorf("files %v", d.files())
	}
}

func TestLogoutOfADeviceThatWasRemovedIsDone(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.devices = nil
	d.want(d.run("logout"), ExitDone)
	d.login()
	d.server.Remove(d.devices[0].ID) // unsigned 401: somebody between could have said so
	d.want(d.run("logout"), ExitNotAsked, "Remove the device in Slack too")
	if len(d.files()) != 0 {
		t.Errorf("files %v", d.files())
	}
}

func TestDamagedKeyCanBeLoggedOut(t *testing.T) {
	d := newDesk(t)
	d.login()
	if err := os.WriteFile(filepath.Join(d.dir, "device.pem"), []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	d.want(d.run("list"), ExitNotAsked, "device.pem", "run aws-access login again")
	d.want(d.run("logout"), ExitNotAsked, "device.pem")
	if len(d.files()) != 0 || strings.Contains(d.words.String(), canary) {
		t.Errorf("files %v: %s", d.files(), d.words.String())
	}
}

func TestDevicesAreListedAndRemoved(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.devices = append(d.devices, wire.DeviceBody{ID: "AAAA" + strings.Repeat("x", 38) + "A", Name: "old laptop"},
		wire.DeviceBody{ID: "AAAB" + strings.Repeat("x", 38) + "A"})
	d.want(d.run("devices"), ExitDone)
	for _, want := range []string{d.devices[0].ID, "old laptop", "* this computer"} {
		if !strings.Contains(d.out.String(), want) {
			t.Errorf("no %q in:\n%s", want, d.out.String())
		}
	}
	d.want(d.run("devices", "remove", "AAA"), ExitWrongUse, "more than one device begins with")
	d.want(d.run("devices", "remove", "zzz"), ExitWrongUse, "none of your devices begins with")
	d.want(d.run("devices", "remove"), ExitWrongUse, "devices remove ID")
	d.want(d.run("devices", "remove", "AAAA"), ExitDone, "AAAAxx", "was removed")
	if len(d.devices) != 2 {
		t.Errorf("devices %v", d.devices)
	}
	own := d.devices[0].ID
	d.want(d.run("devices", "remove", own), ExitDone, "no longer one of your devices")
	if len(d.devices) != 1 || len(d.files()) != 0 {
		t.Errorf("devices %v, files %v", d.devices, d.files())
	}
}

func TestNameOfTheComputerHasTheFormOfTheWire(t *testing.T) {
	for hostname, want := range map[string]string{
		"anna-laptop": "anna-laptop", "Anna's MacBook.local": "Annas MacBook", "…": "", "-x-": "x",
		strings.Repeat("a", 63) + "-b": strings.Repeat("a", 63), "ä\x1b[31mb": "31mb",
	} {
		if got := deviceName(func() (string, error) { return hostname, nil }); got != want {
			t.Errorf("%q: got %q, want %q", hostname, got, want)
		}
	}
	if got := deviceName(func() (string, error) { return "x", errors.New("none") }); got != "" {
		t.Errorf("got %q", got)
	}
}

// A newer version may have written more into the file.
func TestConfigurationOfANewerVersionIsRead(t *testing.T) {
	d := newDesk(t)
	d.login()
	path := filepath.Join(d.dir, "config.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	newer := strings.Replace(string(text), "{", `{"of_a_newer_version": [1],`, 1)
	if err := os.WriteFile(path, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	d.want(d.run("list"), ExitDone)
	// Another process was killed while it wrote.
	if err := os.WriteFile(path+".new", []byte(`{"url": "http`), 0o600); err != nil {
		t.Fatal(err)
	}
	d.want(d.run("list"), ExitDone)
	d.login()
	d.want(d.run("list"), ExitDone)
	if got := strings.Join(d.files(), " "); got != "config.json device.pem" {
		t.Errorf("files: %s", got)
	}
}

func TestNextAnswerKeyIsKept(t *testing.T) {
	d := newDesk(t)
	before, during, after := clienttest.Rotation(t)
	d.server.Keys, d.server.URL.AnswerKey = before, before.Thumbprint()
	d.login()
	d.server.Keys = during
	d.want(d.run("list"), ExitDone)
	d.server.Keys = after
	d.want(d.run("list"), ExitDone)
	h, err := home.Open(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	if c, err := h.Config(); err != nil || c.Server.AnswerKey != after.Thumbprint() || c.NextKey != "" ||
		c.Person != "Anna" {
		t.Errorf("kept %+v, %v", c, err)
	}
}
