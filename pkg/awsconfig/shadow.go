package awsconfig

import (
	"fmt"
	"slices"
	"strings"
)

// Shadow is a key of a credentials file that an SDK uses instead of a profile of the block.
type Shadow struct {
	Profile string
	Key     string
	Line    int
}

// String says it in one line for people; path is that of the credentials file.
func (s Shadow) String(path string) string {
	return fmt.Sprintf("profile %s: %s in line %d of %s is used instead; remove it", s.Profile, s.Key, s.Line, path)
}

// winning are the keys that an SDK prefers to a credential_process of the same profile in the other file
// (docs/facts.md#k9), or that replace it.
var winning = []string{"aws_access_key_id", "aws_secret_access_key", "role_arn", "credential_process",
	"web_identity_token_file", "login_session"}

// Shadows returns the keys in the text of a credentials file that win over profiles of the block.
// It reads no values.
func Shadows(credentials []byte, profiles []Profile) []Shadow {
	ours := make(map[string]bool)
	for _, p := range profiles {
		ours[p.Profile] = true
	}
	var found []Shadow
	for _, s := range sections(credentials) {
		for _, name := range s.names {
			if !ours[name] {
				continue
			}
			for _, k := range s.keys {
				if slices.Contains(winning, k.name) || strings.HasPrefix(k.name, "sso_") {
					found = append(found, Shadow{name, k.name, k.line})
				}
			}
			break
		}
	}
	return found
}
