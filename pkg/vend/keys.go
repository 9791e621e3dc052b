package vend

import (
	"encoding/json"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Keys writes keys in one form, in parts that each fit. There is one part unless the session token is too long: it may
// have 4,096 bytes. The token is written last, so that the parts divide nothing else. Parts for sh and PowerShell are
// pasted one after the other; parts of the two kinds of files are put together without a line break.
//
// c.Expires is printed as it is: it must not be later than Vending.DeniedFrom.
func Keys(form access.Form, c access.Credentials, t access.Target, fits func(string) bool) []access.Secret {
	return layoutOf(form, c, t).parts([]rune(c.SessionToken.Reveal()), fits)
}

// layout is the text around the session token.
type layout struct {
	before, after string
	stop, resume  string // end one part and begin the next, in the middle of the token
	quote         func(string) string
}

func layoutOf(form access.Form, c access.Credentials, t access.Target) layout {
	switch form {
	case access.PowerShell:
		set := func(name, value string) string {
			return "$Env:" + name + " = '" + powerShellQuotes.Replace(value) + "'\n"
		}
		return layout{
			before: variables(c, t, set) + "$Env:AWS_SESSION_TOKEN = '", after: "'\n",
			stop: "'\n", resume: "$Env:AWS_SESSION_TOKEN += '", quote: powerShellQuotes.Replace,
		}
	case access.Profile:
		return layout{before: profile(c, t) + "aws_session_token = ", after: "\n", quote: inProfile}
	case access.JSON:
		return layout{before: processOutput(c) + `  "SessionToken": "`, after: "\"\n}\n", quote: inJSON}
	}
	export := func(name, value string) string { return "export " + name + "=" + shellWord(value) + "\n" }
	return layout{
		before: variables(c, t, export) + "export AWS_SESSION_TOKEN=", after: "\n",
		stop: "\n", resume: `export AWS_SESSION_TOKEN="$AWS_SESSION_TOKEN"`, quote: shellWord,
	}
}

// parts divides the text within the token, where the next character would not fit.
func (l layout) parts(token []rune, fits func(string) bool) (all []access.Secret) {
	begin := l.before
	for {
		if whole := begin + l.quote(string(token)) + l.after; len(token) < 2 || fits(whole) {
			return append(all, access.NewSecret(whole))
		}
		piece := func(n int) string { return begin + l.quote(string(token[:n])) + l.stop }
		n := max(1, sort.Search(len(token), func(n int) bool { return !fits(piece(n)) })-1)
		n = min(n, len(token)-1)
		all = append(all, access.NewSecret(piece(n)))
		token, begin = token[n:], l.resume
	}
}

// variables writes a line for each variable except the token. The region has two names: botocore reads
// AWS_DEFAULT_REGION, and the SDKs for Go and JavaScript read AWS_REGION.
func variables(c access.Credentials, t access.Target, line func(name, value string) string) string {
	text := line("AWS_ACCESS_KEY_ID", c.AccessKeyID) + line("AWS_SECRET_ACCESS_KEY", c.SecretKey.Reveal())
	if t.Region != "" {
		text += line("AWS_REGION", t.Region) + line("AWS_DEFAULT_REGION", t.Region)
	}
	return text
}

// shellSafe are values that a shell reads as they are. Keys and tokens have only these characters.
var shellSafe = regexp.MustCompile(`^[A-Za-z0-9_./+=:@%-]+$`)

// shellWord quotes a value if necessary, so that no value can become a command.
func shellWord(value string) string {
	if shellSafe.MatchString(value) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// powerShellQuotes doubles the characters that end a quoted text in PowerShell, which include typographic quotes.
var powerShellQuotes = strings.NewReplacer("'", "''", "\u2018", "\u2018\u2018", "\u2019", "\u2019\u2019",
	"\u201a", "\u201a\u201a", "\u201b", "\u201b\u201b")

// profile begins a section of ~/.aws/credentials. The file outlives the grant, so a comment says until when the keys
// work.
func profile(c access.Credentials, t access.Target) string {
	text := "[" + profileName(t) + "]\n" +
		"# These keys work until " + c.Expires.UTC().Format("2006-01-02 15:04:05 UTC") + ".\n" +
		"aws_access_key_id = " + inProfile(c.AccessKeyID) + "\n" +
		"aws_secret_access_key = " + inProfile(c.SecretKey.Reveal()) + "\n"
	if t.Region != "" {
		text += "region = " + inProfile(t.Region) + "\n"
	}
	return text
}

// inProfile writes a value into ~/.aws/credentials. The file knows no quotes; only a line break could do harm, and it
// is left out.
func inProfile(value string) string { return strings.Map(printable, value) }

var notInProfile = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// profileName names the section after account and role, so that people can keep the keys of several grants.
func profileName(t access.Target) string {
	account := t.AccountName
	if account == "" {
		account = t.Account
	}
	return notInProfile.ReplaceAllString(account+"-"+t.Role, "-")
}

// processOutput begins the output of a credential_process, version 1.
func processOutput(c access.Credentials) string {
	return "{\n  \"Version\": 1,\n  \"AccessKeyId\": \"" + inJSON(c.AccessKeyID) + "\",\n" +
		"  \"SecretAccessKey\": \"" + inJSON(c.SecretKey.Reveal()) + "\",\n" +
		"  \"Expiration\": \"" + c.Expires.UTC().Format(time.RFC3339) + "\",\n"
}

// inJSON writes a value for a place between the quotes of a JSON string.
func inJSON(value string) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "" // a string always marshals
	}
	return string(text[1 : len(text)-1])
}
