package vend

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Form is a way to write keys down.
type Form string

// The forms, in the order in which people are shown them.
const (
	Shell      Form = "sh"          // export NAME=value, for sh, bash and zsh
	PowerShell Form = "PowerShell"  // $Env:NAME = 'value'
	Profile    Form = "credentials" // a section of ~/.aws/credentials
	JSON       Form = "JSON"        // what a credential_process prints
)

// Forms lists all of them.
func Forms() []Form { return []Form{Shell, PowerShell, Profile, JSON} }

// KeysText writes keys in every form, sh first, so that the text begins with
// "export AWS_ACCESS_KEY_ID=" and the first lines can be pasted as they are.
//
// With a token of STS's full 4,096 bytes it has about 17,500 characters: a
// Slack message's text takes 40,000, a block 3,000 and a button's URL 3,000
// (FACTS E4), so it must travel as a message's text.
func KeysText(c access.Credentials, t access.Target) access.Secret {
	parts := make([]string, 0, len(titles))
	for _, form := range Forms() {
		parts = append(parts, titles[form]+KeysIn(form, c, t).Reveal())
	}
	return access.NewSecret(strings.Join(parts, "\n"))
}

// titles stand above the forms. They are comments in the language of the form
// before, so that pasting one line too many does nothing.
var titles = map[Form]string{
	Shell:      "",
	PowerShell: "# PowerShell\n",
	Profile:    "# ~/.aws/credentials\n",
	JSON:       "# JSON, for a credential_process\n",
}

// KeysIn writes keys in one form. It ends with a newline.
func KeysIn(form Form, c access.Credentials, t access.Target) access.Secret {
	switch form {
	case PowerShell:
		return access.NewSecret(assignments(c, t, func(name, value string) string {
			return "$Env:" + name + " = '" + powerQuotes.Replace(value) + "'\n"
		}))
	case Profile:
		return access.NewSecret("[" + profile(t) + "]\n" + assignments(c, t, profileLine))
	case JSON:
		return access.NewSecret(processOutput(c))
	}
	return access.NewSecret(assignments(c, t, func(name, value string) string {
		return "export " + name + "=" + shellWord(value) + "\n"
	}))
}

// assignments writes a line for each variable. The region is there because
// without one half of the tools do nothing.
func assignments(c access.Credentials, t access.Target, line func(name, value string) string) string {
	text := line("AWS_ACCESS_KEY_ID", c.AccessKeyID) +
		line("AWS_SECRET_ACCESS_KEY", c.SecretKey.Reveal()) +
		line("AWS_SESSION_TOKEN", c.SessionToken.Reveal())
	if t.Region != "" {
		text += line("AWS_DEFAULT_REGION", t.Region)
	}
	return text
}

// bare is what a shell takes as it is: all that keys and tokens are made of.
var bare = regexp.MustCompile(`^[A-Za-z0-9_./+=:@%-]+$`)

// shellWord quotes where it must, so that no value becomes a command.
func shellWord(value string) string {
	if bare.MatchString(value) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// powerQuotes doubles what PowerShell takes as the end of a quoted text:
// typographic quotes too.
var powerQuotes = strings.NewReplacer("'", "''", "\u2018", "\u2018\u2018", "\u2019", "\u2019\u2019", "\u201a", "\u201a\u201a", "\u201b", "\u201b\u201b")

// profileLine knows no quotes, for the file has none: a line break is all that
// could do harm, and ends nothing here.
func profileLine(name, value string) string {
	names := map[string]string{"AWS_DEFAULT_REGION": "region"}
	key, ok := names[name]
	if !ok {
		key = strings.ToLower(name)
	}
	return key + " = " + strings.Map(printable, value) + "\n"
}

var notInProfile = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// profile names the section after account and role: people with several grants
// keep several.
func profile(t access.Target) string {
	account := t.AccountName
	if account == "" {
		account = t.Account
	}
	return notInProfile.ReplaceAllString(account+"-"+t.Role, "-")
}

// processOutput is the answer of a credential_process, version 1.
func processOutput(c access.Credentials) string {
	text, err := json.MarshalIndent(map[string]any{
		"Version": 1, "AccessKeyId": c.AccessKeyID, "SecretAccessKey": c.SecretKey.Reveal(),
		"SessionToken": c.SessionToken.Reveal(), "Expiration": c.Expires.UTC().Format(time.RFC3339),
	}, "", "  ")
	if err != nil {
		return fmt.Sprintf("%T", err) // strings and a number always marshal
	}
	return string(text) + "\n"
}
