package awsconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// Target is an account and role that a person may ask for.
type Target struct {
	Account string // twelve digits
	Name    string // display name of the account: any text
	Role    string
	Region  string // may be empty
}

// Profile is a target with the name of its profile.
type Profile struct {
	Target
	Profile string
}

// Forms of what stands in a command or in a value of the block. They are checked here too, because SDKs run
// the command by a shell.
var (
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	roleForm    = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,64}$`)
	regionForm  = regexp.MustCompile(`^([a-z0-9-]{1,40})?$`)
	nameForm    = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
)

// check refuses a target that could be something else than data in a file of configuration.
func (t Target) check() error {
	switch {
	case !accountForm.MatchString(t.Account):
		return fmt.Errorf("write a profile: the account %q is not an id of twelve digits", t.Account)
	case !roleForm.MatchString(t.Role):
		return fmt.Errorf("write a profile of account %s: %q is not the name of a role", t.Account, t.Role)
	case !regionForm.MatchString(t.Region):
		return fmt.Errorf("write a profile of account %s: %q is not a Region", t.Account, t.Region)
	}
	return nil
}

// CheckPrefix refuses a prefix with characters that the name of a profile does not have.
func CheckPrefix(prefix string) error {
	if prefix != "" && !nameForm.MatchString(prefix) {
		return fmt.Errorf("read the prefix %q: it may have letters of ASCII, digits, and _ . - only", prefix)
	}
	return nil
}

// Profiles names the profiles of targets, in their order. A name is prefix, ACCOUNT-ROLE, with every
// character outside A-Z a-z 0-9 _ . - replaced by a hyphen. Names that would be the same are
// ACCOUNT-ID-ROLE instead, with the account's id; if these are the same too, a part of a hash follows.
// The name of a target depends on no order.
func Profiles(prefix string, targets []Target) ([]Profile, error) {
	if err := CheckPrefix(prefix); err != nil {
		return nil, err
	}
	profiles := make([]Profile, 0, len(targets))
	seen := make(map[Target]bool)
	for _, t := range targets {
		if err := t.check(); err != nil {
			return nil, err
		}
		same := Target{Account: t.Account, Role: t.Role}
		if seen[same] {
			return nil, fmt.Errorf("write a profile: account %s and role %s stand twice in the list", t.Account, t.Role)
		}
		seen[same] = true
		profiles = append(profiles, Profile{Target: t})
	}
	for _, rule := range []func(Target) string{byName, byID, byHash} {
		count := make(map[string]int)
		for i := range profiles {
			if p := &profiles[i]; p.Profile == "" {
				p.Profile = prefix + rule(p.Target)
			}
			count[profiles[i].Profile]++
		}
		for i := range profiles {
			if count[profiles[i].Profile] > 1 {
				profiles[i].Profile = ""
			}
		}
	}
	for _, p := range profiles {
		if p.Profile == "" {
			return nil, fmt.Errorf("write a profile: no name is left for account %s and role %s", p.Account, p.Role)
		}
	}
	return profiles, nil
}

func byName(t Target) string { return plain(t.Name + "-" + t.Role) }

func byID(t Target) string { return plain(t.Name + "-" + t.Account + "-" + t.Role) }

func byHash(t Target) string {
	sum := sha256.Sum256([]byte(t.Account + "/" + t.Role))
	return byID(t) + "-" + hex.EncodeToString(sum[:4])
}

// plain replaces each character that the name of a profile does not have.
func plain(text string) string {
	return strings.Map(func(c rune) rune {
		if c < 0x80 && nameForm.MatchString(string(c)) {
			return c
		}
		return '-'
	}, text)
}
