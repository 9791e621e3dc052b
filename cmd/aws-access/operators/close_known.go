package operators

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/spelling"
)

// checkKnown refuses a person or an account that nothing is known of, if nothing was found to be ended:
// it is probably misspelled. The table knows the names of accounts only from requests, so a name counts
// as unknown if nothing is open there. An account's id is not refused, but what is like it is said.
func (c *closer) checkKnown(ctx context.Context) error {
	switch {
	case c.person != "":
		return c.checkPerson(ctx)
	case c.account == "":
		return nil
	case accountID.MatchString(c.account):
		if near := c.nearAccount(); near != "" {
			printf(c.words, "Nobody has open access in %s.%s\n", c.account, near)
		}
		return nil
	}
	text := "nobody has open access in an account called " + inOneLine(c.account) +
		", and no session there is still ending."
	return errors.New(text + c.nearAccount() + " Give the account's id if the name is right")
}

// checkPerson refuses the id of a person or machine that never asked, is not named by the policy and has
// no paired computer.
func (c *closer) checkPerson(ctx context.Context) error {
	asked, err := c.store.ByRequester(ctx, c.person, 1)
	if err != nil || len(asked) > 0 {
		return err
	}
	d, err := c.store.Directory(ctx)
	if err != nil || d.People[c.person].ID != "" {
		return err
	}
	if c.devices != "" && c.devices != noDevices && access.IsPerson(c.person) {
		l, err := c.store.DeviceList(ctx, c.person)
		if err != nil || len(l.Devices) > 0 {
			return err
		}
	}
	names := make(map[string]string)
	for _, p := range d.People {
		names[p.ID] = p.Name
	}
	for _, r := range c.open {
		names[r.Requester.ID] = r.Requester.Name
	}
	return fmt.Errorf("nobody with the id %s has asked for access or is named by the policy.%s", inOneLine(c.person),
		didYouMean(c.person, names))
}

// nearAccount says which account with open access was probably meant; "" if none is like it.
func (c *closer) nearAccount() string {
	names := make(map[string]string)
	for _, r := range c.open {
		if accountID.MatchString(c.account) {
			names[r.Account] = r.AccountName
		} else {
			names[r.AccountName] = r.Account
		}
	}
	return didYouMean(c.account, names)
}

// didYouMean asks, in a sentence after others, whether the key that is most like text was meant. With it
// stands its value. It is "" if none is like text.
func didYouMean(text string, of map[string]string) string {
	keys := make(map[string]string, len(of)) // by their lower case
	for key := range of {
		keys[strings.ToLower(key)] = key
	}
	near, found := keys[spelling.Nearest(strings.ToLower(text), slices.Sorted(maps.Keys(keys)))]
	if !found {
		return ""
	}
	return fmt.Sprintf(" Did you mean %s (%s)?", inOneLine(near), inOneLine(of[near]))
}
