package slackui

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws-access/aws-access/pkg/access"
)

// parseLength is a small stand-in for the policy's parser: hours and minutes, with units.
func parseLength(s string) (time.Duration, error) {
	s = strings.NewReplacer("hours", "h", "hour", "h", "min", "m", " ", "").Replace(s)
	if s == "" || !regexp.MustCompile(`^([0-9]+h)?([0-9]+m)?$`).MatchString(s) {
		return 0, errors.New("not a length")
	}
	return time.ParseDuration(s)
}

func request(account, role string, d time.Duration, reason, ticket string) Line {
	return Line{Verb: VerbAsk, Account: account, Role: role, For: d, Reason: reason, Ticket: ticket}
}

// because is a request for Admin in prod for one hour.
func because(reason string) Line { return request("prod", "Admin", time.Hour, reason, "") }

var goodLines = map[string]Line{
	"":       {},
	"  ":     {},
	" Help ": {Verb: VerbHelp},
	"list":   {Verb: VerbList},
	"login":  {Verb: VerbLogin},

	"Devices\n":                {Verb: VerbDevices},
	`login Admin 1h "why"`:     request("login", "Admin", time.Hour, "why", ""), // an account of that name
	`"devices" Admin 1h "why"`: request("devices", "Admin", time.Hour, "why", ""),

	`payments-prod ReadOnly 2h "INC-42 stuck payouts"`: request("payments-prod", "ReadOnly", 2*time.Hour,
		"INC-42 stuck payouts", ""),
	`111111111111 Admin 90m "why" ticket=INC-42`: request("111111111111", "Admin", 90*time.Minute, "why", "INC-42"),
	`prod Admin 1h "why" Ticket=A=1`:             request("prod", "Admin", time.Hour, "why", "A=1"),
	"prod Admin 1h „deutsch“ ticket=A-1":         request("prod", "Admin", time.Hour, "deutsch", "A-1"),

	"prod  Admin\t1h  “phone quotes”":                    because("phone quotes"),
	"prod Admin 1h ‘don’t panic’":                        because("don’t panic"),
	"prod Admin 1h ”svenska”":                            because("svenska"),
	"prod Admin 1h «français»":                           because("français"),
	"prod Admin 1h »dansk«":                              because("dansk"),
	"prod Admin 1h 'don't panic'":                        because("don't panic"),
	`prod Admin 1h "she said \"no\" twice"`:              because(`she said "no" twice`),
	`prod Admin 1h "it"s"`:                               because(`it"s`),
	"prod Admin 1h \"two\nlines 🙂\"":                     because("two\nlines 🙂"),
	`prod Admin 1h "<!channel> &amp; <https://evil|Go>"`: because("<!channel> &amp; <https://evil|Go>"),
	`prod Admin 1h "C:\path \\server \n"`:                because(`C:\path \\server \n`),
	`prod Admin 1h "` + strings.Repeat("é", 3000) + `"`:  because(strings.Repeat("é", 3000)),
	`prod Admin 1h " kept  as typed "`:                   because(" kept  as typed "),
	`prod Admin 1h ""`:                                   because(""),

	`"Payments Prod" Admin 1h "why"`:       request("Payments Prod", "Admin", time.Hour, "why", ""),
	`“Zürich – Core” 'Read Only' 1h “why”`: request("Zürich – Core", "Read Only", time.Hour, "why", ""),
	`„Zürich“ Admin 1h „why“`:              request("Zürich", "Admin", time.Hour, "why", ""),

	`prod Admin 1 hour "why"`:     because("why"),
	`prod Admin 0 h 60 min "why"`: because("why"),
	`prod Admin 0h "why"`:         request("prod", "Admin", 0, "why", ""),
}

func TestTheOneLineFormIsReadAsTyped(t *testing.T) {
	for text, want := range goodLines {
		got, err := ParseLine(text, parseLength)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", truncate(text, 80), got, err, want)
		}
	}
}

