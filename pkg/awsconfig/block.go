package awsconfig

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// The lines around the block. A reader recognises them by their beginning.
const (
	begin      = "# BEGIN aws-access profiles"
	end        = "# END aws-access profiles"
	beginAbout = ` (made by "aws-access profiles --write", which replaces everything up to END)`
)

// Block returns the block with the profiles, its lines ended by a line feed. The program is the absolute path
// of the command that SDKs run; goos is the operating system, as in runtime.GOOS.
func Block(profiles []Profile, program, goos string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(begin + beginAbout + "\n")
	for _, p := range profiles {
		if err := p.check(); err != nil {
			return nil, err
		}
		if !nameForm.MatchString(p.Profile) {
			return nil, fmt.Errorf("write a profile: %q is not the name of a profile", p.Profile)
		}
		command, err := Command(program, goos, "credential-process", p.Account, p.Role)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "[profile %s]\ncredential_process = %s\n", p.Profile, command)
		if p.Region != "" {
			fmt.Fprintf(&b, "region = %s\n", p.Region)
		}
		b.WriteByte('\n')
	}
	b.WriteString(end + "\n")
	return b.Bytes(), nil
}

// Command returns a command line for credential_process. botocore splits the line by itself, and the Go SDK
// has sh or cmd.exe split it (docs/facts.md#k11), so only characters that all of them leave alone are accepted.
func Command(program, goos string, arguments ...string) (string, error) {
	if !absolute(program, goos) {
		return "", fmt.Errorf("write credential_process: %q is not an absolute path", program)
	}
	words := append([]string{program}, arguments...)
	if slices.ContainsFunc(arguments, func(a string) bool { return strings.HasPrefix(a, "-") }) {
		words = slices.Insert(words, 2, "--") // after it, the name of a role is no flag
	}
	for i, word := range words {
		if c, bad := unsafe(word, goos); bad {
			return "", fmt.Errorf("write credential_process: %q has the character %q, which AWS's SDKs do not all "+
				"read alike; use a path without it", word, c)
		}
		// cmd.exe drops the first quote and the last one, so a path without spaces stands in none there.
		if strings.ContainsAny(word, " ()~") || i == 0 && goos != "windows" {
			words[i] = `"` + word + `"`
		}
	}
	return strings.Join(words, " "), nil
}

// unsafe returns the first character of a word that is special to a shell within double quotes, or to a
// reader of the file, which may take # and ; for a comment. cmd.exe replaces %NAME%. botocore reads the file
// in the encoding of Windows' locale, so other letters than those of ASCII are not safe there.
func unsafe(word, goos string) (rune, bool) {
	for _, c := range word {
		switch {
		case c < 0x80 && (nameForm.MatchString(string(c)) || strings.ContainsRune(`/ +=,@~()`, c)):
		case goos == "windows" && (c == '\\' || c == ':'):
		case goos != "windows" && c != unicode.ReplacementChar && c >= 0x80 && unicode.In(c, unicode.L, unicode.M, unicode.N):
		default:
			return c, true
		}
	}
	return 0, false
}

func absolute(path, goos string) bool {
	if goos != "windows" {
		return strings.HasPrefix(path, "/")
	}
	return strings.HasPrefix(path, `\\`) ||
		len(path) > 3 && path[1] == ':' && (path[2] == '\\' || path[2] == '/') && unicode.IsLetter(rune(path[0]))
}
