package vend

import (
	"fmt"
	"regexp"

	"github.com/aws-access/aws-access/pkg/access"
)

// partition is a part of AWS. Partitions share neither accounts nor credentials nor host names (docs/facts.md#b2).
type partition struct {
	id       string // second part of its ARNs (access.Partition)
	signIn   string // host of its federation endpoint
	bare     string // the region whose federation host has no prefix; "" if no host has a prefix
	console  string // host of its console
	regional bool   // the console's host has the region as a prefix
}

var partitions = [...]partition{
	{"aws-cn", "signin.amazonaws.cn", "cn-north-1", "console.amazonaws.cn", false},
	{"aws-us-gov", "signin.amazonaws-us-gov.com", "us-gov-west-1", "console.amazonaws-us-gov.com", false},
	{"aws-eusc", "signin.amazonaws-eusc.eu", "", "console.amazonaws-eusc.eu", false},
	{"aws", "signin.aws.amazon.com", "us-east-1", "console.aws.amazon.com", true},
}

var (
	regionName = regexp.MustCompile("^" + access.RegionPattern + "$")
	isoRegion  = regexp.MustCompile(`^(us-iso|eu-iso)`) // partitions whose sign-in hosts are not published
)

// partitionOf finds the partition of a region, aws if there is no region. The region becomes a part of a host name, so
// only known forms of names are accepted.
func partitionOf(region string) (partition, error) {
	if region != "" && !regionName.MatchString(region) || isoRegion.MatchString(region) {
		return partition{}, fmt.Errorf("region %q is not known", region)
	}
	for _, p := range partitions {
		if p.id == access.Partition(region) {
			return p, nil
		}
	}
	return partition{}, fmt.Errorf("region %q is not known", region)
}

// signInHost is the host where sign-in tokens of a region are made and used.
func (p partition) signInHost(region string) string {
	if region == "" || p.bare == "" || region == p.bare {
		return p.signIn
	}
	return region + "." + p.signIn
}

// consoleHost is the host of the console of a region.
func (p partition) consoleHost(region string) string {
	if region == "" || !p.regional {
		return p.console
	}
	return region + "." + p.console
}

// roleARN is the ARN of the target role, with its path. Policies treat it as a pattern, so characters that could be
// read as a wildcard or a variable are refused.
func roleARN(t access.Target) (string, error) {
	if _, err := partitionOf(t.Region); err != nil {
		return "", err
	}
	for _, part := range [...]struct {
		name, value string
		form        *regexp.Regexp
	}{{"account", t.Account, accountID}, {"path", t.Path, rolePath}, {"role", t.Role, roleName}} {
		if !part.form.MatchString(part.value) {
			return "", fmt.Errorf("%s %q does not match %s", part.name, part.value, part.form)
		}
	}
	if len(t.Path) > 512 {
		return "", fmt.Errorf("the path has %d characters, and IAM allows 512", len(t.Path))
	}
	return t.RoleARN(), nil
}

var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	roleName  = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)
	rolePath  = regexp.MustCompile(`^/([\w+=,.@-]+/)*$`) // narrower than IAM's U+0021 to U+007F
)