var badLines = map[string]struct{ code, says string }{
	`prod`:                        {"bad_line", "The role is missing in “prod”."},
	`prod Admin`:                  {"bad_line", "The time, such as 2h, is missing"},
	`prod "why"`:                  {"bad_line", "The role is missing"},
	`prod Admin "why"`:            {"bad_line", "The time, such as 2h, is missing"},
	`"prod"`:                      {"bad_line", "The account is missing"},
	`"" Admin 1h "why"`:           {"bad_line", "The account is missing"},
	`"Payments Prod Admin 1h why`: {"bad_line", "The quote before the account is not closed"},
	`Payments Prod Admin 1h "why"`: {"bad_line",
		"Put a name with spaces in quotes, or write the account's 12 digits"},
	`Zürich – Core Prod Admin 2 hours "why"`: {"bad_line", "Put a name with spaces in quotes"},

	`prod Admin two hours "why"`:          {"bad_length", "“two hours” is not a length of time"},
	`prod Admin 90 "why"`:                 {"bad_length", "“90” is not a length of time"},
	`prod Admin -1h "why"`:                {"bad_length", "“-1h” is"},
	`prod Admin 1e9h "why"`:               {"bad_length", "“1e9h” is"},
	`prod Admin 99999999999999999h "why"`: {"bad_length", "“99999999999999999h” is"},
	"prod Admin \u202e2h \"why\"":         {"bad_length", "“[U+202E]2h” is"},

	`prod Admin 2 hours`:                  {"bad_line", "The reason in quotes is missing"},
	`prod Admin 2h`:                       {"bad_line", "The reason in quotes is missing"},
	`prod Admin 2h why not`:               {"bad_line", "The reason in quotes is missing"},
	`prod Admin 2h ticket=A "why"`:        {"bad_line", "The reason in quotes is missing"},
	`prod Admin 2h "why`:                  {"bad_line", "is not closed"},
	`prod Admin 2h "why”`:                 {"bad_line", "is not closed"},
	`prod Admin 2h "C:\dir\"`:             {"bad_line", "is not closed"},
	`prod Admin 2h "`:                     {"bad_line", "is not closed"},
	`prod Admin 2h "why" INC-42`:          {"bad_line", "does not understand “INC-42” after the reason"},
	`prod Admin 2h "one" "two"`:           {"bad_line", "“\"two\"” after the reason"},
	`prod Admin 2h "see "x" ticket=A"`:    {"bad_line", "after the reason."},
	`prod Admin 2h "why" ticket=`:         {"bad_line", "after the reason."},
	`prod Admin 2h "why" ticket=A B`:      {"bad_line", "after the reason."},
	"a\n\u202e" + strings.Repeat("x", 99): {"bad_line", "The time, such as 2h, is missing in “a [U+202E]x"},

	`prod Admin 1h "` + strings.Repeat("é", 3001) + `"`: {"reason_too_long", "Your reason has 3001"},
}

func TestABadLineIsRefusedWithTheRightForm(t *testing.T) {
	for text, want := range badLines {
		_, err := ParseLine(text, parseLength)
		if access.Code(err) != want.code || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%q: got %q %v, want %q %q", truncate(text, 60), access.Code(err), err, want.code, want.says)
			continue
		}
		if want.code != "reason_too_long" && !strings.Contains(err.Error(), access.LineForm) {
			t.Errorf("%q: %v does not show the right form", text, err)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(`payments-prod ReadOnly 2h "why" ticket=INC-42`)
	f.Add("a b 1h „x“")
	f.Add(`a b 1h "\`)
	f.Add(`a b 1h "it\"s \\ "x" ticket=`)
	f.Fuzz(func(t *testing.T, text string) {
		line, err := ParseLine(text, parseLength)
		if err != nil {
			if access.Code(err) == "" {
				t.Errorf("%q: not a refusal: %v", text, err)
			}
			return
		}
		if line.Verb != VerbAsk {
			if line != (Line{Verb: line.Verb}) {
				t.Errorf("%q: got %+v", text, line)
			}
			return
		}
		if utf8.RuneCountInString(line.Reason) > access.MaxReason || line.Account == "" || line.Role == "" ||
			line.For <= 0 {
			t.Errorf("%q: got %+v", text, line)
		}
		if !strings.Contains(text, line.Reason) && !strings.ContainsRune(text, '\\') {
			t.Errorf("%q: the reason %q is not as it was typed", text, line.Reason)
		}
	})
}
